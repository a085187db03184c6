package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
)

// Options of a run.
type Options struct {
	Dir     string // where the store is made and removed; default: a temporary directory
	Seed    uint64 // default 1
	Shape   Shape  // default Regular
	Devices int    // default 2000
	Ticks   int    // readings a device. Default 864: a tenth of a day
	Group   int    // rows an atomic write. Default 500
	Reads   int    // reads a measurement. Default 2000
	JSON    bool
	Out     io.Writer
	Clock   clock.Clock
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Devices, 2000)
	set(&o.Ticks, 864)
	set(&o.Group, 500)
	set(&o.Reads, 2000)
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Shape == "" {
		o.Shape = Regular
	}
	return o
}

// Measurement is one line of the report.
type Measurement struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Detail string  `json:"detail,omitempty"`
}

// run is a benchmark under way.
type run struct {
	Options
	work  *workload
	store *lsm.Store
	dir   string
	out   []Measurement
}

// Run loads the workload into a store in this process, reads it back, and prints what that cost.
func Run(o Options) error {
	o = o.withDefaults()
	if o.Shape != Regular && o.Shape != Jitter {
		return fmt.Errorf("bench: shape %q is neither regular nor jitter", o.Shape)
	}
	dir, err := os.MkdirTemp(o.Dir, "esker-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &run{Options: o, dir: dir, work: newWorkload(o.Seed, o.Shape, o.Devices, o.Ticks)}
	r.store, err = lsm.Open(lsm.Options{FS: vfs.OS, Dir: filepath.Join(dir, "data"), Clock: o.Clock})
	if err != nil {
		return err
	}
	err = r.measure()
	return errors.Join(err, r.store.Close(), r.report())
}

func (r *run) measure() error {
	if err := r.store.PutSchema([]byte("bench"), []mutation.Table{table()}); err != nil {
		return err
	}
	for _, step := range []func() error{r.load, r.compact, r.verify, r.readHour, r.readLast} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) note(name string, value float64, unit, detail string) {
	r.out = append(r.out, Measurement{name, value, unit, detail})
}

// load writes every tick of all devices in groups of one record, as merged arrival does.
func (r *run) load() error {
	started, cpu := r.Clock.Now(), cpuTime()
	var group []mutation.Mutation
	rows := 0
	for tick := range r.Ticks {
		for device := range r.Devices {
			timestamp := (startMillis+int64(tick)*stepMillis)*1000 + int64(device/r.Group)
			group = append(group, r.work.row(device, tick, timestamp))
			if len(group) == r.Group {
				if err := r.apply(group); err != nil {
					return err
				}
				rows += len(group)
				group = group[:0]
			}
		}
	}
	if err := r.apply(group); err != nil {
		return err
	}
	rows += len(group)
	took := r.Clock.Now().Sub(started).Seconds()
	r.note("ingest", float64(rows)/took, "rows/s", fmt.Sprintf("in process, durable, %d rows a record, %d rows, generating them included", r.Group, rows))
	r.note("ingest cpu", (cpuTime()-cpu).Seconds()*1e6/float64(rows), "µs/row", "")
	return nil
}

func (r *run) apply(group []mutation.Mutation) error {
	if len(group) == 0 {
		return nil
	}
	for {
		_, err := r.store.Apply(group)
		if !errors.Is(err, lsm.ErrOverloaded) {
			return err
		}
		if err := r.store.FlushAll(); err != nil {
			return err
		}
	}
}

func (r *run) compact() error {
	started := r.Clock.Now()
	if err := errors.Join(r.store.FlushAll(), r.store.Compact(table().ID)); err != nil {
		return err
	}
	bytes, err := fileBytes(filepath.Join(r.dir, "data"))
	if err != nil {
		return err
	}
	r.note("compact", r.Clock.Now().Sub(started).Seconds(), "s", "flush and compaction after the load")
	r.note("disk", float64(bytes)/float64(r.Devices*r.Ticks), "bytes/row", "table files after compaction, write timestamps included")
	return nil
}

// fileBytes adds up the table files below a directory.
func fileBytes(dir string) (total int64, err error) {
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && filepath.Ext(path) == ".sst" {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// verify walks some devices from their first tick again and compares every reading.
func (r *run) verify() error {
	again := newWorkload(r.Seed, r.Shape, r.Devices, r.Ticks)
	checked := 0
	for device := 0; device < r.Devices; device += max(1, r.Devices/20) {
		tick := 0
		err := r.read(device, clustering.All(), func(b *mutation.Batch) error {
			for i := range b.Rows {
				want := again.next(device, tick)
				if b.Clustering[0].Int(i) != again.millis(device, tick) || b.Columns[0].Double(i) != want.temperature || b.Columns[1].Double(i) != want.humidity ||
					int32(b.Columns[2].Int(i)) != want.battery || string(b.Columns[3].AppendValue(nil, i)) != string(want.status) {
					return fmt.Errorf("bench: device %d, tick %d: read back wrong", device, tick)
				}
				tick++
			}
			return nil
		})
		if err != nil {
			return err
		}
		if tick != r.Ticks {
			return fmt.Errorf("bench: device %d: %d rows of %d", device, tick, r.Ticks)
		}
		checked += tick
	}
	r.note("verified", float64(checked), "rows", "read back and compared with the generator")
	return nil
}

// read reads slices of a device, all columns.
func (r *run) read(device int, slices clustering.Slices, each func(*mutation.Batch) error) error {
	view := r.store.View()
	defer view.Close()
	reader, err := view.Read(table().ID, mutation.ReadRequest{Key: r.work.keys[device], Slices: slices,
		Columns: []mutation.ColumnID{columnTemperature, columnHumidity, columnBattery, columnStatus}})
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		b, err := reader.Next()
		if err != nil || b == nil {
			return err
		}
		if err := each(b); err != nil {
			return err
		}
	}
}

// readHour times reads of one hour of a device.
func (r *run) readHour() error {
	ticks := min(360, r.Ticks)
	return r.time("read 1 h", r.Reads, func(i int) error {
		device := int(r.work.noise(i, 0, 5) % uint64(r.Devices))
		from := int64(r.work.noise(i, 0, 6) % uint64(r.Ticks-ticks+1))
		bound := func(tick int64) clustering.Bound {
			return clustering.Before(layout[0].Append(nil, types.AppendTimestampMillis(nil, startMillis+tick*stepMillis)))
		}
		slices := clustering.MakeSlices([]clustering.Slice{{Start: bound(from), End: bound(from + int64(ticks))}})
		return r.read(device, slices, func(*mutation.Batch) error { return nil })
	})
}

// readLast times reads of the last row of a device.
func (r *run) readLast() error {
	return r.time("read last", r.Reads, func(i int) error {
		view := r.store.View()
		defer view.Close()
		reader, err := view.Read(table().ID, mutation.ReadRequest{Key: r.work.keys[i%r.Devices], Slices: clustering.All(), Reverse: true, RowsMax: 1,
			Columns: []mutation.ColumnID{columnTemperature, columnHumidity, columnBattery, columnStatus}})
		if err != nil {
			return err
		}
		defer reader.Close()
		b, err := reader.Next()
		if err == nil && (b == nil || b.Rows == 0) {
			err = errors.New("bench: a device has no last row")
		}
		return err
	})
}

// time runs f n times and notes the median and the 99th percentile.
func (r *run) time(name string, n int, f func(i int) error) error {
	took := make([]time.Duration, n)
	for i := range n {
		started := r.Clock.Now()
		if err := f(i); err != nil {
			return err
		}
		took[i] = r.Clock.Now().Sub(started)
	}
	slices.Sort(took)
	r.note(name+" p50", float64(took[n/2].Nanoseconds())/1000, "µs", "in process, all columns")
	r.note(name+" p99", float64(took[n*99/100].Nanoseconds())/1000, "µs", "")
	return nil
}

// cpuTime is the processor time of this process so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (r *run) report() error {
	if r.JSON {
		return json.NewEncoder(r.Out).Encode(map[string]any{"seed": r.Seed, "shape": r.Shape, "devices": r.Devices, "ticks": r.Ticks, "measurements": r.out})
	}
	fmt.Fprintf(r.Out, "workload: %s, %d devices × %d readings, seed %d\n", r.Shape, r.Devices, r.Ticks, r.Seed)
	for _, m := range r.out {
		fmt.Fprintf(r.Out, "%-16s %14.2f %-10s %s\n", m.Name, m.Value, m.Unit, m.Detail)
	}
	return nil
}
