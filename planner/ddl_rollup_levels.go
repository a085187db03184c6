package planner

import (
	"cmp"
	"slices"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// levelFunctions are the aggregates of the one-line form, for every numeric column.
var levelFunctions = []string{"count", "sum", "avg", "min", "max", "first", "last"}

// level is an entry of `rollups = {…}`: a step, and how long its rows are kept.
type level struct {
	step  string // as written
	keep  string // as written
	cut   partition.Bucketing
	lasts int64 // milliseconds; 0: for ever
}

// levelsOf reads the option rollups of a table, finest first.
func levelsOf(t *schema.Table) ([]level, error) {
	what := "rollups of table " + t.QualifiedName()
	if t.Counter && len(t.Options.RollupsOption) > 0 {
		return nil, errCounterRollup
	}
	var out []level
	for step, keep := range t.Options.RollupsOption {
		months, days, nanos, err := durationParts(step)
		if err != nil {
			return nil, invalidf("%s: '%s' is not a step such as '1m', '1h', '1d' or '1mo'", what, step)
		}
		l := level{step: step, keep: keep}
		if l.cut, err = partition.NewBucketing(months, days, nanos, "", 0); err != nil {
			return nil, invalidf("%s: step '%s': %v", what, step, err)
		}
		if l.lasts, err = keepMillis(keep); err != nil {
			return nil, invalidf("%s: '%s' keeps '%s', which is not a duration of fixed length such as '90d', or 'forever'", what, step, keep)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b level) int {
		return cmp.Or((&downsample.Definition{Step: a.cut}).CompareSteps(&downsample.Definition{Step: b.cut}), cmp.Compare(a.step, b.step))
	})
	for i := 1; i < len(out); i++ {
		if out[i].cut == out[i-1].cut {
			return nil, invalidf("%s: '%s' and '%s' are the same step; name it once", what, out[i-1].step, out[i].step)
		}
	}
	return out, nil
}

// keepMillis reads how long rows are kept: a duration of fixed length, or forever, which is 0.
func keepMillis(text string) (int64, error) {
	if text == forever {
		return 0, nil
	}
	return parseStep(text)
}

func (l *level) tableName(t *schema.Table) string { return t.Name + "_" + l.step }

// withRollups adds the rollups that `rollups = {…}` of a new table declares. There are no rows of before them.
func withRollups(s *schema.Snapshot, t *schema.Table) (*schema.Snapshot, error) {
	levels, err := levelsOf(t)
	if err != nil {
		return nil, err
	}
	for i := range levels {
		if s, err = withLevel(s, t, &levels[i], false); err != nil {
			return nil, err
		}
	}
	return s, checkLevels(s, t)
}

// alterRollups makes the rollups of a table follow a change of the option rollups: levels that are gone are dropped,
// those that are new are added, and the others keep their rows for another time.
func alterRollups(s *schema.Snapshot, t *schema.Table) (*schema.Snapshot, error) {
	levels, err := levelsOf(t)
	if err != nil {
		return nil, err
	}
	wanted := map[string]*level{}
	for i := range levels {
		wanted[levels[i].tableName(t)] = &levels[i]
	}
	had := t.Rollups
	t.Rollups = nil
	for _, name := range had { // the finest first, which others may be computed from
		if wanted[name] == nil {
			continue
		}
		kept, err := keptLevel(s, t, s.Table(t.Keyspace, name), wanted[name])
		if err != nil {
			return nil, err
		}
		if of := kept.Rollup.Source; wanted[of] == nil && slices.Contains(had, of) {
			kept.Rollup.Source = sourceOf(s, t, kept).Name
		}
		s = addLevel(s, t, kept)
	}
	if s, err = withoutLevels(s, t, slices.DeleteFunc(slices.Clone(had), func(name string) bool { return wanted[name] != nil })); err != nil {
		return nil, err
	}
	for i := range levels {
		if slices.Contains(t.Rollups, levels[i].tableName(t)) {
			continue
		}
		if s, err = withLevel(s, t, &levels[i], true); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// withoutLevels drops levels, finest first, from which no other rollup is computed.
func withoutLevels(s *schema.Snapshot, t *schema.Table, gone []string) (*schema.Snapshot, error) {
	for _, name := range slices.Backward(gone) {
		r := s.Table(t.Keyspace, name)
		if on := s.RollupsOf(r); len(on) > 0 {
			return nil, invalidf("rollups of table %s: rollup %s is computed from %s, which must stay; DROP ROLLUP %s first",
				t.QualifiedName(), on[0].QualifiedName(), r.QualifiedName(), on[0].QualifiedName())
		}
		s = s.WithoutTable(t.Keyspace, name)
	}
	return s, nil
}

// keptLevel is a level that was there, kept as long as the option says now.
func keptLevel(s *schema.Snapshot, t, r *schema.Table, l *level) (*schema.Table, error) {
	b := rollupBuilder{what: "rollups of table " + t.QualifiedName(), base: t, source: s.Table(r.Keyspace, r.Rollup.Source), step: r.Rollup.Windows(), out: cloneRollup(r)}
	b.out.Rollup.Keep = l.keep
	return b.out, b.setRetention(l.lasts)
}

// sourceOf is what a level is computed from, among the levels of its table and the table: the coarsest of the finer ones
// that its windows are made of and that has what it needs.
func sourceOf(s *schema.Snapshot, t, r *schema.Table) *schema.Table {
	for _, name := range slices.Backward(t.Rollups) {
		b := rollupBuilder{base: t, source: s.Table(t.Keyspace, name), step: r.Rollup.Windows()}
		if b.checkStep() == nil && !slices.ContainsFunc(r.Rollup.Aggregates, func(a downsample.Aggregate) bool { return !b.has(&a) }) {
			return b.source
		}
	}
	return t
}

// has reports whether the source has what an aggregate or a state is merged from.
func (b *rollupBuilder) has(a *downsample.Aggregate) bool {
	if a.Source == "" {
		return holds(b.source, downsample.StateRows, "")
	}
	of := b.base.Column(a.Source)
	return of != nil && b.checkHeld(a, of.Type) == nil
}

// withLevel adds the rollup of a step. backfill says that the table may have rows.
func withLevel(s *schema.Snapshot, t *schema.Table, l *level, backfill bool) (*schema.Snapshot, error) {
	if s.Table(t.Keyspace, l.tableName(t)) != nil {
		return nil, &ExistsError{Keyspace: t.Keyspace, Table: l.tableName(t)}
	}
	r, err := rollupOfLevel(t, l)
	if err != nil {
		return nil, err
	}
	r.Rollup.Backfill = backfill
	r.Rollup.Source = sourceOf(s, t, r).Name
	return addLevel(s, t, r), nil
}

// addLevel adds a rollup to the option rollups of its table, which is not published yet.
func addLevel(s *schema.Snapshot, t, r *schema.Table) *schema.Snapshot {
	s = s.WithTable(r)
	t.Rollups = append(t.Rollups, r.Name)
	slices.SortStableFunc(t.Rollups, func(a, b string) int {
		return s.Table(t.Keyspace, a).Rollup.CompareSteps(s.Table(t.Keyspace, b).Rollup)
	})
	return s
}

// rollupOfLevel is the rollup of one step of the one-line form, computed from its table.
func rollupOfLevel(t *schema.Table, l *level) (*schema.Table, error) {
	b := rollupBuilder{what: "rollups of table " + t.QualifiedName(), base: t, source: t, step: l.cut}
	if err := b.begin(l.tableName(t), "", nil); err != nil {
		return nil, err
	}
	b.out.Rollup.Keep = l.keep
	if err := b.setRetention(l.lasts); err != nil {
		return nil, err
	}
	for _, col := range t.Regulars {
		if !downsample.Numeric(col.Type) {
			continue
		}
		for _, function := range levelFunctions {
			if err := b.add(downsample.Aggregate{Function: function, Source: col.Name, Target: function + "_" + col.Name}); err != nil {
				return nil, err
			}
		}
	}
	if len(b.out.Regulars) == 0 {
		return nil, b.refuse("it has no numeric column to roll up")
	}
	return b.out, b.finish()
}

// setRetention says how long rows of the rollup show behind the start of their window; 0: for ever.
func (b *rollupBuilder) setRetention(millis int64) error {
	next := &schema.Retention{By: b.out.Clustering[0].Name, Millis: millis}
	if b.out.Retention = b.out.Retention.Follow(next); b.out.Retention.IsNone() {
		b.out.Retention = nil
	}
	if err := layRetentionBucket(b.out); err != nil {
		return err
	}
	return b.checkRetention()
}

// checkRetention requires that rows show when their windows end.
func (b *rollupBuilder) checkRetention() error {
	start, end := b.step.BucketOf(0)
	if r := b.out.Retention; r != nil && r.Millis > 0 && uint64(r.Millis) < uint64(end)-uint64(start) {
		return b.refuse("windows of %s would end after their retention of %s; keep them longer, or 'forever'", stepText(b.step), schema.DurationText(r.Millis))
	}
	return nil
}
