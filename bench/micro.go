package bench

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/commitlog"
	"github.com/eskerdb/esker/lsm/encoding"
	"github.com/eskerdb/esker/lsm/memtable"
	"github.com/eskerdb/esker/mutation"
)

// Operations are repeated for microTime, microRounds times; the median counts.
const (
	microTime   = 40 * time.Millisecond
	microRounds = 5
)

// microRows is how many values a column has, as a row group of a table file.
const microRows = 1024

// micro is measurements of single operations of the store.
type micro struct {
	section Section
	clock   clock.Clock
	dir     string
	work    *Workload
}

// RunStore measures single operations of the store's parts on one core. Of the options Dir, Seed, Clock and Version count.
func RunStore(o Options) (*Report, error) {
	o = o.withDefaults()
	work, err := New(o.Seed, Wide, 100, DayTicks)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "esker-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	m := &micro{section: Section{Name: "operations of the store"}, clock: o.Clock, dir: dir, work: work}
	for _, step := range []func() error{m.encodings, m.words, m.memtable, m.merge, m.log} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	report := o.report()
	report.Sections = []Section{m.section}
	return report, nil
}

// perUnit is the median time of f, in nanoseconds, divided by the units of work in one call.
func (m *micro) perUnit(units int, f func() error) (float64, error) {
	var rounds []float64
	for range microRounds {
		calls, started := 0, m.clock.Now()
		var took time.Duration
		for took < microTime {
			if err := f(); err != nil {
				return 0, err
			}
			calls++
			took = m.clock.Now().Sub(started)
		}
		rounds = append(rounds, float64(took.Nanoseconds())/float64(calls*units))
	}
	slices.Sort(rounds)
	return rounds[len(rounds)/2], nil
}

func (m *micro) noteUnit(name string, units int, unit string, f func() error) error {
	ns, err := m.perUnit(units, f)
	m.section.Note(name, ns, unit, "")
	return err
}

// efforts are how hard an encoder tries.
var efforts = []struct {
	name   string
	effort encoding.Effort
}{{"light", encoding.Light}, {"final", encoding.Final}}

// wordColumn is a column of fixed-width values.
type wordColumn struct {
	name     string
	physical mutation.Physical
	width    int
	words    []uint64
}

// columns are those of the readings of a device that are numbers, with the times of three kinds.
func (m *micro) columns() []wordColumn {
	out := []wordColumn{
		{name: "times, regular", physical: mutation.PhysicalInt, width: 8}, {name: "times, jitter", physical: mutation.PhysicalInt, width: 8},
		{name: "write timestamps of rows", physical: mutation.PhysicalInt, width: 8},
	}
	w := m.work.Again()
	jitter := *w
	jitter.Shape = Jitter
	for i, c := range w.Columns {
		if c.Kind != Text {
			physical, width := c.Kind.physical()
			out = append(out, wordColumn{name: w.Columns[i].Name, physical: physical, width: width})
		}
	}
	var r Reading
	for tick := range microRows {
		w.Next(0, tick, &r)
		out[0].words = append(out[0].words, uint64(r.Millis))
		out[1].words = append(out[1].words, uint64(jitter.Millis(0, tick)))
		out[2].words = append(out[2].words, uint64(r.Millis*1000+int64(below(w.noise(0, ^tick), 1000))))
		at := 3
		for i, c := range w.Columns {
			if c.Kind != Text {
				out[at].words = append(out[at].words, r.Words[i])
				at++
			}
		}
	}
	return out
}

