package planner

import (
	"encoding/binary"
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// partOp is what a statement does to a multi-cell column, or to a part of it.
type partOp uint8

const (
	partOverwrite partOp = iota + 1 // c = value: what was there goes
	partAdd                         // c = c + value
	partPrepend                     // c = value + c
	partRemove                      // c = c - {members}, of a map {keys}
	partPut                         // c[key] = value, c.field = value
	partErase                       // DELETE c
	partDrop                        // DELETE c[key], DELETE c.field
)

// part is a change of a multi-cell column.
type part struct {
	op    partOp
	key   boundTerm // of the element that is put or dropped; nil of a field
	field int       // where key is nil
	value boundTerm // overwritten with, added, removed or put
}

// boundPart is a part with its values, nil for null.
type boundPart struct {
	op         partOp
	field      int
	key, value []byte
}

// setPart adds a change of a multi-cell column to what UPDATE sets. It is false where another one stands in the way.
func (w *writer) setPart(col *schema.Column, p part) bool {
	a := w.assigned(col)
	if a == nil {
		return w.addAssignment(assignment{column: col, parts: []part{p}})
	}
	for _, other := range a.parts {
		if other.op == partOverwrite || p.op == partOverwrite || p.sameField(&other) {
			return false
		}
	}
	a.parts = append(a.parts, p)
	return true
}

// erasePart adds a change of a multi-cell column to what DELETE deletes.
func (w *writer) erasePart(col *schema.Column, p part) {
	if a := w.assigned(col); a != nil {
		a.parts = append(a.parts, p)
		return
	}
	w.addAssignment(assignment{column: col, parts: []part{p}})
}

// sameField reports whether both set one field of a user type.
func (p *part) sameField(other *part) bool {
	return p.op == partPut && other.op == partPut && p.key == nil && other.key == nil && p.field == other.field
}

// assigned is what is assigned to a column already, or nil.
func (w *writer) assigned(col *schema.Column) *assignment {
	for i := range w.cells {
		if a := &w.cells[i]; a.column == col && a.change == nil {
			return &w.cells[i]
		}
	}
	return nil
}

// bindParts makes the cell of a multi-cell column. It is false where nothing is written.
func (a *assignment) bindParts(m *moment, values []Value, ctx *Context) (mutation.Cell, bool, error) {
	var all, next, both mutation.Complex
	for i := range a.parts {
		p := &a.parts[i]
		b, unset, err := p.bind(a.column, values, ctx)
		if err != nil {
			return mutation.Cell{}, false, err
		}
		if unset {
			continue
		}
		next = mutation.Complex{Elements: next.Elements[:0]}
		if err := m.change(&next, a.column.Type, b, ctx); err != nil {
			return mutation.Cell{}, false, err
		}
		if i == 0 {
			all, next = next, all
			continue
		}
		both.Merge(&all, &next)
		all, both = both, all
	}
	if all.IsEmpty() {
		return mutation.Cell{}, false, nil
	}
	return all.Cell(a.column.ID, nil), true, nil
}

// bind binds a part. It is unset if nothing is to be done.
func (p *part) bind(col *schema.Column, values []Value, ctx *Context) (out boundPart, unset bool, err error) {
	out = boundPart{op: p.op, field: p.field}
	if p.key != nil {
		if out.key, err = bindElementKey(col, p.key, values, ctx); err != nil {
			return out, false, err
		}
	}
	if p.value == nil {
		return out, false, nil
	}
	if out.value, unset, err = bindTerm(p.value, values, ctx); err != nil || unset {
		return out, unset, err
	}
	if len(out.value) > ValueBytesMax {
		return out, false, tooLong(col, out.value)
	}
	return out, false, nil
}

// bindElementKey binds the key or the member that an element of a map or of a set is named by.
func bindElementKey(col *schema.Column, term boundTerm, values []Value, ctx *Context) ([]byte, error) {
	what := "map key"
	if col.Type.Kind() == types.KindSet {
		what = "set element"
	}
	v, unset, err := bindTerm(term, values, ctx)
	switch {
	case err != nil:
		return nil, err
	case unset:
		return nil, invalidf("Invalid unset %s", what)
	case v == nil:
		return nil, invalidf("Invalid null %s", what)
	}
	return v, nil
}

// change adds to an empty c what a part does.
func (m *moment) change(c *mutation.Complex, of *types.Type, p boundPart, ctx *Context) error {
	switch p.op {
	case partErase:
		c.Deletion = m.deletion()
		return nil
	case partDrop, partPut:
		c.Elements = append(c.Elements, m.element(p.path(of), p.value))
		return nil
	case partOverwrite:
		// One microsecond before, so that it does not hide what is written here (R22).
		c.Deletion = m.deletion()
		c.Deletion.MarkedAt--
	}
	if p.value == nil {
		return nil
	}
	return m.elements(c, of, p, ctx)
}

// path is where an element or a field is.
func (p *boundPart) path(of *types.Type) []byte {
	if p.key == nil {
		return fieldPath(p.field)
	}
	return of.Elems()[0].AppendSortable(nil, p.key)
}

// fieldPath is where a field of a user type is, by its number.
func fieldPath(field int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(field)) }

