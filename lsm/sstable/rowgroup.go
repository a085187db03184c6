package sstable

import (
	"bytes"
	"slices"

	"github.com/eskerdb/esker/lsm/encoding"
	"github.com/eskerdb/esker/mutation"
)

// groupBuilder collects the rows of one row group, column by column.
type groupBuilder struct {
	law        mutation.Law
	effort     encoding.Effort
	keys       *keyCodec
	group      group
	bytes      int                    // of values so far
	bytesMax   int                    // after which the group is closed
	parts      [][]byte               // clustering values of a row
	values     []byte                 // which they lie in
	system     [roleAlive + 1]builder // by role; roleClustering is not used
	key        []builder              // a clustering column each
	columns    []*cellBuilder         // of the table, ascending by column
	hasComplex bool                   // some column is multi-cell
	shares     int                    // partitions that have rows in the group
	edges      [2]segment             // of the first and of the last of them
	low        []byte                 // smallest clustering of the segments before the last; nil: there are none
	high       []byte                 // largest
	first      []byte                 // clustering of the first row of a block
}

// segment is the part of a row group that belongs to one partition.
type segment struct {
	partition   int // place in the file
	rows        int
	first, last []byte
}

// cellBuilder collects the cells of one column.
type cellBuilder struct {
	column     mutation.Column
	values     builder
	tombstones builder
	timestamps builder
	ttls       builder
	ends       builder
	statistics ColumnStatistics
}

func newGroupBuilder(table *mutation.Table, keys *keyCodec, effort encoding.Effort) *groupBuilder {
	b := &groupBuilder{law: table.Law, effort: effort, keys: keys, key: make([]builder, len(keys.columns))}
	for _, c := range table.Columns {
		if !c.Static {
			b.columns = append(b.columns, &cellBuilder{column: c})
			b.hasComplex = b.hasComplex || c.Complex
		}
	}
	b.reset()
	return b
}

// reset empties b for the next row group.
func (b *groupBuilder) reset() {
	info := newInfo()
	b.group = group{chunks: b.group.chunks[:0], flags: groupAllLive | groupPlain, minTimestamp: info.MinTimestamp, maxTimestamp: info.MaxTimestamp, minEnd: info.MinExpiresAt}
	if b.effort == encoding.Final {
		b.group.flags |= groupFinal
	}
	b.bytes, b.shares, b.low, b.high = 0, 0, nil, nil
	for i := range b.system {
		b.system[i].reset(mutation.PhysicalInt, 8)
	}
	for i := range b.key {
		b.key[i].reset(b.keys.columns[i].physical, b.keys.columns[i].width)
	}
	for _, c := range b.columns {
		c.values.reset(c.column.Physical, c.column.Width)
		for _, exceptions := range []*builder{&c.tombstones, &c.timestamps, &c.ttls, &c.ends} {
			exceptions.reset(mutation.PhysicalInt, 8)
		}
		c.statistics = ColumnStatistics{Column: c.column.ID}
	}
}

// base is what most cells of a row have in common.
type base struct {
	timestamp int64
	ttl       int32
	end       int64
}

func baseOf(row *mutation.Row) base {
	if !row.Live.IsNone() {
		return base{row.Live.Timestamp, row.Live.TTL, row.Live.ExpiresAt}
	}
	for i := range row.Cells {
		if c := &row.Cells[i]; !c.IsTombstone() {
			return base{c.Timestamp, c.TTL, c.ExpiresAt}
		}
	}
	if len(row.Cells) > 0 {
		return base{timestamp: row.Cells[0].Timestamp}
	}
	return base{timestamp: row.Deletion.MarkedAt}
}

// aliveUntil is the end of a row, 0 if it never shows.
func aliveUntil(law mutation.Law, row *mutation.Row) int64 {
	end := row.Live.ExpiresAt
	if law == mutation.BySequence {
		if !row.Deletion.IsNone() {
			return 0
		}
		return end
	}
	for i := range row.Cells {
		if c := &row.Cells[i]; !c.IsTombstone() {
			end = max(end, c.ExpiresAt)
		}
	}
	return end
}

