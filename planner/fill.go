package planner

import (
	"bytes"
	"fmt"
	"math"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/schema"
)

// FillRowsMax is how many steps without rows FILL fills in one gap, and how many steps a statement that bounds them
// on both sides may have in each partition.
const FillRowsMax = 1_000_000

// FillMode is what FILL gives the aggregates of a step without rows.
type FillMode uint8

// The modes of FILL.
const (
	FillNull   FillMode = iota + 1 // null
	FillPrev                       // what the last step before has that has rows
	FillLinear                     // the straight line between the neighbours in time that have rows
	FillValue                      // a constant
)

// Fill is the FILL of a Read: rows for the steps of time that have none.
type Fill struct {
	Mode   FillMode
	Term   Expr        // the last term of GROUP BY: floor or time_bucket of Column
	Column *ColumnExpr // a clustering column; those before it do not change within a series
	Step   *Step
	// Descending says that the answer goes from later steps to earlier ones.
	Descending bool
	From, To   StepBound // the first and the last step in time, by WHERE
	// Whole says that WHERE names partitions with one series each, and both bounds: a partition without rows is filled too.
	Whole  bool
	Fixed  map[*schema.Column][]byte // with Whole: the clustering columns before Column, which rows would have
	Values map[*AggregateExpr][]byte // of FillValue: what each aggregate gets; nil is null
}

// StepBound is the start of a step at which filling begins or ends. Where it is not known, that is the first or last
// step with rows.
type StepBound struct {
	Known bool
	Start int64 // milliseconds since 1970
}

// String names what FILL does as EXPLAIN shows it.
func (f *Fill) String() string {
	name := map[FillMode]string{FillNull: "null", FillPrev: "prev", FillLinear: "linear", FillValue: "a value"}[f.Mode]
	side := func(b StepBound, open string) string {
		if b.Known {
			return isoMillis(b.Start)
		}
		return open
	}
	return fmt.Sprintf("steps without rows: %s, from %s to %s", name, side(f.From, "the first row"), side(f.To, "the last row"))
}

// IsCount reports whether an aggregate counts: over no rows its answer is known, and is not filled.
func (e *AggregateExpr) IsCount() bool { return e.Name == "count" || e.Name == "distinct" }

// fill is a FILL as it is checked before values are bound.
type fill struct {
	mode  FillMode
	terms map[*AggregateExpr]boundTerm // of FillValue
	order []*AggregateExpr             // as they occur in the outputs
}

// addFill checks FILL.
func (s *selection) addFill(stmt *cql.Select) error {
	if stmt.GroupBy.Fill == nil {
		return nil
	}
	if call, ok := s.groupBy[len(s.groupBy)-1].(*CallExpr); !ok || call.Function.step == nil || !isColumn(call.Args[0]) {
		return invalidf("FILL needs a step of time as the last term of GROUP BY: floor(ts, 1h) or time_bucket(ts, 1h)")
	}
	f := &fill{terms: map[*AggregateExpr]boundTerm{}}
	for _, o := range s.outputs {
		eachAggregate(o.Expr, func(e *AggregateExpr) { f.order = append(f.order, e) })
	}
	var err error
	switch t := stmt.GroupBy.Fill.(type) {
	case *cql.ColumnRef:
		f.mode, err = s.fillByName(f, t.Name)
	case *cql.Literal:
		if f.mode = FillValue; t.Class == cql.LiteralNull {
			f.mode = FillNull
			break
		}
		err = s.fillValues(f, t)
	default:
		f.mode, err = FillValue, s.fillValues(f, t)
	}
	s.fill = f
	return err
}

func isColumn(e Expr) bool {
	_, ok := e.(*ColumnExpr)
	return ok
}

func (s *selection) fillByName(f *fill, name string) (FillMode, error) {
	switch name {
	case "prev":
		return FillPrev, nil
	case "linear":
		for _, e := range f.order {
			if !downsample.Interpolates(e.Of) && !e.IsCount() {
				return 0, invalidf("FILL(linear): there is no line between values of %s, which %s gives; use FILL(prev) or FILL(null)", e.Of, e.Name)
			}
		}
		return FillLinear, nil
	}
	return 0, invalidf("FILL takes null, prev, linear or a value, not %s", name)
}

