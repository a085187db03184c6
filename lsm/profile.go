package lsm

import (
	"fmt"

	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// largestKept is how many partitions are added up at a time at least, and half of how many at most.
const largestKept = 10_000

// Tombstones counts what the files of a table delete. It reads a few kilobytes of each; those that earlier releases wrote say nothing.
func (s *Store) Tombstones(table mutation.TableID) (sum sstable.Tombstones, err error) {
	err = s.profiles(table, func(_ *file, p *sstable.Profile) error {
		add := &p.Tombstones
		sum.Partitions, sum.Ranges, sum.Rows, sum.Cells = sum.Partitions+add.Partitions, sum.Ranges+add.Ranges, sum.Rows+add.Rows, sum.Cells+add.Cells
		return nil
	})
	return sum, err
}

// LargestPartitions are the largest partitions of a table by bytes in files, the largest first, sstable.LargestMax at most. They are found
// among those that files name as their largest; what other files have of them is looked up in their indexes. Files that earlier releases
// wrote name none.
func (s *Store) LargestPartitions(table mutation.TableID) ([]sstable.PartitionSize, error) {
	sums := partitionSums{}
	named := func(_ *file, p *sstable.Profile) error {
		sums.add(p.Largest)
		return nil
	}
	var largest []sstable.PartitionSize
	err := s.profiles(table, named, func(f *file, p *sstable.Profile) error {
		if largest == nil {
			largest = sums.candidates()
		}
		return s.addSizes(largest, f, p)
	})
	sstable.SortSizes(largest)
	return largest, err
}

// profiles calls each of fns in turn for all files of a table, the same for each, with their profiles: an empty one where there is none.
func (s *Store) profiles(table mutation.TableID, fns ...func(*file, *sstable.Profile) error) error {
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return fmt.Errorf("%w: %x", ErrUnknownTable, table)
	}
	for _, fn := range fns {
		for _, f := range t.files {
			if s.jobs.closed() {
				return ErrClosed
			}
			p, err := f.reader.Profile()
			if p == nil {
				p = new(sstable.Profile)
			}
			if err == nil {
				err = fn(f, p)
			}
			if err != nil {
				return fmt.Errorf("table %s: %w", t.table.Name, corrupt(err))
			}
		}
	}
	return nil
}

// addSizes adds what a file has of partitions: as it says where it names them, else as far as its index tells.
func (s *Store) addSizes(to []sstable.PartitionSize, f *file, p *sstable.Profile) error {
	named := make(map[string]*sstable.PartitionSize, len(p.Largest))
	for i := range p.Largest {
		named[string(p.Largest[i].Key)] = &p.Largest[i]
	}
	for i := range to {
		if has := named[string(to[i].Key)]; has != nil {
			to[i].Rows, to[i].Bytes = to[i].Rows+has.Rows, to[i].Bytes+has.Bytes
			continue
		}
		rows, bytes, err := f.reader.SizeOf(partition.Decorate(to[i].Key))
		if err != nil {
			return err
		}
		to[i].Rows, to[i].Bytes = to[i].Rows+rows, to[i].Bytes+bytes
	}
	return nil
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

// candidates are the keys of the largest.
func (s partitionSums) candidates() []sstable.PartitionSize {
	out := s.largest(sstable.LargestMax)
	for i := range out {
		out[i].Rows, out[i].Bytes = 0, 0
	}
	return out
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
