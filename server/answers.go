package server

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/server/wire"
)

const (
	// pauseBytes is how many bytes of answers may wait before no more requests are read, and pauseBytesUnready how many before
	// the client is ready for statements.
	pauseBytes        = 4 << 20
	pauseBytesUnready = 64 << 10
	// keptBytesMax is the largest buffer that waits for its next use.
	keptBytesMax = 64 << 10
)

// errUnread ends a connection whose client does not read.
var errUnread = errors.New("the client leaves answers unread")

// answers gathers encoded frames: those that are due, for whoever sends, and those of writes that are not durable, for
// whoever settles them.
type answers struct {
	mu          sync.Mutex // never held while doing I/O
	changed     sync.Cond  // L is mu; somebody sent or settled answers, or the connection failed
	out         []byte     // guarded by mu; frames that are due
	memoryOf    *buffer    // guarded by mu; where out came from
	sending     bool       // guarded by mu; somebody sends, and looks again before it ends
	held        *held      // guarded by mu; nil: every write is durable
	settling    bool       // guarded by mu; somebody settles, and looks again before it ends
	inFlight    int        // guarded by mu; requests that were read and whose answers are not due
	unread      int        // guarded by mu; bytes in out and in the sender's hands
	unreadPause int        // guarded by mu; how many of them there may be before no more requests are read
	counted     int        // guarded by mu; those of unread that memory counts
	err         error      // guarded by mu; why the socket is of no use any more
	compression wire.Compression
	plain       int             // guarded by mu; bytes at the start of out that stand before the first segment
	segmented   bool            // guarded by mu; what follows them goes in segments
	memory      *memory.Account // counts unread, but what the socket takes at once
}

// held is answers to writes that were applied and need not be durable yet.
type held struct {
	frames []byte
	of     []heldAnswer
	newest database.Ticket
}

// heldAnswer is one of them.
type heldAnswer struct {
	ticket database.Ticket
	header wire.Header // of the request
	begun  time.Duration
	end    int // in held.frames
}

// helds and buffers keep memory that nobody uses, so that connections without anything to do have none.
var (
	helds   = sync.Pool{New: func() any { return new(held) }}
	buffers = sync.Pool{New: func() any { return new(buffer) }}
)

// buffer is memory of frames.
type buffer struct{ bytes []byte }

func (a *answers) init(m *memory.Account) {
	a.changed.L, a.memory, a.unreadPause = &a.mu, m, pauseBytesUnready
}

// ready lets as many bytes wait as a client that is ready for statements may leave unread.
func (a *answers) ready() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unreadPause = pauseBytes
}

// compress makes all later answers be compressed.
func (a *answers) compress(c wire.Compression) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.compression = c
}

// segment makes all later answers go in segments.
func (a *answers) segment() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plain, a.segmented = len(a.out), true
}

// fail says that nothing can be written any more; it is false if that is known.
func (a *answers) fail(cause error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return false
	}
	a.err, a.out = cause, nil
	a.memory.Release(int64(a.counted))
	a.unread, a.counted = 0, 0
	a.changed.Broadcast()
	return true
}

func (a *answers) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// enter counts a request in. It waits while the client leaves too much unread, or too many of its requests are in
// flight, and calls before it does. It is false if the connection failed.
func (a *answers) enter(inFlightMax int, before func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.crowdedLocked(inFlightMax) {
		a.mu.Unlock()
		before()
		a.mu.Lock()
		for a.crowdedLocked(inFlightMax) {
			a.changed.Wait()
		}
	}
	if a.err != nil {
		return false
	}
	a.inFlight++
	return true
}

func (a *answers) crowdedLocked(inFlightMax int) bool {
	return a.err == nil && (a.unread > a.unreadPause || a.inFlight >= inFlightMax)
}

// left counts n requests out.
func (a *answers) left(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leftLocked(n)
}

func (a *answers) leftLocked(n int) {
	a.inFlight -= n
	a.changed.Broadcast()
}

// add encodes an answer that is due. An error is that of a client that does not read. The answer is to one of the
// requests in flight, or to none that was counted.
func (a *answers) add(h wire.Header, answer wire.Answer, unreadBytesMax int, inFlight bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if inFlight {
		a.leftLocked(1)
	}
	if a.err != nil {
		return nil
	}
	if a.unread > unreadBytesMax {
		return fmt.Errorf("%w: %d bytes; the most allowed is %d", errUnread, a.unread, unreadBytesMax)
	}
	a.grownLocked(appendAnswer(a.outLocked(), h, answer, a.compression))
	return nil
}

// hold encodes an answer that is due once its ticket is.
func (a *answers) hold(r *request, answer wire.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held == nil {
		a.held = helds.Get().(*held)
	}
	h := a.held
	h.frames, h.newest = appendAnswer(h.frames, r.header, answer, a.compression), h.newest.Later(r.ticket)
	h.of = append(h.of, heldAnswer{ticket: r.ticket, header: r.header, begun: r.begun, end: len(h.frames)})
}

// isDue tells whether there is something to send.
func (a *answers) isDue() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.out) > 0 && !a.sending
}

// appendAnswer appends an answer, or the error that it is too long to be told.
func appendAnswer(dst []byte, h wire.Header, answer wire.Answer, c wire.Compression) []byte {
	if _, void := answer.Message.(*wire.Void); void && len(answer.Warnings) == 0 && answer.TracingID == [16]byte{} {
		return wire.AppendVoid(dst, h)
	}
	out, err := wire.AppendAnswer(dst, h, answer, c)
	if err != nil {
		out, _ = wire.AppendAnswer(dst, h, wire.Answer{Message: errorMessage(err)}, c) // that is short
	}
	return out
}

// outLocked is out, with memory.
func (a *answers) outLocked() []byte {
	if a.out == nil {
		a.memoryOf = buffers.Get().(*buffer)
		a.out = a.memoryOf.bytes[:0]
	}
	return a.out
}

// grownLocked makes out what was appended to it.
func (a *answers) grownLocked(out []byte) {
	n := len(out) - len(a.out)
	a.out = out
	a.unread += n
	if a.sending {
		a.countLocked()
	}
}

// countLocked counts what is unread.
func (a *answers) countLocked() {
	a.memory.Take(int64(a.unread - a.counted))
	a.counted = a.unread
}

// taken counts what the client's side has accepted.
func (a *answers) taken(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return // fail has given all of it back
	}
	a.unread -= n
	if a.counted > a.unread {
		a.memory.Release(int64(a.counted - a.unread))
		a.counted = a.unread
	}
	a.changed.Broadcast()
}

// drained waits until every request is answered and every answer is sent, or cannot be.
func (a *answers) drained() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.inFlight > 0 || a.err == nil && (a.sending || len(a.out) > 0) {
		a.changed.Wait()
	}
}
