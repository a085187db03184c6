package jobs

import (
	"math"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/invariants"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Recompute computes the rows of a rollup anew: for whole windows of one partition, from one View. It holds a batch of rows and the groups
// of one window at a time, however long the range is.
type Recompute struct {
	View        View
	Rollup      Rollup
	Base        partition.DecoratedKey
	Over        downsample.Window // whole windows
	NowMillis   int64             // retention and grace of rollups are counted from here
	ClosedUntil int64             // windows that end later are left alone
	FromBase    bool              // take the rows of the base table also where a rollup below could give a window
	Bounds      bool              // tell which differences are Tolerable
	Reuse       *Reuse            // what an earlier one of the same rollup, levels and Bounds has left; nil: nothing
}

// Reuse is what one recomputation leaves to the next: what it knows of columns, and the memory of accumulators. The zero value is nothing.
// One goroutine uses it at a time.
type Reuse struct {
	out     *output
	windows []*windows // by the tables that they read
}

// Difference is a row of a rollup that is not what its source gives.
type Difference struct {
	Window     downsample.Window
	Clustering []byte                 // encoded
	Fresh      *mutation.Row          // what the source gives; nil: no such row
	Stored     bool                   // there is such a row
	Columns    []ColumnDifference     // of a row that is on both sides: ascending by column
	Tolerable  bool                   // as asked for by Bounds: merged from other windows, the values may be these (R43)
	table      mutation.TableID       // of the rollup
	base       partition.DecoratedKey // of the row
}

// ColumnDifference is a value that is not what the source gives.
type ColumnDifference struct {
	Column        mutation.ColumnID
	Stored, Fresh []byte // nil: null
}

// Mutation is what makes the stored row right. It may be kept.
func (d *Difference) Mutation() mutation.Mutation {
	row := mutation.Row{Clustering: d.Clustering, Deletion: mutation.Deletion{LocalSec: 1}}
	if d.Fresh != nil {
		row = *d.Fresh
	}
	return mutation.Mutation{Table: d.table, Key: d.base, Rows: []mutation.Row{row}}
}

// Passed is the part of the range that lies before the rollup's own retention, in whole windows: nothing is computed there, and
// what is stored is left to the purge. It is empty if Start is not below End.
func (r *Recompute) Passed() downsample.Window {
	from := wholeFrom(r.Rollup.Table, visibleFrom(r.Rollup.Table, r.Base, r.NowMillis))
	return downsample.Window{Start: r.Over.Start, End: min(from, r.Over.End)}
}

// computed is the part of the range that is computed.
func (r *Recompute) computed() downsample.Window {
	return downsample.Window{Start: max(r.Over.Start, r.Passed().End), End: min(r.Over.End, r.ClosedUntil)}
}

// EachOpen calls each for every window of the range that is not closed and has rows in the base table.
func (r *Recompute) EachOpen(each func(downsample.Window) error) error {
	return r.eachOpen(r.Rollup.Base, each)
}

// EachStored calls each for every window of the range that is not closed and has rows in the rollup.
func (r *Recompute) EachStored(each func(downsample.Window) error) error {
	return r.eachOpen(r.Rollup.Table, each)
}

func (r *Recompute) eachOpen(of *schema.Table, each func(downsample.Window) error) error {
	over := downsample.Window{Start: max(r.Over.Start, r.ClosedUntil), End: r.Over.End}
	if over.Start >= over.End {
		return nil
	}
	read := source{table: of}
	at := downsample.Window{}
	return read.each(r.View, r.Base, over, func(b *mutation.Batch) error {
		for i := 0; i < b.Rows; i++ {
			if ms, ok := read.clock.millis(&b.Clustering[0], i); ok && (at.Start == at.End || !within(at, ms)) {
				at = r.Rollup.Table.Rollup.WindowOf(ms)
				if err := each(at); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Differences computes the closed windows of the range, compares them with what is stored, and calls each for every row that
// differs, in the order of time. A difference itself is not kept. Rows of windows without any group left are differences
// without a Fresh row.
func (r *Recompute) Differences(each func(*Difference) error) error {
	over := r.computed()
	if over.Start >= over.End {
		return nil
	}
	if r.Reuse == nil {
		r.Reuse = &Reuse{}
	}
	out, err := r.output()
	if err != nil {
		return err
	}
	stored, err := newStored(r, out, over, each)
	if err != nil {
		return err
	}
	defer stored.close()
	for _, s := range r.segments(over) {
		if err := r.compute(s, out, stored); err != nil {
			return err
		}
	}
	return stored.finish()
}

// output is what rows consist of.
func (r *Recompute) output() (out *output, err error) {
	if r.Reuse.out == nil {
		r.Reuse.out, err = newOutput(r)
	}
	out = r.Reuse.out
	invariants.Check(err != nil || out.table == r.Rollup.Table && out.bounds == r.Bounds, "a recomputation of %s takes up another", r.Rollup.Table.Name)
	return out, err
}

// compute computes a segment.
func (r *Recompute) compute(s segment, out *output, to *stored) error {
	w, err := r.windowsOf(s, out)
	if err != nil {
		return err
	}
	w.start(to)
	if err := w.read.each(r.View, r.Base, s.over, w.add); err != nil {
		return err
	}
	return w.finish()
}

// windowsOf is what computes windows from the table of a segment.
func (r *Recompute) windowsOf(s segment, out *output) (*windows, error) {
	for _, w := range r.Reuse.windows {
		if w.read.table == s.from {
			return w, nil
		}
	}
	w, err := newWindows(r, s, out)
	if err == nil {
		r.Reuse.windows = append(r.Reuse.windows, w)
	}
	return w, err
}

// segment is a range of windows that is computed from one table.
type segment struct {
	from *schema.Table
	over downsample.Window
}

// segments are what a range is computed from, in the order of time: each window from the coarsest level that has it, else from
// the base table, with expiry switched off (R40).
func (r *Recompute) segments(over downsample.Window) []segment {
	levels := r.Rollup.Below
	if r.FromBase {
		levels = nil
	}
	return r.divide(nil, over, levels)
}

// divide appends the segments of a range, of which the levels, coarsest first, may have parts.
func (r *Recompute) divide(dst []segment, over downsample.Window, levels []Level) []segment {
	switch {
	case over.Start >= over.End:
		return dst
	case len(levels) == 0:
		return append(dst, segment{r.Rollup.Base, over})
	}
	has := r.has(&levels[0])
	has = downsample.Window{Start: max(over.Start, has.Start), End: min(over.End, has.End)}
	if has.Start >= has.End {
		return r.divide(dst, over, levels[1:])
	}
	dst = r.divide(dst, downsample.Window{Start: over.Start, End: has.Start}, levels[1:])
	dst = append(dst, segment{levels[0].Table, has})
	return r.divide(dst, downsample.Window{Start: has.End, End: over.End}, levels[1:])
}

// has is the time that whole windows of the rollup can be computed of from a level: what is built there, not past its retention, and closed,
// which it may be later than here if it waits longer for late rows.
func (r *Recompute) has(level *Level) downsample.Window {
	from := max(level.BuiltFrom, level.CompleteFrom, visibleFrom(level.Table, r.Base, r.NowMillis))
	closed := closedUntil(level.Table.Rollup, r.NowMillis)
	return downsample.Window{Start: wholeFrom(r.Rollup.Table, from), End: r.Rollup.window(closed).Start}
}

// wholeFrom is the start of the first window of a rollup that lies wholly at or behind a time.
func wholeFrom(t *schema.Table, ms int64) int64 {
	if ms == math.MinInt64 {
		return ms
	}
	w := t.Rollup.WindowOf(ms)
	if w.Start == ms {
		return ms
	}
	return w.End
}

// visibleFrom is from which time on rows of a rollup show.
func visibleFrom(t *schema.Table, base partition.DecoratedKey, nowMillis int64) int64 {
	if t.Retention.IsNone() {
		return math.MinInt64
	}
	key, err := t.PartitionLayout().Decode(base.Key)
	if err != nil {
		return math.MinInt64 // what reads the partition will say so
	}
	return t.VisibleFrom(schema.ValuesKnown(key, nil, nil), nowMillis)
}

// rowClock tells the time of rows.
type rowClock struct {
	of      *types.Type
	unit    int64
	scratch []byte
}

func newClock(t *schema.Table) rowClock {
	return rowClock{of: t.Clustering[0].Type, unit: t.UnitNanos()}
}

// millis is the time in a row of the vector of a first clustering column; ok is false for the empty value, which is none.
func (c *rowClock) millis(v *mutation.Vector, i int) (ms int64, ok bool) {
	if v.Physical == mutation.PhysicalInt {
		switch c.of.Kind() {
		case types.KindTimestamp:
			return v.Int(i), true
		case types.KindBigint, types.KindInt:
			return types.UnitMillis(v.Int(i), c.unit), true
		}
	}
	c.scratch = v.AppendValue(c.scratch[:0], i)
	return types.TimeMillis(c.of, c.scratch, c.unit)
}

// start is the value of a window column for a window: its start, or the first value of the type if that lies in the window.
func (c *rowClock) start(w downsample.Window) []byte {
	if value, ok := types.FirstAt(c.of, w.Start, c.unit); ok {
		return value
	}
	switch c.of.Kind() {
	case types.KindDate:
		return types.AppendDate(nil, math.MinInt32)
	case types.KindInt:
		return types.AppendInt(nil, math.MinInt32)
	}
	return types.AppendBigint(nil, math.MinInt64)
}

// source is a table that is read in the order of time.
type source struct {
	table *schema.Table
	fetch []mutation.ColumnID
	clock rowClock
	timed *mutation.Table // nil: not read yet
}

// each calls add for every batch of a range of time.
func (s *source) each(view View, key partition.DecoratedKey, over downsample.Window, add func(*mutation.Batch) error) error {
	if s.timed == nil {
		s.timed, s.clock = timed(s.table), newClock(s.table)
	}
	return eachBatch(view, s.table.ID, mutation.ReadRequest{
		Key: key, Slices: TimesOf(s.timed, over), Reverse: s.table.Clustering[0].Desc, Columns: s.fetch,
	}, func(batch *mutation.Batch) (bool, error) { return true, add(batch) })
}

// column makes sure that a column is fetched, and returns its place among the vectors.
func (s *source) column(c *schema.Column) int {
	for i, id := range s.fetch {
		if id == c.ID {
			return i
		}
	}
	s.fetch = append(s.fetch, c.ID)
	return len(s.fetch) - 1
}
