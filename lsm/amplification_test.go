package lsm

import (
	"fmt"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// load is devices that report every ten seconds, flushed and compacted as a store does by itself.
type load struct {
	t       *testing.T
	store   *Store
	clock   *clock.Manual
	table   mutation.Table
	devices int
	every   int   // ticks a flush
	written int64 // bytes of table files
	most    int   // files at any time
}

func newLoad(t *testing.T, table mutation.Table, devices, every int) *load {
	l := &load{t: t, clock: clock.NewManual(start.Truncate(24 * time.Hour)), table: table, devices: devices, every: every}
	opts := testOptions(vfs.NewMem(), l.clock)
	opts.MemtableBytes = 64 << 20
	opts.Events.Flushed = func(i FlushInfo) { l.written += i.Bytes }
	opts.Events.Compacted = func(i CompactInfo) { l.written += i.BytesOut }
	l.store = mustOpen(t, opts)
	mustNot(t, l.store.PutSchema(nil, []mutation.Table{table}))
	return l
}

// row is a reading of a device; ttl 0: it does not end.
func (l *load) row(n int, ttl int32) mutation.Row {
	now := l.clock.Now()
	end := mutation.Forever
	if ttl != 0 {
		end = now.Unix() + int64(ttl)
	}
	at := now.UnixMicro()
	cell := func(c mutation.ColumnID, value []byte) mutation.Cell {
		return mutation.Cell{Column: c, Timestamp: at, TTL: ttl, ExpiresAt: end, Value: value}
	}
	tick := int(now.Unix() / 10)
	return mutation.Row{
		Clustering: rowKey(&l.table, now.UnixMilli()),
		Live:       mutation.Liveness{Timestamp: at, TTL: ttl, ExpiresAt: end},
		Cells: []mutation.Cell{
			cell(columnInt, []byte{0, 0, byte((tick * (n + 7)) >> 4), byte(tick*tick + n)}),
			cell(columnText, fmt.Appendf(nil, "state %d", (tick+n)%13/12)),
		},
	}
}

// run lets ticks go by.
func (l *load) run(ticks int, ttl int32) {
	for tick := range ticks {
		ms := make([]mutation.Mutation, l.devices)
		for n := range ms {
			ms[n] = mutation.Mutation{Table: l.table.ID, Key: keyOf(n), Rows: []mutation.Row{l.row(n, ttl)}}
		}
		mustApply(l.t, l.store, ms...)
		l.clock.Advance(10 * time.Second)
		if (tick+1)%l.every == 0 {
			mustNot(l.t, l.store.Flush(l.table.ID))
			mustNot(l.t, l.store.compactAsNeeded())
			l.most = max(l.most, len(filesOf(l.store, l.table.ID)))
		}
	}
}

// bytes returns the bytes of the table's files.
func (l *load) bytes() (sum int64) {
	for _, f := range filesOf(l.store, l.table.ID) {
		sum += f.info.Bytes
	}
	return sum
}

// TestAmplification counts the bytes that are written and that are there, with and without windows: of what is there in the end no
// more than four times is written, and a third more lies on the disk before everything is made tidy.
func TestAmplification(t *testing.T) {
	for name, bucket := range map[string]time.Duration{"no windows": 0, "one window": 24 * time.Hour, "windows": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			table := testTable(1)
			table.Bucket = partition.Bucketing{SizeMillis: bucket.Milliseconds()}
			l := newLoad(t, table, 10, 540)
			l.run(8640, 0)
			before := l.bytes()
			mustNot(t, l.store.Compact(table.ID))
			after := l.bytes()
			t.Logf("%d bytes written, %d there before the end, %d then, at most %d files", l.written, before, after, l.most)
			if l.written > 4*after {
				t.Errorf("%d bytes written for %d", l.written, after)
			}
			if 10*before > 13*after {
				t.Errorf("%d bytes where %d would do", before, after)
			}
			if got := l.store.Statistics().Tables[0]; got.FileRows != 86400 || got.Work.FlushedRows != 86400 || got.Work.FlushedBytes+got.Work.BytesOut != l.written {
				t.Errorf("statistics: %+v", got)
			}
			mustNot(t, l.store.Close())
		})
	}
}

// TestRetentionWritesNoMore: a table whose rows end by their time takes no more writing than one whose rows stay, and little more
// room than what has not ended; windows that are a sixteenth of the retention hold back no more than that.
func TestRetentionWritesNoMore(t *testing.T) {
	const keep = 8 * time.Hour
	run := func(ends bool) *load {
		table := testTable(1)
		table.Bucket = partition.Bucketing{SizeMillis: (keep / 16).Milliseconds()}
		l := newLoad(t, table, 10, 180)
		if ends {
			l.store.SetEnds(func(_ mutation.TableID, now time.Time) ttl.Ends {
				e := ttl.NoEnds
				e.AllBefore = now.Add(-keep).UnixMilli()
				return e
			})
		}
		l.run(8640, 0)
		return l
	}
	stay, end := run(false), run(true)
	live := int64(10 * keep / (10 * time.Second))
	got := end.store.Statistics().Tables[0]
	t.Logf("%d bytes written where rows stay, %d where they end; %d rows there, %d live, %d ended in merges or files", stay.written, end.written, got.FileRows, live, got.Work.EndedRows)
	if end.written > stay.written*11/10 {
		t.Errorf("%d bytes written where rows end, %d where they stay", end.written, stay.written)
	}
	if got.FileRows > live*18/16 || got.FileRows < live || got.Work.EndedRows != 86400-got.FileRows {
		t.Errorf("%d rows there, %d live, %d ended", got.FileRows, live, got.Work.EndedRows)
	}
	mustNot(t, stay.store.Close())
	mustNot(t, end.store.Close())
}

