package lsm

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Rows count in the bucket they lie in, whether they are in memory, as columns or out of order, or in files.
func TestBuckets(t *testing.T) {
	const hour = 3_600_000
	table, plain := testTable(1), testTable(2)
	table.Bucket = partition.Bucketing{SizeMillis: hour}
	s := mustOpen(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	defer func() { mustNot(t, s.Close()) }()
	mustNot(t, s.PutSchema([]byte("schema"), []mutation.Table{table, plain}))
	want := map[int64]int64{}
	apply := func(key int, ms int64) {
		mustApply(t, s, rowMutation(&table, key, ms, ms+1))
		start, _ := table.Bucket.BucketOf(ms)
		want[start]++
	}
	check := func(what string) {
		t.Helper()
		found, err := s.Buckets(table.ID)
		mustNot(t, err)
		got := map[int64]int64{}
		for i, b := range found {
			if i > 0 && found[i-1].Start >= b.Start || b.Files > 0 || b.Bytes > 0 || b.Partitions < 1 || b.Partitions > 3 {
				t.Errorf("%s: %+v", what, b)
			}
			got[b.Start] += b.Rows
			if b.End-b.Start != hour && b.Start != b.End {
				t.Errorf("%s: %+v is not a bucket", what, b)
			}
		}
		for start, rows := range want {
			if got[start] != rows {
				t.Errorf("%s: %d rows in the bucket of %d, want %d", what, got[start], start, rows)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d buckets, want %d", what, len(got), len(want))
		}
	}
	for key := range 3 {
		for n := range int64(40) {
			apply(key, 10*hour+n*hour/10)
		}
	}
	check("in order")
	for n := range int64(20) {
		apply(1, 14*hour-n*hour/7-1) // backwards, between and before the others
	}
	apply(2, -1)
	check("out of order")
	if found, err := s.Buckets(plain.ID); err != nil || found != nil {
		t.Errorf("a table without buckets: %v, %v", found, err)
	}
	if _, err := s.Buckets(mutation.TableID{9}); err == nil {
		t.Error("a table that is not there")
	}
	// Few rows share a file: that they are all there is what is left to see.
	mustNot(t, s.Flush(table.ID))
	found, err := s.Buckets(table.ID)
	mustNot(t, err)
	rows := int64(0)
	for _, b := range found {
		rows += b.Rows
	}
	if rows != 141 {
		t.Errorf("%d rows in files, want 141", rows)
	}
}

// Buckets can be counted while rows are written, flushed and merged: nothing acknowledged is missing, and nothing is there twice
// once all is at rest.
func TestBucketsWhileWriting(t *testing.T) {
	const hour, rows = 3_600_000, 2000
	table := testTable(1)
	table.Bucket = partition.Bucketing{SizeMillis: hour}
	s := mustOpen(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	defer func() { mustNot(t, s.Close()) }()
	mustNot(t, s.PutSchema([]byte("schema"), []mutation.Table{table}))
	sum := func() (n int64) {
		found, err := s.Buckets(table.ID)
		mustNot(t, err)
		for i, b := range found {
			if i > 0 && found[i-1].Start > b.Start {
				t.Errorf("%+v comes before %+v", found[i-1], b)
			}
			n += b.Rows
		}
		return n
	}
	var written atomic.Int64
	var writer sync.WaitGroup
	writer.Go(func() {
		rng := rand.New(rand.NewPCG(1, 2))
		for n := range int64(rows) {
			ms := n * hour / 100
			if rng.IntN(10) == 0 {
				ms = rng.Int64N(100*hour)*2 + 1 // out of order; no two are one row
			} else {
				ms *= 2
			}
			mustApply(t, s, rowMutation(&table, int(n%5), ms, n+1))
			written.Store(n + 1)
		}
	})
	for i := 0; written.Load() < rows; i++ {
		before := written.Load()
		if n := sum(); n < before {
			t.Errorf("%d rows are counted, %d had been written", n, before)
		}
		switch i % 20 {
		case 5:
			mustNot(t, s.Flush(table.ID))
		case 15:
			mustNot(t, s.Compact(table.ID))
		}
	}
	writer.Wait()
	if n := sum(); n != rows {
		t.Errorf("%d rows, want %d", n, rows)
	}
	mustNot(t, s.Flush(table.ID))
	mustNot(t, s.Compact(table.ID))
	if n := sum(); n != rows {
		t.Errorf("merged: %d rows, want %d", n, rows)
	}
}
