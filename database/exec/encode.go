package exec

import (
	"encoding/binary"
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// cellHead is how many bytes of length stand before the value of a cell.
const cellHead = 4

// nullHead is the length of a null.
const nullHead = 0xFFFFFFFF

// encoder makes rows of the answer out of vectors, column by column, where every output is a column or a constant. Where a
// cell lies in its row is known before a byte is written, so that the answer grows once for all rows of a batch.
type encoder struct {
	outputs []planner.Output
	sources []cells
	ends    []int // behind each row of the span, counted from the first
	at      []int // where the next cell of each row is written
}

// cells are where the cells of one output come from during a batch.
type cells struct {
	vector *mutation.Vector // nil: same
	same   []byte           // the cell of every row, length included
	keep   []byte           // the memory of same
}

// plainOutput reports whether all outputs are columns and constants.
func plainOutput(plan *planner.Read) bool {
	for i := range plan.Output {
		switch plan.Output[i].Expr.(type) {
		case *planner.ColumnExpr, *planner.ConstExpr:
		default:
			return false
		}
	}
	return true
}

// begin finds the cells of a batch.
func (e *encoder) begin(r *row) {
	for i := range e.outputs {
		c := &e.sources[i]
		c.vector = nil
		var value []byte
		switch x := e.outputs[i].Expr.(type) {
		case *planner.ConstExpr:
			value = x.Value
		case *planner.ColumnExpr:
			if x.Column.Kind == schema.ClusteringKey || x.Column.Kind == schema.Regular {
				c.vector = r.vector(x.Column, x.Slot)
				continue
			}
			value = r.column(x)
		}
		c.keep = AppendCell(c.keep[:0], value)
		c.same = c.keep
	}
}

// chunkBytes is about how much the answer grows by at a time, before memory is leased for it.
const chunkBytes = 256 << 10

// append appends rows s of the batch to dst, as many as have room, and tells how many. first is true if one has room however
// long it is. It may be fewer, but not none if one has room.
func (e *encoder) append(dst []byte, s span, room int, first bool) ([]byte, int) {
	width, fixed := e.width()
	rows, size := 0, 0
	if fixed {
		rows = min(s.to-s.from, min(room, chunkBytes)/width)
		if rows == 0 && (first || width <= room) {
			rows = 1
		}
		size = rows * width
	} else {
		e.measure(s)
		rows, _ = slices.BinarySearch(e.ends, min(room, chunkBytes)+1)
		if rows == 0 && (first || e.ends[0] <= room) {
			rows = 1
		}
		if rows > 0 {
			size = e.ends[rows-1]
		}
	}
	start := len(dst)
	dst = slices.Grow(dst, size)[:start+size]
	if fixed {
		e.strided(dst[start:], width, s.from, rows)
	} else if rows > 0 {
		e.scattered(dst[start:], s.from, rows)
	}
	return dst, rows
}

// width is how long each row is, if all are of one length.
func (e *encoder) width() (width int, fixed bool) {
	for i := range e.sources {
		c := &e.sources[i]
		switch v := c.vector; {
		case v == nil:
			width += len(c.same)
		case v.Present != nil || v.Physical == mutation.PhysicalBytes:
			return 0, false
		default:
			width += cellHead + v.Width
		}
	}
	return width, true
}

// strided writes rows of one width.
func (e *encoder) strided(dst []byte, width, from, rows int) {
	at := 0
	for i := range e.sources {
		c := &e.sources[i]
		v := c.vector
		if v == nil {
			for n := range rows {
				copy(dst[n*width+at:], c.same)
			}
			at += len(c.same)
			continue
		}
		words := v.Words[from : from+rows]
		switch v.Width {
		case 8:
			for n, w := range words {
				cell := dst[n*width+at:][:12]
				binary.BigEndian.PutUint32(cell, 8)
				binary.BigEndian.PutUint64(cell[4:], w)
			}
		case 4:
			for n, w := range words {
				binary.BigEndian.PutUint64(dst[n*width+at:], 4<<32|w&0xFFFFFFFF)
			}
		default:
			for n, w := range words {
				putWord(dst[n*width+at:], v.Width, w)
			}
		}
		at += cellHead + v.Width
	}
}

// putWord writes the cell of a value of a fixed width.
func putWord(dst []byte, width int, w uint64) {
	binary.BigEndian.PutUint32(dst, uint32(width))
	dst = dst[cellHead:]
	switch width {
	case 8:
		binary.BigEndian.PutUint64(dst, w)
	case 4:
		binary.BigEndian.PutUint32(dst, uint32(w))
	case 2:
		binary.BigEndian.PutUint16(dst, uint16(w))
	default:
		dst[0] = byte(w)
	}
}

// measure finds where the rows of a span end.
func (e *encoder) measure(s span) {
	rows := s.to - s.from
	e.ends = slices.Grow(e.ends[:0], rows)[:rows]
	clear(e.ends)
	base := 0 // of every row
	for i := range e.sources {
		c := &e.sources[i]
		switch v := c.vector; {
		case v == nil:
			base += len(c.same)
		case v.Physical == mutation.PhysicalBytes:
			base += cellHead
			addLengths(e.ends, v, s)
		case v.Present == nil:
			base += cellHead + v.Width
		default:
			base += cellHead
			for n := range e.ends {
				if v.Has(s.from + n) {
					e.ends[n] += v.Width
				}
			}
		}
	}
	end := 0
	for n := range e.ends {
		end += base + e.ends[n]
		e.ends[n] = end
	}
}

// addLengths adds the lengths of values of bytes.
func addLengths(to []int, v *mutation.Vector, s span) {
	offsets := v.Offsets[s.from : s.to+1]
	for n := range to {
		if v.Present == nil || v.Has(s.from+n) {
			to[n] += int(offsets[n+1] - offsets[n])
		}
	}
}

// scattered writes rows of several lengths, as measure found them.
func (e *encoder) scattered(dst []byte, from, rows int) {
	e.at = append(append(e.at[:0], 0), e.ends[:rows-1]...)
	for i := range e.sources {
		c := &e.sources[i]
		switch v := c.vector; {
		case v == nil:
			for n, at := range e.at {
				copy(dst[at:], c.same)
				e.at[n] = at + len(c.same)
			}
		case v.Physical == mutation.PhysicalBytes:
			scatterBytes(dst, e.at, v, from)
		default:
			scatterWords(dst, e.at, v, from)
		}
	}
}

// scatterBytes writes the cells of values of bytes, and moves each place behind its cell.
func scatterBytes(dst []byte, places []int, v *mutation.Vector, from int) {
	offsets := v.Offsets[from : from+len(places)+1]
	for n, at := range places {
		if v.Present != nil && !v.Has(from+n) {
			binary.BigEndian.PutUint32(dst[at:], nullHead)
			places[n] = at + cellHead
			continue
		}
		length := offsets[n+1] - offsets[n]
		binary.BigEndian.PutUint32(dst[at:], length)
		places[n] = at + cellHead + copy(dst[at+cellHead:], v.Data[offsets[n]:offsets[n+1]])
	}
}

// scatterWords writes the cells of values of a fixed width, and moves each place behind its cell.
func scatterWords(dst []byte, places []int, v *mutation.Vector, from int) {
	words := v.Words[from : from+len(places)]
	for n, at := range places {
		switch {
		case v.Present != nil && !v.Has(from+n):
			binary.BigEndian.PutUint32(dst[at:], nullHead)
			places[n] = at + cellHead
			continue
		case v.Width == 8:
			cell := dst[at:][:12]
			binary.BigEndian.PutUint32(cell, 8)
			binary.BigEndian.PutUint64(cell[4:], words[n])
		default:
			putWord(dst[at:], v.Width, words[n])
		}
		places[n] = at + cellHead + v.Width
	}
}