// element is an element with a value, or for null a tombstone.
func (m *moment) element(path, value []byte) mutation.Element {
	if value == nil {
		return mutation.Element{Path: path, Timestamp: m.timestamp, ExpiresAt: max(m.nowSec, 1)}
	}
	return mutation.Element{Path: path, Timestamp: m.timestamp, TTL: m.ttl, ExpiresAt: m.expiresAt, Value: value}
}

// elements adds what a collection or a user type holds, each once and in order of the paths.
func (m *moment) elements(c *mutation.Complex, of *types.Type, p boundPart, ctx *Context) error {
	if p.op == partRemove && of.Kind() == types.KindMap {
		of = types.SetOf(of.Elems()[0])
	}
	values, err := of.SplitCollection(p.value)
	if err != nil {
		return invalidf("%v", err)
	}
	switch of.Kind() {
	case types.KindList:
		err = m.items(c, p.op, values, ctx)
	case types.KindUDT:
		for i, v := range values {
			if v != nil {
				c.Elements = append(c.Elements, m.element(fieldPath(i), v))
			}
		}
	default:
		err = m.members(c, of, p.op, values)
	}
	return err
}

// members adds members of a set or entries of a map; of equal ones the last counts.
func (m *moment) members(c *mutation.Complex, of *types.Type, op partOp, values [][]byte) error {
	width := len(of.Elems())
	for i := 0; i < len(values); i += width {
		key := values[i]
		value := []byte{}
		if width == 2 {
			value = values[i+1]
		}
		if key == nil || value == nil {
			return invalidf("Null value read when not allowed")
		}
		if op == partRemove {
			value = nil
		}
		c.Elements = append(c.Elements, m.element(of.Elems()[0].AppendSortable(nil, key), value))
	}
	slices.SortStableFunc(c.Elements, func(a, b mutation.Element) int { return slices.Compare(a.Path, b.Path) })
	kept := c.Elements[:0]
	for i, e := range c.Elements {
		if i+1 == len(c.Elements) || !slices.Equal(e.Path, c.Elements[i+1].Path) {
			kept = append(kept, e)
		}
	}
	c.Elements = kept
	return nil
}

// prependTicks mirrors times, so that what is prepended later comes before: 1 January 2010 in ticks since 1970, twice.
const prependTicks = 2 * 1_262_304_000_000 * ticksPerMilli

// items adds items of a list behind or before all that are there, in their order.
func (m *moment) items(c *mutation.Complex, op partOp, values [][]byte, ctx *Context) error {
	if slices.ContainsFunc(values, func(v []byte) bool { return v == nil }) {
		return invalidf("null is not supported inside collections")
	}
	if len(values) == 0 {
		return nil
	}
	node := uuidNode(ctx)
	c.Elements = slices.Grow(c.Elements, len(values))[:len(values)]
	for n := range values {
		i, ticks := n, ctx.NowTicks()
		if op == partPrepend {
			i, ticks = len(values)-1-n, prependTicks-ticks
		}
		c.Elements[i] = m.element(types.TimeUUID.AppendSortable(nil, ticksUUID(ticks, node)), values[i])
	}
	return nil
}

// restampComplex gives all that is written to a multi-cell column a timestamp, and its deletion the one before.
func restampComplex(cell *mutation.Cell, micros int64) {
	var c mutation.Complex
	if err := c.Decode(cell.Value); err != nil {
		panic(err) // it was encoded here
	}
	restampElements(&c, micros)
	*cell = c.Cell(cell.Column, nil)
}

func restampElements(c *mutation.Complex, micros int64) {
	restampDeletion(&c.Deletion, micros-1)
	for i := range c.Elements {
		c.Elements[i].Timestamp = micros
	}
}
