package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// prepareDescribe prepares DESCRIBE. Its columns depend on what is found, so drivers that ask for a
// PREPARE of it get those of an element.
func (c *compiler) prepareDescribe(stmt *cql.Describe) (*Prepared, error) {
	p := fixed(c.keyspace, &Describe{Statement: stmt})
	names := []string{"keyspace_name", "type", "name", "create_statement"}
	switch stmt.Kind {
	case cql.DescribeCluster:
		names = []string{"cluster", "partitioner", "snitch"}
	case cql.DescribeKeyspaces, cql.DescribeTables, cql.DescribeTypes, cql.DescribeFunctions, cql.DescribeAggregates:
		names = names[:3]
	}
	for _, name := range names {
		p.Result = append(p.Result, ColumnSpec{Keyspace: "system", Table: "describe", Name: name, Type: types.Text})
	}
	return p, nil
}

// explainColumns are the columns of EXPLAIN's answer.
func explainColumns() []ColumnSpec {
	out := []ColumnSpec{
		{Name: "step", Type: types.Int}, {Name: "operation", Type: types.Text}, {Name: "object", Type: types.Text},
		{Name: "detail", Type: types.Text}, {Name: "est_rows", Type: types.Bigint}, {Name: "actual_rows", Type: types.Bigint},
		{Name: "micros", Type: types.Bigint},
	}
	for i := range out {
		out[i].Keyspace, out[i].Table = "system", "explain"
	}
	return out
}
