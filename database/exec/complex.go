package exec

import (
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// complexes turns multi-cell columns into values as on the wire, once for a batch or a partition: whoever evaluates
// an expression finds values, and what is told of elements one by one beside them.
type complexes struct {
	nowSec  int64           // at which the values were made
	columns []complexColumn // of Read.Fetch
	statics []complexStatic // by place in table.Statics
	decoded mutation.Complex
}

// complexColumn is a multi-cell column of a batch.
type complexColumn struct {
	slot    int
	column  *schema.Column
	encoded mutation.Vector // as the source gave it, without what has ended
	values  mutation.Vector
	present []uint64
}

// complexStatic is the static cell of a multi-cell column, and the cell that shows its value.
type complexStatic struct {
	encoded, shown mutation.Cell
}

func (x *complexes) init(plan *planner.Read, nowSec int64) {
	x.nowSec = nowSec
	for i, col := range plan.Fetch {
		if plan.Table.Multicell(col) {
			x.columns = append(x.columns, complexColumn{slot: i, column: col})
		}
	}
}

// materialise puts the values at a time into the multi-cell columns of a batch, which are replaced.
func (x *complexes) materialise(b *mutation.Batch, nowSec int64) error {
	x.nowSec = nowSec
	for i := range x.columns {
		c := &x.columns[i]
		if err := c.fill(x, b); err != nil {
			return fmt.Errorf("column %s: %w", c.column.Name, err)
		}
		b.Columns[c.slot] = c.values
	}
	return nil
}

// fill makes the values of a batch.
func (c *complexColumn) fill(x *complexes, b *mutation.Batch) error {
	if c.present == nil {
		c.present = make([]uint64, mutation.BatchRowsMax/64)
	}
	clear(c.present)
	c.encoded = b.Columns[c.slot]
	v := &c.values
	v.Reset(mutation.PhysicalBytes, 0)
	for i := range b.Rows {
		if c.encoded.Has(i) {
			if err := x.decoded.Decode(complexBytes(&c.encoded, i)); err != nil {
				return err
			}
			value, any, err := x.append(v.Data, c.column.Type)
			if err != nil {
				return err
			}
			if v.Data = value; any {
				c.present[i/64] |= 1 << (i % 64)
			}
		}
		v.Offsets = append(v.Offsets, uint32(len(v.Data)))
	}
	v.Present = c.present
	return nil
}

// complexBytes is the encoded Complex of a row that has one.
func complexBytes(v *mutation.Vector, i int) []byte { return v.Data[v.Offsets[i]:v.Offsets[i+1]] }

// static shows the value of a static cell; nil: nothing of it lives. The cell is kept beside it.
func (x *complexes) static(at int, col *schema.Column, cell *mutation.Cell) (*mutation.Cell, error) {
	for len(x.statics) <= at {
		x.statics = append(x.statics, complexStatic{})
	}
	if err := x.decoded.Decode(cell.Value); err != nil {
		return nil, fmt.Errorf("column %s: %w", col.Name, err)
	}
	value, any, err := x.append(nil, col.Type)
	if err != nil || !any {
		return nil, err
	}
	s := &x.statics[at]
	s.encoded, s.shown = *cell, *cell
	s.shown.Value = value
	return &s.shown, nil
}

// elements are those of a column of the row under way that show, in their order. They are valid until the next call.
func (x *complexes) elements(r *row, col *schema.Column, slot int) ([]mutation.Element, error) {
	src := []byte(nil)
	if col.Kind == schema.Static {
		if r.statics[slot] != nil {
			src = x.statics[slot].encoded.Value
		}
	} else if r.batch != nil {
		for i := range x.columns {
			if c := &x.columns[i]; c.slot == slot && c.encoded.Has(r.i) {
				src = complexBytes(&c.encoded, r.i)
			}
		}
	}
	if src == nil {
		return nil, nil
	}
	if err := x.decoded.Decode(src); err != nil {
		return nil, err
	}
	shown := x.decoded.Elements[:0]
	for _, e := range x.decoded.Elements {
		if x.lives(&e) {
			shown = append(shown, e)
		}
	}
	return shown, nil
}

// lives reports whether an element shows.
func (x *complexes) lives(e *mutation.Element) bool {
	return !e.IsTombstone() && e.ExpiresAt > x.nowSec
}

// append appends the value of the multi-cell column that is decoded; any is false if nothing of it lives, and it is null then.
func (x *complexes) append(dst []byte, of *types.Type) (out []byte, any bool, err error) {
	if of.Kind() == types.KindUDT {
		return x.appendFields(dst, of)
	}
	at, count := len(dst), uint32(0)
	out = binary.BigEndian.AppendUint32(dst, 0)
	for i := range x.decoded.Elements {
		e := &x.decoded.Elements[i]
		if !x.lives(e) {
			continue
		}
		if of.Kind() != types.KindList {
			if out, err = appendPath(out, of.Elems()[0], e.Path); err != nil {
				return dst, false, err
			}
		}
		if of.Kind() != types.KindSet {
			out = types.AppendElem(out, notNil(e.Value))
		}
		count++
	}
	if count == 0 {
		return out[:at], false, nil
	}
	binary.BigEndian.PutUint32(out[at:], count)
	return out, true, nil
}

// appendPath appends the member or key that a path stands for as an element of a collection.
func appendPath(dst []byte, of *types.Type, path []byte) ([]byte, error) {
	at := len(dst)
	out, rest, err := of.AppendFromSortable(binary.BigEndian.AppendUint32(dst, 0), path)
	if err == nil && len(rest) > 0 {
		err = mutation.ErrCorrupt
	}
	if err != nil {
		return dst, err
	}
	binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-cellHead))
	return out, nil
}

// fieldPathBytes is how long the path of a field is.
const fieldPathBytes = 2

// appendFields appends the value of a user type, which has all its fields.
func (x *complexes) appendFields(dst []byte, of *types.Type) (out []byte, any bool, err error) {
	out = dst
	elements := x.decoded.Elements
	for field := range of.Elems() {
		var value []byte
		for len(elements) > 0 {
			e := &elements[0]
			if len(e.Path) != fieldPathBytes {
				return dst, false, mutation.ErrCorrupt
			}
			n := int(binary.BigEndian.Uint16(e.Path))
			if n > field {
				break
			}
			if n == field && x.lives(e) {
				value, any = notNil(e.Value), true
			}
			elements = elements[1:]
		}
		out = types.AppendElem(out, value)
	}
	if !any {
		return dst, false, nil
	}
	return out, true, nil
}
