// Package querytable turns what happens to a row of a base table into what must happen to the
// rows of its copies: query tables and views (R39).
//
// It knows the merged base row before and after a write, and definitions of copies. It does not
// know the clock, stores, or how the base row was found.
package querytable

import (
	"fmt"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// source says where a column of a copy's key comes from in the base row.
type source struct {
	kind     schema.ColumnKind
	position int               // of a key column
	id       mutation.ColumnID // of a regular column
}

// Projector computes the rows of one copy.
type Projector struct {
	base, copy *schema.Table
	partition  []source
	clustering []source
	notNull    []mutation.ColumnID // regular columns that decide whether the row is in the copy
	layout     partition.Layout
}

// New makes the projector of a copy.
func New(base, copied *schema.Table) (*Projector, error) {
	p := &Projector{base: base, copy: copied, layout: copied.PartitionLayout()}
	for _, part := range []struct {
		columns []*schema.Column
		into    *[]source
	}{{copied.PartitionKey, &p.partition}, {copied.Clustering, &p.clustering}} {
		for _, c := range part.columns {
			from := base.Column(c.Name)
			if from == nil {
				return nil, fmt.Errorf("query table %s: key column %s is not in %s", copied.QualifiedName(), c.Name, base.QualifiedName())
			}
			*part.into = append(*part.into, source{kind: from.Kind, position: from.Position, id: from.ID})
			if from.Kind == schema.Regular {
				p.notNull = append(p.notNull, from.ID)
			}
		}
	}
	for _, name := range copied.Copy.NotNull {
		from := base.Column(name)
		if from == nil {
			return nil, fmt.Errorf("query table %s: filtered column %s is not in %s", copied.QualifiedName(), name, base.QualifiedName())
		}
		p.notNull = append(p.notNull, from.ID)
	}
	return p, nil
}

// Row is a row of the copy with the partition it belongs to.
type Row struct {
	Key partition.DecoratedKey
	Row mutation.Row
}

// Project computes the copy's row of a merged base row, which must not be changed while the result is
// used. ok is false when the base row has no row in the copy: a nil row, one whose key or filter has a
// null, and one that has ended by nowSec, whose cells may have lost their values (R34).
func (p *Projector) Project(key partition.DecoratedKey, base *mutation.Row, nowSec int64) (out Row, ok bool, err error) {
	if base == nil {
		return Row{}, false, nil
	}
	end := rowEnd(base)
	for _, id := range p.notNull {
		c := findCell(base, id)
		if c == nil || c.IsTombstone() {
			return Row{}, false, nil
		}
		end = min(end, c.ExpiresAt)
	}
	if end == 0 || end <= nowSec {
		return Row{}, false, nil
	}
	if err := p.place(key, base, &out); err != nil {
		return Row{}, false, err
	}
	out.Row.Live = mutation.Liveness{Timestamp: base.Live.Timestamp, TTL: base.Live.TTL, ExpiresAt: end}
	for _, c := range p.copy.Copy.Columns {
		if from := findCell(base, c.From); from != nil && !from.IsTombstone() && from.ExpiresAt > nowSec {
			cell := *from
			cell.Column = c.To
			out.Row.Cells = append(out.Row.Cells, cell)
		}
	}
	return out, true, nil
}

// place computes the copy's partition key and clustering.
func (p *Projector) place(key partition.DecoratedKey, base *mutation.Row, out *Row) error {
	partitionValues, err := p.base.PartitionLayout().Decode(key.Key)
	if err != nil {
		return fmt.Errorf("query table %s: base partition key: %w", p.copy.QualifiedName(), err)
	}
	clusteringValues, err := p.base.ClusteringLayout().Decode(base.Clustering)
	if err != nil {
		return fmt.Errorf("query table %s: base clustering: %w", p.copy.QualifiedName(), err)
	}
	pick := func(s source) []byte {
		switch s.kind {
		case schema.PartitionKey:
			return partitionValues[s.position]
		case schema.ClusteringKey:
			return clusteringValues[s.position]
		}
		return findCell(base, s.id).Value
	}
	values := make([][]byte, len(p.partition))
	for i, s := range p.partition {
		values[i] = pick(s)
	}
	encoded, err := p.layout.Encode(values)
	if err != nil {
		return fmt.Errorf("query table %s: %w", p.copy.QualifiedName(), err)
	}
	out.Key = partition.Decorate(encoded)
	values = make([][]byte, len(p.clustering))
	for i, s := range p.clustering {
		values[i] = pick(s)
	}
	if out.Row.Clustering, err = p.copy.ClusteringLayout().Encode(values); err != nil {
		return fmt.Errorf("query table %s: %w", p.copy.QualifiedName(), err)
	}
	return nil
}

// rowEnd is when the base row stops to show: the largest end of its liveness and of all its
// regular cells, copied or not (R39a); 0 when nothing of it lives.
func rowEnd(base *mutation.Row) int64 {
	end := base.Live.ExpiresAt
	for i := range base.Cells {
		if !base.Cells[i].IsTombstone() {
			end = max(end, base.Cells[i].ExpiresAt)
		}
	}
	return end
}

func findCell(row *mutation.Row, id mutation.ColumnID) *mutation.Cell {
	for i := range row.Cells {
		if row.Cells[i].Column == id {
			return &row.Cells[i]
		}
	}
	return nil
}

// Difference is what must be written to the copy when a base row changes from before to after (R39b):
// the old row deleted if it moves or ends, the new one written if it is not the same. nowSec is the
// server's time in seconds; a row that has ended by then shows nowhere any more and is left alone.
func (p *Projector) Difference(key partition.DecoratedKey, before, after *mutation.Row, nowSec int64) ([]mutation.Mutation, error) {
	old, had, err := p.Project(key, before, nowSec)
	if err != nil {
		return nil, err
	}
	fresh, has, err := p.Project(key, after, nowSec)
	if err != nil {
		return nil, err
	}
	var out []mutation.Mutation
	if had && (!has || !samePlace(&old, &fresh)) {
		gone := mutation.Row{Clustering: old.Row.Clustering, Deletion: mutation.Deletion{LocalSec: max(nowSec, 1)}}
		out = append(out, mutation.Mutation{Table: p.copy.ID, Key: old.Key, Rows: []mutation.Row{gone}})
	}
	if has && !(had && samePlace(&old, &fresh) && sameContent(&old.Row, &fresh.Row)) {
		out = append(out, mutation.Mutation{Table: p.copy.ID, Key: fresh.Key, Rows: []mutation.Row{fresh.Row}})
	}
	return out, nil
}

func samePlace(a, b *Row) bool {
	return string(a.Key.Key) == string(b.Key.Key) && string(a.Row.Clustering) == string(b.Row.Clustering)
}

func sameContent(a, b *mutation.Row) bool {
	if a.Live != b.Live || len(a.Cells) != len(b.Cells) {
		return false
	}
	for i := range a.Cells {
		x, y := &a.Cells[i], &b.Cells[i]
		if x.Column != y.Column || x.Timestamp != y.Timestamp || x.TTL != y.TTL || x.ExpiresAt != y.ExpiresAt || string(x.Value) != string(y.Value) {
			return false
		}
	}
	return true
}
