package lsm

import (
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
