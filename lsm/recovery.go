package lsm

import (
	"fmt"
	"math"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/commitlog"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/mutation"
)

// recover brings the store to the state that was acknowledged: manifest, table files,
// log. It deletes orphans last, when everything has been found whole.
func (s *Store) recover() error {
	var err error
	fs, dir := s.opts.FS, s.opts.Dir
	s.manifest, err = manifest.Open(fs, dir, manifest.Options{NewStore: newStoreID, Ignore: []string{lockName}})
	if err != nil {
		return err
	}
	state := s.manifest.State()
	if err := s.openTables(state); err != nil {
		return err
	}
	s.nextFile.Store(state.NextFile - 1)
	r := &replay{store: s, state: state, spilled: make(map[mutation.TableID][]*file)}
	s.log, err = commitlog.Open(fs, dir, commitlog.Options{
		First: state.LogStart, Synced: commitlog.Position(state.LogSynced), Mode: s.opts.LogMode, SyncPeriod: s.opts.LogPeriod,
		SegmentBytes: s.opts.Tuning.LogSegmentBytes, RecordBytesMax: s.opts.RecordBytesMax,
		Prepare: !s.opts.Tuning.NoBackground, Clock: s.opts.Clock,
	}, r.record)
	if err == nil {
		s.lastSequence = max(state.Sequence, s.log.LastSequence())
		s.pipeline.visible.Store(s.lastSequence)
		err = r.finish()
	}
	if err != nil {
		r.abandon()
		return err
	}
	return s.removeOrphans(s.manifest.State())
}

// openTables opens the listed files and makes a version of them with empty memtables.
func (s *Store) openTables(state *manifest.State) error {
	tables := make(map[mutation.TableID]*tableVersion, len(state.Tables))
	for id, t := range state.Tables {
		tables[id] = &tableVersion{table: &t, order: new(fileOrder), active: newMemory(&t, state.Epochs[id]+1, &s.memoryUsed)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.installLocked(tables)
	for id, t := range state.Tables {
		var files []*file
		for _, listed := range state.FilesOf(id) {
			f, err := s.openListed(listed, &t)
			if err != nil {
				closeFiles(files)
				return err
			}
			files = append(files, f)
		}
		s.installLocked(s.current.with(id, func(t *tableVersion) { t.files = files }))
	}
	return nil
}

// replay applies the parts of the log that are not in files. A part is in files, or gone
// by TRUNCATE, if its epoch is not above the flushed one: applying it again could bring back rows whose
// deletion has been purged (R36).
//
// Memtables that grow too large are spilled to files. These count only when all of the log is applied and
// all of their tables is in files: then one edit lists them with the epochs. Before it they are orphans, and a
// recovery that was cut short begins again.
type replay struct {
	store   *Store
	state   *manifest.State
	decoder mutation.Decoder
	spilled map[mutation.TableID][]*file // nobody refers to them yet
}

// record applies one record.
func (r *replay) record(pos commitlog.Position, record *commitlog.Record) error {
	for i := range record.Parts {
		p := &record.Parts[i]
		t, found := r.store.current.tables[p.Table]
		if !found || p.Epoch <= r.state.Epochs[p.Table] {
			continue
		}
		if err := r.part(t.active, p, pos, record.Sequence); err != nil {
			return fmt.Errorf("table %s: %w", t.table.Name, err)
		}
	}
	for r.store.memoryUsed.Load() > r.store.opts.MemoryBytesMax/2 {
		id, found := r.largest()
		if !found {
			break
		}
		if err := r.spill(id); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) part(m *memory, p *commitlog.Part, pos commitlog.Position, sequence uint64) error {
	m.epoch = max(m.epoch, p.Epoch)
	oldest := int64(math.MaxInt64)
	r.decoder.Reset(p.Payload, p.Table)
	for {
		one, err := r.decoder.Next()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if one == nil {
			break
		}
		oldest = min(oldest, oldestOf(one))
		m.Apply(one, sequence)
	}
	m.enterLocked(pos, sequence, oldest)
	m.leave()
	m.count()
	return nil
}

// largest returns the table with the largest memtable that has something in it.
func (r *replay) largest() (table mutation.TableID, found bool) {
	var bytes int64
	for id, t := range r.store.current.tables {
		if n := t.active.Bytes(); t.active.firstSegment != 0 && n > bytes {
			table, bytes, found = id, n, true
		}
	}
	return table, found
}

// spill moves what the memtable of a table holds to files.
func (r *replay) spill(id mutation.TableID) error {
	t := r.store.current.tables[id]
	files, err := r.store.flushJob(t.table, t.active).run()
	if err != nil {
		return fmt.Errorf("table %s: %w", t.table.Name, err)
	}
	r.spilled[id] = append(r.spilled[id], files...)
	r.store.change(id, func(t *tableVersion) { t.active = newMemory(t.table, t.active.epoch, t.active.used) })
	return nil
}

// finish makes what was spilled count, with what memory still holds of the same tables: all of an epoch is
// in files, or nothing.
func (r *replay) finish() error {
	if len(r.spilled) == 0 {
		return nil
	}
	edit := &manifest.Edit{Sequence: r.store.lastSequence, LogSynced: r.store.logSynced()}
	var all []*file
	for id := range r.spilled {
		if r.store.current.tables[id].active.firstSegment != 0 {
			if err := r.spill(id); err != nil {
				return err
			}
		}
		t := r.store.current.tables[id]
		edit.AddedFiles = append(edit.AddedFiles, listed(t.table, r.spilled[id])...)
		edit.Epochs = append(edit.Epochs, manifest.Epoch{Table: id, Epoch: t.active.epoch})
		all = append(all, r.spilled[id]...)
	}
	spilled := r.spilled
	r.spilled = nil
	if err := r.store.commitFiles(edit, all); err != nil {
		return err
	}
	for id, files := range spilled {
		r.store.change(id, func(t *tableVersion) {
			t.active = newMemory(t.table, t.active.epoch+1, t.active.used)
			t.files = append(t.files, files...)
		})
	}
	return nil
}

// abandon removes what was spilled in vain.
func (r *replay) abandon() {
	for _, files := range r.spilled {
		r.store.discard(files)
	}
}

// removeOrphans deletes table files that are not listed: a flush or compaction did not get
// as far as its edit, or had replaced them.
func (s *Store) removeOrphans(state *manifest.State) error {
	names, err := s.opts.FS.List(s.opts.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		n, ok := tableFileNumber(name)
		if !ok {
			continue
		}
		if _, listed := state.Files[n]; listed {
			continue
		}
		if err := s.opts.FS.Remove(vfs.Join(s.opts.Dir, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func tableFileName(n uint64) string { return fmt.Sprintf("sstable-%016d.sst", n) }

// tableFileNumber returns the number of the table file with that name; ok is false for any other file.
func tableFileNumber(name string) (n uint64, ok bool) {
	_, err := fmt.Sscanf(name, "sstable-%d.sst", &n)
	return n, err == nil && name == tableFileName(n)
}
