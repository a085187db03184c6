package lsm

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eskerdb/esker/lsm/compaction"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/ttl"
)

// Compact merges all files of a table into one run a window, written for good, and forgets what nothing needs any more.
func (s *Store) Compact(table mutation.TableID) error {
	for {
		err := s.compactTable(table)
		if !errors.Is(err, errStopped) || s.jobs.closed() {
			return err
		}
		// It gave way to a change of the schema, and goes on with what there is now.
	}
}

func (s *Store) compactTable(table mutation.TableID) error {
	s.jobs.compact.Lock()
	defer s.jobs.compact.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	patience := &pace{store: s, debt: 1}
	for {
		more, err := s.compactOne(table, patience, func(t *tableVersion, e *ttl.Ends, o compaction.Options) (compaction.Job, bool) {
			return compaction.PickFirst(t.choices(e, o.ClosedBefore, time.Time{}, 0), o)
		})
		if err != nil {
			return s.writeFailed(err)
		}
		if !more {
			break
		}
	}
	v, _ := s.acquire()
	t, found := v.tables[table]
	v.unref()
	if !found {
		return fmt.Errorf("%w: %x", ErrUnknownTable, table)
	}
	for _, w := range t.windows() {
		_, err := s.compactOne(table, patience, func(t *tableVersion, e *ttl.Ends, o compaction.Options) (compaction.Job, bool) {
			return t.whole(w, e, o.NowSec)
		})
		if err != nil {
			return s.writeFailed(err)
		}
	}
	return nil
}

// windows returns the windows of the files of t that lie in no other, those of no window last: what deletes the rows of
// others can be forgotten when these are gone.
func (t *tableVersion) windows() []window {
	var out []window
	for _, f := range t.files {
		w := f.window()
		inside := slices.ContainsFunc(t.files, func(g *file) bool { return g.window() != w && g.window().covers(w) })
		if !inside && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b window) int {
		if a == (window{}) || b == (window{}) {
			return cmp.Compare(b.end-b.start, a.end-a.start)
		}
		return cmp.Compare(a.start, b.start)
	})
	return out
}

// covers reports whether all times of o are times of w. No window covers none, and none is covered.
func (w window) covers(o window) bool {
	return w != (window{}) && o != (window{}) && o.start >= w.start && o.end <= w.end
}

// whole is the job that makes one run of all files of a window and of those in it, for good; of several windows, the runs that
// counting the rows makes. It is false if that is what they are, and nothing in them may go at a time in seconds.
func (t *tableVersion) whole(w window, e *ttl.Ends, now int64) (compaction.Job, bool) {
	job := compaction.Job{Final: true, Into: compaction.Range{Start: w.start, End: w.end}}
	var run uint64
	tidy := true
	for _, f := range t.files {
		// What lies beside the rows of some file may hide rows of any.
		tidy = tidy && !f.hasSides()
		if f.window() != w && !w.covers(f.window()) {
			continue
		}
		if f.window() != w {
			job.Into = compaction.Range{}
		}
		tidy = tidy && !f.mayEnd(e) && f.final && (run == 0 || run == f.run) && !f.info.HasTombstones() && f.info.MinExpiresAt > now
		run = f.run
		job.Inputs = append(job.Inputs, f.number)
	}
	return job, len(job.Inputs) > 0 && !tidy
}

// Tidy does at once what the store does by itself every few seconds: what has ended leaves memory and files, and files are compacted.
func (s *Store) Tidy() error { return s.writeFailed(s.compactAsNeeded()) }

// compactAsNeeded does what compaction.Pick chooses until there is nothing to do, after flushing what has ended in memory.
func (s *Store) compactAsNeeded() error {
	if err := s.flushEnded(); err != nil {
		return err
	}
	var errs []error
	for _, t := range s.Tables() {
		for more := true; more; {
			if s.jobs.mustStop() {
				return errStopped
			}
			var err error
			if more, err = s.compactNext(t.ID); errors.Is(err, errStopped) {
				return err
			}
			if err != nil {
				errs = append(errs, err) // a damaged file of one table does not keep the others waiting
				break
			}
		}
	}
	return errors.Join(errs...)
}

