package sstable

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// rowSource yields rows with all their cells.
type rowSource struct {
	walk walk
	row  mutation.Row
	data []byte
}

// Rows yields the rows of the slices, all cells and deletions included, in clustering order or in reverse.
func (p *Partition) Rows(slices clustering.Slices, reverse bool) mutation.RowSource {
	return &rowSource{walk: newWalk(p, slices, reverse)}
}

// Next returns the next row, valid until the next call; the end is nil, nil.
func (s *rowSource) Next() (*mutation.Row, error) {
	w := &s.walk
	for len(w.ranges) == 0 {
		more, err := w.nextGroup(true)
		if err != nil || !more {
			return nil, err
		}
		if err := w.d.loadAll(); err != nil {
			return nil, err
		}
	}
	var err error
	s.data, err = w.d.row(w.take(), &s.row, s.data[:0])
	if err != nil {
		return nil, err
	}
	return &s.row, nil
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
}

func newWalk(p *Partition, slices clustering.Slices, reverse bool) walk {
	return walk{r: p.r, spans: p.spansIn(slices, reverse), reverse: reverse}
}

// nextGroup opens the next row group that may have rows in the slices; it may turn out to have none.
func (w *walk) nextGroup(whole bool) (bool, error) {
	if w.failed != nil {
		return false, w.failed
	}
	s, err := w.spans.next()
	if err != nil {
		w.failed = err
		return false, err
	}
	if s == nil {
		w.close()
		return false, nil
	}
	if w.d == nil {
		w.d = w.r.newDecoder()
	}
	if w.failed = w.d.open(s.group, whole); w.failed == nil {
		w.ranges = w.d.rangesOf(w.ranges[:0], w.spans.slices, s)
	}
	return w.failed == nil, w.failed
}

// close gives up the groups that are left.
func (w *walk) close() {
	if w.d != nil {
		w.d.release()
	}
	w.d, w.spans, w.ranges = nil, spanCursor{}, nil
}

// take returns the next row of the open group. There is one.
func (w *walk) take() int {
	if w.reverse {
		r := &w.ranges[len(w.ranges)-1]
		r.to--
		i := r.to
		if r.from == r.to {
			w.ranges = w.ranges[:len(w.ranges)-1]
		}
		return i
	}
	r := &w.ranges[0]
	i := r.from
	r.from++
	if r.from == r.to {
		w.ranges = w.ranges[1:]
	}
	return i
}
