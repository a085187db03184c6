package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/schema"
)

// aggregate checks a call of an aggregate.
func (s *selectors) aggregate(name string, call *cql.FunctionCall) (Expr, error) {
	if s.inside {
		return nil, invalidf("aggregate functions cannot be used as arguments of aggregate functions")
	}
	if err := checkAggregateArguments(name, call); err != nil {
		return nil, err
	}
	s.grouped = true
	if name == "count" && countsRows(call.Args[0]) {
		return &AggregateExpr{Name: name, Of: types.Bigint}, nil
	}
	s.inside = true
	arg, err := s.aggregated(name, call.Args[0])
	s.inside = false
	if err != nil {
		return nil, err
	}
	of, err := downsample.ResultType(name, arg.Type())
	if err != nil {
		known := ""
		if name == "sum" || name == "avg" {
			known = " (known type signatures: those of numbers)"
		}
		return nil, invalidf("Invalid call to function %s, none of its type signatures match%s: it does not take %s", name, known, arg.Type())
	}
	e := &AggregateExpr{Name: name, Arg: arg, Of: of}
	switch {
	case name == "percentile":
		if e.Fraction, err = s.given(call.Args[1], types.Double); err != nil {
			return nil, err
		}
	case slices.Contains(downsample.TimedFunctions, name):
		e.Time, e.UnitNanos = timeColumn(s.table)
		if e.Time == nil {
			return nil, invalidf("%s goes by the time of rows: %s has no clustering column of a time type", cql.FormatTerm(call), s.table.QualifiedName())
		}
		s.series = append(s.series, call)
	}
	return e, nil
}

// aggregated is the argument of an aggregate. A literal is of the type that it is most like.
func (s *selectors) aggregated(name string, t cql.Term) (Expr, error) {
	o, err := s.operand(t)
	if err != nil {
		return nil, err
	}
	of := o.compatible()
	if of == nil {
		return nil, invalidf("Cannot infer type of argument %s in call to function system.%s(any): use type casts to disambiguate", o, name)
	}
	return s.finish(o, of)
}

// countsRows reports whether the argument of count is `*` or a literal.
func countsRows(t cql.Term) bool {
	if l, ok := t.(*cql.Literal); ok {
		return l.Class != cql.LiteralNull
	}
	_, ok := t.(*cql.Star)
	return ok
}

func checkAggregateArguments(name string, call *cql.FunctionCall) error {
	switch n := len(call.Args); {
	case name == "percentile" && n > 2:
		return invalidf("percentile takes one fraction in SELECT: write percentile once for each of them")
	case name == "percentile" && n < 2:
		return invalidf("percentile takes a column and a fraction from 0 to 1: percentile(x, 0.99)")
	case name == "count" && n != 1:
		return invalidf("Invalid number of arguments in call to function system.count: 1 required but %d provided", n)
	case name != "percentile" && n != 1:
		return invalidf("Invalid number of arguments for function system.%s(any)", name)
	}
	return nil
}

// bind puts values into the arguments of an aggregate.
func (e *AggregateExpr) bind(values []Value, ctx Context) (Expr, error) {
	out := *e
	var err error
	if e.Arg != nil {
		if out.Arg, err = bindExpr(e.Arg, values, ctx); err != nil {
			return nil, err
		}
	}
	if e.Fraction != nil {
		if out.Fraction, err = bindExpr(e.Fraction, values, ctx); err != nil {
			return nil, err
		}
		if c, ok := out.Fraction.(*ConstExpr); !ok || !isFraction(c.Value) {
			return nil, invalidf("percentile takes a fraction from 0 to 1, such as 0.99")
		}
	}
	if out.Arg == e.Arg && out.Fraction == e.Fraction {
		return e, nil
	}
	return &out, nil
}

func isFraction(value []byte) bool {
	if len(value) != 8 {
		return false
	}
	v := types.DecodeFloat64(value)
	return v >= 0 && v <= 1
}

// TimeColumn is the column that first and last go by: the one that tells the time of rows, else the first clustering column; nil in a
// table without clustering.
func TimeColumn(t *schema.Table) *ColumnExpr {
	if c, _ := timeColumn(t); c != nil || len(t.Clustering) == 0 {
		return c
	}
	return &ColumnExpr{Column: t.Clustering[0], Slot: 0}
}

// timeColumn is the first clustering column that tells the time of rows, with the nanoseconds of its unit; nil if
// there is none. An integer column tells it where the table's buckets are made of it.
func timeColumn(t *schema.Table) (*ColumnExpr, int64) {
	for i, col := range t.Clustering {
		unit := int64(0)
		switch col.Type.Kind() {
		case types.KindTimestamp, types.KindTimeUUID:
			unit = nanosPerMilli
		case types.KindDate:
			unit = dayMillis * nanosPerMilli
		case types.KindTime:
			unit = 1
		case types.KindBigint, types.KindInt:
			if b := t.Bucket; b != nil && b.Column == col.Name {
				if unit = b.UnitNanos; unit == 0 {
					unit = nanosPerMilli
				}
			}
		}
		if unit > 0 {
			return &ColumnExpr{Column: col, Slot: i}, unit
		}
	}
	return nil, 0
}

// checkSeries refuses aggregates of one series over groups that hold several.
func (s *selection) checkSeries(*cql.Select) error {
	if len(s.series) == 0 {
		return nil
	}
	var missing []string
	for _, col := range s.seriesKey() {
		if !s.fixed(col) && !s.groups(col) {
			missing = append(missing, cql.QuoteIdentifier(col.Name))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return invalidf("%s is of one series of readings, and a group here has several: add %s to GROUP BY, or restrict each with =",
		cql.FormatTerm(s.series[0]), strings.Join(missing, " and "))
}

// seriesKey are the columns that a series has one value of: the key before the time column. A copy has the series of
// its base table besides, whose rows its own key may mix.
func (s *selection) seriesKey() []*schema.Column {
	at, _ := timeColumn(s.table)
	out := slices.Concat(s.table.PartitionKey, s.table.Clustering[:at.Slot])
	if s.table.Copy == nil {
		return out
	}
	base := s.schema.Table(s.table.Keyspace, s.table.Copy.Base)
	if base == nil {
		return out
	}
	before := len(base.Clustering)
	if at, _ := timeColumn(base); at != nil {
		before = at.Slot
	}
	for _, col := range slices.Concat(base.PartitionKey, base.Clustering[:before]) {
		if own := s.table.Column(col.Name); own != nil && !slices.Contains(out, own) {
			out = append(out, own)
		}
	}
	return out
}

// fixed reports whether WHERE gives a key column one value.
func (s *selection) fixed(col *schema.Column) bool {
	if r := s.access.columns[col]; r != nil {
		return r.given() && !r.in
	}
	for _, tr := range s.access.tuples {
		if col.Kind == schema.ClusteringKey && col.Position >= tr.first && col.Position < tr.first+tr.width && !tr.in && len(tr.tuples) == 1 {
			return true
		}
	}
	return false
}

// groups reports whether the column itself is a term of GROUP BY.
func (s *selection) groups(col *schema.Column) bool {
	return slices.ContainsFunc(s.groupBy, func(e Expr) bool {
		c, ok := e.(*ColumnExpr)
		return ok && c.Column == col
	})
}
