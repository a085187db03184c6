package server

import "github.com/eskerdb/esker/server/wire"

// settleSoon lets answers that wait for the commit log be sent once they may, unless somebody is at it.
func (c *conn) settleSoon() {
	if c.answers.settles(false) {
		c.server.crew.do((*conn).settle, c)
	}
}

// settles begins to settle if there is something held and nobody does; with alone only if it is the answer to the one
// request in flight.
func (a *answers) settles(alone bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held == nil || a.settling || alone && a.inFlight != 1 {
		return false
	}
	a.settling = true
	return true
}

// settle waits for the newest write each time: all that were begun before it are durable then.
func (c *conn) settle() {
	for {
		h := c.answers.release()
		if h == nil {
			return
		}
		c.settled(h, c.server.database.Await(h.newest))
		c.flush(true)
	}
}

// release takes what is held; nil: nothing is, and whoever settles ends.
func (a *answers) release() *held {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.held
	a.held = nil
	if h == nil {
		a.settling = false
	}
	return h
}

// settled makes answers due; err is that of the newest ticket.
func (c *conn) settled(h *held, err error) {
	if err == nil {
		now := c.server.now()
		for i := range h.of {
			c.meter.answered(h.of[i].header.Opcode, acknowledged, now-h.of[i].begun)
		}
	} else {
		c.unsettled(h)
	}
	n := len(h.of)
	c.answers.due(h.frames, n)
	c.server.slots.leave(n)
	if cap(h.frames) <= keptBytesMax {
		*h = held{frames: h.frames[:0], of: h.of[:0]}
		helds.Put(h)
	}
}

// unsettled asks for each write alone, as some may have been durable before the log failed, and puts errors in the
// place of the other answers.
func (c *conn) unsettled(h *held) {
	frames, from := []byte(nil), 0
	for _, answer := range h.of {
		err, told := c.server.database.Await(answer.ticket), wire.Response(acknowledged)
		if err == nil {
			frames = append(frames, h.frames[from:answer.end]...)
		} else {
			refusal := c.refusal(err)
			told = refusal.Message
			frames = appendAnswer(frames, answer.header, refusal, wire.CompressionNone)
		}
		c.meter.answered(answer.header.Opcode, told, c.server.now()-answer.begun)
		from = answer.end
	}
	h.frames = frames
}

// acknowledged is what a write is counted as.
var acknowledged = &wire.Void{}

// due makes the answers to n requests due.
func (a *answers) due(frames []byte, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leftLocked(n)
	if a.err == nil {
		a.grownLocked(append(a.outLocked(), frames...))
	}
}
