package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/server/wire"
)

// stage is how far a connection has come.
type stage uint8

const (
	stageNew   stage = iota // before STARTUP
	stageLogin              // STARTUP was answered by AUTHENTICATE
	stageReady              // for statements
)

// refuses is the format of what is wrong with a message at this stage; empty: nothing.
func (s stage) refuses(op wire.Opcode) string {
	switch {
	case s == stageNew && op != wire.OpStartup && op != wire.OpOptions:
		return "Unexpected message %s, expecting STARTUP or OPTIONS"
	case s == stageLogin && op != wire.OpAuthResponse:
		return "Unexpected message %s, expecting SASL_RESPONSE"
	case s == stageReady && op == wire.OpStartup:
		return "Unexpected message %s, the connection is already initialized"
	case s == stageReady && op == wire.OpAuthResponse:
		return "Unexpected message %s: nobody was asked for a login, or it is done"
	}
	return ""
}

// loginState is the part of a connection that knows who it is; the reader's alone until stageReady, then unchanged.
type loginState struct {
	stage stage
	user  *auth.User // nil where nobody is asked
}

// Limits of logins.
const (
	// loginDelayMin is how long the answer to a first failed login waits; each further one of the same address doubles it.
	loginDelayMin = 100 * time.Millisecond
	loginDelayMax = 5 * time.Second
	// loginForgetAfter is how long after the last failed login an address is as good as new.
	loginForgetAfter = 5 * time.Minute
	// loginWaitingMax is how many logins of one address may wait for their turn; more are refused as overloaded.
	loginWaitingMax = 128
	// loginAddressesMax is how many addresses are remembered for their failed logins.
	loginAddressesMax = 4096
)

// logins lets names and passwords be checked. A check costs processor time on purpose, so few run at a time, and of one
// address one after another: whoever guesses waits behind himself, and others pass.
type logins struct {
	checker Logins
	checks  chan struct{} // a slot for each check that runs
	clock   clock.Clock
	pause   func(ctx context.Context, d time.Duration) // returns early when ctx ends

	mu      sync.Mutex               // held for a moment only
	callers map[netip.Prefix]*caller // guarded by mu
}

// caller is an address whose logins wait, run, or have failed. Its fields are guarded by logins.mu.
type caller struct {
	turn     chan struct{} // a slot: one of its logins is checked at a time
	here     int           // logins that wait or are checked
	failures int
	failed   time.Time // the last time
	next     time.Time // no check begins before
}

func newLogins(checker Logins, c clock.Clock) *logins {
	slots := max(1, runtime.GOMAXPROCS(0)/2)
	return &logins{checker: checker, checks: make(chan struct{}, slots), clock: c, pause: pause, callers: map[netip.Prefix]*caller{}}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// errLoginsWait refuses a login of an address that has many under way.
var errLoginsWait = &wire.ProtocolError{
	Code: wire.CodeOverloaded, Message: fmt.Sprintf("%d logins of this address are waiting; try again", loginWaitingMax),
}

// login checks a name and a password for a client at an address. What is wrong is told after a delay that grows with each
// time, as long as ctx goes on.
func (l *logins) login(ctx context.Context, from netip.Prefix, name, password string) (*auth.User, error) {
	c, err := l.enter(from)
	if err != nil {
		return nil, err
	}
	defer l.leave(from, c)
	if err := l.wait(ctx, c.turn); err != nil {
		return nil, err
	}
	user, delay, err := l.check(ctx, c, name, password)
	<-c.turn
	if delay > 0 {
		l.pause(ctx, delay)
	}
	return user, err
}

// check runs a check in the turn of its caller; delay is how long to keep a refusal back.
func (l *logins) check(ctx context.Context, c *caller, name, password string) (user *auth.User, delay time.Duration, err error) {
	l.mu.Lock()
	until := c.next.Sub(l.clock.Now())
	l.mu.Unlock()
	if until > 0 {
		l.pause(ctx, min(until, loginDelayMax)) // the clock may have been set back
	}
	if err := l.wait(ctx, l.checks); err != nil {
		return nil, 0, err
	}
	user, err = l.checker.Login(ctx, name, password)
	<-l.checks
	var refused *auth.CredentialsError
	if errors.As(err, &refused) {
		delay = l.failed(c)
	}
	return user, delay, err
}

// wait takes a slot; the error is that of a connection or a server that ends.
func (l *logins) wait(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("login: %w", ctx.Err())
	}
}

// failed counts a refusal and returns how long it is kept back.
func (l *logins) failed(c *caller) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	if now.Sub(c.failed) > loginForgetAfter {
		c.failures = 0
	}
	c.failed = now
	delay := min(loginDelayMin<<min(c.failures, 16), loginDelayMax)
	c.failures++
	c.next = now.Add(delay)
	return delay
}

// enter counts a login of an address.
func (l *logins) enter(from netip.Prefix) (*caller, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.callers[from]
	if c == nil {
		if len(l.callers) >= loginAddressesMax {
			l.forget()
		}
		c = &caller{turn: make(chan struct{}, 1)}
		l.callers[from] = c
	}
	if c.here >= loginWaitingMax {
		return nil, errLoginsWait
	}
	c.here++
	return c, nil
}

// forget drops the address that failed longest ago. Those with logins under way stay: connections bound their number.
// The caller holds mu.
func (l *logins) forget() {
	var oldest netip.Prefix
	for from, c := range l.callers {
		if c.here == 0 && (!oldest.IsValid() || c.failed.Before(l.callers[oldest].failed)) {
			oldest = from
		}
	}
	delete(l.callers, oldest)
}

// leave ends what enter began. Nothing is kept of an address that never failed.
func (l *logins) leave(from netip.Prefix, c *caller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.here--; c.here == 0 && c.failures == 0 {
		delete(l.callers, from)
	}
}

// authenticate answers an AUTH_RESPONSE. The client may try again after a refusal, as with Cassandra.
func (c *conn) authenticate(m *wire.AuthResponse) wire.Answer {
	name, password, err := wire.DecodePlain(m.Token)
	if err != nil {
		return wire.Answer{Message: errorMessage(err)}
	}
	ctx, cancel := context.WithTimeout(c.server.context, c.server.door.StartupMax)
	var join sync.WaitGroup
	defer join.Wait()
	defer cancel()
	join.Go(func() { // nobody reads meanwhile, so that only a failure of the connection ends it
		select {
		case <-c.down:
			cancel()
		case <-ctx.Done():
		}
	})
	remote := c.socket.RemoteAddr()
	user, err := c.server.logins.login(ctx, c.from, name, password)
	if err != nil {
		c.server.events.loginFailed(remote, name, err)
		return wire.Answer{Message: errorMessage(err)}
	}
	c.login.user = user
	c.letIn()
	c.server.events.loggedIn(remote, name)
	return wire.Answer{Message: &wire.AuthSuccess{}}
}

// letIn makes the connection ready for statements.
func (c *conn) letIn() {
	c.login.stage = stageReady
	c.answers.ready()
	if c.login.user != nil {
		c.introduction.ready(c.login.user.Name)
	} else {
		c.introduction.ready("")
	}
	c.frames.BodyBytesMax = c.server.limits.FrameBytesMax
	c.socket.becomeReady()
	c.server.visitors.ready(c)
}
