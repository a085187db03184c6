package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/eskerdb/esker/server/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stub is the server's end of one connection, as a script.
type stub struct {
	t       *testing.T
	socket  net.Conn
	frames  *wire.FrameReader
	decoder wire.RequestDecoder
	version byte
	stream  int16 // of the last request
	flags   byte  // of the last request
	answers wire.Compression
	source  *bufio.Reader
	framed  bool // answers go in segments
}

// request reads the next request; nil at the end of the connection.
func (s *stub) request() wire.Request {
	f, err := s.frames.Next(nil)
	if err != nil {
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			s.t.Errorf("stub: %v", err)
		}
		return nil
	}
	s.stream, s.version, s.flags = f.Header.Stream, f.Header.Version, f.Header.Flags
	m, err := s.decoder.Decode(f)
	if err != nil {
		s.t.Errorf("stub: %v", err)
	}
	return m
}

// answer sends a to the last request.
func (s *stub) answer(a wire.Answer) { s.answerOn(s.stream, a) }

func (s *stub) say(m wire.Response) { s.answer(wire.Answer{Message: m}) }

func (s *stub) answerOn(stream int16, a wire.Answer) {
	raw, err := wire.AppendAnswer(nil, wire.Header{Version: s.version, Stream: stream}, a, s.answers)
	if err != nil {
		s.t.Errorf("stub: %v", err)
	}
	s.write(raw)
	if s.version >= 5 && !s.framed && a.Message.Opcode() != wire.OpError {
		s.framed = true
		s.frames = wire.NewRequestReader(bufio.NewReader(wire.NewSegmentReader(s.source, s.answers)))
	}
}

// write sends frames.
func (s *stub) write(frames []byte) {
	if s.framed {
		segmenter := wire.Segmenter{Compression: s.answers}
		wrapped, carried, err := segmenter.Append(nil, frames, len(frames)+1)
		if err != nil || carried != len(frames) {
			s.t.Errorf("stub: %d bytes of %d: %v", carried, len(frames), err)
		}
		frames = wrapped
	}
	_, _ = s.socket.Write(frames) // the client may have left
}

// expect reads a request of type M.
func expect[M wire.Request](s *stub) M {
	m := s.request()
	wanted, ok := m.(M)
	if !ok {
		s.t.Errorf("stub: got %T instead of %T", m, wanted)
	}
	return wanted
}

func (s *stub) ready() {
	m, ok := s.request().(*wire.Startup)
	if !ok || m.Options["CQL_VERSION"] == "" {
		s.t.Errorf("stub: STARTUP %+v", m)
	}
	s.say(&wire.Ready{})
}

// dialStub dials a stub that runs script; both ends are joined when the test ends.
func dialStub(t *testing.T, o Options, script func(*stub)) (*Conn, error) {
	t.Helper()
	near, far := net.Pipe()
	o.Addr = "stub:9042"
	o.DialContext = func(context.Context, string, string) (net.Conn, error) { return near, nil }
	s := &stub{t: t, socket: far, source: bufio.NewReader(far), answers: o.Compression}
	s.frames = wire.NewRequestReader(s.source)
	s.frames.Compression = o.Compression
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer func() { _ = far.Close() }()
		script(s)
	}()
	c, err := Dial(t.Context(), o)
	t.Cleanup(func() {
		if c != nil {
			_ = c.Close()
		}
		<-over
	})
	return c, err
}

func mustDial(t *testing.T, o Options, script func(*stub)) *Conn {
	t.Helper()
	c, err := dialStub(t, o, script)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// oneCell is a row of one text.
func oneCell(texts ...string) *wire.Rows {
	rows := &wire.Rows{Metadata: wire.Metadata{Columns: []wire.Column{{Keyspace: "ks", Table: "t", Name: "c", Type: wire.Type{ID: wire.TypeVarchar}}}}}
	for _, text := range texts {
		rows.Content = wire.AppendBytes(rows.Content, []byte(text))
		rows.RowCount++
	}
	return rows
}

func cellOf(t *testing.T, a wire.Answer, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	rows, ok := a.Message.(*wire.Rows)
	if !ok {
		t.Fatalf("answer is %T", a.Message)
	}
	row, err := wire.NewRowReader(rows.Content, rows.RowCount, rows.Metadata.Count).Next()
	if err != nil || len(row) != 1 {
		t.Fatalf("row %q, %v", row, err)
	}
	return string(row[0])
}