// fillValues checks the constant against each aggregate that it is for.
func (s *selection) fillValues(f *fill, t cql.Term) error {
	var first *AggregateExpr
	for _, e := range f.order {
		if e.IsCount() {
			continue
		}
		if first == nil {
			first = e
		}
		if _, ok := t.(*cql.Marker); ok && !first.Of.Equal(e.Of) {
			return invalidf("FILL(?) has one type: %s gives %s and %s gives %s; cast one of them, or write the value", first.Name, first.Of, e.Name, e.Of)
		}
		term, err := s.term(t, s.spec(s.named, "[fill]", e.Of))
		if err != nil {
			return invalidf("FILL(%s) for %s: %v", cql.FormatTerm(t), e.Name, err)
		}
		f.terms[e] = term
	}
	if l, ok := t.(*cql.Literal); first == nil && (!ok || l.Text != "0") {
		return invalidf("FILL(%s) has nothing to fill: a count of no rows is 0, and nothing else is selected; use FILL(null)", cql.FormatTerm(t))
	}
	return nil
}

// eachAggregate visits the aggregates of an expression in the order in which they are written.
func eachAggregate(e Expr, visit func(*AggregateExpr)) {
	switch e := e.(type) {
	case *AggregateExpr:
		visit(e)
	case *CallExpr:
		for _, a := range e.Args {
			eachAggregate(a, visit)
		}
	}
}

// bindFill makes the Fill of a Read whose outputs and groups are bound.
func (s *selection) bindFill(r *Read, values []Value, ctx Context) error {
	if s.fill == nil {
		return nil
	}
	if len(r.Sort) > 0 {
		return invalidf("FILL cannot go with ORDER BY over several partitions: ask for one partition, or leave ORDER BY out")
	}
	term := r.GroupBy[len(r.GroupBy)-1]
	col, step, ok := StepOf(term)
	if !ok {
		return invalidf("FILL needs a step that is longer than nothing")
	}
	f := &Fill{Mode: s.fill.mode, Term: term, Column: col, Step: step, Descending: col.Column.Desc != r.Reverse}
	for _, o := range r.Output {
		if !f.knows(o.Expr) {
			return invalidf("%s cannot be selected with FILL: a step without rows has aggregates, the step, and what is before it in the key", o.Name)
		}
	}
	if err := s.bindFillBounds(f, values, ctx); err != nil {
		return err
	}
	r.Fill = f
	if f.From.Known && f.To.Known && f.From.Start <= f.To.Start && r.Keys != nil {
		if err := s.bindFillWhole(f, values, ctx); err != nil {
			return err
		}
	}
	return s.bindFillValues(r, values, ctx)
}

// bindFillWhole finds out whether each partition has one series, known before its rows are.
func (s *selection) bindFillWhole(f *Fill, values []Value, ctx Context) error {
	f.Fixed = map[*schema.Column][]byte{}
	for _, col := range s.table.Clustering[:f.Column.Column.Position] {
		r := s.access.columns[col]
		if r == nil || r.in || len(r.terms) != 1 {
			return nil
		}
		v, _, err := r.terms[0].bind(values, ctx)
		if err != nil {
			return err
		}
		f.Fixed[col] = v
	}
	f.Whole = true
	return nil
}

// knows reports whether an expression has a value in a step without rows.
func (f *Fill) knows(e Expr) bool {
	switch e := e.(type) {
	case *AggregateExpr, *ConstExpr:
		return true
	case *ColumnExpr:
		return e.Column.Kind == schema.PartitionKey || e.Column.Kind == schema.Static ||
			e.Column.Kind == schema.ClusteringKey && e.Column.Position < f.Column.Column.Position
	case *MetaExpr:
		return e.column().Column.Kind == schema.Static
	case *CallExpr:
		if SameExpr(e, f.Term) {
			return true
		}
		for _, a := range e.Args {
			if !f.knows(a) {
				return false
			}
		}
		return true
	}
	return false
}

// SameExpr reports whether two bound expressions are written the same.
func SameExpr(a, b Expr) bool {
	switch a := a.(type) {
	case *ColumnExpr:
		b, ok := b.(*ColumnExpr)
		return ok && a.Column == b.Column
	case *ConstExpr:
		b, ok := b.(*ConstExpr)
		return ok && a.Of.Equal(b.Of) && (a.Value == nil) == (b.Value == nil) && bytes.Equal(a.Value, b.Value)
	case *CallExpr:
		b, ok := b.(*CallExpr)
		if !ok || a.Function.Name != b.Function.Name || len(a.Args) != len(b.Args) {
			return false
		}
		for i := range a.Args {
			if !SameExpr(a.Args[i], b.Args[i]) {
				return false
			}
		}
		return true
	}
	return false
}

