package server

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/server/wire"
)

// hostileSeed is ESKER_SEED, or one for today, and printed either way.
func hostileSeed(t *testing.T) *rand.Rand {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("ESKER_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("ESKER_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// harmless answers everything, and fails the test if a request breaks a promise inside the program.
func harmless(t *testing.T) (*stub, Events) {
	db := echo()
	db.batch = func([]database.BatchEntry, database.Request) (*database.Result, error) { return void, nil }
	return db, Events{Panicked: func(_ net.Addr, v any, stack []byte) { t.Errorf("%v\n%s", v, stack) }}
}

// serves fails the test unless a statement is answered on the connection.
func serves(t *testing.T, c *client.Conn) {
	t.Helper()
	a, err := send(t, c, "served").Wait(t.Context())
	if got := textOf(t, a, err); got != "served" {
		t.Errorf("others get %q", got)
	}
}

// empty fails the test unless a server that was shut down has given everything back.
func empty(t *testing.T, s *Server, account *memory.Account) {
	t.Helper()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if account.Used() != 0 || s.visitors.unready != 0 || len(s.visitors.addresses) != 0 {
		t.Errorf("%d bytes are left, %d connections, of %d addresses", account.Used(), s.visitors.unready, len(s.visitors.addresses))
	}
}

// conversation is what a well-behaved client sends, frame by frame.
func conversation(t *testing.T, compression wire.Compression) [][]byte {
	t.Helper()
	values := wire.QueryParams{Consistency: wire.One, Values: []wire.Value{{Bytes: make([]byte, 300)}, wire.Null, wire.Unset}, PageSize: 5, PagingState: []byte("state")}
	var out [][]byte
	for i, m := range []wire.Request{
		&wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0", "COMPRESSION": compression.String()}},
		&wire.Options{},
		&wire.Register{Events: []wire.EventType{wire.SchemaChanged, wire.StatusChange}},
		&wire.Query{Text: []byte("q"), Params: values},
		&wire.Prepare{Text: []byte("q")},
		&wire.Execute{ID: []byte("0123456789abcdef"), Params: values},
		&wire.Batch{Entries: []wire.BatchEntry{{Text: []byte("q")}, {ID: []byte("0123456789abcdef")}, {Text: []byte("q"), Values: values.Values}}},
		&wire.AuthResponse{Token: []byte("\x00ann\x00secret")},
	} {
		if i == 0 && compression == wire.CompressionNone {
			m = &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}}
		}
		b, err := wire.AppendRequest(nil, wire.Header{Version: 4, Stream: int16(i)}, m, compression)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// say sends bytes on a connection of its own and leaves, without ever reading an answer or after reading all.
func say(t *testing.T, s *Server, reads bool, parts ...[]byte) {
	t.Helper()
	socket, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	defer socket.Close()
	for _, b := range parts {
		if _, err := socket.Write(b); err != nil {
			return // the server has ended it, as it may
		}
	}
	if tcp := socket.(*net.TCPConn); reads && tcp.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, tcp)
	}
}

// garbage is a conversation in which something is wrong.
func garbage(rng *rand.Rand, frames [][]byte) [][]byte {
	var out [][]byte
	for _, f := range frames {
		f = append([]byte{}, f...)
		switch rng.IntN(8) {
		case 0: // a bit
			f[rng.IntN(len(f))] ^= 1 << rng.IntN(8)
		case 1: // a length that lies
			binary.BigEndian.PutUint32(f[5:], rng.Uint32()>>rng.IntN(32))
		case 2: // a length within
			if at := wire.HeaderBytes + rng.IntN(len(f)); at+4 <= len(f) {
				binary.BigEndian.PutUint32(f[at:], rng.Uint32()<<rng.IntN(32))
			}
		case 3: // cut
			f = f[:rng.IntN(len(f))]
		case 4: // noise
			for range rng.IntN(200) {
				f = append(f, byte(rng.Uint32()))
			}
		}
		out = append(out, f)
	}
	rng.Shuffle(len(out)-1, func(i, j int) { out[i+1], out[j+1] = out[j+1], out[i+1] })
	return out
}

