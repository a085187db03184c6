package mutation

import (
	"bytes"
	"cmp"
)

// The law. Every function of this file is commutative, associative and idempotent over
// rows it made itself, and never looks at the clock (R6, R7).

// Deletes reports whether d hides what was written at timestamp (R11: ties are deleted).
func (d Deletion) Deletes(timestamp int64) bool {
	return d.LocalSec != 0 && timestamp <= d.MarkedAt
}

// Supersedes reports whether d stays when it meets o (R12): it is marked later or, marked
// at the same time, locally later. Nothing supersedes itself; no deletion supersedes nothing.
func (d Deletion) Supersedes(o Deletion) bool {
	if d.IsNone() || o.IsNone() {
		return !d.IsNone()
	}
	if d.MarkedAt != o.MarkedAt {
		return d.MarkedAt > o.MarkedAt
	}
	return d.LocalSec > o.LocalSec
}

// MaxDeletion returns the deletion that stays when a and b meet (R12).
func MaxDeletion(a, b Deletion) Deletion {
	if b.Supersedes(a) {
		return b
	}
	return a
}

// Supersedes reports whether l stays when it meets o (R8).
func (l Liveness) Supersedes(o Liveness) bool {
	if l.IsNone() || o.IsNone() {
		return !l.IsNone()
	}
	if l.Timestamp != o.Timestamp {
		return l.Timestamp > o.Timestamp
	}
	if expiring := l.TTL != 0; expiring != (o.TTL != 0) {
		return expiring
	}
	if l.ExpiresAt != o.ExpiresAt {
		return l.ExpiresAt > o.ExpiresAt
	}
	// R8 leaves this tie open. The smaller TTL was written later; any fixed choice makes
	// the law commutative.
	return l.TTL < o.TTL
}

// kind ranks cells of equal timestamps (R2, R3).
func (c *Cell) kind() int {
	switch {
	case c.TTL != 0:
		return 1
	case c.ExpiresAt != Forever:
		return 2
	}
	return 0
}

// Supersedes reports whether a stays when it meets b, a cell of the same column (R1 to R5).
// Nothing supersedes itself.
func Supersedes(a, b *Cell) bool {
	if a.Timestamp != b.Timestamp {
		return a.Timestamp > b.Timestamp // R1
	}
	if ka, kb := a.kind(), b.kind(); ka != kb {
		return ka > kb // R2, R3
	}
	if a.ExpiresAt != b.ExpiresAt {
		return a.ExpiresAt > b.ExpiresAt // R4
	}
	if order := bytes.Compare(a.Value, b.Value); order != 0 {
		return order > 0 // R5
	}
	// R5 calls the rest identical; TTL() may still differ. The smaller was written later.
	return a.TTL < b.TTL
}

// MergeCell returns the cell that stays when a and b, of the same column, meet.
func MergeCell(a, b Cell) Cell {
	if Supersedes(&b, &a) {
		return b
	}
	return a
}

// mergeCells appends to dst what stays of a and b, both ascending by column.
func mergeCells(dst, a, b []Cell) []Cell {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Column < b[0].Column:
			dst, a = append(dst, a[0]), a[1:]
		case a[0].Column > b[0].Column:
			dst, b = append(dst, b[0]), b[1:]
		default:
			switch {
			case a[0].Complex:
				dst = append(dst, mergeComplex(&a[0], &b[0]))
			case Supersedes(&b[0], &a[0]):
				dst = append(dst, b[0])
			default:
				dst = append(dst, a[0])
			}
			a, b = a[1:], b[1:]
		}
	}
	return append(append(dst, a...), b...)
}

// IsEmpty reports whether the row holds nothing: no marker, no deletion, no cell.
func (r *Row) IsEmpty() bool {
	return len(r.Cells) == 0 && r.Live.IsNone() && r.Deletion.IsNone()
}

