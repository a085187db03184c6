package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eskerdb/esker/server/wire"
)

func TestAnswersFindTheirCalls(t *testing.T) {
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		type asked struct {
			stream int16
			text   string
		}
		var all []asked
		for range 3 {
			m := expect[*wire.Query](s)
			all = append(all, asked{s.stream, string(m.Text)})
		}
		slices.Reverse(all)
		for _, a := range all {
			s.answerOn(a.stream, wire.Answer{Message: oneCell(a.text)})
		}
	})
	texts := []string{"first", "second", "third"}
	var calls []*Call
	for _, text := range texts {
		call, err := c.Send(t.Context(), &wire.Query{Text: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
	for i, call := range calls {
		a, err := call.Wait(t.Context())
		if got := cellOf(t, a, err); got != texts[i] {
			t.Errorf("call %d got the answer to %s", i, got)
		}
	}
}

// More callers than streams: each must wait for its turn and get its own answer.
func TestManyCallers(t *testing.T) {
	for _, compression := range []wire.Compression{wire.CompressionNone, wire.CompressionLZ4, wire.CompressionSnappy} {
		c := mustDial(t, Options{InFlight: 4, Compression: compression}, func(s *stub) {
			s.ready()
			for m := s.request(); m != nil; m = s.request() {
				s.say(oneCell(string(m.(*wire.Query).Text)))
			}
		})
		var callers sync.WaitGroup
		for i := range 16 {
			callers.Go(func() {
				text := strings.Repeat(string(rune('a'+i)), 1000)
				for range 30 {
					r, err := c.Query(t.Context(), text)
					if err != nil {
						t.Error(err)
						return
					}
					row, err := r.Next(t.Context())
					if err != nil || len(row) != 1 || string(row[0]) != text {
						t.Errorf("caller %d: got %q, %v", i, row, err)
						return
					}
				}
			})
		}
		callers.Wait()
	}
}

func TestLostConnectionEndsEveryCall(t *testing.T) {
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		for range 3 {
			expect[*wire.Query](s)
		}
	})
	var calls []*Call
	for range 3 {
		call, err := c.Send(t.Context(), &wire.Query{Text: []byte("q")})
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
	for _, call := range calls {
		if _, err := call.Wait(t.Context()); !errors.Is(err, ErrLost) {
			t.Errorf("call ended with %v", err)
		}
	}
	<-c.Down()
	if _, err := c.Query(t.Context(), "q"); !errors.Is(err, ErrLost) {
		t.Errorf("later call ended with %v", err)
	}
}

func TestCloseEndsEveryCall(t *testing.T) {
	arrived := make(chan struct{})
	c := mustDial(t, Options{InFlight: 1}, func(s *stub) {
		s.ready()
		expect[*wire.Query](s)
		close(arrived)
		if m := s.request(); m != nil {
			t.Errorf("stub: %T after Close", m)
		}
	})
	call, err := c.Send(t.Context(), &wire.Query{Text: []byte("q")})
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error)
	go func() { // there is no free stream for it
		_, err := c.Query(t.Context(), "q")
		waiting <- err
	}()
	<-arrived
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := call.Wait(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("call on its way ended with %v", err)
	}
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("call that waits for a stream ended with %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// A caller who gives up leaves his stream taken until the answer comes: else the next caller would get it.
func TestCallerGivesUp(t *testing.T) {
	goOn := make(chan struct{})
	c := mustDial(t, Options{InFlight: 1}, func(s *stub) {
		s.ready()
		expect[*wire.Query](s)
		<-goOn
		s.say(oneCell("late"))
		expect[*wire.Query](s)
		s.say(oneCell("right"))
	})
	ctx, cancel := context.WithCancel(t.Context())
	call, err := c.Send(ctx, &wire.Query{Text: []byte("q")})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := call.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v", err)
	}
	if _, err := c.Query(ctx, "q"); !errors.Is(err, context.Canceled) {
		t.Errorf("query after its context ended: %v", err)
	}
	bounded, cancelBounded := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := c.Query(bounded, "q")
		waiting <- err
	}()
	cancelBounded()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("query that waits for a stream: %v", err)
	}
	close(goOn)
	r, err := c.Query(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	if row, err := r.Next(t.Context()); err != nil || string(row[0]) != "right" {
		t.Errorf("got %q, %v", row, err)
	}
}

