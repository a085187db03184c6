package database

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// buildsTableID is the same in every data directory.
var buildsTableID = mutation.TableID{0xe5, 0x4e, 0x12, 15: 2} // on disk: never change

// Columns of the table of builds.
const (
	buildKey        mutation.ColumnID = 1 // on disk: never reuse; base partition key the build has come to
	buildClustering mutation.ColumnID = 2 // on disk: never reuse; of the last row done in it; null: the partition is done
	buildRows       mutation.ColumnID = 3 // on disk: never reuse; rows written to the copy
	buildDone       mutation.ColumnID = 4 // on disk: never reuse; set when nothing is left
)

// buildsTable keeps how far the builds of copies have come: partition (id of the copy), one row.
func buildsTable() mutation.Table {
	return internalTable(buildsTableID, "esker.builds", map[mutation.ColumnID]*types.Type{
		buildKey: types.Blob, buildClustering: types.Blob, buildRows: types.Bigint, buildDone: types.Boolean,
	})
}

// progressMutation writes the progress of a build.
func progressMutation(id mutation.TableID, p jobs.Progress) mutation.Mutation {
	row := mutation.Row{Clustering: []byte{}, Live: mutation.Liveness{ExpiresAt: mutation.Forever}}
	set := func(column mutation.ColumnID, value []byte) {
		row.Cells = append(row.Cells, mutation.Cell{Column: column, ExpiresAt: mutation.Forever, Value: value})
	}
	if p.Key.Key != nil {
		set(buildKey, p.Key.Key)
	}
	if p.Within {
		set(buildClustering, p.Clustering)
	}
	set(buildRows, types.AppendBigint(nil, p.Rows))
	if p.Done {
		set(buildDone, types.AppendBoolean(nil, true))
	}
	return mutation.Mutation{Table: buildsTableID, Key: partition.Decorate(id[:]), Rows: []mutation.Row{row}}
}

// progressOf reads what progressMutation wrote.
func progressOf(row *mutation.Row) (jobs.Progress, error) {
	var p jobs.Progress
	for i := range row.Cells {
		value := bytes.Clone(row.Cells[i].Value)
		switch row.Cells[i].Column {
		case buildKey:
			p.Key = partition.Decorate(value)
		case buildClustering:
			p.Clustering, p.Within = value, true
		case buildRows:
			if len(value) != 8 {
				return p, fmt.Errorf("progress of a build: its count of rows has %d bytes", len(value))
			}
			p.Rows = types.DecodeInt64(value)
		case buildDone:
			p.Done = true
		}
	}
	return p, nil
}

// beginBuilds gives each copy that a new snapshot adds its state: live if its base is empty, else being built. The caller
// holds marksMu, so that nobody writes, and every write to come follows the copy.
func (d *Database) beginBuilds(next *schema.Snapshot) error {
	had := copyIDs(d.Schema())
	var view View
	for _, k := range next.Keyspaces {
		for _, t := range k.Tables {
			if t.Copy == nil || had[t.ID] {
				continue
			}
			if view == nil {
				view = d.store.Newest()
				defer view.Close()
			}
			state := schema.CopyLive
			if empty, err := tableEmpty(view, k.Tables[t.Copy.Base].ID); err != nil {
				return err
			} else if !empty {
				state = schema.CopyBuilding
			}
			k.Tables[t.Name] = t.WithState(state)
		}
	}
	return nil
}

func copyIDs(s *schema.Snapshot) map[mutation.TableID]bool {
	out := map[mutation.TableID]bool{}
	for _, k := range s.Keyspaces {
		for _, t := range k.Tables {
			if t.Copy != nil {
				out[t.ID] = true
			}
		}
	}
	return out
}

// buildStore is what the builder may do with the database.
type buildStore struct{ d *Database }

// Moment implements jobs.BuildStore.
func (s buildStore) Moment() uint64 { return s.d.moment.Load() }

// Builds implements jobs.BuildStore.
func (s buildStore) Builds() []jobs.Build {
	snapshot := s.d.Schema()
	var out []jobs.Build
	for _, name := range snapshot.KeyspaceNames() {
		for _, t := range snapshot.Keyspaces[name].SortedTables() {
			if !t.Live() {
				out = append(out, jobs.Build{Copy: t, Base: snapshot.Table(name, t.Copy.Base)})
			}
		}
	}
	return out
}

// Copies implements jobs.BuildStore.
func (s buildStore) Copies() map[mutation.TableID]bool { return copyIDs(s.d.Schema()) }

// Settled implements jobs.BuildStore.
func (s buildStore) Settled() error {
	return s.d.Await(s.d.newest())
}

// View implements jobs.BuildStore.
func (s buildStore) View() jobs.BuildView { return s.d.store.View() }

