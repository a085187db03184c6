package exec

import (
	"bytes"
	"fmt"
	"math"
	"sort"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// grouping makes one row of the answer of each group of rows. Rows of a group come one after the other, so one
// group is open at a time; a page ends only between groups.
type grouping struct {
	run        *run
	terms      []groupTerm
	aggregates []*aggregate
	results    map[*planner.AggregateExpr]*aggregate
	firsts     map[planner.Expr]*[]byte // what is not aggregated has the value of the group's first row
	open       bool
	fill       *filler  // nil without FILL
	sized      bool     // memory of some aggregate grows with the values
	merging    bool     // the open group is merged from what rollups hold, and from rows
	sortValues [][]byte // of the group's first row
}

func newGrouping(r *run) (*grouping, error) {
	g := &grouping{run: r, results: map[*planner.AggregateExpr]*aggregate{}, firsts: map[planner.Expr]*[]byte{}}
	if r.plan.Fill != nil {
		g.fill = newFiller(g, r.plan.Fill)
	}
	for _, e := range r.plan.GroupBy {
		if t, ok := newGroupTerm(e); ok {
			g.terms = append(g.terms, t)
		}
	}
	for _, o := range r.plan.Output {
		if err := g.collect(o.Expr); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// collect finds the aggregates of an expression, and the parts that the first row of a group decides.
func (g *grouping) collect(e planner.Expr) error {
	switch e := e.(type) {
	case *planner.AggregateExpr:
		if g.results[e] != nil {
			return nil
		}
		a, err := newAggregate(e, g.run.plan)
		if err != nil {
			return err
		}
		if _, ok := a.sum.(downsample.Sized); ok {
			g.sized = true
		}
		if g.fill != nil {
			g.fill.collected(e, len(g.aggregates))
		}
		g.aggregates = append(g.aggregates, a)
		g.results[e] = a
		return nil
	case *planner.CallExpr:
		if g.fill != nil && planner.SameExpr(e, g.fill.plan.Term) {
			g.fill.times[e] = true
			break
		}
		if aggregated(e) || g.fill != nil {
			for _, a := range e.Args {
				if err := g.collect(a); err != nil {
					return err
				}
			}
			return nil
		}
	case *planner.ConstExpr:
		return nil
	}
	g.firsts[e] = new([]byte)
	return nil
}

func aggregated(e planner.Expr) bool {
	switch e := e.(type) {
	case *planner.AggregateExpr:
		return true
	case *planner.CallExpr:
		for _, a := range e.Args {
			if aggregated(a) {
				return true
			}
		}
	}
	return false
}

// add takes the rows of a span; more is false when the partition is over.
func (g *grouping) add(s span) (more bool, err error) {
	r := g.run
	for at := s.from; at < s.to; {
		r.row.i = at
		if !g.open {
			if ok, err := g.admit(); !ok {
				return false, err
			}
			if err := g.begin(); err != nil {
				return false, err
			}
		}
		end, err := g.extent(at, s.to)
		if err != nil {
			return false, err
		}
		if r.plan.Distinct {
			end = min(end, at+1)
		}
		if err := g.accumulate(span{at, end}); err != nil {
			return false, err
		}
		if r.plan.Distinct {
			return false, nil
		}
		if at = end; at < s.to {
			if err := g.emit(); err != nil || r.done {
				return false, err
			}
		}
	}
	return true, nil
}

// addStatic takes a partition with static content only.
func (g *grouping) addStatic() error {
	r := g.run
	r.row.i = 0
	if !g.open {
		if ok, err := g.admit(); !ok {
			return err
		}
		if err := g.begin(); err != nil {
			return err
		}
	}
	return g.accumulate(span{0, 1})
}

// admit decides whether a group may begin at the row under way.
func (g *grouping) admit() (bool, error) {
	if g.fill != nil {
		return g.fill.admit()
	}
	return g.run.admit()
}

// begin opens a group with the row under way.
func (g *grouping) begin() error {
	row := &g.run.row
	row.scratch = row.scratch[:0]
	if row.step.known {
		g.run.stitch.begin(g)
	} else {
		for i := range g.terms {
			if err := g.terms[i].begin(row); err != nil {
				return err
			}
		}
	}
	if err := g.hold(); err != nil {
		return err
	}
	if s := g.run.sort; s != nil {
		g.sortValues = s.values(row)
	}
	g.open = true
	if g.run.stitch != nil {
		if err := g.run.stitch.began(g); err != nil {
			return err
		}
	}
	if g.fill != nil {
		return g.fill.begin()
	}
	return nil
}

// hold keeps what the row under way decides for its group.
func (g *grouping) hold() error {
	row := &g.run.row
	for e, held := range g.firsts {
		var v []byte
		if row.step.known && g.run.stitch.same[e] {
			v = g.terms[len(g.terms)-1].value
		} else {
			var err error
			if v, err = row.eval(e); err != nil {
				return err
			}
		}
		switch {
		case v == nil:
			*held = nil
		case *held == nil:
			*held = append(make([]byte, 0, len(v)), v...)
		default:
			*held = append((*held)[:0], v...)
		}
	}
	return nil
}

// extent is where the open group ends within rows from to to: it holds row from unless it returns from.
func (g *grouping) extent(from, to int) (int, error) {
	for i := range g.terms {
		var err error
		if to, err = g.terms[i].extent(&g.run.row, from, to); err != nil {
			return 0, err
		}
	}
	return to, nil
}

func (g *grouping) accumulate(s span) error {
	if s.from == s.to {
		return nil
	}
	for _, a := range g.aggregates {
		if err := a.add(&g.run.row, s); err != nil {
			return err
		}
	}
	if g.sized {
		return g.run.lease()
	}
	return nil
}

// bytes is about what the aggregates take.
func (g *grouping) bytes() int {
	total := 0
	for _, a := range g.aggregates {
		total += a.bytes()
	}
	return total
}

// endPartition closes a group that a partition ends.
func (g *grouping) endPartition() error {
	if g.open && len(g.run.plan.GroupBy) > 0 {
		if err := g.emit(); err != nil {
			return err
		}
	}
	if g.fill != nil {
		return g.fill.endPartition()
	}
	return nil
}

// end closes the answer: without GROUP BY it always has one row.
func (g *grouping) end() error {
	if len(g.run.plan.GroupBy) > 0 {
		return nil
	}
	return g.emit()
}

// emit closes the open group.
func (g *grouping) emit() (err error) {
	g.run.result.Stats.Groups++
	if g.fill != nil {
		err = g.fill.close()
	} else {
		err = g.append(g.value)
	}
	if err == nil && g.merging {
		err = g.run.stitch.damage(g)
	}
	for _, a := range g.aggregates {
		a.reset()
	}
	g.open = false
	return err
}

// append appends a row to the page.
func (g *grouping) append(value func(planner.Expr) ([]byte, error)) error {
	r := g.run
	from := len(r.result.Rows)
	for i := range r.plan.Output {
		v, err := value(r.plan.Output[i].Expr)
		if err != nil {
			return err
		}
		r.result.Rows = AppendCell(r.result.Rows, v)
	}
	if r.sort != nil {
		r.sort.add(from, g.sortValues)
	}
	return r.counted(1)
}

// value is an expression over the open group.
func (g *grouping) value(e planner.Expr) ([]byte, error) {
	if held, ok := g.firsts[e]; ok {
		return *held, nil
	}
	switch e := e.(type) {
	case *planner.AggregateExpr:
		return g.results[e].result(), nil
	case *planner.ConstExpr:
		return e.Value, nil
	case *planner.CallExpr:
		return g.call(e, g.value)
	}
	return nil, fmt.Errorf("exec: %T cannot be evaluated on a group", e)
}

// call is a function of what value gives for its arguments.
func (g *grouping) call(e *planner.CallExpr, value func(planner.Expr) ([]byte, error)) ([]byte, error) {
	args := make([][]byte, len(e.Args))
	for i, a := range e.Args {
		v, err := value(a)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	return e.Function.Eval(args)
}

// groupTerm is one term of GROUP BY with its value in the open group.
type groupTerm struct {
	expr  planner.Expr
	slot  int           // of the clustering column, where integers decide; −1: they do not
	step  *planner.Step // that floor or time_bucket rounds to; nil: the plain column
	value []byte
	null  bool
	forms *types.Type // of user types, whose values may lack the nulls that they end with; else nil
	low   int64       // integers from low to high are in the group
	high  int64
	whole bool // low and high are known
}

// newGroupTerm is false for terms of the partition key: a partition always begins a group.
func newGroupTerm(e planner.Expr) (groupTerm, bool) {
	t := groupTerm{expr: e, slot: -1}
	if of := e.Type(); of.Contains(types.KindUDT) {
		t.forms = of
	}
	switch e := e.(type) {
	case *planner.ColumnExpr:
		if e.Column.Kind == schema.PartitionKey {
			return t, false
		}
		t.slot = e.Slot
	case *planner.CallExpr:
		if col, step, ok := planner.StepOf(e); ok && col.Column.Type.Kind() == types.KindTimestamp {
			t.slot, t.step = col.Slot, step
		}
	}
	return t, true
}

// begin remembers the term's value in the row that opens a group.
func (t *groupTerm) begin(r *row) error {
	v, err := r.eval(t.expr)
	if err != nil {
		return err
	}
	t.value, t.null, t.whole = append(t.value[:0], v...), v == nil, false
	if t.slot < 0 || r.batch == nil || r.batch.Clustering[t.slot].Physical != mutation.PhysicalInt || v == nil {
		return nil
	}
	at := r.batch.Clustering[t.slot].Int(r.i)
	t.low, t.high, t.whole = at, at, true
	if t.step == nil {
		return nil
	}
	if t.low, t.high, err = t.step.Of(at); t.high < math.MaxInt64 {
		t.high-- // the step ends before; but the last one there is includes its end
	}
	return err
}

// extent is the first of the rows from to to that is not in the group; to if all are.
func (t *groupTerm) extent(r *row, from, to int) (int, error) {
	if r.batch == nil {
		return to, nil
	}
	if t.whole && r.batch.Clustering[t.slot].Physical == mutation.PhysicalInt {
		outside := func(v int64) bool { return v < t.low || v > t.high }
		words := r.batch.Clustering[t.slot].Words[from:to]
		if t.slot == 0 { // rows are in its order, so that a group ends once
			return from + sort.Search(len(words), func(i int) bool { return outside(int64(words[i])) }), nil
		}
		for i, w := range words {
			if outside(int64(w)) {
				return from + i, nil
			}
		}
		return to, nil
	}
	for i := from; i < to; i++ {
		r.i, r.scratch = i, r.scratch[:0]
		v, err := r.eval(t.expr)
		if err != nil {
			return 0, err
		}
		if (v == nil) != t.null || !t.same(v) {
			return i, nil
		}
	}
	return to, nil
}

// same reports whether a value is the group's, neither of them null.
func (t *groupTerm) same(v []byte) bool {
	return bytes.Equal(v, t.value) || t.forms != nil && t.forms.Compare(v, t.value) == 0
}
