package jobs

import (
	"fmt"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// answer recomputes the windows of the marks on one View. Adjacent windows of a partition are read together. Each record marks
// the windows of the rollups declared on what it writes; the last one clears the marks that are answered.
func (r *Rollups) answer(view View, rollups map[mutation.TableID]Rollup, due []Mark) error {
	last := Answer{Cleared: due, UpTo: view.Sequence()}
	for i := 0; i < len(due); {
		first := due[i]
		to := first.Window.End
		for i++; i < len(due) && due[i].Rollup == first.Rollup && due[i].Base.Compare(first.Base) == 0 && due[i].Window.Start <= to; i++ {
			to = max(to, due[i].Window.End)
		}
		ru := rollups[first.Rollup]
		job, err := newRecomputation(view, ru, first.Base, downsample.Window{Start: first.Window.Start, End: to})
		if err != nil {
			return err
		}
		job.nowMillis = r.clock.Now().UnixMilli() - ru.Table.Rollup.GraceMillis
		fresh, err := job.run()
		if err != nil {
			return fmt.Errorf("rollup %s: %w", ru.Table.QualifiedName(), err)
		}
		last.Marked = append(last.Marked, job.open...)
		children := childrenOf(rollups, first.Rollup)
		for len(fresh) > 0 {
			n := min(recordRowsMax-len(last.Rows), len(fresh))
			last.Rows = append(last.Rows, fresh[:n]...)
			last.Marked = append(last.Marked, marksOn(children, ru, first.Base, fresh[:n])...)
			if fresh = fresh[n:]; len(last.Rows) < recordRowsMax {
				continue
			}
			if err := r.apply(Answer{Rows: last.Rows, Marked: last.Marked}); err != nil {
				return err
			}
			last.Rows, last.Marked = nil, nil
		}
	}
	return r.apply(last)
}

// apply writes an answer and knows its marks.
func (r *Rollups) apply(a Answer) error {
	sequence, err := r.store.Apply(a)
	if err != nil {
		return err
	}
	for _, m := range a.Marked {
		r.Marked(m, sequence)
	}
	return nil
}

// marksOn are the marks of rollups declared on one whose rows change: one a rollup, for all windows from the first to the last.
func marksOn(children []Rollup, ru Rollup, base partition.DecoratedKey, rows []mutation.Mutation) []Mark {
	if len(children) == 0 || len(rows) == 0 {
		return nil
	}
	layout, unit := ru.Table.ClusteringLayout(), ru.Base.UnitNanos()
	var over downsample.Window
	for i := range rows {
		for j := range rows[i].Rows {
			ms, ok := layout.FirstTimeMillis(rows[i].Rows[j].Clustering, unit)
			if !ok {
				continue
			}
			if w := ru.window(ms); over.Start == over.End {
				over = w
			} else {
				over = downsample.Window{Start: min(over.Start, w.Start), End: max(over.End, w.End)}
			}
		}
	}
	out := make([]Mark, len(children))
	for i := range children {
		out[i] = Mark{Rollup: children[i].Table.ID, Base: base, Window: children[i].wholly(over)}
	}
	return out
}
