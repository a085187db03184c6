package sstable

import (
	"sort"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Partition is what a file holds of one partition.
type Partition struct {
	r     *Reader
	place int // in the index
	spans []span
	side  *mutation.Side
}

// span is the part of a row group that belongs to a partition.
type span struct {
	group       int
	from, to    int
	first, last []byte
}

// Partition returns the partition with that key, or nil.
func (r *Reader) Partition(key partition.DecoratedKey) (*Partition, error) {
	place, ok := r.index.search(int64(key.Token), key.Key)
	if !ok {
		return nil, nil
	}
	p := &Partition{r: r, place: place, spans: r.spansOf(place)}
	side, err := r.sideOf(place)
	if err != nil {
		return nil, err
	}
	p.side = side
	return p, nil
}

// spansOf lists the row groups of a partition.
func (r *Reader) spansOf(place int) []span {
	g, s, ok := r.index.begin(place)
	if !ok {
		return nil
	}
	var out []span
	for ; g < len(r.groups); g, s = g+1, 0 {
		segments := r.groups[g].segments
		part := &segments[s]
		if part.partition != place {
			break
		}
		out = append(out, span{g, part.from, part.to, part.first, part.last})
		if s != len(segments)-1 {
			break
		}
	}
	return out
}

// sideOf decodes the side data of a partition; a partition without any has an empty one.
func (r *Reader) sideOf(place int) (*mutation.Side, error) {
	i := sort.Search(len(r.sides), func(i int) bool { return r.sides[i].partition >= place })
	if i == len(r.sides) || r.sides[i].partition != place {
		return &mutation.Side{}, nil
	}
	side, err := decodeSide(r.sides[i].body)
	if err != nil {
		return nil, r.corrupt(int64(r.rowsEnd), "side data", err)
	}
	if side.Static != nil {
		side.Static.Cells = r.withoutDropped(side.Static.Cells)
	}
	return side, nil
}

// withoutDropped keeps the cells whose static columns the table has.
func (r *Reader) withoutDropped(cells []mutation.Cell) []mutation.Cell {
	out := cells[:0]
	for _, c := range cells {
		i := sort.Search(len(r.table.Columns), func(i int) bool { return r.table.Columns[i].ID >= c.Column })
		if i < len(r.table.Columns) && r.table.Columns[i].ID == c.Column {
			out = append(out, c)
		}
	}
	return out
}

// Side returns partition deletion, static row and range tombstones. It must not be changed.
func (p *Partition) Side() *mutation.Side { return p.side }

// Bounds returns the first and the last clustering of the partition's rows in this file, row deletions
// included; ok is false if it has none.
func (p *Partition) Bounds() (first, last []byte, ok bool) {
	if len(p.spans) == 0 {
		return nil, nil, false
	}
	return p.spans[0].first, p.spans[len(p.spans)-1].last, true
}

// RowsMost returns how many rows the partition has in this file, hidden ones included.
func (p *Partition) RowsMost() int {
	rows := 0
	for _, s := range p.spans {
		rows += s.to - s.from
	}
	return rows
}

// MinTimestamp is not above any write timestamp of the partition in this file.
func (p *Partition) MinTimestamp() int64 {
	info := newInfo()
	for _, s := range p.spans {
		info.addTimestamp(p.r.groups[s.group].minTimestamp)
	}
	info.addSide(p.side)
	return info.MinTimestamp
}

// MinTimestampOf is not above any write timestamp of the partition in this file; ok is false if the file
// has nothing of it.
func (r *Reader) MinTimestampOf(key partition.DecoratedKey) (ts int64, ok bool, err error) {
	p, err := r.Partition(key)
	if p == nil || err != nil {
		return 0, false, err
	}
	return p.MinTimestamp(), true, nil
}

// GroupStatistics is what is known of the rows of a partition in one row group.
type GroupStatistics struct {
	Rows         int
	First, Last  []byte // clustering
	Whole        bool   // the row group is the partition's alone; else Column is not filled
	Hidden       bool   // some rows may not show: Rows is not the number that does
	MinExpiresAt int64  // nothing ends before, in seconds; mutation.Forever if nothing does
	Known        bool   // Column is filled
	Column       ColumnStatistics
}

// Statistics returns what is known of a column, a row group each, in clustering order.
func (p *Partition) Statistics(column mutation.ColumnID) []GroupStatistics {
	out := make([]GroupStatistics, 0, len(p.spans))
	for _, s := range p.spans {
		g := &p.r.groups[s.group]
		st := GroupStatistics{
			Rows: s.to - s.from, First: s.first, Last: s.last, Whole: len(g.segments) == 1,
			Hidden: g.flags&(groupAllLive|groupRowDeletions) != groupAllLive, MinExpiresAt: g.minEnd,
		}
		if st.Whole && p.r.stats != nil {
			list := p.r.stats[s.group]
			i := sort.Search(len(list), func(i int) bool { return list[i].Column >= column })
			if i < len(list) && list[i].Column == column {
				st.Known, st.Column = true, list[i]
			}
		}
		out = append(out, st)
	}
	return out
}

// spanCursor goes through the spans of a partition that may have rows in some slices.
type spanCursor struct {
	spans   []span
	slices  clustering.Slices
	reverse bool
}

// spansIn returns a cursor over the spans that reach into the slices, in clustering order or in reverse.
func (p *Partition) spansIn(slices clustering.Slices, reverse bool) spanCursor {
	return spanCursor{p.spans, slices, reverse}
}

// next returns the next span, valid until the next call; the end is nil, nil.
func (c *spanCursor) next() (*span, error) {
	for len(c.spans) > 0 {
		s := &c.spans[0]
		if c.reverse {
			s = &c.spans[len(c.spans)-1]
			c.spans = c.spans[:len(c.spans)-1]
		} else {
			c.spans = c.spans[1:]
		}
		if touches(c.slices, s.first, s.last) {
			return s, nil
		}
	}
	return nil, nil
}

// touches reports whether one of the slices reaches into first to last.
func touches(slices clustering.Slices, first, last []byte) bool {
	i := slices.Seek(first)
	return i < len(slices) && slices[i].Start.CompareKey(last) < 0
}

// keyIterator yields the keys of a range of tokens.
type keyIterator struct {
	r     *Reader
	next  int
	until partition.Range
	key   partition.DecoratedKey
}

// Keys yields the keys of the partitions in the range, those with nothing but deletions included.
func (r *Reader) Keys(in partition.Range) mutation.KeyIterator {
	next, _ := r.index.search(int64(in.First()), nil)
	return &keyIterator{r: r, next: next, until: in}
}

// Next returns the next key; the end is nil, nil.
func (k *keyIterator) Next() (*partition.DecoratedKey, error) {
	for k.next < k.r.index.n {
		k.key = k.r.decorated(k.next)
		if k.until.After(k.key.Token) {
			return nil, nil
		}
		k.next++
		if !k.until.Before(k.key.Token) {
			return &k.key, nil
		}
	}
	return nil, nil
}

// Close does nothing: the keys are in memory.
func (k *keyIterator) Close() {}
