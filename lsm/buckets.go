package lsm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/lsm/compaction"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// BucketStatistics describes what a table has in one range of event time.
type BucketStatistics struct {
	Start, End int64 // milliseconds since 1970, half open; both 0: not one bucket
	Files      int
	Bytes      int64 // of files
	Rows       int64 // versions of a row in several files count several times
	Partitions int64 // likewise
}

// bucketSums adds up by range.
type bucketSums map[window]*BucketStatistics

func (s bucketSums) at(w window) *BucketStatistics {
	b := s[w]
	if b == nil {
		b = &BucketStatistics{Start: w.start, End: w.end}
		s[w] = b
	}
	return b
}

func (s bucketSums) addFile(f *file) {
	b := s.at(f.window())
	b.Files++
	b.Bytes += f.info.Bytes
	b.Rows += f.info.Rows
	b.Partitions += f.info.Partitions
}

// sorted are the sums ascending by start; those of no single bucket first.
func (s bucketSums) sorted() []BucketStatistics {
	var out []BucketStatistics
	for _, b := range s {
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b BucketStatistics) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	return out
}

// Buckets describes a table by event time: its files by the ranges they were split into, and what is only in memory by the buckets
// new files would have, which have no file then. A table without buckets has none.
func (s *Store) Buckets(table mutation.TableID) ([]BucketStatistics, error) {
	v, sequence := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return nil, fmt.Errorf("%w: %x", ErrUnknownTable, table)
	}
	if !isBucketed(t.table) {
		return nil, nil
	}
	sums := bucketSums{}
	for _, f := range t.files {
		sums.addFile(f)
	}
	for _, m := range t.memories() {
		if err := sums.addMemory(t.table, m, sequence); err != nil {
			return nil, err
		}
	}
	return sums.sorted(), nil
}

// addMemory counts the rows of a memtable as of a sequence. Rows that lie in columns are counted by searching where buckets end, not one by one.
func (s bucketSums) addMemory(table *mutation.Table, m *memory, sequence uint64) error {
	keys := m.Keys(partition.Range{}, sequence)
	defer keys.Close()
	for {
		key, err := keys.Next()
		if key == nil || err != nil {
			return err
		}
		p := m.Partition(*key, sequence)
		if p == nil {
			continue
		}
		of := partitionBuckets{table: table, rows: map[window]int64{}}
		for _, run := range p.Runs() {
			if err := of.run(run); err != nil {
				return err
			}
		}
		for w, rows := range of.rows {
			b := s.at(w)
			b.Rows += rows
			b.Partitions++
		}
	}
}

// partitionBuckets counts the rows of one partition by bucket.
type partitionBuckets struct {
	table *mutation.Table
	rows  map[window]int64
	at    window // of the last row
	times compaction.BlockTimes
}

func (p *partitionBuckets) run(run mutation.Run) error {
	if blocks := run.Blocks(); blocks != nil {
		for {
			b, err := blocks.Next()
			if b == nil || err != nil {
				return err
			}
			p.block(b)
		}
	}
	rows := run.Rows(everything, false)
	for {
		row, err := rows.Next()
		if row == nil || err != nil {
			return err
		}
		ms, timed := p.table.EventTime(row.Clustering)
		if !timed {
			p.rows[window{}]++
			continue
		}
		if p.at == (window{}) || ms < p.at.start || ms >= p.at.end {
			p.at.start, p.at.end = p.table.Bucket.BucketOf(ms)
		}
		p.rows[p.at]++
	}
}

func (p *partitionBuckets) block(b *mutation.Block) {
	if b.Rows == 0 {
		return
	}
	p.times.Reset(p.table, b)
	for from := 0; from < b.Rows; {
		ms, timed := p.times.At(from)
		w, low, high := window{}, int64(0), int64(0)
		if timed {
			w.start, w.end = p.table.Bucket.BucketOf(ms)
			if low, high = w.start, w.end-1; ms > high {
				high = ms // the last bucket includes the end of time
			}
		}
		to := p.times.Same(from, b.Rows, low, high, timed)
		p.rows[w] += int64(to - from)
		from = to
	}
}
