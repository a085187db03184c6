// Package types knows CQL's types: how a type is written, what bytes are valid values of it,
// how literals become values and values become text, how values compare, and the bytes whose
// plain order is that comparison.
//
// A value is its serialized bytes as in the protocol: nil is null, a slice of no bytes that is
// not nil is the empty value. The package does not know columns, tables or statements, and it never looks at the clock.
package types

import (
	"strings"
)

// Kind is the family of a type. The numbers are those of the protocol's type options.
type Kind uint8

// Kinds of types.
const (
	KindASCII     Kind = 0x01 // stored: never reuse
	KindBigint    Kind = 0x02 // stored: never reuse
	KindBlob      Kind = 0x03 // stored: never reuse
	KindBoolean   Kind = 0x04 // stored: never reuse
	KindCounter   Kind = 0x05 // stored: never reuse
	KindDecimal   Kind = 0x06 // stored: never reuse
	KindDouble    Kind = 0x07 // stored: never reuse
	KindFloat     Kind = 0x08 // stored: never reuse
	KindInt       Kind = 0x09 // stored: never reuse
	KindTimestamp Kind = 0x0B // stored: never reuse
	KindUUID      Kind = 0x0C // stored: never reuse
	KindText      Kind = 0x0D // stored: never reuse
	KindVarint    Kind = 0x0E // stored: never reuse
	KindTimeUUID  Kind = 0x0F // stored: never reuse
	KindInet      Kind = 0x10 // stored: never reuse
	KindDate      Kind = 0x11 // stored: never reuse
	KindTime      Kind = 0x12 // stored: never reuse
	KindSmallint  Kind = 0x13 // stored: never reuse
	KindTinyint   Kind = 0x14 // stored: never reuse
	KindDuration  Kind = 0x15 // stored: never reuse
	KindList      Kind = 0x20 // stored: never reuse
	KindMap       Kind = 0x21 // stored: never reuse
	KindSet       Kind = 0x22 // stored: never reuse
	KindUDT       Kind = 0x30 // stored: never reuse
	KindTuple     Kind = 0x31 // stored: never reuse
)

// Type is a CQL type. It is immutable and safe to share.
type Type struct {
	kind   Kind
	frozen bool
	elems  []*Type // list, set: one; map: key and value; tuple, UDT: the parts

	keyspace string   // UDT
	name     string   // UDT, else the CQL name of a scalar
	fields   []string // UDT: names of the parts
}

// The scalar types.
var (
	ASCII     = &Type{kind: KindASCII, name: "ascii"}
	Bigint    = &Type{kind: KindBigint, name: "bigint"}
	Blob      = &Type{kind: KindBlob, name: "blob"}
	Boolean   = &Type{kind: KindBoolean, name: "boolean"}
	Counter   = &Type{kind: KindCounter, name: "counter"}
	Date      = &Type{kind: KindDate, name: "date"}
	Decimal   = &Type{kind: KindDecimal, name: "decimal"}
	Double    = &Type{kind: KindDouble, name: "double"}
	Duration  = &Type{kind: KindDuration, name: "duration"}
	Float     = &Type{kind: KindFloat, name: "float"}
	Inet      = &Type{kind: KindInet, name: "inet"}
	Int       = &Type{kind: KindInt, name: "int"}
	Smallint  = &Type{kind: KindSmallint, name: "smallint"}
	Text      = &Type{kind: KindText, name: "text"}
	Time      = &Type{kind: KindTime, name: "time"}
	Timestamp = &Type{kind: KindTimestamp, name: "timestamp"}
	TimeUUID  = &Type{kind: KindTimeUUID, name: "timeuuid"}
	Tinyint   = &Type{kind: KindTinyint, name: "tinyint"}
	UUID      = &Type{kind: KindUUID, name: "uuid"}
	Varint    = &Type{kind: KindVarint, name: "varint"}
)

// scalars are the scalar types by name; varchar is another name of text.
var scalars = func() map[string]*Type {
	out := map[string]*Type{"varchar": Text}
	for _, t := range []*Type{ASCII, Bigint, Blob, Boolean, Counter, Date, Decimal, Double, Duration, Float, Inet, Int,
		Smallint, Text, Time, Timestamp, TimeUUID, Tinyint, UUID, Varint} {
		out[t.name] = t
	}
	return out
}()

