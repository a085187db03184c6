package sstable

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// rowSource yields rows with all their cells.
type rowSource struct {
	walk    walk
	decoded rowRange // rows of the open group that are decoded
	row     mutation.Row
	data    []byte
}

// rows yields the rows of the slices, all cells and deletions included, in clustering order or in reverse.
func (p *Partition) rows(slices clustering.Slices, reverse bool) mutation.RowSource {
	return &rowSource{walk: newWalk(p, slices, reverse, everyRow)}
}

// Next returns the next row, valid until the next call; the end is nil, nil.
func (s *rowSource) Next() (*mutation.Row, error) {
	w := &s.walk
	for len(w.ranges) == 0 {
		at, err := w.nextGroup()
		if at == nil || err != nil {
			return nil, err
		}
		s.decoded = rowRange{}
		if err = w.d.fetchAll(); err == nil {
			err = w.find(at)
		}
		if err != nil {
			return nil, w.fail(err)
		}
		w.spans.p.countDecoded(at.group)
	}
	r := w.peek(1)
	err := s.decode(r.from)
	if err != nil {
		return nil, w.fail(err)
	}
	w.skip(1)
	s.data, err = w.d.row(r.from, &s.row, s.data[:0])
	if err != nil {
		return nil, w.fail(err)
	}
	return &s.row, nil
}

// decode decodes a row: with those that follow at first, for the reader may stop soon, then with all that are wanted.
func (s *rowSource) decode(row int) error {
	if s.decoded.from <= row && row < s.decoded.to {
		return nil
	}
	w := &s.walk
	next := w.peek(decodeValues)
	if s.decoded.to > 0 {
		next = rowRange{w.ranges[0].from, w.ranges[len(w.ranges)-1].to}
	}
	s.decoded = next
	return w.d.decodeAll(next.from, next.to)
}

// Close gives back the memory of a source that is not read to its end. It may be called at any time.
func (s *rowSource) Close() { s.walk.close() }

// walk goes through the row groups of a partition that have rows in the slices.
type walk struct {
	r       *Reader
	d       *decoder // nil before the first group and after the last
	spans   spanCursor
	reverse bool
	ranges  []rowRange // rows of the open group still to come, in clustering order
	failed  error      // what went wrong, told again
	count   *mutation.ReadStatistics
}

func newWalk(p *Partition, slices clustering.Slices, reverse bool, ended int64) walk {
	return walk{r: p.r, spans: p.spansIn(slices, reverse, ended), reverse: reverse, count: p.count}
}

// nextGroup opens the next row group that may have rows in the slices; the end is nil, nil. Nothing of it is read yet.
func (w *walk) nextGroup() (*span, error) {
	if w.failed != nil {
		return nil, w.failed
	}
	s, err := w.spans.next()
	if err != nil {
		return nil, w.fail(err)
	}
	if s == nil {
		w.close()
		return nil, nil
	}
	if w.d == nil {
		w.d = w.r.newDecoder()
	}
	if err := w.d.open(s.group); err != nil {
		return nil, w.fail(err)
	}
	return s, nil
}

// find finds the rows of the open group that are wanted; there may be none. Its clustering was read.
func (w *walk) find(s *span) (err error) {
	w.ranges, err = w.d.rangesOf(w.ranges[:0], w.spans.slices, s)
	return err
}

func (w *walk) fail(err error) error {
	w.failed = err
	return err
}

// close gives up the groups that are left.
func (w *walk) close() {
	if w.d != nil {
		w.d.release()
	}
	w.d, w.spans, w.ranges = nil, spanCursor{}, nil
}

// peek returns the next rows of the open group that lie together, at most so many. There is one.
func (w *walk) peek(most int) rowRange {
	if w.reverse {
		r := w.ranges[len(w.ranges)-1]
		return rowRange{max(r.from, r.to-most), r.to}
	}
	r := w.ranges[0]
	return rowRange{r.from, min(r.to, r.from+most)}
}

// skip leaves the next n rows behind. They lie together.
func (w *walk) skip(n int) {
	if w.reverse {
		r := &w.ranges[len(w.ranges)-1]
		r.to -= n
		if r.from == r.to {
			w.ranges = w.ranges[:len(w.ranges)-1]
		}
		return
	}
	r := &w.ranges[0]
	r.from += n
	if r.from == r.to {
		w.ranges = w.ranges[1:]
	}
}
