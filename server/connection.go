package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/server/wire"
)

const (
	readBufferBytes = 16 << 10
	// lingerFor and lingerBytesMax bound what is read of a client after the last answer.
	lingerFor      = 2 * time.Second
	lingerBytesMax = 16 << 20
)

// conn is one connection: a goroutine that reads frames, one that writes answers, and requests that
// workers carry out in between, in any order.
type conn struct {
	server *Server
	meter  *meter // counts what the connection does
	socket *entrance
	from   netip.Prefix // where the client is
	login  loginState
	frames *wire.FrameReader // the reader's alone
	slots  chan struct{}     // one for each request in flight: InFlightMax
	down   chan struct{}     // closed when the socket is of no use any more

	reading      int64          // bytes reserved for the frame being read; the reader's alone
	requests     sync.WaitGroup // that were read and are not answered
	keyspace     atomic.Pointer[string]
	schemaEvents atomic.Bool
	version      atomic.Uint32 // of STARTUP; 0 before

	answers answers
}

func newConn(s *Server, socket net.Conn) *conn {
	m := &meter{stripe: s.metrics.join()}
	in := newEntrance(socket, &s.door, s.clock, m)
	c := &conn{
		server: s,
		meter:  m,
		socket: in,
		from:   prefixOf(socket.RemoteAddr()),
		frames: wire.NewRequestReader(bufio.NewReaderSize(in, readBufferBytes)),
		slots:  make(chan struct{}, s.limits.InFlightMax),
		down:   make(chan struct{}),
	}
	c.frames.BodyBytesMax = min(unreadyBodyBytesMax, s.limits.FrameBytesMax)
	c.frames.Begun = in.frameBegun
	c.frames.Reserve = c.reserve
	c.keyspace.Store(new(string))
	c.answers.init(s.memory)
	return c
}

// reserve takes memory for the body of the frame being read.
func (c *conn) reserve(bytes int) error {
	if err := c.server.memory.Reserve(int64(bytes)); err != nil {
		return err
	}
	c.reading += int64(bytes)
	return nil
}

// reserved hands over what the frame that was read has reserved.
func (c *conn) reserved() *memory.Lease {
	lease := c.server.memory.Lease(c.reading)
	c.reading = 0
	return lease
}

// serve answers the connection's requests until it ends. The error is nil if the client left or the
// server drains.
func (c *conn) serve() error {
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	err := c.read()
	c.requests.Wait() // whoever was read is answered
	c.answers.end()
	<-written
	c.linger()
	_ = c.socket.Close() // all that could be sent was sent
	if cause := c.answers.failure(); cause != nil {
		return cause
	}
	return err
}

// read takes frames until the client leaves, breaks the protocol for good, or the server drains.
func (c *conn) read() error {
	if err := c.socket.encrypt(); err != nil {
		return departure(err)
	}
	for {
		f, err := c.frames.Next(nil)
		c.socket.frameOver()
		lease := c.reserved()
		if err == nil {
			if err := c.take(f, lease); err != nil {
				return err
			}
			continue
		}
		lease.Free()
		var broken *wire.ProtocolError
		if !errors.As(err, &broken) {
			return departure(err)
		}
		c.meter.failed(broken.Code)
		c.refuse(broken)
		if broken.Fatal {
			return c.socket.explain(err)
		}
	}
}

// departure is nil for the ways in which a connection ends in peace.
func departure(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// refuse answers a frame that could not be read.
func (c *conn) refuse(broken *wire.ProtocolError) {
	c.send(wire.Header{Version: c.speaks(), Stream: broken.Stream}, wire.Answer{Message: broken.Response()})
}

// speaks is the version of the connection; before it is agreed on, the highest.
func (c *conn) speaks() byte {
	if v := c.version.Load(); v != 0 {
		return byte(v)
	}
	return wire.VersionMax
}

// take answers a frame, or hands it to a worker with the lease of its memory. An error ends the connection.
func (c *conn) take(f wire.Frame, lease *memory.Lease) error {
	version := byte(c.version.Load())
	if c.login.stage == stageReady && f.Header.Version == version && isStatement(f.Header.Opcode) {
		return c.dispatch(f, lease)
	}
	defer lease.Free()
	begun := c.server.clock.Now()
	c.meter.begun()
	if version != 0 && f.Header.Version != version {
		broken := &wire.ProtocolError{Code: wire.CodeProtocol, Stream: f.Header.Stream, Message: fmt.Sprintf(
			"Invalid message version. Got %d but previous messages on this connection had version %d", f.Header.Version, version)}
		c.meter.answered(f.Header.Opcode, broken.Response(), 0)
		c.refuse(broken)
		return broken
	}
	a := c.converse(f)
	c.meter.answered(f.Header.Opcode, a.Message, c.server.clock.Now().Sub(begun))
	c.send(f.Header, a)
	return nil
}

func isStatement(op wire.Opcode) bool {
	return op == wire.OpQuery || op == wire.OpExecute || op == wire.OpBatch || op == wire.OpPrepare
}

// workFactor is how many times the bytes of its body a statement takes while it is carried out: values, rows,
// the record of the commit log.
const workFactor = 4

// dispatch hands a statement to a worker once there is room for it. An error is that the connection
// ended while waiting.
func (c *conn) dispatch(f wire.Frame, lease *memory.Lease) error {
	if !c.answers.awaitRoom() {
		lease.Free()
		return net.ErrClosed
	}
	if !enter(c.slots, c.down) {
		lease.Free()
		return net.ErrClosed
	}
	if !enter(c.server.slots, c.down) {
		lease.Free()
		<-c.slots
		return net.ErrClosed
	}
	c.requests.Add(1)
	if err := lease.Grow((workFactor - 1) * int64(len(f.Body))); err != nil {
		c.send(f.Header, wire.Answer{Message: errorMessage(err)})
		c.answered(lease)
		return nil
	}
	c.server.workers.run(task{conn: c, frame: f, lease: lease})
	return nil
}

// enter takes a slot; it is false if the connection ended while waiting.
func enter(slots, down chan struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	case <-down:
		return false
	}
}

// answered gives back what a request in flight took.
func (c *conn) answered(lease *memory.Lease) {
	lease.Free()
	<-c.server.slots
	<-c.slots
	c.requests.Done()
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
	}
}

// linger lets the client read the last answers: a socket that is closed while it holds unread bytes
// would reset the connection and destroy them.
func (c *conn) linger() {
	if c.socket.closeWrite() {
		c.socket.discard(c.server.clock.Now().Add(lingerFor), lingerBytesMax)
	}
}
