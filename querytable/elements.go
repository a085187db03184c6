package querytable

import (
	"bytes"
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// element is what UNNEST makes a row of.
type element struct {
	value []byte
	end   int64 // seconds; of a frozen collection Forever, since all of it ends at once
}

// unnest finds the elements of a collection, each once.
func (pr *projection) unnest(k *keyPart, base Base, nowSec int64) (err error) {
	c := findCell(base, &k.source)
	switch {
	case c != nil && c.Complex:
		pr.elements, err = pr.partsOf(k, c, nowSec, pr.elements[:0])
	default:
		pr.elements, err = elements(k, pr.value(base, &k.source), pr.elements[:0])
	}
	if err != nil {
		return err
	}
	index := pr.copy.Copy.Index != nil
	if of := pr.copy.PartitionKey[0].Type; index && of.HasForms() {
		for i := range pr.elements {
			pr.elements[i].value = of.OneForm(pr.elements[i].value)
		}
		pr.elements = distinct(pr.elements)
	}
	return nil
}

// elements appends what a frozen collection has for UNNEST: the elements of a set or list, the keys, values or entries of a map.
func elements(k *keyPart, value []byte, out []element) ([]element, error) {
	if len(value) == 0 {
		return out, nil
	}
	all, err := k.of.SplitCollection(value)
	if err != nil {
		return out, err
	}
	step := len(k.of.Elems())
	for i := 0; i+step <= len(all); i += step {
		out = k.appendElement(out, all[i], all[i+step-1], mutation.Forever)
	}
	if k.once() {
		return out, nil
	}
	return distinct(out), nil
}

// once reports whether a collection has nothing twice of what is unnested: members of a set, keys and entries of a map.
func (k *keyPart) once() bool {
	return k.of.Kind() == types.KindSet || k.of.Kind() == types.KindMap && k.function != schema.CopyValue
}

// appendElement appends an entry of a map, or an element as key and as value.
func (k *keyPart) appendElement(out []element, key, value []byte, end int64) []element {
	of := key
	switch k.function {
	case schema.CopyValue:
		of = value
	case schema.CopyEntry:
		of = types.AppendElem(types.AppendElem(nil, key), value)
	}
	if of == nil {
		return out
	}
	return append(out, element{of, end})
}

// partsOf appends what lives of a collection that is not frozen.
func (pr *projection) partsOf(k *keyPart, c *mutation.Cell, nowSec int64, out []element) ([]element, error) {
	if err := pr.parts.Decode(c.Value); err != nil {
		return out, err
	}
	for i := range pr.parts.Elements {
		e := &pr.parts.Elements[i]
		if e.IsTombstone() || e.ExpiresAt <= nowSec {
			continue
		}
		key := e.Value
		if k.of.Kind() != types.KindList {
			var err error
			if key, _, err = k.of.Elems()[0].DecodeSortable(e.Path); err != nil {
				return out, err
			}
		}
		out = k.appendElement(out, key, e.Value, e.ExpiresAt)
	}
	if k.once() {
		return out, nil
	}
	return distinct(out), nil
}

// distinct sorts elements and keeps of equal ones that which ends last.
func distinct(all []element) []element {
	if len(all) < 2 {
		return all
	}
	slices.SortStableFunc(all, func(a, b element) int { return bytes.Compare(a.value, b.value) })
	kept := all[:1]
	for _, e := range all[1:] {
		if last := &kept[len(kept)-1]; bytes.Equal(last.value, e.value) {
			last.end = max(last.end, e.end)
		} else {
			kept = append(kept, e)
		}
	}
	return kept
}

// Living is the cell of a multi-cell column with nothing but what of it lives at a time, in seconds: what a copy has, and what is
// compared of one. It is the cell itself where nothing else is in it.
func Living(cell mutation.Cell, nowSec int64) (mutation.Cell, error) {
	var c mutation.Complex
	if err := c.Decode(cell.Value); err != nil {
		return cell, err
	}
	before := len(c.Elements)
	c.Elements = slices.DeleteFunc(c.Elements, func(e mutation.Element) bool { return e.IsTombstone() || e.ExpiresAt <= nowSec })
	if c.Deletion.IsNone() && len(c.Elements) == before {
		return cell, nil
	}
	c.Deletion = mutation.Deletion{}
	return c.Cell(cell.Column, nil), nil
}

// cellEnd is the end of a cell that keeps its row, by a TTL of the copy's own.
func (p *Projector) cellEnd(cell *mutation.Cell) int64 {
	if p.ttlSec == 0 || !cell.Complex {
		return p.partEnd(cell.Timestamp, cell.ExpiresAt)
	}
	var c mutation.Complex
	end := int64(0)
	if c.Decode(cell.Value) != nil {
		return end // whoever shows the row says so
	}
	for i := range c.Elements {
		if e := &c.Elements[i]; !e.IsTombstone() {
			end = max(end, p.partEnd(e.Timestamp, e.ExpiresAt))
		}
	}
	return end
}
