package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// ExplainRetention tells what of a table is past its end and still on disk, and why.
type ExplainRetention struct{ Table *schema.Table }

func (*ExplainRetention) plan() {}

func (c *compiler) prepareExplainRetention(stmt *cql.ExplainRetention) (*Prepared, error) {
	t, err := c.table(stmt.Table)
	if err != nil {
		return nil, err
	}
	if t.Kind == schema.Virtual {
		return nil, invalidf("EXPLAIN RETENTION %s: a system table keeps nothing on disk", t.QualifiedName())
	}
	p := fixed(t.Keyspace, &ExplainRetention{Table: t})
	p.Result = []ColumnSpec{
		{Name: "object", Type: types.Text}, {Name: "bytes", Type: types.Bigint}, {Name: "past_end", Type: types.Timestamp}, {Name: "blocker", Type: types.Text},
	}
	for i := range p.Result {
		p.Result[i].Keyspace, p.Result[i].Table = t.Keyspace, t.Name
	}
	return p, nil
}
