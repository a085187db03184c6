package bench

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/eskerdb/esker/lsm"
)

// generate measures what making the readings costs, which is part of every ingest here.
func (r *run) generate() error {
	const rowsMax = 500_000
	g := newGroup(r.work.Again(), r.keys, r.Group)
	rows, started := 0, r.Clock.Now()
	for tick := 0; tick < r.Ticks && rows < rowsMax; tick++ {
		for device := range r.Devices {
			if g.add(device, tick, 0); g.full() {
				g.reset()
			}
			rows++
		}
	}
	r.note("making a row", float64(r.Clock.Now().Sub(started).Nanoseconds())/float64(rows), "ns", "part of ingest below, on the same cores")
	return nil
}

// writer writes some of the devices.
type writer struct {
	run      *run
	store    *lsm.Store
	from, to int // devices
	group    *group
	rows     int
	refused  int // atomic writes that had to be tried again
	// When the first quarter of the ticks was written, and when the last began.
	quarter, lastQuarter time.Time
	stop                 func(rows int) bool // asked before each tick; nil: never
}

// load writes every tick of all devices, as merged arrival does, from several goroutines.
func (r *run) load() error {
	forgetPeak()
	started, cpu := r.Clock.Now(), cpuTime()
	writers := make([]*writer, r.Writers)
	failures := make([]error, r.Writers)
	var wait sync.WaitGroup
	for i := range writers {
		w := r.writer(r.store, i*r.Devices/r.Writers, (i+1)*r.Devices/r.Writers)
		writers[i] = w
		wait.Go(func() { failures[i] = w.write() })
	}
	wait.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	took := r.Clock.Now().Sub(started)
	rows, refused := 0, 0
	for _, w := range writers {
		rows, refused = rows+w.rows, refused+w.refused
	}
	r.note(NameIngest, float64(rows)/took.Seconds(), "rows/s",
		fmt.Sprintf("%d rows, durable, %d rows an atomic write, %d writers, making the rows included", rows, r.Group, r.Writers))
	r.note("ingest, cpu", micros(cpuTime()-cpu)/float64(rows), "µs/row", "of everything: making rows, log, memtable, flush, background compaction")
	if w := writers[0]; !w.quarter.IsZero() {
		first, last := w.quarter.Sub(started), started.Add(took).Sub(w.lastQuarter)
		r.note(nameGrowthIngest, last.Seconds()/first.Seconds(), "×", "")
	}
	r.note("ingest, refused for want of memory", float64(refused), "writes", "each was tried again after a flush")
	_, peak := memoryOf("self")
	r.note(nameMemory, float64(peak)/mebibyte, "MiB", fmt.Sprintf("resident, this whole process, with %d MiB for the store", r.Memory/mebibyte))
	return nil
}

func (r *run) writer(store *lsm.Store, from, to int) *writer {
	return &writer{run: r, store: store, from: from, to: to, group: newGroup(r.work, r.keys, r.Group)}
}

// write writes the writer's devices tick by tick.
func (w *writer) write() error {
	for tick := range w.run.Ticks {
		if w.stop != nil && w.stop(w.rows) {
			break
		}
		for device := w.from; device < w.to; device++ {
			w.group.add(device, tick, w.timestamp(device, tick))
			if w.group.full() {
				if err := w.apply(); err != nil {
					return err
				}
			}
		}
		switch tick + 1 {
		case w.run.Ticks / 4:
			w.quarter = w.run.Clock.Now()
		case w.run.Ticks * 3 / 4:
			w.lastQuarter = w.run.Clock.Now()
		}
	}
	return w.apply()
}

// timestamp is when a row was written, in microseconds: with the first of its group, or a little
// after its tick with up to a millisecond of noise.
func (w *writer) timestamp(device, tick int) int64 {
	at := (w.run.work.Start + int64(tick)*StepMillis) * 1000
	if w.run.RowTimestamps {
		return at + int64(device)*1000 + int64(below(w.run.work.noise(device, ^tick), 1000))
	}
	if len(w.group.mutations) > 0 {
		return w.group.rows[0].Live.Timestamp
	}
	return at + int64(device)
}

func (w *writer) apply() error {
	defer w.group.reset()
	for len(w.group.mutations) > 0 {
		_, err := w.store.Apply(w.group.mutations)
		if err == nil {
			w.rows += len(w.group.mutations)
			return nil
		}
		if !errors.Is(err, lsm.ErrOverloaded) {
			return err
		}
		w.refused++
		if err := w.store.FlushAll(); err != nil {
			return err
		}
	}
	return nil
}

// recoveryRowsMax is how many rows lie in the log that is recovered.
const recoveryRowsMax = 500_000

// recover writes rows that nobody flushes, takes the files as SIGKILL would leave them, and opens them.
func (r *run) recover() error {
	live, killed := filepath.Join(r.dir, "live"), filepath.Join(r.dir, "killed")
	store, err := r.open(live, lsm.Tuning{NoBackground: true})
	if err != nil {
		return err
	}
	w := r.writer(store, 0, r.Devices)
	w.group.work = r.work.Again()
	memoryMax := r.Memory / 8
	w.stop = func(rows int) bool { return rows >= recoveryRowsMax || store.Statistics().MemoryBytes > memoryMax }
	before := store.Statistics().LogBytes
	err = w.write()
	bytes := store.Statistics().LogBytes - before
	if err == nil {
		err = copyDir(killed, live)
	}
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	started, cpu := r.Clock.Now(), cpuTime()
	if store, err = r.open(killed, lsm.Tuning{NoBackground: true}); err != nil {
		return err
	}
	took, spent := r.Clock.Now().Sub(started), cpuTime()-cpu
	_, last := r.lastRow(store, r.Devices-1)
	if err := errors.Join(last, store.Close()); err != nil {
		return fmt.Errorf("bench: after recovery: %w", err)
	}
	r.note(nameLogBytes, float64(bytes)/float64(w.rows), "bytes/row", fmt.Sprintf("of the commit log, in atomic writes of %d rows", r.Group))
	r.note(nameRecovery, float64(w.rows)/took.Seconds(), "rows/s", fmt.Sprintf("opening a store that was killed with %d rows in its log", w.rows))
	r.note("recovery, cpu", micros(spent)/float64(w.rows), "µs/row", "")
	return nil
}

// copyDir copies the files of a directory that is in use, as a crash of its process would leave them.
func copyDir(to, from string) error {
	return filepath.Walk(from, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		return copyFile(filepath.Join(to, name), path)
	})
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// start opens an empty store again and again.
func (r *run) start() error {
	dir := filepath.Join(r.dir, "empty")
	took, err := Measure(r.Clock, 10, func(int) error {
		store, err := r.open(dir, lsm.Tuning{})
		if err != nil {
			return err
		}
		return store.Close()
	})
	if err != nil {
		return err
	}
	r.note(nameStartEmpty, micros(took.Percentile(50))/1000, "ms", "open and close again")
	return nil
}
