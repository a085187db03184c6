package server

import "sync"

// idleHandsMax is how many goroutines stay when there is nothing to do. Their stacks have grown to what a statement
// needs, which those of new ones would have to do again.
const idleHandsMax = 256

// job is what a goroutine does for a connection.
type job struct {
	conn *conn
	do   func(*conn)
}

// crew is goroutines that do one job after another. Jobs may wait for long, so there are as many as there are jobs;
// whoever gives jobs bounds their number.
type crew struct {
	join sync.WaitGroup

	mu     sync.Mutex // held for a moment only
	idle   []*hand    // guarded by mu; the last was busy last
	closed bool       // guarded by mu
}

// hand is a goroutine of the crew.
type hand struct {
	jobs chan job // one fits; only a hand that is idle gets one
}

// do does a job without waiting for it.
func (w *crew) do(do func(*conn), c *conn) {
	w.mu.Lock()
	if n := len(w.idle); n > 0 {
		h := w.idle[n-1]
		w.idle = w.idle[:n-1]
		w.mu.Unlock()
		h.jobs <- job{c, do}
		return
	}
	w.mu.Unlock()
	h := &hand{jobs: make(chan job, 1)}
	h.jobs <- job{c, do}
	w.join.Go(func() { w.work(h) })
}

func (w *crew) work(h *hand) {
	for j := range h.jobs {
		j.do(j.conn)
		if !w.rest(h) {
			return
		}
	}
}

// rest makes a hand idle; it is false if it is not needed.
func (w *crew) rest(h *hand) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.idle) >= idleHandsMax {
		return false
	}
	w.idle = append(w.idle, h)
	return true
}

// close ends the crew once its jobs are done; no more may be given.
func (w *crew) close() {
	w.mu.Lock()
	w.closed = true
	for _, h := range w.idle {
		close(h.jobs)
	}
	w.idle = nil
	w.mu.Unlock()
	w.join.Wait()
}
