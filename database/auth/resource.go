package auth

import (
	"fmt"
	"strings"
)

// ResourceKind says what a resource is.
type ResourceKind uint8

// The kinds of resources. They are stored by their paths.
const (
	AllKeyspaces ResourceKind = 1
	Keyspace     ResourceKind = 2
	AllTables    ResourceKind = 3 // of a keyspace
	Table        ResourceKind = 4
	AllRoles     ResourceKind = 5
	OneRole      ResourceKind = 6
)

// Resource is something that permissions are granted on.
type Resource struct {
	Kind     ResourceKind
	Keyspace string // of Keyspace, AllTables and Table
	Name     string // of Table and OneRole
}

// The resources at the roots.
var (
	Data  = Resource{Kind: AllKeyspaces}
	Roles = Resource{Kind: AllRoles}
)

// OnKeyspace is a keyspace with all that is in it.
func OnKeyspace(name string) Resource { return Resource{Kind: Keyspace, Keyspace: name} }

// OnTables are all tables of a keyspace, those to come too.
func OnTables(keyspace string) Resource { return Resource{Kind: AllTables, Keyspace: keyspace} }

// OnTable is one table.
func OnTable(keyspace, name string) Resource {
	return Resource{Kind: Table, Keyspace: keyspace, Name: name}
}

// OnRole is one role.
func OnRole(name string) Resource { return Resource{Kind: OneRole, Name: name} }

// Parent is the resource whose permissions hold here too; false: this is a root.
func (r Resource) Parent() (Resource, bool) {
	switch r.Kind {
	case Table:
		return OnTables(r.Keyspace), true
	case AllTables:
		return OnKeyspace(r.Keyspace), true
	case Keyspace:
		return Data, true
	case OneRole:
		return Roles, true
	}
	return r, false
}

// SystemKeyspace reports whether a keyspace is the server's own. What is granted on all keyspaces does not hold for it, and of what is
// granted on itself SELECT alone.
func SystemKeyspace(name string) bool {
	if !strings.HasPrefix(name, "system") {
		return false
	}
	switch name {
	case "system", "system_auth", "system_distributed", "system_schema", "system_traces", "system_views", "system_virtual_schema":
		return true
	}
	return false
}

// Applicable are the permissions that mean something on the resource.
func (r Resource) Applicable() Permissions {
	switch r.Kind {
	case AllKeyspaces, Keyspace, AllTables:
		return Create | Alter | Drop | Select | Modify | Authorize | Unmask | SelectMasked
	case Table:
		return Alter | Drop | Select | Modify | Authorize | Unmask | SelectMasked
	case AllRoles:
		return Create | Alter | Drop | Authorize | Describe
	}
	return Alter | Drop | Authorize | Describe
}

// String shows a resource as messages do.
func (r Resource) String() string {
	switch r.Kind {
	case AllKeyspaces:
		return "<all keyspaces>"
	case Keyspace:
		return fmt.Sprintf("<keyspace %s>", r.Keyspace)
	case AllTables:
		return fmt.Sprintf("<all tables in %s>", r.Keyspace)
	case Table:
		return fmt.Sprintf("<table %s.%s>", r.Keyspace, r.Name)
	case AllRoles:
		return "<all roles>"
	}
	return fmt.Sprintf("<role %s>", r.Name)
}

// Path is the resource as it is stored: data, data/ks, data/ks/*, data/ks/t, roles, roles/r.
func (r Resource) Path() string {
	switch r.Kind {
	case AllKeyspaces:
		return "data"
	case Keyspace:
		return "data/" + r.Keyspace
	case AllTables:
		return "data/" + r.Keyspace + "/*"
	case Table:
		return "data/" + r.Keyspace + "/" + r.Name
	case AllRoles:
		return "roles"
	}
	return "roles/" + r.Name
}

// ParsePath reads a stored resource; false: it is none.
func ParsePath(path string) (Resource, bool) {
	root, rest, deeper := strings.Cut(path, "/")
	switch {
	case root == "roles" && !deeper:
		return Roles, true
	case root == "roles" && rest != "":
		return OnRole(rest), true
	case root != "data":
		return Resource{}, false
	case !deeper:
		return Data, true
	}
	keyspace, table, deeper := strings.Cut(rest, "/")
	switch {
	case keyspace == "" || deeper && table == "":
		return Resource{}, false
	case !deeper:
		return OnKeyspace(keyspace), true
	case table == "*":
		return OnTables(keyspace), true
	}
	return OnTable(keyspace, table), true
}
