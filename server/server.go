// Package server is the TCP side of a database: a listener, connections, the handshake, requests in
// flight and the protocol's error codes.
//
// It knows frames, streams, limits and which answer belongs to which request. It does not know CQL,
// plans or files: statements go to a Database as text and come back as encoded rows.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/tracing"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/memory"
)

// Database is what the server needs of a database.
type Database interface {
	// Parse plans a statement without keeping it.
	Parse(keyspace, text string) (*database.Statement, error)
	// Prepare plans a statement and keeps it under its ID.
	Prepare(keyspace, text string) (*database.Statement, error)
	// Prepared is the statement kept under an id, or nil.
	Prepared(id []byte) *database.Statement
	// Begin runs a statement; if the ticket waits, the result may be told once Await has returned nil for it or a later
	// one. What it is given is no longer used when it returns.
	Begin(st *database.Statement, req database.Request) (*database.Result, database.Ticket, error)
	// BeginBatch runs several writes as one, as Begin does.
	BeginBatch(entries []database.BatchEntry, req database.Request) (*database.Result, database.Ticket, error)
	// Await returns when the writes of the ticket and of all that were begun before are durable.
	Await(database.Ticket) error
	// Trace begins the trace of a request.
	Trace(start tracing.Start) *tracing.Trace
	// Listen calls f after every schema change, until stop is called.
	Listen(f func(database.Change)) (stop func())
}

// Options of a server. Database, and Addr or Listener, are needed.
type Options struct {
	// Database answers the statements.
	Database Database
	// Addr is the host:port to listen on; port 0 takes a free one.
	Addr string
	// Listener is used instead of Addr if it is set. The server closes it.
	Listener net.Listener
	// Limits of what clients may take.
	Limits Limits
	// Memory is what requests and their answers may take, all connections together; a request beyond
	// is answered as overloaded. Default: an account of 256 MiB.
	Memory *memory.Account
	// Door says who may come in. Default: everybody, in the clear.
	Door Door
	// Events report what cannot be told to a client.
	Events Events
	// Clock gives the deadlines of writes to clients. Default clock.System.
	Clock clock.Clock
}

// Events report what cannot be told to a client, or not to it alone. Functions may be nil; they are
// called from several goroutines and must not block.
type Events struct {
	// Opened and Closed tell of connections; the error is nil if the client left or the server drains.
	Opened func(remote net.Addr)
	Closed func(remote net.Addr, cause error)
	// Refused tells of a connection that was closed at once, and of a listener that could not accept.
	Refused func(remote net.Addr, cause error)
	// LoggedIn and LoginFailed tell of logins, by the name that the client gave.
	LoggedIn    func(remote net.Addr, name string)
	LoginFailed func(remote net.Addr, name string, cause error)
	// Failed tells of a statement that was answered as a server error.
	Failed func(remote net.Addr, err error)
	// Panicked tells of a request that broke a promise inside the program.
	Panicked func(remote net.Addr, value any, stack []byte)

	metrics *metrics // count the same
}

// Server is a listening server. Its methods may be called from several goroutines.
type Server struct {
	database Database
	limits   Limits
	door     Door
	logins   *logins
	visitors *visitors
	events   Events
	clock    clock.Clock
	listener net.Listener
	metrics  metrics

	crew       crew
	watch      *watch
	slots      *slots       // of requests in flight: InFlightTotalMax
	long       *slots       // of statements that are known to take long: LongMax
	readers    atomic.Int32 // reads that are carried out
	processors int32
	started    time.Time
	memory     *memory.Account
	unlisten   func()
	context    context.Context // ends when Shutdown begins
	cancel     func()          // of context
	closed     chan struct{}   // closed when Shutdown begins

	join sync.WaitGroup // connections

	mu          sync.Mutex // held for a moment only; taken before conn.mu
	closing     bool       // guarded by mu
	connections map[*conn]struct{}
}

