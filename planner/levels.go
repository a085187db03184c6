package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Levels are the rollups of the table of a Read from which its groups can be computed, window by window, where they are
// final. A rollup that does not hold what some aggregate needs, or whose windows do not make up the steps, is not among them.
type Levels struct {
	Column     *ColumnExpr      // the time of rows: the first clustering column
	Step       *Step            // of the last term of GROUP BY
	Term       Expr             // that term
	Aggregates []*AggregateExpr // in the order in which they are written
	Statics    bool             // static columns are selected
	Levels     []Level          // coarsest first; of equal steps by name
}

// Level is a rollup and what a Read needs of it.
type Level struct {
	Table *schema.Table
	Fetch []*schema.Column // regular and state columns
	// Needs are, of each of the aggregates, the places in Fetch of what downsample.Needs names, in that order.
	Needs [][]int
}

// Windows are the windows of the level's rows.
func (l *Level) Windows() partition.Bucketing { return l.Table.Rollup.Windows() }

// resolution is what USING RESOLUTION asks for.
type resolution struct {
	text  string // as written
	named bool   // a step is named; else any level may serve, or none
	step  partition.Bucketing
}

// levels are the rollups that may serve a selection, before values are bound.
type levels struct {
	resolution
	of []Level // coarsest first
}

// resolve reads USING RESOLUTION; raw says that no level may serve.
func resolve(stmt *cql.Select) (r resolution, raw bool, err error) {
	if stmt.Resolution == nil {
		return r, false, nil
	}
	switch r.text = stmt.Resolution.Text; r.text {
	case "raw":
		return r, true, nil
	case "auto":
		return r, false, nil
	}
	r.named = true
	if r.step, err = parseResolution(r.text); err != nil {
		return r, false, invalidf("USING RESOLUTION '%s': it takes 'raw', 'auto', or the step of a rollup such as '1h'", r.text)
	}
	return r, false, nil
}

// parseResolution reads the step of a rollup as its declaration writes it, without zone and origin.
func parseResolution(text string) (partition.Bucketing, error) {
	v, err := types.Duration.ParseLiteral(types.Literal{Class: types.LitDuration, Text: text})
	if err != nil {
		return partition.Bucketing{}, err
	}
	months, days, nanos, err := types.DecodeDuration(v)
	if err != nil {
		return partition.Bucketing{}, err
	}
	return partition.NewBucketing(months, days, nanos, "", 0)
}

// is reports whether windows have the length that a resolution names: a day of a zone is a day.
func (r *resolution) is(windows partition.Bucketing) bool {
	return aboutMillis(windows) == aboutMillis(r.step)
}

// aboutMillis is the length of a step, of months on average.
func aboutMillis(b partition.Bucketing) int64 {
	switch {
	case b.Months > 0:
		return int64(b.Months) * monthMillis
	case b.Days > 0:
		return int64(b.Days) * dayMillis
	}
	return b.SizeMillis
}

// addLevels finds the rollups that may serve the statement.
func (s *selection) addLevels(stmt *cql.Select) error {
	res, raw, err := resolve(stmt)
	if err != nil || raw {
		return err
	}
	if !res.named && !s.stepped() {
		return nil // as most statements
	}
	rollups := s.rollups()
	if len(rollups) == 0 && !res.named {
		return nil
	}
	if res.named && !slices.ContainsFunc(rollups, func(r *schema.Table) bool { return res.is(r.Rollup.Windows()) }) {
		return res.refuse("%s; %s", "table "+s.named.QualifiedName()+" has no rollup of that step", levelsText(rollups))
	}
	if why := s.unlevelled(); why != "" {
		if res.named {
			return res.refuse("no rollup serves this SELECT: %s; leave USING RESOLUTION out, or select from the rollup by its name", why)
		}
		return nil
	}
	found, refusal := &levels{resolution: res}, ""
	aggregates := s.aggregates()
	for _, r := range rollups {
		if res.named && aboutMillis(r.Rollup.Windows()) > aboutMillis(res.step) {
			continue
		}
		level, why := s.level(r, aggregates)
		if why == "" {
			found.of = append(found.of, level)
		} else if refusal == "" && res.is(r.Rollup.Windows()) {
			refusal = fmt.Sprintf("rollup %s does not serve this SELECT: %s", r.QualifiedName(), why)
		}
	}
	if res.named && !res.among(found.of) {
		return res.refuse("%s", refusal)
	}
	if len(found.of) > 0 {
		s.levels = found
	}
	return nil
}

