package database

import (
	"context"
	"fmt"

	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// Login is who a client acts for that gives a name and a password. Without Options.Auth that is nil, for everybody. The error is an
// *auth.CredentialsError, or that of ctx: many logins at a time wait for one another.
func (d *Database) Login(ctx context.Context, name, password string) (*auth.User, error) {
	if !d.auth {
		return nil, nil
	}
	var hash string
	if r := d.roles.Load().Role(name); r != nil {
		hash = r.Hash
	}
	right, err := d.passwords.Verify(ctx, name, hash, password)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, &auth.CredentialsError{Message: fmt.Sprintf("Provided username %s and/or password are incorrect", name)}
	}
	roles := d.roles.Load()
	if !roles.MayLogin(name) {
		return nil, &auth.CredentialsError{Message: fmt.Sprintf("%s is not permitted to log in", name)}
	}
	if !roles.MayUse(name, catalog.Datacenter) {
		return nil, &auth.CredentialsError{Message: fmt.Sprintf("You do not have access to this datacenter (%s)", catalog.Datacenter)}
	}
	return &auth.User{Name: name}, nil
}

// HasSuperuser reports whether a superuser may log in. Without one nobody can make the first role.
func (d *Database) HasSuperuser() bool { return d.roles.Load().HasSuperuser() }

// CreateSuperuser makes a role a superuser that may log in with a password: a new one, or one that there is, whose password is
// forgotten then. It asks nobody's permission.
func (d *Database) CreateSuperuser(name, password string) error {
	if name == "" || password == "" {
		return &planner.InvalidError{Message: "a superuser needs a name and a password"}
	}
	hash, err := auth.Hash(password)
	if err != nil {
		return &planner.InvalidError{Message: err.Error()}
	}
	d.schemaMu.Lock()
	defer d.schemaMu.Unlock()
	change := d.roles.Load().Change()
	role := change.Role(name)
	if role == nil {
		role = &auth.Role{Name: name}
		change.Add(role)
	}
	role.Superuser, role.Login, role.Hash = true, true, hash
	return d.saveRoles(change)
}

// openRoles reads the roles. What was granted on what is not there any more, or never came to be, is revoked.
func (d *Database) openRoles() error {
	view := d.store.View()
	defer view.Close()
	roles, err := readRoles(view)
	if err != nil {
		return fmt.Errorf("database: roles: %w", err)
	}
	d.roles.Store(roles)
	return d.forgetGrants(d.Schema())
}

// saveRoles stores changed roles and makes them hold, once they are durable. The caller holds schemaMu.
func (d *Database) saveRoles(change *auth.Change) error {
	next := change.Snapshot()
	record, err := roleMutations(d.roles.Load(), next, d.clock.Now().Unix())
	if err != nil || len(record) == 0 {
		return err
	}
	if _, err := d.store.Apply(record); err != nil {
		return err
	}
	// A REVOKE must not come undone by a power cut, however seldom the log is synced otherwise.
	if err := d.store.Sync(); err != nil {
		return err
	}
	d.roles.Store(next)
	return nil
}

// forgetGrants revokes what was granted on what a schema does not have. The caller holds schemaMu, or is alone.
func (d *Database) forgetGrants(s *schema.Snapshot) error {
	change := d.roles.Load().Change()
	change.Forget(func(on auth.Resource) bool { return !resourceExists(s, d.roles.Load(), on) })
	return d.saveRoles(change)
}

// grantToCreator grants a user everything on the keyspaces and tables that a change of the schema makes, before it takes effect: if it does
// not, openRoles revokes it. What is derived from a table belongs to that. The caller holds schemaMu.
func (d *Database) grantToCreator(u *auth.User, before, after *schema.Snapshot) error {
	if u == nil || !d.auth {
		return nil
	}
	change := d.roles.Load().Change()
	for name, k := range after.Keyspaces {
		if before.Keyspaces[name] == nil {
			change.Grant(u.Name, auth.OnKeyspace(name), auth.OnKeyspace(name).Applicable())
		}
		if before.Keyspaces[name] == k {
			continue
		}
		for table, t := range k.Tables {
			if on := auth.OnTable(name, table); t.Kind == schema.Base && before.Table(name, table) == nil {
				change.Grant(u.Name, on, on.Applicable())
			}
		}
	}
	return d.saveRoles(change)
}

// resourceExists reports whether there is something to grant permissions on.
func resourceExists(s *schema.Snapshot, roles *auth.Snapshot, on auth.Resource) bool {
	switch on.Kind {
	case auth.Keyspace, auth.AllTables:
		return s.Keyspaces[on.Keyspace] != nil
	case auth.Table:
		t := s.Table(on.Keyspace, on.Name)
		return t != nil && t.Kind != schema.Index
	case auth.OneRole:
		return roles.Role(on.Name) != nil
	}
	return true
}
