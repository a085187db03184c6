package schema

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/downsample"
)

// RollupsOf are the rollups computed from a table or rollup itself, finest first.
func (s *Snapshot) RollupsOf(t *Table) []*Table {
	var out []*Table
	for _, r := range s.Keyspaces[t.Keyspace].SortedTables() {
		if r.Rollup != nil && r.Rollup.Source == t.Name {
			out = append(out, r)
		}
	}
	sortByStep(out)
	return out
}

// LevelsOf are all rollups over a base table, of rollups over it too: each behind its source, otherwise finest first.
func (s *Snapshot) LevelsOf(t *Table) []*Table { return s.Keyspaces[t.Keyspace].levelsOf(t) }

func (k *Keyspace) levelsOf(base *Table) []*Table {
	var rest, out []*Table
	for _, r := range k.SortedTables() {
		if r.Rollup != nil && r.Rollup.BaseTable() == base.Name {
			rest = append(rest, r)
		}
	}
	sortByStep(rest)
	placed := map[string]bool{base.Name: true}
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(r *Table) bool { return placed[r.Rollup.Source] })
		if next < 0 {
			break // stored by no build: its source is gone
		}
		placed[rest[next].Name] = true
		out = append(out, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	return out
}

// sortByStep puts rollups with shorter windows first.
func sortByStep(rollups []*Table) {
	slices.SortStableFunc(rollups, func(a, b *Table) int { return a.Rollup.CompareSteps(b.Rollup) })
}

// Implied reports whether a rollup is one of its base table's option rollups, which makes and drops it.
func (s *Snapshot) Implied(r *Table) bool {
	base := s.Table(r.Keyspace, r.Rollup.BaseTable())
	return base != nil && slices.Contains(base.Rollups, r.Name)
}

// DescribedLevels is the option rollups of a table as its CREATE text has it: the levels that the option makes of the table as
// it is now. One that was made before a numeric column was added does not have that column, and is described by CREATE ROLLUP.
func (k *Keyspace) DescribedLevels(t *Table) map[string]string {
	out := map[string]string{}
	for _, name := range t.Rollups {
		step := strings.TrimPrefix(name, t.Name+"_")
		if keep, ok := t.Options.RollupsOption[step]; ok && k.Tables[name].sumsUp(t) {
			out[step] = keep
		}
	}
	return out
}

// Described reports whether the CREATE text of a rollup's base table makes the rollup too.
func (k *Keyspace) Described(r *Table) bool {
	base := k.Tables[r.Rollup.BaseTable()]
	return base != nil && slices.Contains(base.Rollups, r.Name) && r.sumsUp(base)
}

// sumsUp reports whether a rollup has every numeric column of its base table.
func (t *Table) sumsUp(base *Table) bool {
	return !slices.ContainsFunc(base.Regulars, func(c *Column) bool {
		return downsample.Numeric(c.Type) && !slices.ContainsFunc(t.Rollup.Aggregates, func(a downsample.Aggregate) bool { return a.Source == c.Name })
	})
}

// circular is a rollup from which its own source is computed, or nil.
func (k *Keyspace) circular() *Table {
	for _, r := range k.Tables {
		below := r
		for range k.Tables {
			if below == nil || below.Rollup == nil {
				break
			}
			below = k.Tables[below.Rollup.Source]
		}
		if below != nil && below.Rollup != nil {
			return r
		}
	}
	return nil
}
