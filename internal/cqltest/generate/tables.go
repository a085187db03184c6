package generate

import (
	"fmt"
	"slices"
	"strings"
)

// kind is what a column is.
type kind int

const (
	partitionKey kind = iota + 1
	clusteringKey
	static
	regular
)

type column struct {
	name string
	kind kind
	typ  *typ
	desc bool
}

// table as the statements so far have made it, if they were carried out.
type table struct {
	name    string
	counter bool
	columns []*column
}

func (t *table) of(kinds ...kind) []*column {
	var out []*column
	for _, c := range t.columns {
		if slices.Contains(kinds, c.kind) {
			out = append(out, c)
		}
	}
	return out
}

// createType makes a user type.
func (g *generator) createType() string {
	t := &typ{name: fmt.Sprintf("u%d", len(g.udts))}
	var fields []string
	for i := range 1 + g.rng.IntN(3) {
		of := &typ{name: pick(g, scalars)}
		if g.chance(25) {
			of = g.nested(1, false)
		}
		name := string(rune('f' + i))
		t.fields, t.elems = append(t.fields, name), append(t.elems, of)
		fields = append(fields, name+" "+of.String())
	}
	g.udts = append(g.udts, t)
	return "CREATE TYPE " + t.name + " (" + strings.Join(fields, ", ") + ")"
}

// createTable makes a table of any shape.
func (g *generator) createTable() string {
	t := &table{name: fmt.Sprintf("t%d", len(g.tables)), counter: g.features.Counters && g.chance(12)}
	add := func(k kind, name string, of *typ) *column {
		c := &column{name: name, kind: k, typ: of}
		t.columns = append(t.columns, c)
		return c
	}
	keys := 1 + max(0, g.rng.IntN(5)-2)
	for i := range keys {
		add(partitionKey, fmt.Sprintf("p%d", i), g.keyType())
	}
	rows := pick(g, []int{0, 1, 1, 1, 2, 2, 3})
	mixed := g.chance(40)
	desc := g.chance(40)
	for i := range rows {
		c := add(clusteringKey, fmt.Sprintf("c%d", i), g.keyType())
		if c.desc = desc; mixed {
			c.desc = g.chance(50)
		}
	}
	of := func() *typ {
		if t.counter {
			return &typ{name: "counter"}
		}
		return g.valueType()
	}
	if rows > 0 && g.chance(45) {
		for i := range 1 + g.rng.IntN(2) {
			add(static, fmt.Sprintf("s%d", i), of())
		}
	}
	values := g.rng.IntN(5)
	if t.counter {
		values = 1 + g.rng.IntN(2)
	}
	for i := range values {
		add(regular, fmt.Sprintf("v%d", i), of())
	}
	g.tables = append(g.tables, t)
	return t.create(g)
}

func (t *table) create(g *generator) string {
	var parts, keys, rows, order []string
	for _, c := range shuffled(g, t.columns) {
		word := c.name + " " + c.typ.String()
		if c.kind == static {
			word += " static"
		}
		parts = append(parts, word)
	}
	for _, c := range t.of(partitionKey) {
		keys = append(keys, c.name)
	}
	for _, c := range t.of(clusteringKey) {
		rows = append(rows, c.name)
		order = append(order, c.name+map[bool]string{true: " DESC", false: " ASC"}[c.desc])
	}
	key := keys[0]
	if len(keys) > 1 || g.chance(20) {
		key = "(" + strings.Join(keys, ", ") + ")"
	}
	text := "CREATE TABLE " + t.name + " (" + strings.Join(parts, ", ") + ", PRIMARY KEY (" + strings.Join(append([]string{key}, rows...), ", ") + "))"
	if strings.Contains(strings.Join(order, " "), "DESC") {
		text += " WITH CLUSTERING ORDER BY (" + strings.Join(order, ", ") + ")"
	}
	return text
}

// alter adds, drops and renames columns. What was dropped does not come back under its name: what becomes of what was written
// at a given timestamp then depends on when files were written.
func (g *generator) alter(t *table) string {
	head := "ALTER TABLE " + t.name + " "
	values := t.of(regular, static)
	switch n := g.rng.IntN(10); {
	case n < 5:
		of := g.valueType()
		if t.counter {
			of = &typ{name: "counter"}
		}
		c := &column{name: fmt.Sprintf("a%d", g.added), kind: regular, typ: of}
		g.added++
		text := head + "ADD " + c.name + " " + c.typ.String()
		if len(t.of(clusteringKey)) > 0 && g.chance(25) {
			c.kind = static
			text += " static"
		}
		t.columns = append(t.columns, c)
		return text
	case n < 8 && len(values) > 1:
		c := pick(g, values)
		t.columns = slices.DeleteFunc(t.columns, func(o *column) bool { return o == c })
		return head + "DROP " + c.name
	case n < 9:
		c := pick(g, t.columns)
		to := fmt.Sprintf("r%d", g.added)
		g.added++
		text := head + "RENAME " + c.name + " TO " + to
		if c.kind == partitionKey || c.kind == clusteringKey {
			c.name = to
		}
		return text
	}
	return head + pick(g, []string{
		"DROP nope", "DROP " + pick(g, t.columns).name, "ADD " + pick(g, t.columns).name + " int", "ADD z duration static", "WITH gc_grace_seconds = 864001",
		"WITH default_time_to_live = 0", "WITH nope = 1", "ADD IF NOT EXISTS " + pick(g, t.columns).name + " int", "DROP IF EXISTS nope", "WITH comment = 'x'",
		"ADD (y0 int, y1 text)", "ALTER " + pick(g, t.columns).name + " TYPE blob", "ADD y2 list<counter>", "ADD y3 frozen<list<int>>",
	})
}
