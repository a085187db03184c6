package sstable

import (
	"bytes"
	"math/bits"

	"github.com/eskerdb/esker/internal/invariants"
	"github.com/eskerdb/esker/mutation"
)

// AppendBlock appends rows [from, to) of a block of the partition, after the row before in clustering order. It
// writes what AppendRow would for each of them, without looking at them one by one. A row with neither marker
// nor value, as the drop of a column leaves it, is left out. A whole block of another file may be taken as it is encoded there.
func (w *Writer) AppendBlock(b *mutation.Block, from, to int) error {
	if w.err != nil || from == to {
		return w.err
	}
	invariants.Check(w.partitions > 0, "table file: block without partition")
	invariants.Check(len(b.Columns) == len(w.group.columns) && len(b.Clustering) == len(w.group.key),
		"table file: block of %d columns and %d clustering columns", len(b.Columns), len(b.Clustering))
	if from == 0 && to == b.Rows {
		if done, err := w.appendEncoded(b); done || err != nil {
			return err
		}
	}
	return w.appendRows(b, from, to)
}

// appendRows encodes rows [from, to) of a block.
func (w *Writer) appendRows(b *mutation.Block, from, to int) error {
	for from < to {
		n := filledRun(b, from, to)
		if n == 0 {
			from++
			continue
		}
		if err := w.appendFilled(b, from, from+n); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// filledRun returns how many rows from that one on have a marker or a value.
func filledRun(b *mutation.Block, from, to int) int {
	if b.Live == nil {
		return to - from
	}
	for at := from; at < to; at += 64 {
		n := min(64, to-at)
		filled := bitsAt(b.Live, at, n)
		for k := range b.Columns {
			if filled == allBits(n) {
				break
			}
			filled |= bitsAt(b.Columns[k].Present, at, n)
		}
		if filled != allBits(n) {
			return at - from + bits.TrailingZeros64(^filled)
		}
	}
	return to - from
}

// appendFilled appends rows that all have a marker or a value.
func (w *Writer) appendFilled(b *mutation.Block, from, to int) error {
	g := w.group
	g.first = g.keys.appendRow(g.first[:0], b.Clustering, from)
	if w.rows > 0 && bytes.Compare(w.clustering, g.first) >= 0 {
		invariants.Check(false, "table file: row %x after %x", g.first, w.clustering)
	}
	if invariants.Enabled || g.keys.isSingleWord() { // elsewhere it is costly
		bad := g.keys.disorder(b.Clustering, from, to)
		invariants.Check(bad < 0, "table file: row %d of a block is not above the one before", bad)
	}
	for from < to {
		if g.group.rows == groupRowsMax || g.bytes >= g.bytesMax {
			if err := w.closeGroup(); err != nil {
				return err
			}
		}
		n := g.fitting(b, from, to)
		g.first = g.keys.appendRow(g.first[:0], b.Clustering, from)
		w.clustering = g.keys.appendRow(w.clustering[:0], b.Clustering, from+n-1)
		w.beginRows()
		before := g.bytes
		cells := g.addBlock(w.partitions-1, b, from, n, w.clustering)
		w.rows += int64(n)
		w.info.Rows += int64(n)
		w.sizes.add(n, g.bytes-before)
		w.info.addBlock(b, from, from+n, cells)
		from += n
	}
	return nil
}

// addBlock counts rows of a block that have so many cells.
func (i *Info) addBlock(b *mutation.Block, from, to, cells int) {
	i.Cells += int64(cells)
	low, high := extremes(b.Timestamps[from:to])
	i.addTimestamp(low)
	i.addTimestamp(high)
	low, high = mutation.Forever, mutation.Forever
	if b.ExpiresAt != nil {
		low, high = extremes(b.ExpiresAt[from:to])
	}
	i.addEnd(low)
	i.addEnd(high)
	if b.Sequences != nil {
		for _, s := range b.Sequences[from:to] {
			i.addSequence(s)
		}
	}
}

// extremes returns the smallest and the largest of values, of which there is one at least.
func extremes(values []int64) (low, high int64) {
	low, high = values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// fitting returns how many of the rows go into the open group, which has room for one. As AppendRow has it, a group
// takes rows until their values have bytesMax.
func (b *groupBuilder) fitting(from *mutation.Block, at, to int) int {
	n := min(to-at, groupRowsMax-b.group.rows)
	most := b.bytes
	for _, vectors := range [][]mutation.Vector{from.Clustering, from.Columns} {
		for k := range vectors {
			most += bytesMost(&vectors[k], at, at+n)
		}
	}
	if most < b.bytesMax {
		return n
	}
	size := b.bytes
	for i := range n {
		if size >= b.bytesMax {
			return i
		}
		for _, vectors := range [][]mutation.Vector{from.Clustering, from.Columns} {
			for k := range vectors {
				if vectors[k].Has(at + i) {
					size += bytesMost(&vectors[k], at+i, at+i+1)
				}
			}
		}
	}
	return n
}

// bytesMost is how many bytes the values of some rows have, if all have one.
func bytesMost(v *mutation.Vector, from, to int) int {
	if v.Physical == mutation.PhysicalBytes {
		return int(v.Offsets[to] - v.Offsets[from])
	}
	return (to - from) * v.Width
}

// addBlock appends n rows of a block, all of which fit; b.first and last are the first and the last clustering. It returns how many
// cells they have.
func (b *groupBuilder) addBlock(partition int, from *mutation.Block, at, n int, last []byte) (cells int) {
	row := b.group.rows
	s := b.openSegment(partition, b.first)
	s.rows += n
	s.last = append(s.last[:0], last...)
	for k := range b.key {
		b.bytes += b.key[k].putVector(row, &from.Clustering[k], at, n)
	}
	b.addBlockSystem(row, from, at, n)
	for k, c := range b.columns {
		v := &from.Columns[k]
		before := c.values.count
		b.bytes += c.values.putVector(row, v, at, n)
		cells += c.values.count - before
		if c.column.Physical != mutation.PhysicalBytes {
			b.addBlockStatistics(c, from, v, at, n, c.values.words[min(before, len(c.values.words)):])
		}
	}
	b.group.rows += n
	return cells
}

// addBlockSystem adds what rows have beside clustering and values.
func (b *groupBuilder) addBlockSystem(row int, from *mutation.Block, at, n int) {
	s := &b.system
	low, high := extremes(from.Timestamps[at : at+n])
	b.seen(low)
	b.seen(high)
	s[roleTimestamp].putInts(row, from.Timestamps[at:at+n])
	if from.TTLs != nil {
		for i, ttl := range from.TTLs[at : at+n] {
			if ttl != 0 {
				s[roleTTL].putWord(row+i, uint64(int64(ttl)))
			}
		}
	}
	low, high = mutation.Forever, mutation.Forever
	if from.ExpiresAt != nil {
		low, high = extremes(from.ExpiresAt[at : at+n])
	}
	b.ends(low)
	b.ends(high)
	if high != mutation.Forever {
		s[roleEnd].putInts(row, from.ExpiresAt[at:at+n])
	} else if low != mutation.Forever {
		for i, end := range from.ExpiresAt[at : at+n] {
			if end != mutation.Forever {
				s[roleEnd].putWord(row+i, uint64(end))
			}
		}
	}
	if from.Sequences != nil {
		for i, sequence := range from.Sequences[at : at+n] {
			if sequence != 0 {
				s[roleSequence].putWord(row+i, sequence)
			}
		}
	}
	b.addBlockLiveness(row, from, at, n, high)
}

// addBlockLiveness adds markers and when rows show; high is the largest end of the rows.
func (b *groupBuilder) addBlockLiveness(row int, from *mutation.Block, at, n int, high int64) {
	live := n
	if from.Live == nil {
		b.system[roleLiveness].markAll(row, n)
	} else {
		live = b.system[roleLiveness].markSome(row, from.Live, at, n)
	}
	if live < n {
		b.group.flags &^= groupAllLive
	}
	if live == n || b.law != mutation.BySequence {
		b.group.maxAlive = max(b.group.maxAlive, high)
		return
	}
	// A row shows as long as its marker: without one it does not.
	for i := range n {
		switch {
		case from.Live[(at+i)/64]&(1<<((at+i)%64)) == 0:
			b.system[roleAlive].putWord(row+i, 0)
		case from.ExpiresAt == nil:
			b.group.maxAlive = mutation.Forever
		default:
			b.group.maxAlive = max(b.group.maxAlive, from.ExpiresAt[at+i])
		}
	}
}

// addBlockStatistics counts the values of rows that show. added are their words, if all values have the width of the column.
func (b *groupBuilder) addBlockStatistics(c *cellBuilder, from *mutation.Block, v *mutation.Vector, at, n int, added []uint64) {
	if c.values.physical != c.column.Physical {
		return // what became bytes has no statistics
	}
	if b.law != mutation.BySequence || from.Live == nil {
		c.statistics.addAll(added, c.column.Physical)
		return
	}
	next := 0
	for i := at; i < at+n; i++ {
		if !v.Has(i) {
			continue
		}
		if from.Live[i/64]&(1<<(i%64)) != 0 {
			c.statistics.add(added[next], c.column.Physical)
		}
		next++
	}
}
