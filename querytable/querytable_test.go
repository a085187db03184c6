package querytable

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// baseTable is base(k | c DESC | v, w, x); their numbers are 1, 2 and 3.
func baseTable() *schema.Table {
	t := &schema.Table{Keyspace: "ks", Name: "base", Kind: schema.Base, Options: schema.DefaultOptions()}
	t.PartitionKey = []*schema.Column{{Name: "k", Kind: schema.PartitionKey, Type: types.Int}}
	t.Clustering = []*schema.Column{{Name: "c", Kind: schema.ClusteringKey, Type: types.Int, Desc: true}}
	for _, name := range []string{"v", "w", "x"} {
		t.AddColumn(&schema.Column{Name: name, Kind: schema.Regular, Type: types.Text})
	}
	return t
}

// copyTable is byv(v | c, k | w) of base, WHERE the columns of notNull are not null. w has number 1 there.
func copyTable(notNull ...string) *schema.Table {
	t := &schema.Table{Keyspace: "ks", Name: "byv", Kind: schema.QueryTable, Options: schema.DefaultOptions()}
	t.PartitionKey = []*schema.Column{{Name: "v", Kind: schema.PartitionKey, Type: types.Text}}
	t.Clustering = []*schema.Column{
		{Name: "c", Kind: schema.ClusteringKey, Type: types.Int},
		{Name: "k", Kind: schema.ClusteringKey, Position: 1, Type: types.Int, Desc: true},
	}
	t.AddColumn(&schema.Column{Name: "w", Kind: schema.Regular, Type: types.Text})
	t.Copy = &schema.Copy{Base: "base", NotNull: notNull, Columns: []schema.CopiedColumn{{From: 2, To: 1}}}
	return t
}

