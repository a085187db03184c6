package commitlog

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// syncer lets one caller sync for all that wait. Whoever finds no sync running begins one
// at once; the others wait for it, and one of those it did not cover begins the next.
type syncer struct {
	mu      sync.Mutex  // taken after Log.mu, never held during a sync
	wake    sync.Cond   // L is mu
	running bool        // guarded by mu
	done    Position    // everything before it is synced; guarded by mu
	err     error       // of the first failure; guarded by mu
	failed  atomic.Bool // there is one
}

func (s *syncer) position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

func (s *syncer) failure() error {
	if !s.failed.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// fail makes everything fail from now on. The first cause stays.
func (s *syncer) fail(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(cause)
	s.wake.Broadcast()
	return s.err
}

func (s *syncer) failLocked(cause error) {
	if s.err == nil {
		s.err = fmt.Errorf("%w: %w", ErrFailed, cause)
		s.failed.Store(true)
	}
}

// until returns when everything before pos is synced, running sync itself if no other
// caller does. With own it does not return before it has run one. What sync calls ErrUnwritten is told to who has called it, and others try
// again; any other error is final.
func (s *syncer) until(pos Position, own bool, sync func() (Position, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case !own && !s.done.Less(pos):
			return nil // synced is synced, whatever failed later
		case s.err != nil:
			return s.err
		case s.running:
			s.wake.Wait()
			continue
		}
		s.running = true
		s.mu.Unlock()
		done, err := sync()
		s.mu.Lock()
		s.running, own = false, false
		s.wake.Broadcast()
		switch {
		case errors.Is(err, ErrUnwritten):
			return err
		case err != nil:
			// Never tried again: the kernel may have dropped what it could not write, and
			// a second sync would report success without it.
			s.failLocked(err)
		case s.done.Less(done):
			s.done = done
		}
	}
}

// Wait returns when the record that ends at pos counts as done by the mode of the log.
func (l *Log) Wait(pos Position) error {
	if l.opts.Mode == Periodic && !l.periodic.late.Load() {
		if err := l.syncs.failure(); err != nil {
			return err
		}
		return l.Write(pos)
	}
	return l.syncs.until(pos, l.opts.Mode == Batch, l.syncFiles)
}

// periodic syncs a log of that mode at every tick.
type periodic struct {
	stop    chan struct{} // nil: another mode
	done    chan struct{}
	running atomic.Bool // a sync of a tick
	late    atomic.Bool // a tick found the sync of the one before still running: writers wait for it
}

// startPeriodic begins to sync every period.
func (l *Log) startPeriodic() {
	p := &l.periodic
	p.stop, p.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.done)
		ticker := time.NewTicker(l.opts.SyncPeriod)
		defer ticker.Stop()
		var syncs sync.WaitGroup
		defer syncs.Wait()
		for {
			select {
			case <-p.stop:
				return
			case <-ticker.C:
			}
			if p.running.Swap(true) {
				p.late.Store(true)
				continue
			}
			syncs.Go(func() {
				_ = l.Sync() // the failure is kept, and told to the next writer
				p.late.Store(false)
				p.running.Store(false)
			})
		}
	}()
}

// stopPeriodic waits until no more syncs are begun by ticks. It is called once.
func (l *Log) stopPeriodic() {
	if l.periodic.stop != nil {
		close(l.periodic.stop)
		<-l.periodic.done
	}
}

// Sync returns when everything enqueued before the call is synced.
func (l *Log) Sync() error { return l.SyncTo(l.End()) }

// SyncTo returns when everything before pos is synced.
func (l *Log) SyncTo(pos Position) error { return l.syncs.until(pos, false, l.syncFiles) }

// Synced returns up to where the log is synced.
func (l *Log) Synced() Position { return l.syncs.position() }

// Failure returns why the log has failed, or nil.
func (l *Log) Failure() error { return l.syncs.failure() }

// Fail makes the log refuse everything from now on, for a failure elsewhere.
func (l *Log) Fail(cause error) error { return l.syncs.fail(cause) }

// syncFiles writes and syncs what is enqueued when it begins, older segments first. Only one runs at a time.
func (l *Log) syncFiles() (Position, error) {
	if err := l.Write(l.End()); err != nil {
		return Position{}, err
	}
	l.mu.Lock()
	full, current, end := slices.Clone(l.rotated), l.current, l.written
	l.mu.Unlock()
	began := l.now()
	for _, s := range full {
		if err := s.file.SyncData(); err != nil {
			return Position{}, fmt.Errorf("%s: sync: %w", fileName(s.number), err)
		}
	}
	if current != nil {
		if err := current.file.SyncData(); err != nil {
			return Position{}, fmt.Errorf("%s: sync: %w", fileName(current.number), err)
		}
	}
	l.counts.syncs.Add(1)
	l.counts.syncNanos.Add(int64(l.now().Sub(began)))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range full {
		_ = s.file.Close() // synced; nothing is left that could be lost
	}
	l.rotated = l.rotated[len(full):] // others were added behind them only
	l.synced = end
	return end, nil
}

// now is the time of the clock given, which measures syncs.
func (l *Log) now() time.Time {
	if l.opts.Clock == nil {
		return time.Time{}
	}
	return l.opts.Clock.Now()
}
