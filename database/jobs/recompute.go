package jobs

import (
	"errors"
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// recomputation computes the rollup rows of one partition over a range of whole windows.
type recomputation struct {
	view   View
	rollup Rollup
	base   partition.DecoratedKey
	over   downsample.Window

	nowMillis int64 // windows that end later are open: they are marked, not computed (R41)
	open      []Mark

	accumulators []downsample.Accumulator // one an aggregate
	columns      []int                    // the vector of each aggregate's source column
	fetch        []mutation.ColumnID
	targets      []mutation.ColumnID

	at    downsample.Window // the window under way
	rows  int               // of the source, in it
	fresh map[int64]bool    // starts of the windows that have rows
	out   []mutation.Mutation
}

func newRecomputation(view View, ru Rollup, base partition.DecoratedKey, over downsample.Window) (*recomputation, error) {
	j := &recomputation{view: view, rollup: ru, base: base, over: over, fresh: map[int64]bool{}}
	slots := map[mutation.ColumnID]int{}
	for _, a := range ru.Table.Rollup.Aggregates {
		from, to := ru.Source.Column(a.Source), ru.Table.Column(a.Target)
		if to == nil && ru.Table.State(a.Target) != nil {
			continue
		}
		if from == nil || to == nil {
			return nil, fmt.Errorf("rollup %s: %s(%s) has no column", ru.Table.QualifiedName(), a.Function, a.Source)
		}
		acc, err := downsample.NewAccumulator(a.Function, from.Type)
		if err != nil {
			return nil, fmt.Errorf("rollup %s: %w", ru.Table.QualifiedName(), err)
		}
		slot, ok := slots[from.ID]
		if !ok {
			slot = len(j.fetch)
			slots[from.ID] = slot
			j.fetch = append(j.fetch, from.ID)
		}
		j.accumulators = append(j.accumulators, acc)
		j.columns = append(j.columns, slot)
		j.targets = append(j.targets, to.ID)
	}
	return j, nil
}

// run reads the source with expiry switched off (R40) and the rollup's own rows, and returns what has
// to be written: fresh rows, and deletions of windows that have no rows any more.
func (j *recomputation) run() ([]mutation.Mutation, error) {
	reader, err := j.view.Read(j.rollup.Source.ID, mutation.ReadRequest{
		Key: j.base, Slices: timeSlices(j.rollup.Source, j.over), Reverse: j.rollup.Source.Clustering[0].Desc, Columns: j.fetch,
	})
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	for {
		batch, err := reader.Next()
		if err != nil {
			return nil, err
		}
		if batch == nil {
			break
		}
		if err := j.add(batch); err != nil {
			return nil, err
		}
	}
	if err := j.finish(); err != nil {
		return nil, err
	}
	return j.out, j.deleteVanished()
}

// add feeds the rows of a batch to the accumulators, cut where windows end.
func (j *recomputation) add(b *mutation.Batch) error {
	times := &b.Clustering[0]
	if times.Physical != mutation.PhysicalInt {
		return errors.New("a row has an empty time")
	}
	for from := 0; from < b.Rows; {
		w := j.rollup.Table.Rollup.WindowOf(times.Int(from))
		to := from + 1
		for to < b.Rows && times.Int(to) < w.End {
			to++
		}
		if w != j.at || j.rows == 0 {
			if err := j.finish(); err != nil {
				return err
			}
			j.at = w
		}
		for i, acc := range j.accumulators {
			acc.AddVector(&b.Columns[j.columns[i]], from, to)
		}
		j.rows += to - from
		from = to
	}
	return nil
}

// finish writes the row of the window under way if it has rows, or a mark if it is still open.
func (j *recomputation) finish() error {
	if j.rows == 0 {
		return nil
	}
	row := mutation.Row{Live: mutation.Liveness{ExpiresAt: mutation.Forever}}
	for i, acc := range j.accumulators {
		if v := acc.Result(); v != nil {
			row.Cells = append(row.Cells, mutation.Cell{Column: j.targets[i], ExpiresAt: mutation.Forever, Value: v})
		}
		acc.Reset()
	}
	j.fresh[j.at.Start] = true
	j.rows = 0
	if j.at.End > j.nowMillis {
		j.open = append(j.open, Mark{Rollup: j.rollup.Table.ID, Base: j.base, Window: j.at})
		return nil
	}
	return j.emit(j.at.Start, row)
}

// emit adds a row of the rollup at a window's start.
func (j *recomputation) emit(start int64, row mutation.Row) error {
	at, err := j.rollup.Table.ClusteringLayout().Encode([][]byte{types.AppendBigint(nil, start)})
	if err != nil {
		return err
	}
	row.Clustering = at
	j.out = append(j.out, mutation.Mutation{Table: j.rollup.Table.ID, Key: j.base, Rows: []mutation.Row{row}})
	return nil
}

// deleteVanished deletes the rollup's rows of windows that have no source rows.
func (j *recomputation) deleteVanished() error {
	reader, err := j.view.Read(j.rollup.Table.ID, mutation.ReadRequest{Key: j.base, Slices: timeSlices(j.rollup.Table, j.over)})
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		batch, err := reader.Next()
		if err != nil || batch == nil {
			return err
		}
		for i := range batch.Rows {
			start := batch.Clustering[0].Int(i)
			if j.fresh[start] {
				continue
			}
			if err := j.emit(start, mutation.Row{Deletion: mutation.Deletion{LocalSec: 1}}); err != nil {
				return err
			}
		}
	}
}

// timeSlices is the slice of a table whose first clustering column is a time in the window.
func timeSlices(t *schema.Table, w downsample.Window) clustering.Slices {
	column := t.ClusteringLayout()[0]
	first := clustering.Before(column.Append(nil, types.AppendBigint(nil, w.Start)))
	last := clustering.Before(column.Append(nil, types.AppendBigint(nil, w.End)))
	if column.Desc {
		first = clustering.After(column.Append(nil, types.AppendBigint(nil, w.End)))
		last = clustering.After(column.Append(nil, types.AppendBigint(nil, w.Start)))
	}
	return clustering.MakeSlices([]clustering.Slice{{Start: first, End: last}})
}
