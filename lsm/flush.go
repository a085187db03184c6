package lsm

import (
	"errors"
	"fmt"
	"time"

	"github.com/eskerdb/esker/lsm/compaction"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/mutation"
)

// Flush writes what memory holds of a table to files.
func (s *Store) Flush(table mutation.TableID) error {
	s.jobs.flush.Lock()
	defer s.jobs.flush.Unlock()
	return s.flushTable(table)
}

// FlushAll flushes every table.
func (s *Store) FlushAll() error {
	for _, t := range s.Tables() {
		if err := s.Flush(t.ID); err != nil {
			return err
		}
	}
	return nil
}

// flushTable is called with jobs.flush held.
func (s *Store) flushTable(table mutation.TableID) error {
	if err := s.writable(); err != nil {
		return err
	}
	sealed, err := s.seal(table)
	if err != nil {
		return err
	}
	for _, m := range sealed {
		if err := s.flushMemory(table, m); err != nil {
			return s.writeFailed(fmt.Errorf("flush: %w", err))
		}
	}
	s.wakeCompactor()
	return nil
}

// flushMemory turns one sealed memtable into files. The order is file sync, directory
// sync, manifest sync, log release: at every moment a row is in one of them.
func (s *Store) flushMemory(id mutation.TableID, m *memory) error {
	if err := s.settle(m); err != nil {
		return err
	}
	v, _ := s.acquire()
	defer v.unref()
	began := s.opts.Clock.Now()
	table := v.tables[id].table
	job := s.flushJob(table, m)
	files, err := job.run()
	if err != nil {
		return err
	}
	edit := &manifest.Edit{
		AddedFiles: listed(table, files),
		Epochs:     []manifest.Epoch{{Table: id, Epoch: m.epoch}},
		Sequence:   s.assigned(),
		LogStart:   s.logStart(m),
		LogSynced:  s.logSynced(),
	}
	if err := s.commitFiles(edit, files); err != nil {
		return err
	}
	s.change(id, func(t *tableVersion) {
		t.sealed = t.sealed[1:]
		t.files = append(t.files, files...)
	})
	took := s.opts.Clock.Now().Sub(began)
	s.jobs.throttle.flushed(m.Bytes(), took)
	s.reportFlush(table, files, took, job.removed)
	return s.log.Release(edit.LogStart)
}

// flushJob writes a memtable, which nobody writes to, to files of a table, without rows that are past their end by time.
func (s *Store) flushJob(table *mutation.Table, m *memory) *mergeJob {
	now := s.opts.Clock.Now()
	ends := s.endsOf(table, now)
	j := &mergeJob{
		store: s, table: table, inputs: []compaction.Source{memorySource{m, table}}, filesMax: flushFilesMax, spanMax: spanMax(&ends, now), born: now,
		options: compaction.MergeOptions{Ends: &ends, NoBlocks: s.opts.Tuning.NoFastLane},
	}
	j.options.Removed = &j.removed
	return j
}

// settle waits until all who entered m have applied and what they wrote is durable and
// visible: a file must hold nothing that a crash could take back, nor what Views may not yet see.
func (s *Store) settle(m *memory) error {
	m.writers.Wait()
	if err := s.log.Sync(); err != nil {
		return err
	}
	s.publish()
	s.pipeline.wait(m.lastSequence)
	return nil
}

// logStart returns the oldest segment needed once flushed is in files.
func (s *Store) logStart(flushed *memory) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := s.log.Next()
	s.current.sources(func(m *memory) {
		if m != flushed && m.firstSegment != 0 {
			oldest = min(oldest, m.firstSegment)
		}
	}, func(*file) {})
	return oldest
}

// releaseLog lets go of segments that nothing needs, after the manifest says so.
func (s *Store) releaseLog() error {
	start := s.logStart(nil)
	if start <= s.manifest.State().LogStart {
		return nil
	}
	if err := s.manifest.Commit(&manifest.Edit{LogStart: start, Sequence: s.assigned()}); err != nil {
		return s.writeFailed(fmt.Errorf("log start: %w", err))
	}
	if err := s.log.Release(start); err != nil {
		return s.writeFailed(err)
	}
	return nil
}

func (s *Store) reportFlush(table *mutation.Table, files []*file, took time.Duration, ended int64) {
	info := FlushInfo{Table: table.ID, Name: table.Name, Files: len(files)}
	for _, f := range files {
		info.Rows += f.info.Rows
		info.Bytes += f.info.Bytes
	}
	s.jobs.work.add(table.ID, func(w *WorkStatistics) {
		w.Flushes++
		w.EndedRows += ended
		w.FlushedRows += info.Rows
		w.FlushedBytes += info.Bytes
		w.FlushTime += took
	})
	if s.opts.Events.Flushed != nil {
		s.opts.Events.Flushed(info)
	}
}

// considerFlush wakes the flusher when a memtable of g, all memtables or the log are
// larger than they should be.
func (s *Store) considerFlush(g *group) {
	full := s.log.Bytes() > s.opts.LogBytesMax || s.memoryUsed.Load() > s.opts.MemoryBytesMax/2
	for i := range g.parts {
		full = full || g.parts[i].memory.Bytes() > s.opts.MemtableBytes
	}
	if full {
		s.wakeFlusher()
	}
}

// flushAsNeeded flushes tables until nothing is larger than it should be.
func (s *Store) flushAsNeeded() error {
	for !s.jobs.closed() {
		table, found := s.flushCandidate()
		if !found {
			return nil
		}
		// A table that was dropped since it was chosen has nothing left to flush.
		if err := s.Flush(table); err != nil && !errors.Is(err, ErrUnknownTable) {
			return err
		}
	}
	return nil
}

// flushCandidate returns the table to flush next: one with a sealed or a full memtable; over
// the limit of the log the one that holds back the oldest segment; over half of the memory the
// largest.
func (s *Store) flushCandidate() (table mutation.TableID, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest, largest mutation.TableID
	var segment uint64
	var bytes, sum int64
	for id, t := range s.current.tables {
		n := t.active.Bytes()
		if len(t.sealed) > 0 || t.active.firstSegment != 0 && n > s.opts.MemtableBytes {
			return id, true
		}
		if t.active.firstSegment == 0 {
			continue
		}
		if segment == 0 || t.active.firstSegment < segment {
			oldest, segment = id, t.active.firstSegment
		}
		if sum += n; n > bytes {
			largest, bytes = id, n
		}
	}
	switch {
	case segment != 0 && segment < s.log.Next() && s.log.Bytes() > s.opts.LogBytesMax:
		return oldest, true
	case sum > s.opts.MemoryBytesMax/2:
		return largest, true
	}
	return table, false
}
