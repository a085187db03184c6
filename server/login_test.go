package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/server/wire"
)

// roles are names and their passwords.
type roles map[string]string

func (r roles) Login(_ context.Context, name, password string) (*auth.User, error) {
	if want, ok := r[name]; !ok || want != password {
		return nil, &auth.CredentialsError{Message: fmt.Sprintf("Provided username %s and/or password are incorrect", name)}
	}
	return &auth.User{Name: name}, nil
}

// whoami answers each statement with the name of its user.
func whoami() *stub {
	return &stub{
		execute: func(_ *database.Statement, req database.Request) (*database.Result, error) {
			return oneText(req.User.Name), nil
		},
		batch: func(_ []database.BatchEntry, req database.Request) (*database.Result, error) {
			return oneText(req.User.Name), nil
		},
	}
}

func (r *raw) startup() {
	r.t.Helper()
	r.ask(4, 1, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}})
	if _, m := r.answer(); m.Opcode() != wire.OpAuthenticate || m.(*wire.Authenticate).Class != "org.apache.cassandra.auth.PasswordAuthenticator" {
		r.t.Fatalf("STARTUP was answered by %+v", m)
	}
}

func TestLogin(t *testing.T) {
	var mu sync.Mutex
	var log []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, fmt.Sprintf(format, args...))
	}
	s := start(t, Options{Database: whoami(), Door: Door{Logins: roles{"ann": "secret"}}, Events: Events{
		LoggedIn:    func(_ net.Addr, name string) { note("%s is in", name) },
		LoginFailed: func(_ net.Addr, name string, err error) { note("%s is not in: %v", name, err) },
	}})
	s.logins.pause = func(context.Context, time.Duration) {}
	r := dialRaw(t, s)
	r.ask(4, 2, &wire.AuthResponse{Token: wire.AppendPlain(nil, "ann", "secret")})
	r.expectError(2, wire.CodeProtocol, "Unexpected message AUTH_RESPONSE, expecting STARTUP or OPTIONS")
	r.startup()
	for _, m := range []wire.Request{
		&wire.Query{Text: []byte("q")}, &wire.Prepare{Text: []byte("q")}, &wire.Execute{ID: []byte("q")}, &wire.Batch{}, &wire.Options{},
		&wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}}, &wire.Register{Events: []wire.EventType{wire.SchemaChanged}},
	} {
		r.ask(4, 3, m)
		r.expectError(3, wire.CodeProtocol, fmt.Sprintf("Unexpected message %s, expecting SASL_RESPONSE", m.Opcode()))
	}
	for token, message := range map[string]string{
		"":                   "Password must not be null",
		"ann":                "Password must not be null",
		"\x00ann\x00":        "Password must not be null",
		"ann\x00secret":      "Authentication ID must not be null",
		"\x00\x00secret":     "Authentication ID must not be null",
		"\x00ann\x00sec\x00": `Credential format error: username or password is empty or contains NUL(\0) character`,
		"\x00ann\x00Secret":  "Provided username ann and/or password are incorrect",
		"\x00bob\x00secret":  "Provided username bob and/or password are incorrect",
	} {
		r.ask(4, 4, &wire.AuthResponse{Token: []byte(token)})
		r.expectError(4, wire.CodeBadCredentials, message)
	}
	r.ask(4, 5, &wire.AuthResponse{Token: []byte("other\x00ann\x00secret")})
	if _, m := r.answer(); m.Opcode() != wire.OpAuthSuccess {
		t.Fatalf("the login was answered by %+v", m)
	}
	r.ask(4, 6, &wire.AuthResponse{Token: []byte("\x00ann\x00secret")})
	r.expectError(6, wire.CodeProtocol, "Unexpected message AUTH_RESPONSE: nobody was asked for a login, or it is done")
	r.ask(4, 7, &wire.Register{Events: []wire.EventType{wire.SchemaChanged}})
	if _, m := r.answer(); m.Opcode() != wire.OpReady {
		t.Errorf("REGISTER was answered by %+v", m)
	}
	r.ask(4, 8, &wire.Query{Text: []byte("q")})
	_, m := r.answer()
	if got := textOf(t, wire.Answer{Message: m}, nil); got != "ann" {
		t.Errorf("the statement ran for %q", got)
	}
	r.ask(4, 9, &wire.Batch{Entries: []wire.BatchEntry{{Text: []byte("q")}}})
	if _, m = r.answer(); textOf(t, wire.Answer{Message: m}, nil) != "ann" {
		t.Errorf("the batch was answered by %+v", m)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(log) != 3 || log[2] != "ann is in" || strings.Contains(strings.Join(log, " "), "ecret") {
		t.Errorf("log %q", log)
	}
}

