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
	sorting clustering.Layout
	keys    []choice         // of every partition-key column; nil: a range of partitions is read
	parts   []clusteringPart // restrictions that slices serve, in key order
	filters []*schema.Column // whose restrictions hold for merged rows only
	adopted *bucketColumn    // the bucket column that the WHERE leaves out and its time stands for; nil: none
	// tupleFilters are = of several columns that slices do not serve.
	tupleFilters []*tupleRestriction
	tupleGap     string // why no slice serves a relation of several columns; empty if slices serve all
	unfiltered   string // why not even ALLOW FILTERING serves this; empty if it does
	refusal      string // why this needs ALLOW FILTERING; empty if it does not
}

// clusteringPart is a restriction of one clustering column, or of several by a tuple.
type clusteringPart struct {
	first  int // position of its first column
	single *restriction
	tuple  []*tupleRestriction // one, or the two sides of a range
}

// access finds what the table's key serves of the WHERE, and what it does not.
func (w *where) access() (*access, error) {
	a := &access{where: w, layout: w.table.PartitionLayout(), sorting: w.table.ClusteringLayout()}
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

// filterTuple makes a filter of a relation of several columns, if filters can decide it.
func (a *access) filterTuple(tr *tupleRestriction, gap string) {
	if a.tupleGap == "" {
		a.tupleGap = gap
	}
	if a.keys == nil {
		gap = needsFiltering
	}
	if a.refusal == "" {
		a.refusal = gap
	}
	switch {
	case !tr.given():
		a.unfiltered = "Multi-column slice restrictions cannot be used for filtering."
	case tr.in:
		a.unfiltered = "Multicolumn IN filters are not supported"
	default:
		a.tupleFilters = append(a.tupleFilters, tr)
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
			a.filterTuple(tr, a.gap(tr.first, at, ended))
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

// namesSeveral reports whether an IN of a partition-key column stands for several values, or may.
func (a *access) namesSeveral() bool {
	return slices.ContainsFunc(a.table.PartitionKey, func(col *schema.Column) bool {
		r := a.columns[col]
		return r != nil && r.in
	})
}

func (p *clusteringPart) ranged() bool {
	if p.single != nil {
		return !p.single.given()
	}
	return !p.tuple[0].given()
}

// bindKeys are the partitions, each once, in the order of their key's values as Cassandra reads them.
func (a *access) bindKeys(values []Value, ctx Context) ([]partition.DecoratedKey, error) {
	if !slices.ContainsFunc(a.keys, func(c choice) bool { return !c.one() }) {
		return a.bindKey(values, ctx)
	}
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

// bindKey is the one partition where each column of the key has one value.
func (a *access) bindKey(values []Value, ctx Context) ([]partition.DecoratedKey, error) {
	var few [4][]byte
	parts := few[:0]
	for i := range a.keys {
		v, err := bindKeyValue(a.table.PartitionKey[i], a.keys[i].terms[0], values, ctx)
		if err != nil {
			return nil, err
		}
		parts = append(parts, v)
	}
	r, err := a.tokenRange(values, ctx)
	if err != nil {
		return nil, err
	}
	key, err := a.layout.Encode(parts)
	if err != nil {
		return nil, invalidf("%v", err)
	}
	if k := partition.Decorate(key); r.Contains(k.Token) {
		return []partition.DecoratedKey{k}, nil
	}
	return []partition.DecoratedKey{}, nil
}

// bindFilters are the conditions on merged rows.
func (a *access) bindFilters(values []Value, ctx Context) ([]Filter, error) {
	var out []Filter
	for _, col := range a.filters {
		r := a.columns[col]
		if r.in {
			options, err := r.options(col, values, ctx)
			if err != nil {
				return nil, err
			}
			out = append(out, Filter{Column: col, Op: In, Values: options})
			continue
		}
		for _, side := range r.sides() {
			v, err := bindCompared(col, "value", side.term, values, ctx)
			if err != nil {
				return nil, err
			}
			out = append(out, Filter{Column: col, Op: side.op, Values: [][]byte{v}})
		}
	}
	for _, tr := range a.tupleFilters {
		columns := a.table.Clustering[tr.first : tr.first+tr.width]
		equal, err := tr.tuples[0].equal(columns, values, ctx)
		if err != nil {
			return nil, err
		}
		for i, col := range columns {
			out = append(out, Filter{Column: col, Op: Eq, Values: [][]byte{equal[i]}})
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
