package auth

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Snapshot is all roles at a moment. It is immutable; a change makes another.
type Snapshot struct {
	id       *identity
	roles    map[string]*Role
	resolved sync.Map // name → *resolved, made when first asked for
}

// identity tells snapshots apart for those who must not keep one in memory.
type identity struct{ _ byte }

// resolved is what a role may do, by itself and by all it is a member of.
type resolved struct {
	of     *identity // of the snapshot; nil of nobody
	super  bool
	roles  []string // by name, itself included
	grants map[Resource]Permissions
}

// nobody is what a role may do that does not exist any more.
var nobody = &resolved{}

// NewSnapshot holds roles, whose names differ. They must not change any more.
func NewSnapshot(roles []*Role) *Snapshot {
	s := &Snapshot{id: new(identity), roles: make(map[string]*Role, len(roles))}
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
	out := &resolved{of: s.id, grants: map[Resource]Permissions{}}
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

// Memo remembers what a role may do, for whoever asks the same often. A zero one remembers nothing.
type Memo struct{ atomic.Pointer[resolved] }

// of is what the user's role may do.
func (s *Snapshot) of(u *User) *resolved {
	r := u.memo.Load()
	if r == nil || r.of != s.id {
		r = s.resolve(u.Name)
		u.memo.Store(r)
	}
	return r
}

// Permits reports whether the user has a permission on a resource or on one above it.
func (s *Snapshot) Permits(u *User, p Permissions, on Resource) bool { return s.of(u).permit(p, on) }

// PermitsOne is Permits for one permission on one resource, which the memo is of: that a role has it is looked up once in a snapshot. It is
// what statements on the hot path ask.
func (s *Snapshot) PermitsOne(u *User, memo *Memo, p Permissions, on Resource) bool {
	r := s.of(u)
	if r.of != nil && memo.Load() == r {
		return true
	}
	if !r.permit(p, on) {
		return false
	}
	memo.Store(r)
	return true
}
