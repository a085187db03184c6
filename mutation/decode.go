package mutation

import (
	"fmt"
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/partition"
)

// joinedBytesMax is how much a Decoder puts together before it begins to overwrite what no mutation
// to come can refer to.
const joinedBytesMax = 64 << 10

// Decoder reads what an Encoder wrote. The zero value is at its end; Reset begins.
type Decoder struct {
	context
	table    TableID
	token    partition.Token // of context.key
	rest     []byte
	started  bool
	mutation Mutation
	static   Row
	cells    [2][]Cell // of the rows, in turn: those of context.cells are kept
	turn     int
	joined   []byte // bytes put together; what is in use is never moved
	spare    []byte // the buffer before joined
}

// Reset begins to read mutations of table from src, which must not change until the last of them is
// done with. It keeps memory of an earlier use.
func (d *Decoder) Reset(src []byte, table TableID) {
	d.context, d.table, d.rest, d.started = newContext(), table, src, false
	d.token, d.joined = partition.TokenOf(nil), d.joined[:0]
}

// Next returns the next mutation; the end is nil, nil. It is valid until the next call, all of it,
// and must not be changed. After ErrCorrupt there is no next one.
func (d *Decoder) Next() (*Mutation, error) {
	if len(d.rest) == 0 {
		return nil, nil
	}
	r := reader{src: d.rest}
	if !d.started {
		if version := r.byte(); version != mutationsVersion {
			d.rest = nil
			return nil, fmt.Errorf("mutation: version %d: %w", version, ErrCorrupt)
		}
		d.started = true
	}
	d.keepJoined()
	d.decode(&r)
	if d.rest = r.src; r.bad {
		return nil, fmt.Errorf("mutation: %w", ErrCorrupt)
	}
	return &d.mutation, nil
}

func (d *Decoder) decode(r *reader) {
	m := &d.mutation
	*m = Mutation{Table: d.table, Rows: m.Rows[:0], Ranges: m.Ranges[:0]}
	flags := r.byte()
	if flags&^byte(mutationFlagsKnown) != 0 {
		r.fail()
	}
	if flags&mutationSameKey == 0 {
		d.key = d.alikeKey(r, d.key)
		d.token = partition.TokenOf(d.key)
	}
	m.Key = partition.DecoratedKey{Token: d.token, Key: d.key}
	if flags&mutationSameTimestamp == 0 {
		d.stamp.timestamp += r.varint()
	}
	if flags&mutationSameLife == 0 {
		d.stamp.ttl, d.stamp.expiresAt = int32(r.upTo(math.MaxInt32)), r.end()
	}
	if flags&mutationHasDeletion != 0 {
		m.Deletion = r.deletion(d.stamp.timestamp)
	}
	cells := d.cells[d.turn][:0]
	if flags&mutationHasStatic != 0 {
		m.Static = &d.static
		flags := r.byte()
		if flags&^byte(rowFlagsAlone) != 0 {
			r.fail()
		}
		d.static.Clustering = nil
		cells = r.rowBody(&d.static, d.stamp, flags, cells)
	}
	cells = d.rows(r, flags, cells)
	d.cells[d.turn] = cells
	if len(m.Rows) > 0 {
		d.turn = 1 - d.turn // the last row is the context of the next mutation
	}
	if flags&mutationHasRanges != 0 {
		d.ranges(r)
	}
}

// rows reads the rows, their cells to the end of cells.
func (d *Decoder) rows(r *reader, flags byte, cells []Cell) []Cell {
	count := 1
	if flags&mutationHasCount != 0 {
		count = int(r.upTo(uint64(len(r.src)))) // a row takes a byte at least
	}
	m := &d.mutation
	for range count {
		if r.bad {
			break
		}
		m.Rows = append(m.Rows, Row{})
		cells = d.row(r, &m.Rows[len(m.Rows)-1], cells)
	}
	return cells
}

