package exec

import (
	"bytes"
	"fmt"
	"math"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/planner"
)

// filler puts rows of the answer where steps of time have none. A series is what is filled: the rows of a partition
// that agree in the terms of GROUP BY before the step. Its groups come in the order of time, up or down; the steps
// between two of them are made when the later one of them has been read, since they may need both.
//
// A page that ends within a series begins again with the group before the step to come: that group is read once more,
// so that a state holds a place and a time, and no values.
type filler struct {
	plan  *planner.Fill
	g     *grouping
	index map[*planner.AggregateExpr]int // in grouping.aggregates
	times map[planner.Expr]bool          // expressions that are the step itself
	zeros [][]byte                       // by aggregate: what it has in any step without rows; nil: it is filled

	here closedGroup // the group under way
	// The series under way.
	open    bool
	prefix  [][]byte    // values of the terms before the step
	before  closedGroup // the last group that was closed
	next    int64       // start of the step to come
	ended   bool        // there is none: time itself ends
	found   bool        // the partition under way has a series
	resumed []byte      // next is where the page before ended, in the series whose rows begin with these bytes; nil: it is not

	shown []([]byte) // aggregates of the row being made
	at    int64      // its step
	timed bool       // it has a step
}

// closedGroup is a group of rows whose aggregates are known.
type closedGroup struct {
	start  int64  // of its step
	timed  bool   // false for a partition with static content only, and for the empty time
	place  []byte // clustering of its first row
	values [][]byte
}

func newFiller(g *grouping, plan *planner.Fill) *filler {
	f := &filler{plan: plan, g: g, index: map[*planner.AggregateExpr]int{}, times: map[planner.Expr]bool{}}
	if begin := g.run.begin; begin.filling {
		f.next, f.resumed = begin.step, begin.series
	}
	return f
}

// collected notes aggregate i.
func (f *filler) collected(e *planner.AggregateExpr, i int) {
	f.index[e] = i
	var zero []byte
	switch {
	case e.IsCount():
		zero = types.AppendBigint(nil, 0)
	case f.plan.Mode == planner.FillValue:
		zero = f.plan.Values[e]
	}
	f.zeros = append(f.zeros, zero)
}

// step is the term of GROUP BY that is filled; those before it make the series.
func (f *filler) step() *groupTerm { return &f.g.terms[len(f.g.terms)-1] }

// admit is run.admit for the group that would begin at the row under way.
func (f *filler) admit() (bool, error) {
	if f.open {
		same, err := f.sameSeries()
		if err != nil {
			return false, err
		}
		if !same {
			if err := f.endSeries(); err != nil || f.g.run.done {
				return false, err
			}
		}
	}
	return f.g.run.room(f.stopHere)
}

// stopHere ends the page before the step to come, or before the row under way where no series is.
func (f *filler) stopHere() error {
	r := f.g.run
	if !f.open || f.ended {
		return r.stopHere()
	}
	r.result.State, r.done = r.encodeFilling(f.before.place, f.next), true
	return nil
}

// sameSeries compares the terms before the step in the row under way with those of the series.
func (f *filler) sameSeries() (bool, error) {
	row := &f.g.run.row
	row.scratch = row.scratch[:0]
	for i := range f.prefix {
		v, err := row.eval(f.g.terms[i].expr)
		if err != nil || !bytes.Equal(v, f.prefix[i]) {
			return false, err
		}
	}
	return true, nil
}

// begin notes where the group that the row under way opens lies.
func (f *filler) begin() (err error) {
	term, r := f.step(), f.g.run
	f.here = closedGroup{timed: !term.null}
	if f.here.timed {
		f.here.start = planner.MillisOf(f.plan.Term.Type(), term.value)
	}
	if r.row.placed() {
		f.here.place, err = r.row.position()
	}
	return err
}

// close closes the group under way: the steps before it that have no rows, and its own row.
func (f *filler) close() error {
	for _, a := range f.g.aggregates {
		f.here.values = append(f.here.values, a.result())
	}
	if !f.here.timed {
		if err := f.endSeries(); err != nil || f.g.run.done {
			return err
		}
		f.at, f.timed, f.shown = 0, false, f.here.values
		return f.g.append(f.value)
	}
	if !f.open {
		f.beginSeries()
	}
	if more, err := f.gap(f.here.start, &f.here); err != nil || !more {
		return err
	}
	if !f.ended && f.next == f.here.start {
		if ok, err := f.g.run.room(f.stopHere); err != nil || !ok {
			return err
		}
		f.at, f.timed, f.shown = f.here.start, true, f.here.values
		if err := f.g.append(f.value); err != nil {
			return err
		}
		f.advance()
	}
	f.before = f.here
	return nil
}

