package bench

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

const hourMillis = 3_600_000

// read reads rows through a new View, as one statement does.
func read(store *lsm.Store, req mutation.ReadRequest, each func(*mutation.Batch) error) error {
	view := store.View()
	defer view.Close()
	return readView(view, req, each)
}

func readView(view *lsm.View, req mutation.ReadRequest, each func(*mutation.Batch) error) error {
	reader, err := view.Read(tableID, req)
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

// verify walks some devices from their first tick again and compares every reading.
func (r *run) verify() error {
	again := r.work.Again()
	checked := 0
	for _, device := range again.sampled(20) {
		tick := 0
		err := read(r.store, mutation.ReadRequest{Key: r.keys[device], Slices: clustering.All(), Columns: r.columns}, func(b *mutation.Batch) error {
			for i := range b.Rows {
				if tick >= r.Ticks || !again.same(device, tick, b, i) {
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
	r.note("rows read back and compared", float64(checked), "rows", "all right")
	return nil
}

// same makes the next reading of a device and says whether row i of b is just that.
func (w *Workload) same(device, tick int, b *mutation.Batch, i int) bool {
	var want Reading
	w.Next(device, tick, &want)
	if b.Clustering[0].Int(i) != want.Millis {
		return false
	}
	var got, value []byte
	for c, column := range w.Columns {
		v := &b.Columns[c]
		if v.Has(i) != want.Has(c) {
			return false
		}
		if !v.Has(i) {
			continue
		}
		got, value = v.AppendValue(got[:0], i), appendValue(value[:0], column.Kind, want.Words[c])
		if string(got) != string(value) {
			return false
		}
	}
	return true
}

// hours are the starts of hours at random, inside what was loaded, for devices at random.
func (w *Workload) Hours(n int) (devices []int, starts []int64) {
	devices, starts = w.DevicesAtRandom(n), make([]int64, n)
	ticks := hourMillis / StepMillis
	for i := range starts {
		starts[i] = w.Start + int64(w.noise(-2, i)>>8%uint64(max(1, w.Ticks-ticks+1)))*StepMillis
	}
	return devices, starts
}

// readHour times one hour of a device, all columns.
func (r *run) readHour() error {
	devices, starts := r.work.Hours(r.Reads)
	rows := 0
	took, err := Measure(r.Clock, r.Reads, func(i int) error {
		req := mutation.ReadRequest{Key: r.keys[devices[i]], Slices: between(starts[i], starts[i]+hourMillis), Columns: r.columns}
		return read(r.store, req, func(b *mutation.Batch) error { rows += b.Rows; return nil })
	})
	if err != nil {
		return err
	}
	r.section.Latency(NameHour, took, fmt.Sprintf("through a View into batches; %.0f rows each", float64(rows)/float64(r.Reads)))
	return nil
}

// readDay times a whole day of one column of a device.
func (r *run) readDay() error {
	devices, rows := r.work.DevicesAtRandom(r.Reads), 0
	took, err := Measure(r.Clock, r.Reads, func(i int) error {
		return read(r.store, r.dayRequest(devices[i]), func(b *mutation.Batch) error { rows += b.Rows; return nil })
	})
	if err != nil {
		return err
	}
	r.section.Latency(nameDay, took, fmt.Sprintf("through a View into batches; %.0f rows each", float64(rows)/float64(r.Reads)))
	return nil
}

// dayRequest asks for the first day of the first column of a device.
func (r *run) dayRequest(device int) mutation.ReadRequest {
	return mutation.ReadRequest{Key: r.keys[device], Slices: between(r.work.Start, r.work.Start+dayMillis), Columns: r.columns[:1]}
}

// hourly is the average, the least and the most of one column in each hour.
type hourly struct {
	start int64 // milliseconds: of hour 0
	hours [24]struct {
		count    int
		sum      float64
		min, max float64
	}
}

func (h *hourly) reset(start int64) {
	h.start = start
	for i := range h.hours {
		e := &h.hours[i]
		e.count, e.sum, e.min, e.max = 0, 0, math.Inf(1), math.Inf(-1)
	}
}

// count is how many values there were.
func (h *hourly) count() (n int64) {
	for i := range h.hours {
		n += int64(h.hours[i].count)
	}
	return n
}

// add takes the rows of a batch, as the executor does: first how far an hour goes, then loops over its values. Of
// days after the first the hours count together.
func (h *hourly) add(b *mutation.Batch) error {
	at, values := b.Clustering[0].Words, &b.Columns[0]
	for from := 0; from < b.Rows; {
		n := (int64(at[from]) - h.start) / hourMillis
		end := h.start + (n+1)*hourMillis
		to := from + sort.Search(b.Rows-from, func(i int) bool { return int64(at[from+i]) >= end })
		h.hour(int(max(n, 0)%24), values, from, to) // jitter may lie before the first tick
		from = to
	}
	return nil
}

// hour adds the values of rows from to to, excluded.
func (h *hourly) hour(n int, values *mutation.Vector, from, to int) {
	e := &h.hours[n]
	count, sum, least, most := e.count, e.sum, e.min, e.max
	for i := from; i < to; i++ {
		if values.Present != nil && !values.Has(i) {
			continue
		}
		v := math.Float64frombits(values.Words[i])
		count++
		sum += v
		if v < least {
			least = v
		}
		if v > most {
			most = v
		}
	}
	e.count, e.sum, e.min, e.max = count, sum, least, most
}

// readHourly times a day of one column of a device made into 24 averages, minima and maxima.
func (r *run) readHourly() error {
	devices := r.work.DevicesAtRandom(r.Reads)
	var h hourly
	took, err := Measure(r.Clock, r.Reads, func(i int) error {
		h.reset(r.work.Start)
		return read(r.store, r.dayRequest(devices[i]), h.add)
	})
	if err != nil {
		return err
	}
	r.section.Latency(NameHourly, took, "avg, min and max of one column: batches of a View, added up by plain loops")
	return nil
}

// readLast times the last row of a device.
func (r *run) readLast() error {
	devices := r.work.DevicesAtRandom(r.Reads)
	took, err := Measure(r.Clock, r.Reads, func(i int) error {
		_, err := r.lastRow(r.store, devices[i])
		return err
	})
	if err != nil {
		return err
	}
	r.section.Latency(NameLast, took, "all columns, in reverse, one row")
	return nil
}

// lastRow reads the last row of a device and returns its time; it is an error if there is none.
func (r *run) lastRow(store *lsm.Store, device int) (millis int64, err error) {
	view := store.View()
	defer view.Close()
	reader, err := view.Read(tableID, mutation.ReadRequest{
		Key: r.keys[device], Slices: clustering.All(), Reverse: true, RowsMax: 1, Columns: r.columns,
	})
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	b, err := reader.Next()
	if err != nil {
		return 0, err
	}
	if b == nil || b.Rows == 0 {
		return 0, errors.New("bench: a device has no last row")
	}
	return b.Clustering[0].Int(0), nil
}

// rollup times the hourly values of one column of all devices, the ring of tokens divided among the cores.
func (r *run) rollup() error {
	parts := runtime.GOMAXPROCS(0)
	took, err := Measure(r.Clock, 5, func(int) error {
		var values atomic.Int64
		failures := make([]error, parts)
		var wait sync.WaitGroup
		for p := range parts {
			wait.Go(func() {
				failures[p] = r.rollupRange(ringPart(p, parts), func(h *hourly) { values.Add(h.count()) })
			})
		}
		wait.Wait()
		if n, want := values.Load(), int64(r.Devices*r.Ticks); r.work.Shape != Sparse && n != want {
			failures = append(failures, fmt.Errorf("bench: the rollup of everything saw %d values of %d", n, want))
		}
		return errors.Join(failures...)
	})
	if err != nil {
		return err
	}
	r.note(NameRollup, took.Percentile(50).Seconds(), "s", fmt.Sprintf("avg, min and max of one column, %d goroutines, plain loops over batches", parts))
	return nil
}

// ringPart is one of equal parts of all tokens.
func ringPart(part, of int) partition.Range {
	width := math.MaxUint64 / uint64(of)
	at := func(i int) partition.Token { return partition.Token(uint64(i)*width + 1<<63) }
	r := partition.Range{Start: at(part), HasStart: true}
	if part < of-1 {
		r.End, r.HasEnd, r.ExclEnd = at(part+1), true, true
	}
	return r
}

// rollupRange adds up every partition in a range of tokens and calls each with it.
func (r *run) rollupRange(tokens partition.Range, each func(*hourly)) error {
	view := r.store.View()
	defer view.Close()
	keys, err := view.Keys(tableID, tokens)
	if err != nil {
		return err
	}
	defer keys.Close()
	var h hourly
	for {
		key, err := keys.Next()
		if err != nil || key == nil {
			return err
		}
		h.reset(r.work.Start)
		req := mutation.ReadRequest{Key: *key, Slices: clustering.All(), Columns: r.columns[:1]}
		if err := readView(view, req, h.add); err != nil {
			return err
		}
		each(&h)
	}
}
