package types

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func userTypes() (inner, outer *Type) {
	inner = UDTOf("ks", "inner", []string{"a", "b"}, []*Type{Int, Text})
	outer = UDTOf("ks", "outer", []string{"x", "In ner"}, []*Type{ListOf(Frozen(inner)), TupleOf(Int, inner)})
	return inner, outer
}

// A definition that changes changes everywhere, frozen where it was, and nowhere else.
func TestWithUserType(t *testing.T) {
	inner, outer := userTypes()
	more := UDTOf("ks", "inner", []string{"a", "b", "c"}, []*Type{Int, Text, Date})
	got := outer.WithUserType(more)
	want := UDTOf("ks", "outer", outer.Fields(), []*Type{ListOf(Frozen(more)), TupleOf(Int, more)})
	if !got.Equal(want) || got.Equal(outer) {
		t.Errorf("%s", got.Structure())
	}
	if other := UDTOf("ks2", "inner", []string{"a"}, []*Type{Int}); outer.WithUserType(other) != outer || Int.WithUserType(more) != Int {
		t.Error("a type of another keyspace was put in")
	}
	if !inner.WithUserType(more).Equal(more) || !Frozen(inner).WithUserType(more).Equal(Frozen(more)) {
		t.Error("the type itself did not change")
	}
	if got.Parts() != 12 || got.Depth() != 4 || outer.CountUserType("ks", "inner") != 2 || !outer.UsesUserType("ks", "outer") || Int.UsesUserType("ks", "inner") {
		t.Errorf("%d parts, %d deep, %d times", got.Parts(), got.Depth(), outer.CountUserType("ks", "inner"))
	}
}

func TestTextsOfUserTypes(t *testing.T) {
	inner, outer := userTypes()
	for _, tt := range []struct {
		of                          *Type
		text, expanded, bare, whole string
	}{
		{inner, "inner", "tuple<int, text>", "udt<int, text>", "ks.inner<a int, b text>"},
		{Frozen(MapOf(Int, inner)), "frozen<map<int, frozen<inner>>>", "frozen<map<int, frozen<tuple<int, text>>>>", "frozen<map<int, frozen<udt<int, text>>>>", "map<int, ks.inner<a int, b text>>"},
		{outer, "outer", "tuple<frozen<list<frozen<tuple<int, text>>>>, frozen<tuple<int, frozen<tuple<int, text>>>>>", "udt<list<frozen<udt<int, text>>>, frozen<tuple<int, frozen<udt<int, text>>>>>",
			`ks.outer<x list<ks.inner<a int, b text>>, "In ner" tuple<int, ks.inner<a int, b text>>>`},
	} {
		if tt.of.String() != tt.text || tt.of.Expanded().String() != tt.expanded || tt.of.Structure() != tt.whole {
			t.Errorf("%s\nexpanded  %s\nstructure %s", tt.of, tt.of.Expanded(), tt.of.Structure())
		}
		bare := tt.of.Nameless()
		again, err := Parse(bare.String())
		if err != nil || bare.String() != tt.bare || !again.Equal(bare) {
			t.Errorf("%s: nameless %s, read back as %v, %v", tt.of, bare, again, err)
		}
		read, err := ParseIn(tt.text, func(name string) *Type { return map[string]*Type{"inner": inner, "outer": outer}[name] })
		if err != nil || !read.Equal(tt.of) {
			t.Errorf("%s was read as %v, %v", tt.text, read, err)
		}
	}
	odd := UDTOf("ks", `Se"lect`, []string{"a"}, []*Type{Int})
	if got, err := ParseIn(odd.String(), func(name string) *Type { return map[string]*Type{`Se"lect`: odd}[name] }); err != nil || got != odd {
		t.Errorf("%s: %v, %v", odd, got, err)
	}
	if UDTOf("ks", "select", nil, nil).String() != `"select"` {
		t.Error("a reserved word is not quoted")
	}
}

func TestLiteralsOfUserTypes(t *testing.T) {
	inner, outer := userTypes()
	one := Literal{Class: LitUser, Names: []string{"b", "a"}, Elems: []Literal{{Class: LitString, Text: "x"}, {Class: LitInteger, Text: "1"}}}
	v, err := inner.ParseLiteral(one)
	if err != nil || string(inner.AppendLiteral(nil, v)) != "{a: 1, b: 'x'}" {
		t.Errorf("%s, %v", inner.AppendLiteral(nil, v), err)
	}
	v, err = outer.ParseLiteral(Literal{Class: LitUser, Names: []string{"x"}, Elems: []Literal{{Class: LitList, Elems: []Literal{one}}}})
	if err != nil || string(outer.AppendLiteral(nil, v)) != `{x: [{a: 1, b: 'x'}], "In ner": null}` || string(outer.AppendText(nil, v, TextOptions{})) != "{x: [{a: 1, b: 'x'}], In ner: null}" {
		t.Errorf("%s, %v", outer.AppendLiteral(nil, v), err)
	}
	for _, bad := range []Literal{
		{Class: LitUser, Names: []string{"c"}, Elems: []Literal{{Class: LitNull}}},
		{Class: LitUser, Names: []string{"a"}, Elems: []Literal{{Class: LitString}}},
		{Class: LitTuple}, {Class: LitSet}, {Class: LitString},
	} {
		if v, err := inner.ParseLiteral(bad); err == nil {
			t.Errorf("%+v is %x", bad, v)
		}
	}
}

// A value that has fewer fields than its type has the sortable bytes of the one that ends with nulls, before and after the type got more.
func TestShorterValuesOfUserTypes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		short := UDTOf("ks", "u", []string{"a", "b"}, []*Type{Text, Int})
		long := UDTOf("ks", "u", []string{"a", "b", "c"}, []*Type{Text, Int, Text})
		value := genValue(r, short, "value")
		padded := value
		if len(value) > 0 {
			padded = AppendElem(bytes.Clone(value), nil)
		}
		sorted := short.AppendSortable(nil, value)
		if !bytes.Equal(sorted, long.AppendSortable(nil, value)) || !bytes.Equal(sorted, long.AppendSortable(nil, padded)) || long.Compare(value, padded) != 0 {
			r.Fatalf("%x and %x differ", value, padded)
		}
		got, rest, err := long.DecodeSortable(sorted)
		if err != nil || len(rest) > 0 || !bytes.Equal(got, padded) {
			r.Fatalf("%x came back as %x, %v", padded, got, err)
		}
	})
	u := UDTOf("ks", "u", []string{"a", "b"}, []*Type{Text, Int})
	for _, bad := range [][]byte{{markValue}, {markValue, 0}, {markValue, 0, 2}, {markValue, 0, 1, 0, 0}, {markValue, 0, 1, 0, 1, 0, 1}} {
		if v, _, err := u.DecodeSortable(bad); err == nil {
			t.Errorf("%x is %x", bad, v)
		}
	}
}
