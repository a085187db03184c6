package database

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// forgetMax is how many partitions of internal tables one record forgets.
const forgetMax = 1024

// forgetDropped removes the floors of tables and the states of rollups that are no more: a table that is created with the id of one of
// them would take its floors for its own. It is done behind a DROP, before another change of the schema, and at the start for those
// between which and this there was a crash. What cannot be removed now is by the next start.
func (d *Database) forgetDropped() {
	left := map[mutation.TableID]bool{}
	for _, k := range d.Schema().Keyspaces {
		for _, t := range k.Tables {
			left[t.ID] = true
		}
	}
	_ = d.forget(floorsTableID, func(key []byte) bool {
		parts, err := markLayout.Decode(key)
		return err == nil && !left[mutation.TableID(parts[0])]
	})
	_ = d.forget(rollupStateID, func(key []byte) bool {
		return len(key) == len(mutation.TableID{}) && !left[mutation.TableID(key)]
	})
}

// forget deletes the rows of the partitions of an internal table that has one row in each, which are of tables that were dropped.
func (d *Database) forget(table mutation.TableID, dropped func(key []byte) bool) error {
	view := d.store.View()
	defer view.Close()
	var gone []mutation.Mutation
	apply := func() error {
		if len(gone) == 0 {
			return nil
		}
		_, err := d.store.Apply(gone)
		gone = gone[:0]
		return err
	}
	err := eachKey(view, table, func(key *partition.DecoratedKey) error {
		if !dropped(key.Key) {
			return nil
		}
		_, rows, err := view.Rows(table, *key, clustering.All())
		if err != nil {
			return err
		}
		if row, err := rows.Next(); err != nil || row == nil || row.Live.IsNone() {
			return err
		}
		row := mutation.Row{Clustering: []byte{}, Deletion: mutation.Deletion{LocalSec: max(d.clock.Now().Unix(), 1)}}
		at := partition.DecoratedKey{Token: key.Token, Key: append([]byte{}, key.Key...)}
		if gone = append(gone, mutation.Mutation{Table: table, Key: at, Rows: []mutation.Row{row}}); len(gone) < forgetMax {
			return nil
		}
		return apply()
	})
	if err != nil {
		return err
	}
	return apply()
}

// leavesBehind reports whether a change drops tables that internal tables may hold something of.
func leavesBehind(before, next *schema.Snapshot) bool {
	for _, k := range before.Keyspaces {
		for _, t := range k.Tables {
			if (t.Retention != nil || t.Rollup != nil) && !known(next, t) {
				return true
			}
		}
	}
	return false
}
