package lsm

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/eskerdb/esker/lsm/compaction"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// Compact merges all files of a table, and forgets what nothing needs any more.
func (s *Store) Compact(table mutation.TableID) error {
	s.jobs.compact.Lock()
	defer s.jobs.compact.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return fmt.Errorf("%w: %x", ErrUnknownTable, table)
	}
	if len(t.files) == 0 {
		return nil
	}
	return s.writeFailed(s.compactFiles(t, t.files, nil))
}

// compactAsNeeded does what compaction.Pick chooses until there is nothing to do.
func (s *Store) compactAsNeeded() error {
	for _, t := range s.Tables() {
		for more := true; more; {
			if s.jobs.mustStop() {
				return errStopped
			}
			var err error
			if more, err = s.compactNext(t.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// compactNext does one job on a table. more says that there may be another.
func (s *Store) compactNext(table mutation.TableID) (more bool, err error) {
	s.jobs.compact.Lock()
	defer s.jobs.compact.Unlock()
	if err := s.writable(); err != nil {
		return false, err
	}
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return false, nil
	}
	now := s.opts.Clock.Now()
	job, found := compaction.Pick(t.choices(), compaction.Options{
		NowSec: now.Unix(), GCGraceSec: t.table.GCGraceSec, ClosedBefore: now.UnixMilli(),
		OldestOutside: s.oldestInMemory(table), KeepExpired: t.table.KeepExpired,
	})
	if !found {
		return false, nil
	}
	inputs := slices.DeleteFunc(slices.Clone(t.files), func(f *file) bool { return !slices.Contains(job.Inputs, f.number) })
	if job.Drop {
		return true, s.replaceFiles(t.table, inputs, nil)
	}
	return true, s.compactFiles(t, inputs, &pace{store: s, urgent: len(t.files) > filesWaitingMax})
}

// choices describes the files of a table to compaction.Pick.
func (t *tableVersion) choices() []compaction.File {
	out := make([]compaction.File, 0, len(t.files))
	for _, f := range t.files {
		c := compaction.File{
			ID: f.number, Bytes: f.info.Bytes, Rows: f.info.Rows,
			BucketStart: f.info.BucketStart, BucketEnd: f.info.BucketEnd,
			Mixed:        f.unsplit,
			MinTimestamp: f.info.MinTimestamp, MaxTimestamp: f.info.MaxTimestamp,
			MaxExpiresAt: f.info.MaxExpiresAt, MaxLocalDeletion: f.info.MaxLocalDeletion,
			FirstKey: f.info.FirstKey, LastKey: f.info.LastKey,
		}
		if t.table.Law == mutation.BySequence {
			// The file knows write timestamps, but here sequences decide what hides what.
			c.MinTimestamp, c.MaxTimestamp = math.MinInt64, int64(min(f.info.MaxSequence, math.MaxInt64))
		}
		out = append(out, c)
	}
	return out
}

// oldestInMemory is not above any timestamp of data that memtables hold, or will get from records
// that are logged and not yet applied; math.MaxInt64: they are empty.
func (s *Store) oldestInMemory(id mutation.TableID) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := int64(math.MaxInt64)
	for _, m := range s.current.tables[id].memories() {
		oldest = min(oldest, m.oldest)
	}
	return oldest
}

// compactFiles merges files of t into new ones, at a pace (nil: as fast as it can).
func (s *Store) compactFiles(t *tableVersion, inputs []*file, p *pace) error {
	job := &mergeJob{store: s, table: t.table, purge: s.purge(t, inputs), pace: p}
	for _, f := range inputs {
		job.inputs = append(job.inputs, fileSource{f})
	}
	outputs, err := job.run()
	if err != nil {
		return fmt.Errorf("compaction of %s: %w", t.table.Name, corrupt(err))
	}
	return s.replaceFiles(t.table, inputs, outputs)
}

// replaceFiles makes outputs take the place of inputs, in the manifest first.
func (s *Store) replaceFiles(table *mutation.Table, inputs, outputs []*file) error {
	edit := &manifest.Edit{AddedFiles: listed(table, outputs)}
	for _, f := range inputs {
		edit.RemovedFiles = append(edit.RemovedFiles, f.number)
	}
	if err := s.commitFiles(edit, outputs); err != nil {
		return fmt.Errorf("compaction of %s: %w", table.Name, err)
	}
	for _, f := range inputs {
		f.gone.Store(true)
	}
	s.change(table.ID, func(t *tableVersion) {
		t.files = slices.DeleteFunc(t.files, func(f *file) bool { return slices.Contains(inputs, f) })
		t.files = append(t.files, outputs...)
	})
	s.reportCompaction(table, inputs, outputs)
	return nil
}

func (s *Store) reportCompaction(table *mutation.Table, inputs, outputs []*file) {
	if s.opts.Events.Compacted == nil {
		return
	}
	info := CompactInfo{Table: table.ID, Name: table.Name, Inputs: len(inputs), Outputs: len(outputs)}
	for _, f := range inputs {
		info.BytesIn += f.info.Bytes
	}
	for _, f := range outputs {
		info.BytesOut += f.info.Bytes
	}
	s.opts.Events.Compacted(info)
}

// purge returns what a merge of inputs may forget. jobs.compact is held, so that inputs stay files
// of the table until the merge is done.
func (s *Store) purge(t *tableVersion, inputs []*file) purgeFunc {
	now := s.opts.Clock.Now().Unix()
	return func(key *partition.DecoratedKey) ttl.Purge {
		return ttl.Purge{
			Law: t.table.Law, NowSec: now, GCGraceSec: t.table.GCGraceSec,
			OldestElsewhere: s.oldestElsewhere(t.table.ID, *key, inputs),
			KeepExpired:     t.table.KeepExpired,
		}
	}
}

// oldestElsewhere is not above any timestamp that sources outside a merge hold of a partition, or
// will get from records that are logged and not yet applied (R33, R42). It looks at the sources
// of now: a flush may have moved rows since the merge began. What is written later follows R36.
func (s *Store) oldestElsewhere(id mutation.TableID, key partition.DecoratedKey, inputs []*file) int64 {
	v, _ := s.acquire()
	defer v.unref()
	t := v.tables[id]
	oldest := ttl.Everywhere
	for _, m := range t.memories() {
		if m.applying.Load() > 0 {
			s.mu.Lock()
			oldest = min(oldest, m.oldest)
			s.mu.Unlock()
			continue
		}
		oldest = min(oldest, m.MinTimestampOf(key))
	}
	for _, f := range t.files {
		if slices.Contains(inputs, f) {
			continue
		}
		ts, found, err := f.reader.MinTimestampOf(key)
		if err != nil || found && t.table.Law == mutation.BySequence {
			return math.MinInt64 // not known: forget nothing
		}
		if found {
			oldest = min(oldest, ts)
		}
	}
	return oldest
}

// fileSource reads a file for a merge.
type fileSource struct{ *file }

// Keys implements compaction.Source.
func (f fileSource) Keys() (mutation.KeyIterator, error) {
	return f.reader.Keys(partition.Range{}), nil
}

// Partition implements compaction.Source.
func (f fileSource) Partition(key *partition.DecoratedKey) (*mutation.Side, mutation.RowSource, error) {
	p, err := f.reader.Partition(*key)
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, errors.New("file lost a partition")
	}
	return p.Side(), p.Rows(everything, false), nil
}