// bindFillValues binds the constant for each aggregate; binding may have made the aggregates anew, in their order.
func (s *selection) bindFillValues(r *Read, values []Value, ctx Context) error {
	if s.fill.mode != FillValue {
		return nil
	}
	r.Fill.Values = map[*AggregateExpr][]byte{}
	at := 0
	var failed error
	for _, o := range r.Output {
		eachAggregate(o.Expr, func(e *AggregateExpr) {
			term := s.fill.terms[s.fill.order[at]]
			if at++; term == nil || failed != nil {
				return
			}
			v, unset, err := term.bind(values, ctx)
			if err == nil && unset {
				err = invalidf("Invalid unset value for FILL")
			}
			r.Fill.Values[e], failed = v, err
		})
	}
	return failed
}

// bindFillBounds finds the steps in which WHERE says that filling begins and ends.
func (s *selection) bindFillBounds(f *Fill, values []Value, ctx Context) error {
	low, high, err := s.timeBounds(f.Column.Column, values, ctx)
	if err != nil {
		return err
	}
	for _, b := range []struct {
		at *int64
		to *StepBound
	}{{low, &f.From}, {high, &f.To}} {
		if b.at == nil {
			continue
		}
		b.to.Known = true
		if b.to.Start, _, err = f.Step.Of(*b.at); err != nil {
			return err
		}
	}
	if low == nil || high == nil || *low > *high {
		return nil
	}
	return f.CheckCount(f.From.Start, f.To.Start)
}

// CheckCount refuses more than FillRowsMax steps from one to a later one.
func (f *Fill) CheckCount(from, to int64) error {
	if n := f.Step.Count(from, to); n > FillRowsMax {
		return invalidf("FILL would make about %s rows, more than %s, from %s to %s: take a longer step, or bound %s more narrowly",
			thousands(n), thousands(FillRowsMax), isoMillis(from), isoMillis(to), f.Column.Column.Name)
	}
	return nil
}

// timeBounds are the first and the last millisecond that WHERE allows in a column of time; nil where it is open.
func (s *selection) timeBounds(col *schema.Column, values []Value, ctx Context) (low, high *int64, err error) {
	bind := func(t boundTerm, lower, inclusive bool) (*int64, error) {
		v, _, err := t.bind(values, ctx)
		if err != nil || len(v) == 0 {
			return nil, err // null matches nothing, the empty value is below every time
		}
		return timeBound(col.Type, v, lower, inclusive), nil
	}
	if r := s.access.columns[col]; r != nil {
		switch {
		case r.given() && !r.in:
			if low, err = bind(r.terms[0], true, true); err == nil {
				high, err = bind(r.terms[0], false, true)
			}
			return low, high, err
		case r.low != nil:
			low, err = bind(r.low.term, true, r.low.inclusive)
		}
		if r.high != nil && err == nil {
			high, err = bind(r.high.term, false, r.high.inclusive)
		}
		return low, high, err
	}
	return s.tupleBounds(col, values, ctx)
}

// tupleBounds are those of relations on several columns of which the time is the first.
func (s *selection) tupleBounds(col *schema.Column, values []Value, ctx Context) (low, high *int64, err error) {
	for _, tr := range s.access.tuples {
		if tr.first != col.Position {
			continue
		}
		columns := s.table.Clustering[tr.first : tr.first+tr.width]
		for _, side := range []struct {
			bound *tupleBound
			to    **int64
		}{{tr.low, &low}, {tr.high, &high}} {
			if side.bound == nil {
				continue
			}
			v, err := side.bound.tuple.values(columns, values, ctx)
			if err != nil {
				return nil, nil, err
			}
			if len(v[0]) > 0 {
				*side.to = timeBound(col.Type, v[0], side.to == &low, side.bound.inclusive || tr.width > 1)
			}
		}
	}
	return low, high, nil
}

// timeBound is the first (or last) millisecond at which a value can lie above (or below) a bound.
func timeBound(of *types.Type, bound []byte, lower, inclusive bool) *int64 {
	ms := MillisOf(of, bound)
	unit := int64(1)
	switch of.Kind() {
	case types.KindDate:
		unit = dayMillis
	case types.KindTimeUUID: // one millisecond has many
		inclusive = inclusive || lower && of.Compare(bound, types.MaxTimeUUID(ms)) < 0 || !lower && of.Compare(bound, types.MinTimeUUID(ms)) > 0
	}
	switch {
	case inclusive:
	case lower && ms <= math.MaxInt64-unit:
		ms += unit
	case !lower && ms >= math.MinInt64+unit:
		ms -= unit
	}
	return &ms
}
