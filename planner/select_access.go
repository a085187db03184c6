package planner

import (
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// needsFiltering stands for the refusal of what no key serves; see refuse.
const needsFiltering = "use ALLOW FILTERING"

// access is how a WHERE is carried out: by keys, slices and filters.
type access struct {
	*where
	layout  partition.Layout
	keys    []choice         // of every partition-key column; nil: a range of partitions is read
	parts   []clusteringPart // restrictions that slices serve, in key order
	filters []*schema.Column // whose restrictions hold for merged rows only
	adopted *bucketColumn    // the bucket column that the WHERE leaves out and its time stands for; nil: none
	refusal string           // why this needs ALLOW FILTERING; empty if it does not
}

// clusteringPart is a restriction of one clustering column, or of several by a tuple.
type clusteringPart struct {
	first  int // position of its first column
	single *restriction
	tuple  []*tupleRestriction // one, or the two sides of a range
}

// access finds what the table's key serves of the WHERE, and what it does not.
func (w *where) access() (*access, error) {
	a := &access{where: w, layout: w.table.PartitionLayout()}
	a.accessPartition()
	if err := a.accessClustering(); err != nil {
		return nil, err
	}
	for _, col := range w.order {
		if col.Kind == schema.Static || col.Kind == schema.Regular {
			a.filter(col, needsFiltering)
		}
	}
	if len(w.contained) > 0 && a.refusal == "" {
		a.refusal = needsFiltering
	}
	return a, nil
}

func (a *access) filter(col *schema.Column, refusal string) {
	a.filters = append(a.filters, col)
	if a.refusal == "" {
		a.refusal = refusal
	}
}

func (a *access) accessPartition() {
	key := a.table.PartitionKey
	keys := make([]choice, len(key))
	for i, col := range key {
		if r := a.columns[col]; r != nil && r.given() {
			keys[i] = r.choice
		} else if !a.adopts(col) {
			keys = nil
			break
		}
	}
	if a.keys = keys; keys != nil {
		return
	}
	a.adopted = nil
	for _, col := range key {
		if a.columns[col] != nil {
			a.filter(col, needsFiltering)
		}
	}
}

func (a *access) accessClustering() error {
	columns := a.table.Clustering
	at, ended := 0, -1 // ended: position of the column whose range no further slice can follow
	for at < len(columns) && ended < 0 {
		part, width := a.partAt(at)
		if width == 0 {
			break
		}
		a.parts = append(a.parts, part)
		if part.ranged() {
			ended = at
		}
		at += width
	}
	if len(a.parts) > 0 && a.keys == nil && a.refusal == "" {
		a.refusal = needsFiltering
	}
	for _, tr := range a.tuples {
		if tr.first >= at {
			return invalidf("%s", a.gap(tr.first, at, ended))
		}
	}
	for i := at; i < len(columns); i++ {
		if a.columns[columns[i]] == nil {
			continue
		}
		refusal := needsFiltering
		if a.keys != nil {
			refusal = a.gap(i, at, ended)
		}
		a.filter(columns[i], refusal)
	}
	return nil
}

// gap says why a clustering column cannot be reached.
func (a *access) gap(position, free, ended int) string {
	columns := a.table.Clustering
	if ended >= 0 {
		return "Clustering column \"" + columns[position].Name + "\" cannot be restricted (preceding column \"" + columns[ended].Name + "\" is restricted by a non-EQ relation)"
	}
	return "PRIMARY KEY column \"" + columns[position].Name + "\" cannot be restricted as preceding column \"" + columns[free].Name + "\" is not restricted"
}

// partAt is the restriction that begins at a position, and how many columns it is of.
func (a *access) partAt(position int) (part clusteringPart, width int) {
	part.first = position
	if r := a.columns[a.table.Clustering[position]]; r != nil {
		part.single = r
		return part, 1
	}
	for _, tr := range a.tuples {
		if tr.first == position {
			part.tuple = append(part.tuple, tr)
			width = max(width, tr.width)
		}
	}
	return part, width
}

func (p *clusteringPart) ranged() bool {
	if p.single != nil {
		return !p.single.given()
	}
	return !p.tuple[0].given()
}

// bindKeys are the partitions, each once, in the order of their key's values as Cassandra reads them.
func (a *access) bindKeys(values []Value, ctx Context) ([]partition.DecoratedKey, error) {
	combinations, err := combine(a.table.PartitionKey, a.keys, values, ctx)
	if err != nil {
		return nil, err
	}
	byValues := func(x, y [][]byte) int {
		for i, col := range a.table.PartitionKey {
			if c := col.Type.Compare(x[i], y[i]); c != 0 {
				return c
			}
		}
		return 0
	}
	if len(combinations) > 1 {
		slices.SortFunc(combinations, byValues)
		combinations = slices.CompactFunc(combinations, func(x, y [][]byte) bool { return byValues(x, y) == 0 })
	}
	r, err := a.tokenRange(values, ctx)
	if err != nil {
		return nil, err
	}
	out := make([]partition.DecoratedKey, 0, len(combinations))
	for _, parts := range combinations {
		key, err := a.layout.Encode(parts)
		if err != nil {
			return nil, invalidf("%v", err)
		}
		if k := partition.Decorate(key); r.Contains(k.Token) {
			out = append(out, k)
		}
	}
	return out, nil
}

// bindSlices are the rows within each partition.
func (a *access) bindSlices(values []Value, ctx Context) (clustering.Slices, error) {
	prefixes := [][]byte{nil}
	layout := a.table.ClusteringLayout()
	for i := range a.parts {
		p := &a.parts[i]
		if p.ranged() {
			return p.bindRange(layout, a.table.Clustering, prefixes, values, ctx)
		}
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
					at = layout[p.first+j].Append(at, v)
				}
				next = append(next, at)
			}
		}
		prefixes = next
	}
	out := make([]clustering.Slice, len(prefixes))
	for i, prefix := range prefixes {
		out[i] = clustering.RowSlice(prefix)
	}
	return clustering.MakeSlices(out), nil
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
		v, err := tr.tuples[i].values(columns, values, ctx)
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
	if v == nil || unset {
		return nil, invalidf("Invalid null value for %s", m.spec.Name)
	}
	elems, err := m.spec.Type.SplitCollection(v)
	if err != nil {
		return nil, invalidf("%v", err)
	}
	var out [][][]byte
	for _, e := range elems {
		one := tupleTerm{marker: &markerTerm{spec: ColumnSpec{Name: m.spec.Name, Type: m.spec.Type.Elems()[0]}}}
		parts, err := one.values(columns, []Value{{Bytes: e}}, ctx)
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
		if v == nil || unset {
			return nil, invalidf("Invalid null value for %s", t.marker.spec.Name)
		}
		parts, err := t.marker.spec.Type.SplitCollection(v)
		if err != nil {
			return nil, invalidf("%v", err)
		}
		if len(parts) != len(columns) {
			return nil, invalidf("Expected %d elements in value for tuple %s, but got %d", len(columns), t.marker.spec.Name, len(parts))
		}
		for i, p := range parts {
			if err := checkKeyValue(columns[i], p); err != nil {
				return nil, err
			}
		}
		return parts, nil
	}
	out := make([][]byte, len(t.terms))
	for i, term := range t.terms {
		v, err := bindKeyValue(columns[i], term, values, ctx)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
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
		if in.low, in.lowInclusive, err = in.bound(columns[p.first], r.low, values, ctx); err != nil {
			return in, err
		}
		in.high, in.highInclusive, err = in.bound(columns[p.first], r.high, values, ctx)
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

// bound binds one side of a range over one column.
func (in *interval) bound(col *schema.Column, b *rangeBound, values []Value, ctx Context) (at [][]byte, inclusive bool, err error) {
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
		in.empty = true
		return nil, false, nil
	}
	return [][]byte{v}, b.inclusive, checkKeyValue(col, v)
}

