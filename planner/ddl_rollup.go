package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/schema"
)

// rollupFunctions are the aggregates of the one-line form, for every numeric column.
var rollupFunctions = []string{"count", "sum", "avg", "min", "max", "first", "last"}

// withRollups adds the rollups that `rollups = {…}` of a new table declares.
func withRollups(s *schema.Snapshot, t *schema.Table) (*schema.Snapshot, error) {
	steps := make([]string, 0, len(t.Options.RollupsOption))
	for step := range t.Options.RollupsOption {
		steps = append(steps, step)
	}
	slices.Sort(steps)
	if len(steps) > 1 {
		return nil, invalidf("rollups of table %s: this build keeps one level; name one step", t.QualifiedName())
	}
	for _, step := range steps {
		r, err := rollupOf(t, step, t.Options.RollupsOption[step])
		if err != nil {
			return nil, err
		}
		if s.Table(r.Keyspace, r.Name) != nil {
			return nil, &ExistsError{Keyspace: r.Keyspace, Table: r.Name}
		}
		t.Rollups = append(t.Rollups, r.Name)
		s = s.WithTable(r)
	}
	return s, nil
}

// rollupOf is the rollup of one step of the one-line form.
func rollupOf(t *schema.Table, step, keep string) (*schema.Table, error) {
	millis, err := parseStep(step)
	if err != nil {
		return nil, invalidf("rollups of table %s: '%s' is not a fixed step such as '1m', '1h' or '1d'", t.QualifiedName(), step)
	}
	if keep != "forever" {
		return nil, invalidf("rollups of table %s: '%s' keeps '%s'; this build keeps rollups 'forever'", t.QualifiedName(), step, keep)
	}
	if len(t.Clustering) != 1 || t.Clustering[0].Type.Kind() != types.KindTimestamp {
		return nil, invalidf("rollups of table %s: the clustering key must be one timestamp column", t.QualifiedName())
	}
	clock := *t.Clustering[0]
	r := &schema.Table{
		Keyspace: t.Keyspace, Name: t.Name + "_" + step, Kind: schema.Rollup, NextColumn: 1, Options: schema.DefaultOptions(),
		PartitionKey: t.PartitionKey, Clustering: []*schema.Column{&clock},
		Rollup: &downsample.Definition{Source: t.Name, TimeColumn: clock.Name, StepMillis: millis, Keep: keep},
	}
	if err := checkTableName(r.Keyspace, r.Name); err != nil {
		return nil, err
	}
	for _, col := range t.Regulars {
		if err := rollUp(t, r, col); err != nil {
			return nil, err
		}
	}
	if len(r.Regulars) == 0 {
		return nil, invalidf("rollups of table %s: it has no numeric column to roll up", t.QualifiedName())
	}
	return r, nil
}

// rollUp adds the aggregates of one numeric column to a rollup.
func rollUp(t, r *schema.Table, col *schema.Column) error {
	if !downsample.Numeric(col.Type) {
		return nil
	}
	for _, function := range rollupFunctions {
		of, err := downsample.ResultType(function, col.Type)
		if err != nil {
			return err
		}
		target := function + "_" + col.Name
		if r.Column(target) != nil {
			return invalidf("rollups of table %s: column name %s occurs twice in %s", t.QualifiedName(), target, r.QualifiedName())
		}
		r.AddColumn(&schema.Column{Name: target, Kind: schema.Regular, Type: of})
		r.Rollup.Aggregates = append(r.Rollup.Aggregates, downsample.Aggregate{Function: function, Source: col.Name, Target: target})
	}
	return nil
}
