package lsm

import (
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/memtable"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
)

// version is the set of sources at one moment. It is never changed; a new one replaces
// it. Whoever holds a reference keeps its memtables and files.
type version struct {
	refs   atomic.Int64
	tables map[mutation.TableID]*tableVersion
}

// tableVersion is what a version holds of one table.
type tableVersion struct {
	table  *mutation.Table
	active *memory    // takes writes
	sealed []*memory  // waiting to be flushed, oldest first
	files  []*file    // ascending by number
	order  *fileOrder // of files; a new one whenever they change
}

// memory is a memtable with what the store needs to know about it.
type memory struct {
	*memtable.Memtable
	epoch   uint64
	refs    atomic.Int64
	used    *atomic.Int64  // Store.memoryUsed
	counted atomic.Int64   // what this memtable has in it
	writers sync.WaitGroup // entered and not yet applied; nobody enters once it is sealed

	firstSegment uint64       // of the log, that holds a part of it; 0: empty; guarded by Store.mu
	lastSequence uint64       // of the records that entered; guarded by Store.mu
	oldest       int64        // not above any timestamp of data that entered; guarded by Store.mu
	applying     atomic.Int64 // how many entered and have not applied
}

func newMemory(table *mutation.Table, epoch uint64, used *atomic.Int64) *memory {
	return &memory{Memtable: memtable.New(table, epoch), epoch: epoch, used: used, oldest: math.MaxInt64}
}

// count brings the sum of all memtables up to date.
func (m *memory) count() {
	// Mostly nothing has changed: memory is taken in larger pieces than rows.
	if n := m.Bytes(); n != m.counted.Load() {
		m.used.Add(n - m.counted.Swap(n))
	}
}

func (m *memory) unref() {
	if m.refs.Add(-1) == 0 {
		m.used.Add(-m.counted.Load())
		m.Free()
	}
}

// file is an open table file.
type file struct {
	number       uint64
	path         string
	fs           vfs.FS
	reader       *sstable.Reader
	info         *sstable.Info
	refs         atomic.Int64
	run          uint64          // files of one window with one number are one sorted run
	written      int64           // second at which a merge that forgets wrote it; 0: a flush did
	final        bool            // written for good
	split        bool            // of no window, and none of its rows belongs to one
	born         time.Time       // when a flush wrote it; zero: a merge did, or an earlier process
	apart        map[uint64]bool // files with or without a partition in common; guarded by jobs.compact
	hides        map[uint64]bool // files of which it may hide rows; likewise
	past         past            // what has ended of it
	notDeletedBy []uint64        // files of which it is known that they do not delete all of it; guarded by jobs.compact
	gone         atomic.Bool     // no longer listed: deleted with the last reference
	leaving      *leaving        // where it is noted while it is held though it is gone; nil: nowhere
}

// unsplit reports whether f is of no window, but may have rows that belong to one: a compaction splits it.
func (f *file) unsplit(t *mutation.Table) bool {
	return isBucketed(t) && !f.split && f.info.Rows > 0 && f.window() == (window{})
}

func (f *file) unref() {
	if f.refs.Add(-1) != 0 {
		return
	}
	_ = f.reader.Close() // opened for reading only
	if f.leaving != nil {
		f.leaving.left(f)
	}
	if f.gone.Load() {
		_ = f.fs.Remove(f.path) // else it is an orphan, which the next open removes
	}
}

// memories returns the memtables, oldest first.
func (t *tableVersion) memories() []*memory {
	return append(t.sealed[:len(t.sealed):len(t.sealed)], t.active)
}

// sources calls fm and ff for all that v holds.
func (v *version) sources(fm func(*memory), ff func(*file)) {
	for _, t := range v.tables {
		fm(t.active)
		for _, m := range t.sealed {
			fm(m)
		}
		for _, f := range t.files {
			ff(f)
		}
	}
}

func newVersion(tables map[mutation.TableID]*tableVersion) *version {
	v := &version{tables: tables}
	v.refs.Store(1)
	v.sources(func(m *memory) { m.refs.Add(1) }, func(f *file) { f.refs.Add(1) })
	return v
}

func (v *version) unref() {
	if v.refs.Add(-1) == 0 {
		v.sources((*memory).unref, (*file).unref)
	}
}

// with returns the tables of v with one of them changed by fn.
func (v *version) with(id mutation.TableID, fn func(*tableVersion)) map[mutation.TableID]*tableVersion {
	tables := maps.Clone(v.tables)
	t := *tables[id]
	t.sealed, t.files = slices.Clone(t.sealed), slices.Clone(t.files)
	fn(&t)
	t.order = new(fileOrder)
	tables[id] = &t
	return tables
}

// installLocked makes tables the current version. Store.mu is held, so that nobody enters
// a memtable that has just been sealed.
func (s *Store) installLocked(tables map[mutation.TableID]*tableVersion) {
	next := newVersion(tables)
	s.versionMu.Lock()
	old := s.current
	s.current = next
	s.versionMu.Unlock()
	old.unref()
}

// change replaces the version by one in which fn has changed a table.
func (s *Store) change(id mutation.TableID, fn func(*tableVersion)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.installLocked(s.current.with(id, fn))
}

// acquire returns the current version, referenced, and what is visible in it.
func (s *Store) acquire() (*version, uint64) {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	return s.acquireLocked()
}

// acquireLocked is acquire with versionMu held.
func (s *Store) acquireLocked() (*version, uint64) {
	// Both under one lock: a later version could hold files with records beyond the
	// sequence, an earlier one could lack a memtable that the sequence covers (R44).
	s.current.refs.Add(1)
	return s.current, s.pipeline.visibleSequence()
}
