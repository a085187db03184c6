package exec

import (
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// Many rows may come as a summary where their values are not needed one by one (R43): nothing is filtered,
// every aggregate can do without, groups follow the time that rows are in the order of, and what is shown
// beside aggregates belongs to the key.

// summarizes reports whether the plan can do with summaries.
func (g *grouping) summarizes() bool {
	r := g.run
	if len(r.filters.row) > 0 || r.plan.Distinct || r.plan.Metadata || len(g.terms) > 1 {
		return false
	}
	if len(g.terms) == 1 && g.terms[0].slot != 0 {
		return false
	}
	for e := range g.firsts {
		if !ofKey(e) {
			return false
		}
	}
	for _, a := range g.aggregates {
		if !a.summarizes() {
			return false
		}
	}
	return true
}

// ofKey reports whether an expression needs nothing but the key of a row.
func ofKey(e planner.Expr) bool {
	switch e := e.(type) {
	case *planner.ColumnExpr:
		return e.Column.Kind == schema.PartitionKey || e.Column.Kind == schema.ClusteringKey
	case *planner.ConstExpr:
		return true
	case *planner.CallExpr:
		for _, a := range e.Args {
			if !ofKey(a) {
				return false
			}
		}
		return true
	}
	return false
}

// summarizes reports whether the aggregate can do without values.
func (a *aggregate) summarizes() bool {
	if a.edge != nil {
		c, ok := a.arg.(*planner.ColumnExpr)
		if !ok || c.Column.Kind != schema.Regular || !a.edge.ordered {
			return false
		}
		_, width := mutation.PhysicalOf(c.Column.Type)
		return width > 0
	}
	if _, ok := a.sum.(downsample.Summarizer); !ok {
		return false
	}
	if a.column != nil && a.column.Column.Type.Multicell() {
		return false // a summary does not know which cells hold an element that lives
	}
	return a.arg == nil || a.column != nil && a.column.Column.Kind == schema.Regular
}

// addSummary takes rows that a summary stands for. They are taken only if they are all of one group, else ok is
// false and nothing was taken: the rows are needed. more is false when the partition is over.
func (g *grouping) addSummary(b *mutation.Batch) (ok, more bool, err error) {
	r := g.run
	r.row.batch = b
	for {
		r.row.i = 0
		if !g.open {
			if ok, err := g.admit(); !ok {
				return true, false, err
			}
			if err := g.begin(); err != nil {
				return true, false, err
			}
		}
		end, err := g.extent(0, 2)
		if err != nil {
			return true, false, err
		}
		switch end {
		case 2:
			return g.accumulateSummary(b), true, nil
		case 1:
			return false, true, nil
		}
		if err := g.emit(); err != nil || r.done {
			return true, false, err
		}
	}
}

// accumulateSummary adds a summary to all aggregates, or to none.
func (g *grouping) accumulateSummary(b *mutation.Batch) bool {
	if g.merging {
		return false
	}
	for _, a := range g.aggregates {
		if a.edge == nil && !a.sum.(downsample.Summarizer).TakesSummary(a.columnOf(b)) {
			return false
		}
	}
	for _, a := range g.aggregates {
		if a.edge != nil {
			for _, e := range []*edge{a.first, a.edge} {
				if e != nil {
					e.addSummary(&g.run.row, a.arg.(*planner.ColumnExpr), b)
				}
			}
		} else {
			a.sum.(downsample.Summarizer).AddSummary(b.Rows, a.columnOf(b))
		}
	}
	return true
}

// columnOf is what a summary says of the argument; nil if rows are counted.
func (a *aggregate) columnOf(b *mutation.Batch) *mutation.ColumnSummary {
	if a.column == nil {
		return nil
	}
	return &b.Summary.Columns[a.column.Slot]
}

// addSummary considers the first or the last value of a summary.
func (e *edge) addSummary(r *row, arg *planner.ColumnExpr, b *mutation.Batch) {
	s := &b.Summary.Columns[arg.Slot]
	if s.Count == 0 {
		return
	}
	word := s.First
	r.i = 0
	if e.last == e.ascending {
		word, r.i = s.Last, 1
	}
	physical, width := mutation.PhysicalOf(arg.Column.Type)
	one := mutation.Vector{Physical: physical, Width: width, Words: []uint64{word}}
	e.consider(r, one.AppendValue(nil, 0))
}
