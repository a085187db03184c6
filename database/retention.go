package database

import (
	"fmt"

	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// retained says which rows of a table have ended by its retention, or by that of the table it is a copy of, as of what a read
// sees; nil: none.
func (d *Database) retained(source readSource, t *schema.Table, nowMillis int64) *exec.Retained {
	snapshot := source.before()
	if snapshot == nil {
		return nil
	}
	now := snapshot.Table(t.Keyspace, t.Name)
	if now == nil || now.ID != t.ID {
		return nil // it was dropped a moment ago
	}
	base := now
	if now.Copy != nil {
		base = snapshot.Table(now.Keyspace, now.Copy.Base)
	}
	if base.Retention.IsNone() {
		return nil
	}
	out := &exec.Retained{Table: now, Base: base, NowMillis: nowMillis}
	if view := source.pinned(); view != nil && base.Retention.Floored {
		out.Floor = func(key partition.DecoratedKey) (floor int64, changes int, err error) {
			return floorOf(view, base, key)
		}
	}
	return out
}

// settleRetentions makes what has ended by the retentions of tables stay so under those that a change gives them at a moment.
func (d *Database) settleRetentions(next *schema.Snapshot, nowMillis int64) error {
	was := d.Schema()
	for _, k := range next.Keyspaces {
		for _, t := range k.Tables {
			if old := was.Table(t.Keyspace, t.Name); t.Retention == nil || old != nil && old.Retention == t.Retention {
				continue
			}
			if fresh, err := d.holdsNothing(was, t); err != nil {
				return err
			} else if fresh {
				t.Retention = t.Retention.Afresh()
				continue
			}
			var ok bool
			if t.Retention, ok = t.Retention.Settle(nowMillis); !ok {
				return &planner.InvalidError{Message: fmt.Sprintf(
					"retention of table %s: it has changed %d times in ways that still decide which rows have ended, the most there may be; let rows end before it changes again, or copy them to a new table",
					t.QualifiedName(), schema.FormerRetentionsMax)}
			}
		}
	}
	return nil
}

// holdsNothing reports whether a table has no rows, nor its query tables, so that nothing of it can have ended.
func (d *Database) holdsNothing(s *schema.Snapshot, t *schema.Table) (bool, error) {
	if s.Table(t.Keyspace, t.Name) == nil {
		return true, nil
	}
	view := d.store.Newest()
	defer view.Close()
	for _, of := range append(s.QueryTablesOf(t), t) {
		if empty, err := tableEmpty(view, of.ID); !empty || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Retention implements catalog.Sight.
func (s status) Retention(t *schema.Table) catalog.Retention {
	now := s.d.clock.Now()
	out := catalog.Retention{NowMillis: now.UnixMilli(), LateExpired: s.d.late.of(t.ID)}
	if list, err := s.d.overdueOf(t); err == nil { // else a file is damaged: who reads its rows is told
		for i := range list {
			out.RowsWaiting, out.BytesWaiting = out.RowsWaiting+list[i].rows, out.BytesWaiting+list[i].bytes
		}
	}
	if store, ok := s.d.store.(Maintained); ok {
		for _, of := range store.Statistics().Tables {
			if of.Table == t.ID {
				out.RowsExpired = of.Work.EndedRows
			}
		}
	}
	return out
}
