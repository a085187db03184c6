package bench

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/planner"
)

// RunRollups tells what rollups cost a write, how long it takes to compute them, and what they save a read: statements in
// this process, on files, with a clock that follows the readings.
func RunRollups(o Options) (*Report, error) {
	return o.measured(measureLevels, measureBackfill)
}

// levelsCase is a way to write with rollups.
type levelsCase struct{ name, options string }

// The first is what the others are compared with.
var levelsCases = []levelsCase{
	{"no rollup", ""},
	{"1 level", "rollups = {'1h': 'forever'}"},
	{"3 levels", "rollups = {'1m': 'forever', '1h': 'forever', '1d': 'forever'}"},
}

// measureLevels loads readings as they come in, with more and more levels.
func measureLevels(o *Options) (*Section, error) {
	section := &Section{Name: "rollups kept while readings come in", Shape: Regular, Devices: o.Devices, Readings: o.Ticks}
	rates, cpus, ends := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	for range o.Rounds {
		for _, c := range levelsCases {
			rate, cpu, end, err := c.measure(o)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			rates[c.name], cpus[c.name], ends[c.name] = append(rates[c.name], rate), append(cpus[c.name], cpu), append(ends[c.name], end)
		}
	}
	plain := median(rates[levelsCases[0].name])
	detail := fmt.Sprintf("median of %d in turn; batches of %d, %d writers, durable, making the rows included", o.Rounds, o.Group, o.Writers)
	for _, c := range levelsCases {
		section.Note(c.name, median(rates[c.name]), "rows/s", detail)
		section.Note(c.name+", cpu", median(cpus[c.name]), "µs/row", "recomputation while they came in included")
		if c.options != "" {
			section.Note(c.name+", rows a second ÷ without", median(rates[c.name])/plain, "×", "")
			section.Note(c.name+", until every window is final", median(ends[c.name]), "s", "behind the last write, flush included")
		}
	}
	return section, nil
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// measure loads the readings and waits for the rollups.
func (c *levelsCase) measure(o *Options) (rate, cpu, end float64, err error) {
	work, err := New(o.Seed, Regular, o.Devices, o.Ticks)
	if err != nil {
		return 0, 0, 0, err
	}
	at := clock.NewManual(time.UnixMilli(work.Start))
	e, err := openEmbedded(o.Dir, at, o.Memory)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.do(work.CreateTable(copiedTable, c.options)); err != nil {
		return 0, 0, 0, err
	}
	e.tick = func(tick int) { at.Set(time.UnixMilli(work.Start + int64(tick)*StepMillis)) }
	started, spent := o.Clock.Now(), cpuTime()
	if err := e.load(o, work); err != nil {
		return 0, 0, 0, err
	}
	rows := float64(o.Devices * o.Ticks)
	loaded := o.Clock.Now()
	rate, cpu = rows/loaded.Sub(started).Seconds(), micros(cpuTime()-spent)/rows
	at.Advance(48 * time.Hour)
	if err := e.store.FlushAll(); err != nil {
		return 0, 0, 0, err
	}
	if err := e.db.SettleRollups(); err != nil {
		return 0, 0, 0, err
	}
	end = o.Clock.Now().Sub(loaded).Seconds()
	return rate, cpu, end, c.verify(e, int64(rows))
}

// verify has the levels checked, and every reading in them counted.
func (c *levelsCase) verify(e *embedded, rows int64) error {
	for _, step := range []string{"1m", "1h", "1d"} {
		if e.db.Schema().Table(Keyspace, "readings_"+step) == nil {
			continue
		}
		if err := e.equal("readings_" + step); err != nil {
			return err
		}
		n, err := e.number(fmt.Sprintf("SELECT sum(count_temperature) FROM %s.readings_%s", Keyspace, step))
		if err != nil {
			return err
		}
		if n != rows {
			return fmt.Errorf("bench: the windows of %s count %d readings of %d", step, n, rows)
		}
	}
	return nil
}

// equal has a rollup checked against the rows that it stands for.
func (e *embedded) equal(rollup string) error {
	out, err := e.query(fmt.Sprintf("CHECK ROLLUP %s.%s SAMPLE 1000", Keyspace, rollup))
	if err != nil {
		return err
	}
	if out.Rows.RowCount != 0 {
		return fmt.Errorf("bench: CHECK ROLLUP %s found %d differences", rollup, out.Rows.RowCount)
	}
	return nil
}

// measureBackfill declares an hourly rollup over readings that are there, and reads them with and without it.
func measureBackfill(o *Options) (*Section, error) {
	work, err := New(o.Seed, Regular, o.Devices, o.Ticks)
	if err != nil {
		return nil, err
	}
	at := clock.NewManual(time.UnixMilli(work.Start + int64(o.Ticks)*StepMillis).Add(48 * time.Hour))
	e, err := openEmbedded(o.Dir, at, o.Memory)
	if err != nil {
		return nil, err
	}
	section := &Section{Name: "an hourly rollup of what is there", Shape: Regular, Devices: o.Devices, Readings: o.Ticks}
	err = e.backfilled(o, work, section)
	return section, errors.Join(err, e.close())
}

func (e *embedded) backfilled(o *Options, work *Workload, section *Section) error {
	if err := e.do(work.CreateTable(copiedTable, "time_bucket = {'column': 'ts', 'size': '1d'}")); err != nil {
		return err
	}
	if err := e.load(o, work); err != nil {
		return err
	}
	if err := errors.Join(e.store.FlushAll(), e.store.Compact(e.db.Schema().Table(Keyspace, "readings").ID)); err != nil {
		return err
	}
	if err := e.hourlyReads(o, work, section, "rows"); err != nil {
		return err
	}
	rows := float64(o.Devices * o.Ticks)
	started, spent := o.Clock.Now(), cpuTime()
	if err := e.do("ALTER TABLE " + copiedTable + " WITH rollups = {'1h': 'forever'}"); err != nil {
		return err
	}
	if err := e.db.SettleRollups(); err != nil {
		return err
	}
	took := o.Clock.Now().Sub(started)
	section.Note("until the rollup is built", took.Seconds(), "s", fmt.Sprintf("%.1f million rows, three numeric columns, 21 aggregates and their states", rows/1e6))
	section.Note("rows read for it", rows/took.Seconds(), "rows/s", "")
	section.Note("rows read for it, cpu", micros(cpuTime()-spent)/rows, "µs/row", "")
	if err := e.equal("readings_1h"); err != nil {
		return err
	}
	return e.hourlyReads(o, work, section, "the rollup")
}

// hourlyReads reads hourly values of a day of one device, which rows or a rollup serve.
func (e *embedded) hourlyReads(o *Options, work *Workload, section *Section, from string) error {
	st, err := e.db.Prepare("", "SELECT floor(ts, 1h), avg(temperature), min(temperature), max(temperature) FROM "+copiedTable+
		" WHERE device = ? AND ts >= ? AND ts < ? GROUP BY device, floor(ts, 1h)")
	if err != nil {
		return err
	}
	hours := (o.Ticks*StepMillis + 3_599_999) / 3_600_000
	took, err := Measure(o.Clock, o.Reads, func(i int) error {
		out, err := e.db.Execute(st, database.Request{Values: []planner.Value{
			bytesValue(work.names[i*7919%work.Devices]), timestampValue(work.Start), timestampValue(work.Start + dayMillis),
		}})
		if err == nil && out.Rows.RowCount != hours {
			err = fmt.Errorf("bench: a day has %d hours, not %d", out.Rows.RowCount, hours)
		}
		return err
	})
	if err != nil {
		return err
	}
	section.Latency("24 h → 24 from "+from+", p50", took, "a statement on the base table")
	return nil
}
