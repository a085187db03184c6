package planner

import (
	"errors"
	"slices"
	"strings"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/schema"
)

// bindSlices are the rows within each partition.
func (a *access) bindSlices(values []Value, ctx Context) (clustering.Slices, error) {
	prefix, rest, err := a.bindPrefix(values, ctx)
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 {
		return clustering.Slices{clustering.RowSlice(prefix)}, nil
	}
	prefixes := [][]byte{prefix}
	layout := a.sorting
	for i := range rest {
		p := &rest[i]
		if p.ranged() {
			return p.bindRange(layout, a.table.Clustering, prefixes, values, ctx)
		}
		if prefixes, err = a.multiply(prefixes, p, values, ctx); err != nil {
			return nil, err
		}
	}
	out := make([]clustering.Slice, len(prefixes))
	for i, prefix := range prefixes {
		out[i] = clustering.RowSlice(prefix)
	}
	return clustering.MakeSlices(out), nil
}

// multiply puts the values that a part allows behind each of the prefixes.
func (a *access) multiply(prefixes [][]byte, p *clusteringPart, values []Value, ctx Context) ([][]byte, error) {
	options, err := p.options(a.table.Clustering, values, ctx)
	if err != nil {
		return nil, err
	}
	if len(prefixes)*len(options) > combinationsMax {
		return nil, invalidf("the IN restrictions of this statement multiply to more than %d rows", combinationsMax)
	}
	next := make([][]byte, 0, len(prefixes)*len(options))
	for _, prefix := range prefixes {
		for _, option := range options {
			at := prefix[:len(prefix):len(prefix)]
			for j, v := range option {
				at = a.sorting[p.first+j].Append(at, v)
			}
			next = append(next, at)
		}
	}
	return next, nil
}

// bindPrefix binds the leading columns that have one value each. The rest of the parts goes on from there.
func (a *access) bindPrefix(values []Value, ctx Context) (prefix []byte, rest []clusteringPart, err error) {
	for i := range a.parts {
		p := &a.parts[i]
		if p.single == nil || p.ranged() || !p.single.one() {
			return prefix, a.parts[i:], nil
		}
		v, err := bindKeyValue(a.table.Clustering[p.first], p.single.terms[0], values, ctx)
		if err != nil {
			return nil, nil, err
		}
		prefix = a.sorting[p.first].Append(prefix, v)
	}
	return prefix, nil, nil
}