// among reports whether levels include one of the step that is named.
func (r *resolution) among(of []Level) bool {
	return slices.ContainsFunc(of, func(l Level) bool { return r.is(l.Windows()) })
}

func (r *resolution) refuse(format string, args ...any) error {
	return invalidf("USING RESOLUTION '%s': %s", r.text, fmt.Sprintf(format, args...))
}

// levelsText lists the rollups of a table with their steps.
func levelsText(rollups []*schema.Table) string {
	if len(rollups) == 0 {
		return "it has none: create one with CREATE ROLLUP"
	}
	texts := make([]string, len(rollups))
	for i, r := range rollups {
		texts[i] = fmt.Sprintf("%s (%s)", r.QualifiedName(), stepText(r.Rollup.Windows()))
	}
	return "there are " + strings.Join(texts, ", ")
}

// stepped reports whether the last term of GROUP BY is floor or time_bucket of a column.
func (s *selection) stepped() bool {
	if len(s.groupBy) == 0 {
		return false
	}
	call, ok := s.groupBy[len(s.groupBy)-1].(*CallExpr)
	return ok && call.Function.step != nil && isColumn(call.Args[0])
}

// rollups are all rollups over the table that is read, coarsest first.
func (s *selection) rollups() []*schema.Table {
	if s.table.Kind != schema.Base || s.table != s.named {
		return nil
	}
	out := s.schema.LevelsOf(s.table)
	slices.SortStableFunc(out, func(a, b *schema.Table) int { return b.Rollup.CompareSteps(a.Rollup) })
	return out
}

// unlevelled says why no rollup at all can serve the selection; empty where one may. Markers are not bound yet.
func (s *selection) unlevelled() string {
	switch {
	case !s.stepped():
		return "it is not grouped by steps of time; GROUP BY floor(ts, 1h) or time_bucket(ts, 1h) as the last term"
	case s.table != s.named:
		return KindText(s.table) + " " + s.table.QualifiedName() + " serves it"
	case s.through != nil:
		return "an index serves it"
	case len(s.access.filters) > 0 || len(s.access.tupleFilters) > 0 || len(s.access.contained) > 0:
		return "its WHERE filters rows by more than the partition key and the time"
	case s.metadata:
		return "TTL and WRITETIME are of single rows"
	case len(s.aggregates()) == 0:
		return "it has no aggregate"
	}
	column := s.groupBy[len(s.groupBy)-1].(*CallExpr).Args[0].(*ColumnExpr)
	if column.Column.Kind != schema.ClusteringKey || column.Column.Position != 0 {
		return "its steps are not of the first clustering column"
	}
	for _, e := range s.groupBy[:len(s.groupBy)-1] {
		if c, ok := e.(*ColumnExpr); !ok || c.Column.Kind != schema.PartitionKey {
			return "it is grouped by more than the partition key and the step"
		}
	}
	return ""
}

func (s *selection) aggregates() []*AggregateExpr {
	var out []*AggregateExpr
	for _, o := range s.outputs {
		eachAggregate(o.Expr, func(e *AggregateExpr) { out = append(out, e) })
	}
	return out
}

// level is a rollup as the aggregates need it; else why says what is missing.
func (s *selection) level(r *schema.Table, aggregates []*AggregateExpr) (out Level, why string) {
	out.Table = r
	if r.Rollup.TimeColumn != s.table.Clustering[0].Name {
		return out, "its windows are not of " + s.table.Clustering[0].Name
	}
	for _, name := range r.Rollup.Group {
		if col := s.table.Column(name); col == nil || col.Kind != schema.ClusteringKey {
			return out, "rows without " + name + " are not in it"
		}
	}
	for _, e := range aggregates {
		if len(r.Rollup.Group) > 0 && (e.Name == "first" || e.Name == "last") {
			return out, "it has a row for each " + strings.Join(r.Rollup.Group, ", ") + ", and of several " + e.Name + " is not known"
		}
		needs, why := out.needs(e)
		if why != "" {
			return out, why
		}
		out.Needs = append(out.Needs, needs)
	}
	return out, ""
}

