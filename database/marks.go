package database

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// marks are the dirty marks of one record.
type marks struct {
	mutations []mutation.Mutation
	entries   []jobs.Mark
	rollups   *jobs.Rollups
}

// written tells the scheduler which marks are in the log, and at which sequence.
func (m *marks) written(sequence uint64) {
	for _, e := range m.entries {
		m.rollups.Marked(e, sequence)
	}
}

// markMutations are the dirty marks that the record needs (law 7): one for each window that a write
// may have changed, left out where an uncleared one stands and no recomputation has pinned its
// View since. The caller holds marksMu shared.
func (d *Database) markMutations(record []planner.Mutation) (*marks, error) {
	out := &marks{rollups: d.rollups}
	s := d.Schema()
	for i := range record {
		m := &record[i]
		for _, r := range d.projectors.of(s, m.Table).rollups {
			for _, w := range dirtied(m, r.Rollup.Windows()) {
				mark := jobs.Mark{Rollup: r.ID, Base: m.Key, Window: w}
				if d.rollups.Covered(mark) {
					continue
				}
				encoded, err := markMutation(mark)
				if err != nil {
					return nil, err
				}
				out.mutations = append(out.mutations, encoded)
				out.entries = append(out.entries, mark)
			}
		}
	}
	return out, nil
}

// dirtied are the windows a mutation may change, each once.
func dirtied(m *planner.Mutation, step partition.Bucketing) []downsample.Window {
	if !m.Deletion.IsNone() {
		return []downsample.Window{{Start: math.MinInt64, End: math.MaxInt64}}
	}
	layout, unit := m.Table.ClusteringLayout(), m.Table.UnitNanos()
	var out []downsample.Window
	seen := map[int64]bool{}
	for i := range m.Rows {
		ms, ok := layout.FirstTimeMillis(m.Rows[i].Clustering, unit)
		if !ok {
			continue
		}
		if start, end := step.BucketOf(ms); !seen[start] {
			seen[start] = true
			out = append(out, downsample.Window{Start: start, End: end})
		}
	}
	for i := range m.Ranges {
		out = append(out, rangeWindow(layout, unit, m.Ranges[i].Slice, step))
	}
	return out
}

// rangeWindow is the time a deleted slice covers, widened to whole windows; open where the slice is.
func rangeWindow(layout clustering.Layout, unit int64, s clustering.Slice, step partition.Bucketing) downsample.Window {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	start, okStart := layout.FirstTimeMillis(s.Start.Prefix, unit)
	end, okEnd := layout.FirstTimeMillis(s.End.Prefix, unit)
	if layout[0].Desc {
		start, end, okStart, okEnd = end, start, okEnd, okStart
	}
	if okStart {
		low, _ = step.BucketOf(start)
	}
	if okEnd {
		_, high = step.BucketOf(end)
	}
	return downsample.Window{Start: low, End: high}
}

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

// Pin runs pinned while no writer is between deciding on its marks and the end of its write, and
// returns the View taken then.
func (s rollupStore) Pin(pinned func()) jobs.View {
	s.d.marksMu.Lock()
	defer s.d.marksMu.Unlock()
	pinned()
	return s.d.store.View()
}

// Apply writes recomputed rows, clears the marks they answer and sets others, as one record.
func (s rollupStore) Apply(a jobs.Answer) (uint64, error) {
	now := s.d.clock.Now().Unix()
	record := a.Rows
	for _, m := range a.Cleared {
		c, err := clearMutation(m, a.UpTo, now)
		if err != nil {
			return 0, err
		}
		record = append(record, c)
	}
	for _, m := range a.Marked {
		c, err := markMutation(m)
		if err != nil {
			return 0, err
		}
		record = append(record, c)
	}
	for id, state := range a.States {
		record = append(record, stateMutation(id, state))
	}
	return s.d.store.Apply(record)
}

// Marks are all uncleared marks with their sequences, as after a start.
func (s rollupStore) Marks(each func(m jobs.Mark, sequence uint64)) error {
	view := s.d.store.View()
	defer view.Close()
	keys, err := view.Keys(dirtyTableID, partition.Range{})
	if err != nil {
		return err
	}
	defer keys.Close()
	for {
		key, err := keys.Next()
		if err != nil || key == nil {
			return err
		}
		if err := partitionMarks(view, *key, clustering.All(), each); err != nil {
			return err
		}
	}
}

func partitionMarks(view View, key partition.DecoratedKey, slices clustering.Slices, each func(jobs.Mark, uint64)) error {
	parts, err := markLayout.Decode(key.Key)
	if err != nil {
		return err
	}
	m := jobs.Mark{Rollup: mutation.TableID(parts[0]), Base: partition.Decorate(append([]byte(nil), parts[1]...))}
	_, rows, err := view.Rows(dirtyTableID, key, slices)
	if err != nil {
		return err
	}
	layout := dirtyTable().Clustering
	for {
		row, err := rows.Next()
		if err != nil || row == nil {
			return err
		}
		if row.Live.IsNone() {
			continue
		}
		at, err := layout.Decode(row.Clustering)
		if err != nil {
			return err
		}
		m.Window = downsample.Window{Start: types.DecodeInt64(at[0]), End: types.DecodeInt64(at[1])}
		each(m, row.Sequence)
	}
}

// status tells the catalogue about rollups and memory.
type status struct {
	d    *Database
	uses func() []memory.Use
}

// Rollup implements catalog.Status.
func (s status) Rollup(id mutation.TableID) (dirtyWindows int64, lastError string) {
	of := s.d.rollups.Status(id)
	if of.LastError != nil {
		lastError = of.LastError.Error()
	}
	return int64(of.DirtyWindows), lastError
}

// Memory implements catalog.Status.
func (s status) Memory() []memory.Use {
	if s.uses == nil {
		return nil
	}
	return s.uses()
}
