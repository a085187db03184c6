package generate

import (
	"fmt"
	"strings"
)

// write is an INSERT, UPDATE or DELETE.
func (g *generator) write(t *table) string {
	return g.modification(t, g.using, true)
}

// modification is a write with that clause for its time; alone it may have a condition.
func (g *generator) modification(t *table, using func(ttl bool) string, alone bool) string {
	n := g.rng.IntN(100)
	if t.counter {
		switch {
		case n < 70:
			return g.count(t)
		case n < 73:
			return g.insert(t, using, alone)
		case n < 75:
			return g.update(t, using, alone)
		}
		return g.deletion(t, using, alone)
	}
	switch {
	case n < 45:
		return g.insert(t, using, alone)
	case n < 72:
		return g.update(t, using, alone)
	}
	return g.deletion(t, using, alone)
}

// batch is several writes as one.
func (g *generator) batch(t *table) string {
	kind, each, head := "", g.using, ""
	if t.counter && g.chance(90) {
		kind = "COUNTER "
	} else if g.chance(30) {
		kind = "UNLOGGED "
	}
	if g.clocked && !t.counter && g.chance(50) {
		head = fmt.Sprintf(" USING TIMESTAMP %d", 1+g.rng.IntN(8))
		each = func(bool) string { return "" }
	}
	out := "BEGIN " + kind + "BATCH" + head + "\n"
	for range 1 + g.rng.IntN(4) {
		out += g.modification(t, each, false) + ";\n"
	}
	return out + "APPLY BATCH"
}

// count changes counters.
func (g *generator) count(t *table) string {
	where, onlyStatics := g.rowOf(t)
	columns := t.of(regular)
	if onlyStatics {
		columns = t.of(static)
	}
	if len(columns) == 0 {
		columns = t.of(static)
	}
	var sets []string
	for _, c := range some(g, columns, 50) {
		sets = append(sets, c.name+" = "+c.name+pick(g, []string{" + ", " - "})+pick(g, []string{"1", "2", "10", "-3", "0", "9223372036854775807"}))
	}
	return "UPDATE " + t.name + " SET " + strings.Join(sets, ", ") + " WHERE " + where
}

func (g *generator) insert(t *table, using func(bool) string, alone bool) string {
	var names, values []string
	columns := t.of(partitionKey, clusteringKey)
	onlyStatics := len(t.of(static)) > 0 && g.chance(12)
	if onlyStatics {
		columns = append(t.of(partitionKey), some(g, t.of(static), 60)...)
	} else {
		for _, c := range t.of(static, regular) {
			if g.chance(60) {
				columns = append(columns, c)
			}
		}
	}
	for _, c := range shuffled(g, columns) {
		value := g.value(c.typ)
		for value == "null" && (c.kind == partitionKey || c.kind == clusteringKey) && !g.chance(3) {
			value = g.literal(c.typ)
		}
		names, values = append(names, c.name), append(values, value)
	}
	out := "INSERT INTO " + t.name + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
	if alone && !g.clocked && g.chance(20) {
		out += " IF NOT EXISTS"
	}
	return out + using(true)
}

// rowOf names a row, or a partition where only its statics are meant; now and then several by IN.
func (g *generator) rowOf(t *table) (where string, onlyStatics bool) {
	var relations []string
	onlyStatics = len(t.of(static)) > 0 && g.chance(20)
	columns := t.of(partitionKey)
	if !onlyStatics {
		columns = t.of(partitionKey, clusteringKey)
	}
	for _, c := range columns {
		relations = append(relations, g.equal(c, 6))
	}
	return strings.Join(relations, " AND "), onlyStatics
}

// equal is c = value, or in so many of a hundred cases c IN (values).
func (g *generator) equal(c *column, in int) string {
	if g.chance(in) {
		return c.name + " IN (" + g.list(c.typ) + ")"
	}
	return c.name + " = " + g.literal(c.typ)
}

// list is one to three values with commas between.
func (g *generator) list(t *typ) string {
	var out []string
	for range 1 + g.rng.IntN(3) {
		out = append(out, g.literal(t))
	}
	return strings.Join(out, ", ")
}

func (g *generator) update(t *table, using func(bool) string, alone bool) string {
	where, onlyStatics := g.rowOf(t)
	columns := t.of(regular)
	if onlyStatics {
		columns = t.of(static)
	} else if g.chance(15) {
		columns = t.of(regular, static)
	}
	if len(columns) == 0 {
		columns = t.columns
	}
	var sets []string
	for _, c := range some(g, columns, 45) {
		sets = append(sets, g.assignment(c))
	}
	out := "UPDATE " + t.name + using(true) + " SET " + strings.Join(sets, ", ") + " WHERE " + where
	if alone && !g.clocked && g.chance(25) {
		out += g.condition(t)
	}
	return out
}

// assignment sets a column, or some of its elements.
func (g *generator) assignment(c *column) string {
	whole := c.name + " = " + g.value(c.typ)
	if !c.typ.multicell() || g.chance(25) {
		return whole
	}
	few := func(t *typ) string { return g.some(t, g.rng.IntN(3)) }
	if c.typ.fields != nil {
		i := g.rng.IntN(len(c.typ.fields))
		return c.name + "." + c.typ.fields[i] + " = " + g.value(c.typ.elems[i])
	}
	add := []string{c.name + " = " + c.name + " + " + few(c.typ), c.name + " += " + few(c.typ)}
	switch c.typ.name {
	case "list":
		return pick(g, append(add,
			c.name+" = "+few(c.typ)+" + "+c.name,
			c.name+" = "+c.name+" - "+few(c.typ), c.name+" -= "+few(c.typ),
			fmt.Sprintf("%s[%d] = %s", c.name, g.rng.IntN(3), g.value(c.typ.elems[0]))))
	case "set":
		return pick(g, append(add, c.name+" = "+c.name+" - "+few(c.typ), c.name+" -= "+few(c.typ)))
	}
	keys := &typ{name: "set", elems: c.typ.elems[:1]}
	return pick(g, append(add,
		c.name+" = "+c.name+" - "+few(keys), c.name+" -= "+few(keys),
		c.name+"["+g.literal(c.typ.elems[0])+"] = "+g.value(c.typ.elems[1]),
		c.name+"["+g.literal(c.typ.elems[0])+"] = "+g.value(c.typ.elems[1])))
}