func TestLogin(t *testing.T) {
	ask := func(verdict wire.Response) func(*stub) {
		return func(s *stub) {
			expect[*wire.Startup](s)
			s.say(&wire.Authenticate{Class: wire.PasswordAuthenticator})
			m, ok := s.request().(*wire.AuthResponse)
			if !ok {
				return // a client without a name does not answer
			}
			if user, password, err := wire.DecodePlain(m.Token); user != "ann" || password != "secret" || err != nil {
				t.Errorf("token %q", m.Token)
			}
			s.say(verdict)
		}
	}
	ann := Options{Username: "ann", Password: "secret"}
	if _, err := dialStub(t, ann, ask(&wire.AuthSuccess{})); err != nil {
		t.Errorf("good login: %v", err)
	}
	_, err := dialStub(t, ann, ask(&wire.Error{Code: wire.CodeBadCredentials, Message: "no"}))
	var refused *Error
	if !errors.As(err, &refused) || refused.Code != wire.CodeBadCredentials || refused.Error() != "bad credentials: no" {
		t.Errorf("bad login: %v", err)
	}
	if _, err := dialStub(t, ann, ask(&wire.AuthChallenge{Token: []byte("?")})); err == nil {
		t.Error("a challenge cannot be met")
	}
	if _, err := dialStub(t, Options{}, ask(&wire.AuthSuccess{})); err == nil {
		t.Error("login without a name succeeded")
	}
}

func TestKeyspaceFollowsUse(t *testing.T) {
	var texts []string
	c := mustDial(t, Options{Keyspace: `My"Ks`}, func(s *stub) {
		s.ready()
		for _, name := range []string{`My"Ks`, "other"} {
			texts = append(texts, string(expect[*wire.Query](s).Text))
			s.say(&wire.SetKeyspace{Keyspace: name})
		}
		expect[*wire.Query](s)
		s.say(&wire.Error{Code: wire.CodeInvalid, Message: "no such keyspace"})
	})
	if c.Keyspace() != `My"Ks` || texts[0] != `USE "My""Ks"` {
		t.Errorf("keyspace %s after %s", c.Keyspace(), texts[0])
	}
	if r, err := c.Query(t.Context(), "USE other"); err != nil || r.Keyspace != "other" || r.HasRows() {
		t.Errorf("USE: %+v, %v", r, err)
	}
	var refused *Error
	if _, err := c.Query(t.Context(), "USE absent"); !errors.As(err, &refused) || refused.Code != wire.CodeInvalid {
		t.Errorf("USE of an absent keyspace: %v", err)
	}
	if c.Keyspace() != "other" {
		t.Errorf("keyspace %s at the end", c.Keyspace())
	}
}

func TestRefusedStartup(t *testing.T) {
	_, err := dialStub(t, Options{ProtocolVersion: 5}, func(s *stub) {
		expect[*wire.Startup](s)
		s.say(wire.UnsupportedVersion(66).Response())
	})
	var refused *Error
	if !errors.As(err, &refused) || refused.Code != wire.CodeProtocol {
		t.Errorf("got %v", err)
	}
	if _, err := dialStub(t, Options{}, func(s *stub) {
		expect[*wire.Startup](s)
		s.say(&wire.Void{})
	}); err == nil {
		t.Error("a RESULT does not answer STARTUP")
	}
	if _, err := dialStub(t, Options{}, func(*stub) {}); !errors.Is(err, ErrLost) {
		t.Errorf("silent server: %v", err)
	}
}