// Clients that send garbage of every kind, that leave at every byte, and that never read harm nobody: others are served all
// the time, nothing panics, and everything is given back.
func TestHostileFrames(t *testing.T) {
	rng := hostileSeed(t)
	db, events := harmless(t)
	account := memory.NewAccount("test", 64<<20)
	s := start(t, Options{Database: db, Events: events, Memory: account, Limits: Limits{FrameBytesMax: 1 << 20}})
	other := dial(t, s, client.Options{})
	rounds, all := 150, 20_000
	if os.Getenv("ESKER_SOAK") != "" {
		rounds = all
	}
	t.Logf("%d of %d conversations", rounds, all)
	for round := range rounds {
		compression := []wire.Compression{wire.CompressionNone, wire.CompressionLZ4, wire.CompressionSnappy}[round%3]
		say(t, s, rng.IntN(2) == 0, garbage(rng, conversation(t, compression))...)
		if round%10 == 0 {
			serves(t, other)
		}
	}
	whole := conversation(t, wire.CompressionNone)
	var text []byte
	for _, f := range whole {
		text = append(text, f...)
	}
	for cut := 0; cut < len(text); cut += 1 + rng.IntN(1+len(text)/100) {
		say(t, s, cut%2 == 0, text[:cut])
	}
	serves(t, other)
	_ = other.Close()
	empty(t, s, account)
}