// condition is IF EXISTS or IF on columns.
func (g *generator) condition(t *table) string {
	columns := t.of(regular, static)
	if len(columns) == 0 || g.chance(40) {
		return " IF EXISTS"
	}
	var parts []string
	for range 1 + g.rng.IntN(2) {
		c := pick(g, columns)
		name, of := c.name, c.typ
		switch {
		case of.fields != nil && g.chance(50):
			i := g.rng.IntN(len(of.fields))
			name, of = name+"."+of.fields[i], of.elems[i]
		case of.name == "list" && g.chance(50):
			name, of = fmt.Sprintf("%s[%d]", name, g.rng.IntN(3)), of.elems[0]
		case of.name == "map" && g.chance(50):
			name, of = name+"["+g.literal(of.elems[0])+"]", of.elems[1]
		}
		if g.chance(20) {
			parts = append(parts, name+" IN ("+g.list(of)+")")
			continue
		}
		parts = append(parts, name+pick(g, []string{" = ", " = ", " != ", " < ", " >= ", " > ", " <= "})+g.value(of))
	}
	return " IF " + strings.Join(parts, " AND ")
}

func (g *generator) deletion(t *table, using func(bool) string, alone bool) string {
	what, where := "", ""
	rows := t.of(clusteringKey)
	switch n := g.rng.IntN(100); {
	case n < 35:
		var onlyStatics bool
		where, onlyStatics = g.rowOf(t)
		columns := t.of(regular)
		if onlyStatics {
			columns = t.of(static)
		}
		if len(columns) == 0 {
			columns = t.columns
		}
		what = " " + strings.Join(g.targets(some(g, columns, 40)), ", ")
	case n < 60:
		where, _ = g.rowOf(t)
	case n < 88 && len(rows) > 0:
		where = strings.Join(append(g.partition(t), g.slice(t)...), " AND ")
	default:
		where = strings.Join(g.partition(t), " AND ")
	}
	out := "DELETE" + what + " FROM " + t.name + using(false) + " WHERE " + where
	if alone && !g.clocked && g.chance(20) {
		out += g.condition(t)
	}
	return out
}

// targets are the columns of a DELETE, or elements of them.
func (g *generator) targets(columns []*column) []string {
	var out []string
	for _, c := range columns {
		name := c.name
		switch {
		case !c.typ.multicell() || g.chance(40):
		case c.typ.fields != nil:
			name += "." + pick(g, c.typ.fields)
		case c.typ.name == "list":
			name += fmt.Sprintf("[%d]", g.rng.IntN(3))
		default:
			name += "[" + g.literal(c.typ.elems[0]) + "]"
		}
		out = append(out, name)
	}
	return out
}

// partition names a partition, or several by IN.
func (g *generator) partition(t *table) []string {
	var out []string
	for _, c := range t.of(partitionKey) {
		out = append(out, g.equal(c, 8))
	}
	return out
}

// slice is a range of rows: equalities, then a range, IN or a relation of several columns.
func (g *generator) slice(t *table) []string {
	rows := t.of(clusteringKey)
	if len(rows) == 0 {
		return nil
	}
	equal := g.rng.IntN(len(rows))
	var out []string
	for _, c := range rows[:equal] {
		out = append(out, g.equal(c, 12))
	}
	rest := rows[equal:]
	if len(rest) > 1 && g.chance(30) {
		return append(out, g.several(rest[:1+g.rng.IntN(len(rest))])...)
	}
	c := rest[0]
	lower, upper := pick(g, []string{" > ", " >= "}), pick(g, []string{" < ", " <= "})
	switch n := g.rng.IntN(10); {
	case n < 2:
		return append(out, c.name+lower+g.literal(c.typ))
	case n < 4:
		return append(out, c.name+upper+g.literal(c.typ))
	case n < 7:
		return append(out, c.name+lower+g.literal(c.typ), c.name+upper+g.literal(c.typ))
	case n < 8:
		return append(out, c.name+" IN ("+g.list(c.typ)+")")
	}
	return append(out, g.equal(c, 0))
}

// several is a relation of several columns at once.
func (g *generator) several(columns []*column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	head := "(" + strings.Join(names, ", ") + ")"
	tuple := func(count int) string {
		values := make([]string, count)
		for i := range values {
			values[i] = g.literal(columns[i].typ)
		}
		return "(" + strings.Join(values, ", ") + ")"
	}
	all := func() string { return tuple(len(columns)) }
	switch n := g.rng.IntN(10); {
	case n < 2:
		return []string{head + " = " + all()}
	case n < 4:
		return []string{head + " IN (" + all() + ", " + all() + ")"}
	case n < 7:
		return []string{head + pick(g, []string{" > ", " >= ", " < ", " <= "}) + all()}
	}
	shorter := 1 + g.rng.IntN(len(columns))
	return []string{
		head + pick(g, []string{" > ", " >= "}) + all(),
		"(" + strings.Join(names[:shorter], ", ") + ")" + pick(g, []string{" < ", " <= "}) + tuple(shorter),
	}
}