// beginSeries opens the series that the group under way is the first of.
func (f *filler) beginSeries() {
	f.open, f.found, f.ended = true, true, false
	f.before = closedGroup{place: f.here.place}
	f.prefix = f.prefix[:0]
	for i := range f.g.terms[:len(f.g.terms)-1] {
		f.prefix = append(f.prefix, bytes.Clone(f.g.terms[i].value))
	}
	first := f.plan.From
	if f.plan.Descending {
		first = f.plan.To
	}
	resumed := f.resumed != nil && bytes.HasPrefix(f.here.place, f.resumed)
	f.resumed = nil
	switch {
	case resumed:
	case first.Known && f.isBefore(first.Start, f.here.start):
		f.next = first.Start
	default:
		f.next = f.here.start
	}
}

// first is the bound at which the answer begins.
func (f *filler) first() planner.StepBound {
	if f.plan.Descending {
		return f.plan.To
	}
	return f.plan.From
}

// isBefore compares times in the direction of the answer.
func (f *filler) isBefore(a, b int64) bool {
	if f.plan.Descending {
		return a > b
	}
	return a < b
}

// advance goes to the step behind next, in the direction of the answer.
func (f *filler) advance() {
	start, end, err := f.plan.Step.Of(f.next)
	switch {
	case err != nil:
		f.ended = true
	case !f.plan.Descending:
		f.next, f.ended = end, end == math.MaxInt64
	case start == math.MinInt64:
		f.ended = true
	default:
		if f.next, _, err = f.plan.Step.Of(start - 1); err != nil {
			f.ended = true // floor has no time before its start
		}
	}
}

// gap makes rows for the steps from next up to to, without it. behind is the group at to; nil where the series ends.
// more is false when the page or the partition is over.
func (f *filler) gap(to int64, behind *closedGroup) (more bool, err error) {
	if f.ended || !f.isBefore(f.next, to) {
		return true, nil
	}
	checked := false
	for ; !f.ended && f.isBefore(f.next, to); f.advance() {
		if ok, err := f.g.run.room(f.stopHere); err != nil || !ok {
			return false, err
		}
		if !checked {
			if err := f.plan.CheckCount(min(f.next, to), max(f.next, to)); err != nil {
				return false, err
			}
			checked = true
		}
		f.fill(behind)
		if err := f.g.append(f.value); err != nil {
			return false, err
		}
	}
	return true, nil
}

// fill sets what is shown in the step next, which has no rows.
func (f *filler) fill(behind *closedGroup) {
	earlier, later := &f.before, behind
	if f.plan.Descending {
		earlier, later = behind, &f.before
	}
	f.at, f.timed = f.next, true
	f.shown = make([][]byte, len(f.zeros))
	for e, i := range f.index {
		switch {
		case f.zeros[i] != nil:
			f.shown[i] = f.zeros[i]
		case earlier == nil || earlier.values == nil:
		case f.plan.Mode == planner.FillPrev:
			f.shown[i] = earlier.values[i]
		case f.plan.Mode == planner.FillLinear && later != nil && later.values != nil:
			part, whole := uint64(f.next)-uint64(earlier.start), uint64(later.start)-uint64(earlier.start)
			f.shown[i] = downsample.Interpolate(e.Of, earlier.values[i], later.values[i], part, whole)
		}
	}
}

// endSeries makes the steps behind the last group, up to where WHERE ends.
func (f *filler) endSeries() error {
	if !f.open {
		return nil
	}
	last := f.plan.To
	if f.plan.Descending {
		last = f.plan.From
	}
	if last.Known && !f.ended {
		more, err := f.gap(last.Start, nil)
		if err != nil || !more {
			return err
		}
		if f.next == last.Start && !f.ended {
			if ok, err := f.g.run.room(f.stopHere); err != nil || !ok {
				return err
			}
			f.fill(nil)
			if err := f.g.append(f.value); err != nil {
				return err
			}
		}
	}
	f.open = false
	return nil
}

// endPartition ends the series of a partition, unless the page is over. One without rows has a series all the same
// where it was asked for by its key and between two times.
func (f *filler) endPartition() error {
	r := f.g.run
	if !r.done && !f.found && f.plan.Whole {
		if err := f.emptySeries(); err != nil {
			return err
		}
	}
	if !r.done {
		if err := f.endSeries(); err != nil {
			return err
		}
	}
	f.open, f.found, f.resumed = false, false, nil
	return nil
}

// emptySeries opens a series without rows.
func (f *filler) emptySeries() error {
	f.open, f.ended, f.before = true, false, closedGroup{}
	if f.resumed == nil {
		f.next = f.first().Start
	}
	r := f.g.run
	r.row.fixed = f.plan.Fixed
	defer func() { r.row.fixed = nil }()
	return f.g.hold()
}

// value is an expression in the row being made.
func (f *filler) value(e planner.Expr) ([]byte, error) {
	if f.times[e] && f.timed {
		return planner.TimeAs(f.plan.Term.Type(), f.at), nil
	}
	if held, ok := f.g.firsts[e]; ok {
		return *held, nil
	}
	switch e := e.(type) {
	case *planner.AggregateExpr:
		return f.shown[f.index[e]], nil
	case *planner.ConstExpr:
		return e.Value, nil
	case *planner.CallExpr:
		return f.g.call(e, f.value)
	}
	return nil, fmt.Errorf("exec: %T cannot be evaluated on a step without rows", e)
}