// A body that becomes many times longer is refused before it does, and its connection goes on.
func TestCompressedBombs(t *testing.T) {
	db, events := harmless(t)
	account := memory.NewAccount("test", 8<<20)
	s := start(t, Options{Database: db, Events: events, Memory: account, Limits: Limits{FrameBytesMax: 256 << 10}})
	other := dial(t, s, client.Options{})
	for _, compression := range []wire.Compression{wire.CompressionLZ4, wire.CompressionSnappy} {
		r := dialRaw(t, s)
		r.ask(4, 1, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0", "COMPRESSION": compression.String()}})
		r.answer()
		r.frames.Compression = compression
		bomb, err := wire.AppendRequest(nil, wire.Header{Version: 4, Stream: 2}, &wire.Query{Text: make([]byte, 2<<20)}, compression)
		if err != nil {
			t.Fatal(err)
		}
		if bomb[1]&wire.FlagCompressed == 0 {
			t.Fatal("it is not compressed")
		}
		lying := append([]byte{}, bomb...)
		copy(lying[wire.HeaderBytes:], "\xff\xff\xff\xff\x7f") // the length that it claims
		for _, b := range [][]byte{bomb, lying} {
			r.write(b)
			if _, m := r.answer(); m.Opcode() != wire.OpError {
				t.Errorf("%s: a bomb was answered by %+v", compression, m)
			}
		}
		small := wire.HeaderBytes + 5
		r.write(append(wire.AppendHeader(nil, wire.Header{Version: 4, Flags: wire.FlagCompressed, Stream: 2, Opcode: wire.OpQuery, Length: 5}), bomb[wire.HeaderBytes:small]...))
		if _, m := r.answer(); m.Opcode() != wire.OpError {
			t.Errorf("%s: half a bomb was answered by %+v", compression, m)
		}
		r.ask(4, 3, &wire.Query{Text: []byte("still here")})
		if _, m := r.answer(); m.Opcode() != wire.OpResult {
			t.Errorf("%s: QUERY was answered by %+v", compression, m)
		}
		serves(t, other)
	}
	if account.Peak() > 2<<20 {
		t.Errorf("%d bytes were reserved", account.Peak())
	}
}

// Clients that claim the longest bodies and send nothing of them leave the memory to others.
func TestLengthsThatLie(t *testing.T) {
	db, events := harmless(t)
	account := memory.NewAccount("test", 64<<20)
	s := start(t, Options{Database: db, Events: events, Memory: account})
	other := dial(t, s, client.Options{})
	for range 50 { // 16 MiB each
		r := dialRaw(t, s)
		r.ready()
		r.write(wire.AppendHeader(nil, wire.Header{Version: 4, Stream: 2, Opcode: wire.OpQuery, Length: 16 << 20}))
		serves(t, other)
	}
	if account.Peak() > 50*(64<<10)+1<<20 {
		t.Errorf("%d bytes were reserved for bodies of which no byte came", account.Peak())
	}
}

// Lengths and counts within a body that claim more than it has cost nothing: the request is refused, and the connection goes on.
func TestLengthsThatLieWithinABody(t *testing.T) {
	db, events := harmless(t)
	account := memory.NewAccount("test", 4<<20)
	s := start(t, Options{Database: db, Events: events, Memory: account})
	r := dialRaw(t, s)
	r.ready()
	for name, c := range map[string]struct {
		op   wire.Opcode
		body string
	}{
		"text of 2 GiB":          {wire.OpQuery, "\x7f\xff\xff\xff"},
		"text of -1":             {wire.OpQuery, "\xff\xff\xff\xff"},
		"65,535 values":          {wire.OpQuery, "\x00\x00\x00\x01q\x00\x01\x01\xff\xff"},
		"value of 2 GiB":         {wire.OpQuery, "\x00\x00\x00\x01q\x00\x01\x01\x00\x01\x7f\xff\xff\xff"},
		"value of -3":            {wire.OpQuery, "\x00\x00\x00\x01q\x00\x01\x01\x00\x01\xff\xff\xff\xfd"},
		"paging state of 2 GiB":  {wire.OpQuery, "\x00\x00\x00\x01q\x00\x01\x08\x7f\xff\xff\xff"},
		"id of 65,535":           {wire.OpExecute, "\xff\xffx"},
		"65,535 statements":      {wire.OpBatch, "\x00\xff\xff"},
		"statements of no kind":  {wire.OpBatch, "\x00\x00\x02\x07\x07"},
		"batch of no kind":       {wire.OpBatch, "\x09\x00\x00\x00\x01\x00"},
		"statement text of 2 GB": {wire.OpBatch, "\x00\x00\x01\x00\x7f\xff\xff\xff"},
		"65,535 events":          {wire.OpRegister, "\xff\xff"},
		"text to prepare":        {wire.OpPrepare, "\x7f\xff\xff\xff"},
		"nothing":                {wire.OpExecute, ""},
	} {
		r.write(append(wire.AppendHeader(nil, wire.Header{Version: 4, Stream: 9, Opcode: c.op, Length: len(c.body)}), c.body...))
		h, m := r.answer()
		e, ok := m.(*wire.Error)
		if !ok || h.Stream != 9 || e.Code != wire.CodeProtocol {
			t.Errorf("%s: %+v", name, m)
		}
	}
	r.ask(4, 3, &wire.Query{Text: []byte("still here")})
	if _, m := r.answer(); m.Opcode() != wire.OpResult {
		t.Errorf("QUERY was answered by %+v", m)
	}
	if account.Peak() > 1<<20 {
		t.Errorf("%d bytes were reserved for bodies of some bytes", account.Peak())
	}
}

// While some open connections and drop them as fast as they can, and others open them and stay silent, a client that was
// there is served, and new ones come in.
func TestConnectionFlood(t *testing.T) {
	db, events := harmless(t)
	account := memory.NewAccount("test", 64<<20)
	s := start(t, Options{Database: db, Events: events, Memory: account, Limits: Limits{ConnectionsMax: 400}, Door: Door{UnreadyMax: 100}})
	other := dial(t, s, client.Options{})
	floods, each := 4, 500
	if os.Getenv("ESKER_SOAK") != "" {
		each = 50_000
	}
	var join sync.WaitGroup
	var mu sync.Mutex
	var silent []net.Conn
	for flood := range floods {
		join.Go(func() {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(10+flood))}}
			for i := range each {
				socket, err := dialer.Dial("tcp", s.Addr().String())
				if err != nil {
					continue // the machine has no more ports, or the queue is full
				}
				if i%5 != 0 {
					_ = socket.Close()
					continue
				}
				mu.Lock()
				silent = append(silent, socket)
				mu.Unlock()
			}
		})
	}
	for range 50 {
		serves(t, other)
		fresh := dial(t, s, client.Options{})
		serves(t, fresh)
		_ = fresh.Close()
	}
	join.Wait()
	serves(t, other)
	s.visitors.mu.Lock()
	if s.visitors.unready > 100 {
		t.Errorf("%d connections are not ready", s.visitors.unready)
	}
	s.visitors.mu.Unlock()
	for _, socket := range silent {
		_ = socket.Close()
	}
	_ = other.Close()
	empty(t, s, account)
}

// While many guess passwords from one address, a right login from another is served at once.
func TestLoginFlood(t *testing.T) {
	s := start(t, Options{Database: whoami(), Door: Door{Logins: roles{"ann": "secret"}}})
	from := func(n byte) client.Options {
		return client.Options{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, n)}}).DialContext}
	}
	var guesses []*raw
	for range 50 {
		socket, err := from(66).DialContext(t.Context(), "tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		r := &raw{t: t, socket: socket}
		for i, m := range []wire.Request{&wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}}, &wire.AuthResponse{Token: fmt.Appendf(nil, "\x00ann\x00guess")}} {
			r.ask(4, int16(i), m)
		}
		guesses = append(guesses, r)
	}
	for range 5 {
		o := from(67)
		o.Username, o.Password = "ann", "secret"
		ann := dial(t, s, o)
		a, err := send(t, ann, "q").Wait(t.Context())
		if got := textOf(t, a, err); got != "ann" {
			t.Errorf("got %q", got)
		}
	}
	for _, r := range guesses {
		_ = r.socket.Close()
	}
}