// compactNext does one job on a table. more says that there may be another.
func (s *Store) compactNext(table mutation.TableID) (more bool, err error) {
	s.jobs.compact.Lock()
	defer s.jobs.compact.Unlock()
	if err := s.writable(); err != nil {
		return false, err
	}
	return s.compactOne(table, &pace{store: s}, func(t *tableVersion, e *ttl.Ends, o compaction.Options) (compaction.Job, bool) {
		return compaction.Pick(t.choices(e, o.ClosedBefore, s.opts.Clock.Now(), s.opts.Tuning.Settle), o)
	})
}

// compactOne does the job that pick chooses, if there is one. jobs.compact is held.
func (s *Store) compactOne(table mutation.TableID, p *pace, pick func(*tableVersion, *ttl.Ends, compaction.Options) (compaction.Job, bool)) (done bool, err error) {
	// Memory before files: what a flush moves meanwhile is seen in both, and never in neither.
	outside := s.oldestInMemory(table)
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return false, nil
	}
	now := s.opts.Clock.Now()
	p.debt = max(p.debt, t.debt())
	ends := s.endsOf(t.table, now)
	job, found := pick(t, &ends, s.choosing(t, &ends, now, outside))
	if !found {
		return false, nil
	}
	inputs := slices.DeleteFunc(slices.Clone(t.files), func(f *file) bool { return !slices.Contains(job.Inputs, f.number) })
	s.jobs.merging.Store(&inputs)
	defer s.jobs.merging.Store(nil)
	if job.Drop {
		if err := s.keepAsked(&ends); err != nil {
			return true, err
		}
		return true, s.replaceFiles(t.table, inputs, nil, 0, endedFiles(inputs, &ends))
	}
	return true, s.compactFiles(t, inputs, job, &ends, p)
}

// choosing are options of choosing among the files of t.
func (s *Store) choosing(t *tableVersion, e *ttl.Ends, now time.Time, outside int64) compaction.Options {
	return compaction.Options{
		Bucket: t.table.Bucket, ShareRows: s.opts.Tuning.ShareRows, SpanMax: spanMax(e, now),
		NowSec: now.Unix(), GCGraceSec: t.table.GCGraceSec, ClosedBefore: now.UnixMilli(),
		OldestOutside: outside, Apart: t.apart, Hides: t.hidesRows, Deleted: t.deletedFiles(),
	}
}

// debt says how much waits to be compacted: 1 and more is too much.
func (t *tableVersion) debt() float64 {
	const runsMany, bytesMany = 16, 512 << 20
	runs, bytes := 0, int64(0)
	for _, f := range t.files {
		if !f.born.IsZero() {
			runs++
			bytes += f.info.Bytes
		}
	}
	return max(float64(runs)/runsMany, float64(bytes)/bytesMany)
}

// choices describes the files of a table to compaction.Pick.
func (t *tableVersion) choices(e *ttl.Ends, nowMillis int64, now time.Time, settle time.Duration) []compaction.File {
	out := make([]compaction.File, 0, len(t.files))
	for _, f := range t.files {
		c := compaction.File{
			ID: f.number, Run: f.run, Bytes: f.info.Bytes, Rows: f.info.Rows,
			BucketStart: f.info.BucketStart, BucketEnd: f.info.BucketEnd,
			Mixed: f.unsplit(t.table), Final: f.final, WrittenSec: f.written,
			Young:        !f.born.IsZero() && now.Sub(f.born).Abs() < settle,
			MinTimestamp: f.info.MinTimestamp, MaxTimestamp: f.info.MaxTimestamp,
			MaxExpiresAt: f.info.MaxExpiresAt, MaxLocalDeletion: f.info.MaxLocalDeletion,
			FirstKey: f.info.FirstKey, LastKey: f.info.LastKey,
			Sides: f.hasSides(), Kept: f.keptFor(e), Ended: f.allEnded(e), Past: f.pastRows(t.table, e, nowMillis) + f.pastColumns(t.table, e, nowMillis),
		}
		if f.info.HasExpiring {
			c.LifeSec = f.info.MaxExpiresAt - f.info.MaxTimestamp/1_000_000
		}
		if t.table.Law == mutation.BySequence {
			c.MinTimestamp, c.MaxTimestamp = f.sequences()
		}
		out = append(out, c)
	}
	return out
}

