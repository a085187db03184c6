package memtable

import (
	"bytes"
	"cmp"
	"unsafe"
)

// strand is rows in columns that came in clustering order, upwards or downwards. A partition has one, until a
// number of rows come in an order of their own: a day that is loaded behind the newest rows, or all rows after
// one from a clock that was wrong.
type strand struct {
	newest       ref    // chunk; 0: none
	lastKey      uint64 // clustering word of the newest row
	lastSequence uint64 // of its record
	oldest       ref    // chunk
	next         ref    // another strand; 0: none
	direction    direction
}

// direction is the way the clusterings of rows in columns go.
type direction uint8

const (
	anyway direction = iota // one row or none
	upward
	downward
)

const (
	strandBytes = int(unsafe.Sizeof(strand{}))
	strandsMax  = 4  // of a partition
	strandRows  = 16 // how many rows must have come in order, and gone into the tree, before they get a strand
	turnRows    = 8  // how many rows must be in the tree before a strand of one row goes against the table's order
)

// strand returns where a row is to be appended, and the way that the strand goes then; nil if nowhere.
func (w *writer) strand(p *part, row []byte, key uint64) (*strand, direction) {
	if p.columns.newest == 0 {
		return &p.columns, anyway
	}
	best := &p.columns
	way := w.follows(p, best, row, key)
	if p.columns.next != 0 {
		best, way = w.nearest(p, row, key)
	}
	if way != anyway {
		return best, way
	}
	if !p.missed(row) || p.strands == strandsMax-1 {
		return nil, anyway
	}
	last := &p.columns
	for last.next != 0 {
		last = at[strand](last.next)
	}
	last.next = w.shard.arena.alloc(strandBytes, 8)
	p.strands++
	return at[strand](last.next), anyway
}

// nearest is strand for a partition of several: the row goes where it leaves the smallest gap.
func (w *writer) nearest(p *part, row []byte, key uint64) (best *strand, way direction) {
	var buf [8]byte
	for d := &p.columns; ; d = at[strand](d.next) {
		goes := w.follows(p, d, row, key)
		if goes != anyway && (way == anyway || goes == way && w.wayOf(best.lastKey, w.keyBytes(d, &buf), d.lastKey) == way) {
			best, way = d, goes
		}
		if d.next == 0 {
			return best, way
		}
	}
}

// keyBytes returns the newest clustering of a strand, but not in a timed table.
func (w *writer) keyBytes(d *strand, buf *[8]byte) []byte {
	if w.shape.timed {
		return nil
	}
	return bytesOf(d.lastKey, buf)
}

// follows returns the way a strand goes if the row is its next; anyway if it cannot be.
func (w *writer) follows(p *part, d *strand, row []byte, key uint64) direction {
	if w.sequence < d.lastSequence {
		return anyway
	}
	way := w.wayOf(d.lastKey, row, key)
	if d.direction != anyway && way != d.direction {
		return anyway
	}
	if d.direction == anyway && (way == downward) != w.shape.descending && (p.tree == 0 || at[tree](p.tree).rows < turnRows) {
		return anyway
	}
	return way
}

// missed notes a row that no strand takes, and reports whether enough of them have come in one order.
func (p *part) missed(row []byte) bool {
	if p.tree == 0 {
		return false
	}
	rank, t := rankOf(row), at[tree](p.tree)
	switch {
	case rank > t.missed:
		t.streak = max(t.streak, 0) + 1
	case rank < t.missed:
		t.streak = min(t.streak, 0) - 1
	}
	t.missed = rank
	if t.streak < strandRows && t.streak > -strandRows {
		return false
	}
	t.streak = 0
	return true
}

// wayOf says on which side of a row another one lies; anyway if they are the same. newest is the word of
// the one, key that of the other in a timed table.
func (w *writer) wayOf(newest uint64, row []byte, key uint64) direction {
	var order int
	if w.shape.timed {
		order = cmp.Compare(int64(key), int64(newest))
		if w.shape.descending {
			order = -order
		}
	} else {
		var buf [8]byte
		order = bytes.Compare(row, bytesOf(newest, &buf))
	}
	switch {
	case order > 0:
		return upward
	case order < 0:
		return downward
	}
	return anyway
}
