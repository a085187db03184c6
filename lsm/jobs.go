package lsm

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/mutation"
)

// jobs is what runs beside reads and writes. A flush and a compaction may run at the same
// time; changes of the schema and TRUNCATE exclude both.
type jobs struct {
	flush   sync.Mutex // held by whoever seals and flushes
	compact sync.Mutex // held by whoever compacts
	backup  sync.Mutex // held by whoever makes a backup; taken before the others

	throttle throttle
	work     work

	merging    atomic.Pointer[[]*file] // what a compaction is reading; nil: none runs
	waiting    atomic.Int32            // who excludes: a running compaction gives up for it
	done       chan struct{}
	flushWake  chan struct{}
	compactNow chan struct{}
	running    sync.WaitGroup
	stopped    atomic.Bool
	reportOnce sync.Once // the store has become read-only
}

// errStopped ends a compaction that is in the way. What it has written is thrown away.
var errStopped = errors.New("stopped")

// exclude waits until no flush and no compaction runs and keeps others from starting.
func (j *jobs) exclude() (release func()) {
	j.waiting.Add(1)
	j.flush.Lock()
	j.compact.Lock()
	j.waiting.Add(-1)
	return func() {
		j.compact.Unlock()
		j.flush.Unlock()
		wake(j.compactNow) // a compaction may have given up
	}
}

func (j *jobs) closed() bool { return j.stopped.Load() }

// mustStop reports whether a running compaction should give up.
func (j *jobs) mustStop() bool { return j.closed() || j.waiting.Load() > 0 }

func (s *Store) startJobs() {
	j := &s.jobs
	j.done = make(chan struct{})
	j.flushWake = make(chan struct{}, 1)
	j.compactNow = make(chan struct{}, 1)
	if s.opts.Tuning.NoBackground {
		return
	}
	j.running.Go(func() { s.background(j.flushWake, nil, s.flushAsNeeded) })
	j.running.Go(func() {
		tick := time.NewTicker(compactEvery)
		defer tick.Stop()
		s.background(j.compactNow, tick.C, s.compactAsNeeded)
	})
	s.wakeFlusher()
	s.wakeCompactor()
}

// compactEvery is how often a store in which nothing happens looks for what has ended, and for windows that are over.
const compactEvery = 10 * time.Second

// background runs work each time it is woken and at each tick, until the store closes.
func (s *Store) background(wake <-chan struct{}, tick <-chan time.Time, work func() error) {
	for {
		select {
		case <-s.jobs.done:
			return
		case <-wake:
		case <-tick:
		}
		err := s.withSpace(work)
		if err == nil || errors.Is(err, errStopped) || errors.Is(err, ErrClosed) {
			continue
		}
		if err = s.writeFailed(err); !errors.Is(err, ErrReadOnly) {
			s.opts.Events.failed(err)
		}
	}
}

// A job that found the disk full tries again after a while, at first soon: the space may be that of
// another job, which gives it back.
const (
	retryAfterMin = 50 * time.Millisecond
	retryAfterMax = 30 * time.Second
)

// withSpace does work, again and again while the disk is too full for it. That it is full is reported once.
func (s *Store) withSpace(work func() error) error {
	for retryAfter := retryAfterMin; ; retryAfter = min(2*retryAfter, retryAfterMax) {
		err := work()
		if err == nil {
			return nil
		}
		if err = s.writeFailed(err); !errors.Is(err, ErrDiskFull) || errors.Is(err, ErrReadOnly) {
			return err
		}
		if retryAfter == retryAfterMin {
			s.opts.Events.failed(err)
		}
		select {
		case <-s.jobs.done:
			return errStopped
		case <-time.After(retryAfter):
		}
	}
}

// stopJobs ends background work and waits for it. It is false if that was done before.
func (s *Store) stopJobs() bool {
	if s.jobs.stopped.Swap(true) {
		return false
	}
	close(s.jobs.done)
	s.jobs.running.Wait()
	// Whoever asked for a flush or compaction may still be at it.
	s.jobs.flush.Lock()
	defer s.jobs.flush.Unlock()
	s.jobs.compact.Lock()
	defer s.jobs.compact.Unlock()
	return true
}

func (s *Store) wakeFlusher()   { wake(s.jobs.flushWake) }
func (s *Store) wakeCompactor() { wake(s.jobs.compactNow) }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // woken already
	}
}

// WorkStatistics counts what flush and compaction have done on a table since the store was opened.
type WorkStatistics struct {
	Flushes      int64
	FlushedRows  int64
	FlushedBytes int64         // of files
	FlushTime    time.Duration // from the first row to the manifest
	Compactions  int64
	BytesIn      int64 // of files that were merged
	BytesOut     int64
	CompactTime  time.Duration
	Dropped      int64 // files that went unread
	EndedRows    int64 // that left for being past a retention, versions of a row in several files counted several times
	EndedBytes   int64 // of files, about
}

// work is what was done, by table.
type work struct {
	mu     sync.Mutex
	tables map[mutation.TableID]WorkStatistics
}

func (w *work) add(id mutation.TableID, fn func(*WorkStatistics)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tables == nil {
		w.tables = make(map[mutation.TableID]WorkStatistics)
	}
	st := w.tables[id]
	fn(&st)
	w.tables[id] = st
}

func (w *work) of(id mutation.TableID) WorkStatistics {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tables[id]
}
