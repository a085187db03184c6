package commitlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// readBytes is how much of a segment is read at once. The window grows to the largest frame, and no further.
const readBytes = 1 << 20

// scanner walks the frames of one segment through a window.
type scanner struct {
	number uint64
	source io.ReaderAt
	window []byte   // of the segment, from at on
	at     int64    // offset of the window
	offset int64    // of the next frame
	whole  int64    // end of the last record or sync offset that is whole
	end    int64    // where to stop
	chain  []byte   // a record of several frames, being put together
	open   bool     // inside a chain
	done   Position // the furthest promise met
	err    error    // of reading
}

// newScanner scans a segment up to an offset. It uses the memory of buffer, which may be nil.
func newScanner(number uint64, source io.ReaderAt, end int64, buffer []byte) *scanner {
	return &scanner{
		number: number, source: source, window: buffer[:0], at: headerBytes, offset: headerBytes, whole: headerBytes, end: end,
	}
}

// next returns the body of the next whole record; ok is false at the end of what can be
// read. The body is valid until the next call.
func (s *scanner) next() (body []byte, ok bool) {
	for {
		f, valid := s.frame()
		if !valid {
			return nil, false
		}
		isLast := f.flags&flagCommit != 0
		switch {
		case f.typ == typeSync && !s.open:
			p, valid := decodeSync(f)
			if !valid {
				return nil, false
			}
			if s.done.Less(p) {
				s.done = p
			}
			s.offset += syncFrameBytes
			s.whole = s.offset
			continue
		case f.typ == typeRecord && !s.open && isLast:
			body = f.body
		case f.typ == typeRecord && !s.open, f.typ == typeContinuation && s.open:
			if f.typ == typeRecord {
				s.chain = s.chain[:0]
			}
			s.chain = append(s.chain, f.body...) // the window moves on
			body, s.open = s.chain, true
		default:
			return nil, false
		}
		s.offset += int64(frameHeadBytes + len(f.body))
		if isLast {
			s.open, s.whole = false, s.offset
			return body, true
		}
	}
}

// frame returns the frame at the offset. It aliases the window.
func (s *scanner) frame() (frame, bool) {
	head := s.peek(frameHeadBytes)
	if len(head) < frameHeadBytes {
		return frame{}, false
	}
	length := int64(binary.LittleEndian.Uint32(head))
	if length > frameBodyMax {
		return frame{}, false
	}
	return decodeFrame(s.peek(frameHeadBytes+length), Position{Segment: s.number, Offset: s.offset})
}

// peek returns n bytes from the offset on, or what is left of them.
func (s *scanner) peek(n int64) []byte {
	n = min(n, s.end-s.offset)
	if n <= 0 || s.err != nil {
		return nil
	}
	if s.offset+n > s.at+int64(len(s.window)) {
		s.fill(n)
	}
	have := s.window[min(s.offset-s.at, int64(len(s.window))):]
	return have[:min(n, int64(len(have)))]
}

// fill moves the window to the offset and reads n bytes at least, if they are there.
func (s *scanner) fill(n int64) {
	rest := s.window[min(s.offset-s.at, int64(len(s.window))):]
	want := min(max(n, readBytes), s.end-s.offset)
	if int64(cap(s.window)) < want {
		s.window = append(make([]byte, 0, want), rest...)
	} else {
		s.window = s.window[:copy(s.window[:len(rest)], rest)]
	}
	s.at = s.offset
	read, err := s.source.ReadAt(s.window[len(s.window):want], s.at+int64(len(s.window)))
	s.window = s.window[:len(s.window)+read]
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = fmt.Errorf("%s: offset %d: %w", fileName(s.number), s.at, err)
	}
}

// syncMark begins every sync offset: its length. The type is 8 bytes behind.
var syncMark = []byte{syncBodyBytes, 0, 0, 0}

// promises tries every offset from the one given on for a sync offset, and returns the
// furthest. It finds those that lie behind a broken frame.
func (s *scanner) promises(from int64) Position {
	var far Position
	s.offset, s.at, s.window = from, from, s.window[:0]
	for {
		data := s.peek(readBytes)
		if len(data) < syncFrameBytes {
			return far
		}
		for o := 0; ; o++ {
			i := bytes.Index(data[o:], syncMark)
			if o += i; i < 0 || o+syncFrameBytes > len(data) {
				break
			}
			f, ok := decodeFrame(data[o:], Position{Segment: s.number, Offset: s.offset + int64(o)})
			if p, isSync := decodeSync(f); ok && isSync && far.Less(p) {
				far = p
			}
		}
		s.offset += int64(len(data) - syncFrameBytes + 1) // one may lie across
	}
}

