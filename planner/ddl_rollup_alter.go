package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// rollupOptions are the options that ALTER ROLLUP takes.
var rollupOptions = []string{"retention", "lateness", "comment"}

// cloneRollup is a rollup whose definition may be changed.
func cloneRollup(r *schema.Table) *schema.Table {
	out := r.Clone()
	definition := *r.Rollup
	definition.Group = slices.Clone(definition.Group)
	definition.Aggregates = slices.Clone(definition.Aggregates)
	out.Rollup = &definition
	return out
}

// existingRollup is the rollup of that name; nil where there is none and need not be.
func (c *compiler) existingRollup(name cql.QualifiedName, ifExists bool) (keyspace string, r *schema.Table, err error) {
	keyspace, t, err := c.existing(name)
	switch {
	case err != nil:
		return keyspace, nil, err
	case t == nil && ifExists:
		return keyspace, nil, nil
	}
	name.Keyspace = keyspace
	r, err = c.rollupNamed(name)
	return keyspace, r, err
}

// refuseImplied refuses to change a rollup that the option of its table makes.
func (c *compiler) refuseImplied(r *schema.Table) error {
	if !c.schema.Implied(r) {
		return nil
	}
	return invalidf("rollup %s belongs to the option rollups of table %s.%s: change that, ALTER TABLE %s.%s WITH rollups = {…}",
		r.QualifiedName(), r.Keyspace, r.Rollup.BaseTable(), r.Keyspace, r.Rollup.BaseTable())
}

// alterRollup applies ALTER ROLLUP: its retention, lateness and comment. Its windows and columns stay.
func (c *compiler) alterRollup(stmt *cql.AlterRollup) (*Alter, error) {
	keyspace, old, err := c.existingRollup(stmt.Name, stmt.IfExists)
	if err != nil || old == nil {
		return &Alter{Keyspace: keyspace, Name: stmt.Name.Name}, err
	}
	if err := c.refuseImplied(old); err != nil {
		return nil, err
	}
	if err := requireOnce(stmt.Options); err != nil {
		return nil, err
	}
	b := rollupBuilder{
		what: "rollup " + old.QualifiedName(), base: c.schema.Table(keyspace, old.Rollup.BaseTable()), source: c.schema.Table(keyspace, old.Rollup.Source),
		step: old.Rollup.Windows(), out: cloneRollup(old),
	}
	for _, o := range stmt.Options {
		if !slices.Contains(rollupOptions, o.Name) {
			return nil, b.refuse("%s cannot be altered: retention, lateness and comment can. Windows and aggregates stay as they are; CREATE ROLLUP another, and drop this one when that is built", o.Name)
		}
	}
	if err := b.applyOptions(stmt.Options); err != nil {
		return nil, err
	}
	if err := b.checkLateness(); err != nil {
		return nil, err
	}
	return c.alteredRollup(b.out), nil
}

// alteredRollup is the change of a rollup.
func (c *compiler) alteredRollup(r *schema.Table) *Alter {
	return &Alter{Next: c.schema.WithTable(r), Change: changeUpdated, Target: targetTable, Keyspace: r.Keyspace, Name: r.Name}
}

// pauseRollup makes the scheduler leave a rollup alone, or take it up again.
func (c *compiler) pauseRollup(stmt *cql.PauseRollup) (*Alter, error) {
	old, err := c.rollupNamed(stmt.Name)
	if err != nil {
		return nil, err
	}
	if old.Rollup.Paused == !stmt.Resume {
		return &Alter{Keyspace: old.Keyspace, Name: old.Name}, nil
	}
	r := cloneRollup(old)
	r.Rollup.Paused = !stmt.Resume
	return c.alteredRollup(r), nil
}

func (c *compiler) dropRollup(stmt *cql.DropRollup) (*Alter, error) {
	keyspace, r, err := c.existingRollup(stmt.Name, stmt.IfExists)
	if err != nil || r == nil {
		return &Alter{Keyspace: keyspace, Name: stmt.Name.Name}, err
	}
	if err := c.refuseImplied(r); err != nil {
		return nil, err
	}
	if on := c.schema.RollupsOf(r); len(on) > 0 {
		return nil, invalidf("Cannot drop rollup %s while rollup %s is computed from it: DROP ROLLUP %s first", r.QualifiedName(), on[0].QualifiedName(), on[0].QualifiedName())
	}
	return &Alter{Next: c.schema.WithoutTable(keyspace, r.Name), Change: changeDropped, Target: targetTable, Keyspace: keyspace, Name: r.Name}, nil
}

// renameInRollups makes the rollups of a table follow a new name of one of its key columns.
func renameInRollups(s *schema.Snapshot, base *schema.Table, from, to string) (*schema.Snapshot, error) {
	for _, old := range s.LevelsOf(base) {
		r := cloneRollup(old)
		def := r.Rollup
		if def.TimeColumn == from {
			def.TimeColumn = to
		}
		if i := slices.Index(def.Group, from); i >= 0 {
			def.Group[i] = to
		}
		if col := r.Column(from); col != nil && col.Kind != schema.Regular {
			if r.Column(to) != nil {
				return nil, invalidf("Cannot rename column %s to %s in table '%s'; rollup %s has another column with that name", from, to, base.QualifiedName(), r.QualifiedName())
			}
			renameKey(r, col, to)
			renameRetention(r, from, to)
		}
		s = s.WithTable(r)
	}
	return s, nil
}
