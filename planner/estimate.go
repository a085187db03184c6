package planner

import (
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// What is assumed of a table of which nothing is known, and of restrictions: their order decides, not their size.
const (
	assumedRows       = 1_000_000_000
	assumedPartitions = 100_000
	equalShare        = 100 // = on a clustering column leaves one row in so many
	rangeShare        = 4   // one side of a range likewise
)

// estimateOf is what the store knows of a table.
func (c *compiler) estimateOf(t *schema.Table) (TableEstimate, bool) {
	if c.statistics == nil {
		return TableEstimate{}, false
	}
	return c.statistics.Table(t.ID)
}

// estimate is about how many rows the selection reads.
func (s *selection) estimate() int64 {
	e, known := s.estimateOf(s.table)
	if !known {
		e = TableEstimate{Rows: assumedRows, Partitions: assumedPartitions}
	}
	rows := e.Rows
	if s.access.keys != nil {
		rows = max(rows/max(e.Partitions, 1), 1)
		for _, k := range s.access.keys {
			rows *= int64(max(len(k.terms), 1))
		}
	}
	for i := range s.access.parts {
		rows = s.access.parts[i].share(rows)
	}
	return max(rows, 1)
}

// share is how many of the rows a restriction of clustering columns leaves.
func (p *clusteringPart) share(rows int64) int64 {
	if p.single == nil || p.single.given() {
		return rows / equalShare
	}
	for _, side := range []*rangeBound{p.single.low, p.single.high} {
		if side != nil {
			rows /= rangeShare
		}
	}
	return rows
}

// reason says what of the table's key serves the WHERE, for EXPLAIN.
func (s *selection) reason() string {
	a := s.access
	var served []string
	if a.keys != nil {
		for _, col := range a.table.PartitionKey {
			if a.adopted != nil && a.adopted.column == col {
				served = append(served, col.Name+" (from "+a.table.Clustering[0].Name+")")
			} else {
				served = append(served, a.relationText(col))
			}
		}
	}
	for _, p := range a.parts {
		if p.single != nil {
			served = append(served, a.relationText(a.table.Clustering[p.first]))
		} else {
			served = append(served, "a tuple from "+a.table.Clustering[p.first].Name+" on")
		}
	}
	out := "nothing is asked of its key"
	if len(served) > 0 {
		out = "its key serves " + strings.Join(served, " AND ")
	}
	return out + a.rest()
}

// rest says what of the WHERE is filtered, behind what serves; empty if nothing is.
func (a *access) rest() string {
	var out []string
	for _, col := range a.filters {
		out = append(out, a.relationText(col))
	}
	for _, r := range a.contained {
		out = append(out, r.text())
	}
	if len(out) == 0 {
		return ""
	}
	return "; " + strings.Join(out, " AND ") + " is filtered"
}

// relationText is what the WHERE says of a column, with ? for values.
func (a *access) relationText(col *schema.Column) string {
	r, name := a.columns[col], cql.QuoteIdentifier(col.Name)
	switch {
	case r == nil:
		return name
	case r.in || r.list != nil:
		return name + " IN ?"
	case r.given():
		return name + " = ?"
	}
	var sides []string
	if r.low != nil {
		sides = append(sides, name+map[bool]string{true: " >= ?", false: " > ?"}[r.low.inclusive])
	}
	if r.high != nil {
		sides = append(sides, name+map[bool]string{true: " <= ?", false: " < ?"}[r.high.inclusive])
	}
	return strings.Join(sides, " AND ")
}

// whereText is the WHERE, with ? for values.
func (a *access) whereText() string {
	var out []string
	for _, col := range a.order {
		out = append(out, a.relationText(col))
	}
	for _, r := range a.contained {
		out = append(out, r.text())
	}
	for _, tr := range a.tuples {
		names := make([]string, tr.width)
		for i := range names {
			names[i] = cql.QuoteIdentifier(a.table.Clustering[tr.first+i].Name)
		}
		out = append(out, "("+strings.Join(names, ", ")+") … ?")
	}
	if a.tokenUsed {
		names := make([]string, len(a.table.PartitionKey))
		for i, col := range a.table.PartitionKey {
			names[i] = cql.QuoteIdentifier(col.Name)
		}
		out = append(out, "token("+strings.Join(names, ", ")+") … ?")
	}
	return strings.Join(out, " AND ")
}
