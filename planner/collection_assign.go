package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// partAssignment checks an assignment to a part of a column.
func (c *compiler) partAssignment(w *writer, a cql.Assignment) error {
	name, compile := "", (func(*schema.Table, *schema.Column) (part, error))(nil)
	switch a := a.(type) {
	case *cql.AddToColumn:
		name, compile = a.Column.Text, func(t *schema.Table, col *schema.Column) (part, error) { return c.addToColumn(t, col, a) }
	case *cql.SetElement:
		name, compile = a.Column.Text, func(t *schema.Table, col *schema.Column) (part, error) { return c.setElement(t, col, a) }
	case *cql.SetField:
		name, compile = a.Column.Text, func(t *schema.Table, col *schema.Column) (part, error) { return c.setField(t, col, a) }
	}
	col, err := settable(w.table, name)
	if err != nil {
		return err
	}
	if add, ok := a.(*cql.AddToColumn); ok && w.table.Counter {
		return c.addToCounter(w, col, add)
	}
	p, err := compile(w.table, col)
	if err != nil {
		return err
	}
	if !w.setPart(col, p) {
		return incompatible(col)
	}
	return nil
}

// settable is a column that UPDATE may set.
func settable(t *schema.Table, name string) (*schema.Column, error) {
	col := t.Column(name)
	switch {
	case col == nil:
		return nil, undefinedColumn(t, name)
	case col.Kind == schema.PartitionKey || col.Kind == schema.ClusteringKey:
		return nil, invalidf("PRIMARY KEY part %s found in SET part", col.Name)
	}
	return col, nil
}

func incompatible(col *schema.Column) error {
	return syntaxf("Multiple incompatible setting of column %s", col.Name)
}

// addToColumn is `c = c + value`, `c = value + c` and `c = c - value`.
func (c *compiler) addToColumn(t *schema.Table, col *schema.Column, a *cql.AddToColumn) (part, error) {
	value, err := c.added(c.spec(t, col.Name, col.Type), a)
	if err != nil {
		return part{}, err
	}
	switch {
	case a.Kind == cql.AddPrepend && col.Type.Kind() != types.KindList:
		return part{}, invalidf("Invalid operation (%s) for non list column %s", sum(col, a), col.Name)
	case a.Kind == cql.AddPrepend && !col.Type.Multicell():
		return part{}, invalidf("Invalid operation (%s) for frozen list column %s", sum(col, a), col.Name)
	case col.Type.Kind() == types.KindTuple || col.Type.Kind() == types.KindUDT:
		return part{}, invalidf("Invalid operation (%s) for tuple column %s", sum(col, a), col.Name)
	case !col.Type.IsCollection():
		return part{}, invalidf("Invalid operation (%s) for non counter column %s", sum(col, a), col.Name)
	case !col.Type.Multicell():
		return part{}, invalidf("Invalid operation (%s) for frozen collection column %s", sum(col, a), col.Name)
	}
	ops := map[cql.AddKind]partOp{cql.AddAppend: partAdd, cql.AddPrepend: partPrepend, cql.AddSubtract: partRemove}
	return part{op: ops[a.Kind], value: value}, nil
}

// added is the value that is added to a column or subtracted from it: from a map a set of keys.
func (c *compiler) added(spec ColumnSpec, a *cql.AddToColumn) (boundTerm, error) {
	if spec.Type.Kind() != types.KindMap || a.Kind == cql.AddPrepend {
		return c.term(a.Value, spec)
	}
	wants := "addition has to be a map"
	if a.Kind == cql.AddSubtract {
		spec.Type, wants = types.SetOf(spec.Type.Elems()[0]), "substraction has to be a set" // Cassandra's spelling
	}
	value, err := c.term(a.Value, spec)
	if err != nil {
		return nil, invalidf("Value for a map %s, but was: '%s'", wants, cql.FormatTerm(a.Value))
	}
	return value, nil
}

// sum is an assignment as Cassandra tells it, which has a minus where a value is put before a list.
func sum(col *schema.Column, a *cql.AddToColumn) string {
	value := cql.FormatTerm(a.Value)
	switch a.Kind {
	case cql.AddPrepend:
		return col.Name + " = " + value + " - " + col.Name
	case cql.AddSubtract:
		return col.Name + " = " + col.Name + " - " + value
	}
	return col.Name + " = " + col.Name + " + " + value
}

