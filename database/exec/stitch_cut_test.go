package exec

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// finality is a LevelSource without rows, of which everything is final but some windows.
type finality struct {
	open     map[string]map[int64]bool // by level and start
	retained map[string]int64
	whole    map[string]int64
	until    int64
}

func (f *finality) Read(*schema.Table, mutation.ReadRequest) (mutation.PartitionReader, error) {
	panic("nothing is read")
}

func (f *finality) Keys(*schema.Table, partition.Range) (mutation.KeyIterator, error) {
	return &memoryKeys{}, nil
}

func (f *finality) RetainedFrom(level *schema.Table) int64 {
	return f.retained[level.Name]
}

func (f *finality) WholeFrom(level *schema.Table) (int64, error) { return f.whole[level.Name], nil }

func (f *finality) FinalParts(level *schema.Table, _ partition.DecoratedKey, over downsample.Window) (out []downsample.Window, err error) {
	windows := level.Rollup.Windows()
	from := max(over.Start, -f.until)
	if over.Start < -f.until {
		start, _ := windows.BucketOf(-f.until)
		out = append(out, downsample.Window{Start: over.Start, End: start})
		from = start
	}
	for at := from; at < min(over.End, f.until); {
		start, end := windows.BucketOf(at)
		if !f.open[level.Name][start] && end <= f.until {
			out = append(out, downsample.Window{Start: start, End: end})
		}
		at = end
	}
	return out, nil
}

// drawLevels are rollups of 6, 3 and 1, or of steps that do not divide each other, in milliseconds or days.
func drawLevels(t *rapid.T, of *types.Type, unit int64) ([]planner.Level, *finality) {
	f := &finality{open: map[string]map[int64]bool{}, retained: map[string]int64{}, whole: map[string]int64{}, until: 60 * unit}
	var out []planner.Level
	for i, n := range rapid.SampledFrom([][]int64{{6}, {6, 3}, {6, 3, 1}, {6, 4}, {1}, {12, 6, 2}}).Draw(t, "steps") {
		table := &schema.Table{
			Keyspace: "ks", Name: string(rune('a' + i)), Clustering: []*schema.Column{{Name: "ts", Kind: schema.ClusteringKey, Type: of}},
			Rollup: &downsample.Definition{Step: partition.Bucketing{SizeMillis: n * unit}},
		}
		f.open[table.Name] = map[int64]bool{}
		for _, at := range rapid.SliceOfN(rapid.Int64Range(-60, 60), 0, 8).Draw(t, "open") {
			start, _ := table.Rollup.Windows().BucketOf(at * unit)
			f.open[table.Name][start] = true
		}
		f.retained[table.Name] = math.MinInt64
		if rapid.IntRange(0, 2).Draw(t, "retention") == 0 {
			f.retained[table.Name] = rapid.Int64Range(-60*unit, 60*unit).Draw(t, "retained")
		}
		f.whole[table.Name] = math.MinInt64
		if rapid.IntRange(0, 2).Draw(t, "sealed") == 0 {
			f.whole[table.Name] = rapid.Int64Range(-60*unit, 60*unit).Draw(t, "whole")
		}
		out = append(out, planner.Level{Table: table})
	}
	return out, f
}

// drawSlices are slices of a layout whose first column is a time.
func drawSlices(t *rapid.T, layout clustering.Layout, unit int64) clustering.Slices {
	bound := func(label string) clustering.Bound {
		var key []byte
		if rapid.IntRange(0, 3).Draw(t, label) > 0 {
			ms := rapid.Int64Range(-70*unit, 70*unit).Draw(t, label+" ms")
			key = layout[0].Append(nil, timeValue(layout[0].Type, ms, rapid.Bool().Draw(t, label+" last")))
			if len(layout) > 1 && rapid.IntRange(0, 3).Draw(t, label+" long") == 0 {
				key = layout[1].Append(key, types.AppendInt(nil, 5))
			}
		}
		if rapid.Bool().Draw(t, label+" after") {
			return clustering.After(key)
		}
		return clustering.Before(key)
	}
	var in []clustering.Slice
	for range rapid.IntRange(1, 3).Draw(t, "slices") {
		in = append(in, clustering.Slice{Start: bound("start"), End: bound("end")})
	}
	return clustering.MakeSlices(in)
}

// TestPartsCoverEveryRowOnce: each row that the slices ask for is in one part, which is of the coarsest level that has its
// window kept, final, and asked for as a whole; all others are in none.
func TestPartsCoverEveryRowOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom([]*types.Type{types.Timestamp, types.TimeUUID, types.Date}).Draw(t, "type")
		unit := int64(10)
		if of == types.Date {
			unit = dayMillis
		}
		layout := clustering.Layout{{Type: of, Desc: rapid.Bool().Draw(t, "desc")}, {Type: types.Int}}
		levels, f := drawLevels(t, of, unit)
		s := &stitch{src: f, layout: layout, ascending: rapid.Bool().Draw(t, "ascending"), plan: &planner.Levels{Levels: levels}}
		in := drawSlices(t, layout, unit)
		if err := s.cut(partition.DecoratedKey{}, in); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(s.parts); i++ {
			if before, at := s.parts[i-1].window, s.parts[i].window; s.ascending && before.End > at.Start || !s.ascending && at.End > before.Start {
				t.Fatalf("%v lies before %v", before, at)
			}
		}
		for range 20 {
			ms := rapid.Int64Range(-75*unit, 75*unit).Draw(t, "row")
			checkPlace(t, s, f, in, ms, layout[1].Append(layout[0].Append(nil, timeValue(of, ms, rapid.Bool().Draw(t, "last"))), types.AppendInt(nil, 5)))
		}
		untimed := layout[1].Append(layout[0].Append(nil, []byte{}), types.AppendInt(nil, 5))
		checkPlace(t, s, f, in, math.MinInt64, untimed)
	})
}

