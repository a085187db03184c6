package lsm

import (
	"fmt"

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
	tables, err := s.openTables(state)
	if err != nil {
		return err
	}
	s.log, err = commitlog.Open(fs, dir, commitlog.Options{
		First: state.LogStart, Synced: commitlog.Position(state.LogSynced), Mode: s.opts.LogMode, SyncPeriod: s.opts.LogPeriod,
		SegmentBytes: s.opts.Tuning.LogSegmentBytes, RecordBytesMax: s.opts.RecordBytesMax,
		Prepare: !s.opts.Tuning.NoBackground, Clock: s.opts.Clock,
	})
	if err != nil {
		return err
	}
	if err := s.replay(tables, state); err != nil {
		return err
	}
	s.nextFile.Store(state.NextFile - 1)
	s.lastSequence = max(state.Sequence, s.log.LastSequence())
	s.pipeline.visible = s.lastSequence
	return s.removeOrphans(state)
}

// openTables opens the listed files and makes a version of them with empty memtables.
func (s *Store) openTables(state *manifest.State) (map[mutation.TableID]*tableVersion, error) {
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
				return nil, err
			}
			// Not known after a restart; to split a file that needs it not costs one merge.
			f.unsplit = isBucketed(&t) && f.info.Rows > 0 && f.info.BucketStart == f.info.BucketEnd
			files = append(files, f)
		}
		s.installLocked(s.current.with(id, func(t *tableVersion) { t.files = files }))
	}
	return s.current.tables, nil
}

// replay applies the parts of the log that are not in files. A part is in files, or gone
// by TRUNCATE, if its epoch is not above the flushed one: applying it again could bring back rows whose
// deletion has been purged (R36).
func (s *Store) replay(tables map[mutation.TableID]*tableVersion, state *manifest.State) error {
	var decoder mutation.Decoder
	return s.log.Replay(func(pos commitlog.Position, r *commitlog.Record) error {
		for i := range r.Parts {
			p := &r.Parts[i]
			t, found := tables[p.Table]
			if !found || p.Epoch <= state.Epochs[p.Table] {
				continue
			}
			if err := replayPart(t.active, &decoder, p, pos, r.Sequence); err != nil {
				return fmt.Errorf("table %s: %w", t.table.Name, err)
			}
		}
		return nil
	})
}

func replayPart(m *memory, decoder *mutation.Decoder, p *commitlog.Part, pos commitlog.Position, sequence uint64) error {
	m.epoch = max(m.epoch, p.Epoch)
	decoder.Reset(p.Payload, p.Table)
	for {
		one, err := decoder.Next()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if one == nil {
			break
		}
		m.enterLocked(pos, sequence, oldestOf(one))
		m.Apply(one, sequence)
		m.leave()
	}
	m.count()
	return nil
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
