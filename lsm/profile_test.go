package lsm

import (
	"fmt"
	"testing"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
)

// The profile of a table adds up its files, and is the same after a restart and after a merge.
func TestProfile(t *testing.T) {
	table, fs := testTable(1), vfs.NewMem()
	opts := testOptions(fs, clock.NewManual(start))
	s := mustOpen(t, opts)
	mustNot(t, s.PutSchema([]byte("schema"), []mutation.Table{table}))
	for round := range int64(3) {
		for key := range 4 {
			for n := range int64(key+1) * 20 {
				mustApply(t, s, rowMutation(&table, key, round*1000+n, round*1000+n+1))
			}
		}
		mustNot(t, s.Flush(table.ID))
	}
	check := func(what string) {
		t.Helper()
		tombstones, err := s.Tombstones(table.ID)
		mustNot(t, err)
		largest, err := s.LargestPartitions(table.ID)
		mustNot(t, err)
		if len(largest) != 4 || tombstones.Sum() != 0 {
			t.Fatalf("%s: %+v, %+v", what, largest, tombstones)
		}
		rows := map[int64]bool{}
		for _, size := range largest {
			rows[size.Rows] = true
		}
		for key := range int64(4) {
			if want := (key + 1) * 60; !rows[want] {
				t.Errorf("%s: no partition of %d rows in %+v", what, want, largest)
			}
		}
	}
	check("three files")
	mustNot(t, s.Close())
	s = mustOpen(t, opts)
	check("opened again")
	mustNot(t, s.Compact(table.ID))
	check("merged")
	if _, err := s.LargestPartitions(mutation.TableID{9}); err == nil {
		t.Error("a table that is not there")
	}
	mustNot(t, s.Close())
}

// Of many partitions of about one size each file names others: what is shown of one is all it has all the same.
func TestLargestPartitionsAreComplete(t *testing.T) {
	table := testTable(1)
	s := mustOpen(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	defer func() { mustNot(t, s.Close()) }()
	mustNot(t, s.PutSchema([]byte("schema"), []mutation.Table{table}))
	const partitions, rounds, many, few = 300, 3, 6, 3
	for round := range rounds {
		for key := range partitions {
			rows := few
			if key%rounds == round {
				rows = many
			}
			for n := range rows {
				at := int64(round*many + n)
				mustApply(t, s, rowMutation(&table, key, at, at+1))
			}
		}
		mustNot(t, s.Flush(table.ID))
	}
	largest, err := s.LargestPartitions(table.ID)
	mustNot(t, err)
	if len(largest) != sstable.LargestMax || len(filesOf(s, table.ID)) < 2 {
		t.Fatalf("%d partitions of %d files", len(largest), len(filesOf(s, table.ID)))
	}
	for _, p := range largest {
		if p.Rows != many+(rounds-1)*few || p.Bytes <= 0 {
			t.Errorf("%x has %d rows in %d bytes; %d were written", p.Key, p.Rows, p.Bytes, many+(rounds-1)*few)
		}
	}
}

// However many files name others, a bounded number of partitions is added up, and the largest are among them.
func TestProfileIsBounded(t *testing.T) {
	sums := partitionSums{}
	for f := range 1000 {
		var list []sstable.PartitionSize
		for i := range 100 {
			list = append(list, sstable.PartitionSize{Key: fmt.Appendf(nil, "%d-%d", f, i), Rows: 1, Bytes: int64(1 + (f*7+i)%50)})
		}
		sums.add(append(list, sstable.PartitionSize{Key: []byte("everywhere"), Rows: 2, Bytes: 60}))
		if len(sums) > 2*largestKept {
			t.Fatalf("%d partitions", len(sums))
		}
	}
	if top := sums.largest(5); string(top[0].Key) != "everywhere" || top[0].Bytes != 60_000 || top[0].Rows != 2000 || top[4].Bytes != 50 {
		t.Errorf("%+v", top)
	}
}
