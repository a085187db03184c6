package generate

import (
	"fmt"
	"strings"
)

// typ is a type of a column.
type typ struct {
	name   string   // of a scalar or user type; list, set, map, tuple, vector
	frozen bool     // of a collection or user type
	elems  []*typ   // of a collection, tuple, vector or user type
	fields []string // of a user type
	length int      // of a vector
}

// literals of each scalar: few, so that they meet.
var literals = map[string][]string{
	"ascii":     {"''", "'a'", "'b'", "'ab'"},
	"bigint":    {"-5", "0", "1", "2", "9223372036854775807"},
	"blob":      {"0x", "0x00", "0xff", "0x0102", "0x01"},
	"boolean":   {"true", "false"},
	"counter":   {"0", "1", "2", "-3"},
	"date":      {"'2020-01-01'", "'1969-12-31'", "'2024-02-29'", "2147483648"},
	"decimal":   {"1.5", "-2.25", "100", "0", "1E+10"},
	"double":    {"0.5", "-2.5", "NaN", "1e10", "3", "0.0", "-0.0", "Infinity"},
	"duration":  {"1d", "2h30m", "1mo2d", "-3s", "P1Y2M"},
	"float":     {"0.5", "-2.5", "NaN", "1e10", "3", "0.0", "-Infinity"},
	"inet":      {"'127.0.0.1'", "'::1'", "'10.0.0.2'", "'fe80::2'"},
	"int":       {"-1", "0", "1", "2", "3", "2147483647"},
	"smallint":  {"-1", "0", "1", "2", "32767"},
	"text":      {"''", "'a'", "'ab'", "'b'", "'ü'", "'it''s'", "$$b$$"},
	"time":      {"'00:00:00'", "'08:12:54.123'", "'23:59:59.999999999'", "5"},
	"timestamp": {"'2020-01-01T00:00:00Z'", "'1969-12-31T23:59:59.999Z'", "1577836800000", "'2024-02-29 12:30+0100'", "0"},
	"timeuuid": {
		"50554d6e-29bb-11e5-b345-feff819cdc9f", "8b1a2d80-1f6a-11ec-8000-000000000001", "8b1a2d80-1f6a-11ec-8000-0000000000ff",
		"d2177dd0-eaa2-11de-a572-001b779c76e3",
	},
	"tinyint": {"-1", "0", "1", "2", "127"},
	"uuid": {
		"50554d6e-29bb-11e5-b345-feff819cdc9f", "00000000-0000-0000-0000-000000000000", "123e4567-e89b-42d3-a456-426614174000",
		"f23e4567-e89b-42d3-a456-426614174000",
	},
	"varint": {"-1", "0", "1", "2", "100000000000000000000", "-129"},
}

// scalars are the names of literals, in an order that does not change; the frequent ones first and several times.
var scalars = []string{
	"int", "int", "int", "text", "text", "text", "bigint", "timestamp", "double", "uuid", "timeuuid", "boolean",
	"ascii", "blob", "date", "decimal", "duration", "float", "inet", "smallint", "time", "tinyint", "varint",
}

// String is the type in CQL.
func (t *typ) String() string {
	out := t.name
	if t.fields == nil && len(t.elems) > 0 {
		inner := make([]string, len(t.elems))
		for i, e := range t.elems {
			inner[i] = e.String()
		}
		if t.name == "vector" {
			inner = append(inner, fmt.Sprint(t.length))
		}
		out += "<" + strings.Join(inner, ", ") + ">"
	}
	if t.frozen {
		return "frozen<" + out + ">"
	}
	return out
}

// scalar says whether it is no collection, tuple, vector or user type.
func (t *typ) scalar() bool { return len(t.elems) == 0 }

// multicell says whether its elements are cells of their own.
func (t *typ) multicell() bool {
	return !t.frozen && (t.collection() || t.fields != nil)
}

