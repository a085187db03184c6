package planner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// showComplex writes a multi-cell column out: its deletion, and its elements with what their paths are of.
func showComplex(t *testing.T, col *schema.Column, cell *mutation.Cell) string {
	t.Helper()
	var c mutation.Complex
	if err := c.Decode(cell.Value); err != nil {
		t.Fatal(err)
	}
	if envelope := c.Cell(col.ID, nil); envelope.Timestamp != cell.Timestamp || envelope.ExpiresAt != cell.ExpiresAt {
		t.Errorf("the envelope of %s is %+v", col.Name, cell)
	}
	of := types.TimeUUID
	if col.Type.Kind() != types.KindList {
		of = col.Type.Elems()[0]
	}
	var out []string
	if !c.Deletion.IsNone() {
		out = append(out, fmt.Sprintf("deleted@%d/%d", c.Deletion.MarkedAt, c.Deletion.LocalSec))
	}
	for _, e := range c.Elements {
		path, _, err := of.DecodeSortable(e.Path)
		if err != nil {
			t.Fatal(err)
		}
		name := string(of.AppendLiteral(nil, path))
		if of == types.TimeUUID {
			ms, _ := types.TimeUUIDMillis(path)
			name = fmt.Sprint(ms)
		}
		if e.IsTombstone() {
			out = append(out, fmt.Sprintf("%s=null@%d/%d", name, e.Timestamp, e.ExpiresAt))
		} else {
			out = append(out, fmt.Sprintf("%s=%x%s", name, e.Value, showEnd(e.Timestamp, e.TTL, e.ExpiresAt)))
		}
	}
	return strings.Join(out, " ")
}

// bindCollections binds a statement on a table of collections and writes out the columns that it changes.
func bindCollections(t *testing.T, s *schema.Snapshot, text string, values ...Value) (string, error) {
	t.Helper()
	tree, err := cql.Parse(text)
	if err != nil {
		return "", err
	}
	p, err := Prepare(s, "ks", tree, nil)
	if err != nil {
		return "", err
	}
	ticks := int64(1_600_000_000_000 * ticksPerMilli)
	ctx := writeContext
	ctx.NowTicks = func() int64 { ticks += ticksPerMilli; return ticks }
	plan, err := p.Bind(values, ctx)
	if err != nil {
		return "", err
	}
	var out []string
	for _, m := range plan.(*Write).Mutations {
		rows := m.Rows
		if m.Static != nil {
			rows = append([]mutation.Row{*m.Static}, rows...)
		}
		for _, row := range rows {
			for i := range row.Cells {
				for _, col := range m.Table.Columns() {
					if col.ID == row.Cells[i].Column && col.Type.Multicell() {
						out = append(out, col.Name+": "+showComplex(t, col, &row.Cells[i]))
					}
				}
			}
		}
	}
	return strings.Join(out, "; "), nil
}

// TestCollectionWrites: what statements do to collections that are not frozen (R22).
func TestCollectionWrites(t *testing.T) {
	s := withSystem(schemaOf(t, "CREATE TABLE t (k int, c int, l list<int>, s set<text>, m map<text, int>, z set<int> static, PRIMARY KEY (k, c))"))
	list := func(v ...int32) Value {
		var elems [][]byte
		for _, e := range v {
			elems = append(elems, bytesOf(e))
		}
		return Value{Bytes: types.ListOf(types.Int).AppendCollection(nil, elems)}
	}
	for _, test := range []struct {
		text   string
		values []Value
		want   string
	}{
		{"INSERT INTO t (k, c, s) VALUES (1, 1, {'b', 'a', 'b'})", nil, "s: deleted@6/1000 'a'=@7 'b'=@7"},
		{"INSERT INTO t (k, c, m) VALUES (1, 1, {'b': 1, 'a': 2}) USING TTL 5 AND TIMESTAMP 9", nil, "m: deleted@8/1000 'a'=00000002@9+5=1005 'b'=00000001@9+5=1005"},
		{"INSERT INTO t (k, c, m) VALUES (1, 1, {})", nil, "m: deleted@6/1000"},
		{"INSERT INTO t (k, c, m, s) VALUES (1, 1, null, ?)", []Value{unset}, "m: deleted@6/1000"},
		{"INSERT INTO t (k, c, l) VALUES (1, 1, [8, 9])", nil, "l: deleted@6/1000 1600000000001=00000008@7 1600000000002=00000009@7"},
		{"INSERT INTO t (k, z) VALUES (1, {5})", nil, "z: deleted@6/1000 5=@7"},
		{"UPDATE t SET l = l + ?, l = ? + l WHERE k = 1 AND c = 1", []Value{list(3, 4), list(1, 2)}, "l: 924607999996=00000001@7 924607999997=00000002@7 1600000000001=00000003@7 1600000000002=00000004@7"},
		{"UPDATE t SET l = l + ? WHERE k = 1 AND c = 1", []Value{null}, ""},
		{"UPDATE t SET s = s + {'x'}, s = s - {'y', 'x'} WHERE k = 1 AND c = 1", nil, "s: 'x'=null@7/1000 'y'=null@7/1000"},
		{"UPDATE t SET m['b'] = 2, m['b'] = 3, m = m + {'b': 1} WHERE k = 1 AND c = 1", nil, "m: 'b'=00000003@7"},
		{"UPDATE t SET m[?] = ?, m[?] = ? WHERE k = 1 AND c = 1", []Value{{Bytes: []byte("a")}, unset, {Bytes: []byte("b")}, null}, "m: 'b'=null@7/1000"},
		{"UPDATE t SET m = m - {'q'} WHERE k = 1 AND c = 1", nil, "m: 'q'=null@7/1000"},
		{"DELETE m['b'], s['x'], s['y'] FROM t WHERE k = 1 AND c = 1", nil, "s: 'x'=null@7/1000 'y'=null@7/1000; m: 'b'=null@7/1000"},
		{"DELETE m['b'], m FROM t USING TIMESTAMP 20 WHERE k = 1 AND c = 1", nil, "m: deleted@20/1000"},
		{"DELETE z[?] FROM t WHERE k = 1", []Value{given(4)}, "z: 4=null@7/1000"},
	} {
		got, err := bindCollections(t, s, test.text, test.values...)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
		} else if got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

// TestRestampedCollections: a write with IF has one timestamp everywhere, and the one before for what it deletes.
func TestRestampedCollections(t *testing.T) {
	s := withSystem(schemaOf(t, "CREATE TABLE t (k int PRIMARY KEY, m map<text, int>)"))
	tree, err := cql.Parse("UPDATE t SET m = {'a': 1} WHERE k = 1 IF EXISTS")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Prepare(s, "ks", tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := p.Bind(nil, writeContext)
	if err != nil {
		t.Fatal(err)
	}
	c := plan.(*Conditional)
	c.Restamp(100)
	m := c.Write.Mutations[0]
	if got := showComplex(t, m.Table.Column("m"), &m.Rows[0].Cells[0]); got != "deleted@99/1000 'a'=00000001@100" {
		t.Error(got)
	}
}
