package mutation

import (
	"bytes"
	"math"
	"sync"
)

// complexes are what cells are decoded into, from merge to merge.
type complexes struct{ a, b, out Complex }

var spareComplexes = sync.Pool{New: func() any { return new(complexes) }}

// free lets the next one have s. What was decoded may lie in an arena that is given back: nothing refers to it any more.
func (s *complexes) free() {
	s.a.Forget()
	s.b.Forget()
	s.out.Forget()
	spareComplexes.Put(s)
}

// ComplexCell returns the cell of a multi-cell column whose value is an encoded Complex, which it keeps.
func ComplexCell(id ColumnID, encoded []byte) (Cell, error) {
	s := spareComplexes.Get().(*complexes)
	defer s.free()
	if err := s.a.Decode(encoded); err != nil {
		return Cell{}, err
	}
	out := s.a.envelope(id)
	out.Value = encoded
	return out, nil
}

// mergeComplex returns the merge of a and b, cells of the same multi-cell column (R22). Bytes that do not decode win, so that
// whoever reads them says so.
func mergeComplex(a, b *Cell) Cell {
	if a.Complex != b.Complex || bytes.Equal(a.Value, b.Value) {
		return MergeCell(*a, *b)
	}
	s := spareComplexes.Get().(*complexes)
	defer s.free()
	brokenA, brokenB := s.a.Decode(a.Value) != nil, s.b.Decode(b.Value) != nil
	switch {
	case brokenA && brokenB:
		return MergeCell(*a, *b)
	case brokenA:
		return *a
	case brokenB:
		return *b
	}
	s.out.Merge(&s.a, &s.b)
	return s.out.Cell(a.Column, make([]byte, 0, len(a.Value)+len(b.Value)))
}

// without returns what d, a deletion of the row or of more, leaves of a cell (R11, R13); any is false if that is nothing.
func (c *Cell) without(d Deletion) (left Cell, any bool) {
	if d.Deletes(c.Timestamp) {
		return Cell{}, false
	}
	if !c.Complex || d.IsNone() {
		return *c, true
	}
	s := spareComplexes.Get().(*complexes)
	defer s.free()
	if s.a.Decode(c.Value) != nil {
		return *c, true
	}
	elements, deletion := len(s.a.Elements), s.a.Deletion
	s.a.Delete(d)
	if len(s.a.Elements) == elements && s.a.Deletion == deletion {
		return *c, true
	}
	return s.a.Cell(c.Column, make([]byte, 0, len(c.Value))), true
}

// Deletions returns the part of a cell that deletes: a tombstone as it is, of a multi-cell column its deletion and the
// tombstones of elements. any is false if there is none.
func (c *Cell) Deletions() (part Cell, any bool) {
	if !c.Complex {
		return *c, c.IsTombstone()
	}
	s := spareComplexes.Get().(*complexes)
	defer s.free()
	if s.a.Decode(c.Value) != nil {
		return *c, true
	}
	kept := s.a.Elements[:0]
	for _, e := range s.a.Elements {
		if e.IsTombstone() {
			kept = append(kept, e)
		}
	}
	s.a.Elements = kept
	return s.a.Cell(c.Column, nil), !s.a.IsEmpty()
}

// Reach is what is known of all that a cell holds: of a multi-cell column its deletion and its elements.
type Reach struct {
	MinTimestamp, MaxTimestamp int64 // µs
	MinEnd, MaxEnd             int64 // seconds, of what is not deleted; Forever and 0 if there is nothing
	MinLocal, MaxLocal         int64 // seconds, of what deletes; Forever and 0 if nothing does
	Tombstones                 int   // how many things delete
}

// Reach looks inside a cell. What does not decode reaches back to the first of all timestamps.
func (c *Cell) Reach() Reach {
	r := Reach{MinTimestamp: c.Timestamp, MaxTimestamp: c.Timestamp, MinEnd: Forever, MinLocal: Forever}
	if !c.Complex {
		r.add(c.Timestamp, c.ExpiresAt, c.IsTombstone())
		return r
	}
	s := spareComplexes.Get().(*complexes)
	defer s.free()
	if s.a.Decode(c.Value) != nil {
		r.MinTimestamp = math.MinInt64
		return r
	}
	if d := s.a.Deletion; !d.IsNone() {
		r.add(d.MarkedAt, d.LocalSec, true)
	}
	for i := range s.a.Elements {
		e := &s.a.Elements[i]
		r.add(e.Timestamp, e.ExpiresAt, e.IsTombstone())
	}
	return r
}

func (r *Reach) add(timestamp, end int64, deletes bool) {
	r.MinTimestamp, r.MaxTimestamp = min(r.MinTimestamp, timestamp), max(r.MaxTimestamp, timestamp)
	if deletes {
		r.MinLocal, r.MaxLocal = min(r.MinLocal, end), max(r.MaxLocal, end)
		r.Tombstones++
		return
	}
	r.MinEnd, r.MaxEnd = min(r.MinEnd, end), max(r.MaxEnd, end)
}

// ComplexReach is what the cells of multi-cell columns of a row hold, together; any is false if it has none.
func (r *Row) ComplexReach() (all Reach, any bool) {
	for i := range r.Cells {
		c := &r.Cells[i]
		if !c.Complex {
			continue
		}
		of := c.Reach()
		if !any {
			all, any = of, true
			continue
		}
		all.MinTimestamp, all.MaxTimestamp = min(all.MinTimestamp, of.MinTimestamp), max(all.MaxTimestamp, of.MaxTimestamp)
		all.MinEnd, all.MaxEnd = min(all.MinEnd, of.MinEnd), max(all.MaxEnd, of.MaxEnd)
		all.MinLocal, all.MaxLocal = min(all.MinLocal, of.MinLocal), max(all.MaxLocal, of.MaxLocal)
		all.Tombstones += of.Tombstones
	}
	return all, any
}

// Oldest is the smallest write timestamp of anything in the cell, microseconds.
func (c *Cell) Oldest() int64 {
	if !c.Complex {
		return c.Timestamp
	}
	r := c.Reach()
	return r.MinTimestamp
}

// complexValue makes a cell of a multi-cell column, of which column and value were read, whole.
func (r *reader) complexValue(c *Cell) {
	whole, err := ComplexCell(c.Column, c.Value)
	if err != nil {
		r.fail()
		return
	}
	*c = whole
}
