package database

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/database/traffic"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// topPartitionsMax is how many partitions of a table are shown of those most read, most written and with the most bytes each.
const topPartitionsMax = 100

// noteWrites counts the mutations of statements among the hot partitions.
func (d *Database) noteWrites(plan *planner.Write) {
	for i := range plan.Mutations {
		weight := d.hot.Sample()
		if weight == 0 {
			continue
		}
		m := &plan.Mutations[i]
		d.hot.Add(d.clock.Now().Unix(), weight, &traffic.Touch{
			Table: m.Table.ID, Key: m.Key.Key, Writes: rowsWritten(&m.Mutation), Bytes: bytesWritten(&m.Mutation),
		})
	}
}

// bytesWritten is how many bytes the keys and values of a mutation have.
func bytesWritten(m *mutation.Mutation) int64 {
	n := 0
	add := func(row *mutation.Row) {
		n += len(row.Clustering)
		for i := range row.Cells {
			n += len(row.Cells[i].Value)
		}
	}
	for i := range m.Rows {
		add(&m.Rows[i])
	}
	if m.Static != nil {
		add(m.Static)
	}
	return int64(n + len(m.Key.Key))
}

// noteRead counts a partition that a statement reads among the hot ones.
func (d *Database) noteRead(t *schema.Table, key partition.DecoratedKey, rows mutation.PartitionReader) mutation.PartitionReader {
	weight := d.hot.Sample()
	if weight == 0 {
		return rows
	}
	counted := &countedReader{PartitionReader: rows, d: d, weight: weight, touch: traffic.Touch{Table: t.ID, Key: bytes.Clone(key.Key), Reads: 1}}
	if summaries, ok := rows.(mutation.Expander); ok {
		return countedExpander{counted, summaries}
	}
	return counted
}

// countedExpander is a countedReader that can have summaries.
type countedExpander struct {
	*countedReader
	mutation.Expander
}

// countedReader counts what is read of a partition.
type countedReader struct {
	mutation.PartitionReader
	d      *Database
	weight int64
	touch  traffic.Touch
}

// Next implements mutation.PartitionReader.
func (r *countedReader) Next() (*mutation.Batch, error) {
	b, err := r.PartitionReader.Next()
	if b != nil {
		for _, vectors := range [][]mutation.Vector{b.Clustering, b.Columns} {
			for i := range vectors {
				r.touch.Bytes += vectorBytes(&vectors[i])
			}
		}
	}
	return b, err
}

// vectorBytes is how many bytes the values of a vector have.
func vectorBytes(v *mutation.Vector) int64 {
	if v.Physical == mutation.PhysicalBytes {
		return int64(len(v.Data))
	}
	return int64(len(v.Words) * v.Width)
}

// Close implements mutation.PartitionReader.
func (r *countedReader) Close() {
	r.PartitionReader.Close()
	if r.weight > 0 {
		r.d.hot.Add(r.d.clock.Now().Unix(), r.weight, &r.touch)
		r.weight = 0 // it may be closed again
	}
}

// TopPartitions implements catalog.Sight: by reads and writes together, then by bytes.
func (s status) TopPartitions(t *schema.Table) []catalog.TopPartition {
	var out []catalog.TopPartition
	for _, p := range s.d.hot.Top(s.d.clock.Now().Unix(), t.ID, topPartitionsMax) {
		out = append(out, catalog.TopPartition{Key: partition.Decorate(p.Key), Reads: p.Reads, Writes: p.Writes, Bytes: p.Bytes})
	}
	slices.SortFunc(out, func(a, b catalog.TopPartition) int {
		return cmp.Or(cmp.Compare(b.Reads+b.Writes, a.Reads+a.Writes), cmp.Compare(b.Bytes, a.Bytes), a.Key.Compare(b.Key))
	})
	return out
}
