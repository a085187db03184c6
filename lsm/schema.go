package lsm

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/mutation"
)

// Schema returns the bytes of the last PutSchema; nil before the first.
func (s *Store) Schema() []byte { return s.manifest.State().Schema }

// Tables returns the tables of the last PutSchema, ascending by ID.
func (s *Store) Tables() []mutation.Table {
	tables := s.manifest.State().Tables
	out := make([]mutation.Table, 0, len(tables))
	for _, t := range tables {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b mutation.Table) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return out
}

// PutSchema stores blob and makes tables the tables of the store, in one step: new ones
// are created, those not listed are dropped with all their data, others get the definition
// given. blob is opaque to the store.
func (s *Store) PutSchema(blob []byte, tables []mutation.Table) error {
	release := s.jobs.exclude()
	defer release()
	if err := s.writable(); err != nil {
		return err
	}
	state := s.manifest.State()
	edit := &manifest.Edit{Schema: slices.Clone(blob)}
	if edit.Schema == nil {
		edit.Schema = []byte{}
	}
	listed := make(map[mutation.TableID]bool, len(tables))
	for _, t := range tables {
		if listed[t.ID] {
			return fmt.Errorf("schema lists table %s (%x) twice", t.Name, t.ID)
		}
		listed[t.ID] = true
		old, found := state.Tables[t.ID]
		if found && s.hasWindows(t.ID) {
			if err := keepUnit(&t, &old); err != nil {
				return err
			}
		}
		if !found || !reflect.DeepEqual(old, t) {
			t.Columns = slices.Clone(t.Columns)
			edit.Tables = append(edit.Tables, t)
		}
	}
	for id := range state.Tables {
		if !listed[id] {
			edit.RemovedTables = append(edit.RemovedTables, id)
		}
	}
	files, err := s.reopen(edit.Tables)
	if err != nil {
		return err
	}
	if err := s.manifest.Commit(edit); err != nil {
		closeAll(files)
		return s.writeFailed(fmt.Errorf("schema: %w", err))
	}
	s.installSchema(edit, files)
	return nil
}

// hasWindows reports whether a table has files of ranges of event time.
func (s *Store) hasWindows(id mutation.TableID) bool {
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[id]
	return found && slices.ContainsFunc(t.files, func(f *file) bool { return f.window() != window{} })
}

// keepUnit makes sure that the ranges of files mean the times that they did: a table whose buckets are turned off keeps its unit.
func keepUnit(next, old *mutation.Table) error {
	if types.UnitMillis(1<<40, next.UnitNanos) == types.UnitMillis(1<<40, old.UnitNanos) {
		return nil
	}
	if !next.Bucket.IsNone() {
		return fmt.Errorf("table %s: a unit of its time column is %d ns in the files that it has, and cannot become %d ns", next.Name, old.UnitNanos, next.UnitNanos)
	}
	next.UnitNanos = old.UnitNanos
	return nil
}

// reopen opens the files of tables that will be altered: a reader knows the columns its table had
// when it was opened.
func (s *Store) reopen(tables []mutation.Table) (map[mutation.TableID][]*file, error) {
	out := make(map[mutation.TableID][]*file)
	for i := range tables {
		t := &tables[i]
		for _, listed := range s.manifest.State().FilesOf(t.ID) {
			f, err := s.openListed(listed, t)
			if err != nil {
				closeAll(out)
				return nil, err
			}
			out[t.ID] = append(out[t.ID], f)
		}
	}
	return out, nil
}

func closeAll(files map[mutation.TableID][]*file) {
	for _, list := range files {
		closeFiles(list)
	}
}

// installSchema makes the version fit an edit that has been committed.
func (s *Store) installSchema(edit *manifest.Edit, files map[mutation.TableID][]*file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tables := maps.Clone(s.current.tables)
	if tables == nil {
		tables = make(map[mutation.TableID]*tableVersion)
	}
	for _, id := range edit.RemovedTables {
		for _, f := range tables[id].files {
			f.gone.Store(true)
		}
		delete(tables, id)
	}
	s.ending.forget(edit.RemovedTables)
	for i := range edit.Tables {
		t := &edit.Tables[i]
		next := &tableVersion{table: t, order: new(fileOrder)}
		if old, found := tables[t.ID]; found {
			*next = *old
			next.table, next.files, next.order = t, files[t.ID], new(fileOrder)
			next.sealLocked()
		} else {
			next.active = newMemory(t, 1, &s.memoryUsed)
		}
		tables[t.ID] = next
	}
	s.installLocked(tables)
}

// Truncate deletes everything in the tables, in one step. Parts of the log written before
// are not replayed: the flushed epochs move past them.
func (s *Store) Truncate(ids []mutation.TableID) error {
	release := s.jobs.exclude()
	defer release()
	if err := s.writable(); err != nil {
		return err
	}
	// Sealed first: what is written from here on goes to the next epoch and stays.
	edit := &manifest.Edit{}
	for _, id := range ids {
		sealed, err := s.seal(id)
		if err != nil {
			return err
		}
		if n := len(sealed); n > 0 {
			edit.Epochs = append(edit.Epochs, manifest.Epoch{Table: id, Epoch: sealed[n-1].epoch})
		}
		for _, f := range s.manifest.State().FilesOf(id) {
			edit.RemovedFiles = append(edit.RemovedFiles, f.Number)
		}
	}
	edit.Sequence = s.assigned()
	// The edit says that records came so far: in mode periodic a crash must not take back what came before.
	if err := s.log.Sync(); err != nil {
		return s.writeFailed(fmt.Errorf("truncate: %w", err))
	}
	if err := s.manifest.Commit(edit); err != nil {
		return s.writeFailed(fmt.Errorf("truncate: %w", err))
	}
	s.mu.Lock()
	tables := maps.Clone(s.current.tables)
	for _, id := range ids {
		t := *tables[id]
		for _, f := range t.files {
			f.gone.Store(true)
		}
		t.files, t.sealed, t.order = nil, nil, new(fileOrder)
		tables[id] = &t
	}
	s.installLocked(tables)
	s.mu.Unlock()
	return s.releaseLog()
}

// assigned returns the last sequence given to a record.
func (s *Store) assigned() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastSequence
}

// seal makes the active memtable of a table one that waits to be flushed, and returns
// all that wait. An empty one is not sealed.
func (s *Store) seal(id mutation.TableID) ([]*memory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, found := s.current.tables[id]
	if !found {
		return nil, fmt.Errorf("%w: %x", ErrUnknownTable, id)
	}
	if t.active.firstSegment != 0 {
		s.installLocked(s.current.with(id, (*tableVersion).sealLocked))
	}
	return s.current.tables[id].sealed, nil
}

// sealLocked replaces the active memtable by an empty one of the next epoch. t is not yet
// installed; Store.mu is held.
func (t *tableVersion) sealLocked() {
	old := t.active
	t.active = newMemory(t.table, old.epoch+1, old.used)
	if old.firstSegment != 0 {
		t.sealed = append(slices.Clone(t.sealed), old)
	}
}
