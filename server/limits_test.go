package server

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/server/wire"
)

// gate is a database whose statements wait until the test lets them go.
type gate struct {
	stub
	entered chan string
	release chan struct{}
}

func newGate() *gate {
	g := &gate{entered: make(chan string, 100), release: make(chan struct{})}
	g.execute = func(st *database.Statement, _ database.Request) (*database.Result, error) {
		g.entered <- st.Text
		<-g.release
		return oneText(st.Text), nil
	}
	return g
}

func send(t *testing.T, c *client.Conn, text string) *client.Call {
	t.Helper()
	call, err := c.Send(t.Context(), &wire.Query{Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// Requests of one connection run side by side up to the limit; one more waits for a slot and is not lost.
func TestRequestsRunSideBySide(t *testing.T) {
	for name, limits := range map[string]Limits{"connection": {InFlightMax: 8}, "server": {InFlightTotalMax: 8}} {
		t.Run(name, func(t *testing.T) {
			g := newGate()
			s := start(t, Options{Database: g, Limits: limits})
			c := dial(t, s, client.Options{})
			var calls []*client.Call
			for range 9 {
				calls = append(calls, send(t, c, "q"))
			}
			for range 8 {
				<-g.entered // they are all inside at the same time
			}
			if s.slots.used.Load() != 8 {
				t.Errorf("%d requests in flight", s.slots.used.Load())
			}
			select {
			case <-g.entered:
				t.Error("a ninth request runs")
			default:
			}
			g.release <- struct{}{}
			<-g.entered
			close(g.release)
			for _, call := range calls {
				a, err := call.Wait(t.Context())
				textOf(t, a, err)
			}
		})
	}
}

// Whoever is done first is answered first.
func TestAnswersInAnyOrder(t *testing.T) {
	slow := make(chan struct{})
	db := &stub{execute: func(st *database.Statement, _ database.Request) (*database.Result, error) {
		if st.Text == "slow" {
			<-slow
		}
		return oneText(st.Text), nil
	}}
	c := dial(t, start(t, Options{Database: db}), client.Options{})
	first := send(t, c, "slow")
	a, err := send(t, c, "fast").Wait(t.Context())
	if got := textOf(t, a, err); got != "fast" {
		t.Errorf("got %q", got)
	}
	close(slow)
	a, err = first.Wait(t.Context())
	if got := textOf(t, a, err); got != "slow" {
		t.Errorf("got %q", got)
	}
}

func TestRequestBytesAtTheLimitAndOnePast(t *testing.T) {
	g := newGate()
	body := len(" q") - 1 + 4 + 3 // [long string], consistency, flags
	each := int64(workFactor*body + parseFactor*len("q"))
	// Half of one more, because what an answer took is given back a moment after the client has it.
	s := start(t, Options{Database: g, Memory: memory.NewAccount("test", 2*each+each/2)})
	r := dialRaw(t, s)
	r.ready()
	for stream := range int16(3) {
		r.ask(4, stream, &wire.Query{Text: []byte("q"), Params: wire.QueryParams{Consistency: wire.One}})
		if stream < 2 {
			<-g.entered // it has all the memory it needs
		}
	}
	r.expectError(2, wire.CodeOverloaded, "")
	close(g.release)
	r.answer()
	r.answer()
	for refused := true; refused; { // until what the others took is given back
		r.ask(4, 5, &wire.Query{Text: []byte("q"), Params: wire.QueryParams{Consistency: wire.One}})
		_, m := r.answer()
		refused = m.Opcode() == wire.OpError && m.(*wire.Error).Code == wire.CodeOverloaded
		if !refused && m.Opcode() != wire.OpResult {
			t.Errorf("after the others were answered: %+v", m)
		}
	}
	// What is reserved is given back after the answer was sent, so only a drained server shows that all was.
	if err := s.Shutdown(t.Context()); err != nil || s.memory.Used() != 0 || s.slots.used.Load() != 0 {
		t.Errorf("%v, %d bytes and %d slots are left", err, s.memory.Used(), s.slots.used.Load())
	}
}

func TestFrameAtTheLimitAndOnePast(t *testing.T) {
	s := start(t, Options{Database: echo(), Limits: Limits{FrameBytesMax: 1000}})
	other := dial(t, s, client.Options{})
	r := dialRaw(t, s)
	r.ready()
	r.ask(4, 1, &wire.Query{Text: []byte(strings.Repeat("q", 1000-4-3)), Params: wire.QueryParams{Consistency: wire.One}})
	if _, m := r.answer(); m.Opcode() != wire.OpResult {
		t.Errorf("frame at the limit: %+v", m)
	}
	r.ask(4, 2, &wire.Query{Text: []byte(strings.Repeat("q", 1001-4-3)), Params: wire.QueryParams{Consistency: wire.One}})
	r.expectError(2, wire.CodeProtocol, "frame of 1001 bytes exceeds the maximum of 1000 bytes")
	r.expectEnd()
	if _, err := other.Query(t.Context(), "q"); err != nil {
		t.Errorf("another connection: %v", err)
	}
}

func TestConnectionsAtTheLimitAndOnePast(t *testing.T) {
	refused := make(chan error, 1)
	closed := make(chan error, 2)
	s := start(t, Options{Database: echo(), Limits: Limits{ConnectionsMax: 2}, Events: Events{
		Refused: func(_ net.Addr, err error) { refused <- err },
		Closed:  func(_ net.Addr, err error) { closed <- err },
	}})
	first := dial(t, s, client.Options{})
	dial(t, s, client.Options{})
	if _, err := client.Dial(t.Context(), client.Options{Addr: s.Addr().String()}); err == nil {
		t.Error("a third connection was accepted")
	}
	if err := <-refused; err == nil || !strings.Contains(err.Error(), "2 connections") {
		t.Errorf("refused: %v", err)
	}
	_ = first.Close()
	if err := <-closed; err != nil {
		t.Errorf("a client that left: %v", err)
	}
	dial(t, s, client.Options{})
}

// A client that asks and does not read is cut off; what it may keep waiting is bounded.
func TestSlowReaderIsClosed(t *testing.T) {
	g := newGate()
	large := oneText(strings.Repeat("x", 64<<20)) // more than the sockets between hold
	g.execute = func(*database.Statement, database.Request) (*database.Result, error) {
		g.entered <- ""
		<-g.release
		return large, nil
	}
	closed := make(chan error, 1)
	s := start(t, Options{Database: g, Limits: Limits{UnreadBytesMax: 1 << 20}, Events: Events{Closed: func(_ net.Addr, err error) { closed <- err }}})
	r := dialRaw(t, s)
	r.ready()
	for stream := range int16(2) {
		r.ask(4, stream, &wire.Query{Text: []byte("q")})
		<-g.entered
	}
	close(g.release)
	if err := <-closed; err == nil || !strings.Contains(err.Error(), "unread") {
		t.Errorf("closed because of %v", err)
	}
}

// An answer longer than the limit is sent to a client that reads.
func TestLongAnswer(t *testing.T) {
	text := strings.Repeat("x", 8<<20)
	db := &stub{execute: func(*database.Statement, database.Request) (*database.Result, error) { return oneText(text), nil }}
	c := dial(t, start(t, Options{Database: db, Limits: Limits{UnreadBytesMax: 1 << 20}}), client.Options{})
	for range 3 {
		a, err := send(t, c, "q").Wait(t.Context())
		if got := textOf(t, a, err); got != text {
			t.Errorf("got %d bytes", len(got))
		}
	}
}

func TestShutdownAnswersWhatWasRead(t *testing.T) {
	g := newGate()
	s, err := Listen(Options{Database: g, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	var join sync.WaitGroup
	join.Go(func() {
		if err := s.Serve(); err != nil {
			t.Error(err)
		}
	})
	c := dial(t, s, client.Options{})
	call := send(t, c, "q")
	<-g.entered
	join.Go(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	<-s.closed
	close(g.release)
	a, err := call.Wait(t.Context())
	if got := textOf(t, a, err); got != "q" {
		t.Errorf("got %q", got)
	}
	<-c.Down()
	join.Wait()
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("the server still accepts")
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("second shutdown: %v", err)
	}
}

// A client that never leaves does not hold up a shutdown whose time is over, but a running request does.
func TestShutdownWhoseTimeIsOver(t *testing.T) {
	g := newGate()
	s, err := Listen(Options{Database: g, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	var join sync.WaitGroup
	join.Go(func() { _ = s.Serve() })
	c := dial(t, s, client.Options{})
	call := send(t, c, "q")
	<-g.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	over := make(chan error)
	go func() { over <- s.Shutdown(ctx) }()
	if _, err := call.Wait(t.Context()); !errors.Is(err, client.ErrLost) {
		t.Errorf("call ended with %v", err)
	}
	select {
	case <-over:
		t.Error("shutdown returned while a request runs")
	default:
	}
	close(g.release)
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	join.Wait()
}

// A write that a client leaves untaken until its deadline ends the connection.
func TestStalledWriteIsGivenUp(t *testing.T) {
	closed := make(chan error, 1)
	large := oneText(strings.Repeat("x", 64<<20)) // more than the sockets between hold
	db := &stub{execute: func(*database.Statement, database.Request) (*database.Result, error) { return large, nil }}
	s := start(t, Options{Database: db, Door: Door{StartupMax: 100 * year}, Clock: clock.NewManual(time.Unix(1, 0)), // every other deadline has passed
		Events: Events{Closed: func(_ net.Addr, err error) { closed <- err }}})
	r := dialRaw(t, s)
	r.ready()
	r.ask(4, 1, &wire.Query{Text: []byte("q")})
	if err := <-closed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("closed because of %v", err)
	}
}

// A body that no memory is left for is skipped before it is stored: the connection goes on.
func TestBodyBeyondTheMemoryIsSkipped(t *testing.T) {
	account := memory.NewAccount("test", 100_000)
	db := &stub{execute: func(*database.Statement, database.Request) (*database.Result, error) { return oneText("v"), nil }}
	s := start(t, Options{Database: db, Memory: account})
	r := dialRaw(t, s)
	r.ready()
	r.ask(4, 1, &wire.Query{Text: []byte(strings.Repeat("x", 200_000)), Params: wire.QueryParams{Consistency: wire.One}})
	r.expectError(1, wire.CodeOverloaded, "overloaded: test would take more than 100000 bytes of memory with 65536 more; try again, or ask for less at a time")
	if account.Peak() > 100_000 {
		t.Errorf("%d bytes were reserved", account.Peak())
	}
	r.ask(4, 2, &wire.Query{Text: []byte("q"), Params: wire.QueryParams{Consistency: wire.One}})
	if _, m := r.answer(); m.Opcode() != wire.OpResult {
		t.Errorf("after the one that was skipped: %+v", m)
	}
}

// Answers that a client does not read are counted, and given back once it reads them.
func TestUnreadAnswersAreCounted(t *testing.T) {
	account := memory.NewAccount("test", 1<<20)
	const big = 64 << 20 // more than the sockets between hold
	large := oneText(strings.Repeat("y", big))
	db := &stub{execute: func(*database.Statement, database.Request) (*database.Result, error) { return large, nil }}
	s := start(t, Options{Database: db, Memory: account})
	r := dialRaw(t, s)
	r.frames.BodyBytesMax = 2 * big
	r.ready()
	r.ask(4, 1, &wire.Query{Text: []byte("q"), Params: wire.QueryParams{Consistency: wire.One}})
	for account.Used() < big/2 {
		runtime.Gosched()
	}
	r.ask(4, 2, &wire.Query{Text: []byte("q"), Params: wire.QueryParams{Consistency: wire.One}})
	if h, m := r.answer(); h.Stream != 1 || m.Opcode() != wire.OpResult {
		t.Errorf("%s: %+v", h, m)
	}
	r.answer() // refused, or not if the first was taken before the second was read
	if err := s.Shutdown(t.Context()); err != nil || account.Used() != 0 {
		t.Errorf("%v, %d bytes are left", err, account.Used())
	}
}
