package ttl

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/mutationtest"
	"github.com/eskerdb/esker/mutation"
)

func TestPurgeRules(t *testing.T) {
	value := mutation.Cell{Column: 1, Timestamp: 5, ExpiresAt: mutation.Forever, Value: []byte("v")}
	tombstone := mutation.Cell{Column: 1, Timestamp: 5, ExpiresAt: 100}
	expiring := mutation.Cell{Column: 1, Timestamp: 5, TTL: 10, ExpiresAt: 100, Value: []byte("v")}
	purge := func(now, grace, elsewhere int64) Purge {
		return Purge{Law: mutation.ByTimestamp, NowSec: now, GCGraceSec: grace, OldestElsewhere: elsewhere}
	}
	for _, c := range []struct {
		rule  string
		cell  mutation.Cell
		purge Purge
		goes  bool
	}{
		{"a value stays", value, purge(1000, 0, Everywhere), false},
		{"R33 a tombstone waits for the grace", tombstone, purge(110, 10, Everywhere), false},
		{"R33 and goes a second later", tombstone, purge(111, 10, Everywhere), true},
		{"R33 not while older data may be elsewhere", tombstone, purge(111, 10, 5), false},
		{"R33 younger data elsewhere does not matter", tombstone, purge(111, 10, 6), true},
		{"R42 an expired cell does not wait", expiring, purge(100, 1000, Everywhere), true},
		{"R42 but must have expired", expiring, purge(99, 0, Everywhere), false},
		{"R42 and hide nothing elsewhere", expiring, purge(100, 1000, 5), false},
		{"nothing goes without a purge", tombstone, Purge{}, false},
		{"R41 expired cells rollups still read", expiring, Purge{Law: mutation.ByTimestamp, NowSec: 500, OldestElsewhere: Everywhere, KeepExpired: true}, false},
	} {
		row := mutation.Row{Cells: []mutation.Cell{c.cell}}
		if left := c.purge.Row(&row); left == c.goes || c.purge.Cell(&c.cell) != c.goes {
			t.Errorf("%s: %v", c.rule, row)
		}
	}
	row := mutation.Row{Cells: []mutation.Cell{expiring}}
	purge(100, 1000, 5).Row(&row)
	got := row.Cells[0]
	if len(got.Value) != 0 || got.TTL != 10 || got.ExpiresAt != 100 || got.Timestamp != 5 || got.IsTombstone() {
		t.Errorf("R34: an expired cell became %v", got)
	}
	if string(expiring.Value) != "v" {
		t.Error("the input was changed")
	}
}

// small draws rows and sides with few different numbers, so that all of them meet.
type small struct {
	law mutation.Law
	low int64 // of timestamps and sequences
}

func key(n int) []byte { return []byte{2, byte(n)} }

func (s small) time(t *rapid.T) int64 { return s.low + rapid.Int64Range(1, 4).Draw(t, "time") }

func (s small) deletion(t *rapid.T) mutation.Deletion {
	if rapid.IntRange(0, 2).Draw(t, "deleted") > 0 {
		return mutation.Deletion{}
	}
	return mutation.Deletion{MarkedAt: s.time(t), LocalSec: rapid.Int64Range(1, 6).Draw(t, "local")}
}

// end draws a TTL and an end.
func (s small) end(t *rapid.T) (int32, int64) {
	if rapid.Bool().Draw(t, "ends") {
		return rapid.Int32Range(1, 3).Draw(t, "ttl"), rapid.Int64Range(1, 10).Draw(t, "end")
	}
	return 0, mutation.Forever
}

func (s small) cells(t *rapid.T) []mutation.Cell {
	var cells []mutation.Cell
	for id := mutation.ColumnID(1); id <= 2; id++ {
		c := mutation.Cell{Column: id, Timestamp: s.time(t), Value: []byte{byte(rapid.IntRange(1, 2).Draw(t, "value"))}}
		c.TTL, c.ExpiresAt = s.end(t)
		switch rapid.IntRange(0, 2).Draw(t, "cell") {
		case 0:
			continue
		case 1:
			c.TTL, c.ExpiresAt, c.Value = 0, rapid.Int64Range(1, 6).Draw(t, "local"), nil
			if s.law == mutation.BySequence {
				continue
			}
		}
		cells = append(cells, c)
	}
	if s.law == mutation.ByTimestamp && rapid.Bool().Draw(t, "complex") {
		intn := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "complex") }
		cells = append(cells, mutationtest.Complex(intn, s.low+1, rapid.Int64Range(1, 6).Draw(t, "made")).Cell(3, nil))
	}
	return cells
}

