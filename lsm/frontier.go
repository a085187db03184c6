package lsm

import (
	"bytes"
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/lsm/memtable"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Frontier is how far a partition reaches: a row beyond it is new (R39c).
type Frontier = memtable.Frontier

const (
	// frontierFilesMax is how many files of windows a Frontier looks into, and frontierPassedMax how many it passes.
	frontierFilesMax  = 4
	frontierPassedMax = 256
)

// Frontier returns how far a partition reaches at most, whatever the sequence. It is false when there is no such partition.
// Toward the newest rows it is exact, or close, without looking into more than a few files; toward the oldest ones it is as
// wide as the windows of the table.
func (v *View) Frontier(table mutation.TableID, key partition.DecoratedKey) (Frontier, bool, error) {
	var out Frontier
	t, err := v.table(table)
	if err != nil {
		return out, false, err
	}
	found := false
	for _, m := range t.memories() {
		if f, ok := m.Frontier(key); ok {
			out, found = joinFrontiers(out, f), true
		}
	}
	join := func(f *file) (has bool, err error) {
		o, has, err := f.reader.Outline(key)
		if err != nil {
			return false, fmt.Errorf("frontier in %s: %w", t.table.Name, corrupt(err))
		}
		if has {
			out, found = joinFrontiers(out, fileFrontier(&o)), true
		}
		return has, nil
	}
	order := t.fileOrder()
	for _, f := range order.all {
		if !f.spans(key) {
			continue
		}
		if _, err := join(f); err != nil {
			return out, false, err
		}
	}
	var newest window // of the first file that has the partition
	looked := 0
	for i, f := range order.down {
		w := f.window()
		if newest != (window{}) && w.last() < newest.start {
			return joinFrontiers(out, order.frontier(t.table, newest.start)), true, nil
		}
		if looked == frontierFilesMax || i == frontierPassedMax {
			return joinFrontiers(out, order.frontier(t.table, w.end)), true, nil
		}
		if !f.spans(key) {
			continue
		}
		looked++
		has, err := join(f)
		if err != nil {
			return out, false, err
		}
		if has && newest == (window{}) {
			newest = w
		}
	}
	return out, found, nil
}

// spans reports whether a partition may be in f, by its key.
func (f *file) spans(key partition.DecoratedKey) bool {
	return f.info.Partitions > 0 && key.Compare(f.info.FirstKey) >= 0 && key.Compare(f.info.LastKey) <= 0
}

// frontier is how far rows of windows before an end may reach.
func (o *fileOrder) frontier(t *mutation.Table, end int64) Frontier {
	in := window{o.up[0].window().start, end}.slice(t)
	return Frontier{HasRows: true, First: in.Start.AppendBytes(nil), Last: in.End.AppendBytes(nil)}
}

func fileFrontier(o *sstable.Outline) Frontier {
	side := o.Side
	out := Frontier{Deletion: side.Deletion, First: o.First, Last: o.Last, HasRows: o.HasRows}
	if n := len(side.Ranges); n > 0 {
		out.HasRanges, out.Ranges = true, clustering.Slice{Start: side.Ranges[0].Slice.Start, End: side.Ranges[n-1].Slice.End}
	}
	return out
}

func joinFrontiers(a, b Frontier) Frontier {
	switch {
	case !a.HasRows:
		a.HasRows, a.First, a.Last = b.HasRows, b.First, b.Last
	case b.HasRows:
		if bytes.Compare(b.First, a.First) < 0 {
			a.First = b.First
		}
		if bytes.Compare(b.Last, a.Last) > 0 {
			a.Last = b.Last
		}
	}
	switch {
	case !a.HasRanges:
		a.HasRanges, a.Ranges = b.HasRanges, b.Ranges
	case b.HasRanges:
		a.Ranges = a.Ranges.Hull(b.Ranges)
	}
	a.Deletion = mutation.MaxDeletion(a.Deletion, b.Deletion)
	return a
}
