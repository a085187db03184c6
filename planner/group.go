package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// addGroups checks GROUP BY: key columns in their order, those with = may be left out, and as the last
// term possibly a function of a clustering column.
func (s *selection) addGroups(stmt *cql.Select) error {
	key := slices.Concat(s.table.PartitionKey, s.table.Clustering)
	at, function := 0, false
	for _, t := range stmt.GroupBy.Terms {
		if function {
			return invalidf("Functions are only supported on the last element of the GROUP BY clause")
		}
		e, col, err := s.groupTerm(t)
		if err != nil {
			return err
		}
		_, plain := e.(*ColumnExpr)
		function = !plain
		for ; ; at++ {
			if at == len(key) {
				return invalidf("Group by currently only support groups of columns following their declared order in the PRIMARY KEY")
			}
			if key[at] == col {
				break
			}
			if !s.fixed(key[at]) {
				return invalidf("Group by currently only support groups of columns following their declared order in the PRIMARY KEY")
			}
		}
		at++
		s.groupBy = append(s.groupBy, e)
	}
	if n := len(s.groupBy); n > 0 {
		if at < len(s.table.PartitionKey) {
			return invalidf("Group by is not supported on only a part of the partition key")
		}
		if s.distinct && at > len(s.table.PartitionKey) {
			return invalidf("Grouping on clustering columns is not allowed for SELECT DISTINCT queries")
		}
	}
	return nil
}

func (s *selection) groupTerm(t cql.Term) (Expr, *schema.Column, error) {
	e, err := s.expr(t)
	if err != nil {
		return nil, nil, err
	}
	aggregate := ""
	eachAggregate(e, func(a *AggregateExpr) { aggregate = a.Name })
	if aggregate != "" {
		return nil, nil, invalidf("Aggregate functions are not supported within the GROUP BY clause, got: system.%s", aggregate)
	}
	if c, ok := e.(*ColumnExpr); ok {
		if c.Column.Kind != schema.PartitionKey && c.Column.Kind != schema.ClusteringKey {
			return nil, nil, invalidf("Group by is currently only supported on the columns of the PRIMARY KEY, got %s", c.Column.Name)
		}
		return e, c.Column, nil
	}
	var columns []*schema.Column
	eachColumn(e, func(col *schema.Column) { columns = append(columns, col) })
	switch {
	case len(columns) == 0:
		return nil, nil, invalidf("GROUP BY functions must have one clustering column name as parameter")
	case len(columns) > 1:
		return nil, nil, invalidf("GROUP BY functions accept only one clustering column as parameter, got: %s, %s", columns[0].Name, columns[1].Name)
	case columns[0].Kind != schema.ClusteringKey:
		return nil, nil, invalidf("Group by functions are only supported on clustering columns, got %s", columns[0].Name)
	}
	return e, columns[0], nil
}
