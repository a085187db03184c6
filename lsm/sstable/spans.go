package sstable

import (
	"fmt"
	"sort"

	"github.com/eskerdb/esker/clustering"
)

// span is the part of a row group that belongs to a partition.
type span struct {
	group       int
	from, to    int
	first, last []byte
}

// spanOf returns the part of a row group that belongs to the partition, which has rows there.
func (p *Partition) spanOf(number int) (span, error) {
	block, i, err := p.r.directoryOf(number)
	if err != nil {
		return span{}, err
	}
	rows := block.rowsOf(i)
	s := span{group: number, to: rows}
	if number == p.at.start.group() {
		s.from = p.at.start.row()
	}
	if number == p.at.end.group() {
		s.to = p.at.end.row()
	}
	shared := block.isShared(i)
	if s.from >= s.to || s.to > rows || shared == (s.from == 0 && s.to == rows) {
		return span{}, p.r.corruptGroup(number, "rows %d to %d of %d are of one partition", s.from, s.to, rows)
	}
	b, _ := block.bounds(i)
	switch {
	case s.from == 0:
		s.first, s.last = b.first, b.last
	case s.to == rows:
		s.first, s.last = b.lastFirst, b.lastLast
	case p.first != nil:
		s.first, s.last = p.first, p.last // it lies in one group alone
	case p.rough:
		s.first, s.last = b.low, b.high
	default:
		s.first, s.last, err = p.r.boundsOf(&s)
	}
	return s, err
}

// boundsOf returns the clusterings of the first and the last row of a span, read from the rows themselves.
func (r *Reader) boundsOf(s *span) (first, last []byte, err error) {
	d := r.newDecoder()
	defer d.release()
	err = d.open(s.group)
	if err == nil {
		err = d.fetch()
	}
	for k := 0; k < len(d.key) && err == nil; k++ {
		err = d.decode(d.key[k], s.from, s.to)
	}
	if err != nil {
		return nil, nil, err
	}
	first = append([]byte{}, d.clustering(s.from)...)
	return first, append([]byte{}, d.clustering(s.to-1)...), nil
}

// spanCursor goes through the spans of a partition that may have rows in some slices. It looks for them in the fences
// of the directory: what lies between slices costs nothing, and row groups whose rows have all ended next to nothing.
type spanCursor struct {
	p        *Partition
	slices   clustering.Slices
	reverse  bool
	low, end int   // row groups still to come, from the first of them to before end
	ended    int64 // row groups that none shows of after that are left out; -1: none is
	begun    bool
	span     span
}

// everyRow is how a cursor leaves out no row group.
const everyRow = -1

// spansIn returns a cursor over the spans that reach into the slices, in clustering order or in reverse, but those whose rows
// have all ended by then.
func (p *Partition) spansIn(slices clustering.Slices, reverse bool, ended int64) spanCursor {
	c := spanCursor{p: p, slices: slices, reverse: reverse, ended: ended}
	if p.hasRows() && len(slices) > 0 {
		c.low, c.end = p.at.start.group(), p.at.lastGroup()+1
	}
	return c
}

// next returns the next span, valid until the next call; the end is nil, nil.
func (c *spanCursor) next() (*span, error) {
	var err error
	switch {
	case c.low >= c.end:
		return nil, nil
	case c.begun:
	case c.reverse:
		err = c.skipTo(c.slices[len(c.slices)-1].End)
	default:
		err = c.skipTo(c.slices[0].Start)
	}
	c.begun = true
	for err == nil {
		if err = c.skipEnded(); err != nil || c.low >= c.end {
			break
		}
		number := c.head()
		if c.span, err = c.p.spanOf(number); err != nil {
			break
		}
		touches, bound := false, clustering.Bound{}
		if c.reverse {
			c.end--
			touches, bound = c.passReverse()
		} else {
			c.low++
			touches, bound = c.pass()
		}
		if touches {
			return &c.span, nil
		}
		err = c.skipTo(bound)
	}
	c.low, c.end = 0, 0
	return nil, err
}

// pass forgets the slices that end before the span. It reports whether the first of the others reaches into it, or
// where that begins.
func (c *spanCursor) pass() (touches bool, start clustering.Bound) {
	c.slices = c.slices[c.slices.Seek(c.span.first):]
	if len(c.slices) == 0 {
		c.low = c.end
		return false, start
	}
	start = c.slices[0].Start
	return start.CompareKey(c.span.last) < 0, start
}

// passReverse is pass in reverse: it forgets the slices that begin behind the span.
func (c *spanCursor) passReverse() (touches bool, end clustering.Bound) {
	c.slices = c.slices[:c.slices.SeekReverse(c.span.last)+1]
	if len(c.slices) == 0 {
		c.end = c.low
		return false, end
	}
	end = c.slices[len(c.slices)-1].End
	return end.CompareKey(c.span.first) > 0, end
}

// skipTo leaves out the row groups on this side of a bound.
func (c *spanCursor) skipTo(bound clustering.Bound) error {
	if c.end-c.low < 2 || len(bound.Prefix) == 0 {
		return nil // there is nothing to leave out
	}
	g, err := c.p.r.lastBefore(c.low, c.end-1, bound)
	if c.reverse {
		c.end = g + 1
	} else {
		c.low = g
	}
	return err
}

// head is the number of the next row group. There is one.
func (c *spanCursor) head() int {
	if c.reverse {
		return c.end - 1
	}
	return c.low
}

// skip leaves out row groups [first, end), which have the next one.
func (c *spanCursor) skip(first, end int) {
	if c.reverse {
		c.end = max(c.low, first)
	} else {
		c.low = min(c.end, end)
	}
}

// skipEnded leaves out the next row groups as long as all rows of them have ended.
func (c *spanCursor) skipEnded() error {
	f := c.p.r.contents
	for c.ended > everyRow && c.low < c.end {
		number := c.head()
		b := f.directory.find(uint64(number))
		if f.groupMarks[b].maxAlive <= c.ended {
			first := int(f.directory.firsts[b])
			c.skip(first, first+f.directory.size(b))
			continue
		}
		block, i, err := f.directoryOf(number)
		if err != nil || block.maxAlive.signed(block.src, i) > c.ended {
			return err
		}
		c.skip(number, number+1)
	}
	return nil
}

// lastBefore returns the last row group in (low, high] whose first row lies before the bound; low if there is
// none. They belong to one partition, and so do all rows of those above low up to the bound.
func (f *contents) lastBefore(low, high int, bound clustering.Bound) (int, error) {
	from, to := f.directory.find(uint64(low))+1, f.directory.find(uint64(high))
	b := from - 1 + sort.Search(to-from+1, func(i int) bool { return bound.CompareKey(f.groupMarks[from+i].key) <= 0 })
	first := int(f.directory.firsts[b])
	block, _, err := f.directoryOf(first)
	if err != nil {
		return low, err
	}
	start := max(low+1, first)
	n := sort.Search(min(high+1, first+block.n)-start, func(i int) bool {
		return bound.CompareKey(block.firstOf(start+i-first)) <= 0
	})
	return start + n - 1, nil
}

// corruptGroup says what is wrong with the entry of a row group in the directory.
func (f *contents) corruptGroup(number int, format string, args ...any) error {
	b := f.directory.find(uint64(number))
	what := fmt.Sprintf("%s: row group %d: ", f.directory.what(b), number) + fmt.Sprintf(format, args...)
	return f.corrupt(int64(f.directory.offsets[b]), what, nil)
}
