package exec

import (
	"bytes"
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// memory is a Source that holds merged partitions in memory and gives them in batches of batchRows.
type memorySource struct {
	partitions []memoryPartition // in order
	batchRows  int
}

type memoryPartition struct {
	key    partition.DecoratedKey
	static *mutation.Row
	rows   []mutation.Row // in clustering order
}

func (m *memorySource) sort() {
	slices.SortFunc(m.partitions, func(a, b memoryPartition) int { return a.key.Compare(b.key) })
	for _, p := range m.partitions {
		slices.SortFunc(p.rows, func(a, b mutation.Row) int { return bytes.Compare(a.Clustering, b.Clustering) })
	}
}

func (m *memorySource) Read(t *schema.Table, req mutation.ReadRequest) (mutation.PartitionReader, error) {
	stored := t.Stored()
	r := &memoryReader{builder: mutation.NewBatchBuilder(&stored, &req), batchRows: m.batchRows, side: &mutation.Side{}}
	for _, p := range m.partitions {
		if !p.key.Equal(req.Key) {
			continue
		}
		r.side.Static = p.static
		for _, row := range p.rows {
			if req.Slices.Contains(row.Clustering) {
				r.rows = append(r.rows, row)
			}
		}
	}
	if req.Reverse {
		slices.Reverse(r.rows)
	}
	return r, nil
}

type memoryReader struct {
	builder   *mutation.BatchBuilder
	batchRows int
	side      *mutation.Side
	rows      []mutation.Row
}

func (r *memoryReader) Side() *mutation.Side { return r.side }
func (r *memoryReader) Close()               {}

func (r *memoryReader) Next() (*mutation.Batch, error) {
	r.builder.Reset()
	for len(r.rows) > 0 && r.builder.Len() < r.batchRows {
		if err := r.builder.Append(&r.rows[0]); err != nil {
			return nil, err
		}
		r.rows = r.rows[1:]
	}
	return r.builder.Batch(), nil
}

func (m *memorySource) Keys(_ *schema.Table, r partition.Range) (mutation.KeyIterator, error) {
	it := &memoryKeys{}
	for _, p := range m.partitions {
		if r.Contains(p.key.Token) {
			it.keys = append(it.keys, p.key)
		}
	}
	return it, nil
}

type memoryKeys struct{ keys []partition.DecoratedKey }

func (it *memoryKeys) Close() {}

func (it *memoryKeys) Next() (*partition.DecoratedKey, error) {
	if len(it.keys) == 0 {
		return nil, nil
	}
	key := it.keys[0]
	it.keys = it.keys[1:]
	return &key, nil
}
