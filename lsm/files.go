package lsm

import (
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/compaction"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// windowFilesMax is how many files of single windows one flush or compaction writes at a
// time. Rows of further windows go into one mixed file, which a compaction splits later.
const windowFilesMax = 16

// purgeFunc says what a merge may forget of a partition.
type purgeFunc func(*partition.DecoratedKey) ttl.Purge

// mergeJob writes what sources hold of a table to new files.
type mergeJob struct {
	store  *Store
	table  *mutation.Table
	inputs []compaction.Source
	purge  purgeFunc // nil: forget nothing
	pace   *pace     // nil: as fast as it can

	windows map[window]*output
	outputs []*output // open ones; those in windows and the mixed one among them
	mixed   *output   // sides, and rows of no window; nil: none yet
	files   []*file   // finished
	unsplit bool      // the mixed one has rows that belong to a window
}

// output is a file being written.
type output struct {
	number  uint64
	path    string
	file    vfs.File
	writer  *sstable.Writer
	window  window
	started bool // the current partition
}

// run merges and returns the files: synced, and the directory synced. After an error there are none.
func (j *mergeJob) run() ([]*file, error) {
	j.windows = make(map[window]*output)
	err := compaction.Merge(j.table, j.inputs, j.purge, j.partition)
	for err == nil && len(j.outputs) > 0 {
		err = j.finish(j.outputs[0])
	}
	if err == nil && len(j.files) > 0 {
		// Before the manifest names them, or it could name files that a crash took away.
		if err = j.store.opts.FS.SyncDir(j.store.opts.Dir); err != nil {
			err = j.store.fail(fmt.Errorf("data directory %s: sync: %w", j.store.opts.Dir, err))
		}
	}
	if err != nil {
		j.abandon()
		return nil, err
	}
	return j.files, nil
}

// partition takes one merged partition. What lies beside its rows goes to the file of no
// window, so that a file of one window can be skipped by slices outside of it.
func (j *mergeJob) partition(key *partition.DecoratedKey, side *mutation.Side, rows mutation.RowSource) error {
	if j.store.jobs.closed() {
		return errStopped
	}
	if err := j.pace.keep(j.written()); err != nil {
		return err
	}
	for _, o := range j.outputs {
		o.started = false
	}
	if !side.IsEmpty() {
		o, err := j.output(window{})
		if err == nil {
			err = o.start(key, side)
		}
		if err != nil {
			return err
		}
	}
	for {
		row, err := rows.Next()
		if err != nil {
			return err
		}
		if row == nil {
			return nil
		}
		o, err := j.output(windowOf(j.table, row.Clustering))
		if err == nil {
			err = o.start(key, nil)
		}
		if err == nil {
			err = o.writer.AppendRow(row)
		}
		if err != nil {
			return err
		}
	}
}

// written returns about how many bytes the job has written.
func (j *mergeJob) written() int64 {
	var sum int64
	for _, f := range j.files {
		sum += f.info.Bytes
	}
	for _, o := range j.outputs {
		sum += o.writer.Bytes()
	}
	return sum
}

func (o *output) start(key *partition.DecoratedKey, side *mutation.Side) error {
	if o.started {
		return nil
	}
	o.started = true
	return o.writer.StartPartition(*key, side)
}

// output returns the file for rows of w.
func (j *mergeJob) output(w window) (*output, error) {
	if o := j.windows[w]; o != nil {
		return o, nil
	}
	if w == (window{}) || len(j.windows) >= windowFilesMax {
		j.unsplit = j.unsplit || w != (window{})
		if j.mixed != nil {
			return j.mixed, nil
		}
		o, err := j.create(window{})
		j.mixed = o
		return o, err
	}
	o, err := j.create(w)
	if err == nil {
		j.windows[w] = o
	}
	return o, err
}

func (j *mergeJob) create(w window) (*output, error) {
	o := &output{number: j.store.nextFile.Add(1), window: w}
	o.path = vfs.Join(j.store.opts.Dir, tableFileName(o.number))
	f, err := j.store.opts.FS.Create(o.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tableFileName(o.number), err)
	}
	o.file = f
	o.writer = sstable.NewWriter(f, sstable.WriterOptions{
		Table: j.table, FileID: o.number, BucketStart: w.start, BucketEnd: w.end,
	})
	j.outputs = append(j.outputs, o)
	return o, nil
}

