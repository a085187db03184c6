package generate

import (
	"fmt"
	"strings"
)

// selection is a SELECT of any shape.
func (g *generator) selection(t *table) string {
	distinct, grouped := g.chance(6), g.chance(12)
	where, filtered := g.where(t)
	group := ""
	if grouped {
		names := namesOf(t.of(partitionKey, clusteringKey))
		names = names[:1+g.rng.IntN(len(names))]
		if g.chance(8) {
			names = append(names, pick(g, t.columns).name)
		}
		group = " GROUP BY " + strings.Join(names, ", ")
	}
	tail := g.tail(t, filtered)
	out := "SELECT "
	switch {
	case distinct:
		out += "DISTINCT " + strings.Join(namesOf(append(t.of(partitionKey), some(g, t.of(static), 40)...)), ", ")
		if g.chance(80) {
			where, group = nil, ""
			if g.chance(40) {
				where = g.partition(t)
			}
		}
	default:
		if g.features.JSON && g.chance(8) {
			out += "JSON "
		}
		out += g.selectors(t, grouped)
	}
	out += " FROM " + t.name
	if len(where) > 0 {
		out += " WHERE " + strings.Join(where, " AND ")
	}
	// GROUP BY stands before ORDER BY.
	return out + group + tail
}

// where are the relations of a SELECT, and whether they are likely to need ALLOW FILTERING.
func (g *generator) where(t *table) (where []string, filtered bool) {
	switch n := g.rng.IntN(100); {
	case n < 18:
	case n < 30:
		where = g.partition(t)
	case n < 60:
		where = append(g.partition(t), g.slice(t)...)
	case n < 68:
		where = g.tokens(t)
	default:
		where, filtered = g.filters(t), true
	}
	if !filtered && g.chance(10) && len(where) > 0 {
		where, filtered = append(where, g.filters(t)...), true
	}
	return where, filtered
}

// tail is what follows WHERE and GROUP BY.
func (g *generator) tail(t *table, filtered bool) string {
	var out string
	if rows := t.of(clusteringKey); len(rows) > 0 && g.chance(25) {
		out += " ORDER BY " + g.order(rows)
	}
	if g.chance(12) {
		out += fmt.Sprintf(" PER PARTITION LIMIT %d", 1+g.rng.IntN(3))
	}
	if g.chance(20) {
		out += fmt.Sprintf(" LIMIT %d", 1+g.rng.IntN(5))
	}
	if filtered && !g.chance(7) || g.chance(5) {
		out += " ALLOW FILTERING"
	}
	return out
}

func namesOf(columns []*column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.name
	}
	return out
}

// order is an ORDER BY as the table has it, its reverse, or seldom anything.
func (g *generator) order(rows []*column) string {
	reverse := g.chance(60)
	var parts []string
	for _, c := range rows[:1+g.rng.IntN(len(rows))] {
		desc := c.desc != reverse
		if g.chance(4) {
			desc = !desc
		}
		word := map[bool]string{true: " DESC", false: " ASC"}[desc]
		if !desc && g.chance(30) {
			word = ""
		}
		parts = append(parts, c.name+word)
	}
	return strings.Join(parts, ", ")
}

// tokens are ranges of tokens.
func (g *generator) tokens(t *table) []string {
	keys := t.of(partitionKey)
	names := strings.Join(namesOf(keys), ", ")
	bound := func() string {
		if g.chance(30) {
			return pick(g, []string{"0", "-9223372036854775808", "9223372036854775807", "-3000000000000000000"})
		}
		var values []string
		for _, c := range keys {
			values = append(values, g.literal(c.typ))
		}
		return "token(" + strings.Join(values, ", ") + ")"
	}
	head := "token(" + names + ")"
	switch n := g.rng.IntN(10); {
	case n < 4:
		return []string{head + pick(g, []string{" > ", " >= "}) + bound()}
	case n < 6:
		return []string{head + pick(g, []string{" < ", " <= "}) + bound()}
	case n < 7:
		return []string{head + " = " + bound()}
	}
	return []string{head + pick(g, []string{" > ", " >= "}) + bound(), head + pick(g, []string{" < ", " <= "}) + bound()}
}

// filters are relations on any columns.
func (g *generator) filters(t *table) []string {
	var out []string
	for range 1 + g.rng.IntN(2) {
		out = append(out, g.filter(pick(g, t.columns)))
	}
	return out
}

func (g *generator) filter(c *column) string {
	of := c.typ
	if of.collection() && g.chance(75) {
		element := of.elems[len(of.elems)-1]
		switch {
		case of.name == "map" && g.chance(30):
			return c.name + " CONTAINS KEY " + g.literal(of.elems[0])
		case of.name == "map" && g.chance(40):
			return c.name + "[" + g.literal(of.elems[0]) + "]" + pick(g, []string{" = ", " = ", " > ", " <= "}) + g.literal(element)
		}
		return c.name + " CONTAINS " + g.literal(element)
	}
	switch n := g.rng.IntN(20); {
	case n < 8:
		return c.name + " = " + g.literal(of)
	case n < 16:
		return c.name + pick(g, []string{" > ", " >= ", " < ", " <= "}) + g.literal(of)
	case n < 18:
		return c.name + " IN (" + g.list(of) + ")"
	case n < 19:
		return pick(g, []string{
			c.name + " != " + g.literal(of), c.name + " IS NOT NULL", c.name + " CONTAINS " + g.literal(of), c.name + " = null", c.name + " LIKE 'a'",
			c.name + " BETWEEN " + g.literal(of) + " AND " + g.literal(of), c.name + " NOT IN (" + g.list(of) + ")", c.name + " IN ()",
		})
	}
	return c.name + " >= " + g.literal(of) + " AND " + c.name + " < " + g.literal(of)
}