// encodings measures columns of numbers, and that they come back the same.
func (m *micro) encodings() error {
	for _, c := range m.columns() {
		for _, e := range efforts {
			encoded := encoding.AppendWords(nil, c.words, c.physical, c.width, e.effort)
			decoded, err := encoding.DecodeWords(nil, encoded, microRows)
			if err != nil || !slices.Equal(decoded, c.words) {
				return errors.Join(fmt.Errorf("bench: %s does not come back from its encoding", c.name), err)
			}
			err = m.codec(c.name+", "+e.name, len(encoded), func() error {
				encoded = encoding.AppendWords(encoded[:0], c.words, c.physical, c.width, e.effort)
				return nil
			}, func() (err error) {
				decoded, err = encoding.DecodeWords(decoded[:0], encoded, microRows)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// codec notes the bytes a value, and what encoding and decoding one costs.
func (m *micro) codec(name string, bytes int, encode, decode func() error) error {
	m.section.Note(name, float64(bytes)/microRows, "bytes/value", "")
	if err := m.noteUnit("encode, "+name, microRows, "ns/value", encode); err != nil {
		return err
	}
	return m.noteUnit("decode, "+name, microRows, "ns/value", decode)
}

// words measures the column of statuses.
func (m *micro) words() error {
	w, offsets, data := m.work.Again(), []uint32{0}, []byte(nil)
	var r Reading
	for tick := range microRows {
		w.Next(0, tick, &r)
		data = append(data, r.Text(6)...)
		offsets = append(offsets, uint32(len(data)))
	}
	for _, e := range efforts {
		encoded := encoding.AppendBytes(nil, offsets, data, e.effort)
		var gotOffsets []uint32
		var got []byte
		decode := func() (err error) {
			gotOffsets, got, err = encoding.DecodeBytes(gotOffsets, got, encoded, microRows)
			return err
		}
		if err := decode(); err != nil || string(got) != string(data) || !slices.Equal(gotOffsets, offsets) {
			return errors.Join(errors.New("bench: words do not come back from their encoding"), err)
		}
		err := m.codec("status, "+e.name, len(encoded), func() error {
			encoded = encoding.AppendBytes(encoded[:0], offsets, data, e.effort)
			return nil
		}, decode)
		if err != nil {
			return err
		}
	}
	return nil
}

// memtable measures what it costs to insert a row that arrives in order.
func (m *micro) memtable() error {
	table := m.work.table()
	w := m.work.Again()
	g := newGroup(w, decorate(w), w.Devices)
	tick, sequence := 0, uint64(0)
	mem := memtable.New(&table, 1)
	defer func() { mem.Free() }()
	var spent time.Duration // making rows is not counted
	rows := 0
	for range 1000 {
		g.reset()
		for d := range w.Devices {
			g.add(d, tick, w.Start*1000+int64(tick))
		}
		tick++
		sequence++
		started := m.clock.Now()
		for i := range g.mutations {
			mem.Apply(&g.mutations[i], sequence)
		}
		spent += m.clock.Now().Sub(started)
		rows += len(g.mutations)
	}
	m.section.Note("memtable, insert a row", float64(spent.Nanoseconds())/float64(rows), "ns/row", "eight columns, in order, a hundred partitions")
	m.section.Note("memtable, a row", float64(mem.Bytes())/float64(rows), "bytes/row", "as it lies in memory")
	return nil
}

// rowSlice is a source of rows that are there.
type rowSlice struct {
	rows []mutation.Row
	at   int
}

// Next returns the next row, nil at the end.
func (s *rowSlice) Next() (*mutation.Row, error) {
	if s.at == len(s.rows) {
		return nil, nil
	}
	s.at++
	return &s.rows[s.at-1], nil
}

// merge measures the merge of two sources whose rows alternate, and of two with the same rows.
func (m *micro) merge() error {
	w := m.work.Again()
	g := newGroup(w, decorate(w), 2*microRows)
	for tick := range 2 * microRows {
		g.add(0, tick, 1)
	}
	var even, odd []mutation.Row
	for i, row := range g.rows {
		if i%2 == 0 {
			even = append(even, row)
		} else {
			odd = append(odd, row)
		}
	}
	for _, c := range []struct {
		name string
		a, b []mutation.Row
	}{{"merge, two sources whose rows alternate", even, odd}, {"merge, two sources with the same rows", even, even}} {
		err := m.noteUnit(c.name, len(c.a)+len(c.b), "ns/row", func() error {
			rows := mutation.MergeRows(mutation.ByTimestamp, []mutation.RowSource{&rowSlice{rows: c.a}, &rowSlice{rows: c.b}}, nil, false)
			for {
				if row, err := rows.Next(); row == nil || err != nil {
					return err
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// log measures appends and syncs of records as large as a group of 500 rows.
func (m *micro) log() error {
	const records, recordBytes = 200, 20_000
	log, err := commitlog.Open(vfs.OS, m.dir, commitlog.Options{Clock: m.clock}, nil)
	if err != nil {
		return err
	}
	r := commitlog.Record{Parts: []commitlog.Part{{Table: tableID, Epoch: 1, Payload: make([]byte, recordBytes)}}}
	for i := range r.Parts[0].Payload {
		r.Parts[0].Payload[i] = byte(m.work.noise(0, i))
	}
	var appends, syncs Times
	for err == nil && len(syncs) < records {
		var end commitlog.Position
		r.Sequence++
		started := m.clock.Now()
		end, err = log.Append(&r)
		appended := m.clock.Now()
		if err == nil {
			err = log.SyncTo(end)
		}
		appends, syncs = append(appends, appended.Sub(started)), append(syncs, m.clock.Now().Sub(appended))
	}
	if err = errors.Join(err, log.Close()); err != nil {
		return err
	}
	m.section.Latency("log, append p50", appends, fmt.Sprintf("records of %d bytes", recordBytes))
	m.section.Latency("log, sync p50", syncs, "one record each")
	return nil
}