// add appends a row of the partition with that place in the file.
func (b *groupBuilder) add(partition int, row *mutation.Row) error {
	var err error
	if b.parts, b.values, err = b.keys.split(b.parts[:0], b.values[:0], row.Clustering); err != nil {
		return err
	}
	i := b.group.rows
	for k := range b.key {
		b.key[k].put(i, b.parts[k])
		b.bytes += len(b.parts[k])
	}
	b.addToSegment(partition, row.Clustering)
	own := baseOf(row)
	b.addSystem(i, row, own)
	alive := aliveUntil(b.law, row)
	if alive != own.end {
		b.system[roleAlive].putWord(i, uint64(alive))
	}
	b.group.maxAlive = max(b.group.maxAlive, alive)
	b.addCells(i, row, own, alive != 0)
	b.group.rows++
	return nil
}

func (b *groupBuilder) addToSegment(partition int, clustering []byte) {
	s := b.openSegment(partition, clustering)
	s.rows++
	s.last = append(s.last[:0], clustering...)
}

// openSegment turns to the segment of a partition whose next row has that clustering.
func (b *groupBuilder) openSegment(partition int, clustering []byte) *segment {
	s := &b.edges[min(max(b.shares-1, 0), 1)]
	if b.shares > 0 && s.partition == partition {
		return s
	}
	if b.shares > 0 {
		b.widen(s)
	}
	b.shares++
	s = &b.edges[min(b.shares-1, 1)]
	s.partition, s.rows, s.first = partition, 0, append(s.first[:0], clustering...)
	return s
}

// widen notes that the rows of the group reach from the first to the last of a segment, at least.
func (b *groupBuilder) widen(s *segment) {
	if b.low == nil || bytes.Compare(s.first, b.low) < 0 {
		b.low = append(b.low[:0], s.first...)
	}
	if b.high == nil || bytes.Compare(s.last, b.high) > 0 {
		b.high = append(b.high[:0], s.last...)
	}
}

func (b *groupBuilder) addSystem(i int, row *mutation.Row, own base) {
	s := &b.system
	s[roleTimestamp].putWord(i, uint64(own.timestamp))
	if own.ttl != 0 {
		s[roleTTL].putWord(i, uint64(int64(own.ttl)))
	}
	if own.end != mutation.Forever {
		s[roleEnd].putWord(i, uint64(own.end))
	}
	if row.Sequence != 0 {
		s[roleSequence].putWord(i, row.Sequence)
	}
	if !row.Live.IsNone() {
		s[roleLiveness].mark(i)
		b.seen(row.Live.Timestamp)
		b.ends(row.Live.ExpiresAt)
	} else {
		b.group.flags &^= groupAllLive
		if own.end == 0 { // no value either
			b.group.flags &^= groupPlain
		}
	}
	if !row.Deletion.IsNone() {
		s[roleDeletionMarked].putWord(i, uint64(row.Deletion.MarkedAt))
		s[roleDeletionLocal].putWord(i, uint64(row.Deletion.LocalSec))
		b.group.flags |= groupRowDeletions
		b.group.flags &^= groupPlain
		b.seen(row.Deletion.MarkedAt)
	}
}

func (b *groupBuilder) seen(ts int64) {
	b.group.minTimestamp, b.group.maxTimestamp = min(b.group.minTimestamp, ts), max(b.group.maxTimestamp, ts)
}

func (b *groupBuilder) ends(end int64) {
	b.group.minEnd, b.group.maxEnd = min(b.group.minEnd, end), max(b.group.maxEnd, end)
	if end != mutation.Forever {
		b.group.flags |= groupEnds
	}
}

// addReach notes what the cells of multi-cell columns of the last row hold. It is no part of a block: they may delete.
func (b *groupBuilder) addReach(r mutation.Reach) {
	b.group.flags &^= groupPlain
	b.seen(r.MinTimestamp)
	if r.Tombstones > 0 {
		b.group.flags |= groupTombstones
	}
	if r.MaxEnd > 0 {
		b.ends(r.MinEnd)
		b.ends(r.MaxEnd)
	}
}

