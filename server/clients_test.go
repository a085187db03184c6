package server

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/server/wire"
)

// The server tells who is connected: what each said of itself, who it is, and what it asked.
func TestServedDescribesClients(t *testing.T) {
	s := start(t, Options{Database: echo()})
	silent := dialRaw(t, s)
	silent.ask(4, 0, &wire.Options{})
	silent.answer() // it is served
	spoken := dialRaw(t, s)
	options := map[string]string{"CQL_VERSION": "3.4.7", "DRIVER_NAME": "a driver", "DRIVER_VERSION": "1.2"}
	spoken.ask(4, 1, &wire.Startup{Options: options})
	spoken.answer()
	spoken.ask(4, 2, &wire.Query{Text: []byte("q")})
	spoken.answer()
	long := dialRaw(t, s)
	long.ask(4, 3, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.4.7", "NOISE": strings.Repeat("x", optionBytesMax)}})
	long.answer()
	got := s.Served()
	if len(got.Clients) != 3 || got.Texts != 1 || got.Prepared != 0 {
		t.Fatalf("%+v", got)
	}
	byPort := map[string]int{}
	for i := range got.Clients {
		byPort[got.Clients[i].Address.String()] = i
	}
	of := func(r *raw) int { return byPort[r.socket.LocalAddr().String()] }
	first, second, third := got.Clients[of(silent)], got.Clients[of(spoken)], got.Clients[of(long)]
	if first.Stage != "established" || first.Options != nil || first.ProtocolVersion != 0 || first.Requests != 1 {
		t.Errorf("%+v", first)
	}
	if second.Stage != "ready" || second.User != "anonymous" || !maps.Equal(second.Options, options) || second.ProtocolVersion != 4 || second.Requests != 2 || second.TLSVersion != "" {
		t.Errorf("%+v", second)
	}
	if third.Stage != "ready" || third.Options != nil {
		t.Errorf("%+v", third)
	}
}

// A user is known from the moment of the login on.
func TestServedNamesUsers(t *testing.T) {
	s := start(t, Options{Database: echo(), Door: Door{Logins: roles{"ann": "secret"}}})
	c := dial(t, s, client.Options{Username: "ann", Password: "secret"})
	waiting := dialRaw(t, s)
	waiting.ask(4, 0, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.4.7"}})
	waiting.answer()
	var got []string
	for _, one := range s.Served().Clients {
		got = append(got, one.User+" "+one.Stage)
	}
	slices.Sort(got)
	if want := []string{"ann ready", "anonymous authenticating"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	_ = c
}
