package bench

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/planner"
)

// rollingOptions declare a day at full resolution, a week by the minute, ninety days by the hour, and days for ever.
const rollingOptions = "CLUSTERING ORDER BY (ts DESC) AND retention = {'duration': '24h', 'by': 'ts'} AND rollups = {'1m': '7d', '1h': '90d', '1d': 'forever'}"

// rollingLevels are the tables of the example, finest first.
var rollingLevels = []string{"readings", "readings_1m", "readings_1h", "readings_1d"}

// rollingRest is how many readings of a device follow the last whole day: two hours and a half, and half a minute.
const rollingRest = (2*3600 + 30*60 + 30) * 1000 / StepMillis

// rolling is a simulation of the example: a clock of its own, and what the disk held at the end of each day.
type rolling struct {
	*Options
	e      *embedded
	work   *Workload
	clock  *clock.Manual
	insert *database.Statement
	bytes  [][]int64 // of each day, of each of rollingLevels
}

// RunRolling simulates Options.Days days of devices whose readings are kept in ever coarser levels, and checks every level.
func RunRolling(o Options) (*Report, error) { return o.measured(measureRolling) }

func measureRolling(o *Options) (*Section, error) {
	work, err := New(o.Seed, Regular, o.Devices, o.Days*DayTicks+rollingRest)
	if err != nil {
		return nil, err
	}
	at := clock.NewManual(time.UnixMilli(work.Start))
	e, err := openEmbedded(o.Dir, at, o.Memory)
	if err != nil {
		return nil, err
	}
	r := &rolling{Options: o, e: e, work: work, clock: at}
	section, err := r.run()
	return section, errors.Join(err, e.close())
}

func (r *rolling) run() (*Section, error) {
	section := &Section{Name: fmt.Sprintf("%d simulated days: 24 hours of readings, 7 days of minutes, 90 days of hours, days for ever", r.Days),
		Shape: Regular, Devices: r.Devices, Readings: r.work.Ticks}
	err := r.e.do(r.work.CreateTable(copiedTable, rollingOptions))
	if err != nil {
		return nil, err
	}
	if r.insert, err = r.e.db.Prepare("", r.work.Insert(copiedTable)); err != nil {
		return nil, err
	}
	started := r.Clock.Now()
	for day := range r.Days {
		if err := r.day(day); err != nil {
			return nil, fmt.Errorf("day %d: %w", day, err)
		}
	}
	took := r.Clock.Now().Sub(started)
	rows := float64(r.Devices * r.work.Ticks)
	section.Note("readings", rows, "rows", fmt.Sprintf("one every ten seconds of each device, in %.0f s", took.Seconds()))
	last := r.bytes[len(r.bytes)-1]
	for i, t := range rollingLevels {
		section.Note("on disk at the end, "+t, float64(last[i])/(1<<20), "MiB", "")
	}
	for _, t := range rollingLevels[1:] {
		if err := r.e.equal(t); err != nil {
			return nil, err
		}
	}
	section.Chart = r.chart()
	if err := errors.Join(r.load(r.Days*DayTicks, rollingRest), r.e.db.SettleRollups()); err != nil {
		return nil, err
	}
	return section, r.readDays(section)
}

// day writes the readings of a day hour by hour, each when it is over, and notes what is on disk at its end.
func (r *rolling) day(day int) error {
	const ticks = DayTicks / 24
	for hour := range 24 {
		if err := r.load((day*24+hour)*ticks, ticks); err != nil {
			return err
		}
	}
	if err := r.e.db.SettleRollups(); err != nil {
		return err
	}
	if err := r.e.store.FlushAll(); err != nil {
		return err
	}
	held := map[string]int64{}
	for _, t := range r.e.store.Statistics().Tables {
		held[strings.TrimPrefix(t.Name, Keyspace+".")] = t.FileBytes
	}
	now := make([]int64, len(rollingLevels))
	for i, t := range rollingLevels {
		now[i] = held[t]
	}
	r.bytes = append(r.bytes, now)
	return nil
}

// load turns the clock to behind some ticks and writes their readings.
func (r *rolling) load(first, ticks int) error {
	r.clock.Set(time.UnixMilli(r.work.Start + int64(first+ticks)*StepMillis))
	failures := make([]error, r.Writers)
	var wait sync.WaitGroup
	for w := range r.Writers {
		wait.Go(func() { failures[w] = r.write(first, ticks, w*r.Devices/r.Writers, (w+1)*r.Devices/r.Writers) })
	}
	wait.Wait()
	return errors.Join(failures...)
}