// addCells adds the cells of a row; both they and the columns are ascending.
func (b *groupBuilder) addCells(i int, row *mutation.Row, own base, shows bool) {
	next := 0
	for k := range row.Cells {
		cell := &row.Cells[k]
		for next < len(b.columns) && b.columns[next].column.ID < cell.Column {
			next++
		}
		if next == len(b.columns) {
			return
		}
		col := b.columns[next]
		if col.column.ID != cell.Column {
			continue // of a dropped column
		}
		b.seen(cell.Timestamp)
		if cell.Timestamp != own.timestamp {
			col.timestamps.putWord(i, uint64(cell.Timestamp))
			b.group.flags &^= groupPlain
		}
		if cell.IsTombstone() {
			col.tombstones.putWord(i, uint64(cell.ExpiresAt))
			b.group.flags |= groupTombstones
			b.group.flags &^= groupPlain
			continue
		}
		switch {
		case !cell.Complex:
			b.ends(cell.ExpiresAt)
		case cell.ExpiresAt != mutation.Forever:
			b.group.flags |= groupEnds // or 0: nothing of it lives
		}
		if cell.TTL != own.ttl {
			col.ttls.putWord(i, uint64(int64(cell.TTL)))
			b.group.flags &^= groupPlain
		}
		if cell.ExpiresAt != own.end {
			col.ends.putWord(i, uint64(cell.ExpiresAt))
			b.group.flags &^= groupPlain
		}
		col.values.put(i, cell.Value)
		b.bytes += len(cell.Value)
		if shows && len(cell.Value) == col.column.Width && col.column.Physical != mutation.PhysicalBytes {
			col.statistics.add(mutation.WordOf(col.column.Physical, cell.Value), col.column.Physical)
		}
	}
}

// appendTo appends all chunks, which go to that offset of the file, and completes the entry of the directory.
func (b *groupBuilder) appendTo(dst []byte, offset uint64) []byte {
	b.group.offset = offset
	b.group.bounds = groupBounds{first: b.edges[0].first, last: b.edges[0].last}
	if b.shares > 1 {
		b.group.flags |= groupShared
		b.widen(&b.edges[1])
		b.group.bounds.lastFirst, b.group.bounds.lastLast = b.edges[1].first, b.edges[1].last
		b.group.bounds.low, b.group.bounds.high = b.low, b.high
	}
	add := func(role byte, number uint32, from *builder) {
		if from.count == 0 {
			return
		}
		at := len(dst)
		dst = from.appendTo(dst, b.group.rows, role != roleLiveness, b.effort)
		b.group.chunks = append(b.group.chunks, chunkRef{
			role: role, number: number, offset: b.group.offset + b.group.length, length: len(dst) - at,
		})
		b.group.length += uint64(len(dst) - at)
	}
	if b.hasOddWidths() {
		b.group.flags &^= groupPlain
	}
	for k := range b.key {
		add(roleClustering, uint32(k), &b.key[k])
	}
	for role := byte(roleTimestamp); role <= roleAlive; role++ {
		add(role, 0, &b.system[role])
	}
	for role := byte(roleValue); role <= roleCellEnd; role++ {
		for _, c := range b.columns {
			from := [...]*builder{&c.values, &c.tombstones, &c.timestamps, &c.ttls, &c.ends}[role-roleValue]
			add(role, uint32(c.column.ID), from)
		}
	}
	return dst
}

// hasOddWidths reports whether a fixed-width column became bytes.
func (b *groupBuilder) hasOddWidths() bool {
	for k := range b.key {
		if b.key[k].physical != b.keys.columns[k].physical {
			return true
		}
	}
	return slices.ContainsFunc(b.columns, func(c *cellBuilder) bool { return c.values.physical != c.column.Physical })
}

// appendStatistics appends the statistics of the row group.
func (b *groupBuilder) appendStatistics(dst []byte) []byte {
	var columns []ColumnStatistics
	var kinds []mutation.Physical
	for _, c := range b.columns {
		// A value that became bytes is counted by no statistics: then there are none of the column.
		if c.column.Physical != mutation.PhysicalBytes && c.values.physical == c.column.Physical && c.values.count > 0 {
			columns, kinds = append(columns, c.statistics), append(kinds, c.column.Physical)
		}
	}
	return appendStatistics(dst, columns, kinds)
}
