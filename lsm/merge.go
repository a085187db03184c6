package lsm

import (
	"fmt"
	"time"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/compaction"
	"github.com/eskerdb/esker/lsm/encoding"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

const (
	// flushFilesMax is how many files of windows a flush writes: those with the most rows. All other rows go to one mixed
	// file, which a compaction splits later.
	flushFilesMax = 16
	// mergeFilesMax is the same of a compaction.
	mergeFilesMax = 64
	// fileBytesMax is where a file ends and the run goes on in another, between partitions.
	fileBytesMax = 256 << 20
	// stepRows is how many rows are moved between two looks at whether to stop or to wait.
	stepRows = 4096
)

// mergeJob writes what sources hold of a table to new files. It implements compaction.Sink.
type mergeJob struct {
	store    *Store
	table    *mutation.Table
	inputs   []compaction.Source
	options  compaction.MergeOptions
	pace     *pace            // nil: as fast as it can
	into     compaction.Range // where all rows go; none: it is found out
	filesMax int              // of ranges
	spanMax  int64            // how long a range may be that windows share, milliseconds; 0: however long
	final    bool             // what is written stays
	written  int64            // second at which rows are forgotten; 0: nothing is
	born     time.Time        // of what is flushed; zero: it is compacted

	plan    *compaction.Plan // nil: the table is not bucketed
	key     partition.DecoratedKey
	at      place // of the last row
	times   compaction.BlockTimes
	outputs []*output // open ones
	runs    map[compaction.Range]uint64
	files   []*file // finished
	bytes   int64   // in them
	removed int64   // rows that have ended by retention
	unsplit bool    // the one of no range has rows that belong to one
	rows    int     // since the last step
}

// place is an output and the times that go to it.
type place struct {
	output    *output // nil: none yet
	timed     bool    // false: rows without event time
	low, high int64
}

// output is a file being written.
type output struct {
	number  uint64
	path    string
	file    vfs.File
	writer  *sstable.Writer
	window  compaction.Range
	started bool // the current partition
}

// run merges and returns the files: synced, and the directory synced. After an error there are none.
func (j *mergeJob) run() ([]*file, error) {
	j.runs = make(map[compaction.Range]uint64)
	err := j.layOut()
	if err == nil {
		err = compaction.Merge(j.table, j.inputs, j, j.options)
	}
	for err == nil && len(j.outputs) > 0 {
		err = j.finish(j.outputs[0])
	}
	for _, f := range j.files {
		f.split = isBucketed(j.table) && f.window() == (window{}) && !j.unsplit
	}
	if err == nil && len(j.files) > 0 {
		// Before the manifest names them, or it could name files that a crash took away.
		if err = j.store.opts.FS.SyncDir(j.store.opts.Dir); err != nil {
			err = j.store.fail(fmt.Errorf("data directory %s: sync: %w", j.store.opts.Dir, err))
		}
	}
	if err == nil {
		err = j.store.keepAsked(j.options.Ends)
	}
	if err != nil {
		j.abandon()
		return nil, err
	}
	return j.files, nil
}

// layOut finds the ranges that get files.
func (j *mergeJob) layOut() error {
	if !isBucketed(j.table) {
		return nil
	}
	if !j.into.IsNone() {
		j.plan = compaction.Into(j.into)
		return nil
	}
	if _, flush := j.inputs[0].(memorySource); flush {
		window, ok, err := oneWindow(j.table, j.inputs)
		if err != nil {
			return err
		}
		if ok {
			j.plan = compaction.Into(window)
			return nil
		}
	}
	counter := &rowCounter{table: j.table}
	counter.Bucket = j.table.Bucket
	for _, s := range j.inputs {
		if err := j.count(counter, s); err != nil {
			return err
		}
	}
	j.plan = counter.Plan(compaction.PlanOptions{
		ClosedBefore: j.store.opts.Clock.Now().UnixMilli(), ShareRows: j.store.opts.Tuning.ShareRows, SpanMax: j.spanMax, FilesMax: j.filesMax,
	})
	return nil
}

// count counts the rows of a source: without reading where they all lie in one window.
func (j *mergeJob) count(counter *rowCounter, s compaction.Source) error {
	if f, ok := s.(*fileSource); ok && f.window() != (window{}) {
		if start, end := j.table.Bucket.BucketOf(f.window().start); f.window() == (window{start, end}) {
			counter.Add(start, f.info.Rows)
			return nil
		}
	}
	return eachRun(s, counter.run)
}

// Start implements compaction.Sink. What lies beside rows goes to the file of no range, so that a file of a range can be skipped
// by slices outside of it.
func (j *mergeJob) Start(key *partition.DecoratedKey, side *mutation.Side) error {
	if err := j.step(1); err != nil {
		return err
	}
	j.key = partition.DecoratedKey{Token: key.Token, Key: append(j.key.Key[:0], key.Key...)}
	for i := 0; i < len(j.outputs); i++ {
		o := j.outputs[i]
		if o.started = false; o.writer.Bytes() < j.store.opts.Tuning.FileBytes {
			continue
		}
		if err := j.finish(o); err != nil {
			return err
		}
		i--
	}
	j.at = place{}
	if side.IsEmpty() {
		return nil
	}
	_, err := j.output(compaction.Range{}, side)
	return err
}

// step looks, after some rows, whether the job has to stop or to wait.
func (j *mergeJob) step(rows int) error {
	if j.rows += rows; j.rows < stepRows {
		return nil
	}
	j.rows = 0
	if j.store.jobs.closed() {
		return errStopped
	}
	return j.pace.keep()
}

// Row implements compaction.Sink.
func (j *mergeJob) Row(row *mutation.Row) error {
	if err := j.step(1); err != nil {
		return err
	}
	ms, timed := int64(0), false
	if j.plan != nil {
		ms, timed = j.table.EventTime(row.Clustering)
	}
	if err := j.turnTo(ms, timed); err != nil {
		return err
	}
	return j.at.output.writer.AppendRow(row)
}

// Block implements compaction.Sink. A block of several windows is cut where they end.
func (j *mergeJob) Block(b *mutation.Block, from, to int) error {
	if j.plan == nil {
		return j.append(b, from, to, 0, false)
	}
	j.times.Reset(j.table, b)
	for from < to {
		ms, timed := j.times.At(from)
		if err := j.turnTo(ms, timed); err != nil {
			return err
		}
		end := j.times.Same(from, to, j.at.low, j.at.high, timed)
		if err := j.append(b, from, end, ms, timed); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// append appends rows of a block that go to one output.
func (j *mergeJob) append(b *mutation.Block, from, to int, ms int64, timed bool) error {
	if err := j.step(to - from); err != nil {
		return err
	}
	if err := j.turnTo(ms, timed); err != nil {
		return err
	}
	return j.at.output.writer.AppendBlock(b, from, to)
}

// turnTo makes j.at the place of rows with that event time.
func (j *mergeJob) turnTo(ms int64, timed bool) error {
	if j.at.output != nil && j.at.timed == timed && (!timed || ms >= j.at.low && ms <= j.at.high) {
		return nil
	}
	next := place{timed: timed}
	var window compaction.Range
	if timed {
		window, next.low, next.high = j.plan.Find(ms)
		j.unsplit = j.unsplit || window.IsNone()
	}
	var err error
	if next.output, err = j.output(window, nil); err == nil {
		j.at = next
	}
	return err
}

// output returns the file of a range, with the current partition begun.
func (j *mergeJob) output(window compaction.Range, side *mutation.Side) (*output, error) {
	var o *output
	for _, open := range j.outputs {
		if open.window == window {
			o = open
		}
	}
	if o == nil {
		var err error
		if o, err = j.create(window); err != nil {
			return nil, err
		}
	}
	if o.started {
		return o, nil
	}
	o.started = true
	return o, o.writer.StartPartition(j.key, side)
}

func (j *mergeJob) create(window compaction.Range) (*output, error) {
	o := &output{number: j.store.nextFile.Add(1), window: window}
	o.path = vfs.Join(j.store.opts.Dir, tableFileName(o.number))
	f, err := j.store.opts.FS.Create(o.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tableFileName(o.number), err)
	}
	o.file = f
	effort := encoding.Light
	if j.final {
		effort = encoding.Final
	}
	o.writer = sstable.NewWriter(f, sstable.WriterOptions{
		Table: j.table, FileID: o.number, BucketStart: window.Start, BucketEnd: window.End, Effort: effort,
		GroupBytesMax: groupBytes(j.store.opts.MergeBytes),
	})
	j.outputs = append(j.outputs, o)
	if j.runs[window] == 0 {
		j.runs[window] = o.number
	}
	return o, nil
}

// groupBytesMin keeps row groups of large values worth reading one by one.
const groupBytesMin = 128 << 10

// groupBytes is how large a row group may be when merges may have so much in hand: each of two has a group of every
// input and every output, as it is and encoded.
func groupBytes(inHand int64) int {
	return int(max(inHand/(2*2*(2*mergeFilesMax)), groupBytesMin))
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
	f.run, f.written, f.final, f.born = j.runs[o.window], j.written, j.final, j.born
	j.files = append(j.files, f)
	j.bytes += f.info.Bytes
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
