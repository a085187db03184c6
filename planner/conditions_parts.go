package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// elementSpecs are what the key and the value of an element in a condition are.
func (c *compiler) elementSpecs(t *schema.Table, col *schema.Column) (key, value ColumnSpec, err error) {
	switch col.Type.Kind() {
	case types.KindMap, types.KindList:
		return c.keySpec(t, col), c.valueSpec(t, col), nil
	case types.KindSet:
		return key, value, invalidf("Invalid element access syntax for set column %s", col.Name)
	}
	return key, value, invalidf("Invalid element access syntax for non-collection column %s", col.Name)
}

// fieldCondition is `column.field op value`.
func (c *compiler) fieldCondition(t *schema.Table, r *cql.FieldRelation) (*condition, error) {
	col, err := conditioned(t, r.Column.Text)
	if err != nil {
		return nil, err
	}
	op, ok := conditionOperators[r.Op]
	if !ok || op == Contains || op == ContainsKey {
		return nil, syntaxf("IF has no such operator: %s", cql.FormatRelation(r))
	}
	out, spec, err := c.fieldConditionOf(t, col, r.Field.Text, op)
	if err != nil {
		return nil, err
	}
	if err := checkOrdered(op, spec.Type); err != nil {
		return nil, err
	}
	term, err := c.term(r.Value, spec)
	out.terms = []boundTerm{term}
	return out, err
}

// fieldConditionOf is a condition on a field, and what receives the values it is compared with.
func (c *compiler) fieldConditionOf(t *schema.Table, col *schema.Column, field string, op Operator) (*condition, ColumnSpec, error) {
	if col.Type.Kind() != types.KindUDT {
		return nil, ColumnSpec{}, invalidf("Invalid field access syntax for column %s, which is not of a user type", col.Name)
	}
	at, of := col.Type.Field(field)
	if at < 0 {
		return nil, ColumnSpec{}, invalidf("Unknown field %s for column %s", field, col.Name)
	}
	out := &condition{Condition: Condition{Column: col, Type: of, Op: op}, element: constant(types.AppendInt(nil, int32(at)))}
	return out, c.spec(t, col.Name+"."+field, of), nil
}

// partInCondition is `column[key] IN values` and `column.field IN values`.
func (c *compiler) partInCondition(t *schema.Table, r *cql.PartInRelation) (*condition, error) {
	col, err := conditioned(t, r.Column.Text)
	if err != nil {
		return nil, err
	}
	if r.Negated {
		return nil, syntaxf("IF has no such operator: %s", cql.FormatRelation(r))
	}
	if r.Field != nil {
		out, spec, err := c.fieldConditionOf(t, col, r.Field.Text, In)
		if err != nil {
			return nil, err
		}
		return out, c.listed(out, spec, r.Values, r.Marker)
	}
	key, value, err := c.elementSpecs(t, col)
	if err != nil {
		return nil, err
	}
	out := &condition{Condition: Condition{Column: col, Type: value.Type, Op: In}}
	if out.element, err = c.term(r.Key, key); err != nil {
		return nil, err
	}
	return out, c.listed(out, value, r.Values, r.Marker)
}
