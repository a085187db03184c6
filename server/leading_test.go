package server

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/server/wire"
)

// hidden makes sockets look like any other connection, which can only be read and written the plain way, as TLS.
type hidden struct{ net.Listener }

func (h hidden) Accept() (net.Conn, error) {
	socket, err := h.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{socket}, nil
}

// However often leaders change, and whatever other connections read meanwhile, each request is carried out once and
// gets its own answer. Texts of all lengths make bodies lie in the middle of what was read, and beyond it.
func TestRequestsSurviveTheirLeaders(t *testing.T) {
	for name, plain := range map[string]bool{"lean": false, "plain": true} {
		for _, o := range []client.Options{
			{ProtocolVersion: 4}, {ProtocolVersion: 5}, {ProtocolVersion: 4, Compression: wire.CompressionSnappy}, {ProtocolVersion: 5, Compression: wire.CompressionLZ4},
		} {
			t.Run(fmt.Sprintf("%s v%d %s", name, o.ProtocolVersion, o.Compression), func(t *testing.T) {
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				if plain {
					listener = hidden{listener}
				}
				s := start(t, Options{Database: echo(), Listener: listener})
				s.processors = 8 // so that reads are passed on though they take no time
				var join sync.WaitGroup
				for connection := range 4 {
					o.InFlight = 100
					c := dial(t, s, o)
					join.Go(func() { askInTurn(t, c, connection) })
				}
				join.Wait()
			})
		}
	}
}

// askInTurn sends requests of all kinds and lengths, a hundred at a time, and compares their answers.
func askInTurn(t *testing.T, c *client.Conn, connection int) {
	for round := range 6 {
		calls, want := make([]*client.Call, 100), make([]string, 100)
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

// stream is many EXECUTEs as bytes, and memory for their answers, so that whoever sends them takes no memory.
type stream struct {
	*raw
	requests, answers []byte
}

const streamRequests = 100

// newStream makes requests of a statement with a text; they are answered without content.
func newStream(t testing.TB, text string) *stream {
	db := &stub{
		execute: func(*database.Statement, database.Request) (*database.Result, error) { return void, nil },
		await:   func(database.Ticket) error { return nil },
	}
	r := dialRaw(t, start(t, Options{Database: db}))
	r.ready()
	st, err := db.Prepare("", text)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{raw: r, answers: make([]byte, streamRequests*len(wire.AppendVoid(nil, wire.Header{})))}
	for stream := range int16(streamRequests) {
		s.requests, err = wire.AppendRequest(s.requests, wire.Header{Version: 4, Stream: stream}, &wire.Execute{ID: st.ID[:], Params: wire.QueryParams{
			Consistency: wire.One, Values: []wire.Value{{Bytes: []byte("value")}, wire.Null},
		}}, wire.CompressionNone)
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// run sends all requests and waits for their answers.
func (s *stream) run() {
	s.write(s.requests)
	if _, err := io.ReadFull(s.socket, s.answers); err != nil {
		s.t.Fatal(err)
	}
}

// A steady stream of EXECUTE allocates nothing in the server, whether writes are durable at once or not.
func TestSteadyRequestsTakeNoMemory(t *testing.T) {
	for name, text := range map[string]string{"durable": "other", "held": "write"} {
		t.Run(name, func(t *testing.T) {
			n := testing.AllocsPerRun(50, newStream(t, text).run)
			if n > streamRequests/2 { // pools lose what they keep now and then, under the race detector on purpose
				t.Errorf("%v allocations for %d requests", n, streamRequests)
			}
			t.Logf("%v allocations for %d requests", n, streamRequests)
		})
	}
}

// BenchmarkExecute is what a request costs beside its statement, sending and receiving on this side included.
func BenchmarkExecute(b *testing.B) {
	for name, text := range map[string]string{"durable": "other", "held": "write"} {
		b.Run(name, func(b *testing.B) {
			s := newStream(b, text)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += streamRequests {
				s.run()
			}
		})
	}
}

// Frames may come in any pieces: what came of one is kept while the rest is waited for.
func TestFramesInPieces(t *testing.T) {
	for _, version := range []byte{4, 5} {
		s := start(t, Options{Database: echo()})
		r := dialRaw(t, s)
		r.ask(version, 1, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}})
		r.answer()
		var raw []byte
		want := []int{0, 1, 20_000, 3, deskBytes + 1000, 0, 70_000}
		for stream, n := range want {
			var err error
			if raw, err = wire.AppendRequest(raw, wire.Header{Version: version, Stream: int16(stream)}, &wire.Query{Text: []byte(strings.Repeat("q", n))}, wire.CompressionNone); err != nil {
				t.Fatal(err)
			}
		}
		if version == 5 {
			var err error
			if raw, _, err = new(wire.Segmenter).Append(nil, raw, len(raw)); err != nil {
				t.Fatal(err)
			}
			r.frames.ReadFrom(wire.NewSegmentReader(r.socket, wire.CompressionNone))
		}
		for at, piece := 0, 1; at < len(raw); piece = piece%4999 + 777 {
			end := min(at+piece, len(raw))
			before := s.Counters().BytesIn
			r.write(raw[at:end])
			for s.Counters().BytesIn < before+uint64(end-at) {
				runtime.Gosched() // so that it is read by itself
			}
			at = end
		}
		for range want {
			h, m := r.answer()
			rows, ok := m.(*wire.Rows)
			if !ok {
				t.Fatalf("version %d: %s: %+v", version, h, m)
			}
			if got := len(rows.Content) - 4; got != want[h.Stream] {
				t.Errorf("version %d, stream %d: %d bytes instead of %d", version, h.Stream, got, want[h.Stream])
			}
		}
	}
}
