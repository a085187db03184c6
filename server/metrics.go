package server

import (
	"errors"
	"io"
	"math/bits"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/server/wire"
)

// Counters are what a server has counted since it was opened, and what it has open now.
type Counters struct {
	Requests  map[string]uint64    // answered, by the opcode's name in the protocol
	Answers   map[string]Durations // by what the answer was: read, write, schema, prepare, other or failed
	Errors    map[wire.ErrorCode]uint64
	BytesIn   uint64 // of the protocol, decrypted
	BytesOut  uint64
	Opened    uint64            // connections
	Refused   map[string]uint64 // connections that were closed at once, by cause
	Closed    map[string]uint64 // connections, by cause
	LoggedIn  uint64
	LoginsBad uint64 // logins that were refused
	Open      int    // connections now
	InFlight  int    // requests that were read and are not answered
}

// Durations is a histogram of times.
type Durations struct {
	Counts [durationBuckets]uint64 // by DurationBounds; the last has all that is longer
	Sum    time.Duration
}

// Count is of how many times a histogram is.
func (d *Durations) Count() (n uint64) {
	for _, c := range d.Counts {
		n += c
	}
	return n
}

const (
	// shortestBits is the exponent of the first bound: 2^12 ns, about 4 µs.
	shortestBits = 12
	// durationBuckets end at 2^35 ns, about 34 s, with two to each doubling, and one beyond.
	durationBuckets = 2*(35-shortestBits) + 2
)

// DurationBounds are the upper bounds of all buckets but the last, which has none.
func DurationBounds() []time.Duration {
	out := make([]time.Duration, durationBuckets-1)
	for i := range out {
		out[i] = time.Duration(2+i%2) << (shortestBits - 1 + i/2)
	}
	return out
}

// bucketOf is the bucket of a time: the first whose bound is not below it.
func bucketOf(d time.Duration) int {
	if d <= 1<<shortestBits {
		return 0
	}
	n := uint64(d - 1)
	top := bits.Len64(n) - 1     // n is in [2^top, 2^(top+1))
	upper := int(n>>(top-1)) & 1 // 1 in the upper half of it
	return min(2*(top-shortestBits)+upper+1, durationBuckets-1)
}

// answerKinds are the names of Counters.Answers.
var answerKinds = [...]string{"read", "write", "schema", "prepare", "other", "failed"}

const (
	kindRead = iota
	kindWrite
	kindSchema
	kindPrepare
	kindOther
	kindFailed
)

// errorCodes are all that a server sends; any other counts as the first.
var errorCodes = [...]wire.ErrorCode{
	wire.CodeServer, wire.CodeProtocol, wire.CodeBadCredentials, wire.CodeUnavailable, wire.CodeOverloaded, wire.CodeBootstrapping,
	wire.CodeTruncate, wire.CodeWriteTimeout, wire.CodeReadTimeout, wire.CodeReadFailure, wire.CodeFunctionFailure,
	wire.CodeWriteFailure, wire.CodeSyntax, wire.CodeUnauthorized, wire.CodeInvalid, wire.CodeConfig, wire.CodeAlreadyExists, wire.CodeUnprepared,
}

// requestOpcodes are those of Counters.Requests.
var requestOpcodes = [...]wire.Opcode{
	wire.OpStartup, wire.OpOptions, wire.OpQuery, wire.OpPrepare, wire.OpExecute, wire.OpRegister, wire.OpBatch, wire.OpAuthResponse,
}

// Causes of connections that were refused or closed.
var (
	refusals   = [...]string{"connections", "address", "shutdown", "accept"}
	departures = [...]string{"client", "shutdown", "startup", "frame", "crowded", "unread", "stalled", "protocol", "network", "language"}
)

const opcodes = 0x11

// metrics count what a server does. Methods may be called from several goroutines, lock nothing; those of requests allocate nothing.
type metrics struct {
	stripes [stripes]stripe
	next    atomic.Uint32 // stripe of the next connection

	opened, loggedIn, loginsBad atomic.Uint64
	refused                     [len(refusals)]atomic.Uint64
	closed                      [len(departures)]atomic.Uint64
}

// stripes is how many connections count without meeting on one line of the processor's cache.
const stripes = 16

// stripe is what connections of one number modulo stripes count together.
type stripe struct {
	requests [opcodes]atomic.Uint64
	answers  [len(answerKinds)]struct {
		counts [durationBuckets]atomic.Uint64
		sum    atomic.Int64
	}
	errors            [len(errorCodes)]atomic.Uint64
	begun             atomic.Int64 // requests read, less those answered
	bytesIn, bytesOut atomic.Uint64
	_                 [64]byte // the next stripe is on another line
}