// ByName returns the scalar type of that name, in any case, or nil.
func ByName(name string) *Type { return scalars[strings.ToLower(name)] }

// ListOf is list<elem>, not frozen.
func ListOf(elem *Type) *Type { return &Type{kind: KindList, elems: []*Type{elem}} }

// SetOf is set<elem>, not frozen.
func SetOf(elem *Type) *Type { return &Type{kind: KindSet, elems: []*Type{elem}} }

// MapOf is map<key, value>, not frozen.
func MapOf(key, value *Type) *Type { return &Type{kind: KindMap, elems: []*Type{key, value}} }

// TupleOf is tuple<elems…>. Tuples and what is in them are always frozen.
func TupleOf(elems ...*Type) *Type {
	return &Type{kind: KindTuple, frozen: true, elems: frozenAll(elems)}
}

// UDTOf is the user-defined type keyspace.name, not frozen, with as many fields as elems.
func UDTOf(keyspace, name string, fields []string, elems []*Type) *Type {
	return &Type{kind: KindUDT, keyspace: keyspace, name: name,
		fields: append([]string(nil), fields...), elems: append([]*Type(nil), elems...)}
}

// Frozen is frozen<t>: all collections and user types within are frozen too. A scalar is itself.
func Frozen(t *Type) *Type {
	if len(t.elems) == 0 {
		return t
	}
	out := *t
	out.frozen = true
	out.elems = frozenAll(t.elems)
	return &out
}

func frozenAll(elems []*Type) []*Type {
	out := make([]*Type, len(elems))
	for i, e := range elems {
		out[i] = Frozen(e)
	}
	return out
}

// Kind returns the family of t.
func (t *Type) Kind() Kind { return t.kind }

// Frozen reports whether t is a frozen collection, tuple or user type.
func (t *Type) Frozen() bool { return t.frozen }

// Elems returns the types t is made of; they must not be changed.
func (t *Type) Elems() []*Type { return t.elems }

// UDTName returns keyspace and name of a user-defined type.
func (t *Type) UDTName() (keyspace, name string) {
	if t.kind != KindUDT {
		return "", ""
	}
	return t.keyspace, t.name
}

// Fields returns the field names of a user-defined type; they must not be changed.
func (t *Type) Fields() []string { return t.fields }

// IsCollection reports whether t is a list, set or map.
func (t *Type) IsCollection() bool {
	return t.kind == KindList || t.kind == KindSet || t.kind == KindMap
}

// Multicell reports whether a column of the type keeps its elements or fields as cells of their own: a collection or
// user type that is not frozen.
func (t *Type) Multicell() bool { return !t.frozen && (t.IsCollection() || t.kind == KindUDT) }

// FixedWidth is how many bytes every value of t has that is not empty; 0 if that varies.
func (t *Type) FixedWidth() int {
	switch t.kind {
	case KindBoolean, KindTinyint:
		return 1
	case KindSmallint:
		return 2
	case KindInt, KindFloat, KindDate:
		return 4
	case KindBigint, KindCounter, KindDouble, KindTimestamp, KindTime:
		return 8
	case KindUUID, KindTimeUUID:
		return 16
	}
	return 0
}

// Equal reports whether both are the same type, frozen alike.
func (t *Type) Equal(o *Type) bool {
	if t == o {
		return true
	}
	if t == nil || o == nil || t.kind != o.kind || t.frozen != o.frozen || len(t.elems) != len(o.elems) ||
		t.keyspace != o.keyspace || t.name != o.name || len(t.fields) != len(o.fields) {
		return false
	}
	for i, f := range t.fields {
		if f != o.fields[i] {
			return false
		}
	}
	for i, e := range t.elems {
		if !e.Equal(o.elems[i]) {
			return false
		}
	}
	return true
}

// String is the type as Cassandra prints it: `frozen<map<text, int>>`, user-defined types by their name. ParseIn reads it back.
func (t *Type) String() string {
	s := t.bareString()
	if t.frozen {
		return "frozen<" + s + ">"
	}
	return s
}

func (t *Type) bareString() string {
	switch {
	case t.kind == KindUDT && t.name != "":
		return QuoteName(t.name)
	case len(t.elems) == 0:
		return t.name
	}
	parts := make([]string, len(t.elems))
	for i, e := range t.elems {
		parts[i] = e.String()
	}
	return kindNames[t.kind] + "<" + strings.Join(parts, ", ") + ">"
}
