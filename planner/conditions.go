package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Conditional is a write that takes place only if what is stored meets its conditions: INSERT, UPDATE, DELETE and
// batches with IF, of one partition.
type Conditional struct {
	Table  *schema.Table
	Key    partition.DecoratedKey
	Checks []Check // all must hold; of a row at most one
	Write  *Write  // what is written then; empty if every value is unset

	// Columns are told, behind [applied], of the rows that were looked at if a check does not hold.
	Columns []*schema.Column
	// Statics and Regulars are the columns that are read to tell and to check; Cassandra tells others as null.
	Statics, Regulars []*schema.Column

	writesRows, writesStatics bool
}

// Existence says whether there must be a row.
type Existence uint8

const (
	EitherWay Existence = 0 // conditions decide
	IfExists  Existence = 1
	IfAbsent  Existence = 2 // IF NOT EXISTS
)

// Check is what is asked of one row.
type Check struct {
	Static     bool   // of the static row
	Clustering []byte // of the row, sortable bytes
	Exists     Existence
	Conditions []Condition
}

// Condition compares a column, or an element of it, with values. A row that is not there has null everywhere.
type Condition struct {
	Column  *schema.Column
	Element [][]byte // one: the key of a map, the index of a list as an int, the number of a field as one; none: the whole column
	Type    *types.Type
	Op      Operator // Eq, Neq, Lt, Lte, Gt, Gte, In, Contains or ContainsKey
	Values  [][]byte // nil in it is null
}

func (*Conditional) plan() {}

// conditions is the IF of a statement, checked.
type conditions struct {
	exists  Existence
	columns []*condition
}

// condition is a Condition before its values are bound.
type condition struct {
	Condition
	element boundTerm // nil: the whole column
	terms   []boundTerm
	list    *markerTerm // of IN ?
}

// ifClause checks what follows IF in UPDATE and DELETE; nil: there is no IF.
func (c *compiler) ifClause(t *schema.Table, exists bool, relations []cql.Relation) (*conditions, error) {
	if exists {
		return &conditions{exists: IfExists}, nil
	}
	if len(relations) == 0 {
		return nil, nil
	}
	out := &conditions{}
	for _, r := range relations {
		one, err := c.condition(t, r)
		if err != nil {
			return nil, err
		}
		out.columns = append(out.columns, one)
	}
	return out, nil
}

func (c *compiler) condition(t *schema.Table, r cql.Relation) (*condition, error) {
	switch r := r.(type) {
	case *cql.ColumnRelation:
		return c.columnCondition(t, r)
	case *cql.InRelation:
		return c.inCondition(t, r)
	case *cql.ElementRelation:
		return c.elementCondition(t, r)
	case *cql.FieldRelation:
		return c.fieldCondition(t, r)
	case *cql.PartInRelation:
		return c.partInCondition(t, r)
	}
	return nil, syntaxf("IF takes conditions on columns: %s is none", cql.FormatRelation(r))
}

// conditioned is the column of a condition.
func conditioned(t *schema.Table, name string) (*schema.Column, error) {
	col := t.Column(name)
	switch {
	case col == nil:
		return nil, undefinedColumn(t, name)
	case col.Kind == schema.PartitionKey || col.Kind == schema.ClusteringKey:
		return nil, invalidf("PRIMARY KEY column '%s' cannot have IF conditions", col.Name)
	case t.Counter:
		return nil, invalidf("Conditions on counters are not supported")
	}
	return col, nil
}

var conditionOperators = map[cql.Operator]Operator{
	cql.OpEqual: Eq, cql.OpNotEqual: Neq, cql.OpLess: Lt, cql.OpLessOrEqual: Lte, cql.OpGreater: Gt, cql.OpGreaterOrEqual: Gte,
	cql.OpContains: Contains, cql.OpContainsKey: ContainsKey,
}

func (c *compiler) columnCondition(t *schema.Table, r *cql.ColumnRelation) (*condition, error) {
	col, err := conditioned(t, r.Column.Text)
	if err != nil {
		return nil, err
	}
	op, ok := conditionOperators[r.Op]
	if !ok {
		return nil, syntaxf("IF has no such operator: %s", cql.FormatRelation(r))
	}
	out := &condition{Condition: Condition{Column: col, Type: col.Type, Op: op}}
	spec := c.spec(t, col.Name, col.Type)
	if op == Contains || op == ContainsKey {
		spec, err = c.partSpec(t, col, op)
	} else {
		err = checkOrdered(op, col.Type)
	}
	if err != nil {
		return nil, err
	}
	term, err := c.term(r.Value, spec)
	out.terms = []boundTerm{term}
	return out, err
}

