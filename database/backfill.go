package database

import (
	"errors"
	"math"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// backfillStore is what the backfill of rollups may do with the database, beside the scheduler.
type backfillStore struct{ d *Database }

// View implements jobs.BackfillStore.
func (s backfillStore) View() jobs.RangeView { return s.d.store.View() }

// VisibleFrom implements jobs.BackfillStore.
func (s backfillStore) VisibleFrom(view jobs.RangeView, base *schema.Table, key partition.DecoratedKey) (int64, error) {
	if base.Retention.IsNone() || base.Retention.By != base.Clustering[0].Name {
		return math.MinInt64, nil
	}
	return visibleFrom(view.(View), base, key, true, s.d.clock.Now().UnixMilli())
}

// Levels implements jobs.BackfillStore.
func (s backfillStore) Levels(view jobs.RangeView, base *schema.Table) (out []mutation.TableID, err error) {
	for _, r := range s.d.Schema().LevelsOf(base) {
		keys, err := view.Keys(r.ID, partition.Range{})
		if errors.Is(err, lsm.ErrUnknownTable) {
			continue // made since
		}
		if err != nil {
			return nil, err
		}
		keys.Close()
		out = append(out, r.ID)
	}
	return out, nil
}

// Extent implements jobs.BackfillStore.
func (s backfillStore) Extent(id mutation.TableID) jobs.Extent {
	e, ok := estimates(s).Table(id)
	return jobs.Extent{Rows: e.Rows, FromMillis: e.FromMillis, ToMillis: e.ToMillis, Timed: ok && e.Timed}
}

// beginRollups spares the rollups that a new snapshot adds the backfill if neither their base nor any rollup of it has rows. The caller holds marksMu, so that
// nobody writes, and every write to come marks the windows of the rollup.
func (d *Database) beginRollups(next *schema.Snapshot) error {
	now := d.Schema()
	var view View
	for _, k := range next.Keyspaces {
		for _, t := range k.Tables {
			if t.Rollup == nil || !t.Rollup.Backfill || known(now, t) {
				continue
			}
			if view == nil {
				view = d.store.Newest()
				defer view.Close()
			}
			if empty, err := d.nothingToAggregate(view, now.Table(k.Name, t.Rollup.BaseTable())); err != nil || !empty {
				if err != nil {
					return err
				}
				continue
			}
			out, of := t.Clone(), *t.Rollup
			of.Backfill = false
			out.Rollup = &of
			k.Tables[t.Name] = out
		}
	}
	return nil
}

// nothingToAggregate reports whether a base table and its rollups, whose rows outlive those of the table, are empty; nil: the table is
// as new as the rollup.
func (d *Database) nothingToAggregate(view View, base *schema.Table) (bool, error) {
	if base == nil {
		return true, nil
	}
	for _, t := range append(d.Schema().LevelsOf(base), base) {
		if empty, err := tableEmpty(view, t.ID); err != nil || !empty {
			return false, err
		}
	}
	return true, nil
}

// known reports whether a snapshot has that table.
func known(s *schema.Snapshot, t *schema.Table) bool {
	old := s.Table(t.Keyspace, t.Name)
	return old != nil && old.ID == t.ID
}