// A client without a version of its own goes down from the highest, until the server agrees.
func TestVersionsGoDown(t *testing.T) {
	for greatest := wire.VersionMin; greatest <= wire.VersionMax; greatest++ {
		for _, compression := range []wire.Compression{wire.CompressionNone, wire.CompressionLZ4, wire.CompressionSnappy} {
			var over sync.WaitGroup
			var asked []byte
			text := strings.Repeat("long enough to be compressed ", 100)
			c, err := Dial(t.Context(), Options{Addr: "stub", Compression: compression, DialContext: func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				s := &stub{t: t, socket: far, source: bufio.NewReader(far), answers: compression}
				s.frames = wire.NewRequestReader(s.source)
				s.frames.Compression = compression
				over.Go(func() {
					defer func() { _ = far.Close() }()
					expect[*wire.Startup](s)
					asked = append(asked, s.version)
					if s.version > greatest {
						s.say(wire.UnsupportedVersion(s.version).Response())
						return
					}
					s.say(&wire.Ready{})
					if m := expect[*wire.Query](s); m == nil || string(m.Text) != text {
						t.Errorf("query %+v", m)
					}
					s.say(oneCell(text))
				})
				return near, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			first := wire.VersionMax
			if compression == wire.CompressionSnappy {
				first = 4
			}
			want := []byte{min(first, greatest)}
			for v := min(first, greatest) + 1; v <= first; v++ {
				want = append([]byte{v}, want...)
			}
			if !bytes.Equal(asked, want) || c.ProtocolVersion() != want[len(want)-1] {
				t.Errorf("greatest %d: asked for %v, want %v", greatest, asked, want)
			}
			r, err := c.Query(t.Context(), text)
			if err != nil {
				t.Fatal(err)
			}
			if row, err := r.Next(t.Context()); err != nil || string(row[0]) != text {
				t.Errorf("answer %q, %v", row, err)
			}
			_ = c.Close()
			over.Wait()
		}
	}
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	near, far := net.Pipe()
	over := make(chan struct{})
	go func() {
		defer close(over)
		one := make([]byte, 1)
		_, _ = far.Read(one) // something has come: the client now waits for an answer
		cancel()
	}()
	_, err := Dial(ctx, Options{Addr: "stub", DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-over
	_ = far.Close()
}

func TestAnswerThatNobodyAskedFor(t *testing.T) {
	for name, stream := range map[string]int16{"free stream": 5, "no such stream": 1000, "negative stream": -7} {
		c := mustDial(t, Options{}, func(s *stub) {
			s.ready()
			expect[*wire.Query](s)
			s.answerOn(stream, wire.Answer{Message: &wire.Void{}})
		})
		if _, err := c.Query(t.Context(), "q"); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "nothing was asked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBrokenAnswerEndsItsCallAlone(t *testing.T) {
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		expect[*wire.Query](s)
		raw := wire.AppendHeader(nil, wire.Header{Version: s.version, Response: true, Stream: s.stream, Opcode: wire.OpResult, Length: 4})
		s.write(append(raw, 0, 0, 0, 99))
		expect[*wire.Query](s)
		s.say(&wire.Void{})
	})
	var broken *wire.ProtocolError
	if _, err := c.Query(t.Context(), "q"); !errors.As(err, &broken) {
		t.Errorf("broken answer: %v", err)
	}
	if _, err := c.Query(t.Context(), "q"); err != nil {
		t.Errorf("call after it: %v", err)
	}
}

func TestRequestThatCannotBeSentKeepsItsStream(t *testing.T) {
	c := mustDial(t, Options{InFlight: 1, ProtocolVersion: 3}, func(s *stub) {
		s.ready()
		expect[*wire.Query](s)
		s.say(&wire.Void{})
	})
	if _, err := c.Query(t.Context(), "q", wire.Unset); err == nil {
		t.Error("version 3 has no unset values")
	}
	if _, err := c.Query(t.Context(), "q", wire.Null); err != nil {
		t.Errorf("next call: %v", err)
	}
}

func TestEvents(t *testing.T) {
	events := make(chan *wire.Event, 1)
	mustDial(t, Options{Events: func(e *wire.Event) { events <- e }}, func(s *stub) {
		s.ready()
		if m := expect[*wire.Register](s); len(m.Events) != 3 {
			t.Errorf("registered for %v", m.Events)
		}
		s.say(&wire.Ready{})
		s.answerOn(wire.EventStream, wire.Answer{Message: &wire.Event{Type: wire.SchemaChanged,
			Schema: wire.SchemaChange{Change: wire.ChangeCreated, Target: wire.TargetTable, Keyspace: "ks", Name: "t"}}})
	})
	if e := <-events; e.Type != wire.SchemaChanged || e.Schema.Name != "t" {
		t.Errorf("event %+v", e)
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"stub"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	serve := func(s *stub) {
		s.socket = tls.Server(s.socket, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
		s.source = bufio.NewReader(s.socket)
		s.frames = wire.NewRequestReader(s.source)
		if f, err := s.frames.Next(nil); err == nil { // a client that does not trust ends the handshake
			s.stream, s.version = f.Header.Stream, f.Header.Version
			s.say(&wire.Ready{})
		}
	}
	if _, err := dialStub(t, Options{TLS: &tls.Config{RootCAs: roots}}, serve); err != nil {
		t.Errorf("trusted server: %v", err)
	}
	if _, err := dialStub(t, Options{TLS: &tls.Config{RootCAs: x509.NewCertPool()}}, serve); err == nil {
		t.Error("a server without a trusted certificate was accepted")
	}
}
