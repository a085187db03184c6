package sstable

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

// benchRows is a partition of some row groups.
const benchRows = 32 * groupRowsMax

func BenchmarkWrite(b *testing.B) {
	for _, name := range []string{"time", "time desc"} {
		b.Run(name, func(b *testing.B) {
			table := testTable(mutation.ByTimestamp, layouts[name])
			parts := []stored{{key: key(1), rows: inOrder(sensorRows(b, table.Clustering, benchRows))}}
			b.ReportAllocs()
			for b.Loop() {
				info := write(b, vfs.NewMem(), WriterOptions{Table: table, FileID: 7}, parts)
				b.ReportMetric(float64(info.Bytes)/benchRows, "B/row")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}

// inOrder turns rows written in natural order around if their clustering descends.
func inOrder(rows []mutation.Row) []mutation.Row {
	if string(rows[0].Clustering) > string(rows[1].Clustering) {
		for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
			rows[i], rows[j] = rows[j], rows[i]
		}
	}
	return rows
}

func benchPartition(b testing.TB, layout string) *Partition {
	table := testTable(mutation.ByTimestamp, layouts[layout])
	fs := vfs.NewMem()
	write(b, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: inOrder(sensorRows(b, table.Clustering, benchRows))}})
	p, err := open(b, fs, table).Partition(key(1))
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func BenchmarkRows(b *testing.B) {
	p := benchPartition(b, "time")
	b.ReportAllocs()
	for b.Loop() {
		source := p.rows(clustering.All(), false)
		for {
			row, err := source.Next()
			if err != nil {
				b.Fatal(err)
			}
			if row == nil {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func BenchmarkBatches(b *testing.B) {
	p := benchPartition(b, "time")
	for name, columns := range map[string][]mutation.ColumnID{"one column": {1}, "all": {1, 2, 3}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				drain(b, p.batches(&mutation.ReadRequest{Slices: clustering.All(), Columns: columns}))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}

func drain(b *testing.B, source *batchSource) {
	for {
		batch, err := source.Next()
		if err != nil {
			b.Fatal(err)
		}
		if batch == nil {
			return
		}
	}
}

// dashboard is what a dashboard asks of a file: 40 partitions of a day each, a row every ten seconds, four columns that wander.
func dashboard(b *testing.B) []*Partition {
	table := &mutation.Table{
		ID: mutation.TableID{1}, Name: "ks.weather", Law: mutation.ByTimestamp, Clustering: layouts["time"],
		Columns: []mutation.Column{
			{ID: 1, Physical: mutation.PhysicalDouble, Width: 8}, {ID: 2, Physical: mutation.PhysicalDouble, Width: 8},
			{ID: 3, Physical: mutation.PhysicalInt, Width: 4}, {ID: 4, Physical: mutation.PhysicalFloat, Width: 4},
		},
	}
	parts := make([]stored, 40)
	for i := range parts {
		parts[i].key = key(i)
	}
	sortParts(parts)
	rng := rand.New(rand.NewPCG(1, 2))
	fs := vfs.NewMem()
	f, err := fs.Create(testPath)
	if err != nil {
		b.Fatal(err)
	}
	w := NewWriter(f, WriterOptions{Table: table, FileID: 7})
	for i := range parts {
		if err := w.StartPartition(parts[i].key, nil); err != nil {
			b.Fatal(err)
		}
		if err := w.AppendBlock(wandering(rng, dayRows), 0, dayRows); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		b.Fatal(err)
	}
	r := open(b, fs, table)
	out := make([]*Partition, len(parts))
	for i := range parts {
		if out[i], err = r.Partition(parts[i].key); err != nil {
			b.Fatal(err)
		}
	}
	return out
}

const (
	dayRows   = 8640
	hourRows  = 360
	dayStart  = 1700000000000 // ms
	rowMillis = 10000
)

// wandering is a block of the columns of dashboard.
func wandering(rng *rand.Rand, n int) *mutation.Block {
	b := &mutation.Block{Rows: n, Clustering: make([]mutation.Vector, 1), Columns: make([]mutation.Vector, 4)}
	b.Clustering[0].Reset(mutation.PhysicalInt, 8)
	b.Columns[0].Reset(mutation.PhysicalDouble, 8)
	b.Columns[1].Reset(mutation.PhysicalDouble, 8)
	b.Columns[2].Reset(mutation.PhysicalInt, 4)
	b.Columns[3].Reset(mutation.PhysicalFloat, 4)
	warm, wet, up := 2000, 5000, 100
	for i := range n {
		warm, wet, up = warm+rng.IntN(5)-2, wet+rng.IntN(21)-10, up+1
		b.Clustering[0].Words = append(b.Clustering[0].Words, uint64(dayStart+i*rowMillis))
		b.Timestamps = append(b.Timestamps, int64(dayStart+i/100*100*rowMillis)*1000)
		b.Columns[0].Words = append(b.Columns[0].Words, math.Float64bits(float64(warm)/100))
		b.Columns[1].Words = append(b.Columns[1].Words, math.Float64bits(float64(wet)/100))
		b.Columns[2].Words = append(b.Columns[2].Words, uint64(up))
		b.Columns[3].Words = append(b.Columns[3].Words, uint64(math.Float32bits(float32(warm)/10)))
	}
	return b
}

// readAll reads a request to its end and returns how many rows there were.
func readAll(b *testing.B, p *Partition, req *mutation.ReadRequest) int {
	source := p.Run().Batches(req)
	defer source.Close()
	rows := 0
	for {
		batch, err := source.Next()
		if err != nil {
			b.Fatal(err)
		}
		if batch == nil || req.RowsMax > 0 && rows >= req.RowsMax {
			return rows
		}
		rows += batch.Rows
	}
}

// BenchmarkRead reads what dashboards ask for, each time of another partition.
func BenchmarkRead(b *testing.B) {
	parts := dashboard(b)
	bound := func(row int) clustering.Bound {
		return clustering.Before(encodeKey(b, layouts["time"], be(int64(dayStart+row*rowMillis), 8)))
	}
	four := []mutation.ColumnID{1, 2, 3, 4}
	for _, c := range []struct {
		name string
		rows int
		req  mutation.ReadRequest
	}{
		{"latest", 1, mutation.ReadRequest{Slices: clustering.All(), Reverse: true, Columns: four, RowsMax: 1}},
		{"hour", hourRows, mutation.ReadRequest{Slices: clustering.Slices{{Start: bound(1500), End: bound(1500 + hourRows)}}, Columns: four}},
		{"day of a column", dayRows, mutation.ReadRequest{Slices: clustering.All(), Columns: four[:1]}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if rows := readAll(b, parts[n%len(parts)], &c.req); rows != c.rows {
					b.Fatal(rows)
				}
				n++
			}
		})
	}
}

// BenchmarkSmallPartitions walks over partitions of one to three rows.
func BenchmarkSmallPartitions(b *testing.B) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	parts := manyParts(b, table.Clustering, 4000)
	fs := vfs.NewMem()
	write(b, fs, WriterOptions{Table: table, FileID: 7}, parts)
	r := open(b, fs, table)
	b.ReportAllocs()
	for b.Loop() {
		for i := range parts {
			p, err := r.Partition(parts[i].key)
			if err != nil {
				b.Fatal(err)
			}
			source := p.rows(clustering.All(), false)
			for row, err := source.Next(); row != nil || err != nil; row, err = source.Next() {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(parts)), "ns/partition")
}

// BenchmarkWriteBlock writes a partition of four columns from vectors.
func BenchmarkWriteBlock(b *testing.B) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	block := plainBlock(b, table, benchRows)
	b.ReportAllocs()
	for b.Loop() {
		f, err := vfs.NewMem().Create(testPath)
		if err != nil {
			b.Fatal(err)
		}
		w := NewWriter(f, WriterOptions{Table: table, FileID: 7})
		if err := w.StartPartition(key(1), nil); err != nil {
			b.Fatal(err)
		}
		if err := w.AppendBlock(block, 0, block.Rows); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Finish(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

// BenchmarkCopy copies partitions of a day from file to file.
func BenchmarkCopy(b *testing.B) {
	parts := dashboard(b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		f, err := vfs.NewMem().Create(testPath)
		if err != nil {
			b.Fatal(err)
		}
		w := NewWriter(f, WriterOptions{Table: parts[0].r.table, FileID: 8})
		if err := w.StartPartition(key(1), nil); err != nil {
			b.Fatal(err)
		}
		if copied, err := copyInto(w, parts[n%len(parts)]); err != nil || copied < dayRows-copyRowsMin {
			b.Fatal(copied, err)
		}
		if _, err := w.Finish(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/dayRows, "ns/row")
}

// BenchmarkReadBehindExpired reads a thousand rows that live behind a million that have expired.
func BenchmarkReadBehindExpired(b *testing.B) {
	parts := dashboard(b)
	table := parts[0].r.table
	const expired, living = 1 << 20, 1 << 10
	block := wandering(rand.New(rand.NewPCG(1, 2)), expired+living)
	block.TTLs, block.ExpiresAt = make([]int32, block.Rows), make([]int64, block.Rows)
	for i := range block.Rows {
		block.TTLs[i], block.ExpiresAt[i] = 60, 1000
		if i >= expired {
			block.ExpiresAt[i] = 2000
		}
	}
	fs := vfs.NewMem()
	f, err := fs.Create(testPath)
	if err != nil {
		b.Fatal(err)
	}
	w := NewWriter(f, WriterOptions{Table: table, FileID: 7})
	if err := w.StartPartition(key(1), nil); err != nil {
		b.Fatal(err)
	}
	if err := w.AppendBlock(block, 0, block.Rows); err != nil {
		b.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		b.Fatal(err)
	}
	p, err := open(b, fs, table).Partition(key(1))
	if err != nil {
		b.Fatal(err)
	}
	req := &mutation.ReadRequest{Slices: clustering.All(), Columns: []mutation.ColumnID{1}, NowSec: 1500}
	for b.Loop() {
		if rows := readAll(b, p, req); rows != living {
			b.Fatal(rows)
		}
	}
}
