package live

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// shaped runs a test with both gocql libraries: most Go tools are built with one of them.
func shaped(t *testing.T, f func(*goRun)) {
	for name, d := range map[string]goDriver{"gocql-1.7.0": gocql1{}, "gocql-2.1.2": gocql2{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &goRun{T: t, d: d, o: goOptions{addr: Start(t, dataDir(t)).Addr, spoken: new(atomic.Int32)}}
			if err := r.run(f); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTSBSLoader sends what TSBS' loader for Cassandra sends: logged batches of 100 to 900 literal texts, one table for
// each type of value, and then reads a series as its queries do.
func TestTSBSLoader(t *testing.T) {
	t.Parallel()
	shaped(t, func(r *goRun) {
		tables := map[string]string{"bigint": "%d", "double": "%d.5", "boolean": "true", "float": "%d.25", "blob": "0x%04x"}
		total := 0
		for kind := range tables {
			r.exec("CREATE TABLE k.series_" + kind + " (series_id text, timestamp_ns bigint, value " + kind + ", PRIMARY KEY (series_id, timestamp_ns)) WITH COMPACT STORAGE")
		}
		for size := 100; size <= 900; size += 200 {
			for kind, form := range tables {
				var entries []goEntry
				for i := range size {
					value := form
					if kind != "boolean" {
						value = fmt.Sprintf(form, i)
					}
					entries = append(entries, goEntry{text: fmt.Sprintf("INSERT INTO k.series_%s(series_id, timestamp_ns, value) VALUES('cpu,hostname=host_%d,region=eu-central-1,"+
						"datacenter=eu-central-1a,rack=6,os=Ubuntu15.10,arch=x86,team=SF,service=19,service_version=1#usage_user#2016-01-01', %d, %s)",
						kind, i%10, 1_451_606_400_000_000_000+int64(size+i)*1_000_000_000, value)})
				}
				r.must(r.s.batch(true, entries), kind)
				total += size
			}
		}
		got := 0
		for kind := range tables {
			var count int64
			r.must(r.s.scan("SELECT count(*) FROM k.series_"+kind, nil, &count), kind)
			got += int(count)
		}
		const want = 1600 // batches overlap in time: seconds 100 to 199 and 300 to 1799
		if got != len(tables)*want || total < got {
			r.fail("%d rows of %d written, want %d", got, total, len(tables)*want)
		}
		var max float64
		r.must(r.s.scan("SELECT max(value) FROM k.series_double WHERE series_id = 'cpu,hostname=host_3,region=eu-central-1,datacenter=eu-central-1a,rack=6,os=Ubuntu15.10,"+
			"arch=x86,team=SF,service=19,service_version=1#usage_user#2016-01-01' AND timestamp_ns >= 1451606400000000000 AND timestamp_ns < 1461606400000000000", nil, &max), "max")
		if max != 893.5 {
			r.fail("max %v", max)
		}
	})
}

// TestNoSQLBenchTimeSeries does what NoSQLBench's workload cql-timeseries does: its schema, writes with times of their
// own, and the newest ten.
func TestNoSQLBenchTimeSeries(t *testing.T) {
	t.Parallel()
	shaped(t, func(r *goRun) {
		r.exec(`CREATE TABLE IF NOT EXISTS k.iot (machine_id uuid, sensor_name text, time timestamp, sensor_value double, station_id uuid, data text,
			PRIMARY KEY ((machine_id, sensor_name), time)) WITH CLUSTERING ORDER BY (time DESC)
			AND compression = { 'sstable_compression' : 'LZ4Compressor' }
			AND compaction = { 'class': 'TimeWindowCompactionStrategy', 'compaction_window_size': 60, 'compaction_window_unit': 'MINUTES' }`)
		const machines, cycles = 5, 400
		at := func(i int) time.Time { return time.UnixMilli(1_767_225_600_000 + int64(i)*10_000).UTC() }
		machine := func(i int) [16]byte { return [16]byte{15: byte(i % machines)} }
		for i := range cycles {
			r.must(r.s.exec("INSERT INTO k.iot (machine_id, sensor_name, time, sensor_value, station_id, data) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?",
				machine(i), "temperature", at(i), float64(i), machine(7), fmt.Sprint("data ", i), int64(i+1)), "insert")
		}
		r.must(r.s.exec("INSERT INTO k.iot (machine_id, sensor_name, time, sensor_value) VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
			machine(cycles-1), "temperature", at(cycles-1), -1.0, int64(1)), "an older write")
		var got []float64
		_, err := r.s.page("SELECT * FROM k.iot WHERE machine_id = ? AND sensor_name = ? LIMIT 10", []any{machine(cycles - 1), "temperature"}, 5000, nil, func(scan func(...any) bool) {
			var id, station [16]byte
			var name, data string
			var when time.Time
			for v := 0.0; scan(&id, &name, &when, &data, &v, &station); {
				if !when.Equal(at(int(v))) || id != machine(cycles-1) {
					r.fail("value %v at %v of %x", v, when, id)
				}
				got = append(got, v)
			}
		})
		r.must(err, "the newest ten")
		if len(got) != 10 || got[0] != cycles-1 || got[9] != cycles-1-9*machines {
			r.fail("the newest ten: %v", got)
		}
	})
}
