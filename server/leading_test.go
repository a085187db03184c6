package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/server/wire"
)

// However often leaders change, and whatever other connections read meanwhile, each request is carried out once and
// gets its own answer. Texts of all lengths make bodies lie in the middle of what was read, and beyond it.
func TestRequestsSurviveTheirLeaders(t *testing.T) {
	s := start(t, Options{Database: echo()})
	s.processors = 8 // so that reads are passed on though they take no time
	var join sync.WaitGroup
	for connection := range 6 {
		c := dial(t, s, client.Options{InFlight: 100})
		join.Go(func() {
			for round := range 20 {
				calls := make([]*client.Call, 100)
				want := make([]string, len(calls))
				for i := range calls {
					kind := []string{"read", "long", "other"}[(i+round)%3]
					want[i] = fmt.Sprintf("%s %d %d %d %s", kind, connection, round, i, strings.Repeat("x", i*i*(round%3)))
					call, err := c.Send(t.Context(), &wire.Query{Text: []byte(want[i])})
					if err != nil {
						t.Error(err)
						return
					}
					calls[i] = call
				}
				for i, call := range calls {
					a, err := call.Wait(t.Context())
					if got := textOf(t, a, err); got != want[i] {
						t.Errorf("connection %d, round %d: request %d of %d bytes was answered by %d bytes: %.60q", connection, round, i, len(want[i]), len(got), got)
						return
					}
				}
			}
		})
	}
	join.Wait()
}

// A heartbeat is answered while a statement runs, whatever kind it is of, and so are other statements.
func TestHeartbeatsPassLongStatements(t *testing.T) {
	for _, text := range []string{"other", "read", "long"} {
		t.Run(text, func(t *testing.T) {
			g := newGate()
			r := dialRaw(t, start(t, Options{Database: g}))
			r.ready()
			r.ask(4, 1, &wire.Query{Text: []byte(text)})
			<-g.entered
			r.ask(4, 2, &wire.Options{})
			if h, m := r.answer(); h.Stream != 2 || m.Opcode() != wire.OpSupported {
				t.Errorf("%s: %+v", h, m)
			}
			r.ask(4, 3, &wire.Query{Text: []byte("other")})
			<-g.entered
			close(g.release)
			streams := map[int16]bool{}
			for range 2 {
				h, _ := r.answer()
				streams[h.Stream] = true
			}
			if !streams[1] || !streams[3] {
				t.Errorf("answers on streams %v", streams)
			}
		})
	}
}

// Statements that take long run side by side up to their limit, and hold up nobody else.
func TestLongStatementsAtTheLimitAndOnePast(t *testing.T) {
	g := newGate()
	s := start(t, Options{Database: g, Limits: Limits{LongMax: 2}})
	c := dial(t, s, client.Options{})
	var calls []*client.Call
	for range 3 {
		calls = append(calls, send(t, c, "long"))
	}
	for range 2 {
		<-g.entered
	}
	other := send(t, c, "other")
	if text := <-g.entered; text != "other" {
		t.Errorf("%s runs, though it is the third", text)
	}
	if n := s.long.used.Load(); n != 2 {
		t.Errorf("%d long statements run", n)
	}
	close(g.release)
	for _, call := range append(calls, other) {
		a, err := call.Wait(t.Context())
		textOf(t, a, err)
	}
}

// What a long statement answers goes nowhere once its client has left; waiting for a place to run ends then.
func TestLongStatementsOfAClientThatLeft(t *testing.T) {
	g := newGate()
	s := start(t, Options{Database: g, Limits: Limits{LongMax: 1}})
	busy := dial(t, s, client.Options{})
	running := send(t, busy, "long")
	<-g.entered
	r := dialRaw(t, s)
	r.ready()
	r.ask(4, 1, &wire.Query{Text: []byte("long")})
	r.ask(4, 2, &wire.Options{})
	r.answer() // so the other one was read
	s.each(func(c *conn) {
		if c.socket.RemoteAddr().String() == r.socket.LocalAddr().String() {
			c.fail(errShutdown)
		}
	})
	r.expectLost()
	close(g.release)
	a, err := running.Wait(t.Context())
	textOf(t, a, err)
	select {
	case text := <-g.entered:
		t.Errorf("%s ran though its client had left", text)
	default:
	}
}
