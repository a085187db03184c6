package planner

import (
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// route looks for a query table or view that serves exactly what the key of base does not. It returns nil
// where there is none.
func (c *compiler) route(stmt *cql.Select, base *schema.Table) (*selection, error) {
	if base.Kind != schema.Base || !routable(stmt) {
		return nil, nil
	}
	for _, q := range c.schema.CopiesOf(base) {
		s, err := c.selection(stmt, q, base)
		if err != nil || s.access.refusal != "" || s.access.keys == nil || !s.complete(base) {
			continue // this copy lacks a column, a key or rows
		}
		s.warnings = []string{"query table " + q.QualifiedName() + " served this query"}
		return s, nil
	}
	// What the attempts left among the markers must be what the base table says.
	_, err := c.selection(stmt, base, base)
	return nil, err
}

// routable refuses what means another thing on another key: partitions and tokens.
func routable(stmt *cql.Select) bool {
	if stmt.Distinct || stmt.PerPartitionLimit != nil || len(stmt.GroupBy.Terms) > 0 {
		return false
	}
	for _, r := range stmt.Where {
		if _, ok := r.(*cql.TokenRelation); ok {
			return false
		}
	}
	return true
}

// complete reports whether every base row that the WHERE allows is in the copy: each column that must not be
// null to be there is restricted, and so cannot be null.
func (s *selection) complete(base *schema.Table) bool {
	needed := append([]string(nil), s.table.Copy.NotNull...)
	for _, group := range [][]*schema.Column{s.table.PartitionKey, s.table.Clustering} {
		for _, col := range group {
			if from := base.Column(col.Name); from == nil || from.Kind == schema.Regular {
				needed = append(needed, col.Name)
			}
		}
	}
	for _, name := range needed {
		col := s.table.Column(name)
		if col == nil || s.access.columns[col] == nil && !s.access.inTuple(col) {
			return false
		}
	}
	return true
}

// inTuple reports whether a tuple relation restricts the column.
func (a *access) inTuple(col *schema.Column) bool {
	for _, tr := range a.tuples {
		if col.Kind == schema.ClusteringKey && col.Position >= tr.first && col.Position < tr.first+tr.width {
			return true
		}
	}
	return false
}

// suggestion is the CREATE QUERY TABLE whose key would serve the WHERE; empty where none can.
func (a *access) suggestion() string {
	t := a.table
	if t.Kind != schema.Base || len(a.tuples) > 0 || a.tokenUsed || len(t.Statics) > 0 && a.restrictsStatic() {
		return ""
	}
	var equal, ranged []*schema.Column
	for _, col := range a.order {
		if a.columns[col].given() {
			equal = append(equal, col)
		} else {
			ranged = append(ranged, col)
		}
	}
	if len(equal) == 0 || len(ranged) > 1 {
		return ""
	}
	partition, name := make([]string, len(equal)), t.Name+"_by"
	for i, col := range equal {
		partition[i] = cql.QuoteIdentifier(col.Name)
		name += "_" + col.Name
	}
	key := "((" + strings.Join(partition, ", ") + ")"
	placed := map[*schema.Column]bool{}
	for _, group := range [][]*schema.Column{ranged, a.timeFirst()} {
		for _, col := range group {
			if !placed[col] && (a.columns[col] == nil || !a.columns[col].given()) {
				key += ", " + cql.QuoteIdentifier(col.Name)
				placed[col] = true
			}
		}
	}
	if len(name) > schema.NameBytesMax {
		name = name[:schema.NameBytesMax]
	}
	return "\nCreate:  CREATE QUERY TABLE " + cql.QuoteIdentifier(t.Keyspace) + "." + cql.QuoteIdentifier(name) +
		" ON " + cql.QuoteIdentifier(t.Keyspace) + "." + cql.QuoteIdentifier(t.Name) + " * PRIMARY KEY " + key + ");"
}

func (a *access) restrictsStatic() bool {
	for _, col := range a.order {
		if col.Kind == schema.Static {
			return true
		}
	}
	return false
}

// timeFirst are the base key's columns with the clustering in front: rows of a copy stay in their order.
func (a *access) timeFirst() []*schema.Column {
	return append(append([]*schema.Column(nil), a.table.Clustering...), a.table.PartitionKey...)
}
