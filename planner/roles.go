package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// Roles is a statement about roles or permissions: CREATE, ALTER and DROP ROLE, GRANT, REVOKE and LIST. What it names need not exist.
type Roles struct {
	Statement cql.Statement
	Keyspace  string // that a table stands in which is named without one; empty: none is in use
}

func (*Roles) plan() {}

func (c *compiler) prepareRoles(stmt cql.Statement) (*Prepared, error) {
	p := fixed(c.keyspace, &Roles{Statement: stmt, Keyspace: c.keyspace})
	switch stmt := stmt.(type) {
	case *cql.CreateRole:
		p.Result = generatedColumns(stmt.Options.Password)
	case *cql.AlterRole:
		p.Result = generatedColumns(stmt.Options.Password)
	case *cql.ListRoles:
		p.Result = listRolesColumns(stmt.Users)
	case *cql.ListPermissions:
		p.Result = authColumns("permissions", "role", "username", "resource", "permission")
	}
	return p, nil
}

// generatedColumns are those of a statement that answers a password; nil: it does not.
func generatedColumns(password *cql.Password) []ColumnSpec {
	if password == nil || password.Kind != cql.PasswordGenerated {
		return nil
	}
	return authColumns("generated_password", "generated_password")
}

// listRolesColumns are those of LIST ROLES, or of LIST USERS.
func listRolesColumns(users bool) []ColumnSpec {
	if users {
		out := authColumns("users", "name", "super", "datacenters")
		out[1].Type = types.Boolean
		return out
	}
	out := authColumns("roles", "role", "super", "login", "options", "datacenters")
	out[1].Type, out[2].Type, out[3].Type = types.Boolean, types.Boolean, types.MapOf(types.Text, types.Text)
	return out
}

func authColumns(table string, names ...string) []ColumnSpec {
	out := make([]ColumnSpec, len(names))
	for i, name := range names {
		out[i] = ColumnSpec{Keyspace: "system_auth", Table: table, Name: name, Type: types.Text}
	}
	return out
}
