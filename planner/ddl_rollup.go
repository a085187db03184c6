package planner

import (
	"fmt"
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// rollupLevelsMax is how many rollups a base table may have: a write may have to mark a window of each.
const rollupLevelsMax = 32

// rollupBuilder lays out a rollup over a base table.
type rollupBuilder struct {
	what   string // what errors are about: `rollup ks.r`, `rollups of table ks.t`
	base   *schema.Table
	source *schema.Table // what the rollup is declared on: base, or a rollup over it
	step   partition.Bucketing
	out    *schema.Table
}

func (b *rollupBuilder) refuse(format string, args ...any) error {
	return invalidf("%s: %s", b.what, fmt.Sprintf(format, args...))
}

// begin makes the rollup with its key. window names the column with the starts of windows, behind which the columns of
// group follow; empty: as the time column of the base.
func (b *rollupBuilder) begin(name, window string, group []*schema.Column) error {
	if err := b.checkTime(); err != nil {
		return err
	}
	if err := b.checkStep(); err != nil {
		return err
	}
	clock := b.base.Clustering[0]
	start := &schema.Column{Name: clock.Name, Kind: schema.ClusteringKey, Type: clock.Type, Desc: clock.Desc}
	if window != "" {
		start.Name = window
	}
	if clock.Type.Kind() == types.KindTimeUUID {
		start.Type = types.Timestamp
	}
	b.out = &schema.Table{
		Keyspace: b.base.Keyspace, Name: name, Kind: schema.Rollup, NextColumn: 1, Options: schema.DefaultOptions(),
		PartitionKey: b.base.PartitionKey, Clustering: []*schema.Column{start},
		Rollup: &downsample.Definition{Source: b.source.Name, Base: b.base.Name, TimeColumn: clock.Name, Step: b.step, Backfill: true},
	}
	if countsTime(clock.Type) {
		b.out.Bucket = &schema.TimeBucket{Column: start.Name, UnitNanos: b.base.UnitNanos()}
	}
	for i, col := range group {
		b.out.Clustering = append(b.out.Clustering, &schema.Column{Name: col.Name, Kind: schema.ClusteringKey, Position: i + 1, Type: col.Type})
		b.out.Rollup.Group = append(b.out.Rollup.Group, col.Name)
	}
	seen := map[string]bool{}
	for _, col := range b.out.Columns() {
		if seen[col.Name] {
			return b.refuse("column name %s occurs twice in %s; give another with AS", col.Name, b.out.QualifiedName())
		}
		seen[col.Name] = true
	}
	return checkTableName(b.out.Keyspace, name)
}

// checkTime requires that the first clustering column of the base tells time.
func (b *rollupBuilder) checkTime() error {
	if len(b.base.Clustering) == 0 {
		return b.refuse("table %s has no clustering column; windows are cut of the first one, which must be a time", b.base.QualifiedName())
	}
	clock := b.base.Clustering[0]
	switch {
	case holdsTime(clock.Type):
		return nil
	case !countsTime(clock.Type):
		return b.refuse("column %s, the first clustering column of %s, is of type %s; windows are cut of a timestamp, timeuuid or date, or of an integer with a unit",
			clock.Name, b.base.QualifiedName(), clock.Type)
	case b.base.Bucket == nil || b.base.Bucket.Column != clock.Name:
		return b.refuse("column %s of %s is of type %s, and nothing says what it counts: declare time_bucket = {'column': '%s', 'unit': 'ms', 'size': '1d'}",
			clock.Name, b.base.QualifiedName(), clock.Type, clock.Name)
	}
	return nil
}

// checkStep requires that every window begins at a value of the time column, and is made of whole windows of the source.
func (b *rollupBuilder) checkStep() error {
	clock := b.base.Clustering[0]
	switch unit := max(b.base.UnitNanos()/nanosPerMilli, 1); {
	case b.step.SizeMillis/dayMillis > bucketDaysMax || b.step.Days > bucketDaysMax || b.step.Months > bucketMonthsMax:
		return b.refuse("windows of %s are longer than a hundred years", stepText(b.step))
	case clock.Type.Kind() == types.KindDate && (b.step.Zone != "" || b.step.SizeMillis%dayMillis != 0 || b.step.OriginMillis%dayMillis != 0):
		return b.refuse("column %s is a date: its windows are whole days or months, without a time zone", clock.Name)
	case countsTime(clock.Type) && (b.step.SizeMillis%unit != 0 || b.step.OriginMillis%unit != 0):
		return b.refuse("column %s counts seconds: its windows are of whole seconds", clock.Name)
	}
	if of := b.source.Rollup; of != nil {
		if mine := (&downsample.Definition{Step: b.step}); !of.Windows().Divides(b.step) || of.CompareSteps(mine) >= 0 {
			return b.refuse("its windows, %s, are not made of whole windows of %s, which are %s; take a multiple with the same time zone and origin, or declare it ON %s",
				stepText(b.step), b.source.QualifiedName(), stepText(of.Windows()), b.base.QualifiedName())
		}
	}
	return nil
}

// stepText describes windows in errors: 1h, 1d by the clock of Europe/Berlin.
func stepText(step partition.Bucketing) string {
	text := schema.DurationText(step.SizeMillis)
	switch {
	case step.Months > 0:
		text = fmt.Sprintf("%dmo", step.Months)
	case step.Days > 0:
		text = fmt.Sprintf("%dd", step.Days)
	}
	if step.Zone != "" {
		text += " by the clock of " + step.Zone
	}
	if step.OriginMillis != 0 {
		text += " from an origin"
	}
	return text
}

// add gives the rollup a value column and the states that it is merged from.
func (b *rollupBuilder) add(a downsample.Aggregate) error {
	of, result, err := b.typesOf(&a)
	if err != nil {
		return err
	}
	if b.out.Column(a.Target) != nil {
		return b.refuse("column name %s occurs twice in %s; give another with AS", a.Target, b.out.QualifiedName())
	}
	if err := b.checkHeld(&a, of); err != nil {
		return err
	}
	b.out.AddColumn(&schema.Column{Name: a.Target, Kind: schema.Regular, Type: result})
	b.out.Rollup.Aggregates = append(b.out.Rollup.Aggregates, a)
	return nil
}

// typesOf are the types of an aggregate's column and of its result.
func (b *rollupBuilder) typesOf(a *downsample.Aggregate) (of, result *types.Type, err error) {
	if a.Source != "" {
		col := b.base.Column(a.Source)
		switch {
		case col == nil:
			return nil, nil, undefinedColumn(b.base, a.Source)
		case col.Kind == schema.Static:
			return nil, nil, b.refuse("%s: column %s is static, of the partition and not of a row; aggregates take regular columns", schema.AggregateText(a), a.Source)
		case col.Kind != schema.Regular:
			return nil, nil, b.refuse("%s: column %s is part of the key; aggregates take regular columns, and count(*) counts rows", schema.AggregateText(a), a.Source)
		case b.base.Multicell(col):
			return nil, nil, b.refuse("%s: column %s is a collection or user type that is not frozen; aggregates take single values", schema.AggregateText(a), a.Source)
		}
		of = col.Type
	}
	if result, err = downsample.ResultType(a.Function, of); err != nil {
		return nil, nil, b.refuse("%s: column %s is of type %s, which %s does not take", schema.AggregateText(a), a.Source, of, a.Function)
	}
	return of, result, nil
}

// checkHeld requires that the source, where it is a rollup, keeps what an aggregate is merged from.
func (b *rollupBuilder) checkHeld(a *downsample.Aggregate, of *types.Type) error {
	needs, ok := downsample.Needs(a.Function, of)
	if !ok {
		return b.refuse("%s goes by single readings and cannot be kept in windows; SELECT it from %s", schema.AggregateText(a), b.base.QualifiedName())
	}
	if b.source.Rollup == nil {
		return nil
	}
	for _, name := range needs {
		if holds(b.source, name, a.Source) {
			continue
		}
		if name == downsample.StateRows || b.source.State(stateName(downsample.StateRows, "")) == nil {
			return b.refuse("%s cannot be computed from %s, which an earlier release made without states to merge; declare it ON %s", schema.AggregateText(a), b.source.QualifiedName(), b.base.QualifiedName())
		}
		return b.refuse("%s is not in %s: add it there, which means to create that rollup anew, or declare this one ON %s",
			schema.AggregateText(a), b.source.QualifiedName(), b.base.QualifiedName())
	}
	return nil
}

// holds reports whether a rollup has an aggregate or a state of a column of its base.
func holds(r *schema.Table, function, source string) bool {
	return slices.ContainsFunc(r.Rollup.Aggregates, func(a downsample.Aggregate) bool { return a.Function == function && a.Source == source })
}

// finish adds the states that the aggregates are merged from, beside those among the aggregates, and the count of rows.
func (b *rollupBuilder) finish() error {
	if len(b.out.Regulars) == 0 {
		return b.refuse("it has no aggregate; count(*) is one")
	}
	if err := b.keep(downsample.StateRows, "", nil); err != nil {
		return err
	}
	for i := 0; i < len(b.out.Rollup.Aggregates); i++ { // states are merged from states
		a := &b.out.Rollup.Aggregates[i]
		if a.Source == "" {
			continue
		}
		of := b.base.Column(a.Source).Type
		needs, _ := downsample.Needs(a.Function, of)
		for _, name := range needs {
			if err := b.keep(name, b.out.Rollup.Aggregates[i].Source, of); err != nil {
				return err
			}
		}
	}
	if n := len(b.out.Columns()) + len(b.out.States); n > schema.ColumnsMax {
		return b.refuse("it has %d columns with the states it keeps; the most is %d", n, schema.ColumnsMax)
	}
	return nil
}

// keep adds a state of a column unless the rollup has it.
func (b *rollupBuilder) keep(function, source string, of *types.Type) error {
	if holds(b.out, function, source) {
		return nil
	}
	result, err := downsample.StateType(function, of)
	if err != nil {
		return err
	}
	name := stateName(function, source)
	if b.out.Column(name) != nil {
		return b.refuse("column name %s is taken by the rollup for itself; give another with AS", name)
	}
	b.out.AddColumn(&schema.Column{Name: name, Kind: schema.State, Type: result})
	b.out.Rollup.Aggregates = append(b.out.Rollup.Aggregates, downsample.Aggregate{Function: function, Source: source, Target: name})
	return nil
}

// stateName is the name of a state column. No alias is likely to be it.
func stateName(function, source string) string { return function + "(" + source + ")" }

// checkLevels requires that a base table has no more rollups than it may.
func checkLevels(s *schema.Snapshot, base *schema.Table) error {
	if n := len(s.LevelsOf(base)); n > rollupLevelsMax {
		return invalidf("table %s would have %d rollups; the most is %d: drop one first, or widen another by more aggregates", base.QualifiedName(), n, rollupLevelsMax)
	}
	return nil
}
