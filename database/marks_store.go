package database

import (
	"bytes"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// markLayout is the partition key of the table of dirty marks: rollup id, base partition key.
var markLayout = partition.Layout{types.UUID, types.Blob}

// markKey is the partition of the marks of a rollup for a base partition.
func markKey(rollup mutation.TableID, base partition.DecoratedKey) (partition.DecoratedKey, error) {
	key, err := markLayout.Encode([][]byte{rollup[:], base.Key})
	return partition.Decorate(key), err
}

// markPlace is where a mark stands in the table of dirty marks.
func markPlace(m jobs.Mark) (partition.DecoratedKey, []byte, error) {
	key, err := markKey(m.Rollup, m.Base)
	if err != nil {
		return key, nil, err
	}
	table := dirtyTable()
	at, err := table.Clustering.Encode([][]byte{types.AppendBigint(nil, m.Window.Start), types.AppendBigint(nil, m.Window.End)})
	return key, at, err
}

func markMutation(m jobs.Mark) (mutation.Mutation, error) {
	key, at, err := markPlace(m)
	if err != nil {
		return mutation.Mutation{}, err
	}
	row := mutation.Row{Clustering: at, Live: mutation.Liveness{ExpiresAt: mutation.Forever}}
	return mutation.Mutation{Table: dirtyTableID, Key: key, Rows: []mutation.Row{row}}, nil
}

// clearMutation ends a mark as far as it was written at or before a sequence.
func clearMutation(m jobs.Mark, upTo uint64, nowSec int64) (mutation.Mutation, error) {
	key, at, err := markPlace(m)
	if err != nil {
		return mutation.Mutation{}, err
	}
	row := mutation.Row{Clustering: at, Sequence: upTo, Deletion: mutation.Deletion{LocalSec: max(nowSec, 1)}}
	return mutation.Mutation{Table: dirtyTableID, Key: key, Rows: []mutation.Row{row}}, nil
}

// rollupStore is what the rollup scheduler may do with the database.
type rollupStore struct{ d *Database }

// Rollups are the rollups of the schema now with their source tables.
func (s rollupStore) Rollups() []jobs.Rollup {
	snapshot := s.d.Schema()
	var out []jobs.Rollup
	for _, name := range snapshot.KeyspaceNames() {
		for _, t := range snapshot.Keyspaces[name].SortedTables() {
			if t.Rollup != nil {
				out = append(out, s.rollup(snapshot, t))
			}
		}
	}
	return out
}

// rollup is a rollup with the tables below it.
func (s rollupStore) rollup(snapshot *schema.Snapshot, r *schema.Table) jobs.Rollup {
	out := jobs.Rollup{Table: r, Source: snapshot.Table(r.Keyspace, r.Rollup.Source), Base: snapshot.Table(r.Keyspace, r.Rollup.BaseTable())}
	for below := out.Source; below != nil && below.Rollup != nil; below = snapshot.Table(r.Keyspace, below.Rollup.Source) {
		out.Below = append(out.Below, jobs.Level{Table: below})
	}
	return out
}

// State implements jobs.Store.
func (s rollupStore) State(r *schema.Table) (jobs.State, error) {
	view := s.d.store.View()
	defer view.Close()
	return rollupState(view, r)
}

// Pin runs pinned while no writer is between deciding on its marks and its record, and
// returns the View taken then, which has every record before.
func (s rollupStore) Pin(pinned func()) jobs.View {
	defer s.d.excludeWrites()()
	pinned()
	return s.d.store.View()
}

// Decide implements jobs.Store.
func (s rollupStore) Decide(decide func() (jobs.Answer, bool), undo func()) error {
	sequence, err := s.logDecision(decide, undo)
	if err != nil || sequence == 0 {
		return err
	}
	return s.d.store.WaitDurable(sequence)
}

// logDecision returns the sequence of the record; 0: nothing was decided.
func (s rollupStore) logDecision(decide func() (jobs.Answer, bool), undo func()) (uint64, error) {
	defer s.d.excludeWrites()()
	answer, ok := decide()
	if !ok {
		return 0, nil
	}
	record, err := s.record(&answer)
	if err != nil {
		undo()
		return 0, err
	}
	sequence, err := s.d.store.ApplyUnsynced(record)
	if err != nil {
		undo()
	}
	return sequence, err
}

// Apply writes recomputed rows, clears the marks they answer and sets others, as one record.
func (s rollupStore) Apply(a jobs.Answer) (uint64, error) {
	record, err := s.record(&a)
	if err != nil {
		return 0, err
	}
	return s.d.store.Apply(record)
}

func (s rollupStore) record(a *jobs.Answer) ([]mutation.Mutation, error) {
	now := s.d.clock.Now().Unix()
	record := a.Rows
	for _, m := range a.Cleared {
		c, err := clearMutation(m, a.UpTo, now)
		if err != nil {
			return nil, err
		}
		record = append(record, c)
	}
	for _, m := range a.Marked {
		c, err := markMutation(m)
		if err != nil {
			return nil, err
		}
		record = append(record, c)
	}
	for id, state := range a.States {
		record = append(record, stateMutation(id, state))
	}
	return record, nil
}

// Marks implements jobs.Store. It meets all marks that were known when it was called: what it does not meet is forgotten.
func (s rollupStore) Marks(from jobs.Place, each func(m jobs.Mark, sequence uint64) bool) (jobs.Place, bool, error) {
	if err := s.d.Await(s.d.newest()); err != nil {
		return from, false, err
	}
	view := s.d.store.View()
	defer view.Close()
	var m jobs.Mark
	return jobs.Walk(view, dirtyTableID, from, func(key *partition.DecoratedKey, _ *mutation.Side, row *mutation.Row) (jobs.Next, error) {
		if row == nil || m.Base.Key == nil { // the first time in a partition
			var err error
			if m, err = markOf(*key); err != nil || row == nil {
				return jobs.NextRow, err
			}
		}
		if row.Live.IsNone() {
			return jobs.NextRow, nil
		}
		var err error
		if m.Window, err = markedWindow(row); err != nil {
			return jobs.NextRow, err
		}
		if !each(m, row.Sequence) {
			return jobs.Stop, nil
		}
		return jobs.NextRow, nil
	})
}

// markedWindow is the range of a row of the table of marks.
func markedWindow(row *mutation.Row) (downsample.Window, error) {
	at, err := dirtyTable().Clustering.Decode(row.Clustering)
	if err != nil {
		return downsample.Window{}, err
	}
	return downsample.Window{Start: types.DecodeInt64(at[0]), End: types.DecodeInt64(at[1])}, nil
}

// markOf is a mark without its range, of a partition of the table of marks.
func markOf(key partition.DecoratedKey) (jobs.Mark, error) {
	parts, err := markLayout.Decode(key.Key)
	if err != nil {
		return jobs.Mark{}, err
	}
	return jobs.Mark{Rollup: mutation.TableID(parts[0]), Base: partition.Decorate(bytes.Clone(parts[1]))}, nil
}

// partitionMarks calls each for the marks in slices of a partition of their table.
func partitionMarks(view View, key partition.DecoratedKey, slices clustering.Slices, each func(jobs.Mark, uint64)) error {
	m, err := markOf(key)
	if err != nil {
		return err
	}
	_, rows, err := view.Rows(dirtyTableID, key, slices)
	if err != nil {
		return err
	}
	for {
		row, err := rows.Next()
		if err != nil || row == nil {
			return err
		}
		if row.Live.IsNone() {
			continue
		}
		if m.Window, err = markedWindow(row); err != nil {
			return err
		}
		each(m, row.Sequence)
	}
}
