package lsm

import (
	"cmp"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// Statistics is what a store says of itself.
type Statistics struct {
	Tables      []TableStatistics // ascending by Name
	Sequence    uint64            // visible to new Views
	LogBytes    int64             // of segments that are not released
	MemoryBytes int64             // of all memtables
	CacheBytes  int64             // metadata and blocks of table files in memory
	ReadOnly    error             // why nothing is written any more; nil: all is well
}

// TableStatistics describes one table.
type TableStatistics struct {
	Table         mutation.TableID
	Name          string
	Files         int
	FileBytes     int64
	FileRows      int64 // versions of a row in several files count several times
	MemtableBytes int64 // active and waiting to be flushed
	Memtables     int
	Buckets       []BucketStatistics // ascending by Start; rows of no single bucket first, with Start = End = 0
}

// BucketStatistics describes the files of one range of event time.
type BucketStatistics struct {
	Start, End int64 // milliseconds since 1970, half open; both 0: not one bucket
	Files      int
	Bytes      int64
	Rows       int64
}

// Statistics describes the store as it is now.
func (s *Store) Statistics() Statistics {
	v, sequence := s.acquire()
	defer v.unref()
	out := Statistics{Sequence: sequence, LogBytes: s.log.Bytes(), MemoryBytes: s.memoryUsed.Load(), ReadOnly: s.failure()}
	for _, t := range v.tables {
		out.Tables = append(out.Tables, t.statistics())
	}
	slices.SortFunc(out.Tables, func(a, b TableStatistics) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (t *tableVersion) statistics() TableStatistics {
	out := TableStatistics{
		Table: t.table.ID, Name: t.table.Name, Files: len(t.files),
		MemtableBytes: t.active.Bytes(), Memtables: 1 + len(t.sealed),
	}
	for _, m := range t.sealed {
		out.MemtableBytes += m.Bytes()
	}
	for _, f := range t.files {
		out.FileBytes += f.info.Bytes
		out.FileRows += f.info.Rows
		out.addBucket(f)
	}
	slices.SortFunc(out.Buckets, func(a, b BucketStatistics) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	return out
}

func (t *TableStatistics) addBucket(f *file) {
	i := slices.IndexFunc(t.Buckets, func(b BucketStatistics) bool {
		return b.Start == f.info.BucketStart && b.End == f.info.BucketEnd
	})
	if i < 0 {
		i = len(t.Buckets)
		t.Buckets = append(t.Buckets, BucketStatistics{Start: f.info.BucketStart, End: f.info.BucketEnd})
	}
	t.Buckets[i].Files++
	t.Buckets[i].Bytes += f.info.Bytes
	t.Buckets[i].Rows += f.info.Rows
}
