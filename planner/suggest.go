package planner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// refuse is the error for a SELECT that no key serves: why, the query table that would serve it, and what ALLOW
// FILTERING would cost where that is enough.
func (c *compiler) refuse(stmt *cql.Select, base *schema.Table, why string) error {
	s := c.bare(stmt, base)
	if s == nil {
		return invalidf("%s", why)
	}
	if why == needsFiltering {
		why = s.unserved()
	}
	var out strings.Builder
	out.WriteString(why)
	_, others := c.compareCopies(stmt, base)
	for _, line := range others {
		out.WriteString("\n" + line)
	}
	create, filtering := c.suggestion(stmt, base, s)
	if create != "" {
		out.WriteString("\nCreate:  " + create)
	}
	if filtering {
		out.WriteString("\nand add ALLOW FILTERING, for no one key serves all of the WHERE")
	}
	if s.access.refusal != why && why != s.unserved() {
		return invalidf("%s", out.String()) // filtering gives no order and no groups
	}
	how := "add"
	if create != "" {
		how = "or add"
	}
	out.WriteString("\n" + how + " ALLOW FILTERING to scan " + c.scanText(stmt, s) + ".")
	return invalidf("%s", out.String())
}

// unserved says of which WHERE there is no key.
func (s *selection) unserved() string {
	return "Cannot execute this query as it might involve data filtering and thus may have unpredictable performance. If you want to execute " +
		"this query despite the performance unpredictability, use ALLOW FILTERING: no key of " + s.table.QualifiedName() + " serves WHERE " + s.access.whereText() + "."
}

// scanText says how many rows filtering reads, and of what.
func (c *compiler) scanText(stmt *cql.Select, s *selection) string {
	e, known := c.estimateOf(s.table)
	rows, of, whole := max(e.Rows, 1), "", "all rows"
	if s.access.keys != nil {
		rows, whole = s.estimate(), "the rows of a partition"
	} else if best := c.filtered(stmt, s); best != nil {
		_, known = c.estimateOf(best.table)
		rows, of, whole = best.rows, " of "+KindText(best.table)+" "+best.table.QualifiedName(), "rows of a partition"
	}
	if !known {
		return whole + of
	}
	return "an estimated " + rowsText(rows) + of
}

// filtered is the index or copy that ALLOW FILTERING would read; nil: it would read the base table. s is of that.
func (c *compiler) filtered(stmt *cql.Select, s *selection) *candidate {
	asked := *stmt
	asked.AllowFiltering = true
	if by, err := c.byIndex(&asked, s.table, s.access); err == nil && by != nil && by.table.Kind == schema.Index {
		return &candidate{by, by.estimate()}
	}
	if best := c.bestCopy(&asked, s.table); best != nil && best.keeps == nil {
		return best
	}
	return nil
}

// rowsText is a number of rows in words.
func rowsText(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return thousands(n) + " rows"
}

// thousands writes a number with commas between its thousands.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// bare is the statement on the base table without its order and groups, nil if it is wrong even so.
func (c *compiler) bare(stmt *cql.Select, base *schema.Table) *selection {
	plain := *stmt
	plain.OrderBy, plain.GroupBy = nil, cql.GroupBy{}
	s, err := c.selection(&plain, base, base)
	if err != nil {
		return nil
	}
	return s
}

// suggestion is the CREATE QUERY TABLE that would serve the statement, empty where none can. filtering: it does so
// with ALLOW FILTERING only. Whatever is suggested was compiled, and the statement with it.
func (c *compiler) suggestion(stmt *cql.Select, base *schema.Table, s *selection) (create string, filtering bool) {
	if base.Kind != schema.Base || len(s.access.tuples) > 0 || s.access.tokenUsed {
		return "", false
	}
	for _, allow := range []bool{stmt.AllowFiltering, true} {
		if allow && (s.access.keys != nil || c.filtered(stmt, s) != nil) {
			return "", false // what is there is as good
		}
		asked := *stmt
		asked.AllowFiltering = allow
		for _, key := range s.access.keysFor(stmt) {
			name := c.freeName(base, key)
			create = "CREATE QUERY TABLE " + cql.QuoteIdentifier(base.Keyspace) + "." + cql.QuoteIdentifier(name) +
				" ON " + cql.QuoteIdentifier(base.Keyspace) + "." + cql.QuoteIdentifier(base.Name) + " * PRIMARY KEY " + key.text() + ";"
			if c.wouldServe(&asked, base, create, name) {
				return create, allow && !stmt.AllowFiltering
			}
		}
	}
	return "", false
}

