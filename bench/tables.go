package bench

import (
	"errors"
	"fmt"
	"sync"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
)

// RunTables tells what query tables cost a write, and that time buckets cost a read nothing: statements in
// this process, on files.
func RunTables(o Options) (*Report, error) {
	return o.measured(measureCopies, measureLastRow, measureTenYears)
}

// copiedTable is the base table of measureCopies.
const copiedTable = Keyspace + ".readings"

// copyKeys are the keys of the query tables: new partitions by two of the values, and by the hour.
var copyKeys = []string{
	"((status), ts, device)",
	"((battery), ts, device)",
	"((time_bucket(ts, 1h) AS hour), device, ts)",
}

// copiesCase is a way to write with query tables.
type copiesCase struct {
	name    string
	options string // of the base table
	copies  int
	again   bool // every row is written a second time, with other values; that is what counts
}

var copiesCases = []copiesCase{
	{name: "no query table"},
	{name: "1 query table", copies: 1},
	{name: "3 query tables", copies: 3},
	{name: "append_only, 1 query table", options: "append_only = true", copies: 1},
	{name: "append_only, 3 query tables", options: "append_only = true", copies: 3},
	{name: "no query table, rows overwritten", again: true},
	{name: "1 query table, rows overwritten", copies: 1, again: true},
	{name: "3 query tables, rows overwritten", copies: 3, again: true},
}

func measureCopies(o *Options) (*Section, error) {
	section := &Section{Name: "query tables", Shape: Regular, Devices: o.Devices, Readings: o.Ticks}
	var plain float64
	for i := range copiesCases {
		c := &copiesCases[i]
		rate, err := c.measure(o, section)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if c.copies == 0 {
			plain = rate
			continue
		}
		section.Note(c.name+", rows a second ÷ without", rate/plain, "×", "")
	}
	return section, nil
}

// measure loads the readings and checks that each copy has them.
func (c *copiesCase) measure(o *Options, section *Section) (rate float64, err error) {
	e, err := openEmbedded(o.Dir, o.Clock, o.Memory)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	work, err := New(o.Seed, Regular, o.Devices, o.Ticks)
	if err != nil {
		return 0, err
	}
	if err := e.do(work.CreateTable(copiedTable, c.options)); err != nil {
		return 0, err
	}
	for i, key := range copyKeys[:c.copies] {
		if err := e.do(fmt.Sprintf("CREATE QUERY TABLE %s.copy%d ON %s * PRIMARY KEY %s", Keyspace, i, copiedTable, key)); err != nil {
			return 0, err
		}
	}
	if c.again {
		if err := e.load(o, work.Again()); err != nil {
			return 0, err
		}
		work.Seed++ // other values at the same times
	}
	started, cpu := o.Clock.Now(), cpuTime()
	if err := e.load(o, work.Again()); err != nil {
		return 0, err
	}
	took, spent := o.Clock.Now().Sub(started), cpuTime()-cpu
	rows := o.Devices * o.Ticks
	rate = float64(rows) / took.Seconds()
	section.Note(c.name, rate, "rows/s", fmt.Sprintf("base rows; batches of %d, %d writers, durable, making the rows included", o.Group, o.Writers))
	section.Note(c.name+", cpu", micros(spent)/float64(rows), "µs/row", "")
	return rate, c.verify(e, rows)
}

// verify counts the rows of the base and of each copy.
func (c *copiesCase) verify(e *embedded, rows int) error {
	tables := []string{copiedTable}
	for i := range c.copies {
		tables = append(tables, fmt.Sprintf("%s.copy%d", Keyspace, i))
	}
	for _, t := range tables {
		n, err := e.number("SELECT count(*) FROM " + t)
		if err != nil {
			return err
		}
		if n != int64(rows) {
			return fmt.Errorf("bench: %s has %d rows after the load, not %d", t, n, rows)
		}
	}
	return nil
}

// load writes all readings in batches, tick by tick as devices report; each writer has devices of its own.
func (e *embedded) load(o *Options, work *Workload) error {
	insert, err := e.db.Prepare("", work.Insert(copiedTable))
	if err != nil {
		return err
	}
	failures := make([]error, o.Writers)
	var wait sync.WaitGroup
	for w := range o.Writers {
		wait.Go(func() {
			failures[w] = e.loadDevices(o, work, insert, w*work.Devices/o.Writers, (w+1)*work.Devices/o.Writers)
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}

func (e *embedded) loadDevices(o *Options, work *Workload, insert *database.Statement, from, to int) error {
	entries := make([]database.BatchEntry, 0, o.Group)
	var r Reading
	for tick := range work.Ticks {
		if e.tick != nil && from == 0 {
			e.tick(tick)
		}
		for device := from; device < to; device++ {
			work.Next(device, tick, &r)
			entries = append(entries, database.BatchEntry{Statement: insert, Values: work.values(device, &r)})
			if len(entries) == o.Group {
				if err := e.batch(entries); err != nil {
					return err
				}
				entries = entries[:0]
			}
		}
	}
	return e.batch(entries)
}

// batch writes entries; what an overloaded store refuses is sent again, as a client does.
func (e *embedded) batch(entries []database.BatchEntry) error {
	for len(entries) > 0 {
		_, err := e.db.Batch(entries, database.Request{})
		if err == nil {
			return nil
		}
		if !errors.Is(err, lsm.ErrOverloaded) {
			return err
		}
		if err := e.store.FlushAll(); err != nil {
			return err
		}
	}
	return nil
}

// values are a reading's values for Insert.
func (w *Workload) values(device int, r *Reading) []planner.Value {
	out := make([]planner.Value, 0, 2+len(w.Columns))
	out = append(out, bytesValue(w.names[device]), timestampValue(r.Millis))
	for i, c := range w.Columns {
		if r.Has(i) {
			out = append(out, bytesValue(appendValue(nil, c.Kind, r.Words[i])))
		} else {
			out = append(out, planner.Value{Unset: true})
		}
	}
	return out
}