// Apply implements jobs.BuildStore.
func (s buildStore) Apply(moment uint64, id mutation.TableID, rows []mutation.Mutation, p jobs.Progress) (bool, error) {
	s.d.marksMu.RLock()
	defer s.d.marksMu.RUnlock()
	if s.d.moment.Load() != moment {
		return false, nil
	}
	_, err := s.d.store.Apply(append(rows, progressMutation(id, p)))
	if errors.Is(err, lsm.ErrOverloaded) {
		return false, jobs.ErrBusy
	}
	return err == nil, err
}

// Finish implements jobs.BuildStore.
func (s buildStore) Finish(id mutation.TableID) error {
	// The schema says that the copy is whole: what makes it so must not be lost while the schema stays.
	if err := s.d.store.Sync(); err != nil {
		return err
	}
	s.d.schemaMu.Lock()
	defer s.d.schemaMu.Unlock()
	now := s.d.Schema()
	for _, b := range s.Builds() {
		if b.Copy.ID != id {
			continue
		}
		return s.d.install(now.WithTable(b.Copy.WithState(schema.CopyLive)))
	}
	return nil
}

// Progress implements jobs.BuildStore.
func (s buildStore) Progress(each func(id mutation.TableID, p jobs.Progress)) error {
	view := s.d.store.View()
	defer view.Close()
	err := eachKey(view, buildsTableID, func(key *partition.DecoratedKey) error {
		_, rows, err := view.Rows(buildsTableID, *key, clustering.All())
		if err != nil {
			return err
		}
		row, err := rows.Next()
		if err != nil {
			return err
		}
		if row == nil || row.Live.IsNone() || len(key.Key) != len(mutation.TableID{}) {
			return nil
		}
		p, err := progressOf(row)
		if err != nil {
			return err
		}
		each(mutation.TableID(key.Key), p)
		return nil
	})
	if errors.Is(err, lsm.ErrUnknownTable) {
		return nil // a data directory of a release that had no builds, and no schema change since
	}
	return err
}

// Forget implements jobs.BuildStore.
func (s buildStore) Forget(id mutation.TableID) error {
	row := mutation.Row{Clustering: []byte{}, Deletion: mutation.Deletion{LocalSec: max(s.d.clock.Now().Unix(), 1)}}
	_, err := s.d.store.Apply([]mutation.Mutation{{Table: buildsTableID, Key: partition.Decorate(id[:]), Rows: []mutation.Row{row}}})
	return err
}

// buildWarning says how far a copy is that is read before it is live; nil where there is nothing to say.
func (d *Database) buildWarning(t *schema.Table) []string {
	if t.Live() {
		return nil
	}
	p := d.builds.Of(t.ID)
	out := fmt.Sprintf("query table %s is being built: it has the rows of about %.0f %% of %s.%s", t.QualifiedName(), 100*p.Fraction(), t.Keyspace, t.Copy.Base)
	if err := d.builds.Failure(t.ID); err != nil {
		out += fmt.Sprintf("; it does not get on: %v", err)
	}
	return []string{out}
}

// Build implements catalog.Status.
func (s status) Build(t *schema.Table) (built float64, rowsWritten int64) {
	p := s.d.builds.Of(t.ID)
	if t.Live() {
		return 1, p.Rows
	}
	return p.Fraction(), p.Rows
}

// rebuild builds a copy again from its base, under another id, and returns when it is live.
func (d *Database) rebuild(plan *planner.RebuildCopy) (*Result, error) {
	id, err := d.buildAgain(plan.Table)
	if err != nil {
		return nil, err
	}
	var now *schema.Table
	err = d.builds.Await(id, func() bool {
		now = d.Schema().Table(plan.Table.Keyspace, plan.Table.Name)
		return now == nil || now.ID != id || now.Live()
	})
	if err != nil {
		return nil, err
	}
	if now == nil || now.ID != id {
		return nil, &planner.InvalidError{Message: fmt.Sprintf("query table %s was dropped or rebuilt by another statement before it was built", plan.Table.QualifiedName())}
	}
	return &Result{Kind: ResultVoid}, nil
}

// buildAgain replaces a copy by an empty one of the same name that is being built, and returns its id.
func (d *Database) buildAgain(of *schema.Table) (mutation.TableID, error) {
	d.schemaMu.Lock()
	defer d.schemaMu.Unlock()
	s := d.Schema()
	t := s.Table(of.Keyspace, of.Name)
	if t == nil || t.Copy == nil {
		return mutation.TableID{}, &planner.InvalidError{Message: fmt.Sprintf("query table %s does not exist", of.QualifiedName())}
	}
	if err := d.install(s.WithTable(t.BuiltAgain())); err != nil {
		return mutation.TableID{}, err
	}
	d.builds.SchemaChanged()
	return d.Schema().Table(of.Keyspace, of.Name).ID, nil
}
