package database

import (
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// BenchmarkWrite writes rows that come in order, 100 a batch of one partition: the time is that of a row. With one
// query table it should be near that of two rows.
func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct {
		name  string
		texts []string
	}{
		{"plain", nil},
		{"one", []string{"CREATE QUERY TABLE by_site ON t (v) PRIMARY KEY ((site), ts, device)"}},
		{"hour", []string{"CREATE QUERY TABLE by_hour ON t (v) PRIMARY KEY ((site, time_bucket(ts, 1h)), ts, device)"}},
		{"static", []string{"CREATE QUERY TABLE by_owner ON t (v) PRIMARY KEY ((owner), ts, device)"}},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkWrite(b, c.texts) })
	}
}

func benchmarkWrite(b *testing.B, texts []string) {
	const rows = 100
	w := newWorld(b, append([]string{"CREATE TABLE t (device text, ts timestamp, owner text static, site text, v double, PRIMARY KEY (device, ts))"}, texts...)...)
	st, err := w.db.Prepare("ks", "INSERT INTO t (device, ts, site, v) VALUES (?, ?, ?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	for i := range 100 {
		w.run("UPDATE t SET owner = 'someone' WHERE device = 'device-" + string(rune('a'+i%20)) + "'")
	}
	b.ReportAllocs()
	b.ResetTimer()
	entries := make([]BatchEntry, rows)
	for n := 0; n < b.N; n += rows {
		device := []byte("device-" + string(rune('a'+n/rows%20)))
		for i := range entries {
			entries[i] = BatchEntry{st, []planner.Value{
				{Bytes: device}, {Bytes: types.AppendTimestampMillis(nil, 1_000_000_000_000+int64(n+i)*1000)},
				{Bytes: []byte("site-seven")}, {Bytes: types.AppendDouble(nil, float64(n))},
			}}
		}
		if _, err := w.db.Batch(entries, Request{}); err != nil {
			b.Fatal(err)
		}
	}
}
