package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// bodyStepBytes is how much memory a frame's claimed length is worth before its bytes arrive.
const bodyStepBytes = 64 << 10

// Frame is a header and its body, decompressed.
type Frame struct {
	Header Header
	Body   []byte
}

// Source is where frames come from; a *bufio.Reader is one.
type Source interface {
	io.Reader
	// Peek returns the next n bytes, at most Size, without taking them; they are valid until the next call.
	Peek(n int) ([]byte, error)
	// Discard takes n bytes.
	Discard(n int) (int, error)
	// Size is the most bytes that Peek can return.
	Size() int
}

// FrameReader reads frames one after another. It is not safe for concurrent use.
type FrameReader struct {
	// BodyBytesMax limits a body, before and after decompression. Default FrameBytesMax.
	BodyBytesMax int
	// Compression is what STARTUP agreed on. Default none.
	Compression Compression
	// Reserve is asked before memory for a body is taken, with its bytes on the wire as they arrive and, if it is
	// compressed, with those it claims to become. A body that it refuses is skipped, and Next returns a
	// *ProtocolError with CodeOverloaded. Default: everything is allowed.
	Reserve func(bytes int) error
	// Scratch is the memory of bodies that NextInPlace cannot leave in the source. It grows as needed, and may be
	// taken away or replaced between calls.
	Scratch []byte

	// Begun, if set, is called when the first byte of a frame is there.
	Begun func()

	inScratch  bool // a body is read into Scratch
	src        Source
	responses  bool
	compressed []byte // scratch for a body on the wire
}

// NewRequestReader reads what clients send.
func NewRequestReader(src Source) *FrameReader { return &FrameReader{src: src} }

// NewResponseReader reads what a server sends.
func NewResponseReader(src Source) *FrameReader {
	return &FrameReader{src: src, responses: true}
}

// ReadFrom makes the frames from the next one on come from src.
func (r *FrameReader) ReadFrom(src Source) { r.src = src }

// Next reads one frame. Its body is in buf if that is large enough, else in new memory; pass the body back as buf to
// reuse it. The end of the stream between two frames is io.EOF, within one io.ErrUnexpectedEOF. Bytes that break the
// protocol are a *ProtocolError; unless it is fatal, Next goes on with the following frame. Memory grows with what
// arrives, never with what a length claims.
func (r *FrameReader) Next(buf []byte) (Frame, error) {
	h, err := r.begin()
	if err != nil {
		return Frame{}, err
	}
	if !h.compressed() {
		body, err := r.body(buf, h)
		return Frame{Header: h, Body: body}, err
	}
	if r.compressed, err = r.body(r.compressed, h); err != nil {
		return Frame{}, err
	}
	body, err := r.open(buf, r.compressed, h)
	if cap(r.compressed) > bodyStepBytes {
		r.compressed = nil // nobody has reserved what an idle connection keeps
	}
	return Frame{Header: h, Body: body}, err
}

// NextInPlace is Next for whoever is done with a body before the next call: a body that the source can show as a whole
// stays there, any other lies in Scratch.
func (r *FrameReader) NextInPlace() (Frame, error) {
	h, err := r.begin()
	if err != nil {
		return Frame{}, err
	}
	if h.Length > r.src.Size() {
		return r.rest(h)
	}
	body, err := r.src.Peek(h.Length)
	if err != nil {
		return Frame{}, unexpected(err)
	}
	if _, err := r.src.Discard(h.Length); err != nil {
		return Frame{}, err
	}
	if h.compressed() {
		if body, err = r.open(r.Scratch, body, h); err == nil {
			r.Scratch = body
		}
	}
	return Frame{Header: h, Body: body}, err
}

// InScratch reports whether a body is being read into Scratch, which then must not be taken away.
func (r *FrameReader) InScratch() bool { return r.inScratch }

// rest reads a body into Scratch.
func (r *FrameReader) rest(h Header) (Frame, error) {
	r.inScratch = true
	defer func() { r.inScratch = false }()
	if !h.compressed() {
		body, err := r.body(r.Scratch, h)
		if err == nil {
			r.Scratch = body
		}
		return Frame{Header: h, Body: body}, err
	}
	compressed, err := r.body(nil, h)
	if err != nil {
		return Frame{}, err
	}
	body, err := r.open(r.Scratch, compressed, h)
	if err == nil {
		r.Scratch = body
	}
	return Frame{Header: h, Body: body}, err
}

