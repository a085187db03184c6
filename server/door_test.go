package server

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/server/wire"
)

const year = 365 * 24 * time.Hour

// endings are why connections ended.
func endings() (chan error, Events) {
	out := make(chan error, 100)
	return out, Events{Closed: func(_ net.Addr, cause error) { out <- cause }}
}

// Whoever is not ready in time is sent away, with or without a word, and before or within a login.
func TestClientsThatAreNeverReady(t *testing.T) {
	long := Door{StartupMax: time.Second, Logins: roles{}}
	for name, say := range map[string]func(r *raw){
		"silence":       func(*raw) {},
		"half a header": func(r *raw) { r.write([]byte{4, 0, 0}) },
	} {
		t.Run(name, func(t *testing.T) {
			ended, events := endings()
			s := start(t, Options{Database: echo(), Door: long, Events: events, Clock: clock.NewManual(time.Unix(1, 0))}) // every deadline has passed
			socket, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			say(&raw{t: t, socket: socket})
			if cause := <-ended; !errors.Is(cause, errStartup) {
				t.Errorf("it ended with %v", cause)
			}
		})
	}
}

// A frame that does not come to its end in time ends its connection; one between frames may be silent for ever.
func TestFramesThatTakeTooLong(t *testing.T) {
	ended, events := endings()
	s := start(t, Options{
		Database: echo(), Door: Door{StartupMax: 100 * year, FrameMax: time.Second}, Events: events, Limits: Limits{StalledAfter: 100 * year},
		Clock: clock.NewManual(time.Unix(1, 0)), // its deadline has passed when the rest of the frame is waited for
	})
	silent, slow := dialRaw(t, s), dialRaw(t, s)
	silent.ready()
	slow.ready()
	slow.write([]byte{4, 0, 0, 9, byte(wire.OpQuery), 0, 0, 0, 200, 'x'})
	if cause := <-ended; !errors.Is(cause, errFrame) {
		t.Errorf("it ended with %v", cause)
	}
	slow.expectEnd()
	silent.ask(4, 3, &wire.Query{Text: []byte("still here")})
	if _, m := silent.answer(); m.Opcode() != wire.OpResult {
		t.Errorf("QUERY was answered by %+v", m)
	}
}

// A segment of version 5 that does not come to its end in time ends its connection too, before a frame is seen in it.
func TestSegmentsThatTakeTooLong(t *testing.T) {
	ended, events := endings()
	s := start(t, Options{
		Database: echo(), Door: Door{StartupMax: 100 * year, FrameMax: time.Second}, Events: events, Limits: Limits{StalledAfter: 100 * year},
		Clock: clock.NewManual(time.Unix(1, 0)), // its deadline has passed when the rest of the segment is waited for
	})
	r := dialRaw(t, s)
	r.ask(5, 1, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}})
	if _, m := r.answer(); m.Opcode() != wire.OpReady {
		t.Fatalf("STARTUP was answered by %+v", m)
	}
	r.write([]byte{0})
	if cause := <-ended; !errors.Is(cause, errFrame) {
		t.Errorf("it ended with %v", cause)
	}
}

// Of connections that are not ready, one past the limit takes the place of the oldest of the address with most of them.
func TestUnreadyConnections(t *testing.T) {
	v := newVisitors(&Door{UnreadyMax: 3})
	at := func(n byte) *conn { return &conn{from: here(n)} }
	flood := []*conn{at(1), at(1), at(1), at(1)}
	for i, c := range flood {
		crowded, err := v.enter(c)
		if err != nil || i < 3 && crowded != nil || i == 3 && crowded != flood[0] {
			t.Errorf("connection %d: %p makes room, %v", i, crowded, err)
		}
	}
	other := at(2)
	if crowded, err := v.enter(other); crowded != flood[1] || err != nil {
		t.Errorf("a connection from elsewhere: %p makes room, %v", crowded, err)
	}
	v.ready(other)
	v.ready(other)
	if crowded, err := v.enter(at(3)); crowded != nil || err != nil {
		t.Errorf("one is ready, and another comes: %p makes room, %v", crowded, err)
	}
	for _, c := range flood {
		v.leave(c)
	}
	if v.unready != 1 || len(v.addresses) != 2 || v.addresses[here(1)] != nil {
		t.Errorf("%d are not ready, of %d addresses", v.unready, len(v.addresses))
	}
}

// The limit for an address is its own, and given back.
func TestConnectionsOfAnAddress(t *testing.T) {
	v := newVisitors(&Door{UnreadyMax: 100, PerAddressMax: 2})
	a, b := &conn{from: here(1)}, &conn{from: here(1)}
	for _, c := range []*conn{a, b, {from: here(2)}} {
		if _, err := v.enter(c); err != nil {
			t.Error(err)
		}
	}
	if _, err := v.enter(&conn{from: here(1)}); err == nil {
		t.Error("a third connection of an address came in")
	}
	v.ready(a)
	v.leave(a)
	if _, err := v.enter(&conn{from: here(1)}); err != nil {
		t.Error(err)
	}
}

// A connection past the limit of its address is closed, and those that are open go on.
func TestConnectionPastTheLimitOfItsAddress(t *testing.T) {
	refused := make(chan error, 1)
	s := start(t, Options{Database: echo(), Door: Door{PerAddressMax: 1}, Events: Events{Refused: func(_ net.Addr, cause error) { refused <- cause }}})
	r := dialRaw(t, s)
	r.ready()
	dialRaw(t, s).expectEnd()
	if cause := <-refused; cause == nil || cause.Error() != "1 connections of this address are open, the most allowed" {
		t.Errorf("refused because of %v", cause)
	}
	r.ask(4, 3, &wire.Query{Text: []byte("still here")})
	if _, m := r.answer(); m.Opcode() != wire.OpResult {
		t.Errorf("QUERY was answered by %+v", m)
	}
}
