package jobs

import (
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/eskerdb/esker/mutation"
)

// worker is the loop of a job that works on tables one step at a time: it looks for work when it is told of a change, and again
// after a while if something was left undone. It remembers why steps failed, and wakes those who wait for them.
type worker struct {
	wake chan struct{} // of capacity 1: there is something to look at
	stop chan struct{}
	done chan struct{}

	outcome sync.Mutex                 // held for a moment only
	failed  map[mutation.TableID]error // why the last step of a table failed; guarded by outcome
	changed chan struct{}              // closed when a step fails or something ends; guarded by outcome
}

func newWorker() *worker {
	return &worker{
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		failed: map[mutation.TableID]error{}, changed: make(chan struct{}),
	}
}

// run calls round now, after each change, and a while after one that failed, until Close.
func (w *worker) run(round func() error) {
	defer close(w.done)
	for {
		var again <-chan time.Time
		if err := round(); err != nil && !errors.Is(err, ErrStopped) {
			again = time.After(pollEvery)
		}
		select {
		case <-w.stop:
			return
		case <-again:
		case <-w.wake:
		}
	}
}

// Close stops the job and waits for the step under way. It goes on when the database opens again.
func (w *worker) Close() {
	close(w.stop)
	<-w.done
}

// Stopped is ErrStopped once the database is closing.
func (w *worker) Stopped() error {
	select {
	case <-w.stop:
		return ErrStopped
	default:
		return nil
	}
}

// SchemaChanged makes the job look for work, and those who wait look whether it is over.
func (w *worker) SchemaChanged() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
	w.moved()
}

// pause rests. It ends early with ErrStopped.
func (w *worker) pause(rest time.Duration) error {
	if rest <= 0 {
		return w.Stopped()
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-w.stop:
		return ErrStopped
	case <-timer.C:
		return nil
	}
}

// fail remembers why the last step of a table failed.
func (w *worker) fail(id mutation.TableID, err error) {
	w.outcome.Lock()
	w.failed[id] = err
	w.outcome.Unlock()
	w.moved()
}

// recovered forgets the failure of a table: a step of it went well.
func (w *worker) recovered(id mutation.TableID) {
	w.forgetFailures(func(of mutation.TableID) bool { return of == id })
}

// forgetFailures forgets those of tables that are gone.
func (w *worker) forgetFailures(gone func(mutation.TableID) bool) {
	w.outcome.Lock()
	defer w.outcome.Unlock()
	maps.DeleteFunc(w.failed, func(id mutation.TableID, _ error) bool { return gone(id) })
}

// Failure is why the last step of a table failed; nil: it did not.
func (w *worker) Failure(id mutation.TableID) error {
	w.outcome.Lock()
	defer w.outcome.Unlock()
	return w.failed[id]
}

// moved wakes those who wait.
func (w *worker) moved() {
	w.outcome.Lock()
	defer w.outcome.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

// await returns once over says so, which it asks whenever a step fails, something ends or the schema changes. It ends with
// over's error, or with that of the last step of the table if that failed.
func (w *worker) await(id mutation.TableID, over func() (bool, error)) error {
	for {
		w.outcome.Lock()
		changed, failed := w.changed, w.failed[id]
		w.outcome.Unlock()
		if ended, err := over(); ended || err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
		select {
		case <-changed:
		case <-w.stop:
			return ErrStopped
		}
	}
}