func (s small) row(t *rapid.T, n int) mutation.Row {
	row := mutation.Row{Clustering: key(n), Deletion: s.deletion(t), Cells: s.cells(t)}
	if s.law == mutation.BySequence {
		row.Sequence = uint64(s.time(t))
	}
	if s.law == mutation.BySequence || rapid.Bool().Draw(t, "marker") {
		row.Live.Timestamp = s.time(t)
		row.Live.TTL, row.Live.ExpiresAt = s.end(t)
	}
	mutation.Normalize(s.law, &row)
	return row
}

// source is what one file or memtable holds of a partition.
type source struct {
	side mutation.Side
	rows []mutation.Row
}

func (s small) source(t *rapid.T) source {
	var out source
	out.side.Deletion = s.deletion(t)
	if d := s.deletion(t); !d.IsNone() {
		out.side.Ranges = []mutation.RangeTombstone{{Deletion: d,
			Slice: clustering.Slice{Start: clustering.Before(key(1)), End: clustering.After(key(2))}}}
	}
	if rapid.Bool().Draw(t, "static") {
		out.side.Static = &mutation.Row{Cells: s.cells(t)}
		if s.law == mutation.BySequence {
			out.side.Static.Sequence = uint64(s.time(t))
		}
	}
	for n := range 3 {
		if rapid.Bool().Draw(t, "row") {
			out.rows = append(out.rows, s.row(t, n))
		}
	}
	return out
}

type sliceSource struct{ rows []mutation.Row }

func (s *sliceSource) Next() (*mutation.Row, error) {
	if len(s.rows) == 0 {
		return nil, nil
	}
	row := s.rows[0]
	s.rows = s.rows[1:]
	return &row, nil
}

func merge(law mutation.Law, sources ...source) source {
	var sides []*mutation.Side
	var rows []mutation.RowSource
	for i := range sources {
		sides = append(sides, &sources[i].side)
		rows = append(rows, &sliceSource{sources[i].rows})
	}
	out := source{side: mutation.MergeSides(law, sides...)}
	merged := mutation.MergeRows(law, rows, &out.side, false)
	for row, _ := merged.Next(); row != nil; row, _ = merged.Next() {
		kept := *row
		kept.Cells = append([]mutation.Cell(nil), row.Cells...)
		out.rows = append(out.rows, kept)
	}
	return out
}

func (s source) purged(p Purge) source {
	out := source{side: p.Side(&s.side)}
	for _, row := range s.rows {
		if p.Row(&row) {
			out.rows = append(out.rows, row)
		}
	}
	return out
}

// oldest is the smallest timestamp of data, as the law compares.
func (s source) oldest(law mutation.Law) int64 {
	oldest := Everywhere
	rows := s.rows
	if s.side.Static != nil {
		rows = append([]mutation.Row{*s.side.Static}, rows...)
	}
	for _, row := range rows {
		if law == mutation.BySequence {
			oldest = min(oldest, int64(row.Sequence))
			continue
		}
		if !row.Live.IsNone() {
			oldest = min(oldest, row.Live.Timestamp)
		}
		for _, c := range row.Cells {
			oldest = min(oldest, c.Oldest())
		}
	}
	return oldest
}

// oldestIn is the same of the rows in a slice.
func (s source) oldestIn(law mutation.Law) func(clustering.Slice) int64 {
	return func(in clustering.Slice) int64 {
		var out source
		for _, row := range s.rows {
			if in.Contains(row.Clustering) {
				out.rows = append(out.rows, row)
			}
		}
		return out.oldest(law)
	}
}

