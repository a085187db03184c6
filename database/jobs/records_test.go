package jobs

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// largeKey is a key of which a few are a record.
func largeKey(k byte) partition.DecoratedKey {
	key := make([]byte, 20_000)
	key[0] = k
	return partition.Decorate(key)
}

// fill puts a row into each of many windows of a partition, beside the scheduler, and a mark of them all.
func (f *fake) fill(r *Rollups, key partition.DecoratedKey, from, to, each int64) {
	for at := from; at < to; at += each {
		row := mutation.Row{Clustering: f.place(at), Live: mutation.Liveness{ExpiresAt: mutation.Forever}}
		row.Cells = []mutation.Cell{{Column: 1, ExpiresAt: mutation.Forever, Value: types.AppendInt(nil, 1)}}
		f.putLocked(&mutation.Mutation{Table: f.rollup.Source.ID, Key: key, Rows: []mutation.Row{row}})
	}
	m := Mark{Rollup: f.rollup.Table.ID, Base: key, Window: downsample.Window{Start: math.MinInt64, End: math.MaxInt64}}
	f.sequence++
	f.marks[m.name()], f.base[string(key.Key)] = f.sequence, key
	r.Marked(m, f.sequence)
}

// Records are of few bytes, however large the rows are: the log takes no others.
func TestRecordsAreOfFewBytes(t *testing.T) {
	f := newFake(false)
	f.bytesMax = 1 << 20
	r, _ := start(t, f)
	f.fill(r, largeKey(1), 0, 90*hour, hour)
	f.fill(r, largeKey(2), 0, 90*hour, hour)
	mustSettle(t, r)
	checkRollup(t, f)
	if len(f.marks) != 0 || len(f.applied) < 3 {
		t.Errorf("%d marks are left, %d records", len(f.marks), len(f.applied))
	}
}

// A mark of everything leaves marks of blocks of windows that are open, in records of few bytes, and is answered once.
func TestManyOpenWindowsAreFewMarks(t *testing.T) {
	const ahead = 20_000
	for _, desc := range []bool{false, true} {
		f := newFake(desc)
		f.bytesMax = 1 << 20
		r, clk := start(t, f)
		f.fill(r, largeKey(1), 90*hour, (100+ahead)*hour, hour)
		mustSettle(t, r)
		if n := len(f.marks); n < ahead/64 || n > ahead/64+2 {
			t.Errorf("%d marks of %d open windows", n, ahead)
		}
		for n := range f.marks {
			if n.window.Start < 100*hour || n.window.End-n.window.Start > 64*hour {
				t.Errorf("a mark of %+v", n.window)
			}
		}
		clk.Set(time.UnixMilli((100 + ahead + 64) * hour))
		mustSettle(t, r)
		checkRollup(t, f)
		if len(f.marks) != 0 {
			t.Errorf("marks are left: %v", len(f.marks))
		}
	}
}

// Parts of an answer come in an order in which none needs one behind it.
func TestPartsOfAnAnswerAreInOrder(t *testing.T) {
	var a Answer
	for k := range byte(60) {
		m := Mark{Base: largeKey(k), Window: downsample.Window{End: 1}}
		a.Marked, a.Cleared = append(a.Marked, m), append(a.Cleared, m)
		a.Rows = append(a.Rows, mutation.Mutation{Key: m.Base, Rows: []mutation.Row{{}}})
	}
	a.UpTo, a.States = 7, map[mutation.TableID]State{{1}: {}}
	var all Answer
	parts := a.records()
	for i, p := range parts {
		if p.recordBytes() > recordBytesMax || p.UpTo != 7 || (p.States != nil) != (i == len(parts)-1) {
			t.Errorf("part %d of %d: %d bytes, up to %d, %d states", i, len(parts), p.recordBytes(), p.UpTo, len(p.States))
		}
		if len(p.Marked) > 0 && len(all.Rows)+len(all.Cleared) > 0 || len(p.Rows) > 0 && len(all.Cleared) > 0 {
			t.Errorf("part %d comes too late", i)
		}
		all.Marked, all.Rows, all.Cleared = append(all.Marked, p.Marked...), append(all.Rows, p.Rows...), append(all.Cleared, p.Cleared...)
	}
	same := func(x, y Mark) bool { return x.name() == y.name() }
	if len(parts) < 6 || !slices.EqualFunc(all.Marked, a.Marked, same) || !slices.EqualFunc(all.Cleared, a.Cleared, same) || len(all.Rows) != len(a.Rows) {
		t.Errorf("%d parts of %d marks, %d rows, %d ends", len(parts), len(all.Marked), len(all.Rows), len(all.Cleared))
	}
}
