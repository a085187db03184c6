package sstable

import (
	"math/bits"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// rowRange is a run of rows of a group.
type rowRange struct{ from, to int }

// picks are rows of a group in the order of a request.
type picks struct {
	ranges    []rowRange // in that order
	reverse   bool       // each from its end
	count     int
	low, high int // all lie in [low, high)
}

func (p *picks) reset(reverse bool) {
	*p = picks{ranges: p.ranges[:0], reverse: reverse, low: groupRowsMax}
}

// add adds rows that come behind those before.
func (p *picks) add(r rowRange) {
	p.count += r.to - r.from
	p.low, p.high = min(p.low, r.from), max(p.high, r.to)
	if n := len(p.ranges); n > 0 {
		last := &p.ranges[n-1]
		switch {
		case !p.reverse && last.to == r.from:
			last.to = r.to
			return
		case p.reverse && last.from == r.to:
			last.from = r.from
			return
		}
	}
	p.ranges = append(p.ranges, r)
}

// each calls fill for the runs of rows; in a reverse order it turns around what each run appended.
func each[T any](p *picks, dst []T, fill func(dst []T, r rowRange) []T) []T {
	for _, r := range p.ranges {
		at := len(dst)
		dst = fill(dst, r)
		if p.reverse {
			slices.Reverse(dst[at:])
		}
	}
	return dst
}

// lent is the memory of batches and blocks, kept from one to the next.
type lent struct {
	clustering []mutation.Vector
	columns    []mutation.Vector
	words      [][]uint64 // of clustering and columns, where they are not those of a chunk
	bits       []bitmap   // presence of columns
	extras     []extras   // of columns
	live       bitmap
	rows       extras // of rows
	sequences  []uint64
	ends       []int64 // of rows that are looked at
	alive      []int64 // of those picked
	known      []ColumnStatistics
}

// extras are what a column, or the rows, may need beside values.
type extras struct {
	timestamps []int64
	ends       []int64
	ttls       []int64
	ttls32     []int32
}

// narrow makes ttls32 of ttls, and reports whether one is not 0.
func (x *extras) narrow() bool {
	x.ttls32 = x.ttls32[:0]
	some := int64(0)
	for _, ttl := range x.ttls {
		x.ttls32 = append(x.ttls32, int32(ttl))
		some |= ttl
	}
	return some != 0
}

// resize makes room for so many columns.
func (l *lent) resize(clustering, columns int) {
	l.clustering = longer(l.clustering, clustering)
	l.columns = longer(l.columns, columns)
	l.words = longer(l.words, clustering+columns)
	l.bits = longer(l.bits, columns)
	l.extras = longer(l.extras, columns)
}

func longer[T any](s []T, n int) []T {
	s = s[:cap(s)]
	if len(s) < n {
		s = append(s, make([]T, n-len(s))...)
	}
	return s[:n]
}

// bytes is about how much memory it is.
func (l *lent) bytes() int {
	size := 0
	for _, vectors := range [][]mutation.Vector{l.clustering[:cap(l.clustering)], l.columns[:cap(l.columns)]} {
		for i := range vectors {
			size += cap(vectors[i].Data) + 4*cap(vectors[i].Offsets)
		}
	}
	for _, words := range l.words[:cap(l.words)] {
		size += 8 * cap(words)
	}
	for i := range l.extras[:cap(l.extras)] {
		x := &l.extras[:cap(l.extras)][i]
		size += 8*(cap(x.timestamps)+cap(x.ends)+cap(x.ttls)) + 4*cap(x.ttls32)
	}
	return size
}

// appendWords appends the words of rows; 0 where there is none.
func (c *chunk) appendWords(dst []uint64, r rowRange) []uint64 {
	n := r.to - r.from
	if c != nil && c.present == nil {
		return append(dst, c.words[r.from-c.lo:r.to-c.lo]...)
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	clear(dst[at:])
	if c == nil {
		return dst
	}
	out := dst[at:]
	p := c.place(r.from) - c.lo
	for k := 0; k < n; k += 64 {
		for some := bitsAt(c.present, r.from+k, min(64, n-k)); some != 0; some &= some - 1 {
			out[k+bits.TrailingZeros64(some)] = c.words[p]
			p++
		}
	}
	return dst
}

// appendInts appends the words of rows; otherwise where there is none.
func (c *chunk) appendInts(dst []int64, r rowRange, otherwise int64) []int64 {
	at, n := len(dst), r.to-r.from
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	if c != nil && c.present == nil {
		for i, w := range c.words[r.from-c.lo : r.to-c.lo] {
			out[i] = int64(w)
		}
		return dst
	}
	for i := range out {
		out[i] = otherwise
	}
	c.override(out, r)
	return dst
}

// override puts the words of rows in place of what they had.
func (c *chunk) override(out []int64, r rowRange) {
	if c == nil {
		return
	}
	p := c.place(r.from) - c.lo
	for k := 0; k < len(out); k += 64 {
		for some := bitsAt(c.present, r.from+k, min(64, len(out)-k)); some != 0; some &= some - 1 {
			out[k+bits.TrailingZeros64(some)] = int64(c.words[p])
			p++
		}
	}
}

// replaceAbsent puts a value in place of what rows have that are not present.
func (c *chunk) replaceAbsent(out []int64, r rowRange, value int64) {
	if c.present == nil {
		return
	}
	for i := range out {
		if !c.has(r.from + i) {
			out[i] = value
		}
	}
}

// presence returns which of the rows have a value; nil if all have.
func (c *chunk) presence(into *bitmap, p *picks) []uint64 {
	if c != nil && c.present == nil {
		return nil
	}
	*into = bitmap{}
	count, at := 0, 0
	for _, r := range p.ranges {
		n := r.to - r.from
		for k := 0; k < n && c != nil; k += 64 {
			size := min(64, n-k)
			var some uint64
			if p.reverse {
				some = bits.Reverse64(bitsAt(c.present, r.to-k-size, size)) >> (64 - size)
			} else {
				some = bitsAt(c.present, r.from+k, size)
			}
			into.setBits(at+k, some)
			count += bits.OnesCount64(some)
		}
		at += n
	}
	if count == p.count {
		return nil
	}
	return into.words(p.count)
}

// gather puts the values of rows into v; what is absent is 0 or empty. The chunk may be nil. Words are put into own, unless
// they lie in the chunk just so.
func (d *decoder) gather(v *mutation.Vector, own *[]uint64, c *chunk, physical mutation.Physical, width int, p *picks) error {
	if err := d.decode(c, p.low, p.high); err != nil {
		return err
	}
	if c != nil && c.kind == chunkBytes || physical == mutation.PhysicalBytes {
		return d.gatherBytes(v, c, p)
	}
	empty(v, physical, width)
	if len(p.ranges) == 1 && !p.reverse && c != nil && c.present == nil {
		from, to := p.low-c.lo, p.high-c.lo
		v.Words = c.words[from:to:to]
		return nil
	}
	*own = each(p, (*own)[:0], c.appendWords)
	v.Words = *own
	return nil
}

// empty empties a vector whose words may be those of a chunk: they stay as they are.
func empty(v *mutation.Vector, physical mutation.Physical, width int) {
	v.Words = nil
	v.Reset(physical, width)
}

// gatherKey puts the clustering of rows into vectors.
func (d *decoder) gatherKey(vectors []mutation.Vector, p *picks) error {
	for k, c := range d.key {
		column := d.r.keys.columns[k]
		if err := d.gather(&vectors[k], &d.lent.words[k], c, column.physical, column.width, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) gatherBytes(v *mutation.Vector, c *chunk, p *picks) error {
	empty(v, mutation.PhysicalBytes, 0)
	for _, r := range p.ranges {
		switch {
		case c == nil:
			for range r.to - r.from {
				v.Offsets = append(v.Offsets, uint32(len(v.Data)))
			}
		case c.present == nil && !p.reverse:
			from, to := r.from-c.lo, r.to-c.lo
			shift := uint32(len(v.Data)) - c.offsets[from]
			v.Data = append(v.Data, c.data[c.offsets[from]:c.offsets[to]]...)
			for _, end := range c.offsets[from+1 : to+1] {
				v.Offsets = append(v.Offsets, end+shift)
			}
		default:
			c.appendBytes(v, r, p.reverse)
		}
		if len(v.Data) > 1<<32-1 {
			return d.corrupt("values of more than 4 GiB")
		}
	}
	return nil
}

// appendBytes appends the values of rows one by one.
func (c *chunk) appendBytes(v *mutation.Vector, r rowRange, reverse bool) {
	for n := range r.to - r.from {
		i := r.from + n
		if reverse {
			i = r.to - 1 - n
		}
		if c.has(i) {
			v.Data = append(v.Data, c.bytes(i)...)
		}
		v.Offsets = append(v.Offsets, uint32(len(v.Data)))
	}
}

// cellInts is how something of cells is stored: that of the row, but for exceptions, and for present values alone.
type cellInts struct {
	base, exceptions, values *chunk
	otherwise                int64 // of rows that the base does not have
	absent                   int64 // of cells that are not there
}

// gatherInts appends something of the cells of rows. There are values.
func (d *decoder) gatherInts(dst []int64, c cellInts, p *picks) ([]int64, error) {
	for _, from := range []*chunk{c.base, c.exceptions} {
		if err := d.decode(from, p.low, p.high); err != nil {
			return dst, err
		}
	}
	return each(p, dst, func(dst []int64, r rowRange) []int64 {
		at := len(dst)
		dst = c.base.appendInts(dst, r, c.otherwise)
		c.exceptions.override(dst[at:], r)
		c.values.replaceAbsent(dst[at:], r, c.absent)
		return dst
	}), nil
}
