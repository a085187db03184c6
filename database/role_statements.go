package database

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// roleChange is a statement that changes roles, while schemaMu is held: nothing that permissions are granted on comes or goes meanwhile.
type roleChange struct {
	user   *auth.User
	roles  *auth.Snapshot // before
	change *auth.Change
	schema *schema.Snapshot
	hash   string // of the password that the statement gives; empty: it gives none
}

// changeRoles carries out a statement about roles.
func (d *Database) changeRoles(plan *planner.Roles, columns []planner.ColumnSpec, u *auth.User) (*Result, error) {
	if !d.auth || u == nil {
		if !d.auth && passwordOf(plan.Statement) != nil {
			return nil, &planner.InvalidError{Message: "org.apache.cassandra.auth.CassandraRoleManager doesn't support PASSWORD"} // without an authenticator
		}
		return nil, unauthorized("You have to be logged in and not anonymous to perform this request")
	}
	switch stmt := plan.Statement.(type) {
	case *cql.ListRoles:
		return d.listRoles(stmt, columns, u)
	case *cql.ListPermissions:
		return d.listPermissions(stmt, plan.Keyspace, columns, u)
	}
	hash, generated, err := d.hashOf(plan.Statement, u)
	if err != nil {
		return nil, err
	}
	d.schemaMu.Lock()
	defer d.schemaMu.Unlock()
	c := d.newRoleChange(u)
	c.hash = hash
	warnings, err := c.run(plan)
	if err != nil {
		return nil, err
	}
	if err := d.saveRoles(c.change); err != nil {
		return nil, err
	}
	if generated == "" {
		return &Result{Kind: ResultVoid, Warnings: warnings}, nil
	}
	out := newTypedRows(columns)
	out.add([]byte(generated))
	return out.result(), nil
}

// passwordOf is the password that a statement gives a role; nil: none.
func passwordOf(tree cql.Statement) *cql.Password {
	switch stmt := tree.(type) {
	case *cql.CreateRole:
		return stmt.Options.Password
	case *cql.AlterRole:
		return stmt.Options.Password
	}
	return nil
}

func (d *Database) newRoleChange(u *auth.User) *roleChange {
	roles := d.roles.Load()
	return &roleChange{user: u, roles: roles, change: roles.Change(), schema: d.Schema()}
}

// hashOf is the hash that a statement stores, and the password it answers if it makes one up. It takes long, so it is done before
// anything is locked, and not for who is refused anyway.
func (d *Database) hashOf(tree cql.Statement, u *auth.User) (hash, generated string, err error) {
	password := passwordOf(tree)
	if password == nil {
		return "", "", nil
	}
	c := d.newRoleChange(u)
	switch stmt := tree.(type) {
	case *cql.CreateRole:
		err = c.mayCreate(&stmt.Options)
	case *cql.AlterRole:
		err = c.mayAlter(stmt.Name.Text, &stmt.Options)
	}
	if err != nil {
		return "", "", err
	}
	text := password.Text
	switch password.Kind {
	case cql.PasswordHashed:
		if err := auth.CheckHash(text); errors.Is(err, auth.ErrNoHash) {
			return "", "", &planner.InvalidError{Message: "Invalid hashed password value. Please use jBcrypt."}
		} else if err != nil {
			return "", "", &planner.InvalidError{Message: err.Error()}
		}
		return text, "", nil
	case cql.PasswordGenerated:
		generated = auth.GeneratedPassword()
		text = generated
	}
	if hash, err = d.passwords.Hash(text); err != nil {
		return "", "", &planner.InvalidError{Message: err.Error()}
	}
	return hash, generated, nil
}

func (c *roleChange) run(plan *planner.Roles) (warnings []string, err error) {
	switch stmt := plan.Statement.(type) {
	case *cql.CreateRole:
		return nil, c.create(stmt)
	case *cql.AlterRole:
		return nil, c.alter(stmt)
	case *cql.DropRole:
		return nil, c.drop(stmt)
	case *cql.GrantRole:
		return nil, c.grantRole(stmt)
	case *cql.GrantPermission:
		return c.grant(stmt, plan.Keyspace)
	}
	return nil, fmt.Errorf("database: statement %T about roles is unknown", plan.Statement)
}

// super reports whether the user is a superuser.
func (c *roleChange) super() bool { return c.roles.Superuser(c.user.Name) }

// require refuses who lacks a permission on roles.
func (c *roleChange) require(p auth.Permissions, on auth.Resource) error {
	if c.roles.Permits(c.user, p, on) {
		return nil
	}
	return unauthorized("User %s does not have sufficient privileges to perform the requested operation", c.user.Name)
}

