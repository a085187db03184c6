package server

import (
	"slices"
	"testing"

	"github.com/eskerdb/esker/server/wire"
)

func TestSupported(t *testing.T) {
	r := dialRaw(t, start(t, Options{Database: echo()}))
	r.ask(3, 7, &wire.Options{})
	h, m := r.answer()
	options, ok := m.(*wire.Supported)
	if !ok || h.Stream != 7 || h.Version != 3 {
		t.Fatalf("%s: %+v", h, m)
	}
	if got := options.Options["CQL_VERSION"]; !slices.Equal(got, []string{"3.4.7"}) {
		t.Errorf("CQL_VERSION %q", got)
	}
	for _, name := range options.Options["COMPRESSION"] {
		if _, err := wire.ParseCompression(name); err != nil {
			t.Error(err)
		}
	}
	if len(options.Options["COMPRESSION"]) != 2 || len(options.Options["PROTOCOL_VERSIONS"]) != 3 {
		t.Errorf("%v", options.Options)
	}
	r.ready() // Node asks the other way round; both must do
	r.ask(4, 8, &wire.Options{})
	if _, m := r.answer(); m.Opcode() != wire.OpSupported {
		t.Errorf("OPTIONS after STARTUP: %+v", m)
	}
}

// A refused handshake leaves the connection usable.
func TestRefusedHandshakes(t *testing.T) {
	r := dialRaw(t, start(t, Options{Database: echo()}))
	for _, c := range []struct {
		m       wire.Request
		message string
	}{
		{&wire.Startup{}, "Missing value CQL_VERSION in STARTUP message"},
		{&wire.Startup{Options: map[string]string{"CQL_VERSION": "2.9.9"}},
			"CQL version 2.9.9 is not supported by the binary protocol (supported version are >= 3.0.0)"},
		{&wire.Startup{Options: map[string]string{"CQL_VERSION": "new"}}, "Invalid version value: new"},
		{&wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0", "COMPRESSION": "deflate"}}, "unknown compression algorithm: deflate"},
		{&wire.Query{Text: []byte("SELECT")}, "Unexpected message QUERY, expecting STARTUP or OPTIONS"},
		{&wire.Register{Events: []wire.EventType{wire.SchemaChanged}}, "Unexpected message REGISTER, expecting STARTUP or OPTIONS"},
		{&wire.AuthResponse{Token: []byte("x")}, "Unexpected message AUTH_RESPONSE, expecting STARTUP or OPTIONS"},
	} {
		r.ask(4, 3, c.m)
		r.expectError(3, wire.CodeProtocol, c.message)
	}
	r.ready()
	r.ask(4, 4, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}})
	r.expectError(4, wire.CodeProtocol, "Unexpected message STARTUP, the connection is already initialized")
	r.ask(4, 5, &wire.Query{Text: []byte("still here")})
	if _, m := r.answer(); m.Opcode() != wire.OpResult {
		t.Errorf("QUERY was answered by %+v", m)
	}
}

// Drivers begin with the highest version they know, and step down by the words of this answer.
func TestUnsupportedVersions(t *testing.T) {
	s := start(t, Options{Database: echo()})
	for version, message := range map[byte]string{
		6:    "Invalid or unsupported protocol version (6); the lowest supported version is 3 and the greatest is 5",
		0x42: "Invalid or unsupported protocol version (66); the lowest supported version is 3 and the greatest is 5",
		2:    "Invalid or unsupported protocol version (2); the lowest supported version is 3 and the greatest is 5",
	} {
		r := dialRaw(t, s)
		r.ask(version, 9, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}})
		h, m := r.answer()
		e, ok := m.(*wire.Error)
		if !ok || h.Stream != 0 || h.Version != 5 || e.Code != wire.CodeProtocol || e.Message != message {
			t.Errorf("version %d: %s: %+v", version, h, m)
		}
		r.expectEnd()
	}
}

func TestVersionStaysTheSame(t *testing.T) {
	r := dialRaw(t, start(t, Options{Database: echo()}))
	r.ready()
	r.ask(3, 2, &wire.Options{})
	r.expectError(2, wire.CodeProtocol, "Invalid message version. Got 3 but previous messages on this connection had version 4")
	r.expectEnd()
}

func TestMalformedBodyEndsOneRequestOnly(t *testing.T) {
	r := dialRaw(t, start(t, Options{Database: echo()}))
	r.ready()
	frame := func(flags byte, op wire.Opcode, body ...byte) {
		r.write(append(wire.AppendHeader(nil, wire.Header{Version: 4, Flags: flags, Stream: 6, Opcode: op, Length: len(body)}), body...))
	}
	frame(0, wire.OpQuery, 0, 0, 0, 99)
	r.expectError(6, wire.CodeProtocol, "")
	frame(0, wire.OpRegister, 0, 1, 0, 1, 'x')
	r.expectError(6, wire.CodeProtocol, "")
	frame(0, wire.OpReady)
	r.expectError(6, wire.CodeProtocol, "")
	frame(wire.FlagCompressed, wire.OpQuery, 1, 2, 3)
	r.expectError(6, wire.CodeProtocol, "")
	r.ask(4, 7, &wire.Query{Text: []byte("q")})
	if _, m := r.answer(); m.Opcode() != wire.OpResult {
		t.Errorf("QUERY was answered by %+v", m)
	}
}
