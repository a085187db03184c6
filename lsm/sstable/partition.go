package sstable

import (
	"sort"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Partition is what a file holds of one partition.
type Partition struct {
	r           *Reader
	at          indexEntry
	side        *mutation.Side
	first, last []byte                   // clustering; nil without rows
	count       *mutation.ReadStatistics // nil: nobody asks
	counted     int                      // one more than the row group that was counted last
	rough       bool                     // where only the rows know first and last, those of all partitions of the row group will do
}

// noSide is the side data of partitions that have none.
var noSide mutation.Side

// Partition returns the partition with that key, or nil.
func (r *Reader) Partition(key partition.DecoratedKey) (*Partition, error) {
	return r.partition(key, false)
}

// Outline returns what is known of a partition without a look at its rows: what lies beside them, and between which clusterings
// they lie. Where partitions share a row group those may be the clusterings of others. found is false if the file has nothing of it.
func (r *Reader) Outline(key partition.DecoratedKey) (o Outline, found bool, err error) {
	p, err := r.partition(key, true)
	if p == nil || err != nil {
		return o, false, err
	}
	return Outline{p.side, p.first, p.last, p.hasRows()}, true, nil
}

// Outline is what Reader.Outline returns.
type Outline struct {
	Side        *mutation.Side // must not be changed
	First, Last []byte         // no row lies before or behind
	HasRows     bool           // else First and Last are nil
}

func (r *Reader) partition(key partition.DecoratedKey, rough bool) (*Partition, error) {
	at, found, err := r.find(key)
	if !found || err != nil {
		return nil, err
	}
	p := &Partition{r: r, at: at, rough: rough}
	if p.side, err = r.sideOf(&at); err != nil {
		return nil, err
	}
	if !p.hasRows() {
		return p, nil
	}
	first, err := p.spanOf(at.start.group())
	if err != nil {
		return nil, err
	}
	last := first
	if g := at.lastGroup(); g != first.group {
		if last, err = p.spanOf(g); err != nil {
			return nil, err
		}
	}
	p.first, p.last = first.first, last.last
	return p, nil
}

// sideOf decodes the side data of a partition; a partition without any has an empty one.
func (r *Reader) sideOf(at *indexEntry) (*mutation.Side, error) {
	if !at.hasSide {
		return &noSide, nil
	}
	src, err := r.record(r.contents.side, at.side)
	if err != nil {
		return nil, err
	}
	side, err := decodeSide(src)
	if err != nil {
		b := r.contents.side.find(at.side)
		return nil, r.corrupt(int64(r.contents.side.offsets[b]), r.contents.side.what(b), err)
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

// Count makes reads of the partition's rows add to count; nil does nothing. All row groups are counted as skipped
// until they are decoded.
func (p *Partition) Count(count *mutation.ReadStatistics) {
	if p.count = count; p.hasRows() {
		count.Skip(p.at.lastGroup() + 1 - p.at.start.group())
	}
}

// countDecoded counts a row group, and once only where a read that goes on in it decodes it again.
func (p *Partition) countDecoded(group int) {
	if p.counted != group+1 {
		p.counted = group + 1
		p.count.Decode()
	}
}

// countExcluded is countDecoded for a row group that is left out.
func (p *Partition) countExcluded(group int) {
	if p.counted != group+1 {
		p.counted = group + 1
		p.count.Exclude()
	}
}

func (p *Partition) hasRows() bool { return p.at.start < p.at.end }

// Side returns partition deletion, static row and range tombstones. It must not be changed.
func (p *Partition) Side() *mutation.Side { return p.side }

// Bounds returns the first and the last clustering of the partition's rows in this file, row deletions
// included; ok is false if it has none.
func (p *Partition) Bounds() (first, last []byte, ok bool) { return p.first, p.last, p.hasRows() }

// MinTimestampOf is not above any write timestamp of the partition in this file; ok is false if the file
// has nothing of it.
func (r *Reader) MinTimestampOf(key partition.DecoratedKey) (ts int64, ok bool, err error) {
	at, found, err := r.find(key)
	if !found || err != nil {
		return 0, false, err
	}
	side, err := r.sideOf(&at)
	if err != nil {
		return 0, false, err
	}
	info := newInfo()
	info.addSide(side)
	if at.start < at.end {
		low, err := r.minTimestamp(at.start.group(), at.lastGroup())
		if err != nil {
			return 0, false, err
		}
		info.addTimestamp(low)
	}
	return info.MinTimestamp, true, nil
}

// minTimestamp returns the smallest timestamp of the row groups from one to the last. Of blocks that belong to them
// as a whole the fence knows it.
func (f *contents) minTimestamp(from, last int) (int64, error) {
	low := newInfo().MinTimestamp
	for g := from; g <= last; {
		b := f.directory.find(uint64(g))
		first := int(f.directory.firsts[b])
		next := first + f.directory.size(b)
		if g == first && next <= last+1 {
			low, g = min(low, f.groupMarks[b].minTimestamp), next
			continue
		}
		block, i, err := f.directoryOf(g)
		if err != nil {
			return 0, err
		}
		for ; g <= last && i < block.n; g, i = g+1, i+1 {
			low = min(low, block.minTimestamp.signed(block.src, i))
		}
	}
	return low, nil
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

// Statistics returns what is known of a column in the row groups that reach into the slices, in clustering order.
func (p *Partition) Statistics(slices clustering.Slices, column mutation.ColumnID) ([]GroupStatistics, error) {
	var out []GroupStatistics
	cursor := p.spansIn(slices, false, everyRow)
	var g group
	for {
		s, err := cursor.next()
		if s == nil || err != nil {
			return out, err
		}
		if err := p.r.group(s.group, &g); err != nil {
			return nil, err
		}
		st := GroupStatistics{
			Rows: s.to - s.from, First: s.first, Last: s.last, Whole: g.flags&groupShared == 0,
			Hidden: g.flags&(groupAllLive|groupRowDeletions) != groupAllLive, MinExpiresAt: g.minEnd,
		}
		if st.Whole {
			if err := p.r.columnStatistics(s.group, column, &st); err != nil {
				return nil, err
			}
		}
		out = append(out, st)
	}
}

// columnStatistics fills in what is known of a column in a row group.
func (r *Reader) columnStatistics(group int, column mutation.ColumnID, into *GroupStatistics) error {
	list, err := r.statisticsOf(nil, group)
	if err != nil {
		return err
	}
	i := sort.Search(len(list), func(i int) bool { return list[i].Column >= column })
	if i < len(list) && list[i].Column == column {
		into.Known, into.Column = true, list[i]
	}
	return nil
}
