// Package lsm is the store: a commit log, memtables, table files and a manifest behind
// Apply and View. The write flow is write.go, the read flow read.go.
//
// It knows partition keys as bytes with their token, clustering and value columns as numbered
// typed vectors. It does not know CQL, names, the schema beyond column lists, or whether
// anything has expired: whoever reads has the clock.
package lsm

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/commitlog"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/lsm/sstable"
)

const lockName = "LOCK"

// Store is an open store. Its methods may be called from several goroutines.
type Store struct {
	opts     Options
	lock     io.Closer
	log      *commitlog.Log
	manifest *manifest.Manifest
	pipeline pipeline
	cache    *sstable.Cache // of all table files

	// Lock order: jobs.flush, jobs.compact, mu, versionMu, pipeline.mu.
	mu           sync.Mutex    // held while a record gets its sequence and is appended
	lastSequence uint64        // given to a record; guarded by mu
	versionMu    sync.Mutex    // held for a moment only
	current      *version      // changed with mu and versionMu held; read with either
	views        openViews     // guarded by versionMu
	memoryUsed   atomic.Int64  // bytes of all memtables
	nextFile     atomic.Uint64 // the last number given to a table file
	jobs         jobs
	ending       ending
	leaving      leaving
	full         atomic.Pointer[fullness] // the last write that had no space; nil: none
}

// Open opens the store in opts.Dir, or makes one there, and recovers what was acknowledged.
// ErrInUse, ErrVersion and ErrCorrupt say why it cannot.
func Open(opts Options) (*Store, error) {
	s := &Store{opts: opts.withDefaults()}
	s.cache = sstable.NewCache(s.opts.CacheBytes)
	s.pipeline.wake.L = &s.pipeline.mu
	s.current = newVersion(nil)
	if err := s.makeDirectory(); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", s.opts.Dir, err)
	}
	if err := s.lockDirectory(); err != nil {
		return nil, err
	}
	if err := s.recover(); err != nil {
		s.abandon()
		return nil, fmt.Errorf("open %s: %w", s.opts.Dir, classify(err))
	}
	s.startJobs()
	return s, nil
}

// abandon closes what an Open that failed has opened.
func (s *Store) abandon() {
	if s.log != nil {
		_ = s.log.Close() // the error that made Open fail says more
	}
	if s.manifest != nil {
		_ = s.manifest.Close(manifest.Place{}) // likewise
	}
	s.current.unref()
	_ = s.lock.Close() // likewise
}

// Close waits for background work, syncs the log and closes the files. Memtables are not
// flushed: the log holds them. Views must be closed before.
func (s *Store) Close() error {
	if !s.stopJobs() {
		return nil
	}
	err := s.log.Close()
	if errors.Is(err, commitlog.ErrFailed) {
		err = nil // reported to those whose writes it failed
	}
	s.mu.Lock()
	s.installLocked(nil)
	s.mu.Unlock()
	synced := s.logSynced()
	if s.failure() != nil {
		synced = manifest.Place{} // nothing is written any more
	}
	return errors.Join(classify(err), s.manifest.Close(synced), s.lock.Close())
}

// logSynced returns up to where the log is synced, as the manifest keeps it.
func (s *Store) logSynced() manifest.Place {
	p := s.log.Synced()
	return manifest.Place{Segment: p.Segment, Offset: p.Offset}
}

// writable returns ErrReadOnly with the cause after a failed write or sync.
func (s *Store) writable() error {
	if s.jobs.closed() {
		return ErrClosed
	}
	return s.failure()
}

// failure returns ErrReadOnly with the cause, or nil.
func (s *Store) failure() error {
	err := s.log.Failure()
	if err == nil {
		err = s.manifest.Failure()
	}
	if err == nil {
		return nil // every write asks
	}
	return classify(err)
}

// writeFailed classifies err and reports the first one that turns the store read-only.
func (s *Store) writeFailed(err error) error {
	err = classify(err)
	if errors.Is(err, ErrDiskFull) {
		s.full.Store(&fullness{cause: err, records: s.log.Statistics().Records, at: s.opts.Clock.Now()})
	}
	if errors.Is(err, ErrReadOnly) {
		s.jobs.reportOnce.Do(func() { s.opts.Events.failed(err) })
	}
	return err
}

// fail turns the store read-only. One that is being opened fails to open.
func (s *Store) fail(cause error) error {
	if s.log == nil {
		return cause
	}
	return s.writeFailed(s.log.Fail(cause))
}

// makeDirectory makes the data directory if it is not there, and its name durable.
func (s *Store) makeDirectory() error {
	if _, err := s.opts.FS.Stat(s.opts.Dir); err == nil {
		return nil
	}
	if err := s.opts.FS.MkdirAll(s.opts.Dir); err != nil {
		return err
	}
	return s.opts.FS.SyncDir(vfs.Join(s.opts.Dir, ".."))
}

func (s *Store) lockDirectory() error {
	lock, err := s.opts.FS.Lock(vfs.Join(s.opts.Dir, lockName))
	var locked *vfs.LockedError
	if errors.As(err, &locked) {
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	if err != nil {
		return fmt.Errorf("data directory %s: %w", s.opts.Dir, err)
	}
	s.lock = lock
	return nil
}

func newStoreID() (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}
