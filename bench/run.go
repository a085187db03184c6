package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Options of a run.
type Options struct {
	Dir           string // where stores are made and removed; default: a temporary directory
	Seed          uint64 // default 1
	Shapes        []Shape
	Devices       int   // default 2000
	Ticks         int   // readings a device. Default 8640: a day
	Group         int   // rows an atomic write. Default 500
	Writers       int   // goroutines that write. Default 2
	Reads         int   // reads a measurement. Default 2000
	Memory        int64 // bytes the store may take, divided as the server does. Default 256 MiB
	RowTimestamps bool  // every row has a write timestamp of its own, else every atomic write has one
	BucketsMax    int   // of the table whose newest row RunTables reads. Default 10,000
	Days          int   // of the readings of which RunTables reads one. Default 3,652
	Rounds        int   // in which RunRollups measures each way to write, in turn. Default 5
	Version       string
	Clock         clock.Clock
}

const memoryDefault = 256 << 20

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Devices, 2000)
	set(&o.Ticks, DayTicks)
	set(&o.Group, 500)
	set(&o.Writers, 2)
	set(&o.Reads, 2000)
	set(&o.BucketsMax, 10_000)
	set(&o.Days, 3652)
	set(&o.Rounds, 5)
	o.Writers = min(o.Writers, o.Devices)
	if o.Seed == 0 {
		o.Seed = 1
	}
	if len(o.Shapes) == 0 {
		o.Shapes = []Shape{Regular}
	}
	if o.Memory == 0 {
		o.Memory = memoryDefault
	}
	return o
}

// report begins a report of these options.
func (o *Options) report() *Report {
	return &Report{Machine: ThisMachine(o.Version), Seed: o.Seed, Started: o.Clock.Now().UTC().Format(time.RFC3339)}
}

// run is a load of one shape into a store in this process.
type run struct {
	*Options
	section Section
	work    *Workload
	keys    []partition.DecoratedKey
	columns []mutation.ColumnID // all of the workload
	dir     string
	clock   *windowClock
	store   *lsm.Store
	written written
}

// written is what flushes and compactions wrote.
type written struct {
	sync.Mutex
	flushed   int64 // bytes; guarded by the Mutex
	compacted int64 // bytes; guarded by the Mutex
	failed    error // guarded by the Mutex; the first failure of a background job
}

// Run loads each shape into a store in this process, reads it back and tells what that cost.
func Run(o Options) (*Report, error) {
	o = o.withDefaults()
	report := o.report()
	limit := memory.Divide(o.Memory)
	defer limit.Govern()()
	for _, shape := range o.Shapes {
		s, err := runShape(&o, shape)
		if err != nil {
			return nil, err
		}
		report.Sections = append(report.Sections, *s)
	}
	return report, nil
}

func newRun(o *Options, work *Workload, dir string) *run {
	r := &run{Options: o, work: work, keys: decorate(work), dir: dir, clock: newWindowClock(o.Clock, work)}
	for i := range work.Columns {
		r.columns = append(r.columns, columnID(i))
	}
	return r
}

func runShape(o *Options, shape Shape) (*Section, error) {
	work, err := New(o.Seed, shape, o.Devices, o.Ticks)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "esker-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := newRun(o, work, dir)
	r.section = Section{Name: "in process, " + string(shape), Shape: shape, Devices: o.Devices, Readings: o.Ticks}
	if o.RowTimestamps {
		r.section.Name += ", a write timestamp a row"
	}
	if r.store, err = r.open(filepath.Join(dir, "data"), lsm.Tuning{}); err != nil {
		return nil, err
	}
	err = errors.Join(r.steps(r.generate, r.load, r.compact, r.verify, r.reads), r.store.Close())
	if err == nil {
		err = r.steps(r.recover, r.start)
	}
	return &r.section, errors.Join(err, r.written.failed)
}

func (r *run) note(name string, value float64, unit, detail string) {
	r.section.Note(name, value, unit, detail)
}

