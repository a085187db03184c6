package types

import "strings"

// isUserType reports whether t is the user-defined type of that name, whatever its fields are.
func (t *Type) isUserType(keyspace, name string) bool {
	return t.kind == KindUDT && t.keyspace == keyspace && t.name == name
}

// UsesUserType reports whether t is the user-defined type keyspace.name or is made of it, however deep.
func (t *Type) UsesUserType(keyspace, name string) bool {
	return t.CountUserType(keyspace, name) > 0
}

// WithUserType returns t with the definition u in each place of the user-defined type of u's name, frozen where it was.
func (t *Type) WithUserType(u *Type) *Type {
	return t.mapped(func(t *Type) *Type {
		switch {
		case !t.isUserType(u.keyspace, u.name):
			return nil
		case t.frozen:
			return Frozen(u)
		}
		return u
	})
}

// Expanded returns t with a tuple in each place of a user-defined type: what is left of the type of a column once the column,
// and perhaps the user-defined type, is dropped.
func (t *Type) Expanded() *Type {
	return t.mapped(func(t *Type) *Type {
		if t.kind != KindUDT {
			return nil
		}
		elems := make([]*Type, len(t.elems))
		for i, e := range t.elems {
			elems[i] = e.Expanded()
		}
		out := TupleOf(elems...)
		out.frozen = t.frozen
		return out
	})
}

// Nameless returns t without the names of user-defined types and their fields: as much of it as tells how values are
// laid out and sorted. Parse reads its String back.
func (t *Type) Nameless() *Type {
	return t.mapped(func(t *Type) *Type {
		if t.kind != KindUDT {
			return nil
		}
		elems := make([]*Type, len(t.elems))
		for i, e := range t.elems {
			elems[i] = e.Nameless()
		}
		return &Type{kind: KindUDT, frozen: t.frozen, elems: elems}
	})
}

// mapped replaces the outermost types for which f answers one; nil leaves a type, and goes on with what it is made of.
func (t *Type) mapped(f func(*Type) *Type) *Type {
	if out := f(t); out != nil {
		return out
	}
	var elems []*Type
	for i, e := range t.elems {
		if next := e.mapped(f); next != e {
			if elems == nil {
				elems = append(elems, t.elems...)
			}
			elems[i] = next
		}
	}
	if elems == nil {
		return t
	}
	out := *t
	out.elems = elems
	return &out
}

// Field returns the place of a field of a user-defined type, from 0, and its type; -1 and nil if it has none of that name.
func (t *Type) Field(name string) (int, *Type) {
	for i, f := range t.fields {
		if f == name {
			return i, t.elems[i]
		}
	}
	return -1, nil
}

// Structure is String with the keyspace and the fields of user-defined types: types of one structure are the same to a client.
func (t *Type) Structure() string {
	if len(t.elems) == 0 {
		return t.name
	}
	parts := make([]string, len(t.elems))
	for i, e := range t.elems {
		parts[i] = e.Structure()
		if t.kind == KindUDT {
			parts[i] = QuoteName(t.fields[i]) + " " + parts[i]
		}
	}
	name := kindNames[t.kind]
	if t.kind == KindUDT {
		name = QuoteName(t.keyspace) + "." + QuoteName(t.name)
	}
	return name + "<" + strings.Join(parts, ", ") + ">"
}

// kindNames are the names of what types are made of types with.
var kindNames = map[Kind]string{KindList: "list", KindSet: "set", KindMap: "map", KindTuple: "tuple", KindUDT: "udt"}

// Parts counts the types that t is made of, itself among them, as often as they occur.
func (t *Type) Parts() int {
	n := 1
	for _, e := range t.elems {
		n += e.Parts()
	}
	return n
}

// Depth is how deep t nests; 1 of a scalar.
func (t *Type) Depth() int {
	n := 0
	for _, e := range t.elems {
		n = max(n, e.Depth())
	}
	return n + 1
}

// CountUserType is how often the user-defined type of that name occurs in t.
func (t *Type) CountUserType(keyspace, name string) int {
	if t.isUserType(keyspace, name) {
		return 1 // it cannot be in itself
	}
	n := 0
	for _, e := range t.elems {
		n += e.CountUserType(keyspace, name)
	}
	return n
}

// QualifiedName is `keyspace.name` of a user-defined type, bare.
func (t *Type) QualifiedName() string { return t.keyspace + "." + t.name }

// Contains reports whether t is of a kind, or is made of a type that is.
func (t *Type) Contains(k Kind) bool {
	for _, e := range t.elems {
		if e.Contains(k) {
			return true
		}
	}
	return t.kind == k
}
