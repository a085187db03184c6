package auth

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var (
	someRoles     = []string{"a", "b", "c", "d"}
	someResources = []Resource{
		Data, OnKeyspace("k"), OnTables("k"), OnTable("k", "t"), OnTable("k", "u"), OnKeyspace("l"), OnTable("l", "t"),
		OnKeyspace("system_auth"), OnTables("system_auth"), OnTable("system_auth", "roles"), Roles, OnRole("a"), OnRole("b"),
	}
)

// model is roles as lists of facts.
type model struct {
	exists, super map[string]bool
	member        map[[2]string]bool // of a role, by name
	granted       []fact
}

type fact struct {
	role string
	on   Resource
	p    Permissions
}

// holds asks whether a resource is another, or is part of it.
func (m *model) holds(part, whole Resource) bool {
	if part == whole {
		return true
	}
	inside := part.Kind == Table || part.Kind == AllTables || part.Kind == Keyspace
	switch whole.Kind {
	case AllKeyspaces:
		return inside && part.Keyspace != "system_auth"
	case Keyspace:
		return inside && part.Keyspace == whole.Keyspace
	case AllTables:
		return part.Kind == Table && part.Keyspace == whole.Keyspace
	case AllRoles:
		return part.Kind == OneRole
	}
	return false
}

// are are the roles that a role is, itself included: as many rounds as there are roles.
func (m *model) are(role string) map[string]bool {
	out := map[string]bool{}
	if m.exists[role] {
		out[role] = true
	}
	for range someRoles {
		for pair := range m.member {
			if out[pair[0]] && m.exists[pair[1]] {
				out[pair[1]] = true
			}
		}
	}
	return out
}

func (m *model) permits(role string, p Permissions, on Resource) bool {
	for r := range m.are(role) {
		if m.super[r] {
			return true
		}
		for _, f := range m.granted {
			if f.role == r && f.p == p && m.holds(on, f.on) {
				return true
			}
		}
	}
	return false
}

func (m *model) forget(drop func(fact) bool) { m.granted = slices.DeleteFunc(m.granted, drop) }

// Whatever is granted, revoked, made and dropped, a role may do what the facts say, and a change leaves the roles of before alone.
func TestPermissionsAreThoseOfTheFacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{exists: map[string]bool{}, super: map[string]bool{}, member: map[[2]string]bool{}}
		s := NewSnapshot(nil)
		users, memos := map[string]*User{}, map[fact]*Memo{}
		for _, name := range someRoles {
			users[name] = &User{Name: name}
		}
		role := func() string { return rapid.SampledFrom(someRoles).Draw(t, "role") }
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			before := answers(s)
			old, c := s, s.Change()
			a, b, on := role(), role(), rapid.SampledFrom(someResources).Draw(t, "on")
			p := rapid.SampledFrom((Select | Modify | Alter).Each()).Draw(t, "permission")
			switch step := rapid.IntRange(0, 7).Draw(t, "step"); {
			case !m.exists[a]:
				m.exists[a] = true
				m.super[a] = rapid.IntRange(0, 9).Draw(t, "super") == 0
				c.Add(&Role{Name: a, Superuser: m.super[a]})
			case step == 0:
				delete(m.exists, a)
				for pair := range m.member {
					if pair[0] == a || pair[1] == a {
						delete(m.member, pair)
					}
				}
				m.forget(func(f fact) bool { return f.role == a || f.on == OnRole(a) })
				c.Drop(a)
			case step == 1 && m.exists[b] && !m.are(b)[a]:
				m.member[[2]string{a, b}] = true
				c.Join(a, b)
			case step == 2:
				delete(m.member, [2]string{a, b})
				c.Leave(a, b)
			case step == 3:
				m.forget(func(f fact) bool { return f == fact{a, on, p} })
				c.Revoke(a, on, p)
			case step == 4:
				m.forget(func(f fact) bool { return f.on == on })
				c.Forget(func(r Resource) bool { return r == on })
			default:
				m.granted = append(m.granted, fact{a, on, p})
				c.Grant(a, on, p)
			}
			s = c.Snapshot()
			if !slices.Equal(answers(old), before) {
				t.Fatal("a change altered the roles of before")
			}
			for _, name := range someRoles {
				for _, on := range someResources {
					for _, p := range (Select | Modify | Alter).Each() {
						want := m.permits(name, p, on)
						if got := s.Permitted(name, p, on); got != want {
							t.Fatalf("%s has %s on %s: %t, want %t", name, p, on, got, want)
						}
						memo := memos[fact{on: on, p: p}]
						if memo == nil {
							memo = new(Memo)
							memos[fact{on: on, p: p}] = memo
						}
						for range 2 { // the second time from memory
							if got := s.PermitsOne(users[name], memo, p, on); got != want {
								t.Fatalf("user %s has %s on %s: %t, want %t", name, p, on, got, want)
							}
						}
						if got := s.Permits(users[name], p, on); got != want {
							t.Fatalf("user %s has %s on %s: %t, want %t", name, p, on, got, want)
						}
					}
				}
			}
		}
	})
}

// answers are all that a snapshot says, asked afresh.
func answers(s *Snapshot) []bool {
	fresh := s.Change().Snapshot()
	var out []bool
	for _, name := range someRoles {
		for _, on := range someResources {
			for _, p := range (Select | Modify | Alter).Each() {
				out = append(out, fresh.Permitted(name, p, on))
			}
		}
	}
	return out
}

// A resource reads back from its path.
func TestPathsReadBack(t *testing.T) {
	for _, r := range append(someResources, OnRole("x/y"), OnTable("k", "Upper case")) {
		if back, ok := ParsePath(r.Path()); !ok || back != r {
			t.Errorf("%s: %+v, %t", r.Path(), back, ok)
		}
	}
	for _, path := range []string{"", "x", "data/", "data/k/", "roles/", "functions/k", "mbean"} {
		if r, ok := ParsePath(path); ok {
			t.Errorf("%q is %s", path, r)
		}
	}
}

// Permissions keep their names.
func TestNamesOfPermissions(t *testing.T) {
	for _, p := range All.Each() {
		if got := ParsePermission(p.String()); got != p {
			t.Errorf("%s reads back as %s", p, got)
		}
	}
	if p := ParsePermission("READ"); p != 0 {
		t.Errorf("READ is %s", p)
	}
}

// A check that was made before costs three loads and no memory.
func BenchmarkPermits(b *testing.B) {
	s := NewSnapshot([]*Role{{Name: "ann", Grants: map[Resource]Permissions{OnKeyspace("iot"): Modify}}})
	u, on, memo := &User{Name: "ann"}, OnTable("iot", "readings"), new(Memo)
	b.ReportAllocs()
	for b.Loop() {
		if !s.PermitsOne(u, memo, Modify, on) {
			b.Fatal("forbidden")
		}
	}
}
