package lsm

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// ending is what a store is told of the ends of rows.
type ending struct {
	mu      sync.Mutex
	of      func(mutation.TableID, time.Time) ttl.Ends // nil: nobody has told
	asked   time.Time                                  // the latest moment that was asked for
	flushed map[mutation.TableID]time.Time             // when a memtable was flushed for rows that had ended, among others that had not
	held    []time.Time                                // one of each who holds it: nothing later is asked for
}

// SetEnds tells the store which rows of a table have ended by a moment. It asks once at the start of each merge and each flush, and
// whenever it looks for what may go. Until SetEnds is called, and in tools that never call it, rows end by their TTL alone, and
// stay where the table says KeepExpired; so they do later where of gives no KeptFrom for such a table, which it was not yet told of.
//
// of is called while jobs of the store are held: it may read Views, but must not write, flush or change the schema, nor wait for anybody
// who does.
func (s *Store) SetEnds(of func(table mutation.TableID, now time.Time) ttl.Ends) {
	s.ending.mu.Lock()
	s.ending.of = of
	s.ending.mu.Unlock()
	s.wakeCompactor()
}

// HoldEnds keeps the store from removing what ends after a moment, until release is called: now, or a later one that it was told
// about already. Who changes what SetEnds says takes that moment as the end of what was said before, and releases when what is
// said is the new. While several hold it each has a moment of his own, and the earliest counts.
func (s *Store) HoldEnds(now time.Time) (at time.Time, release func()) {
	e := &s.ending
	e.mu.Lock()
	defer e.mu.Unlock()
	if at = now; at.Before(e.asked) {
		at = e.asked
	}
	e.held = append(e.held, at)
	return at, sync.OnceFunc(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		i := slices.IndexFunc(e.held, at.Equal)
		e.held = slices.Delete(e.held, i, i+1)
	})
}

// endsOf asks what has ended of a table.
func (s *Store) endsOf(t *mutation.Table, now time.Time) ttl.Ends {
	e := &s.ending
	e.mu.Lock()
	of := e.of
	for _, at := range e.held {
		if at.Before(now) {
			now = at
		}
	}
	if e.asked.Before(now) {
		e.asked = now
	}
	e.mu.Unlock()
	out := ttl.NoEnds
	if of != nil {
		out = of(t.ID, now)
	}
	if t.KeepExpired && out.KeptFrom == math.MaxInt64 {
		out.KeptFrom = math.MinInt64
	}
	return out
}

// forget forgets tables that were dropped.
func (e *ending) forget(dropped []mutation.TableID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range dropped {
		delete(e.flushed, id)
	}
}

// keepAsked makes durable what was read to say what has ended, before anything goes by it for good: without a sync for each record
// Views show what a power cut may take back, be it the seal of a window whose rows go.
func (s *Store) keepAsked(e *ttl.Ends) error {
	if s.opts.LogMode != LogPeriodic || e.Before == nil && (e.KeptFrom == math.MinInt64 || e.KeptFrom == math.MaxInt64) {
		return nil // the rest is of the schema
	}
	return s.Sync()
}

// keptFor reports whether rows of f may have to stay although they have ended.
func (f *file) keptFor(e *ttl.Ends) bool {
	if f.window() == (window{}) {
		return e.KeptFrom != math.MaxInt64
	}
	return e.Keeps(f.window().last())
}

// aloneIn tells of rows of a merge whether no source outside of it can have a version of them, or a deletion. nil: nobody asks.
// It looks at the sources of now, as oldestElsewhere does.
func (s *Store) aloneIn(table *mutation.Table, inputs []*file, e *ttl.Ends) func(*partition.DecoratedKey, []byte) bool {
	if len(e.Columns) == 0 {
		return nil
	}
	return func(key *partition.DecoratedKey, row []byte) bool {
		v, _ := s.acquire()
		defer v.unref()
		t := v.tables[table.ID]
		for _, m := range t.memories() {
			if m.applying.Load() > 0 {
				return false
			}
			if f, found := m.Frontier(*key); found && (!f.Deletion.IsNone() || !f.Beyond(row)) {
				return false
			}
		}
		in := clustering.Slices{{Start: clustering.Before(row), End: clustering.After(row)}}
		alone := true
		ask := func(f *file) {
			if alone && f.spans(*key) && !slices.Contains(inputs, f) {
				_, found, err := f.oldestOf(*key, table.Law, in)
				alone = !found && err == nil
			}
		}
		order := t.fileOrder()
		for _, f := range order.all {
			ask(f)
		}
		low, high := timesOf(table, in)
		order.each(low, high, ask)
		return alone
	}
}

// endedSum is what has left for being past a retention.
type endedSum struct{ rows, bytes int64 }

// endedFiles sums up those of files that went for it.
func endedFiles(files []*file, e *ttl.Ends) (sum endedSum) {
	for _, f := range files {
		if f.allEnded(e) {
			sum.rows += f.info.Rows
			sum.bytes += f.info.Bytes
		}
	}
	return sum
}

// endedShare is rows that a merge of inputs took, with their share of bytes.
func endedShare(inputs []*file, rows int64) endedSum {
	var all, bytes int64
	for _, f := range inputs {
		all += f.info.Rows
		bytes += f.info.Bytes
	}
	if all == 0 {
		return endedSum{}
	}
	return endedSum{rows, int64(float64(bytes) * float64(rows) / float64(all))}
}

// mayEnd reports whether a merge may find rows of f that have ended, other than by their TTL.
func (f *file) mayEnd(e *ttl.Ends) bool {
	if len(e.Columns) > 0 && e.KeptFrom != math.MinInt64 || e.ByOther() {
		return true
	}
	w := f.window()
	return e.ByTime() && w.start < e.KeptFrom && (e.Before != nil || w == (window{}) || w.start < e.AllBefore)
}

// spanParts is how many ranges that windows share a retention has at least.
const spanParts = 16

// spanMax is how long a range may be that windows share, in milliseconds: a part of the time that rows have, so that files do not wait long
// for the last of their rows. 0: rows of some partition do not end, and ranges may be as long as they like.
func spanMax(e *ttl.Ends, now time.Time) int64 {
	if e.AllBefore == math.MinInt64 || e.Position != 0 {
		return 0
	}
	return max((now.UnixMilli()-e.AllBefore)/spanParts, 1)
}