func (r *rolling) write(first, ticks, from, to int) error {
	entries := make([]database.BatchEntry, 0, r.Group)
	var reading Reading
	for tick := first; tick < first+ticks; tick++ {
		for device := from; device < to; device++ {
			r.work.Next(device, tick, &reading)
			entries = append(entries, database.BatchEntry{Statement: r.insert, Values: r.work.values(device, &reading)})
			if len(entries) == r.Group {
				if err := r.e.batch(entries); err != nil {
					return err
				}
				entries = entries[:0]
			}
		}
	}
	return r.e.batch(entries)
}

// rollingColumns is how wide the chart is.
const rollingColumns = 64

// chart shows what each level held on disk at the end of every fifth day.
func (r *rolling) chart() string {
	most := int64(1)
	for _, day := range r.bytes {
		most = max(most, total(day))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "on disk, MiB%52s\n%5s %8s %8s %8s %8s  %s\n", "", "day", "raw r", "1m m", "1h h", "1d d", fmt.Sprintf("full width: %.1f MiB", float64(most)/(1<<20)))
	for i, day := range r.bytes {
		if i != 0 && (i+1)%5 != 0 {
			continue
		}
		fmt.Fprintf(&b, "%5d", i+1)
		bar, drawn := "", int64(0)
		for level, n := range day {
			fmt.Fprintf(&b, " %8.2f", float64(n)/(1<<20))
			drawn += n
			bar += strings.Repeat("rmhd"[level:level+1], int(drawn*rollingColumns/most)-len(bar))
		}
		fmt.Fprintf(&b, "  %s\n", bar)
	}
	return b.String()
}

func total(day []int64) (n int64) {
	for _, v := range day {
		n += v
	}
	return n
}

// readDays asks for the daily values of a device since the beginning in one statement, and checks each.
func (r *rolling) readDays(section *Section) error {
	const text = "SELECT floor(ts, 1d), count(temperature), min(temperature), max(temperature) FROM " + copiedTable +
		" WHERE device = ? GROUP BY device, floor(ts, 1d)"
	st, err := r.e.db.Prepare("", text)
	if err != nil {
		return err
	}
	var out *database.Result
	took, err := Measure(r.Clock, r.Reads, func(i int) error {
		var err error
		out, err = r.e.db.Execute(st, database.Request{Values: []planner.Value{bytesValue(r.work.names[i%r.Devices])}})
		if err == nil && out.Rows.RowCount != r.Days+1 {
			err = fmt.Errorf("bench: %d days, not %d", out.Rows.RowCount, r.Days+1)
		}
		return err
	})
	if err != nil {
		return err
	}
	section.Latency(fmt.Sprintf("%d days of one device by the day, p50", r.Days), took, strings.Join(out.Warnings, "; "))
	return r.verifyDays((r.Reads-1)%r.Devices, out.Rows.Rows)
}

// verifyDays compares daily counts, minima and maxima with the readings made again.
func (r *rolling) verifyDays(device int, cells []byte) error {
	again := r.work.Again()
	var reading Reading
	type summary struct {
		count     int64
		low, high float64
	}
	days := map[int64]*summary{}
	for tick := range again.Ticks {
		again.Next(device, tick, &reading)
		start := reading.Millis - reading.Millis%dayMillis
		d := days[start]
		if d == nil {
			d = &summary{low: math.Inf(1), high: math.Inf(-1)}
			days[start] = d
		}
		v := reading.Double(0)
		d.count, d.low, d.high = d.count+1, min(d.low, v), max(d.high, v)
	}
	const row = 4 * (4 + 8)
	for ; len(cells) >= row; cells = cells[row:] {
		start, count := types.DecodeInt64(cells[4:12]), types.DecodeInt64(cells[16:24])
		got := summary{count, types.DecodeFloat64(cells[28:36]), types.DecodeFloat64(cells[40:48])}
		if want := days[start]; want == nil || got != *want {
			return fmt.Errorf("bench: the day of %d has %+v, not %+v", start, got, want)
		}
	}
	return nil
}