// A client of ours says who it is, and hears why not.
func TestLoginOfAClient(t *testing.T) {
	s := start(t, Options{Database: whoami(), Door: Door{Logins: roles{"ann": "secret"}}})
	s.logins.pause = func(context.Context, time.Duration) {}
	c := dial(t, s, client.Options{Username: "ann", Password: "secret"})
	a, err := send(t, c, "q").Wait(t.Context())
	if got := textOf(t, a, err); got != "ann" {
		t.Errorf("got %q", got)
	}
	for _, o := range []client.Options{{ProtocolVersion: 3}, {ProtocolVersion: 5}, {ProtocolVersion: 5, Compression: wire.CompressionLZ4}} {
		o.Username, o.Password = "ann", "secret"
		a, err := send(t, dial(t, s, o), "q").Wait(t.Context())
		if got := textOf(t, a, err); got != "ann" {
			t.Errorf("version %d: got %q", o.ProtocolVersion, got)
		}
		o.Addr, o.Password = s.Addr().String(), "wrong"
		_, err = client.Dial(t.Context(), o)
		if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Code != wire.CodeBadCredentials {
			t.Errorf("version %d: %v", o.ProtocolVersion, err)
		}
	}
	for password, want := range map[string]string{"wrong": "Provided username ann and/or password are incorrect", "": "Password must not be null"} {
		_, err := client.Dial(t.Context(), client.Options{Addr: s.Addr().String(), Username: "ann", Password: password})
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Code != wire.CodeBadCredentials || refused.Message != want || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%q: %v", password, err)
		}
	}
	if _, err := client.Dial(t.Context(), client.Options{Addr: s.Addr().String()}); err == nil || !strings.Contains(err.Error(), "user name") {
		t.Errorf("without a name: %v", err)
	}
}

// An error that is not about the password is the server's, and is not kept back.
func TestLoginThatCannotBeChecked(t *testing.T) {
	l := newLogins(checkerOf(func(string) error { return errors.New("no table") }), clock.NewManual(time.Unix(1e9, 0)))
	l.pause = func(context.Context, time.Duration) { t.Error("a delay") }
	if _, err := l.login(t.Context(), here(1), "ann", "x"); errorMessage(err).Code != wire.CodeServer {
		t.Errorf("got %v", err)
	}
	if len(l.callers) != 0 {
		t.Errorf("%d addresses are remembered", len(l.callers))
	}
}

type checkerOf func(name string) error

func (f checkerOf) Login(_ context.Context, name, _ string) (*auth.User, error) {
	if err := f(name); err != nil {
		return nil, err
	}
	return &auth.User{Name: name}, nil
}

var errWrong = &auth.CredentialsError{Message: "wrong"}

func here(n byte) netip.Prefix {
	return prefixOf(&net.TCPAddr{IP: net.IPv4(10, 0, 0, n)})
}

// The delays of one address double up to the most, hold for its next login too, and are forgotten at last.
func TestDelaysOfFailedLogins(t *testing.T) {
	now := clock.NewManual(time.Unix(1e9, 0))
	l := newLogins(checkerOf(func(name string) error {
		if name == "ann" {
			return nil
		}
		return errWrong
	}), now)
	var pauses []time.Duration
	l.pause = func(_ context.Context, d time.Duration) { pauses = append(pauses, d) }
	try := func(from byte, name string) []time.Duration {
		pauses = nil
		_, _ = l.login(t.Context(), here(from), name, "x")
		return pauses
	}
	const ms = time.Millisecond
	for i, want := range []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms} {
		got := try(1, "bob")
		now.Advance(want)
		if !slices.Equal(got, []time.Duration{want}) {
			t.Errorf("failure %d waits %v", i, got)
		}
	}
	if got := try(2, "ann"); len(got) != 0 {
		t.Errorf("another address waits %v", got)
	}
	if got := try(2, "bob"); !slices.Equal(got, []time.Duration{100 * ms}) {
		t.Errorf("the first failure of another address waits %v", got)
	}
	if got := try(1, "ann"); len(got) != 0 {
		t.Errorf("a right login after the delay waits %v", got)
	}
	try(1, "bob")
	if got := try(1, "ann"); !slices.Equal(got, []time.Duration{5000 * ms}) {
		t.Errorf("a right login within the delay waits %v", got)
	}
	now.Advance(loginForgetAfter + 1)
	if got := try(1, "bob"); !slices.Equal(got, []time.Duration{100 * ms}) {
		t.Errorf("a failure after a long time waits %v", got)
	}
}

