package server

import (
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

const (
	// idleWorkersMax is how many workers stay when there is nothing to do. Their stacks have grown to
	// what a statement needs, which a new goroutine would have to do again.
	idleWorkersMax = 256
	// workerBytesMax is the longest body whose decoder a worker keeps, as that refers to the body.
	workerBytesMax = 64 << 10
)

// task is one request to answer.
type task struct {
	conn  *conn
	frame wire.Frame
	lease *memory.Lease // of the request's memory
}

// workers run tasks side by side. Writes wait for the commit log's next sync, so there must be as
// many workers as there are requests in flight; whoever hands out tasks bounds their number.
type workers struct {
	idle   chan task     // unbuffered: a worker that waits takes it
	closed chan struct{} // closed when no task will come any more
	join   sync.WaitGroup
	idling atomic.Int32
}

func newWorkers() *workers {
	return &workers{idle: make(chan task), closed: make(chan struct{})}
}

// run answers a task without waiting for it.
func (w *workers) run(t task) {
	select {
	case w.idle <- t:
	default:
		w.join.Go(func() { w.work(t) })
	}
}

func (w *workers) work(t task) {
	self := &worker{}
	for {
		self.serve(t)
		if w.idling.Add(1) > idleWorkersMax {
			w.idling.Add(-1)
			return
		}
		select {
		case t = <-w.idle:
			w.idling.Add(-1)
		case <-w.closed:
			return
		}
	}
}

// close ends the workers once they are idle.
func (w *workers) close() {
	close(w.closed)
	w.join.Wait()
}

// worker is the memory that one request after another needs.
type worker struct {
	decoder wire.RequestDecoder
	values  []planner.Value
	entries []database.BatchEntry
}

func (w *worker) serve(t task) {
	defer t.conn.answered(t.lease)
	begun := t.conn.server.clock.Now()
	t.conn.meter.begun()
	a := w.answer(t)
	t.conn.meter.answered(t.frame.Header.Opcode, a.Message, t.conn.server.clock.Now().Sub(begun))
	t.conn.send(t.frame.Header, a)
	if len(t.frame.Body) > workerBytesMax {
		*w = worker{}
	}
}
