package jobs

import (
	"fmt"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
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
		job := Recompute{
			View: view, Rollup: ru, Base: first.Base, Over: downsample.Window{Start: first.Window.Start, End: to},
			NowMillis: r.clock.Now().UnixMilli(),
		}
		job.ClosedUntil = closedUntil(ru.Table.Rollup, job.NowMillis)
		if err := r.recompute(&job, childrenOf(rollups, first.Rollup), &last); err != nil {
			return fmt.Errorf("rollup %s: %w", ru.Table.QualifiedName(), err)
		}
	}
	return r.apply(last)
}

// recompute adds to a record what a recomputation finds, and writes it whenever it is full.
func (r *Rollups) recompute(job *Recompute, children []Rollup, record *Answer) error {
	var changed downsample.Window // of the rows in the record that no mark covers yet
	markChildren := func(over downsample.Window) {
		if over.Start >= over.End {
			return
		}
		for i := range children {
			record.Marked = append(record.Marked, Mark{Rollup: children[i].Table.ID, Base: job.Base, Window: children[i].wholly(over)})
		}
	}
	markChildren(job.Passed()) // what is not kept here may be kept above
	err := job.EachOpen(func(w downsample.Window) error {
		record.Marked = append(record.Marked, Mark{Rollup: job.Rollup.Table.ID, Base: job.Base, Window: w})
		return nil
	})
	if err != nil {
		return err
	}
	err = job.Differences(func(d *Difference) error {
		if len(record.Rows) == recordRowsMax {
			markChildren(changed)
			if err := r.apply(Answer{Rows: record.Rows, Marked: record.Marked}); err != nil {
				return err
			}
			record.Rows, record.Marked, changed = nil, nil, downsample.Window{}
		}
		if changed.Start == changed.End {
			changed = d.Window
		}
		changed.End = max(changed.End, d.Window.End)
		record.Rows = append(record.Rows, d.Mutation())
		return nil
	})
	markChildren(changed)
	return err
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
