package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// relationKind is what further relations of a column have to go with.
type relationKind uint8

const (
	equalRelation relationKind = iota + 1
	inRelation
	sliceRelation
	partRelation // CONTAINS, CONTAINS KEY, or an entry of a map
)

// newcomer is a relation that comes to those before it.
type newcomer struct {
	columns   []*schema.Column
	kind      relationKind
	low, high bool // sides of a slice
}

// meet refuses a relation that does not go with those before it on the same columns. As in Cassandra, what came first decides
// the words.
func (w *where) meet(n newcomer) error {
	for _, col := range n.columns {
		if r := w.columns[col]; r != nil {
			if err := n.after(r.kind(), []*schema.Column{col}, col, r.low != nil, r.high != nil); err != nil {
				return err
			}
		}
		if slices.ContainsFunc(w.contained, func(r *contained) bool { return r.col == col }) {
			if err := n.after(partRelation, []*schema.Column{col}, col, false, false); err != nil {
				return err
			}
		}
	}
	for _, tr := range w.tuples {
		of := w.table.Clustering[tr.first : tr.first+tr.width]
		var common []*schema.Column
		for _, col := range of {
			if slices.Contains(n.columns, col) {
				common = append(common, col)
			}
		}
		if len(common) == 0 {
			continue
		}
		if err := n.after(tr.kind(), common, of[0], tr.low != nil, tr.high != nil); err != nil {
			return err
		}
	}
	return nil
}

// after refuses a relation that comes after one of a kind, of which first is the first column.
func (n *newcomer) after(kind relationKind, common []*schema.Column, first *schema.Column, low, high bool) error {
	name := strings.Join(namesOf(common), ", ")
	switch {
	case kind == equalRelation:
		return invalidf("%s cannot be restricted by more than one relation if it includes an Equal", name)
	case kind == inRelation:
		return invalidf("%s cannot be restricted by more than one relation if it includes a IN", name)
	case kind == partRelation && n.kind != partRelation:
		return invalidf("Collection column %s can only be restricted by CONTAINS, CONTAINS KEY, or map-entry equality", name)
	case kind == partRelation:
		return nil
	case n.kind != sliceRelation:
		return invalidf("Column \"%s\" cannot be restricted by both an equality and an inequality relation", name)
	case n.columns[0] != first:
		return invalidf("Column \"%s\" cannot be restricted by two inequalities not starting with the same column", name)
	case low && n.low:
		return invalidf("More than one restriction was found for the start bound on %s", name)
	case high && n.high:
		return invalidf("More than one restriction was found for the end bound on %s", name)
	}
	return nil
}

// kind is 0 for a column that nothing restricts yet.
func (r *restriction) kind() relationKind {
	switch {
	case r.in:
		return inRelation
	case r.given():
		return equalRelation
	}
	return sliceRelation
}

func (tr *tupleRestriction) kind() relationKind {
	switch {
	case tr.in:
		return inRelation
	case tr.given():
		return equalRelation
	}
	return sliceRelation
}

// newcomerOf is a relation of one column by its operator.
func newcomerOf(col *schema.Column, op cql.Operator) newcomer {
	n := newcomer{columns: []*schema.Column{col}}
	switch op {
	case cql.OpEqual:
		n.kind = equalRelation
	case cql.OpContains, cql.OpContainsKey:
		n.kind = partRelation
	default:
		n.kind = sliceRelation
		n.low, n.high = sidesOf(op)
	}
	return n
}

// sidesOf tells which side of a range an operator bounds.
func sidesOf(op cql.Operator) (low, high bool) {
	high = op == cql.OpLess || op == cql.OpLessOrEqual
	return !high, high
}

// checkWhole refuses relations on a multi-cell column as a whole. operator is as Cassandra writes it.
func (w *where) checkWhole(col *schema.Column, operator string) error {
	switch {
	case !w.table.Multicell(col):
		return nil
	case col.Type.Kind() == types.KindUDT:
		return invalidf("Non-frozen UDT column '%s' (%s) cannot be restricted by any relation", col.Name, col.Type)
	}
	return invalidf("Collection column '%s' (%s) cannot be restricted by a '%s' relation", col.Name, col.Type, operator)
}

// addTuple keeps a relation of several columns. Where the range of one column begins like it, both become sides of one range.
func (w *where) addTuple(tr *tupleRestriction) error {
	columns := w.table.Clustering[tr.first : tr.first+tr.width]
	n := newcomer{columns: columns, kind: tr.kind(), low: tr.low != nil, high: tr.high != nil}
	if err := w.meet(n); err != nil {
		return err
	}
	if r := w.columns[columns[0]]; r != nil {
		delete(w.columns, columns[0])
		w.order = slices.DeleteFunc(w.order, func(col *schema.Column) bool { return col == columns[0] })
		w.tuples = append(w.tuples, r.asTuple(tr.first))
	}
	w.tuples = append(w.tuples, tr)
	return nil
}

// asTuple is the range of one column as that of a tuple of one.
func (r *restriction) asTuple(first int) *tupleRestriction {
	side := func(b *rangeBound) *tupleBound {
		if b == nil {
			return nil
		}
		return &tupleBound{tuple: tupleTerm{terms: []boundTerm{b.term}}, inclusive: b.inclusive}
	}
	return &tupleRestriction{first: first, width: 1, low: side(r.low), high: side(r.high)}
}

// joinsTuple reports whether a range of several columns begins with the column.
func (w *where) joinsTuple(col *schema.Column) bool {
	return col.Kind == schema.ClusteringKey && slices.ContainsFunc(w.tuples, func(tr *tupleRestriction) bool {
		return tr.first == col.Position
	})
}

// checkSelected refuses rows to be named where nothing of rows is selected.
func (s *selection) checkSelected() error {
	statics := false
	for _, o := range s.outputs {
		rows := false
		eachColumn(o.Expr, func(col *schema.Column) {
			statics = statics || col.Kind == schema.Static
			rows = rows || col.Kind != schema.Static && col.Kind != schema.PartitionKey
		})
		if rows {
			return nil
		}
	}
	if statics && s.access.clusteringLimited && s.table == s.named {
		return invalidf("Cannot restrict clustering columns when selecting only static columns")
	}
	return nil
}

// options are the values that IN allows. A null of a column that is no key is like no value.
func (r *restriction) options(col *schema.Column, values []Value, ctx Context) ([][]byte, error) {
	if r.list != nil || col.Kind == schema.PartitionKey || col.Kind == schema.ClusteringKey {
		return r.values(col, values, ctx)
	}
	var out [][]byte
	for _, t := range r.terms {
		v, unset, err := t.bind(values, ctx)
		switch {
		case err != nil:
			return nil, err
		case unset:
			return nil, unsetKey(col)
		case v != nil:
			out = append(out, v)
		}
	}
	return out, nil
}