// suggestedKey is the key of a query table to be.
type suggestedKey struct {
	step                  string // the partition is time_bucket of the first clustering column by this step; empty: it is not
	partition, clustering []*schema.Column
}

func (k suggestedKey) text() string {
	names := func(columns []*schema.Column) string {
		out := make([]string, len(columns))
		for i, col := range columns {
			out[i] = cql.QuoteIdentifier(col.Name)
		}
		return strings.Join(out, ", ")
	}
	if k.step != "" {
		return "((time_bucket(" + names(k.clustering[:1]) + ", " + k.step + ")), " + names(k.clustering) + ")"
	}
	if len(k.clustering) == 0 {
		return "((" + names(k.partition) + "))"
	}
	return "((" + names(k.partition) + "), " + names(k.clustering) + ")"
}

// keysFor are keys that may serve the statement, the likeliest first: what is equal is the partition, and behind it
// come the order that is asked for, one range, and the base key with its clustering in front, so that rows stay
// in their order.
func (a *access) keysFor(stmt *cql.Select) []suggestedKey {
	var equal, ranged, ordered []*schema.Column
	for _, col := range a.order {
		if a.columns[col].given() {
			equal = append(equal, col)
		} else {
			ranged = append(ranged, col)
		}
	}
	if len(equal) == 0 {
		return a.keysOfTime(ranged)
	}
	for _, o := range stmt.OrderBy {
		if col := a.table.Column(o.Column); col != nil {
			ordered = append(ordered, col)
		}
	}
	for _, t := range stmt.GroupBy.Terms {
		if ref, ok := t.(*cql.ColumnRef); ok && a.table.Column(ref.Name) != nil {
			ordered = append(ordered, a.table.Column(ref.Name))
		}
	}
	if len(ranged) == 0 {
		return []suggestedKey{a.keyOf(equal, ordered)}
	}
	var out []suggestedKey
	for _, col := range ranged {
		out = append(out, a.keyOf(equal, append(slices.Clone(ordered), col)))
	}
	return out
}

// suggestedStep is the step of a query table that is asked by time alone.
const suggestedStep = "1h"

// keysOfTime are keys for a range of time of all partitions.
func (a *access) keysOfTime(ranged []*schema.Column) []suggestedKey {
	for _, col := range ranged {
		if r := a.columns[col]; col.Type.Kind() == types.KindTimestamp && r.low != nil && r.high != nil {
			key := a.keyOf(nil, []*schema.Column{col})
			key.step = suggestedStep
			return []suggestedKey{key}
		}
	}
	return nil
}

// keyOf lays a key: the partition, the columns wanted behind it, and those of the base key that are left.
func (a *access) keyOf(partition, wanted []*schema.Column) suggestedKey {
	key := suggestedKey{partition: partition}
	for _, col := range slices.Concat(wanted, a.table.Clustering, a.table.PartitionKey) {
		if !slices.Contains(key.partition, col) && !slices.Contains(key.clustering, col) {
			key.clustering = append(key.clustering, col)
		}
	}
	return key
}

// freeName is a name for the query table that nothing has.
func (c *compiler) freeName(base *schema.Table, key suggestedKey) string {
	name := base.Name + "_by"
	for _, col := range key.partition {
		name += "_" + col.Name
	}
	if key.step != "" {
		name += "_" + key.clustering[0].Name + "_" + key.step
	}
	name = name[:min(len(name), schema.NameBytesMax)]
	for n := 2; c.schema.Table(base.Keyspace, name) != nil; n++ {
		suffix := fmt.Sprintf("_%d", n)
		name = strings.TrimSuffix(name, fmt.Sprintf("_%d", n-1))
		name = name[:min(len(name), schema.NameBytesMax-len(suffix))] + suffix
	}
	return name
}

// wouldServe reports whether the statement is served once create was carried out and its rows are there.
func (c *compiler) wouldServe(stmt *cql.Select, base *schema.Table, create, name string) bool {
	tree, err := cql.Parse(create)
	if err != nil {
		return false
	}
	made, ok := tree.(*cql.CreateQueryTable)
	if !ok {
		return false
	}
	alter, err := (&compiler{schema: c.schema, keyspace: c.keyspace}).createQueryTable(made)
	if err != nil || alter.Next == nil {
		return false
	}
	t := alter.Next.Table(base.Keyspace, name).Clone()
	built := *t.Copy
	built.State = schema.CopyLive
	t.Copy = &built
	then := &compiler{schema: alter.Next.WithTable(t), keyspace: c.keyspace}
	best := then.bestCopy(stmt, base)
	return best != nil && best.keeps == nil
}
