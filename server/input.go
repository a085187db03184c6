package server

import (
	"bytes"
	"io"
)

// input is what the client sends, read into the desk of whoever leads. It is a wire.Source. While nothing is there it
// holds no desk.
type input struct {
	conn     *conn
	desk     *desk  // nil: nothing is there
	from, to int    // desk.read[from:to] was read from the socket and not taken
	kept     []byte // the beginning of a frame while its rest is waited for without a desk
	fault    error  // of readNow
	read     int    // bytes that readNow has read
	paused   bool   // readNow has found nothing, and paused the connection
}

// buffered is how many bytes can be taken without waiting.
func (in *input) buffered() int { return in.to - in.from }

// Size is the most bytes that Peek returns.
func (in *input) Size() int { return deskBytes }

// Peek returns the next n bytes without taking them. They stay where they are until the next call.
func (in *input) Peek(n int) ([]byte, error) {
	for in.to-in.from < n {
		if err := in.fill(n); err != nil {
			return nil, err
		}
	}
	if n == 0 {
		return nil, nil
	}
	return in.desk.read[in.from : in.from+n : in.from+n], nil
}

// Discard takes n bytes.
func (in *input) Discard(n int) (int, error) {
	taken := 0
	for taken < n {
		if in.buffered() == 0 {
			if err := in.fill(1); err != nil {
				return taken, err
			}
		}
		step := min(n-taken, in.buffered())
		in.from += step
		taken += step
	}
	return taken, nil
}

// Read implements io.Reader.
func (in *input) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if in.buffered() == 0 {
		if err := in.fill(1); err != nil {
			return 0, err
		}
	}
	n := copy(p, in.desk.read[in.from:in.to])
	in.from += n
	return n, nil
}

// fill reads once from the socket, so that n bytes can be there; it waits if there are none.
func (in *input) fill(n int) error {
	switch {
	case in.from == in.to:
		in.from, in.to = 0, 0
	case in.from+n > deskBytes:
		in.to = copy(in.desk.read[:], in.desk.read[in.from:in.to])
		in.from = 0
	}
	c := in.conn
	if c.lean.raw == nil {
		return in.fillPlain()
	}
	in.fault, in.read, in.paused = nil, 0, false
	err := c.lean.raw.Read(c.lean.reading)
	if err == nil {
		err = in.fault
	}
	if in.read == 0 {
		return c.socket.afterRead(nil, err)
	}
	return c.socket.afterRead(in.desk.read[in.to-in.read:in.to], err)
}

// readNow is what a lean socket calls when something may be there; it is false to wait for that.
func (in *input) readNow(fd uintptr) bool {
	in.sit()
	n, again, err := readNow(fd, in.desk.read[in.to:])
	if again {
		if !in.paused {
			in.paused = true
			in.conn.pause()
			in.conn.socket.beforeWait()
		}
		in.rise()
		return false
	}
	in.to += n
	in.read, in.fault = n, err
	return true
}

// fillPlain reads a socket that cannot be read without waiting.
func (in *input) fillPlain() error {
	c := in.conn
	c.pause()
	if !c.socket.inFrame {
		in.rise()
	}
	if in.desk != nil {
		n, err := c.socket.Read(in.desk.read[in.to:])
		in.to += n
		if n > 0 {
			err = nil // it comes again
		}
		return err
	}
	var first [1]byte
	n, err := io.ReadFull(c.socket, first[:])
	if n == 0 {
		return err
	}
	in.sit()
	in.desk.read[0], in.to = first[0], 1 // nothing is kept between frames
	return nil
}

// sit takes a desk if there is none.
func (in *input) sit() {
	if in.desk != nil {
		return
	}
	in.desk = desks.Get().(*desk)
	if in.conn.frames.Scratch == nil {
		in.conn.frames.Scratch = in.desk.scratch
	}
	in.from, in.to = 0, copy(in.desk.read[:], in.kept)
	in.kept = nil
}

// rise gives the desk up. Of a frame whose rest does not come, only what came is kept.
func (in *input) rise() {
	if in.desk == nil {
		return
	}
	if in.buffered() > 0 {
		in.kept = bytes.Clone(in.desk.read[in.from:in.to])
	}
	scratch := &in.conn.frames.Scratch
	if in.conn.frames.InScratch() {
		in.desk.leave(nil)
	} else {
		in.desk.leave(*scratch)
		*scratch = nil
	}
	in.desk, in.from, in.to = nil, 0, 0
	if in.conn.segments != nil && !in.conn.socket.inFrame {
		in.conn.segments.Trim()
	}
}

// move leaves the desk to whoever led before, who is still busy at it, and takes what is buffered along to a new one.
func (in *input) move() {
	before, from, to := in.desk, in.from, in.to
	in.desk, in.conn.frames.Scratch = nil, nil
	if in.conn.segments != nil {
		in.conn.segments.Leave()
	}
	if before != nil {
		in.sit()
		in.to = copy(in.desk.read[:], before.read[from:to])
	}
}