// checkOptions refuses what roles here do not have.
func checkOptions(o *cql.RoleOptions) error {
	if o.Options != nil {
		return &planner.InvalidError{Message: "org.apache.cassandra.auth.CassandraRoleManager doesn't support OPTIONS"}
	}
	if o.Cidrs != nil && !o.Cidrs.All {
		return &planner.InvalidError{Message: fmt.Sprintf("Invalid CIDR group(s): %v. There are no CIDR groups: limit addresses by a firewall", o.Cidrs.Groups)}
	}
	return nil
}

// set gives a role what options say.
func (c *roleChange) set(r *auth.Role, o *cql.RoleOptions) {
	if o.Login != nil {
		r.Login = *o.Login
	}
	if o.Superuser != nil {
		r.Superuser = *o.Superuser
	}
	if c.hash != "" {
		r.Hash = c.hash
	}
	if o.Datacenters != nil {
		r.Datacenters = slices.Sorted(slices.Values(o.Datacenters.Names)) // nil for all
	}
}

// mayCreate refuses who may not create a role so.
func (c *roleChange) mayCreate(o *cql.RoleOptions) error {
	if err := c.require(auth.Create, auth.Roles); err != nil {
		return err
	}
	if o.Superuser != nil && *o.Superuser && !c.super() {
		return unauthorized("Only superusers can create a role with superuser status")
	}
	return nil
}

func (c *roleChange) create(stmt *cql.CreateRole) error {
	name := stmt.Name.Text
	if err := c.mayCreate(&stmt.Options); err != nil {
		return err
	}
	if err := checkOptions(&stmt.Options); err != nil {
		return err
	}
	switch {
	case name == "":
		return &planner.InvalidError{Message: "Role name can't be an empty string"}
	case len(name) > auth.RoleNameBytesMax:
		return &planner.InvalidError{Message: fmt.Sprintf("the name of a role has %d bytes; the most is %d", len(name), auth.RoleNameBytesMax)}
	case c.roles.Role(name) != nil && stmt.IfNotExists:
		return nil
	case c.roles.Role(name) != nil:
		return &planner.InvalidError{Message: name + " already exists"}
	}
	role := &auth.Role{Name: name, Login: stmt.User}
	c.set(role, &stmt.Options)
	c.change.Add(role)
	on := auth.OnRole(name)
	c.change.Grant(c.user.Name, on, on.Applicable())
	return nil
}

func (c *roleChange) alter(stmt *cql.AlterRole) error {
	name, o := stmt.Name.Text, &stmt.Options
	if err := c.mayAlter(name, o); err != nil {
		return err
	}
	if err := checkOptions(o); err != nil {
		return err
	}
	if *o == (cql.RoleOptions{}) {
		return &planner.InvalidError{Message: "ALTER [ROLE|USER] can't be empty"}
	}
	role := c.change.Role(name)
	if role == nil {
		if stmt.IfExists {
			return nil
		}
		return &planner.InvalidError{Message: fmt.Sprintf("Role %s doesn't exist", name)}
	}
	c.set(role, o)
	return c.keepSuperuser()
}

// mayAlter refuses who may not alter a role so, as Cassandra does.
func (c *roleChange) mayAlter(name string, o *cql.RoleOptions) error {
	own := slices.Contains(c.roles.Of(c.user.Name), name)
	switch {
	case o.Superuser != nil && own:
		return unauthorized("You aren't allowed to alter your own superuser status or that of a role granted to you")
	case o.Superuser != nil && !c.super():
		return unauthorized("Only superusers are allowed to alter superuser status")
	case c.super():
		return nil
	case name != c.user.Name:
		return c.require(auth.Alter, auth.OnRole(name))
	case o.Login != nil:
		return unauthorized("You aren't allowed to alter LOGIN")
	case o.Datacenters != nil:
		return unauthorized("You aren't allowed to alter DATACENTERS")
	case o.Options != nil:
		return unauthorized("You aren't allowed to alter OPTIONS")
	}
	return nil
}

// keepSuperuser refuses a change after which no superuser could log in: nobody could undo it.
func (c *roleChange) keepSuperuser() error {
	if c.roles.HasSuperuser() && !c.change.HasSuperuser() {
		return &planner.InvalidError{Message: "no superuser could log in any more: make another one first"}
	}
	return nil
}

func (c *roleChange) drop(stmt *cql.DropRole) error {
	name := stmt.Name.Text
	if err := c.require(auth.Drop, auth.OnRole(name)); err != nil {
		return err
	}
	switch there := c.roles.Role(name) != nil; {
	case there && c.roles.Superuser(name) && !c.super():
		return unauthorized("Only superusers can drop a role with superuser status")
	case !there && stmt.IfExists:
		return nil
	case !there:
		return &planner.InvalidError{Message: name + " doesn't exist"}
	case name == c.user.Name:
		return &planner.InvalidError{Message: "Cannot DROP primary role for current login"}
	}
	c.change.Drop(name)
	return c.keepSuperuser()
}

