package mutation

import "errors"

// ReadStatistics counts what reads cost: those of one page, or of one statement, which share it. A reader adds to
// it; the readers that share one are used by one goroutine.
type ReadStatistics struct {
	Buckets      int // ranges of event time of which files were looked into, each counted once
	Files        int // looked into, each counted once
	FilesSkipped int // of the table, not looked into: they have other keys or other times, or the read was over before
	Memtables    int // that held the partition, each counted once

	RowGroups        int64 // whose rows were decoded, partition by partition
	RowGroupsSkipped int64 // of the files looked into, partition by partition: not decoded, for whatever reason
	// Of RowGroupsSkipped: where the statistics of the group say that no row fulfils the WHERE, and where they are the
	// answer. The others lie outside of the slices, have ended, or the read was over before.
	RowGroupsExcluded   int64
	RowGroupsSummarized int64

	Rows int64 // decoded or merged, a version in each source; hidden ones included
	// Tombstones are the deletions that the read had to go through: of a partition, of ranges that reach into the slices,
	// rows, and, where rows are merged one by one, cells. What has expired is none.
	Tombstones int64
	// TombstonesMax is how many deletions may be passed; 0: any. A reader that passes one more gives up with ErrTombstones.
	TombstonesMax int64

	files, memtables seen[uint64]
	buckets          seen[[2]int64]
}

// ErrTombstones means that a read passed more deletions than ReadStatistics.TombstonesMax.
var ErrTombstones = errors.New("more deletions than the read may pass")

// TooMany is ErrTombstones if more deletions were passed than may be.
func (s *ReadStatistics) TooMany() error {
	if s != nil && s.TombstonesMax > 0 && s.Tombstones > s.TombstonesMax {
		return ErrTombstones
	}
	return nil
}

// LookInto counts a file, which is of the bucket [start, end); both 0: of none. total is how many files the table has.
func (s *ReadStatistics) LookInto(file uint64, start, end int64, total int) {
	if s == nil {
		return
	}
	if s.files.add(file) {
		s.Files++
		if start != end && s.buckets.add([2]int64{start, end}) {
			s.Buckets++
		}
	}
	s.FilesSkipped = total - s.Files
}

// LookIntoMemtable counts a memtable by its epoch.
func (s *ReadStatistics) LookIntoMemtable(epoch uint64) {
	if s != nil && s.memtables.add(epoch) {
		s.Memtables++
	}
}

// Skip counts row groups of a file that are not decoded yet, and maybe never.
func (s *ReadStatistics) Skip(groups int) {
	if s != nil {
		s.RowGroupsSkipped += int64(groups)
	}
}

// Decode counts a row group among those that are decoded, and no longer among those skipped.
func (s *ReadStatistics) Decode() {
	if s != nil {
		s.RowGroups++
		s.RowGroupsSkipped--
	}
}

// Exclude counts a row group none of whose rows is wanted.
func (s *ReadStatistics) Exclude() {
	if s != nil {
		s.RowGroupsExcluded++
	}
}

// Summarize counts groups whose statistics are the answer; −1 takes one back whose rows are needed after all.
func (s *ReadStatistics) Summarize(groups int) {
	if s != nil {
		s.RowGroupsSummarized += int64(groups)
	}
}

// Pass counts rows, and deletions among them or beside them.
func (s *ReadStatistics) Pass(rows, tombstones int) {
	if s != nil {
		s.Rows += int64(rows)
		s.Tombstones += int64(tombstones)
	}
}

// seen remembers what was looked into: few things in place, many in a map.
type seen[T comparable] struct {
	few  [4]T
	used int
	many map[T]struct{}
}

// add reports whether one is new.
func (s *seen[T]) add(one T) bool {
	for i := range s.used {
		if s.few[i] == one {
			return false
		}
	}
	if s.used < len(s.few) {
		s.few[s.used] = one
		s.used++
		return true
	}
	if _, found := s.many[one]; found {
		return false
	}
	if s.many == nil {
		s.many = make(map[T]struct{})
	}
	s.many[one] = struct{}{}
	return true
}
