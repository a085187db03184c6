package planner

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// shapeError says that a table's key gives no such order or groups. Another key may.
type shapeError struct{ error }

// plainError is the error that a client sees.
func plainError(err error) error {
	var shape *shapeError
	if errors.As(err, &shape) {
		return shape.error
	}
	return err
}

// candidate is a table that serves a SELECT on the base table.
type candidate struct {
	*selection
	rows int64 // estimated to be read
}

// choose finds what serves a SELECT: the table that it names, a query table or view of it, or nothing.
// What comes out is the last that was compiled, so that the markers are what it says.
func (c *compiler) choose(stmt *cql.Select, base *schema.Table) (*selection, error) {
	s, err := c.selection(stmt, base, base)
	var shape *shapeError
	if err != nil && !errors.As(err, &shape) {
		return nil, err
	}
	if err == nil {
		s.choice = s.reason()
		if s.access.refusal == "" && !s.unordered {
			return s, nil
		}
		if stmt.AllowFiltering && s.access.keys != nil {
			return s, nil // the rows of a partition come in their order
		}
		if byIndex, err := c.byIndex(stmt, base, s.access); err != nil || byIndex != nil {
			return byIndex, err
		}
	}
	if best := c.bestCopy(stmt, base); best != nil && (best.keeps == nil || !stmt.AllowFiltering) {
		return c.routed(stmt, base, best)
	}
	if shape != nil {
		return nil, c.refuse(stmt, base, shape.Error())
	}
	// What the attempts left among the markers must be what the base table says.
	if s, err = c.selection(stmt, base, base); err != nil {
		return nil, err
	}
	s.choice = s.reason()
	switch {
	case s.unordered:
		return nil, c.refuse(stmt, base, "ORDER BY is only supported when the partition key is restricted by an EQ or an IN.")
	case s.access.refusal != "" && !stmt.AllowFiltering:
		err := c.refuse(stmt, base, s.access.refusal)
		return nil, invalidf("%v%s", err, c.indexHint(stmt, base, s.access))
	}
	return s, nil
}

// bestCopy is the copy that serves the statement exactly by reading the fewest rows; of equal ones the first by name.
func (c *compiler) bestCopy(stmt *cql.Select, base *schema.Table) *candidate {
	best, _ := c.compareCopies(stmt, base)
	return best
}

// compareCopies finds the best copy, and why others whose key would serve do not. One that serves only as far back
// as it keeps rows is taken where no other is.
func (c *compiler) compareCopies(stmt *cql.Select, base *schema.Table) (best *candidate, others []string) {
	if base.Kind != schema.Base || !routable(stmt) {
		return nil, nil
	}
	for _, q := range c.schema.QueryTablesOf(base) {
		s, err := c.selection(stmt, q, base)
		if err != nil || s.access.keys == nil || s.unordered || s.access.refusal != "" && !stmt.AllowFiltering {
			continue // this copy lacks a column, a key or an order
		}
		why := s.missing(base)
		switch {
		case q.Copy.State != schema.CopyLive:
			why = "it is being built"
		case why == "" && s.access.adopted != nil && !s.access.timeKnown(c.statistics):
			why = "its " + s.access.adopted.column.Name + " follows from " + q.Clustering[0].Name + " where that is bounded on both sides"
		}
		if why != "" {
			others = append(others, fmt.Sprintf("query table %s does not serve it: %s", q.QualifiedName(), why))
			continue
		}
		found := &candidate{s, s.estimate()}
		if best == nil || found.before(best) {
			best = found
		}
	}
	return best, others
}

// before reports whether a candidate is better than another.
func (c *candidate) before(other *candidate) bool {
	if (c.keeps == nil) != (other.keeps == nil) {
		return c.keeps == nil
	}
	return c.rows < other.rows
}

// routed compiles the statement for the copy that was chosen.
func (c *compiler) routed(stmt *cql.Select, base *schema.Table, best *candidate) (*selection, error) {
	s, err := c.selection(stmt, best.table, base)
	if err != nil {
		return nil, err
	}
	s.keeps = best.keeps
	s.warnings = []string{"query table " + s.table.QualifiedName() + " served this query"}
	s.choice = s.reason() + "; the key of " + base.QualifiedName() + " does not serve the statement"
	if e, known := c.estimateOf(base); known {
		s.choice += ", which has about " + rowsText(e.Rows)
	}
	return s, nil
}

// routable refuses what means another thing on another key: partitions and tokens.
func routable(stmt *cql.Select) bool {
	if stmt.Distinct || stmt.PerPartitionLimit != nil {
		return false
	}
	for _, r := range stmt.Where {
		if _, ok := r.(*cql.TokenRelation); ok {
			return false
		}
	}
	return true
}