// TestSparseDevicesDoNotFloodTheDirectory: a year of days with a few rows each takes few files, and a read of a day opens few.
func TestSparseDevicesDoNotFloodTheDirectory(t *testing.T) {
	table := testTable(2)
	table.Bucket = partition.Bucketing{SizeMillis: 24 * time.Hour.Milliseconds()}
	l := newLoad(t, table, 1, 1)
	for range 365 {
		l.run(2, 0)
		l.clock.Advance(24*time.Hour - 20*time.Second)
	}
	if l.most > 24 {
		t.Errorf("%d files of 730 rows", l.most)
	}
	// All at once, as an import does.
	m := newLoad(t, table, 1, 1000)
	for range 365 {
		m.run(2, 0)
		m.clock.Advance(24 * time.Hour)
	}
	mustNot(t, m.store.Flush(table.ID))
	if n := len(filesOf(m.store, table.ID)); n > 8 {
		t.Errorf("%d files of one flush of 730 rows", n)
	}
	for _, s := range []*load{l, m} {
		v := s.store.View()
		day := allOf(&table, keyOf(0))
		noon := start.AddDate(0, 6, 0).UnixMilli()
		day.Slices = clustering.MakeSlices([]clustering.Slice{{
			Start: clustering.Before(rowKey(&table, noon+12*3_600_000)), End: clustering.After(rowKey(&table, noon-12*3_600_000)),
		}})
		if n := filesOpened(t, v, &table, day, 0); n > 6 {
			t.Errorf("%d files opened for a day", n)
		}
		if n := filesOpened(t, v, &table, allOf(&table, keyOf(0)), 0); n > 24 {
			t.Errorf("%d files opened for a year", n)
		}
		v.Close()
		mustNot(t, s.store.Close())
	}
}

// TestDeadRowsGo: rows that were deleted one by one leave the disk when their deletions have waited, those that have ended
// when they have, each in a partition that lives on.
func TestDeadRowsGo(t *testing.T) {
	for name, ttl := range map[string]int32{"deleted": 0, "ended": 3600} {
		for _, bucket := range []time.Duration{0, 2 * time.Hour} {
			t.Run(fmt.Sprint(name, " ", bucket), func(t *testing.T) {
				table := testTable(1)
				table.Bucket = partition.Bucketing{SizeMillis: bucket.Milliseconds()}
				l := newLoad(t, table, 1, 500)
				l.run(5000, ttl)
				first := l.clock.Now()
				if ttl == 0 {
					m := mutation.Mutation{Table: table.ID, Key: keyOf(0)}
					for n := range int64(5000) {
						m.Rows = append(m.Rows, mutation.Row{Clustering: rowKey(&table, start.Truncate(24*time.Hour).UnixMilli()+10_000*n),
							Deletion: mutation.Deletion{MarkedAt: first.UnixMicro(), LocalSec: first.Unix()}})
					}
					mustApply(t, l.store, m)
				}
				l.run(500, 0)
				l.clock.Advance(11 * 24 * time.Hour)
				l.run(500, 0)
				l.clock.Advance(time.Hour)
				mustNot(t, l.store.compactAsNeeded())
				if got := l.store.Statistics().Tables[0].FileRows; got > 1000 {
					t.Errorf("%d rows on disk, 1000 live", got)
				}
				mustNot(t, l.store.Close())
			})
		}
	}
}

// TestDeletedWindowsGo: of windows that a deletion of a range covers, in a partition that lives on, nothing is left on disk when the
// deletion has waited, nor of the deletion.
func TestDeletedWindowsGo(t *testing.T) {
	table := testTable(1)
	table.Bucket = partition.Bucketing{SizeMillis: 2 * time.Hour.Milliseconds()}
	l := newLoad(t, table, 2, 500)
	first := l.clock.Now()
	l.run(4000, 0)
	l.clock.Advance(3 * time.Hour)
	mustNot(t, l.store.compactAsNeeded()) // all windows are written for good
	deleted := l.clock.Now()
	mustApply(t, l.store, mutation.Mutation{Table: table.ID, Key: keyOf(0), Ranges: []mutation.RangeTombstone{{
		Slice: clustering.Slice{
			Start: clustering.Before(rowKey(&table, first.Add(3*time.Hour).UnixMilli())), End: clustering.Before(rowKey(&table, first.Add(6*time.Hour).UnixMilli())),
		},
		Deletion: mutation.Deletion{MarkedAt: deleted.UnixMicro(), LocalSec: deleted.Unix()},
	}}})
	mustNot(t, l.store.Flush(table.ID))
	mustNot(t, l.store.compactAsNeeded())
	if got := l.store.Statistics().Tables[0].FileRows; got != 8000 {
		t.Errorf("%d rows before the grace is over, 8000 were written", got)
	}
	l.clock.Advance(11 * 24 * time.Hour)
	mustNot(t, l.store.compactAsNeeded())
	got := l.store.Statistics().Tables[0]
	if got.FileRows != 8000-3*360 || got.Tombstones != 0 {
		t.Errorf("%d rows and %d files with deletions, want %d and none", got.FileRows, got.Tombstones, 8000-3*360)
	}
	mustNot(t, l.store.Close())
}
