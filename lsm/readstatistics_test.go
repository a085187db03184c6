package lsm

import (
	"fmt"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// costWorld is a table of ten days with a bucket and a file each, 1,500 rows a day of one partition in two row
// groups, and of the last day 100 newer rows in memory.
type costWorld struct {
	store *Store
	table mutation.Table
}

const (
	dayMillis    = 86_400_000
	costDays     = 10
	costDayRows  = 1500
	costNewRows  = 100
	costMillis   = dayMillis / 2000 // between two rows
	costFirstDay = 1000
)

func newCostWorld(t *testing.T) *costWorld {
	w := &costWorld{table: testTable(1)}
	w.table.Bucket = partition.Bucketing{SizeMillis: dayMillis}
	opts := testOptions(vfs.NewMem(), clock.NewManual(start))
	opts.Tuning.ShareRows = 1
	w.store = mustOpen(t, opts)
	t.Cleanup(func() { mustNot(t, w.store.Close()) })
	mustNot(t, w.store.PutSchema([]byte("schema"), []mutation.Table{w.table}))
	for day := range int64(costDays) {
		w.rows(t, day, 0, costDayRows)
		mustNot(t, w.store.Flush(w.table.ID))
	}
	if n := len(filesOf(w.store, w.table.ID)); n != costDays {
		t.Fatalf("%d files", n)
	}
	w.rows(t, costDays-1, costDayRows, costDayRows+costNewRows)
	return w
}

func (w *costWorld) at(day, n int64) int64 { return (costFirstDay+day)*dayMillis + n*costMillis }

// rows writes rows [from, to) of a day, with n itself as value.
func (w *costWorld) rows(t *testing.T, day, from, to int64) {
	t.Helper()
	var all mutation.Mutation
	for n := from; n < to; n++ {
		m := rowMutation(&w.table, 1, w.at(day, n), 1+n)
		m.Rows[0].Cells[0].Value = []byte{0, 0, byte(n >> 8), byte(n)}
		all.Table, all.Key = m.Table, m.Key
		all.Rows = append(all.Rows, m.Rows...)
	}
	mustApply(t, w.store, all)
}

func (w *costWorld) slice(fromDay, fromRow, toDay, toRow int64) clustering.Slices {
	return clustering.MakeSlices([]clustering.Slice{{
		Start: clustering.Before(rowKey(&w.table, w.at(fromDay, fromRow))), End: clustering.Before(rowKey(&w.table, w.at(toDay, toRow))),
	}})
}

// read reads so many batches, 0: all, and tells what that cost.
func (w *costWorld) read(t *testing.T, req mutation.ReadRequest, batches int, naive bool) string {
	t.Helper()
	var s mutation.ReadStatistics
	req.Statistics = &s
	if req.Key.Key == nil {
		req.Key = keyOf(1)
	}
	w.store.opts.Tuning.NoFastLane = naive
	defer func() { w.store.opts.Tuning.NoFastLane = false }()
	v := w.store.View()
	defer v.Close()
	r, err := v.Read(w.table.ID, req)
	mustNot(t, err)
	for n := 0; batches == 0 || n < batches; n++ {
		b, err := r.Next()
		mustNot(t, err)
		if b == nil {
			break
		}
	}
	r.Close()
	return fmt.Sprintf("buckets %d, files %d of %d, memtables %d, groups %d of %d (%d excluded, %d summarized), rows %d, tombstones %d",
		s.Buckets, s.Files, s.Files+s.FilesSkipped, s.Memtables, s.RowGroups, s.RowGroups+s.RowGroupsSkipped,
		s.RowGroupsExcluded, s.RowGroupsSummarized, s.Rows, s.Tombstones)
}

// What a read cost is told exactly: each number follows from the ten days of the world.
func TestReadStatistics(t *testing.T) {
	w := newCostWorld(t)
	above := []mutation.Between{{Column: columnInt, Low: mutation.Rank(mutation.PhysicalInt, 1100), High: mutation.Rank(mutation.PhysicalInt, 1<<30)}}
	columns := []mutation.ColumnID{columnInt}
	for _, c := range []struct {
		name        string
		req         mutation.ReadRequest
		batches     int
		fast, naive string
	}{
		{"everything", mutation.ReadRequest{Slices: clustering.All()}, 0,
			"buckets 10, files 10 of 10, memtables 1, groups 20 of 20 (0 excluded, 0 summarized), rows 15100, tombstones 0",
			"buckets 10, files 10 of 10, memtables 1, groups 20 of 20 (0 excluded, 0 summarized), rows 15100, tombstones 0"},
		{"one day", mutation.ReadRequest{Slices: w.slice(3, 0, 4, 0)}, 0,
			"buckets 1, files 1 of 10, memtables 1, groups 2 of 2 (0 excluded, 0 summarized), rows 1500, tombstones 0",
			"buckets 10, files 10 of 10, memtables 1, groups 2 of 20 (0 excluded, 0 summarized), rows 1500, tombstones 0"},
		{"the first ten rows of two days", mutation.ReadRequest{Slices: w.slice(3, 1490, 4, 10)}, 0,
			"buckets 2, files 2 of 10, memtables 1, groups 2 of 4 (0 excluded, 0 summarized), rows 20, tombstones 0",
			"buckets 10, files 10 of 10, memtables 1, groups 2 of 20 (0 excluded, 0 summarized), rows 20, tombstones 0"},
		{"a time without rows", mutation.ReadRequest{Slices: w.slice(30, 0, 40, 0)}, 0,
			"buckets 0, files 0 of 10, memtables 1, groups 0 of 0 (0 excluded, 0 summarized), rows 0, tombstones 0",
			"buckets 10, files 10 of 10, memtables 1, groups 0 of 20 (0 excluded, 0 summarized), rows 0, tombstones 0"},
		{"another partition", mutation.ReadRequest{Slices: clustering.All(), Key: keyOf(2)}, 0,
			"buckets 0, files 0 of 10, memtables 0, groups 0 of 0 (0 excluded, 0 summarized), rows 0, tombstones 0",
			"buckets 0, files 0 of 10, memtables 0, groups 0 of 0 (0 excluded, 0 summarized), rows 0, tombstones 0"},
		{"the newest row", mutation.ReadRequest{Slices: clustering.All(), Reverse: true, RowsMax: 1}, 1,
			"buckets 1, files 1 of 10, memtables 1, groups 0 of 2 (0 excluded, 0 summarized), rows 1, tombstones 0", ""},
		{"values of the second row group", mutation.ReadRequest{Slices: clustering.All(), Where: above, Columns: columns}, 0,
			"buckets 10, files 10 of 10, memtables 1, groups 10 of 20 (10 excluded, 0 summarized), rows 4860, tombstones 0",
			"buckets 10, files 10 of 10, memtables 1, groups 20 of 20 (0 excluded, 0 summarized), rows 15100, tombstones 0"},
		{"summaries of five days and a half", mutation.ReadRequest{Slices: w.slice(0, 0, 5, 750), Summaries: true, Columns: columns}, 0,
			"buckets 6, files 6 of 10, memtables 1, groups 1 of 12 (0 excluded, 10 summarized), rows 750, tombstones 0",
			"buckets 10, files 10 of 10, memtables 1, groups 11 of 20 (0 excluded, 0 summarized), rows 8250, tombstones 0"},
	} {
		if got := w.read(t, c.req, c.batches, false); got != c.fast {
			t.Errorf("%s, fast lane:\n got %s\nwant %s", c.name, got, c.fast)
		}
		if got := w.read(t, c.req, c.batches, true); c.naive != "" && got != c.naive {
			t.Errorf("%s, naive lane:\n got %s\nwant %s", c.name, got, c.naive)
		}
	}
}

// Deletions are counted where a read has to go through them.
func TestReadStatisticsOfTombstones(t *testing.T) {
	w := newCostWorld(t)
	last := int64(costDays - 1)
	delete := func(row mutation.Row) {
		mustApply(t, w.store, mutation.Mutation{Table: w.table.ID, Key: keyOf(1), Rows: []mutation.Row{row}})
	}
	for n := range int64(5) { // cells of rows that stay
		delete(mutation.Row{Clustering: rowKey(&w.table, w.at(last, n)), Cells: []mutation.Cell{{Column: columnInt, Timestamp: 5000, ExpiresAt: 9}}})
	}
	for n := range int64(7) { // rows
		delete(mutation.Row{Clustering: rowKey(&w.table, w.at(last, 100+n)), Deletion: mutation.Deletion{MarkedAt: 5000, LocalSec: 9}})
	}
	ranges := func(day int64) {
		mustApply(t, w.store, mutation.Mutation{Table: w.table.ID, Key: keyOf(1), Ranges: []mutation.RangeTombstone{
			{Slice: w.slice(day, 0, day, 10)[0], Deletion: mutation.Deletion{MarkedAt: 5000, LocalSec: 9}},
		}})
	}
	ranges(0)
	ranges(last)
	for _, naive := range []bool{false, true} {
		got := w.read(t, mutation.ReadRequest{Slices: w.slice(last, 100, last+1, 0)}, 0, naive)
		want := fmt.Sprintf("rows %d, tombstones 7", costDayRows-100+costNewRows+7)
		if got[len(got)-len(want):] != want {
			t.Errorf("beside the range, naive %v: %s, want %s", naive, got, want)
		}
		// Rows 0 to 10 are deleted by a range, and with them the deleted cells of the first five: those are of the same time.
		got = w.read(t, mutation.ReadRequest{Slices: w.slice(last, 0, last+1, 0)}, 0, naive)
		want = fmt.Sprintf("rows %d, tombstones 8", costDayRows+costNewRows+5+7)
		if got[len(got)-len(want):] != want {
			t.Errorf("with the range, naive %v: %s, want %s", naive, got, want)
		}
	}
	mustNot(t, w.store.Flush(w.table.ID))
	mustNot(t, w.store.Compact(w.table.ID))
	// Merged with what they delete, rows are hidden in their file, and deleted cells cost nothing where nothing is merged.
	got := w.read(t, mutation.ReadRequest{Slices: w.slice(last, 100, last+1, 0)}, 0, false)
	want := fmt.Sprintf("rows %d, tombstones 7", costDayRows-100+costNewRows)
	if got[len(got)-len(want):] != want {
		t.Errorf("merged: %s, want %s", got, want)
	}
}
