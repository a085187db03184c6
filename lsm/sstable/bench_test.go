package sstable

import (
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

func benchPartition(b *testing.B, layout string) *Partition {
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
		source := p.Rows(clustering.All(), false)
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
				drain(b, p.Batches(&mutation.ReadRequest{Slices: clustering.All(), Columns: columns}))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}

func drain(b *testing.B, source *BatchSource) {
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

// BenchmarkLatest reads the last row of a partition.
func BenchmarkLatest(b *testing.B) {
	p := benchPartition(b, "time")
	b.ReportAllocs()
	for b.Loop() {
		source := p.Batches(&mutation.ReadRequest{Slices: clustering.All(), Reverse: true, Columns: []mutation.ColumnID{1, 2, 3}, RowsMax: 1})
		if batch, err := source.Next(); err != nil || batch.Rows != 1 {
			b.Fatal(batch, err)
		}
		source.Close()
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
			source := p.Rows(clustering.All(), false)
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
