package planner

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// inserts are statements on the tables of writeSchema and how many ints each takes.
var inserts = []string{
	"INSERT INTO t (k, c, d, v, w) VALUES (?, ?, ?, ?, 'x')",
	"INSERT INTO t (k, c, d, v, s) VALUES (?, ?, ?, ?, ?)",
	"INSERT INTO t (k, s) VALUES (?, ?)",
	"INSERT INTO two (a, b, v) VALUES (?, 'text', ?)",
	"INSERT INTO ttl (k, v) VALUES (?, ?)",
	"INSERT INTO one (k, c, v) VALUES (?, ?, ?) USING TTL ?",
	"INSERT INTO one (k, c, v) VALUES (?, ?, ?) USING TIMESTAMP 99",
	"UPDATE one SET v = ? WHERE k = ? AND c = ?",
	"DELETE FROM one WHERE k = ? AND c = ?",
	"DELETE FROM t WHERE k = ?",
	"BEGIN BATCH INSERT INTO one (k, c) VALUES (?, ?); INSERT INTO one (k, c, v) VALUES (?, ?, 7); APPLY BATCH",
}

// effects are what mutations do, one thing a line, in their order.
func effects(ms []Mutation) (out []string) {
	for _, m := range ms {
		of := fmt.Sprintf("%s %d %x", m.Table.Name, m.Key.Token, m.Key.Key)
		single := func(part mutation.Mutation) {
			part.Table, part.Key = m.Mutation.Table, m.Key
			out = append(out, of+show(&Write{Mutations: []Mutation{{m.Table, part}}}))
		}
		if !m.Deletion.IsNone() {
			single(mutation.Mutation{Deletion: m.Deletion})
		}
		if m.Static != nil {
			single(mutation.Mutation{Static: m.Static})
		}
		for i := range m.Rows {
			single(mutation.Mutation{Rows: m.Rows[i : i+1]})
		}
		for i := range m.Ranges {
			single(mutation.Mutation{Ranges: m.Ranges[i : i+1]})
		}
	}
	return out
}

// TestBuffersHoldWhatStatementsDo: statements that are bound one behind the other into a buffer, which was used before, do what each of them does
// that is bound by itself, in the same order; and consecutive rows of one partition are one mutation.
func TestBuffersHoldWhatStatementsDo(t *testing.T) {
	s := writeSchema(t)
	var statements []*Prepared
	for _, text := range inserts {
		tree, err := cql.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Prepare(s, "ks", tree, nil)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, p)
	}
	var buffer WriteBuffer
	rapid.Check(t, func(r *rapid.T) {
		buffer.Reset()
		var want []Mutation
		few := rapid.SliceOfNDistinct(rapid.IntRange(0, len(statements)-1), 1, 3, rapid.ID).Draw(r, "statements")
		for range rapid.IntRange(0, 60).Draw(r, "entries") {
			p := statements[rapid.SampledFrom(few).Draw(r, "statement")]
			values := make([]Value, len(p.Markers))
			for i, m := range p.Markers {
				switch n := rapid.IntRange(0, 40).Draw(r, "value"); {
				case n == 0:
					values[i] = null
				case n == 1:
					values[i] = unset
				case m.Type.Kind() == types.KindBigint:
					values[i] = Value{Bytes: types.AppendBigint(nil, int64(n))}
				default:
					values[i] = given(int32(n % 3))
				}
			}
			alone, err := p.Bind(values, writeContext)
			if err != nil {
				continue
			}
			plan, err := p.BindInto(&buffer, values, &writeContext)
			if err != nil || plan != nil {
				r.Fatalf("%v, %v", plan, err)
			}
			want = append(want, alone.(*Write).Mutations...)
		}
		if got, want := effects(buffer.Write().Mutations), effects(want); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			r.Fatalf("\n got %q\nwant %q", got, want)
		}
	})
}

// TestRowsOfAPartitionAreOneMutation: as long as they come one after the other and nothing else lies between them.
func TestRowsOfAPartitionAreOneMutation(t *testing.T) {
	s := writeSchema(t)
	const insert = "INSERT INTO one (k, c, v) VALUES (%d, %d, 1); "
	row := func(k, c int) string { return fmt.Sprintf(insert, k, c) }
	static := "INSERT INTO t (k, c, d, s) VALUES (1, 1, %d, 1); "
	for text, want := range map[string]int{
		row(1, 1) + row(1, 2) + row(1, 1):                                                              1,
		row(1, 1) + row(2, 2) + row(1, 1):                                                              3,
		row(1, 1) + "DELETE FROM one WHERE k = 1 AND c = 1; " + row(1, 1):                              3,
		row(1, 1) + "INSERT INTO ap (k, c, v) VALUES (1, 1, 1); " + row(1, 1):                          3,
		fmt.Sprintf(static, 1) + fmt.Sprintf(static, 2):                                                2,
		fmt.Sprintf(static, 1) + "INSERT INTO t (k, c, d) VALUES (1, 1, 9); ":                          1,
		"INSERT INTO two (a, b) VALUES (1, 'x'); INSERT INTO two (a, b) VALUES (1, 'x'); ":             1,
		"INSERT INTO two (a, b, v) VALUES (1, 'x', 2); INSERT INTO two (a, b, v) VALUES (1, 'y', 2); ": 2,
	} {
		w, err := bindWrite(s, "BEGIN BATCH "+text+"APPLY BATCH")
		if err != nil {
			t.Fatal(err)
		}
		if got := len(w.Mutations); got != want {
			t.Errorf("%s: %d mutations, want %d", text, got, want)
		}
	}
}