// Listen opens the listener. Clients are answered once Serve runs.
func Listen(o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Listener == nil {
		listener, err := net.Listen("tcp", o.Addr)
		if err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
		o.Listener = listener
	}
	if o.Memory == nil {
		o.Memory = memory.NewAccount("requests and answers", 256<<20)
	}
	s := &Server{
		memory: o.Memory, database: o.Database, limits: o.Limits.withDefaults(), events: o.Events, clock: o.Clock, listener: o.Listener,
		door: o.Door.withDefaults(o.Limits.withDefaults().ConnectionsMax), logins: newLogins(o.Door.Logins, o.Clock),
		processors: int32(runtime.GOMAXPROCS(0)), started: o.Clock.Now(), closed: make(chan struct{}), connections: map[*conn]struct{}{},
	}
	s.events.metrics = &s.metrics
	s.visitors = newVisitors(&s.door)
	s.context, s.cancel = context.WithCancel(context.Background())
	s.slots, s.long, s.watch = newSlots(s.limits.InFlightTotalMax), newSlots(s.limits.LongMax), newWatch(&s.crew)
	s.unlisten = o.Database.Listen(s.schemaChanged)
	return s, nil
}

// Addr is where the server listens, with the port it got.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// acceptAgainAfter is how long a listener rests that could not accept, as for want of file descriptors.
const acceptAgainAfter = 100 * time.Millisecond

// Serve accepts connections until Shutdown, and then returns nil.
func (s *Server) Serve() error {
	for {
		socket, err := s.listener.Accept()
		if err == nil {
			s.admit(socket)
			continue
		}
		select {
		case <-s.closed:
			return nil
		default:
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("server: %w", err)
		}
		s.events.refused(s.Addr(), err)
		select {
		case <-s.closed:
			return nil
		case <-time.After(acceptAgainAfter):
		}
	}
}

// admit starts a connection, or closes it if there are too many.
func (s *Server) admit(socket net.Conn) {
	keepAlive(socket)
	c := newConn(s, socket)
	if refused := s.enter(c); refused != nil {
		_ = socket.Close() // nothing was sent on it
		s.events.refused(socket.RemoteAddr(), refused)
		return
	}
	s.events.opened(socket.RemoteAddr())
	s.crew.do((*conn).serve, c)
}

// ended forgets a connection that is closed.
func (s *Server) ended(c *conn, cause error) {
	s.leave(c)
	s.events.closed(c.socket.RemoteAddr(), cause)
	s.join.Done()
}

// now is the time since the server began.
func (s *Server) now() time.Duration { return s.clock.Now().Sub(s.started) }

// enter counts a connection in, and closes another one if it is too many of those that are not ready.
func (s *Server) enter(c *conn) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return errShutdown
	}
	if len(s.connections) >= s.limits.ConnectionsMax {
		s.mu.Unlock()
		return fmt.Errorf("%d %w", s.limits.ConnectionsMax, errTooMany)
	}
	crowded, err := s.visitors.enter(c)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.connections[c] = struct{}{}
	s.join.Add(1)
	s.mu.Unlock()
	if crowded != nil {
		crowded.fail(errCrowded)
	}
	return nil
}

// leave counts a connection out.
func (s *Server) leave(c *conn) {
	s.visitors.leave(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
}

// keepAlive finds clients that went away without a word.
func keepAlive(socket net.Conn) {
	if tcp, ok := socket.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 10 * time.Second, Count: 6}) // without it the connection works too
	}
}

// Shutdown stops accepting and reading, lets the requests that were read be answered, and closes the
// connections. When ctx ends first, connections are closed without their answers, and ctx's error is
// returned. In both cases no request runs any more when it returns, so that the database can be closed.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	s.mu.Unlock()
	if first {
		close(s.closed)
		s.cancel()
		_ = s.listener.Close() // it accepts no more either way
		s.unlisten()
	}
	s.each((*conn).drain)
	drained := make(chan struct{})
	go func() {
		s.join.Wait()
		close(drained)
	}()
	var err error
	select {
	case <-drained:
	case <-ctx.Done():
		err = ctx.Err()
		s.each(func(c *conn) { c.fail(errShutdown) })
		<-drained
	}
	if first {
		s.watch.close()
		s.crew.close()
	}
	return err
}

var (
	errShutdown = errors.New("the server was shut down before the answers were sent")
	errGone     = errors.New("the connection has ended")
	errTooMany  = errors.New("connections are open, the most allowed")
)

// each calls f for every connection that is open.
func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	open := make([]*conn, 0, len(s.connections))
	for c := range s.connections {
		open = append(open, c)
	}
	s.mu.Unlock()
	for _, c := range open {
		f(c)
	}
}
