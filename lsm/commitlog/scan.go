package commitlog

import (
	"encoding/binary"
	"fmt"
)

// scanner walks the frames of one segment held in memory.
type scanner struct {
	number uint64
	data   []byte
	offset int64    // of the next frame
	whole  int64    // end of the last record or sync offset that is whole
	end    int64    // where to stop; len(data) when open-ended
	chain  []byte   // the record being put together; aliases data while it is one frame
	open   bool     // inside a chain
	done   Position // the furthest promise met
}

func newScanner(number uint64, data []byte, end int64) *scanner {
	return &scanner{number: number, data: data, offset: headerBytes, whole: headerBytes, end: end}
}

// next returns the body of the next whole record; ok is false at the end of what can be
// read. The body is valid until the next call.
func (s *scanner) next() (body []byte, ok bool) {
	for s.offset < s.end {
		at := Position{Segment: s.number, Offset: s.offset}
		f, valid := decodeFrame(s.data[s.offset:s.end], at)
		if !valid {
			return nil, false
		}
		switch {
		case f.typ == typeSync && !s.open:
			p, valid := decodeSync(f)
			if !valid {
				return nil, false
			}
			if s.done.Less(p) {
				s.done = p
			}
		case f.typ == typeRecord && !s.open:
			s.chain, s.open = f.body, true
		case f.typ == typeContinuation && s.open:
			s.chain = append(s.chain[:len(s.chain):len(s.chain)], f.body...)
		default:
			return nil, false
		}
		s.offset += int64(frameHeadBytes + len(f.body))
		if f.typ == typeSync {
			s.whole = s.offset
			continue
		}
		if f.flags&flagCommit != 0 {
			s.open, s.whole = false, s.offset
			return s.chain, true
		}
	}
	return nil, false
}

// promises tries every offset from the given one on for a sync offset, and returns the
// furthest. It finds those that lie behind a broken frame.
func promises(number uint64, data []byte, from int64) Position {
	var far Position
	for o := from; o+frameHeadBytes+syncBodyBytes <= int64(len(data)); o++ {
		if data[o+8] != typeSync || binary.LittleEndian.Uint32(data[o:]) != syncBodyBytes {
			continue
		}
		f, ok := decodeFrame(data[o:], Position{Segment: number, Offset: o})
		if !ok {
			continue
		}
		if p, ok := decodeSync(f); ok && far.Less(p) {
			far = p
		}
	}
	return far
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

// contents reads segments.
type contents interface {
	// load returns the bytes of a segment, valid until the next call.
	load(number uint64) ([]byte, error)
}

// findTail reads the segments from first on and finds the end of the log, which was synced up to a place
// that counts if its segment is not below first.
func findTail(first uint64, synced Position, files []segmentFile, c contents) (tail, error) {
	t := tail{chain: linkSegments(first, files)}
	if synced.Segment >= first {
		t.promise(synced)
	}
	read := make(map[uint64]bool, len(t.chain))
	for i, h := range t.chain {
		data, err := c.load(h.number)
		if err != nil {
			return t, err
		}
		read[h.number] = true
		end, last := int64(len(data)), i+1 == len(t.chain)
		if !last {
			end = min(end, t.chain[i+1].previousEnd)
		}
		s := newScanner(h.number, data, end)
		for body, ok := s.next(); ok; body, ok = s.next() {
			t.last = binary.LittleEndian.Uint64(body)
		}
		t.end = Position{Segment: h.number, Offset: s.whole}
		t.promise(s.done)
		if last || s.whole < t.chain[i+1].previousEnd {
			t.promise(promises(h.number, data, s.whole))
			t.chain = t.chain[:i+1]
			break
		}
	}
	for _, f := range files {
		if f.number < first || read[f.number] {
			continue
		}
		data, err := c.load(f.number)
		if err != nil {
			return t, err
		}
		t.promise(promises(f.number, data, headerBytes))
	}
	if t.end.Less(t.promised) {
		at := t.end
		if at.Segment == 0 {
			at.Segment = first
		}
		if at.Segment < t.promised.Segment {
			return t, &PlaceError{fileName(at.Segment), at.Offset, fmt.Errorf(
				"the log does not go on in %s, but everything before %s was synced: %w", fileName(at.Segment+1), t.promised, ErrCorrupt)}
		}
		return t, &PlaceError{fileName(at.Segment), at.Offset,
			fmt.Errorf("no whole record, but everything before %s was synced: %w", t.promised, ErrCorrupt)}
	}
	return t, nil
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