// MergeRow makes *dst the merge of *dst and *src, versions of one row, and normalizes it:
// what the row's own deletion hides is gone. dst.Cells may be replaced; no cell slice is
// written to. Values are shared.
func MergeRow(law Law, dst, src *Row) {
	dst.Cells = mergeRow(law, dst, src, nil)
	Normalize(law, dst)
}

// mergeRow merges all of src into dst but its cells. It returns those, built in scratch
// where they are neither dst's nor src's.
func mergeRow(law Law, dst, src *Row, scratch []Cell) []Cell {
	if law == BySequence {
		if !sequenceSupersedes(src, dst) {
			return dst.Cells
		}
		dst.Sequence, dst.Live, dst.Deletion = src.Sequence, src.Live, src.Deletion
		return src.Cells
	}
	if src.Live.Supersedes(dst.Live) {
		dst.Live = src.Live
	}
	dst.Deletion = MaxDeletion(dst.Deletion, src.Deletion)
	dst.Sequence = max(dst.Sequence, src.Sequence)
	switch {
	case len(src.Cells) == 0:
		return dst.Cells
	case len(dst.Cells) == 0:
		return src.Cells
	}
	return mergeCells(scratch, dst.Cells, src.Cells)
}

// sequenceSupersedes reports whether a stays when it meets b under BySequence. Versions
// with one sequence come from one record, and are the same but for deletions; the rest of
// the order only makes the law commutative whatever it is given.
func sequenceSupersedes(a, b *Row) bool {
	if a.Sequence != b.Sequence {
		return a.Sequence > b.Sequence
	}
	if deleted := !a.Deletion.IsNone(); deleted != !b.Deletion.IsNone() {
		return deleted
	}
	if a.Deletion != b.Deletion {
		return a.Deletion.Supersedes(b.Deletion)
	}
	if a.Live != b.Live {
		return a.Live.Supersedes(b.Live)
	}
	for i := range min(len(a.Cells), len(b.Cells)) {
		x, y := &a.Cells[i], &b.Cells[i]
		if order := cmp.Compare(x.Column, y.Column); order != 0 {
			return order > 0
		}
		if Supersedes(x, y) || Supersedes(y, x) {
			return Supersedes(x, y)
		}
	}
	return len(a.Cells) > len(b.Cells)
}

// Normalize removes what the row's own deletion hides.
func Normalize(law Law, row *Row) {
	if row.Deletion.IsNone() {
		return
	}
	if law == BySequence {
		row.Live, row.Cells = Liveness{}, nil
		return
	}
	dropDeleted(row, row.Deletion)
}

// ApplyDeletion removes from row what active, the deletion of the partition or of a range
// that covers the row, hides: marker and cells at or before it, and a row deletion that does
// not supersede it (R11, R13). Under BySequence MarkedAt is a sequence, and the row goes
// whole when its Sequence is not above it. row.Cells may be replaced; it is not written to.
func ApplyDeletion(law Law, row *Row, active Deletion) {
	if active.IsNone() {
		return
	}
	if law == BySequence {
		if active.MarkedAt >= 0 && row.Sequence <= uint64(active.MarkedAt) {
			row.Live, row.Deletion, row.Cells = Liveness{}, Deletion{}, nil
		}
		return
	}
	if !row.Deletion.Supersedes(active) {
		row.Deletion = Deletion{}
	}
	dropDeleted(row, active)
}

func dropDeleted(row *Row, active Deletion) {
	if active.Deletes(row.Live.Timestamp) {
		row.Live = Liveness{}
	}
	row.Cells = liveCells(row.Cells, active)
}

// liveCells returns the cells that d does not delete, of multi-cell columns what it leaves, in a new slice if any goes: cells
// may be shared with other readers.
func liveCells(cells []Cell, d Deletion) []Cell {
	for i := range cells {
		if !d.Deletes(cells[i].Timestamp) && !cells[i].Complex {
			continue
		}
		kept := append([]Cell(nil), cells[:i]...)
		for k := range cells[i:] {
			if c, any := cells[i+k].without(d); any {
				kept = append(kept, c)
			}
		}
		return kept
	}
	return cells
}