// grantRole makes a role a member of another, or ends that.
func (c *roleChange) grantRole(stmt *cql.GrantRole) error {
	role, to := stmt.Role.Text, stmt.To.Text
	if err := c.require(auth.Authorize, auth.OnRole(role)); err != nil {
		return err
	}
	for _, name := range []string{role, to} {
		if c.roles.Role(name) == nil {
			return &planner.InvalidError{Message: name + " doesn't exist"}
		}
	}
	if stmt.Revoke {
		if !slices.Contains(c.roles.Role(to).MemberOf, role) {
			return &planner.InvalidError{Message: fmt.Sprintf("%s is not a member of %s", to, role)}
		}
		c.change.Leave(to, role)
		return c.keepSuperuser()
	}
	switch {
	case slices.Contains(c.roles.Of(to), role):
		return &planner.InvalidError{Message: fmt.Sprintf("%s is a member of %s", to, role)}
	case slices.Contains(c.roles.Of(role), to):
		return &planner.InvalidError{Message: fmt.Sprintf("%s is a member of %s", role, to)}
	}
	c.change.Join(to, role)
	return nil
}

// grant grants permissions on a resource, or revokes them.
func (c *roleChange) grant(stmt *cql.GrantPermission, keyspace string) (warnings []string, err error) {
	on, err := resourceOf(&stmt.On, keyspace)
	if err != nil {
		return nil, err
	}
	p, err := permissionsOf(stmt.Permissions, on)
	if err != nil {
		return nil, err
	}
	for _, one := range (p | auth.Authorize).Each() {
		if !c.roles.Permits(c.user, auth.Authorize, on) {
			return nil, lacks(c.user.Name, auth.Authorize, on)
		}
		if !c.roles.Permits(c.user, one, on) {
			return nil, lacks(c.user.Name, one, on)
		}
	}
	to := stmt.To.Text
	role := c.roles.Role(to)
	if role == nil {
		return nil, &planner.InvalidError{Message: fmt.Sprintf("Role %s doesn't exist", to)}
	}
	if !resourceExists(c.schema, c.roles, on) {
		return nil, &planner.InvalidError{Message: fmt.Sprintf("Resource %s doesn't exist", on)}
	}
	if !stmt.Revoke && auth.SystemKeyspace(on.Keyspace) && p != auth.Select {
		return nil, unauthorized("Granting permissions on system keyspaces is strictly limited, this operation is not permitted")
	}
	if stmt.Revoke {
		if missing := p &^ role.Grants[on]; missing != 0 {
			warnings = append(warnings, fmt.Sprintf("Role '%s' was not granted %s on %s", to, missing, on))
		}
		c.change.Revoke(to, on, p)
		return warnings, nil
	}
	if already := p & role.Grants[on]; already != 0 {
		warnings = append(warnings, fmt.Sprintf("Role '%s' was already granted %s on %s", to, already, on))
	}
	c.change.Grant(to, on, p)
	return warnings, nil
}

// resourceOf is the resource that a statement names.
func resourceOf(r *cql.RoleResource, keyspace string) (auth.Resource, error) {
	switch r.Kind {
	case cql.ResourceAllKeyspaces:
		return auth.Data, nil
	case cql.ResourceKeyspace:
		return auth.OnKeyspace(r.Name.Name), nil
	case cql.ResourceAllTables:
		return auth.OnTables(r.Name.Name), nil
	case cql.ResourceAllRoles:
		return auth.Roles, nil
	case cql.ResourceRole:
		return auth.OnRole(r.Name.Name), nil
	case cql.ResourceFunction:
		return auth.Resource{}, &planner.InvalidError{Message: "there are no permissions on functions: those of esker are built in, and everybody may call them"}
	case cql.ResourceMBean:
		return auth.Resource{}, &planner.InvalidError{Message: "there are no permissions on MBeans: esker has no JMX; ADMIN statements need permissions on what they work on"}
	}
	if r.Name.Keyspace != "" {
		keyspace = r.Name.Keyspace
	}
	if keyspace == "" {
		return auth.Resource{}, &planner.InvalidError{Message: "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename"}
	}
	return auth.OnTable(keyspace, r.Name.Name), nil
}

// permissionsOf are the named permissions as far as they mean something on a resource; nil names all of these.
func permissionsOf(names []string, on auth.Resource) (auth.Permissions, error) {
	if names == nil {
		return on.Applicable(), nil
	}
	var p auth.Permissions
	for _, name := range names {
		p |= auth.ParsePermission(name)
	}
	if p &= on.Applicable(); p == 0 {
		of := "DataResource"
		if on.Kind == auth.AllRoles || on.Kind == auth.OneRole {
			of = "RoleResource"
		}
		return 0, &cql.SyntaxError{Message: fmt.Sprintf("Resource type %s does not support any of the requested permissions", of)}
	}
	return p, nil
}
