package planner

import (
	"maps"
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/schema"
)

// readOptions applies WITH to a new rollup.
func (d *rollupStatement) readOptions() error {
	if err := d.applyOptions(d.stmt.Options); err != nil {
		return err
	}
	return d.checkLateness()
}

// applyOptions applies WITH to a rollup under construction. time_zone is part of the step.
func (b *rollupBuilder) applyOptions(options []cql.Option) error {
	for _, o := range options {
		var err error
		switch o.Name {
		case "retention": // below
		case "lateness":
			err = b.readLateness(o)
		case "comment":
			b.out.Options.Comment, err = optionText(o)
		case "time_zone":
		case "default_time_to_live":
			err = b.refuse("option default_time_to_live is not one of rollups, whose rows end by their window: retention = {'duration': '400d'}")
		default:
			err = b.refuse("option %s is unknown; the options of a rollup are retention, lateness, time_zone and comment", o.Name)
		}
		if err != nil {
			return err
		}
	}
	if err := layRetention(b.out, options); err != nil {
		return err
	}
	return b.checkRetention()
}

// optionKeys reads a map option and refuses keys that it does not take.
func (b *rollupBuilder) optionKeys(o cql.Option, example string, keys ...string) (map[string]string, error) {
	m, err := optionMap(o)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(keys, key) {
			return nil, b.refuse("%s: key '%s' is unknown; it takes '%s', such as %s", o.Name, key, strings.Join(keys, "' and '"), example)
		}
	}
	return m, nil
}

// readLateness applies `lateness = {'grace': …, 'max': …}`.
func (b *rollupBuilder) readLateness(o cql.Option) error {
	m, err := b.optionKeys(o, "{'grace': '2m', 'max': '7d'}", "grace", "max")
	if err != nil {
		return err
	}
	def := b.out.Rollup
	def.GraceMillis, def.LatenessMillis = 0, 0
	if text, given := m["grace"]; given && text != "0s" {
		if def.GraceMillis, err = parseStep(text); err != nil {
			return b.refuse("lateness: grace '%s' is not a duration of fixed length, such as '2m'", text)
		}
	}
	if text, given := m["max"]; given {
		if def.LatenessMillis, err = parseStep(text); err != nil {
			return b.refuse("lateness: max '%s' is not a duration of fixed length, such as '7d'", text)
		}
	}
	return nil
}

// checkLateness compares how long windows take late rows with how long rows are kept.
func (b *rollupBuilder) checkLateness() error {
	def := b.out.Rollup
	late := def.LatenessMillis
	switch {
	case late == 0:
		return nil
	case def.GraceMillis > late:
		return b.refuse("lateness: a window would be open for its grace of %s and sealed after %s; max must be at least the grace",
			schema.DurationText(def.GraceMillis), schema.DurationText(late))
	case b.out.Retention != nil && b.out.Retention.Millis > 0 && b.out.Retention.Millis < late:
		return b.refuse("its retention of %s is shorter than its lateness.max of %s: its windows would end before they are sealed; keep them longer, or lower max",
			schema.DurationText(b.out.Retention.Millis), schema.DurationText(late))
	}
	return checkBaseLateness(b.base, b.out.QualifiedName(), def)
}

// checkBaseLateness requires that the rows of a base table are kept as long as the windows of a rollup take late ones.
func checkBaseLateness(base *schema.Table, rollup string, def *downsample.Definition) error {
	if r := base.Retention; r != nil && r.Millis > 0 && r.Millis < def.LatenessMillis {
		return invalidf("table %s keeps rows for %s, and rollup %s takes late rows for %s (lateness.max): keep rows longer, or lower max with ALTER ROLLUP",
			base.QualifiedName(), schema.DurationText(r.Millis), rollup, schema.DurationText(def.LatenessMillis))
	}
	if base.Retention == nil {
		return nil
	}
	for _, p := range base.Retention.Policies {
		if p.Millis > 0 && p.Millis < def.LatenessMillis {
			return invalidf("retention policy %s keeps rows of table %s for %s, and rollup %s takes late rows for %s (lateness.max): keep rows longer, or lower max with ALTER ROLLUP",
				p.Name, base.QualifiedName(), schema.DurationText(p.Millis), rollup, schema.DurationText(def.LatenessMillis))
		}
	}
	return nil
}
