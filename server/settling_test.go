package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server/wire"
)

// log is a commit log whose syncs a test does: Await returns once its ticket is covered, or the log has failed.
type log struct {
	stub
	mu     sync.Mutex
	moved  sync.Cond       // L is mu
	synced database.Ticket // guarded by mu
	failed error           // guarded by mu
	asked  int             // guarded by mu; calls of Await
}

func newLog() *log {
	l := &log{}
	l.moved.L = &l.mu
	l.execute = func(st *database.Statement, _ database.Request) (*database.Result, error) {
		if st.Kind == database.KindRead {
			return oneText(st.Text), nil
		}
		return void, nil
	}
	l.await = func(t database.Ticket) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked++
		l.moved.Broadcast()
		for l.synced.Later(t) != l.synced && l.failed == nil {
			l.moved.Wait()
		}
		if l.synced.Later(t) == l.synced {
			return nil
		}
		return l.failed
	}
	return l
}

// sync makes records up to a sequence durable; a failure is that of all others.
func (l *log) sync(sequence uint64, failure error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.synced, l.failed = database.TicketOf(sequence), failure
	l.moved.Broadcast()
}

// awaited waits until Await was called n times.
func (l *log) awaited(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.asked < n {
		l.moved.Wait()
	}
}

// Writes are answered once they are durable; reads of the same connection do not wait for them, and neither does a
// heartbeat.
func TestReadsPassWritesThatAreNotDurable(t *testing.T) {
	l := newLog()
	r := dialRaw(t, start(t, Options{Database: l}))
	r.ready()
	for stream := range int16(3) {
		r.ask(4, stream, &wire.Query{Text: []byte("write")})
	}
	r.ask(4, 3, &wire.Query{Text: []byte("read")})
	r.ask(4, 4, &wire.Options{})
	for _, want := range []int16{3, 4} {
		if h, m := r.answer(); h.Stream != want {
			t.Errorf("%s: %+v instead of stream %d", h, m, want)
		}
	}
	l.sync(3, nil)
	for want := range int16(3) {
		if h, m := r.answer(); h.Stream != want || m.Opcode() != wire.OpResult {
			t.Errorf("%s: %+v instead of stream %d", h, m, want)
		}
	}
}

// What was durable before the log failed is acknowledged; each write after it is told the failure, and the connection
// goes on.
func TestEachWriteIsToldThatTheLogFailed(t *testing.T) {
	l := newLog()
	var told sync.Map
	s := start(t, Options{Database: l})
	r := dialRaw(t, s)
	r.ready()
	const writes = 20
	for stream := range int16(writes) {
		r.ask(4, stream, &wire.Query{Text: []byte("write")})
	}
	r.ask(4, writes, &wire.Options{})
	r.answer() // all of them were begun
	l.awaited(1)
	l.sync(7, fmt.Errorf("sync: %w", lsm.ErrReadOnly))
	for range writes {
		h, m := r.answer()
		told.Store(h.Stream, true)
		e, failed := m.(*wire.Error)
		if failed != (h.Stream >= 7) || failed && e.Code != wire.CodeServer {
			t.Errorf("%s: %+v", h, m)
		}
	}
	for stream := range int16(writes) {
		if _, ok := told.Load(stream); !ok {
			t.Errorf("stream %d was not answered", stream)
		}
	}
	r.ask(4, 1, &wire.Query{Text: []byte("read")})
	if h, m := r.answer(); h.Stream != 1 || m.Opcode() != wire.OpResult {
		t.Errorf("%s: %+v", h, m)
	}
	counted := s.Counters()
	good, bad := counted.Answers["write"], counted.Answers["failed"]
	if counted.InFlight != 0 || good.Count() != 7 || bad.Count() != writes-7 {
		t.Errorf("%d in flight, %d writes and %d failures are counted", counted.InFlight, good.Count(), bad.Count())
	}
}

// Writes that wait for the log are in flight: one past the limit is not begun.
func TestUndurableWritesAtTheLimitAndOnePast(t *testing.T) {
	l := newLog()
	s := start(t, Options{Database: l, Limits: Limits{InFlightMax: 5}})
	r := dialRaw(t, s)
	r.ready()
	for stream := range int16(6) {
		r.ask(4, stream, &wire.Query{Text: []byte("write")})
	}
	l.awaited(1)
	for s.slots.used.Load() < 5 {
		l.awaited(1)
	}
	if n := l.begun.Load(); n != 5 {
		t.Errorf("%d writes were begun", n)
	}
	l.sync(6, nil) // whoever settles may await the sixth with those before it
	for range 6 {
		r.answer()
	}
}

// A shutdown waits for writes that are not durable, and their clients are told.
func TestShutdownSettlesWrites(t *testing.T) {
	l := newLog()
	s, err := Listen(Options{Database: l, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	var join sync.WaitGroup
	join.Go(func() { _ = s.Serve() })
	c := dial(t, s, client.Options{})
	var calls []*client.Call
	for range 10 {
		calls = append(calls, send(t, c, "write"))
	}
	for l.begun.Load() < 10 {
		l.awaited(1)
	}
	over := make(chan error)
	go func() { over <- s.Shutdown(context.Background()) }()
	<-s.closed
	select {
	case err := <-over:
		t.Errorf("the shutdown waited for nothing: %v", err)
	default:
	}
	l.sync(10, nil)
	for _, call := range calls {
		if a, err := call.Wait(t.Context()); err != nil || a.Message.Opcode() != wire.OpResult {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
	join.Wait()
}

// A connection that ends before its writes are durable leaves nothing behind.
func TestClientLeavesBeforeItsWritesAreDurable(t *testing.T) {
	l := newLog()
	s := start(t, Options{Database: l})
	r := dialRaw(t, s)
	r.ready()
	for stream := range int16(5) {
		r.ask(4, stream, &wire.Query{Text: []byte("write")})
	}
	l.awaited(1)
	s.each(func(c *conn) { c.fail(errors.New("test")) })
	r.expectLost()
	l.sync(5, nil)
	if err := s.Shutdown(t.Context()); err != nil || s.memory.Used() != 0 || s.slots.used.Load() != 0 {
		t.Errorf("%v, %d bytes and %d slots are left", err, s.memory.Used(), s.slots.used.Load())
	}
}

// However many write on however many connections, everybody is answered once, and one wait serves many.
func TestOneWaitServesManyWrites(t *testing.T) {
	l := newLog()
	l.await = func(database.Ticket) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked++
		return nil
	}
	s := start(t, Options{Database: l})
	const connections, each = 4, 2000
	var join sync.WaitGroup
	for range connections {
		c := dial(t, s, client.Options{InFlight: 128})
		join.Go(func() {
			calls := make(chan *client.Call, 100)
			join.Go(func() {
				for call := range calls {
					if a, err := call.Wait(t.Context()); err != nil || a.Message.Opcode() != wire.OpResult {
						t.Errorf("%+v, %v", a, err)
					}
				}
			})
			defer close(calls)
			for range each {
				call, err := c.Send(t.Context(), &wire.Query{Text: []byte("write")})
				if err != nil {
					t.Error(err)
					return
				}
				calls <- call
			}
		})
	}
	join.Wait()
	if l.asked > connections*each {
		t.Errorf("%d waits for %d writes", l.asked, connections*each)
	}
	t.Logf("%d waits for %d writes", l.asked, connections*each)
}
