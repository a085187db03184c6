package lsm

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eskerdb/esker/lsm/commitlog"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
)

// Statistics is what a store says of itself.
type Statistics struct {
	Tables      []TableStatistics // ascending by Name
	Sequence    uint64            // visible to new Views
	LogBytes    int64             // of segments that are not released
	Log         LogStatistics     // what the commit log has done since the store was opened
	MemoryBytes int64             // of all memtables
	CacheBytes  int64             // metadata and blocks of table files in memory
	ReadOnly    error             // why nothing is written any more; nil: all is well
	DiskFull    error             // why the last write was refused, within the last minute; nil: it was not for want of space
}

// LogStatistics counts what a commit log has done.
type LogStatistics = commitlog.Statistics

// CacheStatistics says how the cache of what table files say of themselves does.
type CacheStatistics = sstable.CacheStatistics

// CacheStatistics says how the cache does, since the store was opened.
func (s *Store) CacheStatistics() CacheStatistics { return s.cache.Statistics() }

// TableStatistics describes one table.
type TableStatistics struct {
	Table         mutation.TableID
	Name          string
	Files         int
	FileBytes     int64
	FileRows      int64 // versions of a row in several files count several times
	Partitions    int64 // in files; one in several files counts several times
	Tombstones    int   // files in which anything deletes
	MinTimestamp  int64 // µs, of what is in files; math.MaxInt64 if nothing is
	MaxTimestamp  int64 // math.MinInt64 if nothing is
	MemtableBytes int64 // active and waiting to be flushed
	MemtableRows  int64 // likewise
	Memtables     int
	Runs          int     // sorted runs that the files are
	Windows       int     // ranges of event time that have files, none counted as one
	Debt          float64 // how much waits to be compacted; 1 and more: compaction takes no more rests
	Work          WorkStatistics
	Buckets       []BucketStatistics // of files, ascending by Start; rows of no single bucket first, with Start = End = 0
}

// Statistics describes the store as it is now.
func (s *Store) Statistics() Statistics {
	v, sequence := s.acquire()
	defer v.unref()
	out := Statistics{
		Sequence: sequence, LogBytes: s.log.Bytes(), Log: s.log.Statistics(), MemoryBytes: s.memoryUsed.Load(),
		CacheBytes: s.cache.Statistics().Bytes, ReadOnly: s.failure(),
		DiskFull: s.diskFull(),
	}
	for _, t := range v.tables {
		one := t.statistics()
		one.Work = s.jobs.work.of(t.table.ID)
		out.Tables = append(out.Tables, one)
	}
	slices.SortFunc(out.Tables, func(a, b TableStatistics) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (t *tableVersion) statistics() TableStatistics {
	out := TableStatistics{
		Table: t.table.ID, Name: t.table.Name, Files: len(t.files),
		Memtables: 1 + len(t.sealed), MinTimestamp: math.MaxInt64, MaxTimestamp: math.MinInt64,
	}
	for _, m := range t.memories() {
		out.MemtableBytes += m.Bytes()
		out.MemtableRows += m.Rows()
	}
	out.Debt = t.debt()
	runs, buckets := make(map[uint64]bool), bucketSums{}
	for _, f := range t.files {
		if !runs[f.run] {
			runs[f.run] = true
			out.Runs++
		}
		out.FileBytes += f.info.Bytes
		out.FileRows += f.info.Rows
		out.Partitions += f.info.Partitions
		if f.info.HasTombstones() {
			out.Tombstones++
		}
		out.MinTimestamp, out.MaxTimestamp = min(out.MinTimestamp, f.info.MinTimestamp), max(out.MaxTimestamp, f.info.MaxTimestamp)
		buckets.addFile(f)
	}
	out.Buckets = buckets.sorted()
	out.Windows = len(out.Buckets)
	return out
}

// FileStatistics describes one table file.
type FileStatistics struct {
	Name      string
	RowGroups int
	Info      sstable.Info
}

// FileStatistics describes the files of a table, ascending by number.
func (s *Store) FileStatistics(table mutation.TableID) ([]FileStatistics, error) {
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return nil, fmt.Errorf("%w: %x", ErrUnknownTable, table)
	}
	var out []FileStatistics
	for _, f := range t.files {
		out = append(out, FileStatistics{tableFileName(f.number), f.reader.RowGroups(), *f.info})
	}
	return out, nil
}

// Encodings counts the chunks in all files of a table by what they hold and how. It reads the files.
func (s *Store) Encodings(table mutation.TableID) ([]sstable.EncodingUse, error) {
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return nil, fmt.Errorf("%w: %x", ErrUnknownTable, table)
	}
	var out []sstable.EncodingUse
	index := make(map[sstable.EncodingUse]int)
	for _, f := range t.files {
		uses, err := f.reader.Encodings()
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t.table.Name, corrupt(err))
		}
		for _, use := range uses {
			kind := sstable.EncodingUse{Role: use.Role, Column: use.Column, Encoding: use.Encoding}
			at, found := index[kind]
			if !found {
				at = len(out)
				index[kind] = at
				out = append(out, kind)
			}
			out[at].Chunks += use.Chunks
			out[at].Bytes += use.Bytes
		}
	}
	return out, nil
}

// fullness is a write that had no space.
type fullness struct {
	cause   error
	records int64 // that the log had then
	at      time.Time
}

// fullFor is how long a write that had no space tells of the disk. Longer, and a server that is sent no writes because of it would
// never say that there is space again.
const fullFor = time.Minute

// diskFull is why a write was refused lately for want of space, if none was taken since.
func (s *Store) diskFull() error {
	last := s.full.Load()
	if last == nil || s.log.Statistics().Records != last.records || s.opts.Clock.Now().Sub(last.at) > fullFor {
		return nil
	}
	return last.cause
}
