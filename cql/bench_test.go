package cql

import "testing"

func BenchmarkParseInsert(b *testing.B) {
	const text = `INSERT INTO iot.readings (device_id, ts, temperature, humidity, battery, status, site) VALUES ('device-00042', ` +
		`'2026-01-01T00:00:00.000Z', 21.375, 48.25, 97, 'ok', 'berlin-3') USING TIMESTAMP 1767225600000000 AND TTL 86400;`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
