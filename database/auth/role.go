package auth

import (
	"maps"
	"slices"
)

// RoleNameBytesMax bounds the name of a role.
const RoleNameBytesMax = 65535

// Role is what is stored of a role. It is immutable.
type Role struct {
	Name        string
	Superuser   bool
	Login       bool
	Hash        string                   // of the password, by bcrypt; empty: there is none
	MemberOf    []string                 // the roles that were granted to it, by name
	Grants      map[Resource]Permissions // to it, not to those it is a member of
	Datacenters []string                 // that it may use; nil: all
}

// clone is a role that may be changed until it is shared.
func (r *Role) clone() *Role {
	out := *r
	out.MemberOf, out.Grants = slices.Clone(r.MemberOf), maps.Clone(r.Grants)
	return &out
}

// Change makes roles of roles. Its methods change nothing that is shared.
type Change struct {
	roles map[string]*Role
	fresh map[string]bool // roles that were cloned for this change
}

// Change begins a change of the roles of a snapshot.
func (s *Snapshot) Change() *Change {
	return &Change{roles: maps.Clone(s.roles), fresh: map[string]bool{}}
}

// Role is a role that may be changed; nil: there is none.
func (c *Change) Role(name string) *Role {
	r := c.roles[name]
	if r == nil || c.fresh[name] {
		return r
	}
	r = r.clone()
	c.roles[name], c.fresh[name] = r, true
	return r
}

// Add adds a role, or replaces the one of its name.
func (c *Change) Add(r *Role) { c.roles[r.Name], c.fresh[r.Name] = r, true }

// Drop removes a role, its memberships, and what was granted to it and on it.
func (c *Change) Drop(name string) {
	delete(c.roles, name)
	for member, r := range c.roles {
		if slices.Contains(r.MemberOf, name) {
			c.Leave(member, name)
		}
	}
	c.Forget(func(r Resource) bool { return r == OnRole(name) })
}

// Join makes a role a member of another.
func (c *Change) Join(member, role string) {
	r := c.Role(member)
	if at, found := slices.BinarySearch(r.MemberOf, role); !found {
		r.MemberOf = slices.Insert(r.MemberOf, at, role)
	}
}

// Leave ends a membership.
func (c *Change) Leave(member, role string) {
	r := c.Role(member)
	r.MemberOf = slices.DeleteFunc(r.MemberOf, func(name string) bool { return name == role })
}

// Grant adds permissions on a resource to a role.
func (c *Change) Grant(role string, on Resource, p Permissions) {
	r := c.Role(role)
	if r == nil || p == 0 {
		return
	}
	if r.Grants == nil {
		r.Grants = map[Resource]Permissions{}
	}
	r.Grants[on] |= p
}

// Revoke takes permissions on a resource from a role.
func (c *Change) Revoke(role string, on Resource, p Permissions) {
	r := c.Role(role)
	if r == nil {
		return
	}
	if left := r.Grants[on] &^ p; left != 0 {
		r.Grants[on] = left
	} else {
		delete(r.Grants, on)
	}
}

// Forget revokes everything on the resources that are gone.
func (c *Change) Forget(gone func(Resource) bool) {
	for _, name := range slices.Sorted(maps.Keys(c.roles)) {
		for on := range c.roles[name].Grants {
			if gone(on) {
				c.Revoke(name, on, All)
			}
		}
	}
}

// HasSuperuser reports whether a superuser may log in once the change is made.
func (c *Change) HasSuperuser() bool { return c.Snapshot().HasSuperuser() }

// Snapshot is the roles as the change leaves them. It must not be changed any further then.
func (c *Change) Snapshot() *Snapshot { return NewSnapshot(slices.Collect(maps.Values(c.roles))) }
