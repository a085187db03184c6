package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// contained is a relation on a part of a collection: CONTAINS, CONTAINS KEY, or the value at a key of a map. A column may
// have several.
type contained struct {
	col   *schema.Column
	op    Operator // Contains, ContainsKey or HasEntry
	terms []boundTerm
}

// whereContains checks `column CONTAINS value` and `column CONTAINS KEY key`.
func (c *compiler) whereContains(w *where, named *schema.Table, r *cql.ColumnRelation) error {
	col := w.table.Column(r.Column.Text)
	switch {
	case col == nil:
		return undefinedColumn(w.table, r.Column.Text)
	case !col.Type.IsCollection() && r.Op == cql.OpContains:
		return invalidf("Cannot use %s on non-collection column %s", containsName(r.Op), col.Name)
	case r.Op == cql.OpContainsKey && col.Type.Kind() != types.KindMap:
		return invalidf("Cannot use CONTAINS KEY on non-map column %s", col.Name)
	}
	elems := col.Type.Elems()
	spec, op := c.spec(named, "value("+col.Name+")", elems[len(elems)-1]), Contains
	if r.Op == cql.OpContainsKey {
		spec, op = c.spec(named, "key("+col.Name+")", elems[0]), ContainsKey
	}
	term, err := c.term(r.Value, spec)
	if err != nil {
		return err
	}
	return w.contain(&contained{col: col, op: op, terms: []boundTerm{term}})
}

// whereElement checks `column[key] = value` of a map.
func (c *compiler) whereElement(w *where, named *schema.Table, r *cql.ElementRelation) error {
	col := w.table.Column(r.Column.Text)
	switch {
	case col == nil:
		return undefinedColumn(w.table, r.Column.Text)
	case r.Op == cql.OpNotEqual:
		return invalidf("Unsupported \"!=\" relation: %s", cql.FormatRelation(r))
	case col.Type.Kind() == types.KindList:
		return invalidf("Indexes on list entries (%s[index] = value) are not currently supported.", col.Name)
	case col.Type.Kind() != types.KindMap:
		return invalidf("Column %s cannot be used as a map", col.Name)
	case r.Op != cql.OpEqual:
		return invalidf("Only EQ relations are supported on map entries: %s", cql.FormatRelation(r))
	}
	elems := col.Type.Elems()
	key, err := c.term(r.Key, c.spec(named, "key("+col.Name+")", elems[0]))
	if err != nil {
		return err
	}
	value, err := c.term(r.Value, c.spec(named, "value("+col.Name+")", elems[1]))
	if err != nil {
		return err
	}
	return w.contain(&contained{col: col, op: HasEntry, terms: []boundTerm{key, value}})
}

func (w *where) contain(r *contained) error {
	if err := w.meet(newcomer{columns: []*schema.Column{r.col}, kind: partRelation}); err != nil {
		return err
	}
	w.contained = append(w.contained, r)
	w.clusteringLimited = w.clusteringLimited || r.col.Kind == schema.ClusteringKey
	w.regularLimited = w.regularLimited || r.col.Kind == schema.Regular
	return nil
}

// text is the relation with ? for values.
func (r *contained) text() string {
	name := cql.QuoteIdentifier(r.col.Name)
	switch r.op {
	case ContainsKey:
		return name + " CONTAINS KEY ?"
	case HasEntry:
		return name + "[?] = ?"
	}
	return name + " CONTAINS ?"
}

// filter binds the relation as a condition on merged rows.
func (r *contained) filter(values []Value, ctx Context) (Filter, error) {
	f := Filter{Column: r.col, Op: r.op}
	for i, t := range r.terms {
		what := "value"
		if r.op == HasEntry {
			what = []string{"map key", "map value"}[i]
		}
		v, err := bindCompared(r.col, what, t, values, ctx)
		if err != nil {
			return f, err
		}
		f.Values = append(f.Values, v)
	}
	return f, nil
}

// bindCompared binds what a filter compares a column with.
func bindCompared(col *schema.Column, what string, t boundTerm, values []Value, ctx Context) ([]byte, error) {
	v, unset, err := t.bind(values, ctx)
	switch {
	case err != nil:
		return nil, err
	case unset:
		return nil, invalidf("Unsupported unset %s for column %s", what, col.Name)
	case v == nil:
		return nil, invalidf("Unsupported null %s for column %s", what, col.Name)
	}
	return v, nil
}