func (d *Decoder) row(r *reader, row *Row, cells []Cell) []Cell {
	flags := r.byte()
	if flags&rowSameClustering == 0 {
		d.clustering = d.alikeKey(r, d.clustering)
	}
	row.Clustering = d.clustering
	if flags&rowStampOwn != 0 {
		d.stamp = r.stamp(d.stamp.timestamp)
	}
	if flags&rowSameColumns == 0 {
		cells = r.rowBody(row, d.stamp, flags, cells)
	} else {
		r.rowHead(row, d.stamp, flags)
		cells = d.sameCells(r, row, flags, cells)
	}
	d.context.cells = row.Cells
	return cells
}

// sameCells reads the cells of a row that has the columns of the one before.
func (d *Decoder) sameCells(r *reader, row *Row, flags byte, cells []Cell) []Cell {
	before := d.context.cells
	same := r.take(uint64(len(before)+7) / 8)
	start := len(cells)
	for i := range before {
		if r.bad {
			return cells[:start]
		}
		c := Cell{Column: before[i].Column}
		r.cellHead(&c, d.stamp, flags)
		switch isSame := same[i/8]>>(i%8)&1 != 0; {
		case isSame && c.IsTombstone():
			r.fail()
		case isSame:
			c.Value = before[i].Value
		case !c.IsTombstone():
			c.Value = d.alike(r, before[i].Value)
		}
		if c.Complex {
			r.complexValue(&c)
		}
		cells = append(cells, c)
	}
	if n := len(before) % 8; n != 0 && !r.bad && same[len(same)-1]>>n != 0 {
		r.fail()
	}
	row.Cells = cells[start:len(cells):len(cells)]
	return cells
}

func (d *Decoder) ranges(r *reader) {
	count := int(r.upTo(uint64(len(r.src) / 4)))
	for range count {
		if r.bad {
			return
		}
		var t RangeTombstone
		t.Slice = clustering.Slice{Start: r.bound(), End: r.bound()}
		t.Deletion = r.deletion(d.stamp.timestamp)
		d.mutation.Ranges = append(d.mutation.Ranges, t)
	}
}

func (d *Decoder) alikeKey(r *reader, other []byte) []byte {
	b := d.alike(r, other)
	if len(b) > keyBytesMax {
		r.fail()
	}
	return b
}

// alike reads bytes that were written against other ones.
func (d *Decoder) alike(r *reader, other []byte) []byte {
	h := r.uvarint()
	if h&1 == 0 {
		return r.take(h >> 1)
	}
	shared := h >> 1
	switch {
	case shared == 0 || shared > uint64(len(other)):
		r.fail()
		return nil
	case shared == uint64(len(other)):
		return other
	case len(other) > alikeBytesMax:
		r.fail()
		return nil
	}
	return d.join(other[:shared], r.take(uint64(len(other))-shared))
}

// join returns a and b as one.
func (d *Decoder) join(a, b []byte) []byte {
	n := len(a) + len(b)
	if cap(d.joined)-len(d.joined) < n {
		d.joined = make([]byte, 0, max(2*cap(d.joined), 256)) // the old one stays with those who refer to it
	}
	from := len(d.joined)
	d.joined = append(append(d.joined, a...), b...)
	return d.joined[from : from+n : from+n]
}

// keepJoined begins a new buffer once the old one is large, with what the context needs of it: only
// short bytes are put together, so only those can be in it.
func (d *Decoder) keepJoined() {
	if len(d.joined) < joinedBytesMax {
		return
	}
	d.joined, d.spare = d.spare[:0], d.joined
	if cap(d.spare) > 2*joinedBytesMax {
		d.spare = nil
	}
	keep := func(b []byte) []byte {
		if len(b) > alikeBytesMax {
			return b
		}
		return d.join(b, nil)
	}
	d.key, d.clustering = keep(d.key), keep(d.clustering)
	for i := range d.context.cells {
		d.context.cells[i].Value = keep(d.context.cells[i].Value)
	}
}
