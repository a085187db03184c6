package types

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct{ text, want string }{
		{"int", "int"},
		{"VARCHAR", "text"},
		{` "text" `, "text"},
		{"list<int>", "list<int>"},
		{"Set < text >", "set<text>"},
		{"map<text,int>", "map<text, int>"},
		{"frozen<map<text, int>>", "frozen<map<text, int>>"},
		{"frozen<list<list<int>>>", "frozen<list<frozen<list<int>>>>"},
		{"tuple<int, list<text>>", "frozen<tuple<int, frozen<list<text>>>>"},
		{"map<uuid, blob>", "map<uuid, blob>"},
	}
	for _, tt := range tests {
		got, err := Parse(tt.text)
		if err != nil || got.String() != tt.want {
			t.Errorf("%s: %v, %v, want %s", tt.text, got, err, tt.want)
			continue
		}
		again, err := Parse(got.String())
		if err != nil || !again.Equal(got) {
			t.Errorf("%s: %v, %v does not read back", tt.text, again, err)
		}
	}
}

func TestParseRefusals(t *testing.T) {
	for _, text := range []string{"", "integer", "list", "list<>", "list<int", "list<int, int>", "map<int>", "tuple<>", "tuple", "int<int>",
		"frozen<int>", "int int", `"int`, "list<int>>", "int,", strings.Repeat("frozen<list<", 40)} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("frozen<map<text, tuple<int, \"uuid\">>>")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(got.String()); err != nil || !again.Equal(got) {
			t.Fatalf("%q: %s, then %v, %v", text, got, again, err)
		}
	})
}

// Every scalar is a type by name and has its own kind, and its width is that of its values.
func TestScalars(t *testing.T) {
	kinds := map[Kind]*Type{}
	for name, of := range scalars {
		if name != "varchar" && (of.String() != name || kinds[of.Kind()] != nil) {
			t.Errorf("%s: %s, kind %d", name, of, of.Kind())
		}
		if name != "varchar" {
			kinds[of.Kind()] = of
		}
		if ByName(strings.ToUpper(name)) != of {
			t.Errorf("%s is not found by its name", name)
		}
		if w := of.FixedWidth(); w > 0 && of != TimeUUID && of.Validate(make([]byte, w)) != nil {
			t.Errorf("%s: %d zeros: %v", name, w, of.Validate(make([]byte, w)))
		}
	}
}

func TestEqual(t *testing.T) {
	a := UDTOf("ks", "a", []string{"x"}, []*Type{Int})
	for _, o := range []*Type{nil, Int, ListOf(Int), Frozen(a), UDTOf("ks", "b", []string{"x"}, []*Type{Int}),
		UDTOf("ks2", "a", []string{"x"}, []*Type{Int}), UDTOf("ks", "a", []string{"y"}, []*Type{Int}), UDTOf("ks", "a", []string{"x"}, []*Type{Text})} {
		if a.Equal(o) {
			t.Errorf("%s equals %v", a, o)
		}
	}
	if !a.Equal(UDTOf("ks", "a", []string{"x"}, []*Type{Int})) || ListOf(Int).Equal(Frozen(ListOf(Int))) || Frozen(Int) != Int {
		t.Error("equal types differ, or frozen ones do not")
	}
	if ks, name := a.UDTName(); ks != "ks" || name != "a" || a.Fields()[0] != "x" || a.Elems()[0] != Int {
		t.Error("a user-defined type forgot what it is made of")
	}
}

func TestCheck(t *testing.T) {
	bad := map[string]string{
		"list<list<int>>":           "Non-frozen collections are not allowed inside collections: list<list<int>>",
		"list<counter>":             "Counters are not allowed inside collections: list<counter>",
		"map<duration, int>":        "Durations are not allowed as map keys: map<duration, int>",
		"tuple<int, set<duration>>": "Durations are not allowed inside sets: frozen<set<duration>>",
	}
	for text, want := range bad {
		of, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := of.Check(); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{"int", "list<frozen<list<int>>>", "map<int, duration>", "tuple<list<int>>"} {
		of, err := Parse(text)
		if err != nil || of.Check() != nil {
			t.Errorf("%s: %v, %v", text, err, of.Check())
		}
	}
}