// sequences returns the smallest and the largest sequence in a file of the law BySequence, or what is below and above them.
func (f *file) sequences() (low, high int64) {
	low, high = math.MinInt64, int64(min(f.info.MaxSequence, math.MaxInt64))
	if f.info.MinSequence != 0 {
		low = int64(min(f.info.MinSequence, math.MaxInt64))
	}
	if f.hasSides() {
		high = math.MaxInt64 // these have sequences of their own
	}
	return low, high
}

// oldest is not above any timestamp in the file, as the law compares.
func (f *file) oldest(law mutation.Law) int64 {
	if law == mutation.BySequence {
		low, _ := f.sequences()
		return low
	}
	return f.info.MinTimestamp
}

// oldestInMemory is not above any timestamp of data that memtables hold, or will get from records
// that are logged and not yet applied; math.MaxInt64: they are empty.
func (s *Store) oldestInMemory(id mutation.TableID) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := int64(math.MaxInt64)
	t, found := s.current.tables[id]
	if !found {
		return oldest
	}
	for _, m := range t.memories() {
		oldest = min(oldest, m.oldest)
	}
	return oldest
}

// compactFiles does a job on files of t.
func (s *Store) compactFiles(t *tableVersion, inputs []*file, job compaction.Job, e *ttl.Ends, p *pace) error {
	began := s.opts.Clock.Now()
	now := began.Unix()
	m := &mergeJob{
		store: s, table: t.table, pace: p, into: job.Into, filesMax: mergeFilesMax, spanMax: spanMax(e, began), final: job.Final, written: max(now, 1),
		options: compaction.MergeOptions{
			Purge: s.purge(t, inputs, e, now), Hiding: t.hiding(inputs), Ends: e, Alone: s.aloneIn(t.table, inputs, e),
			NoBlocks: s.opts.Tuning.NoFastLane,
		},
	}
	m.options.Removed = &m.removed
	for _, f := range inputs {
		m.inputs = append(m.inputs, &fileSource{file: f})
	}
	outputs, err := m.run()
	if err != nil {
		return fmt.Errorf("compaction of %s: %w", t.table.Name, corrupt(err))
	}
	return s.replaceFiles(t.table, inputs, outputs, s.opts.Clock.Now().Sub(began), endedShare(inputs, m.removed))
}

// replaceFiles makes outputs take the place of inputs, in the manifest first.
func (s *Store) replaceFiles(table *mutation.Table, inputs, outputs []*file, took time.Duration, ended endedSum) error {
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
	if ended.rows > 0 {
		s.leaving.note(table.ID, inputs)
	}
	s.change(table.ID, func(t *tableVersion) {
		t.files = slices.DeleteFunc(t.files, func(f *file) bool { return slices.Contains(inputs, f) })
		t.files = append(t.files, outputs...)
	})
	s.reportCompaction(table, inputs, outputs, took, ended)
	return nil
}

func (s *Store) reportCompaction(table *mutation.Table, inputs, outputs []*file, took time.Duration, ended endedSum) {
	info := CompactInfo{Table: table.ID, Name: table.Name, Inputs: len(inputs), Outputs: len(outputs)}
	for _, f := range inputs {
		info.BytesIn += f.info.Bytes
	}
	for _, f := range outputs {
		info.BytesOut += f.info.Bytes
	}
	s.jobs.work.add(table.ID, func(w *WorkStatistics) {
		w.EndedRows += ended.rows
		w.EndedBytes += ended.bytes
		if len(outputs) == 0 && took == 0 {
			w.Dropped += int64(len(inputs))
			return
		}
		w.Compactions++
		w.BytesIn += info.BytesIn
		w.BytesOut += info.BytesOut
		w.CompactTime += took
	})
	if s.opts.Events.Compacted != nil {
		s.opts.Events.Compacted(info)
	}
}