// answer is what a reader sees at now, found the long way.
func (s source) answer(law mutation.Law, now int64) string {
	out := ""
	for _, row := range s.rows {
		shows := now < row.Live.ExpiresAt
		line := fmt.Sprintf("%x", row.Clustering)
		for _, c := range row.Cells {
			if c.Complex {
				if living := mutationtest.Living(c.Value, now); living != "" {
					line, shows = line+living, true
				}
				continue
			}
			if !c.IsTombstone() && (law == mutation.BySequence || now < c.ExpiresAt) {
				line += fmt.Sprintf(" %d:%x@%d until %d", c.Column, c.Value, c.Timestamp, c.ExpiresAt)
				shows = shows || law == mutation.ByTimestamp
			}
		}
		if shows {
			out += line + "\n"
		}
	}
	if s.side.Static != nil {
		for _, c := range s.side.Static.Cells {
			if c.Complex {
				if living := mutationtest.Living(c.Value, now); living != "" {
					out += "static " + living + "\n"
				}
			} else if !c.IsTombstone() && now < c.ExpiresAt {
				out += fmt.Sprintf("static %d:%x@%d until %d\n", c.Column, c.Value, c.Timestamp, c.ExpiresAt)
			}
		}
	}
	return out
}

// Law 3: what a merge forgets is not missed, now or later, whatever is elsewhere and
// whatever is written later with timestamps above what was forgotten (R45).
func TestPurgeNeverChangesAnAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		law := rapid.SampledFrom([]mutation.Law{mutation.ByTimestamp, mutation.BySequence}).Draw(t, "law")
		now := rapid.Int64Range(1, 10).Draw(t, "now")
		inside := merge(law, small{law, 2}.source(t), small{law, 2}.source(t))
		elsewhere := small{law, rapid.Int64Range(0, 6).Draw(t, "elsewhere from")}.source(t)
		later := small{law, 10}.source(t)
		purged := inside.purged(Purge{Law: law, NowSec: now, GCGraceSec: rapid.Int64Range(0, 5).Draw(t, "grace"),
			OldestElsewhere: elsewhere.oldest(law), OldestIn: elsewhere.oldestIn(law)})
		for at := now; at <= 11; at++ {
			got, want := merge(law, purged, elsewhere).answer(law, at), merge(law, inside, elsewhere).answer(law, at)
			if got != want {
				t.Fatalf("at %d:\n%swant\n%s", at, got, want)
			}
			got, want = merge(law, purged, elsewhere, later).answer(law, at), merge(law, inside, elsewhere, later).answer(law, at)
			if got != want {
				t.Fatalf("with later writes, at %d:\n%swant\n%s", at, got, want)
			}
		}
	})
}

func TestPurgeForgetsWhatItCan(t *testing.T) {
	d := mutation.Deletion{MarkedAt: 5, LocalSec: 10}
	all := clustering.Slice{Start: clustering.Before(nil), End: clustering.After(nil)}
	side := mutation.Side{Deletion: d, Static: &mutation.Row{Cells: []mutation.Cell{{Column: 1, Timestamp: 6, TTL: 1, ExpiresAt: 9}}},
		Ranges: []mutation.RangeTombstone{{Slice: all, Deletion: mutation.Deletion{MarkedAt: 6, LocalSec: 10}}}}
	p := Purge{Law: mutation.ByTimestamp, NowSec: 11, OldestElsewhere: Everywhere}
	if got := p.Side(&side); !got.IsEmpty() {
		t.Errorf("left: %+v", got)
	}
	p.OldestElsewhere = 6
	if got := p.Side(&side); !got.Deletion.IsNone() || got.Static == nil || len(got.Ranges) != 1 {
		t.Errorf("forgot what hides data elsewhere: %+v", got)
	}
	row := mutation.Row{Deletion: d, Live: mutation.Liveness{Timestamp: 6, TTL: 1, ExpiresAt: 11}}
	p.OldestElsewhere = math.MinInt64
	if !p.Row(&row) || row.Deletion.IsNone() || row.Live.IsNone() {
		t.Errorf("forgot although anything may be elsewhere: %+v", row)
	}
	p.OldestElsewhere = Everywhere
	if p.Row(&row) {
		t.Errorf("left: %+v", row)
	}
	row = mutation.Row{Sequence: 3, Deletion: mutation.Deletion{LocalSec: 10}}
	p.Law = mutation.BySequence
	if p.Row(&row) {
		t.Errorf("left: %+v", row)
	}
}
