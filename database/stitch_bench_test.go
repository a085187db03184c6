package database

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkStitchedDay is a day by the hour of one device, from raw rows of every ten seconds and from a rollup.
func BenchmarkStitchedDay(b *testing.B) {
	w := newWorld(b, "CREATE TABLE m (d int, ts timestamp, v double, n int, PRIMARY KEY (d, ts)) WITH CLUSTERING ORDER BY (ts DESC) AND rollups = {'1h': 'forever'}")
	const day = 86_400_000
	start := w.clock.Now().UnixMilli()/day*day - 3*day
	for i := range int64(2 * 8640) {
		if i%60 == 0 {
			w.clock.Set(time.UnixMilli(start + i*10_000))
		}
		w.run(fmt.Sprintf("INSERT INTO m (d, ts, v, n) VALUES (1, %d, %d.5, %d)", start+i*10_000, i%100, i%100))
	}
	w.clock.Set(time.UnixMilli(start + 3*day))
	w.settle()
	table := w.db.Schema().Table("ks", "m").ID
	if err := w.store.Flush(table); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, end string }{{"rollup", ""}, {"raw", " USING RESOLUTION 'raw'"}} {
		st, err := w.db.Prepare("ks", fmt.Sprintf("SELECT floor(ts, 1h), max(n), min(v), first(v) FROM m WHERE d = 1 AND ts >= %d AND ts < %d GROUP BY floor(ts, 1h)", start, start+day)+c.end)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := w.db.Execute(st, Request{})
				if err != nil || r.Rows.RowCount != 24 {
					b.Fatal(err, r.Rows.RowCount)
				}
			}
		})
	}
}