// checkPlace checks where a row is read.
func checkPlace(t *rapid.T, s *stitch, f *finality, in clustering.Slices, ms int64, row []byte) {
	if s.layout[0].Type == types.Date && ms != math.MinInt64 {
		ms = planner.MillisOf(types.Date, timeValue(types.Date, ms, false))
	}
	var got []int
	for _, p := range s.parts {
		if p.from >= 0 && ms != math.MinInt64 && inWindow(p.window, ms) || p.from < 0 && p.slices.Contains(row) {
			got = append(got, p.from)
		}
	}
	want, kept := rawPlain, int64(math.MaxInt64)
	for i := len(s.plan.Levels) - 1; i >= 0; i-- {
		table := s.plan.Levels[i].Table
		kept = min(kept, max(boundaryFrom(table.Rollup.Windows(), f.retained[table.Name]), f.whole[table.Name]))
	}
	if ms >= kept {
		want = rawWhole
	}
	for i := range s.plan.Levels {
		if want < 0 && ms != math.MinInt64 && takes(s, f, in, i, ms) {
			want = i
		}
	}
	switch {
	case !in.Contains(row) && len(got) > 0:
		t.Fatalf("row of %d is not asked for, and read from %v", ms, got)
	case in.Contains(row) && (len(got) != 1 || got[0] != want):
		t.Fatalf("row of %d is read from %v, not %d, of %+v in %v", ms, got, want, s.parts, in)
	}
}

// takes reports whether the window of a level that holds a time is asked for as a whole, kept and final, and meets none that
// a coarser level takes.
func takes(s *stitch, f *finality, in clustering.Slices, level int, ms int64) bool {
	table := s.plan.Levels[level].Table
	start, end := table.Rollup.Windows().BucketOf(ms)
	asked := false
	for _, slice := range in {
		w := wholeTimes(s.layout, slice)
		asked = asked || w.Start <= start && end <= w.End
	}
	if !asked || end > f.until || f.open[table.Name][start] || start < f.retained[table.Name] {
		return false
	}
	for i := range level {
		for at := start; at < end; _, at = s.plan.Levels[i].Windows().BucketOf(at) {
			if takes(s, f, in, i, at) {
				return false
			}
		}
	}
	return true
}

// TestWholeTimes: of a slice by a timeuuid the millisecond that it cuts is not whole, unless it is at its edge.
func TestWholeTimes(t *testing.T) {
	layout := clustering.Layout{{Type: types.TimeUUID}}
	least, most := layout[0].Append(nil, types.MinTimeUUID(1000)), layout[0].Append(nil, types.MaxTimeUUID(1000))
	for _, c := range []struct {
		slice      clustering.Slice
		start, end int64
	}{
		{clustering.Slice{Start: clustering.Before(least), End: clustering.After(most)}, 1000, 1001},
		{clustering.Slice{Start: clustering.After(least), End: clustering.After(nil)}, 1001, math.MaxInt64},
		{clustering.Slice{Start: clustering.Before(most), End: clustering.After(nil)}, 1001, math.MaxInt64},
		{clustering.Slice{Start: clustering.Before(nil), End: clustering.Before(most)}, math.MinInt64 + 1, 1000},
		{clustering.Slice{Start: clustering.Before(nil), End: clustering.Before(least)}, math.MinInt64 + 1, 1000},
	} {
		if got := wholeTimes(layout, c.slice); got.Start != c.start || got.End != c.end {
			t.Errorf("%v: %v, want [%d, %d)", c.slice, got, c.start, c.end)
		}
	}
}

// TestServedRangesAreFew: neighbours become one, and what is listed is bounded.
func TestServedRangesAreFew(t *testing.T) {
	var l LevelStats
	l.serve(downsample.Window{Start: 10, End: 20})
	l.serve(downsample.Window{Start: 30, End: 40})
	l.serve(downsample.Window{Start: 20, End: 30})
	l.serve(downsample.Window{Start: 5, End: 5})
	if len(l.Served) != 1 || l.Served[0] != (downsample.Window{Start: 10, End: 40}) {
		t.Fatalf("%v", l.Served)
	}
	for i := range int64(2 * ServedMax) {
		l.serve(downsample.Window{Start: 100 + 10*i, End: 101 + 10*i})
	}
	if len(l.Served) != ServedMax || !l.More {
		t.Errorf("%v", l)
	}
}
