package server

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/server/wire"
)

const (
	// lingerFor and lingerBytesMax bound what is read of a client after the last answer.
	lingerFor      = 2 * time.Second
	lingerBytesMax = 16 << 20
)

// conn is one connection. At any time one goroutine leads it: reads frames and carries out most of them itself. Others
// carry out what takes long, send answers that the socket did not take at once, or wait for the commit log.
type conn struct {
	server *Server
	meter  *meter // counts what the connection does
	from   netip.Prefix
	down   chan struct{} // closed when the socket is of no use any more

	turn turn
	front

	keyspace     atomic.Pointer[string]
	schemaEvents atomic.Bool
	version      atomic.Uint32 // of STARTUP; 0 before

	introduction introduction // of the client

	socket *entrance
	lean   lean

	answers answers
	sender  sender // of the one who sends
}

// front is what the leader alone touches.
type front struct {
	login  loginState
	input  input
	frames *wire.FrameReader
	// segments is between input and frames, from version 5 on once STARTUP is answered; else nil.
	segments *wire.SegmentReader
	bytes    int64         // reserved for the frame being read
	owes     time.Duration // since when answers may be due; 0: none are
}

// noKeyspace is what a connection begins with.
var noKeyspace string

func newConn(s *Server, socket net.Conn) *conn {
	m := &meter{stripe: s.metrics.join()}
	c := &conn{
		server: s,
		meter:  m,
		from:   prefixOf(socket.RemoteAddr()),
		down:   make(chan struct{}),
		socket: newEntrance(socket, &s.door, s.clock, m),
	}
	c.lean.init(c, c.socket.Conn)
	c.input.conn = c
	c.frames = wire.NewRequestReader(&c.input)
	c.frames.BodyBytesMax = min(unreadyBodyBytesMax, s.limits.FrameBytesMax)
	c.frames.Begun = c.socket.frameBegun
	c.frames.Reserve = c.reserve
	c.keyspace.Store(&noKeyspace)
	c.answers.init(s.memory)
	return c
}

// serve answers the connection's requests until it ends, or another goroutine leads.
func (c *conn) serve() {
	if err := c.socket.encrypt(); err != nil {
		c.end(departure(err))
		return
	}
	c.lead()
}

// segment makes frames come and go in segments, from the next one on: the answer to STARTUP is queued.
func (c *conn) segment() {
	c.segments = wire.NewSegmentReader(&c.input, c.frames.Compression)
	c.segments.Begun = c.frames.Begun
	c.frames.ReadFrom(c.segments)
	c.answers.segment()
}

// end closes the connection once what was read is answered. The error is nil if the client left or the server drains.
func (c *conn) end(err error) {
	c.pause()
	c.answers.drained()
	c.input.rise()
	c.linger()
	_ = c.socket.Close() // all that could be sent was sent
	if cause := c.answers.failure(); cause != nil {
		err = cause
	}
	c.server.ended(c, err)
}

// departure is nil for the ways in which a connection ends in peace.
func departure(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// speaks is the version of the connection; before it is agreed on, the highest.
func (c *conn) speaks() byte {
	if v := c.version.Load(); v != 0 {
		return byte(v)
	}
	return wire.VersionMax
}

// drain stops reading; what was read is answered.
func (c *conn) drain() {
	c.socket.drain()
}

// fail ends the connection at once because of cause.
func (c *conn) fail(cause error) {
	if c.answers.fail(cause) {
		close(c.down)
		_ = c.socket.Close() // cause says more
		c.server.slots.wake()
		c.server.long.wake()
	}
}

// linger lets the client read the last answers: a socket that is closed while it holds unread bytes
// would reset the connection and destroy them.
func (c *conn) linger() {
	if c.socket.closeWrite() {
		c.socket.discard(c.server.clock.Now().Add(lingerFor), lingerBytesMax)
	}
}
