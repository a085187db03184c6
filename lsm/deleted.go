package lsm

import (
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// deleted is what lies beside the rows of a partition, as far as it deletes rows.
type deleted struct {
	table *mutation.Table
	side  *mutation.Side
	all   clustering.Slice // that the read asks for
}

// deletedBy returns nil if a side deletes no rows, or not by their timestamps, which is what is known of files.
func deletedBy(t *mutation.Table, side *mutation.Side, in clustering.Slices) *deleted {
	if t.Law != mutation.ByTimestamp || !hides(side) {
		return nil
	}
	return &deleted{t, side, in.Span()}
}

// covers reports whether all rows of a file of a window that the read asks for are deleted.
func (d *deleted) covers(f *file) bool {
	return d != nil && d.coversRows(f, func() clustering.Slice { return f.window().slice(d.table) })
}

// coversBetween is covers for a partition of a file that has no rows before the first and behind the last.
func (d *deleted) coversBetween(f *file, first, last []byte) bool {
	return d != nil && d.coversRows(f, func() clustering.Slice {
		return clustering.Slice{Start: clustering.Before(first), End: clustering.After(last)}
	})
}

func (d *deleted) coversRows(f *file, in func() clustering.Slice) bool {
	newest := f.info.MaxTimestamp
	if !d.side.Deletion.IsNone() && d.side.Deletion.MarkedAt >= newest {
		return true
	}
	if !slices.ContainsFunc(d.side.Ranges, func(r mutation.RangeTombstone) bool { return r.Deletion.MarkedAt >= newest }) {
		return false
	}
	return coveredBy(d.side.Ranges, in().Intersect(d.all), newest)
}

// coveredBy reports whether ranges, sorted and apart, leave no gap in a slice and delete all that is not younger than a timestamp.
func coveredBy(ranges []mutation.RangeTombstone, in clustering.Slice, newest int64) bool {
	i, _ := slices.BinarySearchFunc(ranges, in.Start, func(r mutation.RangeTombstone, at clustering.Bound) int {
		if r.Slice.End.Compare(at) > 0 {
			return 1
		}
		return -1
	})
	for from := in.Start; i < len(ranges); i++ {
		r := &ranges[i]
		if r.Slice.Start.Compare(from) > 0 || r.Deletion.MarkedAt < newest {
			return false
		}
		if r.Slice.End.Compare(in.End) >= 0 {
			return true
		}
		from = r.Slice.End
	}
	return false
}

// deletedFiles tells of files whether all that they hold is deleted by what other files hold beside rows, so that they may go
// unread: the deletions stay until they have waited for their grace. It reads keys, no rows. nil: nothing is deleted so.
func (t *tableVersion) deletedFiles() func(number uint64) bool {
	order := t.fileOrder()
	sides := slices.DeleteFunc(slices.Clone(order.all), func(f *file) bool { return !f.hasSides() })
	if t.table.Law != mutation.ByTimestamp || len(sides) == 0 {
		return nil
	}
	windows := make(map[uint64]*file, len(order.up))
	for _, f := range order.up {
		windows[f.number] = f
	}
	return func(number uint64) bool {
		f, found := windows[number]
		return found && f.isDeletedBy(t.table, sides)
	}
}

// isDeletedBy remembers which files do not delete all of f, and asks only when there are others.
func (f *file) isDeletedBy(t *mutation.Table, sides []*file) bool {
	var newer []*file
	var numbers []uint64
	for _, g := range sides {
		if g.info.MaxTimestamp >= f.info.MaxTimestamp && g.meets(f) {
			newer, numbers = append(newer, g), append(numbers, g.number)
		}
	}
	if len(newer) == 0 || slices.Equal(numbers, f.notDeletedBy) {
		return false
	}
	if f.eachKeyDeletedBy(t, newer) {
		return true
	}
	f.notDeletedBy = numbers
	return false
}

// meets reports whether two files may have a partition in common.
func (f *file) meets(g *file) bool {
	return f.spans(g.info.FirstKey) || g.spans(f.info.FirstKey)
}

func (f *file) eachKeyDeletedBy(t *mutation.Table, sides []*file) bool {
	keys := f.reader.Keys(partition.Range{})
	defer keys.Close()
	for {
		key, err := keys.Next()
		if key == nil || err != nil {
			return err == nil
		}
		side, err := sideOf(t, key, sides)
		if err != nil || side == nil {
			return false // a damaged file stays, for the merge to say so
		}
		p, err := f.reader.Partition(*key)
		if err != nil || p == nil {
			return false
		}
		if first, last, any := p.Bounds(); any && !deletedBy(t, side, clustering.All()).coversBetween(f, first, last) {
			return false
		}
	}
}

// sideOf merges what files hold beside the rows of a partition; nil: nothing.
func sideOf(t *mutation.Table, key *partition.DecoratedKey, files []*file) (*mutation.Side, error) {
	var sides []*mutation.Side
	for _, f := range files {
		if !f.spans(*key) {
			continue
		}
		p, err := f.reader.Partition(*key)
		if err != nil {
			return nil, err
		}
		if p != nil && !p.Side().IsEmpty() {
			sides = append(sides, p.Side())
		}
	}
	if len(sides) == 0 {
		return nil, nil
	}
	side := mutation.MergeSides(t.Law, sides...)
	return &side, nil
}
