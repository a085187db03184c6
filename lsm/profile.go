package lsm

import (
	"fmt"

	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
)

// largestKept is how many partitions are added up at a time at least, and half of how many at most.
const largestKept = 10_000

// Profile describes what the files of a table delete, and its largest partitions.
type Profile struct {
	Tombstones sstable.Tombstones
	// Largest are the largest partitions by bytes in files, the largest first, sstable.LargestMax at most. Of a partition those files count
	// that name it among their own largest: what the others have of it is less than the smallest that they name.
	Largest []sstable.PartitionSize
	Unknown int // files of earlier releases, which say nothing of this
}

// Profile describes the files of a table. It reads a few kilobytes of each.
func (s *Store) Profile(table mutation.TableID) (Profile, error) {
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return Profile{}, fmt.Errorf("%w: %x", ErrUnknownTable, table)
	}
	var out Profile
	sums := partitionSums{}
	for _, f := range t.files {
		p, err := f.reader.Profile()
		if err != nil {
			return Profile{}, fmt.Errorf("table %s: %w", t.table.Name, corrupt(err))
		}
		if p == nil {
			out.Unknown++
			continue
		}
		d, add := &out.Tombstones, &p.Tombstones
		d.Partitions, d.Ranges, d.Rows, d.Cells = d.Partitions+add.Partitions, d.Ranges+add.Ranges, d.Rows+add.Rows, d.Cells+add.Cells
		sums.add(p.Largest)
	}
	out.Largest = sums.largest(sstable.LargestMax)
	return out, nil
}

// partitionSums adds up partitions by key.
type partitionSums map[string]*sstable.PartitionSize

func (s partitionSums) add(list []sstable.PartitionSize) {
	for i := range list {
		p := &list[i]
		if have := s[string(p.Key)]; have != nil {
			have.Rows, have.Bytes = have.Rows+p.Rows, have.Bytes+p.Bytes
		} else {
			s[string(p.Key)] = p
		}
	}
	if len(s) < 2*largestKept {
		return
	}
	for _, small := range s.largest(len(s))[largestKept:] {
		delete(s, string(small.Key))
	}
}

// largest are the first n by size.
func (s partitionSums) largest(n int) []sstable.PartitionSize {
	out := make([]sstable.PartitionSize, 0, len(s))
	for _, p := range s {
		out = append(out, *p)
	}
	sstable.SortSizes(out)
	return out[:min(n, len(out))]
}
