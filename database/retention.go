package database

import (
	"fmt"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// retained says which rows of a table have ended by its retention, or by that of the table it is a copy of; nil: none.
func (d *Database) retained(t *schema.Table, nowMillis int64) *exec.Retained {
	snapshot := d.Schema()
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
	return &exec.Retained{Table: now, Base: base, NowMillis: nowMillis}
}

// settleRetentions makes what has ended by the retentions of tables stay so under those that a change gives them at a moment.
func (d *Database) settleRetentions(next *schema.Snapshot, nowMillis int64) error {
	was := d.Schema()
	for _, k := range next.Keyspaces {
		for _, t := range k.Tables {
			if old := was.Table(t.Keyspace, t.Name); t.Retention == nil || old != nil && old.Retention == t.Retention {
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
