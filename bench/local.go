package bench

import (
	"errors"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
)

// Local is esker's store in this process with the workload's table, for who measures it beside others.
type Local struct {
	run *run
}

// OpenLocal opens an empty store in dir. Of the options, those of writing and memory count.
func OpenLocal(o Options, w *Workload, dir string) (*Local, error) {
	o.Devices, o.Ticks = w.Devices, w.Ticks
	o = o.withDefaults()
	r := newRun(&o, w, dir)
	var err error
	if r.store, err = r.open(filepath.Join(dir, "data"), lsm.Tuning{}); err != nil {
		return nil, err
	}
	return &Local{run: r}, nil
}

// Load writes all rows in merged arrival, each group durable.
func (l *Local) Load() error { return l.run.load() }

// Compact flushes and compacts everything, the window of the readings being closed.
func (l *Local) Compact() error {
	l.run.clock.close()
	return errors.Join(l.run.store.FlushAll(), l.run.store.Compact(tableID))
}

// Bytes is the size of the table's files.
func (l *Local) Bytes() (int64, error) { return TableFileBytes(l.run.dir) }

// Hour reads all columns of an hour of a device and returns the number of rows and the sum of the first column.
func (l *Local) Hour(device int, start int64) (rows int, sum float64, err error) {
	req := mutation.ReadRequest{Key: l.run.keys[device], Slices: between(start, start+hourMillis), Columns: l.run.columns}
	err = read(l.run.store, req, func(b *mutation.Batch) error {
		for i := range b.Rows {
			sum += b.Columns[0].Double(i)
		}
		rows += b.Rows
		return nil
	})
	return rows, sum, err
}

// Last reads the last row of a device, all columns, and returns its time in milliseconds.
func (l *Local) Last(device int) (millis int64, err error) {
	return l.run.lastRow(l.run.store, device)
}

// Hourly makes the first day of the first column of a device into averages, minima and maxima by the hour and
// returns the averages.
func (l *Local) Hourly(device int) (averages []float64, err error) {
	var h hourly
	h.reset(l.run.work.Start)
	err = read(l.run.store, l.run.dayRequest(device), h.add)
	for i := range h.hours {
		if e := &h.hours[i]; e.count > 0 {
			averages = append(averages, e.sum/float64(e.count))
		}
	}
	return averages, err
}

// Rollup makes the first column of everything into hourly values and returns how many hours of devices there were.
func (l *Local) Rollup() (groups int, err error) {
	parts := runtime.GOMAXPROCS(0)
	found, failures := make([]int, parts), make([]error, parts)
	var wait sync.WaitGroup
	for p := range parts {
		wait.Go(func() {
			failures[p] = l.run.rollupRange(ringPart(p, parts), func(h *hourly) {
				for i := range h.hours {
					if h.hours[i].count > 0 {
						found[p]++
					}
				}
			})
		})
	}
	wait.Wait()
	for _, n := range found {
		groups += n
	}
	return groups, errors.Join(failures...)
}

// Close closes the store.
func (l *Local) Close() error { return errors.Join(l.run.store.Close(), l.run.written.failed) }
