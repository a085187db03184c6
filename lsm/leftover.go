package lsm

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/eskerdb/esker/lsm/compaction"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/ttl"
)

// Blocker says why something that has ended is still there.
type Blocker string

// The blockers.
const (
	BlockedByRollups  Blocker = "rollups"  // windows of rollups from Leftover.KeptFrom on are not sealed
	BlockedByOthers   Blocker = "shared"   // it shares a file with rows that have not ended
	BlockedByGrace    Blocker = "grace"    // deletions beside it wait for gc_grace_seconds
	BlockedByOlder    Blocker = "hides"    // what has ended may hide older rows elsewhere, and goes with them
	BlockedByMerge    Blocker = "merge"    // a merge that runs takes it
	BlockedByNext     Blocker = "next"     // nothing: it goes when the store looks next
	BlockedByReader   Blocker = "reader"   // it is removed, and a read or a backup that began before still holds the file
	BlockedByMemtable Blocker = "memtable" // it is in memory and in the commit log
)

// Leftover is a file, or what memtables hold, with rows that have ended.
type Leftover struct {
	Name       string // of the file; empty: memtables
	Start, End int64  // event times of its rows, milliseconds since 1970, half open; both 0: any
	Bytes      int64
	Rows       int64 // all of them
	EndedRows  int64 // about; 0: not known
	EndMillis  int64 // when the last of its rows ends, milliseconds since 1970; math.MaxInt64: never, or not known
	Blocker    Blocker
	KeptFrom   int64 // the time from which on rows stay for rollups; math.MaxInt64: none do
}

// leaving is files that are removed and still held.
type leaving struct {
	mu    sync.Mutex
	files map[*file]mutation.TableID
}

func (l *leaving) note(table mutation.TableID, files []*file) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files = make(map[*file]mutation.TableID)
	}
	for _, f := range files {
		l.files[f] = table
		f.leaving = l
	}
}

func (l *leaving) left(f *file) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.files, f)
}

// of are the files of a table.
func (l *leaving) of(table mutation.TableID) (out []*file) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f, id := range l.files {
		if id == table {
			out = append(out, f)
		}
	}
	return out
}

// Leftovers tells what of a table is on the disk, or in memory, though it has ended, and why: files oldest first, memtables last. It reads
// keys of files, no rows.
func (s *Store) Leftovers(table mutation.TableID) ([]Leftover, error) {
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return nil, fmt.Errorf("%w: %x", ErrUnknownTable, table)
	}
	now := s.opts.Clock.Now()
	r := leftoverReport{t: t, now: now, ends: s.endsOf(t.table, now)}
	r.free = r.ends
	r.free.KeptFrom = math.MaxInt64
	if merging := s.jobs.merging.Load(); merging != nil {
		r.merging = *merging
	}
	// What a job on the files remembers of them is not for two at once.
	if s.jobs.compact.TryLock() {
		r.unread = compaction.Unread(t.choices(&r.ends, now.UnixMilli(), now, 0), s.choosing(t, &r.ends, now, s.oldestInMemory(table)))
		s.jobs.compact.Unlock()
	}
	var out []Leftover
	for _, f := range t.files {
		if l := r.file(f); l.Blocker != "" {
			out = append(out, l)
		}
	}
	for _, f := range s.leaving.of(table) {
		if slices.Contains(t.files, f) {
			continue // it is being removed
		}
		l := r.file(f)
		l.Blocker = BlockedByReader
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b Leftover) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Name, b.Name)) })
	if l := r.memory(); l.Blocker != "" {
		out = append(out, l)
	}
	return out, nil
}

// leftoverReport makes the Leftovers of a table.
type leftoverReport struct {
	t       *tableVersion
	now     time.Time
	ends    ttl.Ends
	free    ttl.Ends // the same without what stays for rollups
	merging []*file
	unread  []uint64
}

func (r *leftoverReport) describe(f *file) Leftover {
	w := f.window()
	l := Leftover{Name: tableFileName(f.number), Start: w.start, End: w.end, Bytes: f.info.Bytes, Rows: f.info.Rows, KeptFrom: r.ends.KeptFrom, EndMillis: math.MaxInt64}
	if end := f.info.MaxExpiresAt; end != 0 && end < math.MaxInt64/1000 && end != mutation.Forever {
		l.EndMillis = end * 1000
	}
	if from := r.ends.AllBefore; r.ends.Position == 0 && w != (window{}) && from != math.MinInt64 && w.last() < math.MaxInt64-math.MaxInt64/4 {
		l.EndMillis = min(l.EndMillis, r.now.UnixMilli()+w.last()+1-from) // times of rows move toward it as the clock does
	}
	return l
}

func (r *leftoverReport) file(f *file) Leftover {
	l := r.describe(f)
	past, _ := f.countPast(r.t.table, &r.ends)
	free := past
	if r.ends.KeptFrom != math.MaxInt64 {
		free, _ = f.countPast(r.t.table, &r.free)
	}
	dead := f.info.MaxExpiresAt != 0 && f.info.MaxExpiresAt <= r.now.Unix()
	expired := f.info.HasExpiring && f.info.MinExpiresAt <= r.now.Unix()
	if r.free.ByOther() || len(r.free.Columns) > 0 {
		free += f.pastColumns(r.t.table, &r.free, r.now.UnixMilli())
	}
	l.EndedRows = free
	if dead || f.allEnded(&r.free) {
		l.EndedRows = l.Rows
	}
	switch {
	case l.EndedRows == 0 && !expired:
	case slices.Contains(r.merging, f):
		l.Blocker = BlockedByMerge
	case slices.Contains(r.unread, f.number):
		l.Blocker = BlockedByNext
	case free > past || expired && f.keptFor(&r.ends):
		l.Blocker = BlockedByRollups
	case f.allEnded(&r.ends):
		l.Blocker = BlockedByNext // a job has the list
	case dead && f.info.MaxLocalDeletion >= r.now.Unix()-r.t.table.GCGraceSec:
		l.Blocker = BlockedByGrace
	case dead:
		l.Blocker = BlockedByOlder
	default:
		l.Blocker = BlockedByOthers
	}
	return l
}

// memory describes the memtables, if rows in them have ended by their time.
func (r *leftoverReport) memory() Leftover {
	l := Leftover{KeptFrom: r.ends.KeptFrom, EndMillis: math.MaxInt64}
	for _, m := range r.t.memories() {
		low, high, known := m.Times()
		if !known || low > high || low >= r.free.Everyone() {
			continue
		}
		l.Bytes += m.Bytes()
		l.Rows += m.Rows()
		if high < r.free.Everyone() {
			l.EndedRows += m.Rows()
		}
		if l.Blocker = BlockedByMemtable; low >= r.ends.Everyone() {
			l.Blocker = BlockedByRollups
		}
	}
	return l
}