func (t *typ) collection() bool { return t.name == "list" || t.name == "set" || t.name == "map" }

// keyType is a type that a key can have.
func (g *generator) keyType() *typ {
	if g.chance(12) {
		return g.nested(1, true)
	}
	return g.keyScalar()
}

func (g *generator) keyScalar() *typ {
	for {
		if name := pick(g, scalars); name != "duration" {
			return &typ{name: name}
		}
	}
}

// valueType is a type of a column that is no key.
func (g *generator) valueType() *typ {
	if !g.chance(45) {
		return &typ{name: pick(g, scalars)}
	}
	t := g.nested(2, false)
	if g.features.Multicell && (t.collection() || t.fields != nil) && g.chance(65) {
		open := *t
		open.frozen = false
		return &open
	}
	return t
}

// nested is a frozen collection, a tuple, a user type or a vector.
func (g *generator) nested(depth int, key bool) *typ {
	of := func() *typ {
		if depth > 1 && g.chance(20) {
			return g.nested(depth-1, key)
		}
		return g.keyScalar()
	}
	switch n := g.rng.IntN(12); {
	case n < 3:
		return &typ{name: "list", frozen: true, elems: []*typ{of()}}
	case n < 6:
		return &typ{name: "set", frozen: true, elems: []*typ{of()}}
	case n < 9:
		return &typ{name: "map", frozen: true, elems: []*typ{g.keyScalar(), of()}}
	case n == 9 && g.features.Vectors && !key:
		return &typ{name: "vector", elems: []*typ{{name: "float"}}, length: 1 + g.rng.IntN(3)}
	case n >= 9 && len(g.udts) > 0 && g.chance(70):
		frozen := *pick(g, g.udts)
		frozen.frozen = true
		return &frozen
	}
	t := &typ{name: "tuple"}
	for range 1 + g.rng.IntN(2) {
		t.elems = append(t.elems, of())
	}
	return t
}

// literal is a random value.
func (g *generator) literal(t *typ) string {
	switch {
	case t.scalar():
		return pick(g, literals[t.name])
	case t.fields != nil:
		var parts []string
		for i, f := range t.fields {
			if g.chance(80) {
				parts = append(parts, f+": "+g.inside(t.elems[i]))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	switch t.name {
	case "tuple":
		parts := make([]string, len(t.elems))
		for i, e := range t.elems {
			parts[i] = g.inside(e)
		}
		return "(" + strings.Join(parts, ", ") + ")"
	case "vector":
		parts := make([]string, t.length)
		for i := range parts {
			parts[i] = pick(g, []string{"0.5", "1", "-2.5"})
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return g.some(t, g.rng.IntN(4))
}

// some is a literal of a collection with that many elements.
func (g *generator) some(t *typ, count int) string {
	var parts []string
	seen := map[string]bool{}
	for range count {
		part := g.literal(t.elems[0])
		if t.name == "map" {
			if same := sameValue(part); seen[same] {
				continue
			} else {
				seen[same] = true
			}
			part += ": " + g.literal(t.elems[1])
		}
		parts = append(parts, part)
	}
	brackets := "{}"
	if t.name == "list" {
		brackets = "[]"
	}
	return brackets[:1] + strings.Join(parts, ", ") + brackets[1:]
}

// sameValue is one of the literals of a value. Of two equal keys in a literal of a map Cassandra keeps either.
func sameValue(literal string) string {
	if same, ok := map[string]string{"$$b$$": "'b'", "1577836800000": "'2020-01-01T00:00:00Z'"}[literal]; ok {
		return same
	}
	return literal
}

// inside is a value of a tuple or user type, null now and then.
func (g *generator) inside(t *typ) string {
	if g.chance(10) {
		return "null"
	}
	return g.literal(t)
}

// value is what is written into a column: null now and then.
func (g *generator) value(t *typ) string {
	if g.chance(8) {
		return "null"
	}
	return g.literal(t)
}
