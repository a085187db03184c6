package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/server/wire"
)

// Conn is one connection. All its methods are safe for concurrent use.
type Conn struct {
	options Options // with defaults; not changed
	socket  net.Conn
	source  wire.Source       // the socket; the reader's alone
	frames  *wire.FrameReader // the reader's alone
	free    chan int16        // streams without a call; InFlight of them fit
	wake    chan struct{}     // one token: the writer has something to do
	down    chan struct{}     // closed when the connection has ended
	join    sync.WaitGroup    // reader and writer

	keyspace atomic.Pointer[string]

	mu     sync.Mutex // never held while doing I/O
	err    error      // guarded by mu; why the connection ended
	out    []byte     // guarded by mu; frames that wait for the writer
	framed bool       // guarded by mu; frames go in segments
	calls  []*Call    // guarded by mu; by stream
}

// Dial connects, logs in, registers for events and chooses the keyspace. ctx bounds all of that and nothing after it.
// A server that refuses gives an *Error; one that refuses the protocol's version is asked for the next lower one.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	o = o.withDefaults()
	if o.ProtocolVersion != 0 {
		return dial(ctx, o)
	}
	o.ProtocolVersion = wire.VersionMax
	if o.Compression == wire.CompressionSnappy {
		o.ProtocolVersion = 4 // version 5 does not have it
	}
	for {
		c, err := dial(ctx, o)
		if err == nil || o.ProtocolVersion == wire.VersionMin || !refusesVersion(err) {
			return c, err
		}
		o.ProtocolVersion--
	}
}

// refusesVersion tells whether the server asks for another version of the protocol. The words are Cassandra's; other
// errors have the same code.
func refusesVersion(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == wire.CodeProtocol && strings.Contains(refused.Message, "protocol version")
}

// dial speaks the version in o.
func dial(ctx context.Context, o Options) (*Conn, error) {
	socket, err := connect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.Addr, err)
	}
	c := &Conn{
		options: o,
		socket:  socket,
		source:  bufio.NewReaderSize(socket, readBufferBytes),
		free:    make(chan int16, o.InFlight),
		wake:    make(chan struct{}, 1),
		down:    make(chan struct{}),
		calls:   make([]*Call, o.InFlight),
	}
	c.frames = wire.NewResponseReader(c.source)
	c.frames.BodyBytesMax = o.AnswerBytesMax
	c.frames.Compression = o.Compression
	for stream := range o.InFlight {
		c.free <- int16(stream)
	}
	c.join.Add(2)
	go c.read()
	go c.write()
	if err := c.open(ctx); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connect to %s: %w", o.Addr, err)
	}
	return c, nil
}

// segment makes frames come and go in segments, as they do after the answer to STARTUP from version 5 on.
func (c *Conn) segment() {
	c.frames.ReadFrom(wire.NewSegmentReader(c.source, c.options.Compression))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.framed = true
}

func connect(ctx context.Context, o Options) (net.Conn, error) {
	socket, err := o.DialContext(ctx, "tcp", o.Addr)
	if err != nil || o.TLS == nil {
		return socket, err
	}
	config := o.TLS.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(o.Addr)
		if err != nil {
			host = o.Addr
		}
		config.ServerName = host
	}
	secure := tls.Client(socket, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = socket.Close()
		return nil, err
	}
	return secure, nil
}

// open is the conversation that makes a connection usable.
func (c *Conn) open(ctx context.Context) error {
	if err := c.startup(ctx); err != nil {
		return err
	}
	if c.options.Events != nil {
		events := &wire.Register{Events: []wire.EventType{wire.TopologyChange, wire.StatusChange, wire.SchemaChanged}}
		if _, err := c.roundTrip(ctx, events, false); err != nil {
			return fmt.Errorf("register for events: %w", err)
		}
	}
	if c.options.Keyspace == "" {
		return nil
	}
	_, err := c.Query(ctx, "USE "+quoted(c.options.Keyspace))
	return err
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (c *Conn) startup(ctx context.Context) error {
	settings := map[string]string{"CQL_VERSION": "3.0.0", "DRIVER_NAME": "esker"}
	if c.options.Compression != wire.CompressionNone {
		settings["COMPRESSION"] = c.options.Compression.String()
	}
	answer, err := c.roundTrip(ctx, &wire.Startup{Options: settings}, false)
	if err != nil {
		return err
	}
	switch m := answer.Message.(type) {
	case *wire.Ready:
		return nil
	case *wire.Authenticate:
		return c.login(ctx, m.Class)
	default:
		return fmt.Errorf("STARTUP was answered by %s", m.Opcode())
	}
}

func (c *Conn) login(ctx context.Context, class string) error {
	if c.options.Username == "" {
		return fmt.Errorf("login: the server asks for a user name and a password (%s)", class)
	}
	token := wire.AppendPlain(nil, c.options.Username, c.options.Password)
	answer, err := c.roundTrip(ctx, &wire.AuthResponse{Token: token}, false)
	if err != nil {
		return fmt.Errorf("login as %s: %w", c.options.Username, err)
	}
	if _, ok := answer.Message.(*wire.AuthSuccess); !ok {
		return fmt.Errorf("login as %s: %s asks for more than a password", c.options.Username, class)
	}
	return nil
}

// Keyspace is what the last successful USE chose; empty if there was none.
func (c *Conn) Keyspace() string {
	if name := c.keyspace.Load(); name != nil {
		return *name
	}
	return ""
}

// ProtocolVersion is the version that the connection speaks.
func (c *Conn) ProtocolVersion() byte { return c.options.ProtocolVersion }

// Down is closed when the connection has ended, by whomever.
func (c *Conn) Down() <-chan struct{} { return c.down }

// Close ends the connection and every call that waits, and joins its goroutines. It may be called more than once.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	c.join.Wait()
	return nil
}

// lost ends the connection because of cause.
func (c *Conn) lost(cause error) {
	c.fail(fmt.Errorf("%s: %w: %w", c.options.Addr, ErrLost, cause))
}

func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	calls := c.calls
	c.calls, c.out = nil, nil
	c.mu.Unlock()
	close(c.down)
	_ = c.socket.Close()
	for _, call := range calls {
		if call != nil {
			call.finish(wire.Answer{}, err)
		}
	}
}

func (c *Conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
