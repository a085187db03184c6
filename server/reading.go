package server

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/eskerdb/esker/server/wire"
)

// owesMax is how long answers that are due wait for more of them while requests are there to be carried out.
const owesMax = 100 * time.Microsecond

// lead takes frames until the client leaves, breaks the protocol for good, the server drains, or another goroutine
// leads.
func (c *conn) lead() {
	for {
		if c.ahead() == 0 && !c.catchUp() {
			return
		}
		f, more, err := c.next()
		if more {
			if more, err = c.take(f); !more && err == nil {
				return
			}
		}
		if !more {
			c.end(err)
			return
		}
	}
}

// takeOver leads from here on: whoever led is busy, and what it had not read is on a desk of our own.
func (c *conn) takeOver() {
	c.pause()
	c.lead()
}

// ahead is how many bytes of requests can be read without waiting.
func (c *conn) ahead() int {
	if c.segments != nil {
		return c.segments.Buffered() + c.input.buffered()
	}
	return c.input.buffered()
}

// next reads a frame that can be taken. Frames that break the protocol are answered. There is no more when the
// connection ends; the error is then nil if it ends in peace.
func (c *conn) next() (f wire.Frame, more bool, err error) {
	for {
		f, err := c.frames.NextInPlace()
		c.socket.frameOver()
		if err == nil {
			return f, true, nil
		}
		c.server.memory.Release(c.bytes)
		c.bytes = 0
		var broken *wire.ProtocolError
		if !errors.As(err, &broken) {
			return wire.Frame{}, false, departure(err)
		}
		c.meter.failed(broken.Code)
		if !c.room() {
			return wire.Frame{}, false, net.ErrClosed
		}
		c.refuse(broken)
		if broken.Fatal {
			return wire.Frame{}, false, c.socket.explain(err)
		}
	}
}

// reserve takes memory for the body of the frame being read.
func (c *conn) reserve(bytes int) error {
	if err := c.server.memory.Reserve(int64(bytes)); err != nil {
		return err
	}
	c.bytes += int64(bytes)
	return nil
}

// pause lets what is due be sent and what is held be settled, without waiting for either: the leader may wait now.
func (c *conn) pause() {
	c.owes = 0
	c.flush(false)
	c.settleSoon()
}

// catchUp does what is to be done before the leader waits and what nobody else would do sooner: the only request in
// flight is settled without waking anybody, and a socket that cannot be written without waiting is written. It is
// false if another goroutine leads now.
func (c *conn) catchUp() bool {
	alone := c.answers.settles(true)
	if !alone && (c.lean.raw != nil || !c.answers.isDue()) {
		return true
	}
	d := c.input.desk
	c.owes = 0
	since := c.busy() // from here on the next one may lead, and what belongs to the leader is his
	if alone {
		c.settle()
	}
	c.flush(true)
	if c.rests(since) {
		return true
	}
	if d != nil {
		c.rise(d)
	}
	return false
}

// refuse answers a frame that could not be read.
func (c *conn) refuse(broken *wire.ProtocolError) {
	c.send(wire.Header{Version: c.speaks(), Stream: broken.Stream}, wire.Answer{Message: broken.Response()})
}

// room waits until the client has read so much that one more answer may be added; it is false if the connection failed meanwhile.
func (c *conn) room() bool {
	if !c.answers.enter(c.server.limits.InFlightMax, c.pause) {
		return false
	}
	c.answers.left(1)
	return true
}

// take answers a frame. The leader goes on unless it is false: with an error the connection ends, without one another
// goroutine leads now.
func (c *conn) take(f wire.Frame) (leads bool, err error) {
	version := byte(c.version.Load())
	if c.login.stage == stageReady && f.Header.Version == version && isStatement(f.Header.Opcode) {
		return c.dispatch(f)
	}
	c.server.memory.Release(c.bytes)
	c.bytes = 0
	if !c.room() {
		return false, net.ErrClosed
	}
	begun := c.server.clock.Now()
	c.meter.begun()
	if version != 0 && f.Header.Version != version {
		broken := &wire.ProtocolError{Code: wire.CodeProtocol, Stream: f.Header.Stream, Message: fmt.Sprintf(
			"Invalid message version. Got %d but previous messages on this connection had version %d", f.Header.Version, version)}
		c.meter.answered(f.Header.Opcode, broken.Response(), 0)
		c.refuse(broken)
		return false, broken
	}
	a := c.converse(f)
	c.meter.answered(f.Header.Opcode, a.Message, c.server.clock.Now().Sub(begun))
	c.send(f.Header, a)
	if version == 0 && c.version.Load() >= 5 {
		c.segment()
	}
	return true, nil
}

func isStatement(op wire.Opcode) bool {
	return op == wire.OpQuery || op == wire.OpExecute || op == wire.OpBatch || op == wire.OpPrepare
}

// workFactor is how many times the bytes of its body a statement takes while it is carried out: values, rows,
// the record of the commit log.
const workFactor = 4

// dispatch carries out a statement once there is room for it. It returns what take does.
func (c *conn) dispatch(f wire.Frame) (leads bool, err error) {
	if !c.enter() {
		c.server.memory.Release(c.bytes)
		c.bytes = 0
		return false, net.ErrClosed
	}
	r := request{conn: c, desk: c.input.desk, header: f.Header, begun: c.server.now(), ahead: c.ahead() > 0}
	switch {
	case c.owes == 0:
		c.owes = r.begun
	case r.begun-c.owes > owesMax:
		c.pause()
	}
	r.desk.scratch = c.frames.Scratch
	r.desk.lease = *c.server.memory.Lease(c.bytes)
	c.bytes = 0
	r.since = c.busy()
	r.carryOut(f)
	if c.rests(r.since) {
		return true, nil
	}
	c.rise(r.desk)
	c.flush(true)
	c.settleSoon()
	return false, nil
}

// enter counts a request in once there is room for it; it is false if the connection failed while it waited.
func (c *conn) enter() bool {
	if !c.answers.enter(c.server.limits.InFlightMax, c.pause) {
		return false
	}
	if c.server.slots.try() {
		return true
	}
	c.pause()
	if c.server.slots.enter(c.down) {
		return true
	}
	c.answers.left(1)
	return false
}
