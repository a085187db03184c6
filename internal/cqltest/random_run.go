package cqltest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// selection is a random SELECT: a slice of a partition in either order, or the whole table.
func (g *generator) selection() action {
	q := &question{ask: model.Query{Slice: clustering.Whole(), Whole: true}}
	text := "SELECT " + strings.Join(g.selectors(), ", ") + " FROM t"
	if g.chance(20) {
		q.keys = g.allKeys()
	} else {
		relations, key := g.where(g.table.PartitionKey)
		q.keys = [][][]byte{key}
		if len(g.table.Clustering) > 0 {
			if g.chance(70) {
				rows, slice := g.slice(true)
				relations, q.ask.Slice, q.ask.Whole = append(relations, rows...), slice, len(rows) == 0
			}
		}
		text += " WHERE " + strings.Join(relations, " AND ")
		if len(g.table.Clustering) > 0 && g.chance(30) {
			q.ask.Reverse = true
			text += " ORDER BY " + g.table.Clustering[0].Name + map[bool]string{true: " ASC", false: " DESC"}[g.table.Clustering[0].Desc]
		}
	}
	if len(g.table.Clustering) > 0 && g.chance(15) {
		q.ask.Limit = 1 + g.rng.IntN(2)
		text += " PER PARTITION LIMIT " + strconv.Itoa(q.ask.Limit)
	}
	if g.chance(25) {
		q.limited = 1 + g.rng.IntN(3)
		text += " LIMIT " + strconv.Itoa(q.limited)
	}
	return action{text: text, query: q}
}

// selectors are all columns, and of the values their timestamps and what is left of their TTL.
func (g *generator) selectors() []string {
	var out []string
	for _, c := range g.table.Columns() {
		out = append(out, c.Name)
		if c.Kind == schema.Regular || c.Kind == schema.Static {
			out = append(out, "writetime("+c.Name+")")
			if !g.judge {
				out = append(out, "ttl("+c.Name+")")
			}
		}
	}
	return out
}

// allKeys are all partition keys that can be written, in the order of their tokens.
func (g *generator) allKeys() [][][]byte {
	keys := [][][]byte{nil}
	for _, c := range g.table.PartitionKey {
		var longer [][][]byte
		for _, key := range keys {
			for _, word := range g.words[c.Type.Kind()] {
				v, err := parseValue(c.Type, word)
				if err != nil {
					panic(err) // the words are ours
				}
				longer = append(longer, append(slices.Clone(key), v.Bytes))
			}
		}
		keys = longer
	}
	layout := g.table.PartitionLayout()
	decorated := func(key [][]byte) partition.DecoratedKey {
		enc, err := layout.Encode(key)
		if err != nil {
			return partition.DecoratedKey{} // an empty key: nothing can be written there
		}
		return partition.Decorate(enc)
	}
	slices.SortFunc(keys, func(a, b [][]byte) int { return decorated(a).Compare(decorated(b)) })
	return keys
}

// expected is the model's answer as a script would write it.
func (g *generator) expected(m *model.Table, q *question, now int64) ([]string, error) {
	out := []string{strings.Join(g.selectors(), " | ")}
	for _, key := range q.keys {
		ask := q.ask
		ask.Key, ask.Now = key, now
		rows, err := m.Read(ask)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			out = append(out, g.line(key, row))
		}
	}
	if q.limited > 0 && len(out) > q.limited+1 {
		out = out[:q.limited+1]
	}
	return out, nil
}

func (g *generator) line(key [][]byte, row model.Row) string {
	var cells []string
	for _, c := range g.table.Columns() {
		switch c.Kind {
		case schema.PartitionKey:
			cells = append(cells, valueText(c.Type, key[c.Position]))
			continue
		case schema.ClusteringKey:
			var v []byte
			if row.Clustering != nil {
				v = row.Clustering[c.Position]
			}
			cells = append(cells, valueText(c.Type, v))
			continue
		}
		v, ok := row.Columns[c.Name]
		written, left := "null", "null"
		if ok {
			written = strconv.FormatInt(v.Timestamp, 10)
			if v.TTL > 0 {
				left = strconv.FormatInt(v.TTL, 10)
			}
			if v.Elements != nil {
				written, left = lists(v)
			}
		}
		cells = append(cells, valueText(c.Type, v.Bytes), written)
		if !g.judge {
			cells = append(cells, left)
		}
	}
	return strings.Join(cells, " | ")
}

// play runs a program on a target and on the model, and says where they differ; "" if they do not.
func (g *generator) play(target Target, program []action, now func() int64) (string, error) {
	m := model.New(g.table)
	for i, a := range program {
		if a.weather != nil {
			if err := target.Weather(a.weather); err != nil {
				return "", fmt.Errorf("action %d: %s: %w", i, a.weather.Verb, err)
			}
			continue
		}
		answer, err := target.Query(a.text, 0)
		if err != nil {
			return fmt.Sprintf("action %d: %s\n%v", i, a.text, err), nil
		}
		for _, op := range a.ops {
			op.Now = now()
			if err := m.Apply(op); err != nil {
				return "", err
			}
		}
		if a.query == nil {
			continue
		}
		want, err := g.expected(m, a.query, now())
		if err != nil {
			return "", err
		}
		if what := Match(want, answer, nil); what != "" {
			return fmt.Sprintf("action %d: %s\n%s", i, a.text, what), nil
		}
	}
	return "", nil
}

// script is a program as a script, to keep as a test what a run found.
func script(create string, program []action) string {
	out := "cql\n" + create + ";\n"
	for _, a := range program {
		switch {
		case a.weather == nil:
			out += "\ncql\n" + a.text + ";\n"
		case a.weather.Verb == VerbAdvance:
			out += fmt.Sprintf("\nadvance %v\n", a.weather.Advance)
		default:
			out += "\n" + string(a.weather.Verb) + "\n"
		}
	}
	return out
}
