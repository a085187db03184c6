package lsm

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

// Writers are let in at four times the speed of flushes when memtables begin to be full, and at half of it when they nearly are,
// however many there are; no write waits long.
func TestThrottle(t *testing.T) {
	for _, c := range []struct {
		fill  float64
		share float64 // of the rate of flushes that gets in
	}{{0.60, 4}, {0.775, 2.25}, {0.95, 0.5}, {1, 0.5}} {
		var th throttle
		th.flushed(100<<20, time.Second)
		now := start
		in := 0
		for in < 1<<30 {
			d := th.delay(now, 100<<10, c.fill)
			if d > delayMax {
				t.Fatalf("fill %v: a write waits for %v", c.fill, d)
			}
			now = now.Add(d)
			in += 100 << 10
		}
		got := float64(in) / now.Sub(start).Seconds() / (100 << 20)
		if got < 0.9*c.share || got > 1.1*c.share {
			t.Errorf("fill %v: writers get %.2f of what is flushed, want %.2f", c.fill, got, c.share)
		}
	}
	var th throttle
	if d := th.delay(start, 1<<30, 0.5); d != 0 {
		t.Errorf("memtables half full: a write waits for %v", d)
	}
	// A thousand writers at once wait no longer than the bound, each.
	for range 1000 {
		if d := th.delay(start, 1<<20, 0.9); d > delayMax {
			t.Fatalf("one of many waits for %v", d)
		}
	}
}

// Compaction rests the less the more waits for it, and most while memtables fill.
func TestPace(t *testing.T) {
	for _, c := range []struct{ debt, fill, rest float64 }{{0, 0, 1.5}, {0.5, 0.3, 0.75}, {1, 0.59, 0}, {7, 0, 0}, {7, 0.6, 3}, {0, 0.9, 3}} {
		if got := (&pace{debt: c.debt}).rest(c.fill); got != c.rest {
			t.Errorf("debt %v, memtables %v full: rests %v times its work, want %v", c.debt, c.fill, got, c.rest)
		}
	}
}

// A memtable that cannot be flushed ends in refusals, not in a stall, and closing wakes whoever waits.
func TestFullMemtablesRefuse(t *testing.T) {
	opts := testOptions(vfs.NewMem(), clock.NewManual(start))
	opts.MemoryBytesMax, opts.Tuning.NoBackground = 1<<20, false
	s := openWith(t, opts)
	s.jobs.flush.Lock() // nothing is flushed
	table := testTable(1)
	var err error
	n := int64(0)
	for ; err == nil && n < 1<<20; n++ {
		_, err = s.Apply(tenRows(table.ID, n))
	}
	if !errors.Is(err, ErrOverloaded) {
		t.Errorf("after %d writes: %v", n, err)
	}
	s.jobs.flush.Unlock()
	mustNot(t, s.FlushAll())
	mustApply(t, s, rowMutation(&table, 1, 1, 1))
	mustNot(t, s.Close())
}

// TestWritesWaitForMemory: a write that meets full memtables waits for the flush that is under way.
func TestWritesWaitForMemory(t *testing.T) {
	opts := testOptions(vfs.NewMem(), clock.NewManual(start))
	opts.MemoryBytesMax, opts.Tuning.NoBackground = 1<<20, false
	s := openWith(t, opts)
	s.jobs.flush.Lock() // nothing is flushed
	done := make(chan error)
	go func() {
		var err error
		for n := int64(0); err == nil && n < 500; n++ {
			_, err = s.Apply(tenRows(testTable(1).ID, n))
		}
		done <- err
	}()
	for s.memoryUsed.Load() <= opts.MemoryBytesMax {
		runtime.Gosched()
	}
	s.jobs.flush.Unlock()
	mustNot(t, <-done)
	mustNot(t, s.Close())
}

// tenRows is a write of ten rows of 1,000 bytes.
func tenRows(table mutation.TableID, n int64) []mutation.Mutation {
	t := testTable(1)
	out := make([]mutation.Mutation, 1)
	out[0] = rowMutation(&t, 1, 10*n, n+1)
	out[0].Table = table
	row := out[0].Rows[0]
	row.Cells = append(row.Cells, mutation.Cell{Column: columnText, Timestamp: n + 1, ExpiresAt: mutation.Forever, Value: make([]byte, 1000)})
	out[0].Rows = nil
	for i := range int64(10) {
		row.Clustering = rowKey(&t, 10*n+i)
		out[0].Rows = append(out[0].Rows, row)
	}
	return out
}
