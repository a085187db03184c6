package mutation

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Element is one version of one element of a multi-cell column: a member of a set, an entry of a map, an item of a
// list, a field of a user type that is not frozen. Its life is told as that of a Cell.
type Element struct {
	// Path is bytes whose plain order is that of the elements: of a set the sortable member and of a map the sortable
	// key (types.Type.AppendSortable), of a list the sortable timeuuid of the item, of a user type the number of the
	// field in two bytes.
	Path      []byte
	Timestamp int64  // write timestamp, microseconds
	TTL       int32  // seconds; 0 when it does not expire, and of a tombstone
	ExpiresAt int64  // seconds since 1970; Forever when it does not expire; of a tombstone the server time of the deletion
	Value     []byte // as on the wire; empty of a set's member, nil of a tombstone
}

// IsTombstone reports whether the element is deleted.
func (e *Element) IsTombstone() bool { return e.TTL == 0 && e.ExpiresAt != Forever }

// cell is the element as a cell, to which R1 to R5 apply.
func (e *Element) cell() Cell {
	return Cell{Timestamp: e.Timestamp, TTL: e.TTL, ExpiresAt: e.ExpiresAt, Value: e.Value}
}

// Complex is one version of a multi-cell column, or the merge of several: a deletion of all that was there, and
// elements (R22). Its deletion hides none of its elements.
type Complex struct {
	Deletion Deletion
	Elements []Element // ascending by Path, each once
}

// complexHasDeletion is a flag of an encoded Complex; on disk: never reuse.
const complexHasDeletion = 1 << 0

// Cell returns the cell that carries c as a row does: its Value is what AppendComplex appends to dst. The cell's
// Timestamp is the largest in c, its TTL 0, and its ExpiresAt the largest end of what is not a tombstone: 0 if nothing is,
// and the column is null then whatever the time.
func (c *Complex) Cell(id ColumnID, dst []byte) Cell {
	from := len(dst)
	dst = AppendComplex(dst, c)
	out := c.envelope(id)
	out.Value = dst[from:len(dst):len(dst)]
	return out
}

// envelope is the cell that carries c, without its value.
func (c *Complex) envelope(id ColumnID) Cell {
	out := Cell{Column: id, Complex: true, Timestamp: math.MinInt64}
	if !c.Deletion.IsNone() {
		out.Timestamp = c.Deletion.MarkedAt
	}
	for i := range c.Elements {
		e := &c.Elements[i]
		out.Timestamp = max(out.Timestamp, e.Timestamp)
		if !e.IsTombstone() {
			out.ExpiresAt = max(out.ExpiresAt, e.ExpiresAt)
		}
	}
	return out
}

// AppendComplex appends an encoding of c that Decode reads back.
func AppendComplex(dst []byte, c *Complex) []byte {
	if c.Deletion.IsNone() {
		dst = append(dst, 0)
	} else {
		dst = appendDeletion(append(dst, complexHasDeletion), c.Deletion, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(c.Elements)))
	common := stamp{expiresAt: Forever}
	for i := range c.Elements {
		e := &c.Elements[i]
		cell := e.cell()
		if i == 0 {
			common = commonStamp(&Row{Cells: []Cell{cell}})
			dst = appendStamp(dst, common, 0)
		}
		dst = appendBytes(dst, e.Path)
		dst = appendCellHead(dst, &cell, common)
		if !e.IsTombstone() {
			dst = appendBytes(dst, e.Value)
		}
	}
	return dst
}

// Decode reads what AppendComplex wrote, into c, whose Elements are reused. Paths and values are part of src.
func (c *Complex) Decode(src []byte) error {
	c.Deletion, c.Elements = Deletion{}, c.Elements[:0]
	r := reader{src: src}
	flags := r.byte()
	if flags&^complexHasDeletion != 0 {
		r.fail()
	}
	if flags&complexHasDeletion != 0 {
		c.Deletion = r.deletion(0)
	}
	// An element takes three bytes at least: a claim beyond the source is not believed.
	count := int(r.upTo(uint64(len(r.src) / 3)))
	var common stamp
	if count > 0 {
		common = r.stamp(0)
	}
	for i := range count {
		var cell Cell
		path := r.bytes()
		if r.cellHead(&cell, common, 0); cell.Complex {
			r.fail()
		}
		e := Element{Path: path, Timestamp: cell.Timestamp, TTL: cell.TTL, ExpiresAt: cell.ExpiresAt}
		if !e.IsTombstone() {
			e.Value = r.bytes()
		}
		if r.bad || i > 0 && bytes.Compare(c.Elements[i-1].Path, path) >= 0 || c.Deletion.Deletes(e.Timestamp) {
			r.fail()
			break
		}
		c.Elements = append(c.Elements, e)
	}
	if r.bad || len(r.src) > 0 {
		c.Deletion, c.Elements = Deletion{}, c.Elements[:0]
		return fmt.Errorf("multi-cell column: %w", ErrCorrupt)
	}
	return nil
}

// Merge makes c the merge of a and b, which may not be c. Elements of c are reused, paths and values shared.
func (c *Complex) Merge(a, b *Complex) {
	c.Deletion, c.Elements = MaxDeletion(a.Deletion, b.Deletion), c.Elements[:0]
	x, y := a.Elements, b.Elements
	for len(x) > 0 || len(y) > 0 {
		order := -1
		switch {
		case len(x) == 0:
			order = 1
		case len(y) > 0:
			order = bytes.Compare(x[0].Path, y[0].Path)
		}
		var e *Element
		switch {
		case order < 0:
			e, x = &x[0], x[1:]
		case order > 0:
			e, y = &y[0], y[1:]
		default:
			e = &x[0]
			if left, right := x[0].cell(), y[0].cell(); Supersedes(&right, &left) {
				e = &y[0]
			}
			x, y = x[1:], y[1:]
		}
		if !c.Deletion.Deletes(e.Timestamp) {
			c.Elements = append(c.Elements, *e)
		}
	}
}

// Delete removes from c what d, a deletion of the row or of more, hides (R11, R13). A deletion of c made at the same
// timestamp goes, too, whenever it was made: it hides nothing that d does not.
func (c *Complex) Delete(d Deletion) {
	if d.Deletes(c.Deletion.MarkedAt) {
		c.Deletion = Deletion{}
	}
	kept := c.Elements[:0]
	for _, e := range c.Elements {
		if !d.Deletes(e.Timestamp) {
			kept = append(kept, e)
		}
	}
	c.Elements = kept
}

// Forget empties c, so that it refers to nothing of what it was decoded from, and keeps its memory.
func (c *Complex) Forget() {
	all := c.Elements[:cap(c.Elements)]
	for i := range all {
		if all[i].Path == nil { // behind those that were in use: a path that was decoded is not nil
			break
		}
		all[i] = Element{}
	}
	c.Deletion, c.Elements = Deletion{}, all[:0]
}

// IsEmpty reports whether nothing is left, neither a deletion nor an element.
func (c *Complex) IsEmpty() bool { return c.Deletion.IsNone() && len(c.Elements) == 0 }