// finish ends a file, syncs it and opens it for reading.
func (j *mergeJob) finish(o *output) error {
	_, err := o.writer.Finish()
	if closed := o.file.Close(); err == nil {
		err = closed
	}
	o.file = nil
	if err != nil {
		return fmt.Errorf("%s: %w", tableFileName(o.number), err)
	}
	f, err := j.store.openFile(o.number, j.table)
	if err != nil {
		return err
	}
	f.unsplit = j.unsplit && o.window == (window{})
	j.files = append(j.files, f)
	delete(j.windows, o.window)
	if j.mixed == o {
		j.mixed = nil
	}
	for i := range j.outputs {
		if j.outputs[i] == o {
			j.outputs = append(j.outputs[:i], j.outputs[i+1:]...)
			break
		}
	}
	return nil
}

// abandon removes everything written.
func (j *mergeJob) abandon() {
	for _, o := range j.outputs {
		if o.file != nil {
			_ = o.file.Close() // it is removed
		}
		_ = j.store.opts.FS.Remove(o.path) // if it stays, the next open removes it
	}
	j.store.discard(j.files)
}

// commitFiles commits an edit that adds files.
func (s *Store) commitFiles(edit *manifest.Edit, added []*file) error {
	err := s.manifest.Commit(edit)
	if errors.Is(err, manifest.ErrFailed) {
		// Nobody knows whether the edit is on the disk. If it is, the files are needed; if not,
		// the next open removes them.
		closeFiles(added)
		return err
	}
	if err != nil {
		s.discard(added)
	}
	return err
}

// discard removes files that were not committed.
func (s *Store) discard(files []*file) {
	closeFiles(files)
	for _, f := range files {
		_ = s.opts.FS.Remove(f.path) // if it stays, the next open removes it
	}
}

// closeFiles closes files that nobody refers to.
func closeFiles(files []*file) {
	for _, f := range files {
		_ = f.reader.Close() // opened for reading only
	}
}

// openFile opens a table file. Nobody holds a reference yet.
func (s *Store) openFile(number uint64, table *mutation.Table) (*file, error) {
	f := &file{number: number, path: vfs.Join(s.opts.Dir, tableFileName(number)), fs: s.opts.FS}
	reader, err := sstable.Open(s.opts.FS, f.path, table, s.cache)
	if err != nil {
		return nil, corrupt(err)
	}
	f.reader, f.info = reader, reader.Info()
	return f, nil
}

// openListed opens a file that the manifest lists. That it is there was synced first, so
// anything else is corruption.
func (s *Store) openListed(listed manifest.File, table *mutation.Table) (*file, error) {
	f, err := s.openFile(listed.Number, table)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is listed in the manifest and is not there", ErrCorrupt, tableFileName(listed.Number))
	}
	if err != nil {
		return nil, fmt.Errorf("listed in the manifest: %w", corrupt(err))
	}
	if f.info.Table != listed.Table || f.info.Bytes != listed.Bytes || f.info.Rows != listed.Rows {
		_ = f.reader.Close() // opened for reading only
		return nil, fmt.Errorf("%w: %s is not the file that the manifest lists", ErrCorrupt, tableFileName(listed.Number))
	}
	return f, nil
}

// listed describes files as the manifest keeps them.
func listed(table *mutation.Table, files []*file) []manifest.File {
	var out []manifest.File
	for _, f := range files {
		out = append(out, manifest.File{
			Table: table.ID, Number: f.number, Bytes: f.info.Bytes, Rows: f.info.Rows, Partitions: f.info.Partitions,
		})
	}
	return out
}

// everything is the slice of all rows.
var everything = clustering.All()

// memorySource reads a sealed memtable.
type memorySource struct{ *memory }

// Keys implements compaction.Source.
func (m memorySource) Keys() (mutation.KeyIterator, error) {
	return m.memory.Keys(partition.Range{}, math.MaxUint64), nil
}

// Partition implements compaction.Source.
func (m memorySource) Partition(key *partition.DecoratedKey) (*mutation.Side, mutation.RowSource, error) {
	p := m.memory.Partition(*key, math.MaxUint64)
	if p == nil {
		return nil, nil, errors.New("memtable lost a partition")
	}
	runs := p.Runs()
	rows := make([]mutation.RowSource, len(runs))
	for i, run := range runs {
		rows[i] = run.Rows(everything, false)
	}
	return p.Side(), mutation.MergeRows(m.Table().Law, rows, nil, false), nil
}