func (r *run) steps(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// open opens a store as the server does with this much memory, and gives it the table if it is new.
func (r *run) open(dir string, tuning lsm.Tuning) (*lsm.Store, error) {
	budget := memory.Divide(r.Memory)
	store, err := lsm.Open(lsm.Options{
		FS: vfs.OS, Dir: dir, Clock: r.clock, Tuning: tuning, Events: r.written.events(),
		MemoryBytesMax: budget.Memtables, MemtableBytes: budget.Memtables / 2, CacheBytes: budget.Blocks, MergeBytes: budget.Compaction,
	})
	if err != nil {
		return nil, err
	}
	if len(store.Tables()) == 0 {
		err = store.PutSchema([]byte("bench"), []mutation.Table{r.work.table()})
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

func (w *written) events() lsm.Events {
	return lsm.Events{
		Flushed:   func(f lsm.FlushInfo) { w.Lock(); w.flushed += f.Bytes; w.Unlock() },
		Compacted: func(c lsm.CompactInfo) { w.Lock(); w.compacted += c.BytesOut; w.Unlock() },
		Failed: func(err error) {
			w.Lock()
			defer w.Unlock()
			if w.failed == nil {
				w.failed = fmt.Errorf("bench: a background job: %w", err)
			}
		},
	}
}

func (w *written) bytes() int64 {
	w.Lock()
	defer w.Unlock()
	return w.flushed + w.compacted
}

// compact flushes and compacts while the window of the readings is open, and again once it has closed.
func (r *run) compact() error {
	started := r.Clock.Now()
	if err := r.store.FlushAll(); err != nil {
		return err
	}
	r.note("flush after the load", r.Clock.Now().Sub(started).Seconds(), "s", "")
	before, written, rows := r.fileBytes(), r.written.bytes(), float64(r.Devices*r.Ticks)
	started = r.Clock.Now()
	if err := r.store.Compact(tableID); err != nil {
		return err
	}
	open := r.fileBytes()
	r.clock.close()
	if err := r.store.Compact(tableID); err != nil {
		return err
	}
	took := r.Clock.Now().Sub(started)
	disk, err := TableFileBytes(filepath.Join(r.dir, "data"))
	if err != nil {
		return err
	}
	r.note("compaction of everything, twice", took.Seconds(), "s", "once with the window open, once closed")
	r.note(nameDiskOpen, float64(open)/rows, "bytes/row", "everything counted: write timestamps, indexes, checksums")
	r.note(NameDisk, float64(disk)/rows, "bytes/row", "the window closed; everything counted")
	if r.RowTimestamps {
		r.section.Measurements[len(r.section.Measurements)-1].Goal += rowTimestampBytes
	}
	r.note(nameWriteFactor, float64(written+disk)/float64(disk), "×", "bytes written to table files, one compaction of everything included, ÷ bytes of the final ones")
	r.note(nameSpaceFactor, float64(before)/float64(open), "×", "bytes of table files before compaction of everything ÷ after it")
	return nil
}

// fileBytes is the size of the table's files as the store tells it.
func (r *run) fileBytes() (total int64) {
	for _, t := range r.store.Statistics().Tables {
		total += t.FileBytes
	}
	return total
}

// TableFileBytes adds up the table files of esker below a directory.
func TableFileBytes(dir string) (total int64, err error) {
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && filepath.Ext(path) == ".sst" {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// windowClock is a clock that runs inside the first day of the readings until close sets it right:
// as in life, readings arrive while their window is open.
type windowClock struct {
	clock.Clock
	mu     sync.Mutex
	behind time.Duration // guarded by mu
}

func newWindowClock(c clock.Clock, w *Workload) *windowClock {
	middle := time.UnixMilli(w.Start + dayMillis/2)
	return &windowClock{Clock: c, behind: c.Now().Sub(middle)}
}

// Now is the time as the store is to see it.
func (c *windowClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Clock.Now().Add(-c.behind)
}

// close lets the time jump to now.
func (c *windowClock) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behind = 0
}

// reads are the measurements of reading, of a store that was compacted.
func (r *run) reads() error {
	return r.steps(r.readHour, r.readDay, r.readHourly, r.readLast, r.rollup, r.settledMemory)
}

func (r *run) settledMemory() error {
	now, _ := memoryOf("self")
	r.note("memory, after the reads", float64(now)/mebibyte, "MiB", "resident")
	return nil
}

// DevicesAtRandom are devices to read, the same for a seed.
func (w *Workload) DevicesAtRandom(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = int(w.noise(-1, i) >> 8 % uint64(w.Devices))
	}
	return out
}

// sampled are the devices whose rows are compared, about n of them.
func (w *Workload) sampled(n int) []int {
	var out []int
	for d := 0; d < w.Devices; d += max(1, w.Devices/n) {
		out = append(out, d)
	}
	return slices.Clip(out)
}
