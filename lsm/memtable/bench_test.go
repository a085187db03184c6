package memtable

import (
	"encoding/binary"
	"math"
	"runtime"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// readings makes rows of a table of six columns, as sensors send them: each sensor in time order, all sensors
// mixed.
type readings struct {
	table *mutation.Table
	keys  []partition.DecoratedKey
	n     int
	m     mutation.Mutation
	value [6][]byte
}

func newReadings(partitions int) *readings {
	r := &readings{table: &mutation.Table{Name: "k.t", Law: mutation.ByTimestamp, Clustering: clustering.Layout{{Type: types.Timestamp, Desc: true}}}}
	for id := range 5 {
		r.table.Columns = append(r.table.Columns, mutation.Column{ID: mutation.ColumnID(id + 1), Physical: mutation.PhysicalDouble, Width: 8})
	}
	r.table.Columns = append(r.table.Columns, mutation.Column{ID: 6, Physical: mutation.PhysicalBytes})
	for i := range partitions {
		r.keys = append(r.keys, keyOf(i))
	}
	for k := range 5 {
		r.value[k] = make([]byte, 8)
	}
	r.value[5] = []byte("ok")
	r.m.Rows = []mutation.Row{{Cells: make([]mutation.Cell, 6)}}
	return r
}

// next returns the next row, valid until the next call.
func (r *readings) next() *mutation.Mutation {
	row := &r.m.Rows[0]
	r.m.Key = r.keys[r.n%len(r.keys)]
	ts := int64(1700000000000 + r.n)
	var value [8]byte
	binary.BigEndian.PutUint64(value[:], uint64(ts))
	row.Clustering = r.table.Clustering[0].Append(row.Clustering[:0], value[:])
	row.Live = mutation.Liveness{Timestamp: ts * 1000, ExpiresAt: mutation.Forever}
	for k := range row.Cells {
		if k < 5 {
			binary.BigEndian.PutUint64(r.value[k], math.Float64bits(float64(r.n*k)/10))
		}
		row.Cells[k] = mutation.Cell{Column: mutation.ColumnID(k + 1), Timestamp: ts * 1000, ExpiresAt: mutation.Forever, Value: r.value[k]}
	}
	r.n++
	return &r.m
}

const benchRows = 2_000_000 // of a memtable that benchmarks fill

func benchmarkApply(b *testing.B, partitions int) {
	r := newReadings(partitions)
	m := New(r.table, 1)
	bytes := int64(0)
	for i := 0; b.Loop(); i++ {
		m.Apply(r.next(), uint64(r.n))
		if (i+1)%benchRows == 0 {
			b.StopTimer()
			bytes = max(bytes, m.Bytes()/benchRows)
			m.Free()
			m = New(r.table, 1)
			b.StartTimer()
		}
	}
	if bytes == 0 {
		bytes = m.Bytes() / int64(b.N)
	}
	b.ReportMetric(float64(bytes), "B/row")
	m.Free()
}

// BenchmarkApply puts rows of partitions in mixed order into memtables.
func BenchmarkApply2000(b *testing.B)    { benchmarkApply(b, 2000) }
func BenchmarkApply100000(b *testing.B)  { benchmarkApply(b, 100000) }
func BenchmarkApply1000000(b *testing.B) { benchmarkApply(b, 1000000) }

// BenchmarkReadings is what making the rows costs the benchmarks above.
func BenchmarkReadings(b *testing.B) {
	r := newReadings(2000)
	for b.Loop() {
		r.next()
	}
}

func filled(partitions, rows int) (*readings, *Memtable) {
	r := newReadings(partitions)
	m := New(r.table, 1)
	for range rows {
		m.Apply(r.next(), uint64(r.n))
	}
	return r, m
}

// BenchmarkBlocks walks everything as a flush does.
func BenchmarkBlocks(b *testing.B) {
	_, m := filled(2000, 1_000_000)
	for b.Loop() {
		rows := 0
		keys := m.Keys(partition.Range{}, math.MaxUint64)
		for key, _ := keys.Next(); key != nil; key, _ = keys.Next() {
			for _, run := range m.Partition(*key, math.MaxUint64).Runs() {
				blocks := run.Blocks()
				for block, _ := blocks.Next(); block != nil; block, _ = blocks.Next() {
					rows += block.Rows
				}
			}
		}
		if rows != 1_000_000 {
			b.Fatal(rows)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/row")
	m.Free()
}

// BenchmarkLatest reads the newest row of a partition.
func BenchmarkLatest(b *testing.B) {
	r, m := filled(2000, 1_000_000)
	req := &mutation.ReadRequest{Slices: clustering.All(), Columns: []mutation.ColumnID{1, 2, 6}, RowsMax: 1}
	for i := 0; b.Loop(); i++ {
		source := m.Partition(r.keys[i%len(r.keys)], math.MaxUint64).Runs()[0].Batches(req)
		if batch, err := source.Next(); err != nil || batch.Rows != 1 {
			b.Fatal(batch, err)
		}
		source.Close()
	}
	m.Free()
}

// BenchmarkOverwrite writes the same rows again and again, as a table of newest values does.
func BenchmarkOverwrite(b *testing.B) {
	r := newReadings(2000)
	m := New(r.table, 1)
	key := r.next().Rows[0].Clustering
	key = append([]byte(nil), key...)
	for b.Loop() {
		mu := r.next()
		copy(mu.Rows[0].Clustering, key)
		m.Apply(mu, uint64(r.n))
		m.SetOldest(uint64(r.n - 5000))
	}
	b.ReportMetric(float64(m.Bytes())/float64(b.N), "B/row")
	m.Free()
}

// TestHeapDoesNotGrowWithRows holds the memtable to leaving nothing for the garbage collector to look at.
func TestHeapDoesNotGrowWithRows(t *testing.T) {
	if raceEnabled {
		t.Skip("arenas come from the Go heap")
	}
	r := newReadings(1000)
	m := New(r.table, 1)
	apply := func(n int) {
		for range n {
			m.Apply(r.next(), uint64(r.n))
		}
	}
	apply(2000)
	objects := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapObjects
	}
	before := objects()
	apply(300_000)
	if after := objects(); after > before+100 {
		t.Errorf("%d objects became %d", before, after)
	}
	runtime.KeepAlive(m)
	m.Free()
}

// A partition of one row costs little, and its key.
func TestSmallPartitions(t *testing.T) {
	r := newReadings(20000)
	m := New(r.table, 1)
	for range 20000 {
		m.Apply(r.next(), uint64(r.n))
	}
	if per := m.Bytes() / 20000; per > 280 {
		t.Errorf("%d bytes a partition of one row", per)
	}
	m.Free()
}
