package server

import (
	"io"
	"net"
	"testing"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/server/wire"
)

// Whatever a client sends, its connection ends when it leaves, all that was reserved is given back,
// and no request breaks a promise inside the program.
func FuzzConnection(f *testing.F) {
	seed := func(compression string, requests ...wire.Request) {
		startup := &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0", "COMPRESSION": compression}}
		agreed, err := wire.ParseCompression(compression)
		if err != nil {
			f.Fatal(err)
		}
		var b []byte
		for _, m := range append([]wire.Request{startup}, requests...) {
			if b, err = wire.AppendRequest(b, wire.Header{Version: 4, Stream: 1}, m, agreed); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b)
	}
	values := wire.QueryParams{Values: []wire.Value{{Bytes: make([]byte, 600)}, wire.Null, wire.Unset}, PageSize: 5}
	seed("", &wire.Options{}, &wire.Register{Events: []wire.EventType{wire.SchemaChanged}}, &wire.Query{Text: []byte("q"), Params: values})
	seed("lz4", &wire.Prepare{Text: []byte("q")}, &wire.Execute{ID: []byte("id"), Params: values})
	seed("snappy", &wire.Batch{Entries: []wire.BatchEntry{{Text: []byte("q")}, {ID: []byte("id")}, {Text: []byte("q"), Values: values.Values}}})
	f.Add([]byte{0x42, 0, 0, 0, 5, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		db := echo()
		db.batch = func([]database.BatchEntry, database.Request) (*database.Result, error) { return void, nil }
		s, err := Listen(Options{Database: db, Listener: &noListener{}, Limits: Limits{FrameBytesMax: 1 << 16},
			Events: Events{Panicked: func(_ net.Addr, v any, stack []byte) { t.Errorf("%v\n%s", v, stack) }}})
		if err != nil {
			t.Fatal(err)
		}
		feed(t, s, data)
		if s.memory.Used() != 0 || s.slots.used.Load() != 0 {
			t.Errorf("%d bytes and %d slots are left", s.memory.Used(), s.slots.used.Load())
		}
	})
}

// feed lets one client send data to a server that nobody else uses, and shuts it down.
func feed(t *testing.T, s *Server, data []byte) {
	t.Helper()
	near, far := net.Pipe()
	s.admit(far)
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _ = io.Copy(io.Discard, near)
	}()
	_, _ = near.Write(data) // the server may end the connection before all is written
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	_ = near.Close()
	<-left
}

// noListener is for servers whose connections are made by a test.
type noListener struct{ net.Listener }

func (*noListener) Close() error   { return nil }
func (*noListener) Addr() net.Addr { return &net.TCPAddr{} }
