package catalog

import (
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// streamed reads a partition of a virtual table of perTable: the rows of a keyspace. It has those of one table at a time, and
// of these one as values.
type streamed struct {
	source  *Source
	table   *schema.Table // the virtual one
	req     mutation.ReadRequest
	builder *mutation.BatchBuilder
	side    mutation.Side

	tables []*schema.Table // the current one and those still to come
	open   bool            // n and row are of the current one
	n      int             // its rows
	done   int             // of them, have been yielded
	row    func(i int) values
}

// stream opens a partition of a virtual table of perTable.
func (s *Source) stream(t *schema.Table, req mutation.ReadRequest) (mutation.PartitionReader, error) {
	stored := t.Stored()
	r := &streamed{source: s, table: t, req: req, builder: mutation.NewBatchBuilder(&stored, &req)}
	key, err := t.PartitionLayout().Decode(req.Key.Key)
	if err != nil {
		return nil, err
	}
	if k := s.schema.Keyspaces[string(key[0])]; k != nil {
		layout := t.ClusteringLayout()
		for _, of := range k.SortedTables() {
			name := layout[0].Append(nil, text(of.Name))
			if of.Kind != schema.Virtual && req.Slices.Overlaps(clustering.RowSlice(name)) {
				r.tables = append(r.tables, of)
			}
		}
	}
	if req.Reverse {
		slices.Reverse(r.tables)
	}
	return r, nil
}

// Side implements mutation.PartitionReader.
func (r *streamed) Side() *mutation.Side { return &r.side }

// Next implements mutation.PartitionReader.
func (r *streamed) Next() (*mutation.Batch, error) {
	r.builder.Reset()
	for !r.builder.Full() {
		row, err := r.next()
		if err != nil {
			return nil, err
		}
		if row == nil {
			break
		}
		if err := r.builder.Append(row); err != nil {
			return nil, err
		}
	}
	return r.builder.Batch(), nil
}

// next makes the next row inside the slices; nil at the end.
func (r *streamed) next() (*mutation.Row, error) {
	for len(r.tables) > 0 {
		of := r.tables[0]
		if !r.open {
			var err error
			if r.n, r.row, err = perTable[r.table.QualifiedName()](r.source, of, &r.req); err != nil {
				return nil, err
			}
			r.done, r.open = 0, true
		}
		if r.done == r.n {
			r.tables, r.open = r.tables[1:], false
			continue
		}
		i := r.done
		if r.req.Reverse {
			i = r.n - 1 - i
		}
		r.done++
		v := r.row(i)
		v[r.table.Clustering[0].Name] = text(of.Name)
		row, err := rowOf(r.table, v)
		if err != nil || r.req.Slices.Contains(row.Clustering) {
			return row, err
		}
	}
	return nil, nil
}

// Close implements mutation.PartitionReader.
func (r *streamed) Close() {}

// keyspacesIn are the partitions of a virtual table of perTable: the keyspaces that hold stored tables.
func (s *Source) keyspacesIn(t *schema.Table, r partition.Range) (*keys, error) {
	out := &keys{}
	for name, k := range s.schema.Keyspaces {
		if k.System() {
			continue
		}
		key, err := t.PartitionLayout().Encode([][]byte{text(name)})
		if err != nil {
			return nil, err
		}
		if d := partition.Decorate(key); r.Contains(d.Token) {
			out.rest = append(out.rest, d)
		}
	}
	slices.SortFunc(out.rest, partition.DecoratedKey.Compare)
	return out, nil
}
