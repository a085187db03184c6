package exec

import (
	"fmt"
	"math"
	"sort"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// Groups by steps of time may come from rollups, the levels of a table: a partition is cut into parts of time, and each is
// read from the coarsest level that has it final, or from raw rows where none has. A window of a level lies in one step, so that
// a group is merged from the parts that it has. One that consists of raw rows alone is computed as ever (R32).

// LevelSource is a Source that knows which windows of rollups are final, all at one sequence and one moment.
type LevelSource interface {
	Source
	// FinalParts are the parts of a range of time whose windows of a rollup are final: sorted, disjoint, of whole windows.
	FinalParts(level *schema.Table, key partition.DecoratedKey, over downsample.Window) ([]downsample.Window, error)
	// RetainedFrom is the time below which rows of a rollup have ended, milliseconds since 1970; math.MinInt64: none has;
	// math.MaxInt64: all have, or the rollup is gone, and nothing of it can be read.
	RetainedFrom(level *schema.Table) int64
	// WholeFrom is the time from which on a rollup has windows that are not sealed: from there on no row of the base table has left
	// the disk because it ended. math.MinInt64: all times; math.MaxInt64: none, as where nothing of the rollup is computed yet.
	WholeFrom(level *schema.Table) (int64, error)
}

// stitch reads partitions from levels and raw rows.
type stitch struct {
	run       *run
	retained  *retained // of raw rows that end
	src       LevelSource
	plan      *planner.Levels
	layout    clustering.Layout
	ascending bool // the answer goes from earlier steps to later ones
	levels    []levelReads

	parts   []part                // of the partition under way, in the order of the answer
	covered []downsample.Window   // those of levels, ascending
	window  downsample.Window     // the step of the open group
	same    map[planner.Expr]bool // selectors that are the step itself
	nested  bool                  // others compute with it
	fixed   map[*schema.Column][]byte
	vectors []*mutation.Vector // of one aggregate, reused
}

// levelReads is what is read of one level.
type levelReads struct {
	columns []mutation.ColumnID
	needs   []levelNeeds
	stats   int // place in Stats.Levels; −1: nothing was read of it
}

// levelNeeds are the columns of a level that an aggregate is merged from.
type levelNeeds struct {
	into  *aggregate
	slots []int
}

// Where a part comes from, beside the place of a level.
const (
	rawPlain = -1 // raw rows that show
	rawWhole = -2 // raw rows as if none had ever ended (R40)
)

// part is a range of time of a partition, and where it is read.
type part struct {
	window  downsample.Window
	from    int               // the place of a level, rawPlain or rawWhole
	slices  clustering.Slices // of raw rows
	endless bool              // of a level: the statement asks for all that was before
}

// newStitch is nil for plans that no level serves.
func newStitch(r *run) (*stitch, error) {
	src, ok := r.src.(LevelSource)
	if !ok || r.plan.Levels == nil {
		return nil, nil
	}
	p := r.plan.Levels
	s := &stitch{
		run: r, retained: r.retained, src: src, plan: p, layout: r.plan.Table.ClusteringLayout(),
		ascending: p.Column.Column.Desc == r.plan.Reverse, fixed: map[*schema.Column][]byte{}, same: map[planner.Expr]bool{},
	}
	for _, e := range p.Aggregates {
		if err := r.groups.results[e].mergeable(e, s.ascending); err != nil {
			return nil, fmt.Errorf("exec: %w", err)
		}
		if _, ok := r.groups.results[e].merged.(downsample.Sized); ok {
			r.groups.sized = true
		}
	}
	for e := range r.groups.firsts {
		if _, call := e.(*planner.CallExpr); call {
			same := planner.SameExpr(e, p.Term)
			s.same[e], s.nested = same, s.nested || !same
		}
	}
	for i := range p.Levels {
		level := &p.Levels[i]
		reads := levelReads{stats: -1}
		for _, col := range level.Fetch {
			reads.columns = append(reads.columns, col.ID)
		}
		for j, e := range p.Aggregates {
			reads.needs = append(reads.needs, levelNeeds{into: r.groups.results[e], slots: level.Needs[j]})
		}
		s.levels = append(s.levels, reads)
	}
	return s, nil
}

// partition reads one partition into the page.
func (s *stitch) partition(key partition.DecoratedKey) error {
	r := s.run
	resumed, err := r.enter(key)
	if err != nil {
		return err
	}
	if r.groups.fill != nil && !resumed {
		r.groups.fill.resumed = nil // the partition of the page before is gone
	}
	slices := r.plan.Slices
	if resumed {
		if slices, err = s.slicesFrom(r.begin.clustering); err != nil {
			return err
		}
		r.begin = position{}
	}
	if err := s.cut(key, slices); err != nil {
		return err
	}
	r.result.Stats.Partitions++
	if s.plan.Statics {
		if _, err := s.statics(key); err != nil {
			return err
		}
	}
	if err := r.check(nil); err != nil {
		return err
	}
	found, more := false, true
	for i := 0; i < len(s.parts) && more && !r.done; i++ {
		if more, err = s.read(key, &s.parts[i], &found); err != nil {
			return err
		}
	}
	r.row.leaveStep()
	if !found && !resumed && !r.done && r.plan.WholePartition && len(r.plan.Table.Statics) > 0 {
		any, err := s.statics(key)
		if err == nil && any { // a partition with static content only (R27)
			err = r.staticRow()
		}
		if err != nil {
			return err
		}
	}
	return r.groups.endPartition()
}

// statics reads the static columns of a partition, and reports whether there is one.
func (s *stitch) statics(key partition.DecoratedKey) (any bool, err error) {
	req := s.run.request
	req.Key, req.Slices = key, nil
	reader, err := s.run.src.Read(s.run.plan.Table, req)
	if err != nil {
		return false, err
	}
	defer reader.Close()
	return s.run.row.takeStatics(reader.Side())
}

// slicesFrom are the slices from the step on that holds a row, or what a state has of one: a page begins with a group.
func (s *stitch) slicesFrom(at []byte) (clustering.Slices, error) {
	values, err := s.layout.Decode(at)
	if err != nil || len(values) == 0 || len(values[0]) == 0 {
		return s.run.slicesFrom(at), err
	}
	start, end, err := s.plan.Step.Of(planner.MillisOf(s.plan.Column.Column.Type, values[0]))
	if err != nil {
		return s.run.slicesFrom(at), nil // the step is refused when its rows are read
	}
	rest := downsample.Window{Start: start, End: math.MaxInt64}
	if !s.ascending {
		rest = downsample.Window{Start: math.MinInt64, End: end}
	}
	return s.run.plan.Slices.Intersect(clustering.Slices{timeSlice(s.layout, rest)}), nil
}

// read reads one part; more is false when the partition is over.
func (s *stitch) read(key partition.DecoratedKey, p *part, found *bool) (more bool, err error) {
	if p.from >= 0 {
		return s.readLevel(key, p, found)
	}
	r := s.run
	req := r.request
	req.Key, req.Slices = key, p.slices
	r.now, r.retained = r.opts.NowSec, s.retained
	if p.from == rawWhole {
		r.now, r.retained, req.NowSec = math.MinInt64, nil, 0
	}
	r.row.leaveStep()
	r.retained.open(&r.row, &req)
	reader, err := r.src.Read(r.plan.Table, req)
	if err != nil {
		return false, err
	}
	defer reader.Close()
	r.watch.lap(&r.result.Stats.Times.Read)
	if err := r.check(nil); err != nil {
		return false, err
	}
	if _, err := r.row.takeStatics(reader.Side()); err != nil {
		return false, err
	}
	if err := r.retained.enter(&r.row); err != nil {
		return false, err
	}
	more, err = r.rows(reader, found)
	r.row.batch = nil
	return more, err
}

// readLevel reads a part from a level.
func (s *stitch) readLevel(key partition.DecoratedKey, p *part, found *bool) (more bool, err error) {
	r, level := s.run, &s.plan.Levels[p.from]
	layout := level.Table.ClusteringLayout()
	reader, err := r.src.Read(level.Table, mutation.ReadRequest{
		Key: key, Slices: clustering.Slices{timeSlice(layout, p.window)}, Reverse: layout[0].Desc == s.ascending,
		Columns: s.levels[p.from].columns, Statistics: r.opts.LevelStatistics,
	})
	if err != nil {
		return false, err
	}
	defer reader.Close()
	stats := s.statsOf(p.from)
	served := downsample.Window{Start: math.MaxInt64, End: math.MinInt64} // by rows
	for !r.done {
		batch, err := reader.Next()
		r.watch.lap(&r.result.Stats.Times.Read)
		if err = r.check(err); err != nil {
			return false, err
		}
		if batch == nil {
			whole := p.window
			if p.endless {
				whole.Start = served.Start
			}
			stats.serve(whole)
			return true, nil
		}
		stats.Rows += int64(batch.Rows)
		rows, more, err := s.merge(p.from, batch)
		if rows > 0 {
			*found = true
			served = hull(served, s.windowAt(p.from, batch, 0), s.windowAt(p.from, batch, rows-1))
		}
		r.lapRows()
		if err != nil || !more {
			stats.serve(served)
			return false, err
		}
	}
	stats.serve(served)
	return false, nil
}

// statsOf is what is counted of a level in this page.
func (s *stitch) statsOf(level int) *LevelStats {
	l, stats := &s.levels[level], &s.run.result.Stats
	if l.stats < 0 {
		l.stats = len(stats.Levels)
		stats.Levels = append(stats.Levels, LevelStats{Table: s.plan.Levels[level].Table})
	}
	return &stats.Levels[l.stats]
}

// windowAt is the window of a row of a level.
func (s *stitch) windowAt(level int, b *mutation.Batch, i int) downsample.Window {
	table := s.plan.Levels[level].Table
	start, end := table.Rollup.Windows().BucketOf(timeAt(table, b, i))
	return downsample.Window{Start: start, End: end}
}

// timeAt is the time of a row of a level.
func timeAt(level *schema.Table, b *mutation.Batch, i int) int64 {
	v, of := &b.Clustering[0], level.Clustering[0].Type
	if of.Kind() == types.KindTimestamp && v.Physical == mutation.PhysicalInt {
		return v.Int(i)
	}
	var few [16]byte
	return planner.MillisOf(of, v.AppendValue(few[:0], i))
}

// merge takes rows of a level into groups: so many of the batch. more is false when the partition is over.
func (s *stitch) merge(level int, b *mutation.Batch) (rows int, more bool, err error) {
	r, g, table := s.run, s.run.groups, s.plan.Levels[level].Table
	for at := 0; at < b.Rows; {
		ms := timeAt(table, b, at)
		if g.open && !inWindow(s.window, ms) {
			if err := g.emit(); err != nil || r.done {
				return at, false, err
			}
		}
		if !g.open {
			if err := s.enterStep(ms); err != nil {
				return at, false, err
			}
			if ok, err := g.admit(); !ok {
				return at, false, err
			}
			if err := g.begin(); err != nil {
				return at, false, err
			}
		}
		n := sort.Search(b.Rows-at-1, func(i int) bool { return !inWindow(s.window, timeAt(table, b, at+1+i)) })
		if err := s.add(level, b, span{at, at + 1 + n}); err != nil {
			return at, false, err
		}
		at += 1 + n
	}
	return b.Rows, true, nil
}

// add merges rows of one group.
func (s *stitch) add(level int, b *mutation.Batch, rows span) error {
	for _, n := range s.levels[level].needs {
		s.vectors = s.vectors[:0]
		for _, slot := range n.slots {
			s.vectors = append(s.vectors, &b.Columns[slot])
		}
		n.into.merged.MergeVectors(s.vectors, rows.from, rows.to)
	}
	if s.run.groups.sized {
		return s.run.lease()
	}
	return nil
}

// enterStep makes the step of a time the row under way.
func (s *stitch) enterStep(ms int64) (err error) {
	if s.window.Start, s.window.End, err = s.plan.Step.Of(ms); err != nil {
		return err
	}
	row := &s.run.row
	row.batch, row.step = nil, stepPlace{known: true, ms: s.window.Start, last: !s.ascending}
	if !s.ascending {
		row.step.ms = s.window.End - 1
	}
	if s.nested { // they compute with a time of the step
		s.fixed[s.plan.Column.Column] = timeValue(s.layout[0].Type, s.window.Start, false)
		row.fixed = s.fixed
	}
	return nil
}

// begin gives a group that begins with a step of a rollup its value.
func (s *stitch) begin(g *grouping) {
	term := &g.terms[len(g.terms)-1]
	term.value, term.null, term.whole = append(term.value[:0], planner.TimeAs(term.expr.Type(), s.window.Start)...), false, term.slot >= 0
	if term.low, term.high = s.window.Start, s.window.End; term.high < math.MaxInt64 {
		term.high--
	}
}

// began finds out what the group that begins is made of. Where a level has a part of its step, everything is merged.
func (s *stitch) began(g *grouping) (err error) {
	if !s.run.row.step.known {
		term := &g.terms[len(g.terms)-1]
		s.window = downsample.Window{Start: math.MaxInt64, End: math.MinInt64} // of rows without a time
		if !term.null && len(term.value) > 0 {
			ms := planner.MillisOf(term.expr.Type(), term.value)
			if s.window.Start, s.window.End, err = s.plan.Step.Of(ms); err != nil {
				return err
			}
		}
	}
	at := sort.Search(len(s.covered), func(i int) bool { return s.covered[i].End > s.window.Start })
	g.merging = at < len(s.covered) && s.covered[at].Start < s.window.End
	for _, a := range g.aggregates {
		a.merging = g.merging
	}
	return nil
}

// damage is an error where what a rollup holds was none of its states. The group was computed.
func (s *stitch) damage(g *grouping) error {
	for _, a := range g.aggregates {
		if err := a.merged.Err(); err != nil {
			return fmt.Errorf("rollups of table %s, partition 0x%x, window of %d: %w; ask USING RESOLUTION 'raw', and CHECK ROLLUP … REPAIR what is damaged",
				s.run.plan.Table.QualifiedName(), s.run.row.decorated.Key, s.window.Start, err)
		}
	}
	return nil
}

// inWindow reports whether a time lies in a window.
func inWindow(w downsample.Window, ms int64) bool {
	return w.Start <= ms && (ms < w.End || w.End == math.MaxInt64 && w.Start != math.MaxInt64)
}

// mergeable makes the aggregate one that also takes what rollups hold.
func (a *aggregate) mergeable(e *planner.AggregateExpr, ascending bool) (err error) {
	name, fraction := e.Name, 0.0
	if !ascending { // values come from the last to the first
		switch name {
		case "first":
			name = "last"
		case "last":
			name = "first"
		}
	}
	var of *types.Type
	if e.Arg != nil {
		of, a.column = e.Arg.Type(), e.Arg.(*planner.ColumnExpr)
	}
	if c, ok := e.Fraction.(*planner.ConstExpr); ok {
		fraction = types.DecodeFloat64(c.Value)
	}
	a.merged, err = downsample.NewStateful(name, of, fraction)
	return err
}
