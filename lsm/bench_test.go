package lsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

const benchRows = 8640

// benchTable holds a day of readings of some devices, every ten seconds, in one file.
func benchTable(b *testing.B) (*Store, *mutation.Table) {
	store := mustOpen(b, Options{FS: vfs.OS, Dir: b.TempDir(), Clock: clock.NewManual(start), Tuning: Tuning{NoBackground: true}})
	table := testTable(1)
	mustNot(b, store.PutSchema(nil, []mutation.Table{table}))
	rng := rand.New(rand.NewPCG(1, 1))
	for device := range 20 {
		walk := 20.0
		var rows []mutation.Row
		for n := range int64(benchRows) {
			walk += float64(rng.IntN(5)-2) / 10
			at := start.UnixMicro() + n
			cell := func(id mutation.ColumnID, value []byte) mutation.Cell {
				return mutation.Cell{Column: id, Timestamp: at, ExpiresAt: mutation.Forever, Value: value}
			}
			rows = append(rows, mutation.Row{
				Clustering: rowKey(&table, start.UnixMilli()+n*10_000),
				Live:       mutation.Liveness{Timestamp: at, ExpiresAt: mutation.Forever},
				Cells: []mutation.Cell{
					cell(columnInt, binary.BigEndian.AppendUint32(nil, uint32(n/1000))), cell(columnText, []byte("ok")),
					cell(columnDouble, binary.BigEndian.AppendUint64(nil, math.Float64bits(math.Round(walk*10)/10))),
				},
			})
		}
		_, err := store.Apply([]mutation.Mutation{{Table: table.ID, Key: keyOf(device), Rows: rows}})
		mustNot(b, err)
	}
	mustNot(b, store.FlushAll())
	b.Cleanup(func() { mustNot(b, store.Close()) })
	return store, &table
}

func benchRead(b *testing.B, store *Store, table *mutation.Table, want int, request func(i int) mutation.ReadRequest) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		v := store.View()
		r, err := v.Read(table.ID, request(i))
		mustNot(b, err)
		rows := 0
		for rows < want {
			batch, err := r.Next()
			mustNot(b, err)
			if batch == nil {
				break
			}
			rows += batch.Rows
		}
		r.Close()
		v.Close()
		if rows < want {
			b.Fatalf("%d rows, want %d", rows, want)
		}
	}
}

func BenchmarkReadLast(b *testing.B) {
	store, table := benchTable(b)
	columns := []mutation.ColumnID{columnInt, columnText, columnDouble}
	benchRead(b, store, table, 1, func(i int) mutation.ReadRequest {
		return mutation.ReadRequest{Key: keyOf(i % 20), Slices: clustering.All(), Reverse: true, RowsMax: 1, Columns: columns}
	})
}

func BenchmarkReadHour(b *testing.B) {
	store, table := benchTable(b)
	columns := []mutation.ColumnID{columnInt, columnText, columnDouble}
	benchRead(b, store, table, 360, func(i int) mutation.ReadRequest {
		from := start.UnixMilli() + int64(i*131%(benchRows-360))*10_000
		in := []clustering.Slice{{Start: clustering.Before(rowKey(table, from)), End: clustering.Before(rowKey(table, from+3_600_000))}}
		return mutation.ReadRequest{Key: keyOf(i % 20), Slices: clustering.MakeSlices(in), Columns: columns}
	})
}

func BenchmarkReadDayOneColumn(b *testing.B) {
	store, table := benchTable(b)
	columns := []mutation.ColumnID{columnDouble}
	benchRead(b, store, table, benchRows, func(i int) mutation.ReadRequest {
		return mutation.ReadRequest{Key: keyOf(i % 20), Slices: clustering.All(), Columns: columns}
	})
}