// selectors are what a SELECT answers.
func (g *generator) selectors(t *table, grouped bool) string {
	switch {
	case grouped && g.chance(75) || g.chance(8):
		var out []string
		if g.chance(60) {
			out = namesOf(t.of(partitionKey))
		}
		for range 1 + g.rng.IntN(3) {
			out = append(out, g.aggregate(t))
		}
		return strings.Join(out, ", ")
	case g.chance(45):
		return "*"
	}
	var out []string
	for range 1 + g.rng.IntN(4) {
		word := g.selector(t)
		if g.chance(8) && !strings.HasPrefix(word, "ttl(") {
			word += " AS " + pick(g, []string{"x", `"X y"`, "count"})
		}
		out = append(out, word)
	}
	return strings.Join(out, ", ")
}

func (g *generator) aggregate(t *table) string {
	c := pick(g, t.columns)
	return pick(g, []string{
		"count(*)", "COUNT(1)", "count(" + c.name + ")", "min(" + c.name + ")", "max(" + c.name + ")", "sum(" + c.name + ")", "avg(" + c.name + ")",
		map[bool]string{true: "max(writetime(" + c.name + "))", false: "count(*)"}[g.clocked && !t.counter],
	})
}

// selector is a column or what is made of one.
func (g *generator) selector(t *table) string {
	c := pick(g, t.columns)
	if !g.chance(45) {
		return c.name
	}
	value := c
	if values := t.of(static, regular); len(values) > 0 {
		value = pick(g, values)
	}
	words := []string{
		"ttl(" + value.name + ")", "token(" + strings.Join(namesOf(t.of(partitionKey)), ", ") + ")",
		"CAST(" + c.name + " AS " + pick(g, scalars) + ")", c.typ.name + "AsBlob(" + c.name + ")",
	}
	if g.clocked && !t.counter { // else they say when the program ran
		words = append(words, "writetime("+value.name+")", "maxwritetime("+value.name+")")
	}
	switch c.typ.name {
	case "timeuuid", "timestamp", "date":
		words = append(words, pick(g, []string{"toDate", "toTimestamp", "toUnixTimestamp", "dateOf", "to_date", "to_timestamp", "to_unix_timestamp"})+"("+c.name+")")
	case "blob":
		words = append(words, "blobAs"+pick(g, []string{"Int", "Text", "Bigint", "Blob"})+"("+c.name+")")
	case "list", "set", "map":
		if g.features.Multicell {
			words = append(words, g.element(c))
		}
	}
	if c.typ.fields != nil {
		words = append(words, c.name+"."+pick(g, c.typ.fields), c.name+"."+pick(g, c.typ.fields), "ttl("+c.name+"."+pick(g, c.typ.fields)+")")
	}
	if g.features.JSON {
		words = append(words, "to_json("+c.name+")")
	}
	if g.features.Arithmetic {
		words = append(words, g.arithmetic(t, c), g.function(c))
	}
	return pick(g, words)
}

// element selects from a collection.
func (g *generator) element(c *column) string {
	key := c.typ.elems[0]
	if c.typ.name == "list" {
		key = &typ{name: "int"}
	}
	one := c.name + "[" + g.literal(key) + "]"
	return pick(g, []string{
		one, one, c.name + "[" + g.literal(key) + ".." + g.literal(key) + "]", c.name + "[.." + g.literal(key) + "]", c.name + "[" + g.literal(key) + "..]",
		map[bool]string{true: "writetime(" + one + ")", false: one}[g.clocked], "ttl(" + one + ")",
	})
}

// arithmetic is a sum or another operation of a column with a column or number.
func (g *generator) arithmetic(t *table, c *column) string {
	other := pick(g, t.columns).name
	if g.chance(60) {
		other = pick(g, []string{"1", "2", "0.5", "3", "-1", "1d", "0"})
	}
	return pick(g, []string{"", "-", "(int)"}[:2]) + c.name + pick(g, []string{" + ", " - ", " * ", " / ", " % "}) + other
}

// function is a function of a number, a text, a collection.
func (g *generator) function(c *column) string {
	switch c.typ.name {
	case "map":
		return pick(g, []string{"map_keys", "map_values", "collection_count"}) + "(" + c.name + ")"
	case "list", "set":
		return pick(g, []string{"collection_count", "collection_min", "collection_max", "collection_sum", "collection_avg"}) + "(" + c.name + ")"
	}
	return pick(g, []string{
		"abs", "exp", "log", "log10", "round", "mask_null", "mask_default", "minTimeuuid", "max_timeuuid", "toDate", "mask_inner",
	}) + "(" + c.name + ")"
}
