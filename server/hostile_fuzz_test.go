package server

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/eskerdb/esker/server/wire"
)

// Whatever a stranger says, to a port that asks for a login, in the clear or by TLS, nothing runs for it, and nothing is left.
func FuzzDoor(f *testing.F) {
	add := func(encrypted bool, requests ...wire.Request) {
		var b []byte
		for i, m := range requests {
			var err error
			if b, err = wire.AppendRequest(b, wire.Header{Version: 4, Stream: int16(i)}, m, wire.CompressionNone); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(encrypted, b)
	}
	startup := &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}}
	add(false, &wire.Options{}, startup, &wire.Query{Text: []byte("q")}, &wire.AuthResponse{Token: []byte("\x00ann\x00guess")})
	add(false, startup, &wire.AuthResponse{}, &wire.AuthResponse{Token: []byte("\x00\x00")}, &wire.Batch{}, &wire.Prepare{Text: []byte("q")})
	add(false, startup, &wire.Register{Events: []wire.EventType{wire.SchemaChanged}}, &wire.Execute{ID: []byte("id")})
	add(true, startup)
	f.Add(true, []byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Add(false, []byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, encrypted bool, data []byte) {
		door := Door{Logins: roles{}}
		if encrypted {
			door.TLS = &tls.Config{} // without a certificate no handshake ends well
		}
		s, err := Listen(Options{Database: &stub{}, Listener: &noListener{}, Door: door,
			Events: Events{Panicked: func(_ net.Addr, v any, stack []byte) { t.Errorf("%v\n%s", v, stack) }}})
		if err != nil {
			t.Fatal(err)
		}
		s.logins.pause = func(context.Context, time.Duration) {}
		feed(t, s, data)
		if s.memory.Used() != 0 || s.visitors.unready != 0 || len(s.visitors.addresses) != 0 {
			t.Errorf("%d bytes and %d connections are left", s.memory.Used(), s.visitors.unready)
		}
		for _, c := range s.logins.callers {
			if c.here != 0 {
				t.Errorf("%d logins are left", c.here)
			}
		}
	})
}
