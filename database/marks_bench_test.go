package database

import (
	"fmt"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// BenchmarkIngest writes rows in the order of time, in batches of 500 rows: one of each of 500 devices, or all of one. With a table
// come no rollups, or three, each declared on the one before. The time is that of a row; that of recomputing is not in it, because
// the clock stands.
func BenchmarkIngest(b *testing.B) {
	for _, spread := range []bool{false, true} {
		for _, levels := range []string{"", " WITH rollups = {'1m': 'forever', '1h': 'forever', '1d': 'forever'}"} {
			name := fmt.Sprintf("spread=%t/levels=%t", spread, levels != "")
			b.Run(name, func(b *testing.B) { benchmarkIngest(b, spread, levels) })
		}
	}
}

func benchmarkIngest(b *testing.B, spread bool, levels string) {
	const (
		batch   = 500
		devices = 500
	)
	w := newWorld(b, "CREATE TABLE t (device text, ts timestamp, temperature double, humidity double, battery float, status int, PRIMARY KEY (device, ts))"+levels)
	st, err := w.db.Prepare("ks", "INSERT INTO t (device, ts, temperature, humidity, battery, status) VALUES (?, ?, ?, ?, ?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	names := make([][]byte, devices)
	for i := range names {
		names[i] = fmt.Appendf(nil, "device-%04d", i)
	}
	from := w.clock.Now().UnixMilli()
	entries := make([]BatchEntry, batch)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		for i := range entries {
			device, tick := (n/batch)%devices, int64(n/batch/devices*batch+i)
			if spread {
				device, tick = i%devices, int64(n/batch)
			}
			entries[i] = BatchEntry{st, []planner.Value{
				{Bytes: names[device]}, {Bytes: types.AppendTimestampMillis(nil, from+tick*10_000)},
				{Bytes: types.AppendDouble(nil, 20+float64(n%100)/10)}, {Bytes: types.AppendDouble(nil, 50+float64(n%30))},
				{Bytes: types.AppendFloat(nil, 3.5)}, {Bytes: types.AppendInt(nil, int32(n%5))},
			}}
		}
		if !spread || (n/batch)%100 == 0 {
			w.clock.Advance(time.Millisecond)
		}
		if _, err := w.db.Batch(entries, Request{}); err != nil {
			b.Fatal(err)
		}
	}
}