// options are the values, or rows of values, that = and IN allow.
func (p *clusteringPart) options(columns []*schema.Column, values []Value, ctx Context) ([][][]byte, error) {
	if p.single != nil {
		one, err := p.single.values(columns[p.first], values, ctx)
		if err != nil {
			return nil, err
		}
		out := make([][][]byte, len(one))
		for i, v := range one {
			out[i] = [][]byte{v}
		}
		return out, nil
	}
	tr := p.tuple[0]
	columns = columns[tr.first : tr.first+tr.width]
	if tr.list != nil {
		return tr.list.tuples(columns, values, ctx)
	}
	var out [][][]byte
	for i := range tr.tuples {
		of := tr.tuples[i].values
		if !tr.in {
			of = tr.tuples[i].equal
		}
		v, err := of(columns, values, ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// tuples are the elements of a bound list of tuples.
func (m *markerTerm) tuples(columns []*schema.Column, values []Value, ctx Context) ([][][]byte, error) {
	v, unset, err := m.bind(values, ctx)
	if err != nil {
		return nil, err
	}
	if unset {
		return nil, invalidf("Invalid unset value for %s", m.spec.Name)
	}
	if v == nil {
		return nil, invalidf("Invalid null value for IN restriction")
	}
	elems, err := m.spec.Type.SplitCollection(v)
	if err != nil {
		return nil, invalidf("%v", err)
	}
	var out [][][]byte
	for _, e := range elems {
		one := tupleTerm{marker: &markerTerm{spec: ColumnSpec{Name: m.spec.Name, Type: m.spec.Type.Elems()[0]}}}
		parts, err := one.values(columns, []Value{{Bytes: e}}, ctx)
		if null := (*nullInTuple)(nil); errors.As(err, &null) {
			return nil, invalidf("Invalid null value in condition for columns: [%s]", strings.Join(namesOf(columns), ", "))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, parts)
	}
	return out, nil
}

// values are the tuple's values, none of them null.
func (t *tupleTerm) values(columns []*schema.Column, values []Value, ctx Context) ([][]byte, error) {
	if t.marker != nil {
		v, unset, err := t.marker.bind(values, ctx)
		if err != nil {
			return nil, err
		}
		if unset {
			return nil, invalidf("Invalid unset value for tuple %s", t.marker.spec.Name)
		}
		if v == nil {
			return nil, invalidf("Invalid null value for %s", t.marker.spec.Name)
		}
		parts, err := t.marker.spec.Type.SplitCollection(v)
		if err != nil {
			return nil, invalidf("%v", err)
		}
		if len(parts) != len(columns) {
			return nil, invalidf("Expected %d elements in value for tuple %s, but got %d", len(columns), t.marker.spec.Name, len(parts))
		}
		return parts, checkTuple(columns, parts)
	}
	out := make([][]byte, len(t.terms))
	for i, term := range t.terms {
		v, unset, err := term.bind(values, ctx)
		if err != nil {
			return nil, err
		}
		if unset {
			return nil, invalidf("Invalid unset value for tuple field number %d", i)
		}
		out[i] = v
	}
	return out, checkTuple(columns, out)
}

// nullInTuple says that a value of a tuple is null.
type nullInTuple struct{ error }

func (e *nullInTuple) Unwrap() error { return e.error }

// checkTuple checks the values of key columns.
func checkTuple(columns []*schema.Column, parts [][]byte) error {
	for i, p := range parts {
		if err := checkKeyValue(columns[i], p); p == nil {
			return &nullInTuple{err}
		} else if err != nil {
			return err
		}
	}
	return nil
}

// equal are the tuple's values for =.
func (t *tupleTerm) equal(columns []*schema.Column, values []Value, ctx Context) ([][]byte, error) {
	parts, err := t.values(columns, values, ctx)
	if null := (*nullInTuple)(nil); errors.As(err, &null) {
		at := slices.IndexFunc(parts, func(p []byte) bool { return p == nil })
		return nil, invalidf("Invalid null value for column %s", columns[at].Name)
	}
	return parts, err
}

func namesOf(columns []*schema.Column) []string {
	names := make([]string, len(columns))
	for i, col := range columns {
		names[i] = col.Name
	}
	return names
}

// interval is a range of the values of one or several columns; a side that is nil is open.
type interval struct {
	low, high                   [][]byte
	lowInclusive, highInclusive bool
	empty                       bool // a bound is null: nothing compares with it
}

// bindInterval binds the bounds of a range.
func (p *clusteringPart) bindInterval(columns []*schema.Column, values []Value, ctx Context) (in interval, err error) {
	if r := p.single; r != nil {
		low, high, empty, err := r.bindSides(columns[p.first], values, ctx)
		if in.empty = empty; low != nil {
			in.low, in.lowInclusive = [][]byte{low}, r.low.inclusive
		}
		if high != nil {
			in.high, in.highInclusive = [][]byte{high}, r.high.inclusive
		}
		return in, err
	}
	for _, tr := range p.tuple {
		of := columns[tr.first : tr.first+tr.width]
		if tr.low != nil {
			if in.low, err = tr.low.tuple.values(of, values, ctx); err != nil {
				return in, err
			}
			in.lowInclusive = tr.low.inclusive
		}
		if tr.high != nil {
			if in.high, err = tr.high.tuple.values(of, values, ctx); err != nil {
				return in, err
			}
			in.highInclusive = tr.high.inclusive
		}
	}
	return in, nil
}

// bindSides binds the bounds of a range over one column; nil: that side is open. empty says that nothing compares with a bound.
func (r *restriction) bindSides(col *schema.Column, values []Value, ctx Context) (low, high []byte, empty bool, err error) {
	if low, empty, err = r.low.bind(col, values, ctx); err != nil {
		return nil, nil, false, err
	}
	high, none, err := r.high.bind(col, values, ctx)
	return low, high, empty || none, err
}

// bind binds one side of a range over one column; nil: it is open, or nothing compares with it.
func (b *rangeBound) bind(col *schema.Column, values []Value, ctx Context) (v []byte, empty bool, err error) {
	if b == nil {
		return nil, false, nil
	}
	v, unset, err := b.term.bind(values, ctx)
	switch {
	case err != nil:
		return nil, false, err
	case unset:
		return nil, false, invalidf("Invalid unset value for column %s", col.Name)
	case v == nil:
		return nil, true, nil
	}
	return v, false, checkKeyValue(col, v)
}

// bindSpan are the slices of a range over one column behind each prefix.
func (p *clusteringPart) bindSpan(order clustering.Column, col *schema.Column, prefixes [][]byte, values []Value, ctx Context) (clustering.Slices, error) {
	low, high, empty, err := p.single.bindSides(col, values, ctx)
	if err != nil || empty {
		return nil, err
	}
	out := make([]clustering.Slice, 0, len(prefixes))
	for _, prefix := range prefixes {
		s := clustering.RowSlice(prefix)
		from, to := low, high // in the order of rows
		if order.Desc {
			from, to = high, low
		}
		memory := make([]byte, 0, 2*len(prefix)+len(low)+len(high)+spanBytes)
		if from != nil {
			if memory = order.Append(append(memory, prefix...), from); p.inclusive(order.Desc) {
				s.Start = clustering.Before(slices.Clip(memory))
			} else {
				s.Start = clustering.After(slices.Clip(memory))
			}
		}
		if to != nil {
			if at := order.Append(append(memory[len(memory):], prefix...), to); p.inclusive(!order.Desc) {
				s.End = clustering.After(at)
			} else {
				s.End = clustering.Before(at)
			}
		}
		out = append(out, s)
	}
	return clustering.MakeSlices(out), nil
}

// spanBytes is what two bounds mostly take beside their values.
const spanBytes = 8

// inclusive reports whether the range over one column has its lower, or its upper bound.
func (p *clusteringPart) inclusive(upper bool) bool {
	if upper {
		return p.single.high.inclusive
	}
	return p.single.low.inclusive
}

// bindRange are the slices of a range behind each prefix.
func (p *clusteringPart) bindRange(layout clustering.Layout, columns []*schema.Column, prefixes [][]byte, values []Value, ctx Context) (clustering.Slices, error) {
	if p.single != nil {
		return p.bindSpan(layout[p.first], columns[p.first], prefixes, values, ctx)
	}
	in, err := p.bindInterval(columns, values, ctx)
	if err != nil {
		return nil, err
	}
	var out []clustering.Slice
	for _, prefix := range prefixes {
		within := clustering.Slices{clustering.RowSlice(prefix)}
		if in.low != nil {
			within = within.Intersect(beyond(layout[p.first:], prefix, in.low, true, in.lowInclusive))
		}
		if in.high != nil {
			within = within.Intersect(beyond(layout[p.first:], prefix, in.high, false, in.highInclusive))
		}
		out = append(out, within...)
	}
	return clustering.MakeSlices(out), nil
}

// beyond are the rows behind a prefix whose next columns are, as a tuple, greater (or less) than the bound.
// Columns sort ascending or descending one by one, so that this can be several slices.
func beyond(layout clustering.Layout, prefix []byte, bound [][]byte, greater, inclusive bool) clustering.Slices {
	var out []clustering.Slice
	equal := prefix
	for i, v := range bound {
		at := layout[i].Append(equal[:len(equal):len(equal)], v)
		if greater != layout[i].Desc {
			out = append(out, clustering.Slice{Start: clustering.After(at), End: clustering.After(equal)})
		} else {
			out = append(out, clustering.Slice{Start: clustering.Before(equal), End: clustering.Before(at)})
		}
		equal = at
	}
	if inclusive {
		out = append(out, clustering.RowSlice(equal))
	}
	return clustering.MakeSlices(out)
}
