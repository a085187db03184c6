package database

import (
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// BenchmarkRead binds and executes what dashboards ask of a partition with a row each ten seconds: the time is that of
// an answer, of rows in memory and of rows in a file.
func BenchmarkRead(b *testing.B) {
	const day, step = 86_400_000, 10_000
	w := newWorld(b, "CREATE TABLE t (device text, ts timestamp, a double, b double, state text, PRIMARY KEY (device, ts))")
	w.everyStep("d", day/step, step)
	for _, place := range []string{"memory", "file"} {
		if place == "file" {
			w.flush()
		}
		for _, c := range []struct {
			name, text string
			from, to   int64 // milliseconds; both 0: not bound
			rows       int
		}{
			{"hour", "SELECT * FROM t WHERE device = ? AND ts >= ? AND ts < ?", day / 2, day/2 + day/24, 360},
			{"last", "SELECT * FROM t WHERE device = ? ORDER BY ts DESC LIMIT 1", 0, 0, 1},
			{"point", "SELECT * FROM t WHERE device = ? AND ts = ?", day / 2, 0, 1},
			{"hourly", "SELECT floor(ts, 1h), avg(a), min(a), max(a) FROM t WHERE device = ? AND ts >= ? AND ts < ? GROUP BY floor(ts, 1h)", 0, day, 24},
			{"day", "SELECT ts, a FROM t WHERE device = ? AND ts >= ? AND ts < ?", 0, day, day / step},
		} {
			b.Run(c.name+"/"+place, func(b *testing.B) {
				st, err := w.db.Prepare("ks", c.text)
				if err != nil {
					b.Fatal(err)
				}
				values := []planner.Value{{Bytes: []byte("d")}, {Bytes: types.AppendTimestampMillis(nil, c.from)}, {Bytes: types.AppendTimestampMillis(nil, c.to)}}
				values = values[:len(st.Plan.Markers)]
				var buffer []byte
				b.ReportAllocs()
				for b.Loop() {
					result, err := w.db.Execute(st, Request{Values: values, PageSize: 5000, Buffer: buffer})
					if err != nil || result.Rows.RowCount != min(c.rows, 5000) {
						b.Fatal(result, err)
					}
					buffer = result.Rows.Rows
				}
			})
		}
	}
}

// everyStep writes n rows of a device from the time 0 on, one each step milliseconds, with two numbers and a text.
func (w *world) everyStep(device string, n int, step int64) {
	w.t.Helper()
	st, err := w.db.Prepare("ks", "INSERT INTO t (device, ts, a, b, state) VALUES (?, ?, ?, ?, ?)")
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < n; i += 100 {
		entries := make([]BatchEntry, min(100, n-i))
		for j := range entries {
			v := float64(20*(i+j)%977) / 10
			entries[j] = BatchEntry{st, []planner.Value{{Bytes: []byte(device)}, {Bytes: types.AppendTimestampMillis(nil, int64(i+j)*step)},
				{Bytes: types.AppendDouble(nil, v)}, {Bytes: types.AppendDouble(nil, v+1)}, {Bytes: []byte("running")}}}
		}
		if _, err := w.db.Batch(entries, Request{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// flush writes all tables to files.
func (w *world) flush() {
	w.t.Helper()
	if err := w.store.FlushAll(); err != nil {
		w.t.Fatal(err)
	}
}
