package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/eskerdb/esker/server/wire"
)

const (
	readBufferBytes = 64 << 10
	// writeBytesMax is how much goes in segments at a time.
	writeBytesMax = 256 << 10
	// keptBytesMax is the largest buffer that waits for its next use.
	keptBytesMax = 1 << 20
)

// Call is a request on its way.
type Call struct {
	done   chan struct{} // closed once answer and err are there
	answer wire.Answer
	err    error
}

// Done is closed when the answer is there or the connection has ended.
func (call *Call) Done() <-chan struct{} { return call.done }

// Wait returns the answer. An ERROR of the server is an *Error; ErrLost and ErrClosed tell that no answer will come. If
// ctx ends first its error is returned; the server is not told, and Wait may be called again.
func (call *Call) Wait(ctx context.Context) (wire.Answer, error) {
	select {
	case <-call.done:
		return call.answer, call.err
	default:
	}
	select {
	case <-call.done:
		return call.answer, call.err
	case <-ctx.Done():
		return wire.Answer{}, ctx.Err()
	}
}

func (call *Call) finish(answer wire.Answer, err error) {
	if m, ok := answer.Message.(*wire.Error); ok && err == nil {
		err = &Error{Code: m.Code, Message: m.Message, Detail: m.Detail}
	}
	call.answer, call.err = answer, err
	close(call.done)
}

// Send puts m on its way without waiting for its answer. It waits while as many requests as Options.InFlight are
// unanswered. m and what it refers to are no longer used when Send returns.
func (c *Conn) Send(ctx context.Context, m wire.Request) (*Call, error) { return c.send(ctx, m, false) }

func (c *Conn) send(ctx context.Context, m wire.Request, trace bool) (*Call, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stream, err := c.acquire(ctx)
	if err != nil {
		return nil, err
	}
	header := wire.Header{Version: c.options.ProtocolVersion, Stream: stream}
	if trace {
		header.Flags = wire.FlagTracing
	}
	call := &Call{done: make(chan struct{})}
	if err := c.enqueue(header, m, call); err != nil {
		return nil, err
	}
	select {
	case c.wake <- struct{}{}:
	default: // a token is there already: the writer will see this frame too
	}
	return call, nil
}

func (c *Conn) acquire(ctx context.Context) (int16, error) {
	select {
	case stream := <-c.free:
		return stream, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-c.down:
		return 0, c.cause()
	}
}

func (c *Conn) enqueue(header wire.Header, m wire.Request, call *Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	out, err := wire.AppendRequest(c.out, header, m, c.options.Compression)
	if err != nil {
		c.free <- header.Stream
		return err
	}
	c.out = out
	c.calls[header.Stream] = call
	return nil
}

// roundTrip sends m and waits for its answer.
func (c *Conn) roundTrip(ctx context.Context, m wire.Request, trace bool) (wire.Answer, error) {
	call, err := c.send(ctx, m, trace)
	if err != nil {
		return wire.Answer{}, err
	}
	return call.Wait(ctx)
}

// write sends what has gathered since its last write in one piece.
func (c *Conn) write() {
	defer c.join.Done()
	var spare []byte
	segments := segments{Segmenter: wire.Segmenter{Compression: c.options.Compression}}
	for {
		select {
		case <-c.wake:
		case <-c.down:
			return
		}
		c.mu.Lock()
		out, framed := c.out, c.framed
		c.out = spare
		c.mu.Unlock()
		if len(out) == 0 { // the frame behind this token went with an earlier write
			spare = out
			continue
		}
		var err error
		if framed {
			err = c.writeSegments(&segments, out)
		} else {
			_, err = c.socket.Write(out)
		}
		if err != nil {
			c.lost(err)
			return
		}
		spare = nil
		if cap(out) <= keptBytesMax {
			spare = out[:0]
		}
	}
}

// segments is what the writer keeps to wrap frames.
type segments struct {
	wire.Segmenter
	buf []byte
}

func (c *Conn) writeSegments(s *segments, frames []byte) error {
	for len(frames) > 0 {
		part, carried, err := s.Append(s.buf[:0], frames, writeBytesMax)
		if err != nil {
			return err
		}
		if _, err := c.socket.Write(part); err != nil {
			return err
		}
		s.buf, frames = part, frames[carried:]
	}
	return nil
}

// read hands each answer to its call.
func (c *Conn) read() {
	defer c.join.Done()
	var buf []byte
	started := false // STARTUP is answered: it is the first request
	for {
		f, err := c.frames.Next(buf)
		var broken *wire.ProtocolError
		if errors.As(err, &broken) && !broken.Fatal {
			if !c.deliver(broken.Stream, wire.Answer{}, err) {
				return
			}
			continue
		}
		if err != nil {
			c.lost(err)
			return
		}
		if !started {
			started = true
			if c.options.ProtocolVersion >= 5 && f.Header.Opcode != wire.OpError {
				c.segment()
			}
		}
		answer, err := wire.DecodeAnswer(f)
		buf = f.Body
		if refers(answer.Message) || cap(buf) > keptBytesMax {
			buf = nil
		}
		if !c.deliver(f.Header.Stream, answer, err) {
			return
		}
	}
}

// refers tells whether m has slices of the body it was decoded from.
func refers(m wire.Response) bool {
	switch m.(type) {
	case *wire.Rows, *wire.Prepared, *wire.AuthChallenge, *wire.AuthSuccess, *wire.Error:
		return true
	}
	return false
}

// deliver is false if the connection cannot go on.
func (c *Conn) deliver(stream int16, answer wire.Answer, err error) bool {
	if event, ok := answer.Message.(*wire.Event); ok {
		if c.options.Events != nil {
			c.options.Events(event)
		}
		return true
	}
	c.mu.Lock()
	var call *Call
	if stream >= 0 && int(stream) < len(c.calls) {
		call, c.calls[stream] = c.calls[stream], nil
	}
	c.mu.Unlock()
	if call == nil {
		c.lost(unasked(stream, answer, err))
		return false
	}
	if use, ok := answer.Message.(*wire.SetKeyspace); ok {
		c.keyspace.Store(&use.Keyspace)
	}
	call.finish(answer, err)
	c.free <- stream
	return true
}

// unasked says what came on a stream on which nothing was asked.
func unasked(stream int16, answer wire.Answer, err error) error {
	if err != nil {
		return err
	}
	if m, ok := answer.Message.(*wire.Error); ok {
		return &Error{Code: m.Code, Message: m.Message, Detail: m.Detail}
	}
	return fmt.Errorf("%s on stream %d, on which nothing was asked", answer.Message.Opcode(), stream)
}
