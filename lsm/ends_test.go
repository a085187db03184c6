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
	if !again.Equal(at) {
		t.Errorf("held again at %v, want %v", again, at)
	}
	release()
	release()
	mustNot(t, s.compactAsNeeded())
	if got := rowsOnDisk(s); got != 2 {
		t.Errorf("%d rows on disk while one still holds it, want 2", got)
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
