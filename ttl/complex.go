package ttl

import (
	"sync"

	"github.com/eskerdb/esker/mutation"
)

// spare are what cells are decoded into, from merge to merge.
var spare = sync.Pool{New: func() any { return new(mutation.Complex) }}

// element returns an element of a multi-cell column as the cell to which the rules of cells apply.
func element(e *mutation.Element) mutation.Cell {
	return mutation.Cell{Timestamp: e.Timestamp, TTL: e.TTL, ExpiresAt: e.ExpiresAt, Value: e.Value}
}

// complexStays reports whether nothing of a multi-cell column may be forgotten. What does not decode stays.
func (p Purge) complexStays(c *mutation.Complex) bool {
	if p.Deletion(c.Deletion) {
		return false
	}
	for i := range c.Elements {
		if e := element(&c.Elements[i]); p.Cell(&e) || p.emptied(&e) {
			return false
		}
	}
	return !c.IsEmpty()
}

// complex removes from a cell of a multi-cell column what may be forgotten: its deletion and tombstones of elements after the
// grace, expired elements, each by its own timestamp (R33, R34, R42). changed is false if all stays, and left if nothing does.
func (p Purge) complex(cell *mutation.Cell) (out mutation.Cell, changed, left bool) {
	if p.Law == 0 {
		return *cell, false, true
	}
	c := spare.Get().(*mutation.Complex)
	defer func() {
		c.Forget()
		spare.Put(c)
	}()
	if c.Decode(cell.Value) != nil || p.complexStays(c) {
		return *cell, false, true
	}
	if p.Deletion(c.Deletion) {
		c.Deletion = mutation.Deletion{}
	}
	kept := c.Elements[:0]
	for _, e := range c.Elements {
		as := element(&e)
		if p.Cell(&as) {
			continue
		}
		if p.emptied(&as) {
			e.Value = nil
		}
		kept = append(kept, e)
	}
	c.Elements = kept
	if c.IsEmpty() {
		return mutation.Cell{}, true, false
	}
	return c.Cell(cell.Column, make([]byte, 0, len(cell.Value))), true, true
}

// cell returns what is left of a cell. changed is false if all is, and left if nothing.
func (p Purge) cell(c *mutation.Cell) (out mutation.Cell, changed, left bool) {
	switch {
	case c.Complex:
		return p.complex(c)
	case p.Cell(c):
		return mutation.Cell{}, true, false
	case p.emptied(c):
		out = *c
		out.Value = nil
		return out, true, true
	}
	return *c, false, true
}
