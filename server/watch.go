package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// passOnAfter is how long a leader may be busy with one statement before another goroutine leads; at most twice as long
// passes until it is seen. It is long beside what passing on costs, and short beside what a heartbeat may take.
const passOnAfter = 2 * time.Millisecond

// turn is who leads a connection. Exactly one goroutine leads: it reads, and carries out what it reads. It says so while
// it is busy, and whoever finds it busy for too long lets another one lead.
type turn struct {
	count   atomic.Uint64 // odd: the leader is busy; each change is one more
	watched atomic.Bool   // the watch has the connection
	seen    uint64        // count at the last look; the watch's alone

	passing sync.Mutex // held while what is buffered moves to the desk of the next leader
}

// watch lets connections whose leaders are busy for too long be led by others.
type watch struct {
	crew *crew
	wake chan struct{} // one token: there is a connection to watch
	stop chan struct{}
	join sync.WaitGroup

	mu    sync.Mutex // held for a moment only
	conns []*conn    // guarded by mu
}

func newWatch(crew *crew) *watch {
	w := &watch{crew: crew, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	w.join.Go(w.run)
	return w
}

// busy says that the leader of c carries out something. What it returns goes to passOn and rests.
func (c *conn) busy() uint64 {
	now := c.turn.count.Load() + 1
	c.turn.count.Store(now)
	if !c.turn.watched.Load() {
		c.server.watch.add(c)
	}
	return now
}

// rests ends what busy began; it is false if another goroutine leads now.
func (c *conn) rests(since uint64) bool { return c.turn.count.CompareAndSwap(since, since+1) }

// passOn lets another goroutine lead, if the leader is still busy with what it was at since.
func (c *conn) passOn(since uint64) {
	c.turn.passing.Lock()
	passed := c.turn.count.CompareAndSwap(since, since+1)
	if passed {
		c.input.move()
	}
	c.turn.passing.Unlock()
	if passed {
		c.server.crew.do((*conn).takeOver, c)
	}
}

// rise gives up the desk of a goroutine that led, once nothing is read from it any more.
func (c *conn) rise(d *desk) {
	c.turn.passing.Lock() // whoever passed on may not be done
	defer c.turn.passing.Unlock()
	d.leave(d.scratch)
}

func (w *watch) add(c *conn) {
	if c.turn.watched.Swap(true) {
		return
	}
	w.mu.Lock()
	w.conns = append(w.conns, c)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watch) run() {
	ticker := time.NewTicker(passOnAfter)
	defer ticker.Stop()
	for {
		ticker.Stop()
		select {
		case <-w.wake:
		case <-w.stop:
			return
		}
		ticker.Reset(passOnAfter)
		for w.look() {
			select {
			case <-ticker.C:
			case <-w.stop:
				return
			}
		}
	}
}

// look passes on connections that have been busy since the last look, and forgets those at rest. It is false if it
// knows of none.
func (w *watch) look() bool {
	w.mu.Lock()
	conns := w.conns
	w.conns = nil
	w.mu.Unlock()
	kept := conns[:0]
	for _, c := range conns {
		now := c.turn.count.Load()
		still := now == c.turn.seen
		c.turn.seen = now
		switch {
		case !still:
		case now%2 == 1:
			c.passOn(now)
		default:
			c.turn.watched.Store(false)
			if c.turn.count.Load() == now || c.turn.watched.Swap(true) {
				continue // whoever is busy from now on adds it again
			}
		}
		kept = append(kept, c)
	}
	clear(conns[len(kept):])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(kept, w.conns...)
	return len(w.conns) > 0
}

// close ends the watch; no connection is open any more.
func (w *watch) close() {
	close(w.stop)
	w.join.Wait()
}
