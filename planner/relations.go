package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// restriction is what WHERE says of one column: = or IN, or a range.
type restriction struct {
	choice
	in        bool
	low, high *rangeBound
}

// tupleRestriction is what WHERE says of several clustering columns together.
type tupleRestriction struct {
	first     int // position of the first column
	width     int // how many columns
	in        bool
	tuples    []tupleTerm // of = and IN (…)
	list      *markerTerm // of IN ?
	low, high *tupleBound
}

// tupleBound is one side of a range over several clustering columns.
type tupleBound struct {
	tuple     tupleTerm
	inclusive bool
}

// tupleTerm is the values for several columns: one by one, or together in a marker.
type tupleTerm struct {
	terms  []boundTerm
	marker *markerTerm
}

// where is the WHERE of a SELECT, checked relation by relation.
type where struct {
	table             *schema.Table
	columns           map[*schema.Column]*restriction
	order             []*schema.Column // the restricted columns as they come first in the text
	tuples            []*tupleRestriction
	contained         []*contained
	tokenLow          *rangeBound
	tokenHigh         *rangeBound
	tokenUsed         bool
	tokenEqual        bool // one token, not a range
	clusteringLimited bool // some clustering column is restricted
	regularLimited    bool
}

// where checks the relations of a SELECT on a table. Columns in errors and markers are those of named,
// the table that the statement names.
func (c *compiler) where(t, named *schema.Table, relations []cql.Relation) (*where, error) {
	w := &where{table: t, columns: map[*schema.Column]*restriction{}}
	for _, r := range relations {
		var err error
		switch r := r.(type) {
		case *cql.ColumnRelation:
			err = c.whereColumn(w, named, r)
		case *cql.InRelation:
			err = c.whereIn(w, named, r)
		case *cql.TupleRelation:
			err = c.whereTuple(w, named, r)
		case *cql.TupleInRelation:
			err = c.whereTupleIn(w, named, r)
		case *cql.TokenRelation:
			err = c.whereToken(w, named, r)
		case *cql.NullRelation:
			err = unsupportedNull(w, r)
		case *cql.ElementRelation:
			err = c.whereElement(w, named, r)
		default:
			err = syntaxf("no viable alternative at %s: WHERE takes no fields, and no IN for elements", cql.FormatRelation(r))
		}
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

func unsupportedNull(w *where, r *cql.NullRelation) error {
	if !r.Negated {
		return syntaxf("mismatched input 'NULL' expecting K_NOT: %s", cql.FormatRelation(r))
	}
	if w.table.Column(r.Column.Text) == nil {
		return undefinedColumn(w.table, r.Column.Text)
	}
	return invalidf("Unsupported restriction: %s IS NOT NULL", r.Column.Text)
}

// column is a column by its name.
func (w *where) column(name string) (*schema.Column, error) {
	if col := w.table.Column(name); col != nil {
		return col, nil
	}
	return nil, undefinedColumn(w.table, name)
}

// at is the restriction of a column, new if there was none.
func (w *where) at(col *schema.Column) *restriction {
	r := w.columns[col]
	if r == nil {
		r = &restriction{}
		w.columns[col] = r
		w.order = append(w.order, col)
	}
	w.clusteringLimited = w.clusteringLimited || col.Kind == schema.ClusteringKey
	w.regularLimited = w.regularLimited || col.Kind == schema.Regular
	return r
}

func (c *compiler) whereColumn(w *where, named *schema.Table, r *cql.ColumnRelation) error {
	if r.Op == cql.OpContains || r.Op == cql.OpContainsKey {
		return c.whereContains(w, named, r)
	}
	col, err := w.column(r.Column.Text)
	if err != nil {
		return err
	}
	if r.Op == cql.OpNotEqual {
		return invalidf("Unsupported \"!=\" relation: %s != %s", col.Name, cql.FormatTerm(r.Value))
	}
	if err := w.checkWhole(col, operatorText(r.Op)); err != nil {
		return err
	}
	if col.Type.Kind() == types.KindDuration && r.Op != cql.OpEqual {
		return invalidf("Slice restrictions are not supported on duration columns")
	}
	term, err := c.columnTerm(named, col, r.Value)
	if err != nil {
		return err
	}
	if r.Op == cql.OpLike {
		return invalidf("LIKE restriction is only supported on properly indexed columns. %s LIKE %s is not valid. No index serves LIKE: a beginning is a range (>= and <) of a clustering column, which a query table can have.", col.Name, cql.FormatTerm(r.Value))
	}
	if err := w.meet(newcomerOf(col, r.Op)); err != nil {
		return err
	}
	if r.Op == cql.OpEqual {
		w.at(col).terms = []boundTerm{term}
		return nil
	}
	one := &restriction{}
	if !w.joinsTuple(col) {
		one = w.at(col)
	}
	if err := addBound(&one.low, &one.high, r.Op, term, col.Name); err != nil || !w.joinsTuple(col) {
		return err
	}
	w.tuples = append(w.tuples, one.asTuple(col.Position))
	return nil
}

func containsName(op cql.Operator) string {
	if op == cql.OpContainsKey {
		return "CONTAINS KEY"
	}
	return "CONTAINS"
}

// addBound adds one side of a range.
func addBound(low, high **rangeBound, op cql.Operator, term boundTerm, name string) error {
	side, which := low, "start"
	if op == cql.OpLess || op == cql.OpLessOrEqual {
		side, which = high, "end"
	}
	if *side != nil {
		return invalidf("More than one restriction was found for the %s bound on %s", which, name)
	}
	*side = &rangeBound{term: term, inclusive: op == cql.OpLessOrEqual || op == cql.OpGreaterOrEqual}
	return nil
}

func (c *compiler) whereIn(w *where, named *schema.Table, r *cql.InRelation) error {
	if r.Negated {
		return syntaxf("no viable alternative at input 'NOT': WHERE of SELECT has no NOT IN (%s)", cql.FormatRelation(r))
	}
	col, err := w.column(r.Column.Text)
	if err != nil {
		return err
	}
	if err := w.checkWhole(col, "IN"); err != nil {
		return err
	}
	if err := w.meet(newcomer{columns: []*schema.Column{col}, kind: inRelation}); err != nil {
		return err
	}
	slot := w.at(col)
	slot.in = r.Marker != nil || len(r.Values) != 1 // Cassandra reads IN (x) as = x
	if r.Marker != nil {
		slot.list = c.marker(r.Marker, inSpec(c.spec(named, col.Name, col.Type)))
		return nil
	}
	slot.terms = []boundTerm{}
	for _, v := range r.Values {
		term, err := c.columnTerm(named, col, v)
		if err != nil {
			return err
		}
		slot.terms = append(slot.terms, term)
	}
	return nil
}

// tupleColumns finds the columns of a tuple: clustering columns, one after the other.
func (w *where) tupleColumns(names []cql.Name, text string) (first int, err error) {
	for i, n := range names {
		col := w.table.Column(n.Text)
		if col == nil {
			return 0, undefinedColumn(w.table, n.Text)
		}
		if col.Kind != schema.ClusteringKey {
			return 0, invalidf("Multi-column relations can only be applied to clustering columns but was applied to: %s", col.Name)
		}
		if slices.ContainsFunc(names[:i], func(before cql.Name) bool { return before.Text == n.Text }) {
			return 0, invalidf("Column \"%s\" appeared twice in a relation: %s", col.Name, text)
		}
		if i == 0 {
			first = col.Position
		} else if col.Position != first+i {
			return 0, invalidf("Clustering columns must appear in the PRIMARY KEY order in multi-column relations: %s", text)
		}
	}
	w.clusteringLimited = true
	return first, nil
}

func nameList(names []cql.Name, separator string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = n.Text
	}
	return "(" + strings.Join(parts, separator) + ")"
}

// tupleSpec is the receiver of a tuple as a whole.
func (c *compiler) tupleSpec(named *schema.Table, columns []*schema.Column) ColumnSpec {
	elems, names := make([]*types.Type, len(columns)), make([]string, len(columns))
	for i, col := range columns {
		elems[i], names[i] = col.Type, col.Name
	}
	return c.spec(named, "("+strings.Join(names, ",")+")", types.TupleOf(elems...))
}

func (c *compiler) tupleTerm(named *schema.Table, columns []*schema.Column, t cql.Term) (tupleTerm, error) {
	switch t := t.(type) {
	case *cql.Marker:
		return tupleTerm{marker: c.marker(t, c.tupleSpec(named, columns))}, nil
	case *cql.TupleLiteral:
		if len(t.Elems) != len(columns) {
			return tupleTerm{}, invalidf("Expected %d elements in value tuple, but got %d: %s", len(columns), len(t.Elems), cql.FormatTerm(t))
		}
		out := tupleTerm{}
		for i, e := range t.Elems {
			term, err := c.columnTerm(named, columns[i], e)
			if err != nil {
				return tupleTerm{}, err
			}
			out.terms = append(out.terms, term)
		}
		return out, nil
	}
	return tupleTerm{}, invalidf("Expected a tuple of %d values, but got %s", len(columns), cql.FormatTerm(t))
}

func (c *compiler) whereTuple(w *where, named *schema.Table, r *cql.TupleRelation) error {
	first, err := w.tupleColumns(r.Columns, nameList(r.Columns, ", ")+" "+operatorText(r.Op)+" "+cql.FormatTerm(r.Value))
	if err != nil {
		return err
	}
	columns := w.table.Clustering[first : first+len(r.Columns)]
	tuple, err := c.tupleTerm(named, columns, r.Value)
	if err != nil {
		return err
	}
	tr := &tupleRestriction{first: first, width: len(columns)}
	bound := &tupleBound{tuple: tuple, inclusive: r.Op == cql.OpLessOrEqual || r.Op == cql.OpGreaterOrEqual}
	switch r.Op {
	case cql.OpEqual:
		tr.tuples = []tupleTerm{tuple}
	case cql.OpLess, cql.OpLessOrEqual:
		tr.high = bound
	case cql.OpGreater, cql.OpGreaterOrEqual:
		tr.low = bound
	default:
		return invalidf("Unsupported \"%s\" relation: %s %[1]s %[3]s", operatorText(r.Op), nameList(r.Columns, ", "), cql.FormatTerm(r.Value))
	}
	return w.addTuple(tr)
}

func (c *compiler) whereTupleIn(w *where, named *schema.Table, r *cql.TupleInRelation) error {
	if r.Negated {
		return syntaxf("no viable alternative at input 'NOT': WHERE of SELECT has no NOT IN (%s)", cql.FormatRelation(r))
	}
	first, err := w.tupleColumns(r.Columns, cql.FormatRelation(r))
	if err != nil {
		return err
	}
	columns := w.table.Clustering[first : first+len(r.Columns)]
	tr := &tupleRestriction{first: first, width: len(columns), in: r.Marker != nil || len(r.Values) != 1} // as of one column
	if r.Marker != nil {
		spec := c.tupleSpec(named, columns)
		spec.Name, spec.Type = "in"+spec.Name, types.ListOf(spec.Type)
		tr.list = c.marker(r.Marker, spec)
	}
	for _, v := range r.Values {
		tuple, err := c.tupleTerm(named, columns, v)
		if err != nil {
			return err
		}
		tr.tuples = append(tr.tuples, tuple)
	}
	return w.addTuple(tr)
}

func operatorText(op cql.Operator) string {
	switch op {
	case cql.OpEqual:
		return "="
	case cql.OpNotEqual:
		return "!="
	case cql.OpLess:
		return "<"
	case cql.OpLessOrEqual:
		return "<="
	case cql.OpGreater:
		return ">"
	case cql.OpGreaterOrEqual:
		return ">="
	case cql.OpLike:
		return "LIKE"
	}
	return containsName(op)
}

// given reports whether the tuples are listed, not bounded.
func (tr *tupleRestriction) given() bool { return tr.low == nil && tr.high == nil }
