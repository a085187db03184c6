package jobs

import (
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// RangeView is the store at one sequence, as a walk over windows reads it.
type RangeView interface {
	View
	Keyed
}

// RangeWindowsMax is how many windows of one partition a step of a walk has.
const RangeWindowsMax = 256

// Limits of one step of a walk over windows.
const (
	rangesWindowsMax   = 1024 // of all, those without rows included
	rangePartitionsMax = 1024 // looked at, with rows or without
)

// Ranges walks over the windows of a rollup in a range of time, partition by partition, where there are rows of what it is computed
// from or of its own. It keeps its place between Views.
type Ranges struct {
	Rollup mutation.TableID
	Over   downsample.Window       // of whole windows
	Only   *partition.DecoratedKey // nil: every partition
	// Also are more tables that a View has, whose partitions are looked at; nil: none are.
	Also func(view RangeView) ([]mutation.TableID, error)
	// From is a time in a partition: windows that start below it are passed over; nil: none is.
	From func(view RangeView, key partition.DecoratedKey) (ms int64, err error)

	keys   []partition.DecoratedKey // partitions to look at next, found in an earlier View
	found  bool                     // all partitions are among those
	last   partition.DecoratedKey   // the last partition begun; its Key is nil at the beginning
	within bool                     // windows of it from at on are left
	at     int64
	Done   bool // nothing is left
}

// Fraction is about the share of the walk that is done.
func (w *Ranges) Fraction() float64 {
	if w.Done {
		return 1
	}
	at := Place{Key: w.last}
	return at.Fraction()
}

// Next are the next windows as marks, at most one of each partition. Empty ones may come before the end.
func (w *Ranges) Next(view RangeView, ru *Rollup) ([]Mark, error) {
	var out []Mark
	windows := int64(0)
	if w.within {
		m, err := w.rest(view, ru, w.last)
		if err != nil {
			return nil, err
		}
		if m != nil {
			return []Mark{*m}, nil
		}
	}
	if err := w.find(view, ru); err != nil {
		return nil, err
	}
	for len(w.keys) > 0 {
		w.last, w.at, w.keys = w.keys[0], w.Over.Start, w.keys[1:]
		if err := w.skip(view, ru); err != nil {
			return nil, err
		}
		m, err := w.rest(view, ru, w.last)
		if err != nil {
			return nil, err
		}
		if m != nil {
			out = append(out, *m)
			windows += ru.count(m.Window)
		}
		if w.within || windows >= rangesWindowsMax {
			return out, nil
		}
	}
	w.Done = w.found
	return out, nil
}

// skip passes over the first windows of a partition.
func (w *Ranges) skip(view RangeView, ru *Rollup) error {
	if w.From == nil {
		return nil
	}
	from, err := w.From(view, w.last)
	if err != nil || from <= w.at {
		return err
	}
	w.at = wholeFrom(ru.Table, from)
	return nil
}

// find finds the next partitions to look at, unless some are known. One that comes later has its marks.
func (w *Ranges) find(view RangeView, ru *Rollup) (err error) {
	switch {
	case w.found || len(w.keys) > 0:
	case w.Only != nil:
		w.keys, w.found = []partition.DecoratedKey{*w.Only}, true
	default:
		tables := ru.tables()
		if w.Also != nil {
			also, err := w.Also(view)
			if err != nil {
				return err
			}
			tables = append(tables, also...)
		}
		w.keys, err = Partitions(view, tables, w.last, rangePartitionsMax)
		w.found = len(w.keys) < rangePartitionsMax
	}
	return err
}

// rest is the next mark in a partition; nil: it has no more rows.
func (w *Ranges) rest(view RangeView, ru *Rollup, key partition.DecoratedKey) (*Mark, error) {
	left := downsample.Window{Start: w.at, End: w.Over.End}
	if w.within = false; left.Start >= left.End {
		return nil, nil
	}
	first, ok, err := ru.firstTime(view, key, left)
	if err != nil || !ok {
		return nil, err
	}
	over := WindowsFrom(ru.Table.Rollup, max(first, left.Start), RangeWindowsMax, left.End)
	over.Start = max(over.Start, left.Start)
	w.at, w.within = over.End, over.End < left.End
	return &Mark{Rollup: ru.Table.ID, Base: key, Window: over}, nil
}

// tables are those that a recomputation looks at.
func (ru *Rollup) tables() []mutation.TableID {
	out := []mutation.TableID{ru.Base.ID, ru.Table.ID}
	return append(out, ru.belowIDs()...)
}

// firstTime is the time of the first row in a range of a partition, in any of the tables that a recomputation looks at.
func (ru *Rollup) firstTime(view Reads, key partition.DecoratedKey, over downsample.Window) (ms int64, ok bool, err error) {
	sources := []mutation.Table{ru.Base.Stored(), ru.Table.Stored()}
	for i := range ru.Below {
		sources = append(sources, ru.Below[i].Table.Stored())
	}
	for i := range sources {
		at, has, err := EdgeTime(view, &sources[i], key, over, false)
		if err != nil {
			return 0, false, err
		}
		if has && (!ok || at < ms) {
			ms, ok = at, true
		}
	}
	return ms, ok, nil
}

// count is about how many windows a range has.
func (ru *Rollup) count(over downsample.Window) int64 {
	first := ru.window(over.Start)
	width := uint64(max(first.End-first.Start, 1))
	return int64(min((uint64(over.End)-uint64(over.Start))/width, RangeWindowsMax)) + 1
}

// Rollup is a rollup of the schema now; nil: there is none with that id.
func (r *Rollups) Rollup(id mutation.TableID) (*Rollup, error) {
	all, err := r.rollups()
	return all[id], err
}
