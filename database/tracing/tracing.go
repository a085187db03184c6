// Package tracing keeps what requests did, step by step, for those who asked for it: some of the newest, for a day.
//
// It knows times and texts. It does not know statements, nor where a trace is shown.
package tracing

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/clock"
)

// What is kept. The oldest traces go first.
const (
	sessionsMax = 1000
	bytesMax    = 8 << 20
	keptFor     = 24 * time.Hour
	// stepsMax is how many steps a trace tells; the last one then says that there were more.
	stepsMax = 200
	// textBytesMax is how long a text may be; what is longer is cut.
	textBytesMax = 16 << 10
	// Estimates of what is not text.
	sessionBytes, stepBytes = 500, 100
)

// Start is what is known of a request when it begins.
type Start struct {
	Client     netip.Addr
	Command    string            // QUERY, EXECUTE …
	Request    string            // what it does, in words
	Parameters map[string]string // the statement, the page size …; without passwords
}

// Session is a request that is over.
type Session struct {
	Start
	ID       [16]byte // a timeuuid
	Began    time.Time
	Duration time.Duration
	Steps    []Step
}

// Step is one thing that a request did.
type Step struct {
	ID       [16]byte // a timeuuid; later steps have greater ones
	Activity string
	Elapsed  time.Duration // since the request began
}

// Traces keeps sessions. Its methods may be called from several goroutines.
type Traces struct {
	clock clock.Clock
	ticks func() int64 // 100 ns since 1970, each later than the one before
	node  uint64       // of the timeuuids

	mu       sync.Mutex
	sessions []*Session            // guarded by mu; the oldest first
	byID     map[[16]byte]*Session // guarded by mu
	bytes    int                   // guarded by mu; about what they take
}

// New makes a store without traces. ticks gives the times of ids: 100 ns since 1970, each later than the one before.
func New(c clock.Clock, ticks func() int64, node uint64) *Traces {
	return &Traces{clock: c, ticks: ticks, node: node | 1<<40, byID: map[[16]byte]*Session{}} // no network card has the multicast bit
}

const ticksPerMilli = 10_000

func (s *Traces) newID() (id [16]byte) {
	ticks := s.ticks()
	copy(id[:], types.AppendTimeUUID(nil, ticks/ticksPerMilli, uint16(ticks%ticksPerMilli), s.node&(1<<48-1)))
	return id
}

// Begin begins the trace of a request.
func (s *Traces) Begin(start Start) *Trace {
	for name, text := range start.Parameters {
		start.Parameters[name] = cut(text)
	}
	return &Trace{traces: s, session: Session{Start: start, ID: s.newID(), Began: s.clock.Now()}}
}

// Sessions are the requests that are kept, the oldest first. They must not be changed.
func (s *Traces) Sessions() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	return append([]*Session(nil), s.sessions...)
}

// Session is the request with an id, or nil.
func (s *Traces) Session(id [16]byte) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	return s.byID[id]
}

func (s *Traces) keep(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = append(s.sessions, session)
	s.byID[session.ID] = session
	s.bytes += session.size()
	s.forget()
}

// forget drops what is too old or too much. mu is held.
func (s *Traces) forget() {
	since := s.clock.Now().Add(-keptFor)
	for len(s.sessions) > 0 && (len(s.sessions) > sessionsMax || s.bytes > bytesMax || s.sessions[0].Began.Before(since)) {
		s.bytes -= s.sessions[0].size()
		delete(s.byID, s.sessions[0].ID)
		s.sessions[0] = nil
		s.sessions = s.sessions[1:]
	}
}

func (s *Session) size() int {
	n := sessionBytes
	for name, text := range s.Parameters {
		n += len(name) + len(text)
	}
	for i := range s.Steps {
		n += stepBytes + len(s.Steps[i].Activity)
	}
	return n
}

// cut shortens a text to textBytesMax, at a whole rune.
func cut(text string) string {
	if len(text) <= textBytesMax {
		return text
	}
	n := textBytesMax - len("…")
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

// Trace is a request under way. A nil Trace is of a request that nobody traces: its methods do nothing.
type Trace struct {
	traces *Traces

	mu      sync.Mutex
	session Session // guarded by mu
	over    bool    // guarded by mu; session is kept and not changed any more
}

// ID is what the client is told; zero if nobody traces.
func (t *Trace) ID() [16]byte {
	if t == nil {
		return [16]byte{}
	}
	return t.session.ID
}

// Step notes what the request does. Whoever has something to compute for it asks first whether t is nil.
func (t *Trace) Step(format string, args ...any) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	steps := &t.session.Steps
	if t.over || len(*steps) == stepsMax {
		return
	}
	activity := cut(fmt.Sprintf(format, args...))
	if len(*steps) == stepsMax-1 {
		activity = "There are further steps"
	}
	*steps = append(*steps, Step{ID: t.traces.newID(), Activity: activity, Elapsed: t.elapsed()})
}

func (t *Trace) elapsed() time.Duration { return max(t.traces.clock.Now().Sub(t.session.Began), 0) }

// End ends the trace; from here on it can be read.
func (t *Trace) End() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.over = true
	t.session.Duration = t.elapsed()
	t.traces.keep(&t.session)
}