// BenchmarkIngest writes merged arrival: every tick all devices report, 500 rows an atomic write.
func BenchmarkIngest(b *testing.B) {
	const devices, group = 2000, 500
	store := mustOpen(b, Options{FS: vfs.OS, Dir: b.TempDir(), Clock: clock.NewManual(start), MemoryBytesMax: 100 << 20, MemtableBytes: 50 << 20})
	defer func() { mustNot(b, store.Close()) }()
	table := testTable(1)
	table.Bucket = partition.Bucketing{SizeMillis: 86_400_000}
	mustNot(b, store.PutSchema(nil, []mutation.Table{table}))
	keys := make([]partition.DecoratedKey, devices)
	for i := range keys {
		keys[i] = partition.Decorate(fmt.Appendf(nil, "device-%06d", i))
	}
	ms := make([]mutation.Mutation, group)
	rows := make([]mutation.Row, group)
	cells := make([]mutation.Cell, 3*group)
	values := make([]byte, 0, group*32)
	b.ReportAllocs()
	written := 0
	for i := 0; b.Loop(); i++ {
		values = values[:0]
		at := start.UnixMicro() + int64(i)
		tick := int64(i / (devices / group))
		for n := range group {
			device := i%(devices/group)*group + n
			from := len(values)
			values = append(values, rowKey(&table, start.UnixMilli()+tick*10_000)...)
			key := values[from:len(values):len(values)]
			cs := cells[3*n : 3*n+3]
			from = len(values)
			values = binary.BigEndian.AppendUint32(values, uint32(tick/1000))
			values = binary.BigEndian.AppendUint64(values, math.Float64bits(float64((int(tick)*7+device)%50+200)/10))
			cs[0] = mutation.Cell{Column: columnInt, Timestamp: at, ExpiresAt: mutation.Forever, Value: values[from : from+4]}
			cs[1] = mutation.Cell{Column: columnText, Timestamp: at, ExpiresAt: mutation.Forever, Value: okText}
			cs[2] = mutation.Cell{Column: columnDouble, Timestamp: at, ExpiresAt: mutation.Forever, Value: values[from+4 : from+12]}
			rows[n] = mutation.Row{Clustering: key, Live: mutation.Liveness{Timestamp: at, ExpiresAt: mutation.Forever}, Cells: cs}
			ms[n] = mutation.Mutation{Table: table.ID, Key: keys[device], Rows: rows[n : n+1]}
		}
		for {
			_, err := store.Apply(ms)
			if err == nil {
				break
			}
			if !errors.Is(err, ErrOverloaded) {
				b.Fatal(err)
			}
		}
		written += group
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(written), "ns/row")
}

var okText = []byte("ok")

// BenchmarkLastRowOfManyBuckets reads the last row of a partition, and its frontier, where a table has as many files of a bucket each:
// what they cost must not grow with the buckets.
func BenchmarkLastRowOfManyBuckets(b *testing.B) {
	for _, buckets := range []int{1, 100, 10_000} {
		store := mustOpen(b, testOptions(vfs.NewMem(), clock.NewManual(start)))
		table := testTable(1)
		table.Bucket = partition.Bucketing{SizeMillis: 86_400_000}
		mustNot(b, store.PutSchema(nil, []mutation.Table{table}))
		for n := range buckets {
			for key := range 3 {
				_, err := store.Apply([]mutation.Mutation{rowMutation(&table, key, int64(n)*86_400_000, 1)})
				mustNot(b, err)
			}
			mustNot(b, store.Flush(table.ID))
		}
		b.Run(fmt.Sprintf("read/%d", buckets), func(b *testing.B) {
			benchRead(b, store, &table, 1, func(i int) mutation.ReadRequest {
				return mutation.ReadRequest{Key: keyOf(i % 3), Slices: clustering.All(), Reverse: true, RowsMax: 1, Columns: []mutation.ColumnID{columnInt}}
			})
		})
		b.Run(fmt.Sprintf("frontier/%d", buckets), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				v := store.View()
				_, found, err := v.Frontier(table.ID, keyOf(i%3))
				mustNot(b, err)
				if !found {
					b.Fatal("the partition is not there")
				}
				v.Close()
			}
		})
		mustNot(b, store.Close())
	}
}
