package database

import (
	"cmp"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
)

// ingestBench writes readings of 2,000 devices to a database on the disk, as a server that has decoded them would.
type ingestBench struct {
	db     *Database
	insert *Statement
	names  [][]byte
	values []planner.Value // of the rows of one call
	raw    []byte          // what they refer to
	from   int64
}

const (
	benchDevices = 2_000
	benchColumns = 6
)

func newIngestBench(b *testing.B, rows int) *ingestBench {
	b.Helper()
	store, err := lsm.Open(lsm.Options{FS: vfs.OS, Dir: b.TempDir(), Clock: clock.System{}})
	if err != nil {
		b.Fatal(err)
	}
	db, err := Open(Options{Store: Local{store}, Clock: clock.System{}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	i := &ingestBench{db: db, values: make([]planner.Value, rows*benchColumns), from: 1_700_000_000_000}
	for _, text := range []string{createKeyspace, "CREATE TABLE ks.t (device text, ts timestamp, temperature double, humidity double, battery int, status text, PRIMARY KEY (device, ts))"} {
		st, err := db.Parse("", text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := db.Execute(st, Request{}); err != nil {
			b.Fatal(err)
		}
	}
	if i.insert, err = db.Prepare("ks", "INSERT INTO t (device, ts, temperature, humidity, battery, status) VALUES (?, ?, ?, ?, ?, ?)"); err != nil {
		b.Fatal(err)
	}
	for n := range benchDevices {
		i.names = append(i.names, fmt.Appendf(nil, "device-%04d", n))
	}
	return i
}

// reading puts the values of a reading into the place of a row.
func (i *ingestBench) reading(row, device, tick int) []planner.Value {
	if row == 0 {
		i.raw = i.raw[:0]
	}
	values := i.values[row*benchColumns:][:benchColumns:benchColumns]
	put := func(at int, appendValue func([]byte) []byte) {
		n := len(i.raw)
		i.raw = appendValue(i.raw)
		values[at] = planner.Value{Bytes: i.raw[n:len(i.raw):len(i.raw)]}
	}
	values[0] = planner.Value{Bytes: i.names[device]}
	put(1, func(b []byte) []byte { return types.AppendTimestampMillis(b, i.from+int64(tick)*10_000) })
	put(2, func(b []byte) []byte { return types.AppendDouble(b, 20+float64((device+tick)%100)/10) })
	put(3, func(b []byte) []byte { return types.AppendDouble(b, 50+float64((device+tick)%30)/10) })
	put(4, func(b []byte) []byte { return types.AppendInt(b, int32(100-tick/1000)) })
	put(5, func(b []byte) []byte { return append(b, "ok"...) })
	return values
}

// measured begins b.N rows, so many a call, and reports what a row takes. Of each so many calls the last ticket is awaited, by somebody else and
// with eight such waits outstanding, as connections of a server do.
func (i *ingestBench) measured(b *testing.B, rows, calls int, begin func(n int) (Ticket, error)) {
	tickets := make(chan Ticket, 8)
	awaited := make(chan error)
	go func() {
		var first error
		for t := range tickets {
			first = cmp.Or(first, i.db.Await(t))
		}
		awaited <- first
	}()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	for n := 0; n*rows < b.N; n++ {
		ticket, err := begin(n)
		if err != nil {
			b.Fatal(err)
		}
		if n%calls == calls-1 || (n+1)*rows >= b.N {
			tickets <- ticket
		}
	}
	close(tickets)
	if err := <-awaited; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime is what the process has taken of processors.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkBeginSingle begins writes of one row, as connections with 128 requests in flight do. The time is that of a row.
func BenchmarkBeginSingle(b *testing.B) {
	i := newIngestBench(b, 1)
	i.measured(b, 1, 128, func(n int) (Ticket, error) {
		_, ticket, err := i.db.Begin(i.insert, Request{Values: i.reading(0, n%benchDevices, n/benchDevices)})
		return ticket, err
	})
}

// BenchmarkBeginBatch100 begins batches of 100 rows of one device, as connections with 8 requests in flight do. The time is that of a row.
func BenchmarkBeginBatch100(b *testing.B) {
	const rows = 100
	i := newIngestBench(b, rows)
	entries := make([]BatchEntry, rows)
	i.measured(b, rows, 8, func(n int) (Ticket, error) {
		for row := range entries {
			entries[row] = BatchEntry{Statement: i.insert, Values: i.reading(row, n%benchDevices, n/benchDevices*rows+row)}
		}
		_, ticket, err := i.db.BeginBatch(entries, Request{})
		return ticket, err
	})
}
