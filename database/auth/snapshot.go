package auth

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Snapshot is all roles at a moment. It is immutable; a change makes another.
type Snapshot struct {
	roles    map[string]*Role
	resolved sync.Map // name → *resolved, made when first asked for
}

// resolved is what a role may do, by itself and by all it is a member of.
type resolved struct {
	of     *Snapshot
	super  bool
	roles  []string // by name, itself included
	grants map[Resource]Permissions
}

// nobody is what a role may do that does not exist any more.
var nobody = &resolved{}

// NewSnapshot holds roles, whose names differ. They must not change any more.
func NewSnapshot(roles []*Role) *Snapshot {
	s := &Snapshot{roles: make(map[string]*Role, len(roles))}
	for _, r := range roles {
		s.roles[r.Name] = r
	}
	return s
}

// Role is a role, or nil.
func (s *Snapshot) Role(name string) *Role { return s.roles[name] }

// Names are the names of all roles, sorted.
func (s *Snapshot) Names() []string { return slices.Sorted(maps.Keys(s.roles)) }

// Of are the names of a role and of all it is a member of, over any number of roles between, sorted.
func (s *Snapshot) Of(name string) []string { return s.resolve(name).roles }

// Superuser reports whether a role, or one that it is a member of, is a superuser.
func (s *Snapshot) Superuser(name string) bool { return s.resolve(name).super }

// MayLogin reports whether a role may log in. That is not inherited.
func (s *Snapshot) MayLogin(name string) bool { r := s.roles[name]; return r != nil && r.Login }

// MayUse reports whether a role may log in to a datacenter. That is not inherited either, and superusers may use all.
func (s *Snapshot) MayUse(name, datacenter string) bool {
	r := s.roles[name]
	return r != nil && (r.Datacenters == nil || slices.Contains(r.Datacenters, datacenter) || s.Superuser(name))
}

// HasSuperuser reports whether a superuser may log in with a password.
func (s *Snapshot) HasSuperuser() bool {
	for name, r := range s.roles {
		if r.Hash != "" && r.Login && s.Superuser(name) {
			return true
		}
	}
	return false
}

// resolve follows the memberships of a role once.
func (s *Snapshot) resolve(name string) *resolved {
	if r, ok := s.resolved.Load(name); ok {
		return r.(*resolved)
	}
	if s.roles[name] == nil {
		return nobody
	}
	out := &resolved{of: s, grants: map[Resource]Permissions{}}
	seen := map[string]bool{name: true}
	for waiting := []string{name}; len(waiting) > 0; {
		r := s.roles[waiting[0]]
		waiting = waiting[1:]
		out.roles = append(out.roles, r.Name)
		out.super = out.super || r.Superuser
		for on, p := range r.Grants {
			out.grants[on] |= p
		}
		for _, of := range r.MemberOf {
			if !seen[of] && s.roles[of] != nil {
				seen[of] = true
				waiting = append(waiting, of)
			}
		}
	}
	slices.Sort(out.roles)
	s.resolved.Store(name, out)
	return out
}

// Permitted reports whether a role has a permission on a resource or on one above it.
func (s *Snapshot) Permitted(name string, p Permissions, on Resource) bool {
	return s.resolve(name).permit(p, on)
}

func (r *resolved) permit(p Permissions, on Resource) bool {
	if r.super {
		return true
	}
	for more := len(r.grants) > 0; more; on, more = on.Parent() {
		if r.grants[on]&p != 0 {
			return true
		}
		if on.Kind == Keyspace && SystemKeyspace(on.Keyspace) {
			return false // all keyspaces are those of users
		}
	}
	return false
}

// memo remembers what a user's role may do in the snapshot asked last.
type memo struct{ atomic.Pointer[resolved] }

// Permits reports whether the user has a permission on a resource or on one above it. It is what statements on the hot path ask.
func (s *Snapshot) Permits(u *User, p Permissions, on Resource) bool {
	r := u.memo.Load()
	if r == nil || r.of != s {
		r = s.resolve(u.Name)
		u.memo.Store(r)
	}
	return r.permit(p, on)
}