// needs are the places in Fetch of what one aggregate is merged from.
func (l *Level) needs(e *AggregateExpr) (places []int, why string) {
	source, of, text := "", (*types.Type)(nil), "count(*)"
	if e.Arg != nil {
		c, ok := e.Arg.(*ColumnExpr)
		if !ok || c.Column.Kind != schema.Regular {
			return nil, e.Name + " is not of a column that rollups aggregate"
		}
		source, of = c.Column.Name, c.Column.Type
		text = e.Name + "(" + cql.QuoteIdentifier(source) + ")"
	}
	names, ok := downsample.Needs(e.Name, of)
	if !ok {
		return nil, text + " cannot be merged from windows"
	}
	for _, name := range names {
		col := l.holds(name, source)
		if col == nil {
			return nil, "it does not hold what " + text + " is merged from"
		}
		at := slices.Index(l.Fetch, col)
		if at < 0 {
			at = len(l.Fetch)
			l.Fetch = append(l.Fetch, col)
		}
		places = append(places, at)
	}
	return places, ""
}

// holds is the column with an aggregate or state of a source column; nil: there is none.
func (l *Level) holds(function, source string) *schema.Column {
	for i := range l.Table.Rollup.Aggregates {
		a := &l.Table.Rollup.Aggregates[i]
		same := a.Function == function || source == "" && function == downsample.StateRows && a.Function == "count"
		if !same || a.Source != source {
			continue
		}
		if col := l.Table.Column(a.Target); col != nil {
			return col
		}
		return l.Table.State(a.Target)
	}
	return nil
}

// bindLevels keeps the levels whose windows make up the steps that the values say.
func (s *selection) bindLevels(r *Read) error {
	if s.levels == nil {
		return nil
	}
	res := &s.levels.resolution
	term := r.GroupBy[len(r.GroupBy)-1]
	column, step, ok := StepOf(term)
	why := ""
	switch {
	case !ok:
		why = "its steps are of no length"
	case len(r.Sort) > 0:
		why = "ORDER BY over several partitions goes by single rows"
	}
	for _, o := range r.Output {
		if why == "" && !ofGroup(o.Expr, term) {
			why = o.Name + " is of single rows"
		}
	}
	if why != "" {
		if res.named {
			return res.refuse("no rollup serves this SELECT: %s; leave USING RESOLUTION out, or select from the rollup by its name", why)
		}
		return nil
	}
	out, refusal := &Levels{Column: column, Step: step, Term: term}, ""
	for _, o := range r.Output {
		eachColumn(o.Expr, func(c *schema.Column) { out.Statics = out.Statics || c.Kind == schema.Static })
	}
	for _, level := range s.levels.of {
		windows := level.Windows()
		if step.madeOf(windows) {
			out.Levels = append(out.Levels, level)
		} else if refusal == "" && res.is(windows) {
			refusal = fmt.Sprintf("rollup %s does not serve this SELECT: its windows do not make up the steps of %s", level.Table.QualifiedName(), exprText(term))
		}
	}
	if res.named && !res.among(out.Levels) {
		return res.refuse("%s", refusal)
	}
	if len(out.Levels) == 0 {
		return nil
	}
	for _, o := range r.Output {
		eachAggregate(o.Expr, func(e *AggregateExpr) { out.Aggregates = append(out.Aggregates, e) })
	}
	r.Levels = out
	return nil
}

// ofGroup reports whether an expression has one value in a group of a step, whatever rows it has.
func ofGroup(e, term Expr) bool {
	switch e := e.(type) {
	case *AggregateExpr, *ConstExpr:
		return true
	case *ColumnExpr:
		return e.Column.Kind == schema.PartitionKey || e.Column.Kind == schema.Static
	case *CallExpr:
		return SameExpr(e, term) || !slices.ContainsFunc(e.Args, func(a Expr) bool { return !ofGroup(a, term) })
	}
	return false
}

// madeOf reports whether every step is made of whole windows.
func (s *Step) madeOf(windows partition.Bucketing) bool {
	whole := s.bucketing
	if s.months > 0 {
		if s.rest != 0 {
			return false
		}
		whole = partition.Bucketing{Months: int32(s.months), OriginMillis: s.start}
	}
	return windows.Divides(whole)
}
