package lsm

import (
	"math"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/ttl"
)

// leftoverWorld is a store with a table whose rows end a minute after their time, and what stays for rollups.
type leftoverWorld struct {
	t     *testing.T
	clock *clock.Manual
	begin time.Time
	table mutation.Table
	kept  int64
	store *Store
}

func newLeftoverWorld(t *testing.T) *leftoverWorld {
	w := &leftoverWorld{t: t, begin: start.Truncate(time.Hour), table: endsTable(), kept: math.MaxInt64}
	w.clock = clock.NewManual(w.begin)
	opts := testOptions(vfs.NewMem(), w.clock)
	w.store = mustOpen(t, opts)
	mustNot(t, w.store.PutSchema(nil, []mutation.Table{w.table}))
	w.store.SetEnds(func(_ mutation.TableID, now time.Time) ttl.Ends {
		e := ttl.NoEnds
		e.AllBefore, e.KeptFrom = now.Add(-time.Minute).UnixMilli(), w.kept
		return e
	})
	return w
}

// put writes a row so long behind the beginning; with a ttl in seconds, if it has one.
func (w *leftoverWorld) put(at time.Duration, ttl int64) {
	m := rowMutation(&w.table, 1, w.begin.Add(at).UnixMilli(), w.clock.Now().UnixMicro())
	if ttl > 0 {
		end := w.clock.Now().Unix() + ttl
		m.Rows[0].Live.TTL, m.Rows[0].Live.ExpiresAt = int32(ttl), end
		m.Rows[0].Cells[0].TTL, m.Rows[0].Cells[0].ExpiresAt = int32(ttl), end
	}
	mustApply(w.t, w.store, m)
}

func (w *leftoverWorld) flush() { mustNot(w.t, w.store.Flush(w.table.ID)) }

func (w *leftoverWorld) only() Leftover {
	w.t.Helper()
	got, err := w.store.Leftovers(w.table.ID)
	mustNot(w.t, err)
	if len(got) != 1 {
		w.t.Fatalf("leftovers %+v, want one", got)
	}
	return got[0]
}

func (w *leftoverWorld) none() {
	w.t.Helper()
	got, err := w.store.Leftovers(w.table.ID)
	mustNot(w.t, err)
	if len(got) > 0 {
		w.t.Errorf("leftovers %+v, want none", got)
	}
}

func (w *leftoverWorld) expect(l Leftover, b Blocker, rows, ended int64) {
	w.t.Helper()
	if l.Blocker != b || l.Rows != rows || l.EndedRows != ended {
		w.t.Errorf("%+v, want %d of %d rows blocked by %s", l, ended, rows, b)
	}
}

// TestLeftovers: what has ended is told with its reason, from memory to the moment at which the last reader lets go of the file.
func TestLeftovers(t *testing.T) {
	w := newLeftoverWorld(t)
	w.put(time.Second, 0)
	w.put(9*time.Second, 0)
	w.none()
	w.clock.Advance(65 * time.Second)
	w.expect(w.only(), BlockedByMemtable, 2, 0)
	w.clock.Set(w.begin)
	w.flush()
	w.none()
	w.clock.Advance(65 * time.Second)
	l := w.only()
	w.expect(l, BlockedByOthers, 2, 1)
	end := w.begin.Add(70 * time.Second)
	if l.Start != w.begin.UnixMilli() || l.End-l.Start != bucketMillis || l.EndMillis != end.UnixMilli() || l.Name == "" || l.Bytes == 0 {
		t.Errorf("%+v, want one of a bucket that ends at %v", l, end)
	}
	w.clock.Set(end)
	w.expect(w.only(), BlockedByNext, 2, 2)
	w.kept = w.begin.UnixMilli() + 5000
	w.expect(w.only(), BlockedByRollups, 2, 2)
	w.kept = math.MaxInt64
	v := w.store.View()
	mustNot(t, w.store.compactAsNeeded())
	w.expect(w.only(), BlockedByReader, 2, 2)
	v.Close()
	w.none()
	mustNot(t, w.store.Close())
}

// TestLeftoversOfTTL: the same of what its TTL has ended.
func TestLeftoversOfTTL(t *testing.T) {
	w := newLeftoverWorld(t)
	w.put(time.Hour, 10)
	w.flush()
	w.none()
	if w.clock.Advance(10 * time.Second); w.only().EndMillis != w.clock.Now().UnixMilli() {
		t.Errorf("%+v", w.only())
	}
	w.expect(w.only(), BlockedByNext, 1, 1)
	w.kept = 0
	w.expect(w.only(), BlockedByRollups, 1, 1)
	w.kept = math.MaxInt64
	w.put(time.Hour, 0)
	w.expect(w.only(), BlockedByNext, 1, 1) // younger rows do not matter
	m := rowMutation(&w.table, 1, w.begin.Add(time.Hour).UnixMilli(), 1)
	mustApply(t, w.store, m)
	w.expect(w.only(), BlockedByOlder, 1, 1)
	mustNot(t, w.store.Close())
}

// TestLeftoversWhileAMergeRuns: a file that a merge takes is told so.
func TestLeftoversWhileAMergeRuns(t *testing.T) {
	w := newLeftoverWorld(t)
	w.put(time.Second, 0)
	w.flush()
	w.clock.Advance(2 * time.Minute)
	files := filesOf(w.store, w.table.ID)
	w.store.jobs.compact.Lock()
	w.store.jobs.merging.Store(&files)
	w.expect(w.only(), BlockedByMerge, 1, 1)
	w.store.jobs.merging.Store(nil)
	w.expect(w.only(), BlockedByNext, 1, 1)
	w.store.jobs.compact.Unlock()
	mustNot(t, w.store.Close())
}