// tail is where the readable part of a log ends.
type tail struct {
	chain    []header // the segments that count, in order
	end      Position // zero when there is no segment
	promised Position // the furthest place that was promised to be synced
	last     uint64   // sequence of the last whole record; 0: none
}

// segmentFile is a file that by its name is a segment.
type segmentFile struct {
	header
	begun bool // it has a header of its own
}

// contents opens segments.
type contents interface {
	// open returns a segment and its size.
	open(number uint64) (source segmentSource, size int64, err error)
}

// segmentSource is an open segment.
type segmentSource interface {
	io.ReaderAt
	io.Closer
}

// readLog reads the segments from first on, once: it calls fn with every record, in order, and finds the end of
// the log, which was synced up to a place that counts if its segment is not below first. ErrCorrupt
// comes when fn has seen what lies before the place.
func readLog(first uint64, synced Position, files []segmentFile, c contents, fn func(Position, *Record) error) (tail, error) {
	r := logReader{tail: tail{chain: linkSegments(first, files)}, contents: c, fn: fn}
	t := &r.tail
	if synced.Segment >= first {
		t.promise(synced)
	}
	read := make(map[uint64]bool, len(t.chain))
	for i, h := range t.chain {
		read[h.number] = true
		end := int64(math.MaxInt64)
		if i+1 < len(t.chain) {
			end = t.chain[i+1].previousEnd
		}
		whole, err := r.segment(h.number, end)
		if err != nil {
			return *t, err
		}
		if !whole {
			t.chain = t.chain[:i+1]
			break
		}
	}
	for _, f := range files {
		if f.number < first || read[f.number] {
			continue
		}
		if err := r.promises(f.number); err != nil {
			return *t, err
		}
	}
	return *t, t.check(first)
}

// logReader reads segments one after the other.
type logReader struct {
	tail
	contents contents
	fn       func(Position, *Record) error
	record   Record // reused
	buffer   []byte // reused
}

// segment reads a segment up to an offset. whole is false if it does not get there: the log ends in this one.
func (r *logReader) segment(number uint64, end int64) (whole bool, err error) {
	source, size, err := r.contents.open(number)
	if err != nil {
		return false, err
	}
	defer source.Close()
	s := newScanner(number, source, min(end, size), r.buffer)
	for {
		from := s.offset
		body, ok := s.next()
		if !ok {
			break
		}
		if err := r.call(Position{number, s.offset}, body); err != nil {
			return false, &PlaceError{File: fileName(number), Offset: from, Cause: err}
		}
	}
	r.tail.end = Position{Segment: number, Offset: s.whole}
	r.promise(s.done)
	if whole = s.whole >= end; !whole && s.err == nil {
		s.end = size
		r.promise(s.promises(s.whole))
	}
	r.buffer = s.window
	return whole, s.err
}

// call hands a record on.
func (r *logReader) call(at Position, body []byte) error {
	if err := decodeRecord(body, &r.record); err != nil {
		return err
	}
	r.last = r.record.Sequence
	if r.fn == nil {
		return nil
	}
	return r.fn(at, &r.record)
}

// promises looks for sync offsets in a segment that does not count.
func (r *logReader) promises(number uint64) error {
	source, size, err := r.contents.open(number)
	if err != nil {
		return err
	}
	defer source.Close()
	s := newScanner(number, source, size, r.buffer)
	r.promise(s.promises(headerBytes))
	r.buffer = s.window
	return s.err
}

// check compares where the log ends with what was promised.
func (t *tail) check(first uint64) error {
	if !t.end.Less(t.promised) {
		return nil
	}
	at := t.end
	if at.Segment == 0 {
		at.Segment = first
	}
	if at.Segment < t.promised.Segment {
		return &PlaceError{fileName(at.Segment), at.Offset, fmt.Errorf(
			"the log does not go on in %s, but everything before %s was synced: %w", fileName(at.Segment+1), t.promised, ErrCorrupt)}
	}
	return &PlaceError{fileName(at.Segment), at.Offset,
		fmt.Errorf("no whole record, but everything before %s was synced: %w", t.promised, ErrCorrupt)}
}

func (t *tail) promise(p Position) {
	if t.promised.Less(p) {
		t.promised = p
	}
}

// linkSegments returns the chain of segments that begins at first. Of several that name
// the same previous one, the highest counts: the others were given up by a recovery.
func linkSegments(first uint64, files []segmentFile) []header {
	next := make(map[uint64]header, len(files))
	var chain []header
	for _, f := range files {
		switch old := next[f.previous]; {
		case !f.begun:
		case f.number == first:
			chain = append(chain, f.header)
		case f.number > first && old.number < f.number:
			next[f.previous] = f.header
		}
	}
	for len(chain) > 0 {
		h, found := next[chain[len(chain)-1].number]
		if !found {
			break
		}
		chain = append(chain, h)
	}
	return chain
}