// setElement is `c[key] = value`.
func (c *compiler) setElement(t *schema.Table, col *schema.Column, a *cql.SetElement) (part, error) {
	text := col.Name + "[" + cql.FormatTerm(a.Key) + "] = " + cql.FormatTerm(a.Value)
	switch {
	case !col.Type.IsCollection():
		return part{}, invalidf("Invalid operation (%s) for non collection column %s", text, col.Name)
	case !col.Type.Multicell():
		return part{}, invalidf("Invalid operation (%s) for frozen collection column %s", text, col.Name)
	case col.Type.Kind() == types.KindSet:
		return part{}, invalidf("Invalid operation (%s) for set column %s", text, col.Name)
	}
	key, err := c.term(a.Key, c.keySpec(t, col))
	if err != nil {
		return part{}, err
	}
	value, err := c.term(a.Value, c.valueSpec(t, col))
	if err != nil {
		return part{}, err
	}
	return part{op: partPut, key: key, value: value}, nil
}

// keySpec is what an element of a collection is named by: the index of a list, the key of a map, the member of a set.
func (c *compiler) keySpec(t *schema.Table, col *schema.Column) ColumnSpec {
	switch col.Type.Kind() {
	case types.KindList:
		return c.spec(t, "idx("+col.Name+")", types.Int)
	case types.KindSet:
		return c.valueSpec(t, col)
	}
	return c.spec(t, "key("+col.Name+")", col.Type.Elems()[0])
}

// valueSpec is an item of a list, a member of a set, or a value of a map.
func (c *compiler) valueSpec(t *schema.Table, col *schema.Column) ColumnSpec {
	elems := col.Type.Elems()
	return c.spec(t, "value("+col.Name+")", elems[len(elems)-1])
}

// setField is `c.field = value`.
func (c *compiler) setField(t *schema.Table, col *schema.Column, a *cql.SetField) (part, error) {
	text := col.Name + "." + a.Field.Text + " = " + cql.FormatTerm(a.Value)
	switch {
	case col.Type.Kind() != types.KindUDT:
		return part{}, invalidf("Invalid operation (%s) for non-UDT column %s", text, col.Name)
	case !col.Type.Multicell():
		return part{}, invalidf("Invalid operation (%s) for frozen UDT column %s", text, col.Name)
	}
	at, err := fieldOf(col, a.Field.Text)
	if err != nil {
		return part{}, err
	}
	value, err := c.term(a.Value, c.spec(t, col.Name+"."+a.Field.Text, col.Type.Elems()[at]))
	return part{op: partPut, field: at, value: value}, err
}

// fieldOf is the number of a field of a column.
func fieldOf(col *schema.Column, name string) (int, error) {
	for i, f := range col.Type.Fields() {
		if f == name {
			return i, nil
		}
	}
	return 0, invalidf("UDT column %s does not have a field named %s", col.Name, name)
}

// deletedPart is `c[key]` or `c.field` of DELETE, or a multi-cell column as a whole.
func (c *compiler) deletedPart(t *schema.Table, col *schema.Column, target cql.DeleteTarget) (part, error) {
	switch {
	case target.Field != nil:
		return deletedField(col, target.Field.Text)
	case target.Key == nil:
		return part{op: partErase}, nil
	case !col.Type.IsCollection():
		return part{}, invalidf("Invalid deletion operation for non collection column %s", col.Name)
	case !col.Type.Multicell():
		return part{}, invalidf("Invalid deletion operation for frozen collection column %s", col.Name)
	}
	key, err := c.term(target.Key, c.keySpec(t, col))
	return part{op: partDrop, key: key}, err
}

func deletedField(col *schema.Column, name string) (part, error) {
	switch {
	case col.Type.Kind() != types.KindUDT:
		return part{}, invalidf("Invalid field deletion operation for non-UDT column %s", col.Name)
	case !col.Type.Multicell():
		return part{}, invalidf("Frozen UDT column %s does not support field deletions", col.Name)
	}
	at, err := fieldOf(col, name)
	return part{op: partDrop, field: at}, err
}
