package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/internal/clock"
)

// Door says who may come in, and how.
type Door struct {
	// Logins check user names and passwords; nil: nobody is asked for one.
	Logins Logins
	// TLS makes every connection an encrypted one; nil: none is. Its GetConfigForClient may change certificates while
	// the server runs.
	TLS *tls.Config
	// StartupMax is how long a client may take until it is ready for statements: TLS, STARTUP and login. Default 30 s.
	StartupMax time.Duration
	// FrameMax is how long a frame may take to arrive once its first byte has. Default 60 s.
	FrameMax time.Duration
	// UnreadyMax is how many connections may be open that are not ready for statements. One more takes the place of the
	// oldest of the address that has most of them. Default a quarter of Limits.ConnectionsMax.
	UnreadyMax int
	// PerAddressMax is how many connections one address may have; those beyond are closed at once. Default no limit.
	PerAddressMax int
}

// Logins tell who a client is. A *auth.CredentialsError refuses; any other error is the server's own.
type Logins interface {
	Login(ctx context.Context, name, password string) (*auth.User, error)
}

func (d Door) withDefaults(connectionsMax int) Door {
	if d.StartupMax <= 0 {
		d.StartupMax = 30 * time.Second
	}
	if d.FrameMax <= 0 {
		d.FrameMax = time.Minute
	}
	if d.UnreadyMax <= 0 {
		d.UnreadyMax = max(1, connectionsMax/4)
	}
	return d
}

// unreadyBodyBytesMax is how long a body may be before its sender is ready: nothing that is asked for then is longer,
// and a stranger shall not fill the memory of requests.
const unreadyBodyBytesMax = 64 << 10

// entrance is what a connection reads its socket through. It bounds how long a client may take to become ready and to
// send a frame, at no cost for frames that come in one piece.
type entrance struct {
	net.Conn // plain, or decrypted

	frameMax time.Duration
	clock    clock.Clock

	// The reader's alone.
	meter   *meter
	ready   bool // for statements
	inFrame bool // the first byte of a frame was read and its last was not
	timed   bool // a deadline for the frame is set
	first   int  // the first byte that came; -1 before

	mu       sync.Mutex // never held while doing I/O
	draining bool       // guarded by mu: nothing is read any more
}

// StrangerError is why a connection ended before it was of use: its client is too slow, or speaks another language.
type StrangerError struct{ Message string }

// Error says what the client did.
func (e *StrangerError) Error() string { return e.Message }

// errStartup and errFrame end connections whose clients are too slow.
var (
	errStartup = &StrangerError{"the client was not ready for statements in time"}
	errFrame   = &StrangerError{"the client did not finish a frame in time"}
)

func newEntrance(socket net.Conn, d *Door, c clock.Clock, m *meter) *entrance {
	e := &entrance{Conn: socket, meter: m, frameMax: d.FrameMax, clock: c, first: -1}
	if d.TLS != nil {
		e.Conn = tls.Server(socket, d.TLS)
	}
	e.deadline(c.Now().Add(d.StartupMax))
	return e
}

// deadline bounds reading; the zero time does not. It gives way to drain.
func (e *entrance) deadline(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.draining {
		_ = e.SetReadDeadline(at) // it fails only on a closed socket
	}
}

// drain ends reading at once, and for good.
func (e *entrance) drain() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.draining = true
	_ = e.SetReadDeadline(time.Unix(1, 0)) // it fails only on a closed socket
}

// becomeReady ends the time of the startup.
func (e *entrance) becomeReady() {
	e.ready = true
	e.deadline(time.Time{})
}

// frameBegun says that the first byte of a frame is there.
func (e *entrance) frameBegun() { e.inFrame = true }

// frameOver says that a frame was read to its end, or given up.
func (e *entrance) frameOver() {
	e.inFrame = false
	if e.timed {
		e.timed = false
		e.deadline(time.Time{})
	}
}

// Read reads what the client sends.
func (e *entrance) Read(p []byte) (int, error) {
	e.beforeWait()
	n, err := e.Conn.Read(p)
	return n, e.afterRead(p[:n], err)
}

// beforeWait begins the time of a frame: its first byte is there, and others are missing.
func (e *entrance) beforeWait() {
	if e.inFrame && !e.timed && e.ready {
		e.timed = true
		e.deadline(e.clock.Now().Add(e.frameMax))
	}
}

// afterRead counts what came, notes what came first, and says what an error is.
func (e *entrance) afterRead(p []byte, err error) error {
	e.meter.read(len(p))
	if e.first < 0 && len(p) > 0 {
		e.first = int(p[0])
	}
	return e.late(err)
}

// Write sends what the client is told.
func (e *entrance) Write(p []byte) (int, error) {
	n, err := e.Conn.Write(p)
	e.meter.wrote(n)
	return n, err
}

// late says what a deadline that has passed was for.
func (e *entrance) late(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.draining:
		return err
	case !e.ready:
		return errStartup
	}
	return errFrame
}