func projector(t testing.TB, notNull ...string) *Projector {
	t.Helper()
	p, err := New(baseTable(), copyTable(notNull...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func keyOf(k int32) partition.DecoratedKey { return partition.Decorate(types.AppendInt(nil, k)) }

func clusteringOf(t testing.TB, c int32) []byte {
	t.Helper()
	at, err := baseTable().ClusteringLayout().Encode([][]byte{types.AppendInt(nil, c)})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func live(column mutation.ColumnID, value string, end int64) mutation.Cell {
	c := mutation.Cell{Column: column, Timestamp: 5, ExpiresAt: end, Value: []byte(value)}
	if end != mutation.Forever {
		c.TTL = 10
	}
	return c
}

func marker(end int64) mutation.Liveness { return mutation.Liveness{Timestamp: 5, ExpiresAt: end} }

const forever = mutation.Forever

// one projects a row that has one row in the copy at most.
func one(p *Projector, key partition.DecoratedKey, row *mutation.Row, now int64) (Row, bool, error) {
	out, err := p.Project(key, Base{Row: row}, now)
	if err != nil || len(out) == 0 {
		return Row{}, false, err
	}
	return out[0], true, nil
}

// TestEnds: a copy row ends with the first of its key and filter cells, and with the last of all (R39a).
func TestEnds(t *testing.T) {
	dead := mutation.Cell{Column: 1, Timestamp: 6, ExpiresAt: 50}
	for _, c := range []struct {
		name    string
		row     mutation.Row
		notNull []string
		want    int64 // 0: no row
	}{
		{"nothing ends", mutation.Row{Live: marker(forever), Cells: []mutation.Cell{live(1, "a", forever)}}, nil, forever},
		{"no key cell", mutation.Row{Live: marker(forever), Cells: []mutation.Cell{live(2, "w", forever)}}, nil, 0},
		{"a deleted key cell", mutation.Row{Live: marker(forever), Cells: []mutation.Cell{dead}}, nil, 0},
		{"the key cell ends first", mutation.Row{Live: marker(forever), Cells: []mutation.Cell{live(1, "a", 100)}}, nil, 100},
		{"the row ends before the key cell", mutation.Row{Live: marker(80), Cells: []mutation.Cell{live(1, "a", 100)}}, nil, 100},
		{"the key cell alone keeps the row", mutation.Row{Cells: []mutation.Cell{live(1, "a", 100)}}, nil, 100},
		{"a cell that is not copied keeps the row", mutation.Row{Live: marker(80), Cells: []mutation.Cell{live(1, "a", forever), live(3, "x", 200)}}, nil, forever},
		{"liveness ends, copied cell later", mutation.Row{Live: marker(80), Cells: []mutation.Cell{live(1, "a", 90), live(2, "w", 200)}}, nil, 90},
		{"filter cell missing", mutation.Row{Live: marker(forever), Cells: []mutation.Cell{live(1, "a", forever)}}, []string{"x"}, 0},
		{"filter cell ends", mutation.Row{Live: marker(forever), Cells: []mutation.Cell{live(1, "a", 100), live(3, "x", 70)}}, []string{"x"}, 70},
		{"filter on the key column", mutation.Row{Live: marker(forever), Cells: []mutation.Cell{live(1, "a", 100)}}, []string{"v"}, 100},
	} {
		c.row.Clustering = clusteringOf(t, 3)
		got, ok, err := one(projector(t, c.notNull...), keyOf(1), &c.row, 0)
		if err != nil || ok != (c.want != 0) || got.Row.Live.ExpiresAt != c.want {
			t.Errorf("%s: end %d, row %t, %v; want %d", c.name, got.Row.Live.ExpiresAt, ok, err, c.want)
		}
	}
}

// TestCopiedCellsKeepTheirMetadata: WRITETIME and TTL of a copy are those of the base (R39b).
func TestCopiedCellsKeepTheirMetadata(t *testing.T) {
	row := mutation.Row{Clustering: clusteringOf(t, 3), Live: mutation.Liveness{Timestamp: 4, TTL: 9, ExpiresAt: 400},
		Cells: []mutation.Cell{live(1, "a", 300), {Column: 2, Timestamp: 8, TTL: 7, ExpiresAt: 90, Value: []byte("w")}}}
	got, ok, err := one(projector(t), keyOf(1), &row, 0)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	want := mutation.Cell{Column: 1, Timestamp: 8, TTL: 7, ExpiresAt: 90, Value: []byte("w")}
	if c := got.Row.Cells[0]; len(got.Row.Cells) != 1 || c.Column != want.Column || c.Timestamp != 8 || c.TTL != 7 || c.ExpiresAt != 90 || string(c.Value) != "w" {
		t.Errorf("cell %+v", got.Row.Cells)
	}
	if l := got.Row.Live; l.Timestamp != 4 || l.TTL != 9 || l.ExpiresAt != 300 {
		t.Errorf("liveness %+v", l)
	}
	if string(got.Key.Key) != "a" {
		t.Errorf("key %x", got.Key.Key)
	}
}

func TestDefinitionsThatDoNotFit(t *testing.T) {
	foreign := copyTable()
	foreign.PartitionKey[0].Name = "nope"
	if _, err := New(baseTable(), foreign); err == nil || !strings.Contains(err.Error(), "key column nope is not in ks.base") {
		t.Errorf("got %v", err)
	}
	if _, err := New(baseTable(), copyTable("nope")); err == nil || !strings.Contains(err.Error(), "filtered column nope is not in ks.base") {
		t.Errorf("got %v", err)
	}
	broken := mutation.Row{Clustering: []byte{1}, Live: marker(forever), Cells: []mutation.Cell{live(1, "a", forever)}}
	if _, _, err := one(projector(t), keyOf(1), &broken, 0); err == nil {
		t.Error("a broken clustering is projected")
	}
	empty := mutation.Row{Clustering: clusteringOf(t, 1), Live: marker(forever), Cells: []mutation.Cell{live(1, "", forever)}}
	if _, ok, err := one(projector(t), keyOf(1), &empty, 0); ok || err != nil {
		t.Errorf("an empty partition key of a copy: in the copy %t, %v", ok, err)
	}
}

// genRow draws a merged row of the base; nil now and then.
func genRow(r *rapid.T, at []byte) *mutation.Row {
	if rapid.IntRange(0, 5).Draw(r, "none") == 0 {
		return nil
	}
	end := rapid.SampledFrom([]int64{10, 20, 30, forever})
	row := &mutation.Row{Clustering: at}
	if rapid.Bool().Draw(r, "live") {
		row.Live = marker(end.Draw(r, "live until"))
	}
	for column := mutation.ColumnID(1); column <= 3; column++ {
		switch rapid.IntRange(0, 3).Draw(r, "cell") {
		case 0:
		case 1:
			row.Cells = append(row.Cells, mutation.Cell{Column: column, Timestamp: 1, ExpiresAt: 5})
		default:
			row.Cells = append(row.Cells, live(column, rapid.SampledFrom([]string{"a", "b"}).Draw(r, "value"), end.Draw(r, "until")))
		}
	}
	return row
}

// visible is the naive answer: what a reader of the copy must see at a moment, computed from the base alone.
func visible(base map[string]*mutation.Row, notNull []string, now int64) []string {
	numbers := map[string]mutation.ColumnID{"v": 1, "w": 2, "x": 3}
	var out []string
	for place, row := range base {
		if row == nil {
			continue
		}
		cells := map[mutation.ColumnID]string{}
		shows := now < row.Live.ExpiresAt
		for _, c := range row.Cells {
			if !c.IsTombstone() && now < c.ExpiresAt {
				shows = true
				cells[c.Column] = string(c.Value)
			}
		}
		v, has := cells[1]
		shows = shows && has
		for _, name := range notNull {
			_, has := cells[numbers[name]]
			shows = shows && has
		}
		if !shows {
			continue
		}
		w, has := cells[2]
		out = append(out, fmt.Sprintf("%s %s w=%s/%t", v, place, w, has))
	}
	slices.Sort(out)
	return out
}

// copied is what a reader of the copy sees, whose rows merge by sequence, whole.
func copied(r *rapid.T, copies map[string]mutation.Row, now int64) []string {
	var out []string
	for place, row := range copies {
		if !row.Deletion.IsNone() || now >= row.Live.ExpiresAt {
			continue
		}
		v, at, _ := strings.Cut(place, "\x00")
		values, err := copyTable().ClusteringLayout().Decode([]byte(at))
		if err != nil {
			r.Fatal(err)
		}
		w, has := "", false
		for _, c := range row.Cells {
			if c.Column == 1 && !c.IsTombstone() && now < c.ExpiresAt {
				w, has = string(c.Value), true
			}
		}
		out = append(out, fmt.Sprintf("%s %d/%d w=%s/%t", v, types.DecodeInt64(values[1]), types.DecodeInt64(values[0]), w, has))
	}
	slices.Sort(out)
	return out
}

// TestCopiesEqualTheProjection: whatever happens to the rows of a base, the differences keep the copy equal
// to its projection at every moment (R39).
func TestCopiesEqualTheProjection(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var notNull []string
		if rapid.Bool().Draw(r, "filtered") {
			notNull = []string{"x"}
		}
		p := projector(t, notNull...)
		base, copies := map[string]*mutation.Row{}, map[string]mutation.Row{}
		for range rapid.IntRange(1, 12).Draw(r, "writes") {
			k, c := rapid.Int32Range(0, 1).Draw(r, "k"), rapid.Int32Range(0, 1).Draw(r, "c")
			place := fmt.Sprintf("%d/%d", k, c)
			after := genRow(r, clusteringOf(t, c))
			ms, err := p.Difference(keyOf(k), Base{Row: base[place]}, Base{Row: after}, 0)
			if err != nil {
				r.Fatal(err)
			}
			for _, m := range ms {
				for _, row := range m.Rows {
					if !row.Deletion.IsNone() && row.Deletion.LocalSec < 1 {
						r.Fatalf("a deletion of no time: %+v", row)
					}
					copies[string(m.Key.Key)+"\x00"+string(row.Clustering)] = row
				}
			}
			base[place] = after
			if again, err := p.Difference(keyOf(k), Base{Row: after}, Base{Row: after}, 1); err != nil || len(again) != 0 {
				r.Fatalf("no change is written as %+v, %v", again, err)
			}
			for _, now := range []int64{0, 9, 10, 15, 20, 25, 30, 1000} {
				if got, want := copied(r, maps.Clone(copies), now), visible(base, notNull, now); !slices.Equal(got, want) {
					r.Fatalf("at %d\n got %v\nwant %v", now, got, want)
				}
			}
		}
	})
}

// TestProjectionLeavesTheRowAlone: the base row belongs to the caller.
func TestProjectionLeavesTheRowAlone(t *testing.T) {
	row := mutation.Row{Clustering: clusteringOf(t, 3), Live: marker(forever), Cells: []mutation.Cell{live(1, "a", forever), live(2, "w", forever)}}
	before := bytes.Clone(row.Clustering)
	out, _, err := one(projector(t), keyOf(1), &row, 0)
	if err != nil {
		t.Fatal(err)
	}
	out.Row.Cells[0].Column, out.Row.Clustering[0] = 99, 99
	if row.Cells[1].Column != 2 || !bytes.Equal(row.Clustering, before) {
		t.Errorf("the row became %+v", row)
	}
}

// A cell that has expired may have lost its value (R34): its row has no place in the copy any more.
func TestEndedRowsNeedNoValues(t *testing.T) {
	row := mutation.Row{Clustering: clusteringOf(t, 1), Live: marker(forever),
		Cells: []mutation.Cell{{Column: 1, Timestamp: 1, TTL: 10, ExpiresAt: 100}}}
	if _, ok, err := one(projector(t), keyOf(1), &row, 100); ok || err != nil {
		t.Errorf("a row that has ended: in the copy %v, %v", ok, err)
	}
	if out, err := projector(t).Difference(keyOf(1), Base{Row: &row}, Base{}, 100); len(out) > 0 || err != nil {
		t.Errorf("a row that has ended and is deleted changes the copy: %v, %v", out, err)
	}
}
