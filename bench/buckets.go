package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/planner"
)

// bucketedTable is the table of the measurements of time buckets.
const bucketedTable = Keyspace + ".bucketed"

// bucketed is readings of a few devices over a long time.
type bucketed struct {
	devices    int
	start      int64 // milliseconds since 1970
	step       int64 // milliseconds between readings
	rows       int   // of a device
	bucket     string
	flushEvery int // rows of a device; 0: only at the end
}

// measureLastRow reads the newest row while the table has more and more buckets.
func measureLastRow(o *Options) (*Section, error) {
	const rowsPerBucket = 60
	section := &Section{Name: "the newest row of 4 devices, by time buckets"}
	for buckets := 1; buckets <= o.BucketsMax; buckets *= 10 {
		b := bucketed{devices: 4, start: StartMillis - 10_000*3_600_000, step: 3_600_000 / rowsPerBucket, rows: buckets * rowsPerBucket, bucket: "1h",
			flushEvery: max(buckets/40, 1) * rowsPerBucket}
		e, err := b.open(o)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("ORDER BY ts DESC LIMIT 1, %d buckets, p50", buckets)
		err = b.lastRow(o, e, section, name)
		if err = errors.Join(err, e.close()); err != nil {
			return nil, err
		}
	}
	return section, nil
}

func (b *bucketed) lastRow(o *Options, e *embedded, section *Section, name string) error {
	st, err := e.db.Prepare("", "SELECT ts, value FROM "+bucketedTable+" WHERE device = ? ORDER BY ts DESC LIMIT 1")
	if err != nil {
		return err
	}
	newest := b.start + int64(b.rows-1)*b.step
	took, err := Measure(o.Clock, o.Reads, func(i int) error {
		out, err := e.db.Execute(st, database.Request{Values: []planner.Value{b.device(i)}})
		if err != nil {
			return err
		}
		if out.Rows.RowCount != 1 || types.DecodeInt64(out.Rows.Rows[4:12]) != newest {
			return fmt.Errorf("bench: %s is not the row of %d", name, newest)
		}
		return nil
	})
	if err != nil {
		return err
	}
	touched, err := e.touched("SELECT ts, value FROM " + bucketedTable + " WHERE device = 'device-0' ORDER BY ts DESC LIMIT 1")
	if err != nil {
		return err
	}
	section.Latency(name, took, fmt.Sprintf("%d files; %s", b.files(e), touched))
	return nil
}

// measureTenYears reads a day of one device out of ten years.
func measureTenYears(o *Options) (*Section, error) {
	const minute, day = 60_000, 86_400_000
	b := bucketed{devices: 5, start: StartMillis - int64(o.Days)*day, step: 10 * minute, rows: o.Days * 144, bucket: "1d", flushEvery: 90 * 144}
	section := &Section{Name: "a day of one device out of ten years", Devices: b.devices, Readings: b.rows}
	e, err := b.open(o)
	if err != nil {
		return nil, err
	}
	defer e.close()
	st, err := e.db.Prepare("", "SELECT ts, value FROM "+bucketedTable+" WHERE device = ? AND ts >= ? AND ts < ?")
	if err != nil {
		return nil, err
	}
	took, err := Measure(o.Clock, o.Reads, func(i int) error {
		from := b.start + int64(i*7919%o.Days)*day
		out, err := e.db.Execute(st, database.Request{Values: []planner.Value{b.device(i), timestampValue(from), timestampValue(from + day)}})
		if err != nil {
			return err
		}
		if out.Rows.RowCount != 144 {
			return fmt.Errorf("bench: a day has %d rows, not 144", out.Rows.RowCount)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	from := b.start + int64(o.Days/2)*day
	touched, err := e.touched(fmt.Sprintf("SELECT ts, value FROM %s WHERE device = 'device-0' AND ts >= %d AND ts < %d", bucketedTable, from, from+day))
	if err != nil {
		return nil, err
	}
	section.Latency("24 h, two columns, p50", took, fmt.Sprintf("144 rows of %d; %d files; %s", b.rows*b.devices, b.files(e), touched))
	return section, nil
}

// touched is what EXPLAIN ANALYZE says of the reading of a statement.
func (e *embedded) touched(text string) (string, error) {
	out, err := e.query("EXPLAIN ANALYZE " + text)
	if err != nil {
		return "", err
	}
	cells, width := out.Rows.Rows, len(out.Rows.Columns)
	row := make([]string, 0, width)
	for len(cells) >= 4 {
		n := max(int(int32(binary.BigEndian.Uint32(cells))), 0)
		row, cells = append(row, string(cells[4:4+n])), cells[4+n:]
		if len(row) < width {
			continue
		}
		if row[1] == "read" {
			_, cost, _ := strings.Cut(row[3], "; read ")
			return "read " + cost, nil
		}
		row = row[:0]
	}
	return "", fmt.Errorf("bench: EXPLAIN ANALYZE %s: it reads nothing", text)
}

func (b *bucketed) files(e *embedded) (n int) {
	for _, t := range e.store.Statistics().Tables {
		if t.Name == bucketedTable {
			n = t.Files
		}
	}
	return n
}

func (b *bucketed) device(i int) planner.Value {
	return bytesValue([]byte(fmt.Sprintf("device-%d", i%b.devices)))
}

// open makes the table, loads it in order of time, flushes now and then, and compacts it.
func (b *bucketed) open(o *Options) (*embedded, error) {
	e, err := openEmbedded(o.Dir, o.Clock, o.Memory)
	if err != nil {
		return nil, err
	}
	err = e.do("CREATE TABLE " + bucketedTable + " (device text, ts timestamp, value double, PRIMARY KEY ((device), ts)) WITH CLUSTERING ORDER BY (ts DESC) AND time_bucket = {'column': 'ts', 'size': '" + b.bucket + "'}")
	if err == nil {
		err = b.load(e)
	}
	if err == nil {
		err = e.do("ADMIN FLUSH", "ADMIN COMPACT "+bucketedTable)
	}
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (b *bucketed) load(e *embedded) error {
	insert, err := e.db.Prepare("", "INSERT INTO "+bucketedTable+" (device, ts, value) VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	const group = 500
	var entries []database.BatchEntry
	for row := range b.rows {
		at := timestampValue(b.start + int64(row)*b.step)
		for d := range b.devices {
			value := bytesValue(types.AppendDouble(nil, float64((row*7+d)%1000)/10))
			entries = append(entries, database.BatchEntry{Statement: insert, Values: []planner.Value{b.device(d), at, value}})
		}
		if len(entries) < group && row < b.rows-1 {
			continue
		}
		if err := e.batch(entries); err != nil {
			return err
		}
		entries = entries[:0]
		if b.flushEvery > 0 && row/b.flushEvery != (row-group/b.devices)/b.flushEvery {
			if err := e.store.FlushAll(); err != nil {
				return err
			}
		}
	}
	return nil
}
