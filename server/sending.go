package server

import (
	"fmt"
	"time"

	"github.com/eskerdb/esker/server/wire"
)

// writeBytesMax is how much is written at a time, so that a deadline bounds a stall and not a transfer.
const writeBytesMax = 256 << 10

// sender is what the one who sends has in hand: answers.sending says that there is one.
type sender struct {
	memory *buffer // where frames came from; nil: nowhere
	whole  []byte  // all of them
	frames []byte  // that are due and not in part yet
	plain  int     // bytes at the start of frames that stand before the first segment
	wraps  wire.Segmenter
	around *buffer // memory of part where it is segments; nil: none
	part   []byte  // what is written now
	stands int     // for how many bytes of frames
}

// send answers a frame; the reader sends it before it waits.
func (c *conn) send(h wire.Header, answer wire.Answer) {
	if err := c.answers.add(h, answer, c.server.limits.UnreadBytesMax, false); err != nil {
		c.fail(err)
	}
}

// tell sends something without waiting for the client to take it. Anybody may call it.
func (c *conn) tell(h wire.Header, answer wire.Answer) {
	c.send(h, answer)
	c.flush(false)
}

// flush sends what is due, unless somebody does. If the socket does not take it, the rest is left to the crew, or
// waited for with patience.
func (c *conn) flush(patience bool) {
	a := &c.answers
	a.mu.Lock()
	if a.sending || len(a.out) == 0 || a.err != nil {
		a.mu.Unlock()
		return
	}
	a.sending = true
	a.mu.Unlock()
	c.transmit(patience)
}

// transmitPatiently goes on for whoever had no patience.
func (c *conn) transmitPatiently() { c.transmit(true) }

// transmit sends until nothing is due.
func (c *conn) transmit(patience bool) {
	s := &c.sender
	for {
		if len(s.part) == 0 {
			if more, err := c.cut(); err != nil || !more {
				c.failedToWrite(err)
				return
			}
		}
		n, err := c.write(s.part, patience)
		if err != nil {
			c.failedToWrite(err)
			return
		}
		if s.part = s.part[n:]; len(s.part) > 0 {
			c.server.crew.do((*conn).transmitPatiently, c)
			return
		}
		c.answers.taken(s.stands)
	}
}

func (c *conn) failedToWrite(err error) {
	if err != nil {
		c.fail(fmt.Errorf("write: %w", err))
	}
}

// cut makes the next part of what is due; it is false if nothing is, and somebody else may send from now on.
func (c *conn) cut() (more bool, err error) {
	s := &c.sender
	if len(s.frames) == 0 && !c.answers.take(s) {
		return false, nil
	}
	if s.plain > 0 {
		s.stands = min(s.plain, writeBytesMax)
		s.part = s.frames[:s.stands]
		s.plain -= s.stands
	} else if err := s.wrap(); err != nil {
		return false, err
	}
	s.frames = s.frames[s.stands:]
	return true, nil
}

// wrap makes a part of segments.
func (s *sender) wrap() (err error) {
	if s.around == nil {
		s.around = buffers.Get().(*buffer)
	}
	s.part, s.stands, err = s.wraps.Append(s.around.bytes[:0], s.frames, writeBytesMax)
	s.around.bytes = s.part
	return err
}

// unwrap gives the memory of segments up.
func (s *sender) unwrap() {
	if s.around != nil && cap(s.around.bytes) <= keptBytesMax {
		buffers.Put(s.around)
	}
	s.around = nil
}

// take gives a sender what is due; it is false if nothing is, and the sender ends.
func (a *answers) take(s *sender) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.memory != nil && cap(s.whole) <= keptBytesMax {
		s.memory.bytes = s.whole[:0]
		buffers.Put(s.memory)
	}
	s.memory, s.whole = nil, nil
	s.unwrap()
	if a.err != nil || len(a.out) == 0 {
		a.sending = false
		a.changed.Broadcast()
		return false
	}
	s.memory, s.whole, s.frames, s.plain = a.memoryOf, a.out, a.out, len(a.out)
	if a.segmented {
		s.plain, a.plain = a.plain, 0
		s.wraps.Compression = a.compression
	}
	a.out = nil
	return true
}

// count makes memory count what the socket did not take at once.
func (a *answers) count() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.countLocked()
	}
}

// write writes what the socket takes, or with patience all of it.
func (c *conn) write(part []byte, patience bool) (n int, err error) {
	if c.lean.raw != nil {
		n, err = c.lean.try(part)
		c.meter.wrote(n)
		if err != nil || n == len(part) {
			return n, err
		}
	}
	c.answers.count()
	if !patience {
		return n, nil
	}
	if err := c.socket.SetWriteDeadline(c.server.clock.Now().Add(c.server.limits.StalledAfter)); err != nil {
		return n, err
	}
	m, err := c.socket.Write(part[n:])
	if err == nil {
		err = c.socket.SetWriteDeadline(time.Time{}) // else it would end writes that do not wait
	}
	return n + m, err
}