// begin reads a header and reserves memory for the first step of the body, which it skips if there is none.
func (r *FrameReader) begin() (Header, error) {
	h, err := r.header()
	if err != nil {
		return Header{}, err
	}
	if err := r.reserve(min(h.Length, bodyStepBytes), h.Stream); err != nil {
		return Header{}, r.skip(h.Length, err)
	}
	return h, nil
}

// skip takes what is left of a body for which there is no memory, and returns cause.
func (r *FrameReader) skip(bytes int, cause error) error {
	if _, err := r.src.Discard(bytes); err != nil {
		return unexpected(err)
	}
	return cause
}

// open decompresses a body into buf if it fits.
func (r *FrameReader) open(buf, compressed []byte, h Header) ([]byte, error) {
	if err := r.reserve(r.Compression.claimed(compressed, r.bodyBytesMax()), h.Stream); err != nil {
		return nil, err
	}
	body, err := r.Compression.decompress(buf, compressed, r.bodyBytesMax())
	if err != nil {
		return nil, &ProtocolError{Code: CodeProtocol, Message: err.Error(), Stream: h.Stream}
	}
	return body, nil
}

func (r *FrameReader) reserve(bytes int, stream int16) error {
	if r.Reserve == nil {
		return nil
	}
	if err := r.Reserve(bytes); err != nil {
		return &ProtocolError{Code: CodeOverloaded, Message: err.Error(), Stream: stream}
	}
	return nil
}

func (r *FrameReader) bodyBytesMax() int {
	if r.BodyBytesMax == 0 {
		return FrameBytesMax
	}
	return r.BodyBytesMax
}

func (r *FrameReader) header() (Header, error) {
	first, err := r.src.Peek(1)
	if err != nil {
		return Header{}, err
	}
	if r.Begun != nil {
		r.Begun()
	}
	// Nine bytes may never come from a client of an old version: its header is shorter.
	if err := checkVersion(first[0]); err != nil {
		return Header{}, err
	}
	if response := first[0]&directionBit != 0; response != r.responses {
		return Header{}, fatalf("frame header: wrong direction (version byte 0x%02X)", first[0])
	}
	raw, err := r.src.Peek(HeaderBytes)
	if err != nil {
		return Header{}, unexpected(err)
	}
	h, err := DecodeHeader(raw, r.bodyBytesMax())
	if err != nil {
		return Header{}, err
	}
	_, err = r.src.Discard(HeaderBytes)
	return h, err
}

// body reads a body into buf, or into new memory. It reserves and takes memory in steps that double, so that a lying length
// costs no more than twice what arrived.
func (r *FrameReader) body(buf []byte, h Header) ([]byte, error) {
	buf = buf[:0]
	reserved := min(h.Length, bodyStepBytes) // by begin
	for len(buf) < h.Length {
		if len(buf) == reserved {
			step := min(h.Length-reserved, reserved)
			if err := r.reserve(step, h.Stream); err != nil {
				return nil, r.skip(h.Length-len(buf), err)
			}
			reserved += step
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), reserved)
			copy(grown, buf)
			buf = grown
		}
		part := buf[len(buf):min(reserved, cap(buf))]
		if _, err := io.ReadFull(r.src, part); err != nil {
			return nil, unexpected(err)
		}
		buf = buf[:len(buf)+len(part)]
	}
	return buf, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// finishFrame compresses the body that follows the header at start, if that is worth it, and writes its length. From
// version 5 on segments are compressed instead.
func finishFrame(dst []byte, start int, c Compression) ([]byte, error) {
	if dst[start]&^directionBit >= 5 {
		c = CompressionNone
	}
	dst, compressed, err := c.compressTail(dst, start+HeaderBytes)
	if err != nil {
		return nil, err
	}
	if compressed {
		dst[start+1] |= FlagCompressed
	}
	length := len(dst) - start - HeaderBytes
	if length > lengthMax {
		return nil, fmt.Errorf("frame: body of %d bytes exceeds %d", length, lengthMax)
	}
	binary.BigEndian.PutUint32(dst[start+5:], uint32(length))
	return dst, nil
}
