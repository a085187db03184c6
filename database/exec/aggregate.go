package exec

import (
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// aggregate is one aggregate of the answer over the open group.
type aggregate struct {
	arg    planner.Expr        // nil: rows are counted
	column *planner.ColumnExpr // the argument, where vectors can be added as they are
	sum    downsample.Accumulator
	edge   *edge            // of first and last, which go by time and not by the order of reading
	first  *edge            // of delta, whose edge is the last value
	of     *types.Type      // of delta: the type of values
	timed  downsample.Timed // of rate and time_weighted_avg
	time   *planner.ColumnExpr
	// merged takes what rollups hold of the argument, which is a regular column or rows; nil: none serves.
	merged  downsample.Stateful
	merging bool // merged has the open group
}

func newAggregate(e *planner.AggregateExpr, plan *planner.Read) (*aggregate, error) {
	a := &aggregate{arg: e.Arg}
	var of *types.Type
	if e.Arg != nil {
		of = e.Arg.Type()
	}
	switch e.Name {
	case "first", "last":
		a.edge = newEdge(e.Name == "last", plan)
		return a, nil
	case "delta":
		a.of, a.first, a.edge = of, newEdge(false, plan), newEdge(true, plan)
		return a, nil
	}
	if c, ok := e.Arg.(*planner.ColumnExpr); ok && (c.Column.Kind == schema.Regular || c.Column.Kind == schema.ClusteringKey) {
		a.column = c
	}
	if err := a.accumulate(e, of, plan); err != nil {
		return nil, fmt.Errorf("exec: %w", err)
	}
	return a, nil
}

// accumulate makes what adds the values up.
func (a *aggregate) accumulate(e *planner.AggregateExpr, of *types.Type, plan *planner.Read) (err error) {
	switch e.Name {
	case "rate", "time_weighted_avg":
		a.time = e.Time
		a.timed, err = downsample.NewTimed(e.Name, of, e.UnitNanos, e.Time.Column.Desc == plan.Reverse)
	case "percentile":
		fraction, ok := e.Fraction.(*planner.ConstExpr)
		if !ok {
			return fmt.Errorf("the fraction of percentile is a %T", e.Fraction)
		}
		a.sum, err = downsample.NewPercentile(of, types.DecodeFloat64(fraction.Value))
	default:
		a.sum, err = downsample.NewAccumulator(e.Name, of)
	}
	return err
}

// add takes rows of the batch under way, or the one row of a partition with static content only.
func (a *aggregate) add(r *row, s span) error {
	switch {
	case a.merging && a.arg == nil:
		a.merged.AddVector(nil, s.from, s.to)
		return nil
	case a.merging:
		a.merged.AddVector(r.vector(a.column.Column, a.column.Slot), s.from, s.to)
		return nil
	case a.timed != nil:
		return a.addTimed(r, s)
	case a.first != nil:
		if err := a.first.add(r, a.arg, s); err != nil {
			return err
		}
		return a.edge.add(r, a.arg, s)
	case a.edge != nil:
		return a.edge.add(r, a.arg, s)
	case a.arg == nil:
		a.sum.AddVector(nil, s.from, s.to)
		return nil
	case a.column != nil && r.batch != nil:
		a.sum.AddVector(r.vector(a.column.Column, a.column.Slot), s.from, s.to)
		return nil
	}
	for i := s.from; i < s.to; i++ {
		r.i, r.scratch = i, r.scratch[:0]
		v, err := r.eval(a.arg)
		if err != nil {
			return err
		}
		a.sum.Add(v)
	}
	return nil
}

// addTimed adds the rows of a span with their times. A partition with static content only has no time.
func (a *aggregate) addTimed(r *row, s span) error {
	if r.batch == nil {
		return nil
	}
	times := &r.batch.Clustering[a.time.Slot]
	integers := times.Physical == mutation.PhysicalInt
	if kind := a.time.Column.Type.Kind(); a.column != nil && integers && kind != types.KindDate {
		a.timed.AddVector(times, r.vector(a.column.Column, a.column.Slot), s.from, s.to)
		return nil
	}
	for i := s.from; i < s.to; i++ {
		r.i, r.scratch = i, r.scratch[:0]
		at := r.column(a.time)
		if len(at) == 0 {
			continue // the empty value is no time
		}
		v, err := r.eval(a.arg)
		if err != nil {
			return err
		}
		a.timed.Add(timeOf(a.time.Column.Type, at), v)
	}
	return nil
}

// timeOf is a time in the unit of its column: days of a date, milliseconds of a timestamp or timeuuid, else the integer.
func timeOf(of *types.Type, value []byte) int64 {
	switch of.Kind() {
	case types.KindDate:
		return int64(types.DecodeDate(value))
	case types.KindTimeUUID:
		return planner.MillisOf(of, value)
	}
	return types.DecodeInt64(value)
}

// bytes is about what the aggregate takes.
func (a *aggregate) bytes() int {
	total := 0
	if sized, ok := a.merged.(downsample.Sized); ok {
		total = sized.Bytes()
	}
	if sized, ok := a.sum.(downsample.Sized); ok {
		total += sized.Bytes()
	}
	return total
}

func (a *aggregate) result() []byte {
	switch {
	case a.merging:
		return a.merged.Result()
	case a.timed != nil:
		return a.timed.Result()
	case a.first != nil:
		return downsample.Difference(a.of, a.edge.result(), a.first.result())
	}
	if a.edge != nil {
		return a.edge.result()
	}
	return a.sum.Result()
}

func (a *aggregate) reset() {
	switch {
	case a.merging:
		a.merged.Reset()
	case a.timed != nil:
		a.timed.Reset()
	case a.edge != nil:
		a.edge.found = false
		if a.first != nil {
			a.first.found = false
		}
	default:
		a.sum.Reset()
	}
}

// edge is first or last: the earliest or latest value that is not null, by planner.TimeColumn.
type edge struct {
	last      bool
	time      *planner.ColumnExpr // nil in a table without clustering
	ordered   bool                // rows of a partition come in the order of time
	ascending bool                // and it is ascending
	found     bool
	at        []byte // time of value
	value     []byte
}

func newEdge(last bool, plan *planner.Read) *edge {
	e := &edge{last: last, ascending: true, time: planner.TimeColumn(plan.Table)}
	if e.time != nil {
		e.ordered = e.time.Slot == 0
		e.ascending = e.time.Column.Desc == plan.Reverse
	}
	return e
}

// add looks from the end of the span where the value sought lies, if time orders the span.
func (e *edge) add(r *row, arg planner.Expr, s span) error {
	backward := e.last == e.ascending
	for n := range s.to - s.from {
		r.i = s.from + n
		if backward {
			r.i = s.to - 1 - n
		}
		r.scratch = r.scratch[:0]
		v, err := r.eval(arg)
		if err != nil {
			return err
		}
		if v == nil {
			continue
		}
		e.consider(r, v)
		if e.ordered || e.time == nil {
			return nil
		}
	}
	return nil
}

// consider takes a value whose time is beyond that of the one held. Of one time the row that lies further in
// the order of time counts.
func (e *edge) consider(r *row, v []byte) {
	var at []byte
	if e.time != nil && r.batch != nil {
		at = r.column(e.time)
	}
	if e.found {
		order := 0
		if e.time != nil {
			order = e.time.Column.Type.Compare(at, e.at)
		}
		if !e.last {
			order = -order
		}
		if order < 0 || order == 0 && e.last != e.ascending {
			return
		}
	}
	e.found, e.at, e.value = true, append(e.at[:0], at...), append(e.value[:0], v...)
}

func (e *edge) result() []byte {
	if !e.found {
		return nil
	}
	return append([]byte{}, e.value...)
}
