package server

import (
	"bufio"
	"context"
	"crypto/md5"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/database/tracing"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stub is a database that does what a test says.
type stub struct {
	execute func(st *database.Statement, req database.Request) (*database.Result, error)
	batch   func(entries []database.BatchEntry, req database.Request) (*database.Result, error)
	parse   func(keyspace, text string) error
	await   func(database.Ticket) error // with it, texts that begin with "write" get tickets
	begun   atomic.Uint64

	mu        sync.Mutex
	kept      map[string]*database.Statement // guarded by mu
	listeners []func(database.Change)        // guarded by mu
}

func (s *stub) Parse(keyspace, text string) (*database.Statement, error) {
	if s.parse != nil {
		if err := s.parse(keyspace, text); err != nil {
			return nil, err
		}
	}
	plan := &planner.Prepared{
		Markers:             []planner.ColumnSpec{{Keyspace: "ks", Table: "t", Name: "k", Type: types.Int}},
		PartitionKeyIndexes: []uint16{0},
		Result:              []planner.ColumnSpec{{Keyspace: "ks", Table: "t", Name: "v", Type: types.Text}},
	}
	kind := database.KindOther
	switch {
	case strings.HasPrefix(text, "read"):
		kind = database.KindRead
	case strings.HasPrefix(text, "long"):
		kind = database.KindLong
	}
	return &database.Statement{ID: md5.Sum([]byte(keyspace + text)), Text: text, Keyspace: keyspace, Plan: plan, Kind: kind,
		ResultID: database.ResultID(plan.Result)}, nil
}

func (s *stub) Prepare(keyspace, text string) (*database.Statement, error) {
	st, err := s.Parse(keyspace, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[string]*database.Statement{}
	}
	s.kept[string(st.ID[:])] = st
	return st, nil
}

func (s *stub) Prepared(id []byte) *database.Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[string(id)]
}

func (s *stub) Begin(st *database.Statement, req database.Request) (*database.Result, database.Ticket, error) {
	r, err := s.execute(st, req)
	if s.await == nil || err != nil || !strings.HasPrefix(st.Text, "write") {
		return r, database.Ticket{}, err
	}
	return r, database.TicketOf(s.begun.Add(1)), nil
}

func (s *stub) BeginBatch(entries []database.BatchEntry, req database.Request) (*database.Result, database.Ticket, error) {
	r, err := s.batch(entries, req)
	return r, database.Ticket{}, err
}

func (s *stub) Trace(tracing.Start) *tracing.Trace { return nil }

func (s *stub) Await(t database.Ticket) error {
	if s.await == nil {
		return nil
	}
	return s.await(t)
}

func (s *stub) Listen(f func(database.Change)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, f)
	return func() {}
}

func (s *stub) changed(c database.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.listeners {
		f(c)
	}
}

// echo answers each statement with its own text.
func echo() *stub {
	return &stub{execute: func(st *database.Statement, _ database.Request) (*database.Result, error) {
		return oneText(st.Text), nil
	}}
}

var void = &database.Result{Kind: database.ResultVoid}

func oneText(text string) *database.Result {
	return &database.Result{Kind: database.ResultRows, Rows: &exec.Result{
		Columns:  []planner.ColumnSpec{{Keyspace: "ks", Table: "t", Name: "v", Type: types.Text}},
		Rows:     wire.AppendBytes(nil, []byte(text)),
		RowCount: 1,
	}}
}

// start runs a server until the test ends; it then must drain by itself.
func start(t testing.TB, o Options) *Server {
	t.Helper()
	o.Addr = "127.0.0.1:0"
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

func dial(t *testing.T, s *Server, o client.Options) *client.Conn {
	t.Helper()
	o.Addr = s.Addr().String()
	c, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// textOf is the one cell of an answer.
func textOf(t *testing.T, a wire.Answer, err error) string {
	t.Helper()
	if err != nil {
		t.Error(err)
		return ""
	}
	rows, ok := a.Message.(*wire.Rows)
	if !ok {
		t.Errorf("answer is %T", a.Message)
		return ""
	}
	row, err := wire.NewRowReader(rows.Content, rows.RowCount, rows.Metadata.Count).Next()
	if err != nil || len(row) != 1 {
		t.Errorf("row %q, %v", row, err)
		return ""
	}
	return string(row[0])
}

// raw is a client that says what it likes.
type raw struct {
	t      testing.TB
	socket net.Conn
	frames *wire.FrameReader
}

func dialRaw(t testing.TB, s *Server) *raw {
	t.Helper()
	socket, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &raw{t: t, socket: socket, frames: wire.NewResponseReader(bufio.NewReader(socket))}
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	if _, err := r.socket.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) ask(version byte, stream int16, m wire.Request) {
	r.t.Helper()
	b, err := wire.AppendRequest(nil, wire.Header{Version: version, Stream: stream}, m, wire.CompressionNone)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(b)
}

func (r *raw) answer() (wire.Header, wire.Response) {
	r.t.Helper()
	f, err := r.frames.Next(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := wire.DecodeAnswer(f)
	if err != nil {
		r.t.Fatal(err)
	}
	return f.Header, a.Message
}

func (r *raw) expectError(stream int16, code wire.ErrorCode, message string) {
	r.t.Helper()
	h, m := r.answer()
	e, ok := m.(*wire.Error)
	if !ok || h.Stream != stream || e.Code != code || message != "" && e.Message != message {
		r.t.Errorf("%s: %+v instead of %s on stream %d: %s", h, m, code, stream, message)
	}
}

func (r *raw) ready() {
	r.t.Helper()
	r.ask(4, 1, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}})
	if _, m := r.answer(); m.Opcode() != wire.OpReady {
		r.t.Fatalf("STARTUP was answered by %+v", m)
	}
}

func (r *raw) expectEnd() {
	r.t.Helper()
	if f, err := r.frames.Next(nil); !errors.Is(err, io.EOF) {
		r.t.Errorf("got %+v, %v instead of the connection's end", f.Header, err)
	}
}

// expectLost waits for the end of the connection, whatever comes before.
func (r *raw) expectLost() {
	r.t.Helper()
	for {
		if _, err := r.frames.Next(nil); err != nil {
			return
		}
	}
}