// partSpec is what CONTAINS or CONTAINS KEY of a collection compares with.
func (c *compiler) partSpec(named *schema.Table, col *schema.Column, op Operator) (ColumnSpec, error) {
	switch {
	case !col.Type.IsCollection():
		return ColumnSpec{}, invalidf("Cannot use %s on non-collection column %s", conditionSigns[op], col.Name)
	case op == ContainsKey && col.Type.Kind() != types.KindMap:
		return ColumnSpec{}, invalidf("Cannot use CONTAINS KEY on non-map column %s", col.Name)
	}
	elems := col.Type.Elems()
	if op == ContainsKey {
		return c.spec(named, "key("+col.Name+")", elems[0]), nil
	}
	return c.spec(named, "value("+col.Name+")", elems[len(elems)-1]), nil
}

// checkOrdered refuses slices of durations, which have no order.
func checkOrdered(op Operator, of *types.Type) error {
	if op == Eq || op == Neq || !holdsDuration(of) {
		return nil
	}
	where := "collections containing durations"
	if of.Kind() == types.KindDuration {
		where = "durations"
	}
	return invalidf("Slice conditions ( %s ) are not supported on %s", conditionSigns[op], where)
}

func holdsDuration(of *types.Type) bool {
	return of.Kind() == types.KindDuration || slices.ContainsFunc(of.Elems(), holdsDuration)
}

func (c *compiler) inCondition(t *schema.Table, r *cql.InRelation) (*condition, error) {
	col, err := conditioned(t, r.Column.Text)
	if err != nil {
		return nil, err
	}
	if r.Negated {
		return nil, syntaxf("IF has no such operator: %s", cql.FormatRelation(r))
	}
	out := &condition{Condition: Condition{Column: col, Type: col.Type, Op: In}}
	spec := c.spec(t, col.Name, col.Type)
	return out, c.listed(out, spec, r.Values, r.Marker)
}

// listed adds the values of an IN to a condition.
func (c *compiler) listed(out *condition, spec ColumnSpec, values []cql.Term, marker *cql.Marker) error {
	if marker != nil {
		out.list = c.marker(marker, inSpec(spec))
		return nil
	}
	for _, v := range values {
		term, err := c.term(v, spec)
		if err != nil {
			return err
		}
		out.terms = append(out.terms, term)
	}
	return nil
}

// elementCondition is `map[key] op value` and `list[index] op value`.
func (c *compiler) elementCondition(t *schema.Table, r *cql.ElementRelation) (*condition, error) {
	col, err := conditioned(t, r.Column.Text)
	if err != nil {
		return nil, err
	}
	key, value, err := c.elementSpecs(t, col)
	if err != nil {
		return nil, err
	}
	op, ok := conditionOperators[r.Op]
	if !ok || op == Contains || op == ContainsKey {
		return nil, syntaxf("IF has no such operator: %s", cql.FormatRelation(r))
	}
	if err := checkOrdered(op, value.Type); err != nil {
		return nil, err
	}
	out := &condition{Condition: Condition{Column: col, Type: value.Type, Op: op}}
	if out.element, err = c.term(r.Key, key); err != nil {
		return nil, err
	}
	term, err := c.term(r.Value, value)
	out.terms = []boundTerm{term}
	return out, err
}

// bind makes Conditions of the values.
func (cs *conditions) bind(values []Value, ctx Context) ([]Condition, error) {
	out := make([]Condition, 0, len(cs.columns))
	for _, c := range cs.columns {
		one, err := c.bind(values, ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func (c *condition) bind(values []Value, ctx Context) (Condition, error) {
	out := c.Condition
	given := func(t boundTerm) ([]byte, error) {
		v, unset, err := t.bind(values, ctx)
		if err == nil && unset {
			err = invalidf("Invalid 'unset' value in condition")
		}
		return v, err
	}
	if c.element != nil {
		key, err := given(c.element)
		if err != nil {
			return out, err
		}
		if err := checkElement(c.Column, key); err != nil {
			return out, err
		}
		out.Element = [][]byte{key}
	}
	if c.list != nil {
		v, err := given(c.list)
		if err != nil {
			return out, err
		}
		if v == nil {
			return out, invalidf("Invalid null value for IN of column %s", c.Column.Name)
		}
		if out.Values, err = c.list.spec.Type.SplitCollection(v); err != nil {
			return out, invalidf("%v", err)
		}
		for i := range out.Values {
			out.Values[i] = c.absent(out.Values[i])
		}
		return out, nil
	}
	for _, t := range c.terms {
		v, err := given(t)
		if err != nil {
			return out, err
		}
		if v == nil && c.Op != Eq && c.Op != Neq && c.Op != In {
			return out, invalidf("Invalid comparison with null for operator \"%s\"", conditionSigns[c.Op])
		}
		out.Values = append(out.Values, c.absent(v))
	}
	return out, nil
}

// conditionSigns are how operators are written that take no null.
var conditionSigns = map[Operator]string{Lt: "<", Lte: "<=", Gt: ">", Gte: ">=", Contains: "CONTAINS", ContainsKey: "CONTAINS KEY"}
