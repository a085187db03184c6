package catalog

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Source answers reads of virtual tables. It is used by one reader.
type Source struct {
	catalog *Catalog
	schema  *schema.Snapshot
	tables  map[*schema.Table][]virtualPartition // in (token, key) order, computed when first asked for
}

// virtualPartition is a partition of a virtual table.
type virtualPartition struct {
	key  partition.DecoratedKey
	rows []mutation.Row // in clustering order
}

// values are the columns of one row by name; a column that is left out is null.
type values map[string][]byte

// partitions computes a table.
func (s *Source) partitions(t *schema.Table) ([]virtualPartition, error) {
	if done, ok := s.tables[t]; ok {
		return done, nil
	}
	out, err := arrange(t, s.rows(t))
	if err != nil {
		return nil, err
	}
	s.tables[t] = out
	return out, nil
}

// arrange puts rows into partitions, in (token, key) order.
func arrange(t *schema.Table, rows []values) ([]virtualPartition, error) {
	byKey := map[string]*virtualPartition{}
	for _, row := range rows {
		if err := place(t, row, byKey); err != nil {
			return nil, fmt.Errorf("catalogue: table %s: %w", t.QualifiedName(), err)
		}
	}
	out := make([]virtualPartition, 0, len(byKey))
	for _, p := range byKey {
		slices.SortFunc(p.rows, func(a, b mutation.Row) int { return bytes.Compare(a.Clustering, b.Clustering) })
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b virtualPartition) int { return a.key.Compare(b.key) })
	return out, nil
}

func place(t *schema.Table, row values, byKey map[string]*virtualPartition) error {
	key, err := t.PartitionLayout().Encode(pick(row, t.PartitionKey))
	if err != nil {
		return err
	}
	out, err := rowOf(t, row)
	if err != nil {
		return err
	}
	p := byKey[string(key)]
	if p == nil {
		p = &virtualPartition{key: partition.Decorate(key)}
		byKey[string(key)] = p
	}
	p.rows = append(p.rows, *out)
	return nil
}

// rowOf is a row as a store would have it.
func rowOf(t *schema.Table, row values) (*mutation.Row, error) {
	at, err := t.ClusteringLayout().Encode(pick(row, t.Clustering))
	if err != nil {
		return nil, err
	}
	out := &mutation.Row{Clustering: at, Live: mutation.Liveness{ExpiresAt: mutation.Forever}}
	for _, c := range t.Regulars {
		if v := row[c.Name]; v != nil {
			out.Cells = append(out.Cells, mutation.Cell{Column: c.ID, ExpiresAt: mutation.Forever, Value: v})
		}
	}
	slices.SortFunc(out.Cells, func(a, b mutation.Cell) int { return int(a.Column) - int(b.Column) })
	return out, nil
}

func pick(row values, columns []*schema.Column) [][]byte {
	out := make([][]byte, len(columns))
	for i, c := range columns {
		out[i] = row[c.Name]
	}
	return out
}

// Read reads one partition of a virtual table.
func (s *Source) Read(t *schema.Table, req mutation.ReadRequest) (mutation.PartitionReader, error) {
	if perTable[t.QualifiedName()] != nil {
		return s.stream(t, req)
	}
	all, err := s.partitionsFor(t, &req)
	if err != nil {
		return nil, err
	}
	stored := t.Stored()
	r := &reader{req: req, builder: mutation.NewBatchBuilder(&stored, &req)}
	i, found := slices.BinarySearchFunc(all, req.Key, func(p virtualPartition, k partition.DecoratedKey) int { return p.key.Compare(k) })
	if !found {
		return r, nil
	}
	for _, row := range all[i].rows {
		if req.Slices.Contains(row.Clustering) {
			r.rows = append(r.rows, row)
		}
	}
	if req.Reverse {
		slices.Reverse(r.rows)
	}
	return r, nil
}

// partitionsFor are at least the one that is asked for.
func (s *Source) partitionsFor(t *schema.Table, req *mutation.ReadRequest) ([]virtualPartition, error) {
	if traceRows[t.QualifiedName()] != nil {
		return s.trace(t, req)
	}
	return s.partitions(t)
}

// reader yields the rows of one partition.
type reader struct {
	req     mutation.ReadRequest
	rows    []mutation.Row
	builder *mutation.BatchBuilder
	side    mutation.Side
}

func (r *reader) Side() *mutation.Side { return &r.side }

func (r *reader) Next() (*mutation.Batch, error) {
	if len(r.rows) == 0 {
		return nil, nil
	}
	r.builder.Reset()
	for len(r.rows) > 0 && !r.builder.Full() {
		if err := r.builder.Append(&r.rows[0]); err != nil {
			return nil, err
		}
		r.rows = r.rows[1:]
	}
	return r.builder.Batch(), nil
}

func (r *reader) Close() {}

// Keys walks the partitions of a virtual table.
func (s *Source) Keys(t *schema.Table, r partition.Range) (mutation.KeyIterator, error) {
	if perTable[t.QualifiedName()] != nil {
		return s.keyspacesIn(t, r)
	}
	all, err := s.partitions(t)
	if err != nil {
		return nil, err
	}
	it := &keys{}
	for i := range all {
		if r.Contains(all[i].key.Token) {
			it.rest = append(it.rest, all[i].key)
		}
	}
	return it, nil
}

type keys struct{ rest []partition.DecoratedKey }

func (k *keys) Next() (*partition.DecoratedKey, error) {
	if len(k.rest) == 0 {
		return nil, nil
	}
	next := &k.rest[0]
	k.rest = k.rest[1:]
	return next, nil
}

func (k *keys) Close() {}
