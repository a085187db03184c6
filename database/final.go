package database

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// finalParts are the parts of a range of time whose windows of a rollup are final in a partition at a View (R41): closed, computed,
// and dirty neither themselves nor by a level below. They are sorted, disjoint and made of whole windows. What the rollup's own
// retention has removed is the caller's business. All is read from the View: what memory knows of marks may be newer.
func (d *Database) finalParts(view View, r *schema.Table, key partition.DecoratedKey, over downsample.Window, nowMillis int64) ([]downsample.Window, error) {
	state, err := rollupState(view, r)
	if err != nil {
		return nil, err
	}
	windows := r.Rollup.Windows()
	from := max(over.Start, state.BuiltFrom)
	if start, end := windows.BucketOf(from); start != from {
		from = end
	}
	to, _ := windows.BucketOf(min(over.End, nowMillis-r.Rollup.GraceMillis))
	if from >= to {
		return nil, nil
	}
	out := []downsample.Window{{Start: from, End: to}}
	s := d.Schema()
	for level := r; level.Rollup != nil; {
		err := marksOf(view, level, key, downsample.Window{Start: from, End: to}, func(m jobs.Mark, _ uint64) {
			start, _ := windows.BucketOf(m.Window.Start)
			_, end := windows.BucketOf(m.Window.End - 1)
			out = without(out, downsample.Window{Start: start, End: end})
		})
		if err != nil {
			return nil, err
		}
		if level = s.Table(r.Keyspace, level.Rollup.Source); level == nil {
			return nil, nil // it was dropped a moment ago
		}
	}
	return out, nil
}

// marksOf calls each for the marks of a rollup in a partition that meet a range of time.
func marksOf(view View, r *schema.Table, key partition.DecoratedKey, over downsample.Window, each func(jobs.Mark, uint64)) error {
	at, err := markKey(r.ID, key)
	if err != nil {
		return err
	}
	first := dirtyTable().Clustering[0]
	upTo := clustering.Slice{Start: clustering.Whole().Start, End: clustering.Before(first.Append(nil, types.AppendBigint(nil, over.End)))}
	return partitionMarks(view, at, clustering.MakeSlices([]clustering.Slice{upTo}), func(m jobs.Mark, sequence uint64) {
		if m.Window.End > over.Start {
			each(m, sequence)
		}
	})
}

// without are sorted disjoint ranges less one.
func without(ranges []downsample.Window, cut downsample.Window) []downsample.Window {
	out := make([]downsample.Window, 0, len(ranges)+1)
	for _, w := range ranges {
		if left := (downsample.Window{Start: w.Start, End: min(w.End, cut.Start)}); left.Start < left.End {
			out = append(out, left)
		}
		if right := (downsample.Window{Start: max(w.Start, cut.End), End: w.End}); right.Start < right.End {
			out = append(out, right)
		}
	}
	return out
}
