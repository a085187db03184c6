package database

import (
	"cmp"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// finality finds out which windows of rollups are final at one View and one moment. All is read from the View: what memory
// knows of marks may be newer. What was read of a partition is kept until another is asked for.
type finality struct {
	d         *Database
	view      View
	nowMillis int64
	states    map[mutation.TableID]jobs.State
	key       partition.DecoratedKey
	marked    map[mutation.TableID]markedTimes // in the partition
}

// markedTimes are the marked parts of a range of time: ascending, disjoint.
type markedTimes struct {
	over  downsample.Window
	parts []downsample.Window
}

// finalParts are the parts of a range of time whose windows of a rollup are final in a partition at a View.
func (d *Database) finalParts(view View, r *schema.Table, key partition.DecoratedKey, over downsample.Window, nowMillis int64) ([]downsample.Window, error) {
	return d.finality(view, nowMillis).parts(r, key, over)
}

func (d *Database) finality(view View, nowMillis int64) *finality {
	return &finality{d: d, view: view, nowMillis: nowMillis, states: map[mutation.TableID]jobs.State{}, marked: map[mutation.TableID]markedTimes{}}
}

// parts are the parts of a range of time whose windows of a rollup are final in a partition (R41): closed, computed and not left out, and dirty
// neither themselves nor by a level below. They are sorted, disjoint and made of whole windows. What the rollup's own retention
// has removed is the caller's business.
func (f *finality) parts(r *schema.Table, key partition.DecoratedKey, over downsample.Window) ([]downsample.Window, error) {
	state, err := f.state(r)
	if err != nil {
		return nil, err
	}
	windows := r.Rollup.Windows()
	from := max(over.Start, state.BuiltFrom, state.CompleteFrom)
	if start, end := windows.BucketOf(from); start != from {
		from = end
	}
	to, _ := windows.BucketOf(min(over.End, f.nowMillis-r.Rollup.GraceMillis))
	if from >= to {
		return nil, nil
	}
	var dirty []downsample.Window
	s := f.d.Schema()
	for level := r; level.Rollup != nil; {
		marked, err := f.marks(level, key, downsample.Window{Start: from, End: to})
		if err != nil {
			return nil, err
		}
		for _, m := range marked {
			start, _ := windows.BucketOf(m.Start)
			_, end := windows.BucketOf(m.End - 1)
			dirty = append(dirty, downsample.Window{Start: start, End: end})
		}
		if level = s.Table(r.Keyspace, level.Rollup.Source); level == nil {
			return nil, nil // it was dropped a moment ago
		}
	}
	return less(downsample.Window{Start: from, End: to}, dirty), nil
}

// state is the state of a rollup.
func (f *finality) state(r *schema.Table) (jobs.State, error) {
	if state, known := f.states[r.ID]; known {
		return state, nil
	}
	state, err := rollupState(f.view, r)
	if err == nil {
		f.states[r.ID] = state
	}
	return state, err
}

// marks are the marked parts of a rollup in a partition, at least those that meet a range of time.
func (f *finality) marks(r *schema.Table, key partition.DecoratedKey, over downsample.Window) ([]downsample.Window, error) {
	if !f.key.Equal(key) {
		f.key = partition.DecoratedKey{Token: key.Token, Key: append(f.key.Key[:0], key.Key...)}
		clear(f.marked)
	}
	known, found := f.marked[r.ID]
	if found && known.over.Start <= over.Start && known.over.End >= over.End {
		return known.parts, nil
	}
	known = markedTimes{over: over}
	err := marksOf(f.view, r, key, over, func(m jobs.Mark, _ uint64) {
		if n := len(known.parts); n > 0 && m.Window.Start <= known.parts[n-1].End {
			known.parts[n-1].End = max(known.parts[n-1].End, m.Window.End)
			return
		}
		known.parts = append(known.parts, m.Window)
	})
	if err == nil {
		f.marked[r.ID] = known
	}
	return known.parts, err
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

// less is a range of time without cuts, which it sorts: the parts that are left.
func less(of downsample.Window, cuts []downsample.Window) []downsample.Window {
	slices.SortFunc(cuts, func(a, b downsample.Window) int { return cmp.Compare(a.Start, b.Start) })
	out := make([]downsample.Window, 0, 1)
	for _, cut := range cuts {
		if cut.Start > of.Start && of.Start < of.End {
			out = append(out, downsample.Window{Start: of.Start, End: min(cut.Start, of.End)})
		}
		of.Start = max(of.Start, cut.End)
	}
	if of.Start < of.End {
		out = append(out, of)
	}
	return out
}