// Few logins are checked at a time, one of an address, however many come; a right one from elsewhere overtakes them.
func TestLoginsUnderFlood(t *testing.T) {
	entered, release := make(chan string, 100), make(chan struct{})
	l := newLogins(checkerOf(func(name string) error {
		entered <- name
		<-release
		return errWrong
	}), clock.NewManual(time.Unix(1e9, 0)))
	l.checks = make(chan struct{}, 2)
	l.pause = func(ctx context.Context, _ time.Duration) { <-ctx.Done() } // whoever fails waits
	ctx, cancel := context.WithCancel(t.Context())
	var join sync.WaitGroup
	for range loginWaitingMax {
		join.Go(func() { _, _ = l.login(ctx, here(1), "guess", "x") })
	}
	<-entered
	for full := false; !full; { // until all of them wait
		l.mu.Lock()
		full = l.callers[here(1)].here == loginWaitingMax
		l.mu.Unlock()
	}
	if _, err := l.login(ctx, here(1), "one more", "x"); !errors.Is(err, errLoginsWait) || errorMessage(err).Code != wire.CodeOverloaded {
		t.Errorf("one past the limit: %v", err)
	}
	join.Go(func() { _, _ = l.login(ctx, here(2), "ann", "x") })
	if name := <-entered; name != "ann" {
		t.Errorf("%s is checked before another address", name)
	}
	join.Go(func() { _, _ = l.login(ctx, here(3), "carl", "x") })
	select {
	case name := <-entered:
		t.Errorf("%s is the third to be checked at a time", name)
	default:
	}
	cancel()
	close(release)
	join.Wait()
	if c := l.callers[here(1)]; c.here != 0 {
		t.Errorf("%d logins are left", c.here)
	}
}

// What is remembered of addresses is bounded; those that failed longest ago go first.
func TestAddressesOfFailedLogins(t *testing.T) {
	now := clock.NewManual(time.Unix(1e9, 0))
	l := newLogins(checkerOf(func(string) error { return errWrong }), now)
	l.pause = func(context.Context, time.Duration) {}
	at := func(n int) netip.Prefix { return prefixOf(&net.TCPAddr{IP: net.IPv4(10, 1, byte(n>>8), byte(n))}) }
	for n := range loginAddressesMax + 10 {
		now.Advance(time.Millisecond)
		_, _ = l.login(t.Context(), at(n), "guess", "x")
	}
	if len(l.callers) != loginAddressesMax || l.callers[at(9)] != nil || l.callers[at(10)] == nil {
		t.Errorf("%d addresses are remembered", len(l.callers))
	}
}

// Whoever chooses addresses within a network of IPv6 is one; so is an IPv4 address however it is written.
func TestAddressesThatStandForClients(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1": "fe80::/64",
	} {
		if got := prefixOf(&net.TCPAddr{IP: net.ParseIP(text), Port: 1, Zone: ""}); got.String() != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := prefixOf(&net.UnixAddr{}); got.IsValid() {
		t.Errorf("no address of IP: %s", got)
	}
}

// A shutdown does not wait for the delay of a failed login.
func TestShutdownEndsDelays(t *testing.T) {
	paused := make(chan struct{})
	s, err := Listen(Options{Database: whoami(), Addr: "127.0.0.1:0", Door: Door{Logins: roles{}}})
	if err != nil {
		t.Fatal(err)
	}
	s.logins.pause = func(ctx context.Context, _ time.Duration) {
		close(paused)
		<-ctx.Done()
	}
	served := make(chan error)
	go func() { served <- s.Serve() }()
	r := dialRaw(t, s)
	r.startup()
	r.ask(4, 2, &wire.AuthResponse{Token: []byte("\x00ann\x00x")})
	<-paused
	if err := s.Shutdown(t.Context()); err != nil || <-served != nil {
		t.Error(err)
	}
}
