package server

import (
	"errors"
	"fmt"
	"sync"

	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/server/wire"
)

const (
	// pauseBytes is how many bytes of answers may wait before no more requests are read.
	pauseBytes = 4 << 20
	// writeBytesMax is how much is written at a time, so that a deadline bounds a stall and not a transfer.
	writeBytesMax = 256 << 10
	// keptBytesMax is the largest buffer that waits for its next use.
	keptBytesMax = 64 << 10
)

// errUnread ends a connection whose client does not read.
var errUnread = errors.New("the client leaves answers unread")

// answers gathers encoded frames for the writer, which sends in one piece what came since its last write.
type answers struct {
	mu          sync.Mutex // never held while doing I/O
	ready       sync.Cond  // the writer waits on it: there is something to write, or nothing will come
	room        sync.Cond  // the reader waits on it: the client took answers
	out         []byte     // guarded by mu; frames that wait for the writer
	unread      int        // guarded by mu; bytes in out and in the writer's hands
	ended       bool       // guarded by mu; nothing more will come
	err         error      // guarded by mu; why the socket is of no use any more
	compression wire.Compression
	memory      *memory.Account // counts unread
}

func (a *answers) init(m *memory.Account) {
	a.ready.L, a.room.L, a.memory = &a.mu, &a.mu, m
}

// compress makes all later answers be compressed.
func (a *answers) compress(c wire.Compression) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.compression = c
}

// end says that nothing more will come.
func (a *answers) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	a.ready.Signal()
}

// fail says that nothing can be written any more; it is false if that is known.
func (a *answers) fail(cause error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return false
	}
	a.err, a.out = cause, nil
	a.memory.Release(int64(a.unread))
	a.unread = 0
	a.ready.Signal()
	a.room.Signal()
	return true
}

func (a *answers) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// awaitRoom waits while the client leaves too much unread. It is false if the connection failed.
func (a *answers) awaitRoom() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.unread > pauseBytes && a.err == nil {
		a.room.Wait()
	}
	return a.err == nil
}

// add encodes an answer. An error is that of a client that does not read.
func (a *answers) add(h wire.Header, answer wire.Answer, unreadBytesMax int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return nil
	}
	if a.unread > unreadBytesMax {
		return fmt.Errorf("%w: %d bytes; the most allowed is %d", errUnread, a.unread, unreadBytesMax)
	}
	out, err := wire.AppendAnswer(a.out, h, answer, a.compression)
	if err != nil {
		out, err = wire.AppendAnswer(a.out, h, wire.Answer{Message: errorMessage(err)}, a.compression)
	}
	if err != nil {
		return err
	}
	a.unread += len(out) - len(a.out)
	a.memory.Take(int64(len(out) - len(a.out)))
	a.out = out
	a.ready.Signal()
	return nil
}

// take waits for frames to write and leaves spare in their place; nil means that there will be none.
func (a *answers) take(spare []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.out) == 0 && !a.ended && a.err == nil {
		a.ready.Wait()
	}
	if a.err != nil || len(a.out) == 0 {
		return nil
	}
	out := a.out
	a.out = spare
	return out
}

// taken counts what the client's side has accepted.
func (a *answers) taken(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return // fail has given all of it back
	}
	a.unread -= n
	a.memory.Release(int64(n))
	a.room.Signal()
}

// send gives an answer to the writer.
func (c *conn) send(h wire.Header, answer wire.Answer) {
	if err := c.answers.add(h, answer, c.server.limits.UnreadBytesMax); err != nil {
		c.fail(err)
	}
}

// write sends answers until there will be no more.
func (c *conn) write() {
	var spare []byte
	for {
		out := c.answers.take(spare)
		if out == nil {
			return
		}
		if err := c.writeAll(out); err != nil {
			c.fail(fmt.Errorf("write: %w", err))
			return
		}
		spare = nil
		if cap(out) <= keptBytesMax {
			spare = out[:0]
		}
	}
}

func (c *conn) writeAll(out []byte) error {
	for len(out) > 0 {
		part := out[:min(len(out), writeBytesMax)]
		if err := c.socket.SetWriteDeadline(c.server.clock.Now().Add(c.server.limits.StalledAfter)); err != nil {
			return err
		}
		if _, err := c.socket.Write(part); err != nil {
			return err
		}
		c.answers.taken(len(part))
		out = out[len(part):]
	}
	return nil
}
