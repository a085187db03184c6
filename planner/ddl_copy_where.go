package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// filterOperators are the conditions that a copy may have. None of them comes true when a cell expires (R39a).
var filterOperators = map[cql.Operator]string{
	cql.OpEqual: "=", cql.OpLess: "<", cql.OpLessOrEqual: "<=", cql.OpGreater: ">", cql.OpGreaterOrEqual: ">=",
}

// copyWhere reads which base rows are in the copy.
func (c *compiler) copyWhere(d *copyDefinition, where []cql.Relation) error {
	for _, r := range where {
		var err error
		switch r := r.(type) {
		case *cql.NullRelation:
			if !r.Negated {
				return d.comesTrue(r)
			}
			_, err = d.baseColumn(r.Column.Text)
			d.notNull = append(d.notNull, r.Column.Text)
		case *cql.ColumnRelation:
			op, ok := filterOperators[r.Op]
			if r.Op == cql.OpNotEqual {
				return d.comesTrue(r)
			}
			if !ok {
				return d.badFilter(r)
			}
			err = c.addFilter(d, r, r.Column.Text, op, []cql.Term{r.Value})
		case *cql.InRelation:
			if r.Negated {
				return d.comesTrue(r)
			}
			if r.Marker != nil {
				return d.badFilter(r)
			}
			err = c.addFilter(d, r, r.Column.Text, "IN", r.Values)
		case *cql.TokenRelation:
			return invalidf("Cannot use token relation when defining a %s", d.what())
		default:
			return d.badFilter(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *copyDefinition) comesTrue(r cql.Relation) error {
	return invalidf("filter %s of %s can become true when a cell expires, without any write: a copy filters by IS NOT NULL, =, <, <=, >, >= and IN", cql.FormatRelation(r), d.name.Name)
}

func (d *copyDefinition) badFilter(r cql.Relation) error {
	return invalidf("filter %s of %s: a copy filters single columns by IS NOT NULL, =, <, <=, >, >= and IN with constants", cql.FormatRelation(r), d.name.Name)
}

// addFilter adds a condition whose values are constants.
func (c *compiler) addFilter(d *copyDefinition, r cql.Relation, column, op string, terms []cql.Term) error {
	col, err := d.baseColumn(column)
	if err != nil {
		return err
	}
	if col.Type.Multicell() {
		return invalidf("Collection column '%s' (%s) cannot be restricted by a '%s' relation", col.Name, col.Type, op)
	}
	if col.Type.Kind() == types.KindDuration && op != "=" && op != "IN" {
		return invalidf("Slice restrictions are not supported on duration columns")
	}
	f := schema.CopyFilter{Column: column, Op: op}
	for _, t := range terms {
		if _, ok := t.(*cql.Marker); ok {
			return invalidf("Bind variables are not allowed in CREATE %s statements", strings.ToUpper(d.what()))
		}
		term, err := c.columnTerm(d.base, col, t)
		if err != nil {
			return err
		}
		value, ok := term.(constant)
		if !ok {
			return d.badFilter(r)
		}
		if value == nil {
			return invalidf("Invalid null value for column %s", column)
		}
		if !slices.ContainsFunc(f.Values, func(v []byte) bool { return string(v) == string(value) }) {
			f.Values = append(f.Values, value)
		}
	}
	if len(f.Values) == 0 {
		return invalidf("filter %s of %s: no row is in an empty list", cql.FormatRelation(r), d.name.Name)
	}
	d.filters = append(d.filters, f)
	return nil
}

// checkViewWhere holds the WHERE of a view to Cassandra's rules.
func (d *copyDefinition) checkViewWhere() error {
	var missing []string
	for _, k := range slices.Concat(d.partition, d.clustering) {
		if !slices.Contains(d.notNull, k.name) && !slices.ContainsFunc(d.filters, func(f schema.CopyFilter) bool { return f.Column == k.name }) {
			missing = append(missing, k.name)
		}
	}
	if len(missing) > 0 {
		return invalidf("Primary key columns %s must be restricted with 'IS NOT NULL' or otherwise", strings.Join(missing, ", "))
	}
	for _, f := range d.filters {
		if kind := d.base.Column(f.Column).Kind; kind != schema.PartitionKey && kind != schema.ClusteringKey {
			return invalidf("Non-primary key columns can only be restricted with 'IS NOT NULL' (got: %s restricted illegally); a query table takes other filters too: CREATE QUERY TABLE", f.Column)
		}
	}
	return nil
}
