package database

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/planner"
)

// typedRows makes an answer of columns of any types.
type typedRows struct{ rows exec.Result }

func newTypedRows(columns []planner.ColumnSpec) *typedRows {
	return &typedRows{exec.Result{Columns: columns}}
}

// add adds a row of serialized cells; nil is null.
func (t *typedRows) add(cells ...[]byte) {
	for _, c := range cells {
		t.rows.Rows = exec.AppendCell(t.rows.Rows, c)
	}
	t.rows.RowCount++
}

func (t *typedRows) result() *Result { return &Result{Kind: ResultRows, Rows: &t.rows} }

// listRoles answers LIST ROLES and LIST USERS. Who may not describe all roles sees his own.
func (d *Database) listRoles(stmt *cql.ListRoles, columns []planner.ColumnSpec, u *auth.User) (*Result, error) {
	roles := d.roles.Load()
	all := roles.Permits(u, auth.Describe, auth.Roles)
	names := roles.Of(u.Name)
	if all {
		names = roles.Names()
	}
	if stmt.Of != nil {
		of := stmt.Of.Text
		if roles.Role(of) == nil {
			return nil, &planner.InvalidError{Message: auth.OnRole(of).String() + " doesn't exist"}
		}
		if !all && !slices.Contains(names, of) {
			return nil, unauthorized("You are not authorized to view roles granted to %s ", of)
		}
		names = listedOf(roles, of, stmt.NoRecursive)
	}
	out := newTypedRows(columns)
	for _, name := range names {
		r := roles.Role(name)
		datacenters := "ALL"
		if r.Datacenters != nil {
			datacenters = strings.Join(r.Datacenters, ", ")
		}
		if stmt.Users {
			if r.Login {
				out.add([]byte(name), types.AppendBoolean(nil, roles.Superuser(name)), []byte(datacenters))
			}
			continue
		}
		options := types.MapOf(types.Text, types.Text).AppendCollection(nil, nil)
		out.add([]byte(name), types.AppendBoolean(nil, r.Superuser), types.AppendBoolean(nil, r.Login), options, []byte(datacenters))
	}
	return out.result(), nil
}

// listedOf are a role and what it is a member of: directly, or over other roles as well.
func listedOf(roles *auth.Snapshot, name string, direct bool) []string {
	if !direct {
		return roles.Of(name)
	}
	out := []string{name}
	for _, of := range roles.Role(name).MemberOf {
		if roles.Role(of) != nil {
			out = append(out, of)
		}
	}
	slices.Sort(out)
	return out
}

// listPermissions answers LIST PERMISSIONS. Who is no superuser sees what was granted to his own roles.
func (d *Database) listPermissions(stmt *cql.ListPermissions, keyspace string, columns []planner.ColumnSpec, u *auth.User) (*Result, error) {
	roles := d.roles.Load()
	var on *auth.Resource
	if stmt.On != nil {
		r, err := resourceOf(stmt.On, keyspace)
		if err != nil {
			return nil, err
		}
		if !resourceExists(d.Schema(), roles, r) {
			return nil, &planner.InvalidError{Message: r.String() + " doesn't exist"}
		}
		on = &r
	}
	names, err := permissionsListedOf(roles, stmt.Of, u)
	if err != nil {
		return nil, err
	}
	wanted := auth.All
	if stmt.Permissions != nil {
		wanted = 0
		for _, name := range stmt.Permissions {
			wanted |= auth.ParsePermission(name)
		}
	}
	out := newTypedRows(columns)
	for _, name := range names {
		for _, r := range grantedOn(roles.Role(name), on, stmt.NoRecursive) {
			for _, p := range (roles.Role(name).Grants[r] & wanted).Each() {
				out.add([]byte(name), []byte(name), []byte(r.String()), []byte(p.String()))
			}
		}
	}
	if out.rows.RowCount == 0 {
		return &Result{Kind: ResultVoid}, nil
	}
	return out.result(), nil
}

// permissionsListedOf are the roles whose grants are listed: all, or a role with all it is a member of.
func permissionsListedOf(roles *auth.Snapshot, of *cql.Name, u *auth.User) ([]string, error) {
	super := roles.Superuser(u.Name)
	switch {
	case of == nil && super:
		return roles.Names(), nil
	case of == nil:
		return nil, unauthorized("You are not authorized to view everyone's permissions")
	case roles.Role(of.Text) == nil:
		return nil, &planner.InvalidError{Message: auth.OnRole(of.Text).String() + " doesn't exist"}
	case !super && !slices.Contains(roles.Of(u.Name), of.Text):
		return nil, unauthorized("You are not authorized to view %s's permissions", of.Text)
	}
	return roles.Of(of.Text), nil
}

// grantedOn are the resources on which something was granted to a role, by path: all, or one with those above it unless it is direct.
func grantedOn(r *auth.Role, on *auth.Resource, direct bool) []auth.Resource {
	var out []auth.Resource
	if on == nil {
		for g := range r.Grants {
			out = append(out, g)
		}
	} else {
		for at, more := *on, true; more; at, more = at.Parent() {
			out = append(out, at)
			if direct {
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b auth.Resource) int { return strings.Compare(a.Path(), b.Path()) })
	return out
}