// missing says which base rows that the WHERE allows are not in the copy, or not once; empty where all are. Each column
// that must not be null to be there must be restricted and so cannot be null, the filters must follow from the WHERE, and
// nothing may end earlier, or only behind what the WHERE bounds.
func (s *selection) missing(base *schema.Table) string {
	def := s.table.Copy
	if s.table.Options.DefaultTTLSec != 0 {
		return "its rows have a TTL of their own"
	}
	if def.RetentionMillis != 0 && !s.keepsEnough() {
		return "it keeps rows for " + schema.DurationText(def.RetentionMillis) + "; bound " + def.RetentionBy + " from below"
	}
	needed := slices.Clone(def.NotNull)
	for _, col := range slices.Concat(s.table.PartitionKey, s.table.Clustering) {
		computed := slices.IndexFunc(def.Keys, func(k schema.CopyKey) bool { return k.Column == col.Name })
		if computed >= 0 {
			switch def.Keys[computed].Function {
			case schema.CopyUnnest, schema.CopyEntry, schema.CopyValue:
				return "it has several rows for one of " + base.QualifiedName()
			}
			continue
		}
		if from := base.Column(col.Name); from == nil || from.Kind == schema.Regular || from.Kind == schema.Static {
			needed = append(needed, col.Name)
		}
	}
	for _, name := range needed {
		col := s.table.Column(name)
		if col == nil || s.access.columns[col] == nil && !s.access.inTuple(col) {
			return "rows without " + name + " are not in it"
		}
	}
	for _, f := range def.Filters {
		if !s.access.implies(f) {
			return "rows that its condition on " + f.Column + " leaves out are not in it"
		}
	}
	return ""
}

// keeping is a time before which a copy has no rows: so long before now.
type keeping struct {
	by     *schema.Column
	bound  *rangeBound
	millis int64
	table  *schema.Table
}

// keepsEnough reports whether the WHERE bounds the time that the retention of the copy counts from. How far back is
// known when values are.
func (s *selection) keepsEnough() bool {
	by := s.table.Column(s.table.Copy.RetentionBy)
	if by == nil || s.access.columns[by] == nil || by.Type.Kind() != types.KindTimestamp {
		return false
	}
	bound := s.access.columns[by].low
	if bound == nil {
		return false
	}
	s.keeps = &keeping{by: by, bound: bound, millis: s.table.Copy.RetentionMillis, table: s.table}
	return true
}

// check refuses what reaches further back than the copy. Rows end at whole seconds.
func (k *keeping) check(values []Value, ctx Context) error {
	v, _, err := k.bound.term.bind(values, ctx)
	if err != nil || len(v) != 8 {
		return err // the range itself is refused, or is empty
	}
	oldest := ctx.NowMillis - k.millis + 1000
	if from := types.DecodeInt64(v); from < oldest {
		return invalidf("query table %s would serve this query but keeps rows for %s, and %s reaches back to %s: ask from %s on, or create a query table without retention",
			k.table.QualifiedName(), schema.DurationText(k.millis), k.by.Name, types.Timestamp.AppendLiteral(nil, v),
			types.Timestamp.AppendLiteral(nil, types.AppendTimestampMillis(nil, oldest)))
	}
	return nil
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

// implies reports whether the WHERE allows only rows that fulfil the filter, whatever is bound to its markers.
func (a *access) implies(f schema.CopyFilter) bool {
	col := a.table.Column(f.Column)
	if col == nil || a.columns[col] == nil {
		return false
	}
	r := a.columns[col]
	if !r.given() {
		return impliedBy(col, r.low, f, ">", ">=") || impliedBy(col, r.high, f, "<", "<=")
	}
	if r.list != nil || len(r.terms) == 0 {
		return false
	}
	return !slices.ContainsFunc(r.terms, func(t boundTerm) bool {
		v, ok := t.(constant)
		return !ok || v == nil || !f.Holds(col.Type, v)
	})
}

// impliedBy reports whether one side of a range lies within a filter of the same side.
func impliedBy(col *schema.Column, b *rangeBound, f schema.CopyFilter, open, closed string) bool {
	if b == nil || f.Op != open && f.Op != closed {
		return false
	}
	v, ok := b.term.(constant)
	if !ok || v == nil {
		return false
	}
	if !b.inclusive && f.Op == open && col.Type.Compare(v, f.Values[0]) == 0 {
		return true
	}
	return f.Holds(col.Type, v)
}
