package lsm

import (
	"math"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// endsTable is a table with windows of ten seconds.
func endsTable() mutation.Table {
	table := testTable(1)
	table.Bucket = partition.Bucketing{SizeMillis: bucketMillis}
	return table
}

// openEnds opens a store with one table, whose rows end so long after their time, and whose windows share no files.
func openEnds(t *testing.T, clk clock.Clock, table mutation.Table, keep time.Duration) *Store {
	t.Helper()
	opts := testOptions(vfs.NewMem(), clk)
	opts.Tuning.ShareRows = 1
	s := mustOpen(t, opts)
	mustNot(t, s.PutSchema(nil, []mutation.Table{table}))
	s.SetEnds(func(_ mutation.TableID, now time.Time) ttl.Ends {
		e := ttl.NoEnds
		e.AllBefore = now.Add(-keep).UnixMilli()
		return e
	})
	return s
}

// fill writes a row of each of the partitions into the last millisecond of each of the windows, and makes files of them.
func fill(t *testing.T, s *Store, table *mutation.Table, from time.Time, windows, partitions int) {
	t.Helper()
	for w := range windows {
		for n := range partitions {
			at := from.UnixMilli() + int64(w+1)*bucketMillis - 1
			mustApply(t, s, rowMutation(table, n, at, at))
		}
	}
	mustNot(t, s.Flush(table.ID))
}

func rowsOnDisk(s *Store) int64 { return s.Statistics().Tables[0].FileRows }

// TestFilesPastRetentionGoUnread: a window whose rows have all ended by their time is unlinked, nothing is read, written or asked for.
func TestFilesPastRetentionGoUnread(t *testing.T) {
	clk := clock.NewManual(start.Truncate(time.Minute))
	table := endsTable()
	s := openEnds(t, clk, table, time.Minute)
	fill(t, s, &table, clk.Now(), 6, 5)
	for w := range 6 {
		clk.Set(start.Truncate(time.Minute).Add(time.Minute + time.Duration(w+1)*10*time.Second - time.Millisecond))
		mustNot(t, s.compactAsNeeded())
		work := s.Statistics().Tables[0].Work
		if got, want := rowsOnDisk(s), int64(5*(6-w)); got != want {
			t.Errorf("a millisecond before window %d ends: %d rows on disk, want %d", w, got, want)
		}
		clk.Advance(time.Millisecond)
		mustNot(t, s.compactAsNeeded())
		after := s.Statistics().Tables[0].Work
		if got, want := rowsOnDisk(s), int64(5*(5-w)); got != want || after.BytesIn != work.BytesIn || after.BytesOut != work.BytesOut {
			t.Errorf("when window %d ends: %d rows on disk, want %d; work %+v, before %+v", w, got, want, after, work)
		}
	}
	mustNot(t, s.Close())
}

// TestFilesStayForOnePartition: while one partition keeps its rows longer, the file that it shares stays.
func TestFilesStayForOnePartition(t *testing.T) {
	clk := clock.NewManual(start.Truncate(time.Minute))
	table := endsTable()
	s := openEnds(t, clk, table, time.Minute)
	keep := map[string]time.Duration{"key2": 3 * time.Minute, "key4": 2 * time.Minute}
	s.SetEnds(func(_ mutation.TableID, now time.Time) ttl.Ends {
		e := ttl.NoEnds
		e.AllBefore = now.Add(-time.Hour).UnixMilli()
		e.Before = func(key partition.DecoratedKey) int64 {
			return now.Add(-max(keep[string(key.Key)], time.Minute)).UnixMilli()
		}
		return e
	})
	fill(t, s, &table, clk.Now(), 1, 5)
	clk.Advance(3*time.Minute + 10*time.Second - time.Millisecond)
	mustNot(t, s.compactAsNeeded())
	if rowsOnDisk(s) == 0 {
		t.Error("the file of a partition that has not ended is gone")
	}
	clk.Advance(time.Millisecond)
	mustNot(t, s.compactAsNeeded())
	if got := rowsOnDisk(s); got != 0 {
		t.Errorf("%d rows are on disk when all have ended", got)
	}
	mustNot(t, s.Close())
}

// TestHeldEndsDoNotMove: while somebody changes what has ended, nothing that ends meanwhile goes; and what was asked for counts.
func TestHeldEndsDoNotMove(t *testing.T) {
	clk := clock.NewManual(start.Truncate(time.Minute))
	table := endsTable()
	s := openEnds(t, clk, table, time.Minute)
	fill(t, s, &table, clk.Now(), 2, 1)
	clk.Advance(time.Minute)
	at, release := s.HoldEnds(clk.Now())
	if !at.Equal(clk.Now()) {
		t.Errorf("held at %v, want %v", at, clk.Now())
	}
	clk.Advance(time.Hour)
	mustNot(t, s.compactAsNeeded())
	if got := rowsOnDisk(s); got != 2 {
		t.Errorf("%d rows on disk while it is held, want 2", got)
	}
	again, releaseAgain := s.HoldEnds(clk.Now())
	if !again.Equal(clk.Now()) {
		t.Errorf("held again at %v, want %v: whoever changes what ends does so now", again, clk.Now())
	}
	fill(t, s, &table, clk.Now(), 3, 1)
	clk.Advance(time.Hour)
	mustNot(t, s.compactAsNeeded())
	if got := rowsOnDisk(s); got != 5 {
		t.Errorf("%d rows on disk while it is held twice, want 5", got)
	}
	release()
	release()
	mustNot(t, s.compactAsNeeded())
	if got := rowsOnDisk(s); got != 3 {
		t.Errorf("%d rows on disk while one still holds it, want the 3 that ended afterwards", got)
	}
	releaseAgain()
	mustNot(t, s.compactAsNeeded())
	if got := rowsOnDisk(s); got != 0 {
		t.Errorf("%d rows on disk after release", got)
	}
	clk.Advance(-time.Hour)
	if at, release = s.HoldEnds(clk.Now()); !at.Equal(clk.Now().Add(time.Hour)) {
		t.Errorf("held at %v, an hour before what was asked for", at)
	}
	release()
	mustNot(t, s.Close())
}

// TestTableThatKeepsIsBelievedFirst: a table that keeps what has expired keeps all of it until somebody says from when on.
func TestTableThatKeepsIsBelievedFirst(t *testing.T) {
	clk := clock.NewManual(start.Truncate(time.Minute))
	table := endsTable()
	table.KeepExpired = true
	s := openEnds(t, clk, table, time.Minute)
	fill(t, s, &table, clk.Now(), 2, 1)
	clk.Advance(time.Hour)
	mustNot(t, s.Compact(table.ID))
	if got := rowsOnDisk(s); got != 2 {
		t.Errorf("%d rows on disk, want 2", got)
	}
	sealed := int64(math.MinInt64)
	s.SetEnds(func(_ mutation.TableID, now time.Time) ttl.Ends {
		return ttl.Ends{AllBefore: now.Add(-time.Minute).UnixMilli(), KeptFrom: sealed}
	})
	for want := int64(2); want >= 0; want-- {
		mustNot(t, s.compactAsNeeded())
		if got := rowsOnDisk(s); got != want {
			t.Errorf("sealed until %d: %d rows on disk, want %d", sealed, got, want)
		}
		sealed = start.Truncate(time.Minute).UnixMilli() + (3-want)*bucketMillis
	}
	mustNot(t, s.Close())
}

// TestSharedFilesShrink: of a file that windows share, or partitions that keep their rows for a different time, what has ended leaves the disk, without
// any write, and no more often than a window ends.
func TestSharedFilesShrink(t *testing.T) {
	for name, longer := range map[string]time.Duration{"windows": 0, "partitions": time.Hour} {
		t.Run(name, func(t *testing.T) {
			begin := start.Truncate(time.Hour)
			clk := clock.NewManual(begin)
			table := endsTable()
			s := mustOpen(t, testOptions(vfs.NewMem(), clk))
			mustNot(t, s.PutSchema(nil, []mutation.Table{table}))
			s.SetEnds(func(_ mutation.TableID, now time.Time) ttl.Ends {
				e := ttl.NoEnds
				if e.AllBefore = now.Add(-time.Minute - longer).UnixMilli(); longer > 0 {
					e.Before = func(key partition.DecoratedKey) int64 {
						if key.Equal(keyOf(0)) {
							return e.AllBefore
						}
						return now.Add(-time.Minute).UnixMilli()
					}
				}
				return e
			})
			fill(t, s, &table, begin, 16, 4)
			clk.Advance(4 * time.Minute)
			for w := range 16 {
				clk.Set(begin.Add(time.Minute + time.Duration(w+1)*10*time.Second))
				for range 3 {
					clk.Advance(3 * time.Second)
					mustNot(t, s.compactAsNeeded())
				}
				if w < 4 {
					continue // the rows wait for their windows to be over, and to rest
				}
				want := int64(4 * (15 - w))
				if longer > 0 {
					want = int64(16 + 3*(15-w))
				}
				if got := rowsOnDisk(s); got != want {
					t.Errorf("window %d has ended: %d rows on disk, want %d", w, got, want)
				}
			}
			if n := s.Statistics().Tables[0].Work.Compactions; n > 24 {
				t.Errorf("%d compactions for 16 windows", n)
			}
			mustNot(t, s.Close())
		})
	}
}

// TestManyPartitionsAreSampled: what has ended of a file with many partitions is told by some of them, and all of it goes.
func TestManyPartitionsAreSampled(t *testing.T) {
	begin := start.Truncate(time.Hour)
	clk := clock.NewManual(begin)
	table := endsTable()
	s := openEnds(t, clk, table, time.Hour)
	s.SetEnds(func(_ mutation.TableID, now time.Time) ttl.Ends {
		e := ttl.NoEnds
		e.Before = func(key partition.DecoratedKey) int64 {
			if key.Token%2 == 0 {
				return now.Add(-time.Minute).UnixMilli()
			}
			return now.Add(-time.Hour).UnixMilli()
		}
		return e
	})
	const partitions = 3 * pastKeysMax
	even := int64(0)
	for n := range partitions {
		mustApply(t, s, rowMutation(&table, n, begin.UnixMilli()+1, 1))
		if keyOf(n).Token%2 == 0 {
			even++
		}
	}
	mustNot(t, s.Flush(table.ID))
	clk.Advance(time.Minute + 10*time.Second)
	e := s.endsOf(&table, clk.Now())
	if got := filesOf(s, table.ID)[0].pastRows(&table, &e, clk.Now().UnixMilli()); got < even*8/10 || got > even*12/10 {
		t.Errorf("about %d rows have ended, they are %d", got, even)
	}
	mustNot(t, s.compactAsNeeded())
	if got, work := rowsOnDisk(s), s.Statistics().Tables[0].Work; got != partitions-even || work.EndedRows != even || work.EndedBytes == 0 {
		t.Errorf("%d rows on disk, %+v; %d of %d have ended", got, work, even, partitions)
	}
	mustNot(t, s.Close())
}

// TestEndedRowsLeaveMemory: rows that end in a memtable leave it and the log without a file, and those among others once a window.
func TestEndedRowsLeaveMemory(t *testing.T) {
	begin := start.Truncate(time.Hour)
	clk := clock.NewManual(begin)
	table := endsTable()
	s := openEnds(t, clk, table, time.Minute)
	work := func() WorkStatistics { return s.Statistics().Tables[0].Work }
	put := func(at time.Duration) { mustApply(t, s, rowMutation(&table, 1, begin.Add(at).UnixMilli(), 1)) }
	put(0)
	put(5 * time.Second)
	clk.Advance(time.Minute + 5*time.Second)
	mustNot(t, s.compactAsNeeded())
	if w := work(); w.Flushes != 0 {
		t.Errorf("flushed for a row among others of its window: %+v", w)
	}
	clk.Advance(time.Millisecond)
	mustNot(t, s.compactAsNeeded())
	if st := s.Statistics().Tables[0]; st.Work.Flushes != 1 || st.Files != 0 || st.MemtableRows != 0 || st.Work.EndedRows != 2 {
		t.Errorf("all have ended: %+v", st)
	}
	clk.Advance(time.Minute)
	for range 3 {
		put(0) // late, and hidden
		put(2 * time.Hour)
		mustNot(t, s.compactAsNeeded())
	}
	if w := work(); w.Flushes != 2 || w.EndedRows != 3 {
		t.Errorf("late rows among others: %+v", w)
	}
	clk.Advance(time.Minute)
	mustNot(t, s.compactAsNeeded())
	if w := work(); w.Flushes != 3 || w.EndedRows != 4 {
		t.Errorf("a minute later: %+v", w)
	}
	mustNot(t, s.PutSchema(nil, nil))
	if n := len(s.ending.flushed); n != 0 {
		t.Errorf("%d tables that were dropped are remembered", n)
	}
	mustNot(t, s.Close())
}
