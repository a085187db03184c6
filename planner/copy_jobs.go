package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// CheckCopy compares a query table, view or index with the projection of its base, and mends it if asked to.
type CheckCopy struct {
	Table  *schema.Table
	Repair bool
}

// RebuildCopy builds a query table, view or index again.
type RebuildCopy struct{ Table *schema.Table }

func (*CheckCopy) plan()   {}
func (*RebuildCopy) plan() {}

func (c *compiler) prepareCheckCopy(stmt *cql.CheckQueryTable) (*Prepared, error) {
	t, err := c.copyNamed(stmt.Name)
	if err != nil {
		return nil, err
	}
	p := fixed(t.Keyspace, &CheckCopy{Table: t, Repair: stmt.Repair})
	p.Result = checkColumns(t)
	return p, nil
}

// checkColumns are the columns of the answer of CHECK.
func checkColumns(t *schema.Table) (out []ColumnSpec) {
	for _, name := range []string{"object", "kind", "partition", "clustering", "detail"} {
		out = append(out, ColumnSpec{Keyspace: t.Keyspace, Table: t.Name, Name: name, Type: types.Text})
	}
	return out
}

func (c *compiler) prepareRebuildCopy(stmt *cql.RebuildQueryTable) (*Prepared, error) {
	t, err := c.copyNamed(stmt.Name)
	if err != nil {
		return nil, err
	}
	return fixed(t.Keyspace, &RebuildCopy{Table: t}), nil
}

// copyNamed finds the query table, view or index that a statement names.
func (c *compiler) copyNamed(name cql.QualifiedName) (*schema.Table, error) {
	keyspace, err := c.keyspaceOf(name)
	if err != nil {
		return nil, err
	}
	t := c.schema.Table(keyspace, name.Name)
	for _, other := range c.schema.Keyspaces[keyspace].Tables {
		if t == nil && other.Kind == schema.Index && other.Copy.Index != nil && other.Copy.Index.Name == name.Name {
			t = other
		}
	}
	if t == nil {
		return nil, invalidf("query table %s.%s does not exist", keyspace, name.Name)
	}
	if t.Copy == nil {
		return nil, invalidf("%s is not a query table, view or index: system_views.query_tables lists them", t.QualifiedName())
	}
	return t, nil
}