// bindRange are the slices of a range behind each prefix.
func (p *clusteringPart) bindRange(layout clustering.Layout, columns []*schema.Column, prefixes [][]byte, values []Value, ctx Context) (clustering.Slices, error) {
	in, err := p.bindInterval(columns, values, ctx)
	if err != nil || in.empty {
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

// bindFilters are the conditions on merged rows.
func (a *access) bindFilters(values []Value, ctx Context) ([]Filter, error) {
	var out []Filter
	for _, col := range a.filters {
		r := a.columns[col]
		if r.in {
			options, err := r.values(col, values, ctx)
			if err != nil {
				return nil, err
			}
			out = append(out, Filter{Column: col, Op: In, Values: options})
			continue
		}
		for _, side := range r.sides() {
			v, err := bindCompared(col, side.term, values, ctx)
			if err != nil {
				return nil, err
			}
			out = append(out, Filter{Column: col, Op: side.op, Values: [][]byte{v}})
		}
	}
	for _, r := range a.contained {
		f, err := r.filter(values, ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// side is one comparison of a restriction.
type side struct {
	op   Operator
	term boundTerm
}

func (r *restriction) sides() []side {
	var out []side
	for _, t := range r.terms {
		out = append(out, side{Eq, t})
	}
	if r.low != nil {
		op := Gt
		if r.low.inclusive {
			op = Gte
		}
		out = append(out, side{op, r.low.term})
	}
	if r.high != nil {
		op := Lt
		if r.high.inclusive {
			op = Lte
		}
		out = append(out, side{op, r.high.term})
	}
	return out
}
