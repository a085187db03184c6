package server

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/server/wire"
)

// unread is how many bytes of answers wait for the clients of a server.
func unread(s *Server) (n int) {
	s.each(func(c *conn) {
		c.answers.mu.Lock()
		defer c.answers.mu.Unlock()
		n += c.answers.unread
	})
	return n
}

// TestStrangersThatDoNotReadArePaused: whoever asks for nothing but OPTIONS, or breaks the protocol in every frame, and reads no answer
// is not read any further, and takes little memory.
func TestStrangersThatDoNotReadArePaused(t *testing.T) {
	frame := func(h wire.Header, m wire.Request) []byte {
		b, err := wire.AppendRequest(nil, h, m, wire.CompressionNone)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	unknown := frame(wire.Header{Version: 4}, &wire.Options{})
	unknown[4] = 0x7f // no such opcode
	for name, one := range map[string][]byte{"OPTIONS": frame(wire.Header{Version: 4}, &wire.Options{}), "no request": unknown} {
		account := memory.NewAccount("requests and answers", 8<<20)
		s := start(t, Options{Database: echo(), Memory: account})
		r := dialRaw(t, s)
		many := bytes.Repeat(one, 1_000_000) // their answers are far more than sockets take
		if err := r.socket.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := r.socket.Write(many); err == nil {
			t.Errorf("%s: all %d bytes were read", name, n)
		}
		if n := unread(s); n > 2*pauseBytesUnready {
			t.Errorf("%s: %d bytes of answers wait", name, n)
		}
		s.each(func(c *conn) { c.fail(errShutdown) })
	}
}

// TestLargeAnswersAreNotHeld: the rows that a write with IF tells of are reserved until its answer is due.
func TestLargeAnswersAreNotHeld(t *testing.T) {
	const rows = 1 << 20
	account := memory.NewAccount("requests and answers", 8<<20)
	gate := make(chan struct{})
	large := oneText(strings.Repeat("x", rows))
	begun := make(chan struct{}, 1000)
	db := &stub{
		execute: func(_ *database.Statement, req database.Request) (*database.Result, error) {
			if err := req.Memory.Grow(rows); err != nil {
				return nil, err
			}
			begun <- struct{}{}
			return large, nil
		},
		await: func(database.Ticket) error { <-gate; return nil },
	}
	s := start(t, Options{Database: db, Memory: account})
	r := dialRaw(t, s)
	r.ready()
	const requests = 40
	for stream := range int16(requests) {
		r.ask(4, stream, &wire.Query{Text: []byte("write")})
	}
	for range 7 { // as many as there is memory for
		<-begun
	}
	if used := account.Used(); used < 7*rows {
		t.Errorf("%d bytes are reserved for 7 answers of %d that wait", used, rows)
	}
	refused := 0
	go close(gate)
	for range requests {
		if _, m := r.answer(); m.Opcode() == wire.OpError {
			refused++
		}
	}
	if refused == requests {
		t.Error("every request was refused")
	}
}