// meter is one connection's hand on the metrics. The zero meter counts nothing but its own requests.
type meter struct {
	stripe   *stripe
	requests atomic.Uint64
}

// join gives a connection its stripe.
func (m *metrics) join() *stripe { return &m.stripes[m.next.Add(1)%stripes] }

// begun counts a request that was read.
func (m *meter) begun() {
	m.requests.Add(1)
	m.stripe.begun.Add(1)
}

// answered counts a request that is answered, and how long that took.
func (m *meter) answered(op wire.Opcode, answer wire.Response, took time.Duration) {
	s := m.stripe
	s.begun.Add(-1)
	if op < opcodes {
		s.requests[op].Add(1)
	}
	kind := kindOther
	switch a := answer.(type) {
	case *wire.Rows:
		kind = kindRead
	case *wire.Void:
		kind = kindWrite
	case *wire.Prepared:
		kind = kindPrepare
	case *wire.SchemaResult:
		kind = kindSchema
	case *wire.Error:
		kind = kindFailed
		m.failed(a.Code)
	}
	h := &s.answers[kind]
	h.counts[bucketOf(took)].Add(1)
	h.sum.Add(int64(took))
}

// failed counts an error that no request asked for, such as that of a frame that cannot be read.
func (m *meter) failed(code wire.ErrorCode) {
	at := 0
	for i, c := range errorCodes {
		if c == code {
			at = i
		}
	}
	m.stripe.errors[at].Add(1)
}

// read and wrote count bytes of the protocol.
func (m *meter) read(bytes int)  { m.stripe.bytesIn.Add(uint64(bytes)) }
func (m *meter) wrote(bytes int) { m.stripe.bytesOut.Add(uint64(bytes)) }

// refusal counts a connection that was closed at once.
func (m *metrics) refusal(cause error) {
	at := 3
	switch {
	case errors.Is(cause, errTooMany):
		at = 0
	case errors.Is(cause, errTooManyOfAddress):
		at = 1
	case errors.Is(cause, errShutdown):
		at = 2
	}
	m.refused[at].Add(1)
}

// departure counts a connection that has ended.
func (m *metrics) departure(cause error) {
	var (
		broken   *wire.ProtocolError
		stranger *StrangerError
	)
	at := 8
	switch {
	case cause == nil:
		at = 0
	case errors.Is(cause, errShutdown):
		at = 1
	case errors.Is(cause, errStartup):
		at = 2
	case errors.Is(cause, errFrame):
		at = 3
	case errors.Is(cause, errCrowded):
		at = 4
	case errors.Is(cause, errUnread):
		at = 5
	case errors.Is(cause, os.ErrDeadlineExceeded): // of a write: those of reads have causes of their own
		at = 6
	case errors.As(cause, &broken):
		at = 7
	case errors.As(cause, &stranger):
		at = 9
	case errors.Is(cause, io.EOF), errors.Is(cause, net.ErrClosed):
		at = 0
	}
	m.closed[at].Add(1)
}

// Counters are what the server has counted so far. Each number is exact; they are not of one moment.
func (s *Server) Counters() Counters {
	m := &s.metrics
	out := Counters{
		Requests: map[string]uint64{}, Answers: map[string]Durations{}, Errors: map[wire.ErrorCode]uint64{},
		Refused: map[string]uint64{}, Closed: map[string]uint64{},
		Opened: m.opened.Load(), LoggedIn: m.loggedIn.Load(), LoginsBad: m.loginsBad.Load(),
	}
	inFlight := int64(0)
	for i := range m.stripes {
		inFlight += m.stripes[i].addTo(&out)
	}
	out.InFlight = int(max(inFlight, 0))
	for i, cause := range refusals {
		out.Refused[cause] = m.refused[i].Load()
	}
	for i, cause := range departures {
		out.Closed[cause] = m.closed[i].Load()
	}
	s.mu.Lock()
	out.Open = len(s.connections)
	s.mu.Unlock()
	return out
}

// addTo adds what a stripe has counted, and returns how many requests are in flight.
func (s *stripe) addTo(out *Counters) int64 {
	for _, op := range requestOpcodes {
		out.Requests[op.String()] += s.requests[op].Load()
	}
	for kind, name := range answerKinds {
		d := out.Answers[name]
		d.Sum += time.Duration(s.answers[kind].sum.Load())
		for i := range d.Counts {
			d.Counts[i] += s.answers[kind].counts[i].Load()
		}
		out.Answers[name] = d
	}
	for i, code := range errorCodes {
		out.Errors[code] += s.errors[i].Load()
	}
	out.BytesIn += s.bytesIn.Load()
	out.BytesOut += s.bytesOut.Load()
	return s.begun.Load()
}
