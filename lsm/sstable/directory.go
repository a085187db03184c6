package sstable

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// Flags of a row group; on disk: never reuse.
const (
	groupRowDeletions = 1
	groupTombstones   = 2
	groupEnds         = 4  // liveness or a value ends
	groupAllLive      = 8  // every row has liveness
	groupPlain        = 16 // every row is part of a mutation.Block, and all values have the kind of their column
	groupShared       = 32 // rows of more than one partition
	groupFinal        = 64 // encoded with encoding.Final
)

// group is an entry of the row-group directory.
type group struct {
	offset       uint64
	rows         int
	flags        byte
	minTimestamp int64
	maxTimestamp int64
	minEnd       int64 // of liveness and values; mutation.Forever if none ends
	maxEnd       int64
	maxAlive     int64 // no row shows at or after it; 0: none ever shows
	bounds       groupBounds
	chunks       []chunkRef // ascending by role and number
	length       uint64     // of all chunks
}

// chunkRef says where a chunk is.
type chunkRef struct {
	role   byte
	number uint32 // of the column or the clustering column
	offset uint64 // in the file
	length int
}

// end is where the chunk ends.
func (c *chunkRef) end() uint64 { return c.offset + uint64(c.length) }

// groupBounds are clusterings of a row group: the first and the last row of the first partition in it and, in a shared one,
// of the last, and the smallest and the largest of all. The bounds of partitions between them the rows themselves say.
type groupBounds struct {
	first, last         []byte
	lastFirst, lastLast []byte
	low, high           []byte
}

// find returns the reference of a chunk, or nil.
func (g *group) find(role byte, number uint32) *chunkRef {
	i, ok := slices.BinarySearchFunc(g.chunks, chunkRef{role: role, number: number}, func(a, b chunkRef) int {
		return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.number, b.number))
	})
	if !ok {
		return nil
	}
	return &g.chunks[i]
}

// directoryBuilder collects the entries of one block of the directory.
type directoryBuilder struct {
	first   uint64                     // number of the first row group
	columns [directoryColumns][]uint64 // in the order of directoryBlock
	records []byte
	fence   directoryFence
}

const directoryColumns = 9

// directoryFence is what stays in memory of a block of the directory beside where it is.
type directoryFence struct {
	minTimestamp int64
	maxAlive     int64
	key          []byte // clustering of the first row
}

func (b *directoryBuilder) bytes() int {
	return len(b.records) + 4*directoryColumns*len(b.columns[0])
}

func (b *directoryBuilder) add(g *group) {
	if len(b.columns[0]) == 0 {
		b.fence = directoryFence{minTimestamp: g.minTimestamp, key: append(b.fence.key[:0], g.bounds.first...)}
	}
	b.fence.minTimestamp = min(b.fence.minTimestamp, g.minTimestamp)
	b.fence.maxAlive = max(b.fence.maxAlive, g.maxAlive)
	b.records = appendBytes(appendBytes(b.records, g.bounds.first), g.bounds.last)
	if g.flags&groupShared != 0 {
		b.records = appendBytes(appendBytes(b.records, g.bounds.lastFirst), g.bounds.lastLast)
		b.records = appendBytes(appendBytes(b.records, g.bounds.low), g.bounds.high)
	}
	for _, c := range g.chunks {
		b.records = append(b.records, c.role)
		b.records = binary.AppendUvarint(b.records, uint64(c.number))
		b.records = binary.AppendUvarint(b.records, uint64(c.length))
	}
	for i, v := range [directoryColumns]uint64{
		g.offset, uint64(g.rows), uint64(g.flags),
		uint64(g.minTimestamp) ^ signBit, uint64(g.maxTimestamp) ^ signBit,
		uint64(g.minEnd) ^ signBit, uint64(g.maxEnd) ^ signBit, uint64(g.maxAlive) ^ signBit,
		uint64(len(b.records)),
	} {
		b.columns[i] = append(b.columns[i], v)
	}
}

func (b *directoryBuilder) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, b.first)
	dst = binary.AppendUvarint(dst, uint64(len(b.columns[0])))
	for _, c := range b.columns {
		dst = appendColumn(dst, c)
	}
	return append(dst, b.records...)
}

// reset empties b for the row groups that follow.
func (b *directoryBuilder) reset() {
	b.first += uint64(len(b.columns[0]))
	for i := range b.columns {
		b.columns[i] = b.columns[i][:0]
	}
	b.records = b.records[:0]
}

// directoryBlock is a block of the row-group directory, read where it lies.
type directoryBlock struct {
	src                        []byte
	first                      uint64 // number of the first row group
	n                          int
	offsets, rows, flags       column
	minTimestamp, maxTimestamp column
	minEnd, maxEnd, maxAlive   column
	ends                       column // of records
	from                       int    // where records begin
}

func decodeDirectoryBlock(src []byte) (directoryBlock, error) {
	c := cursor{src: src}
	b := directoryBlock{src: src, first: c.uvarint()}
	b.n = c.upTo(blockEntriesMax)
	for _, col := range []*column{
		&b.offsets, &b.rows, &b.flags, &b.minTimestamp, &b.maxTimestamp, &b.minEnd, &b.maxEnd, &b.maxAlive, &b.ends,
	} {
		*col = c.column(src, b.n)
	}
	b.from = len(src) - len(c.src)
	if c.bad || b.n == 0 || !b.ends.ascends(src, b.n, uint64(len(c.src))) || b.ends.at(src, b.n-1) != uint64(len(c.src)) {
		return b, fmt.Errorf("directory of %d row groups does not decode", b.n)
	}
	for i := range b.n {
		if rows := b.rows.at(src, i); rows == 0 || rows > groupRowsMax {
			return b, fmt.Errorf("row group %d of %d rows", b.first+uint64(i), rows)
		}
		if _, c := b.bounds(i); c.bad {
			return b, fmt.Errorf("row group %d has no bounds", b.first+uint64(i))
		}
	}
	return b, nil
}

// bounds returns the bounds of row group i of the block, and what follows them in its record.
func (b *directoryBlock) bounds(i int) (groupBounds, cursor) {
	c := cursor{src: b.record(i)}
	out := groupBounds{first: c.bytes(), last: c.bytes()}
	if b.isShared(i) {
		out.lastFirst, out.lastLast = c.bytes(), c.bytes()
		out.low, out.high = c.bytes(), c.bytes()
	}
	return out, c
}

// firstOf returns the clustering of the first row of row group i of the block.
func (b *directoryBlock) firstOf(i int) []byte {
	c := cursor{src: b.record(i)}
	return c.bytes()
}

func (b *directoryBlock) record(i int) []byte {
	from := 0
	if i > 0 {
		from = int(b.ends.at(b.src, i-1))
	}
	return b.src[b.from+from : b.from+int(b.ends.at(b.src, i))]
}

func (b *directoryBlock) isShared(i int) bool { return b.flags.at(b.src, i)&groupShared != 0 }

func (b *directoryBlock) rowsOf(i int) int { return int(b.rows.at(b.src, i)) }

// group reads row group i of the block. It is false for one whose chunks do not lie before end.
func (b *directoryBlock) group(i int, into *group, end uint64) bool {
	bounds, c := b.bounds(i)
	*into = group{
		offset: b.offsets.at(b.src, i), rows: b.rowsOf(i), flags: byte(b.flags.at(b.src, i)), bounds: bounds,
		minTimestamp: b.minTimestamp.signed(b.src, i), maxTimestamp: b.maxTimestamp.signed(b.src, i),
		minEnd: b.minEnd.signed(b.src, i), maxEnd: b.maxEnd.signed(b.src, i), maxAlive: b.maxAlive.signed(b.src, i),
		chunks: into.chunks[:0],
	}
	if into.offset < headerBytes || into.offset > end {
		return false
	}
	for len(c.src) > 0 {
		r := chunkRef{role: c.byte(), number: uint32(c.upTo(1<<32 - 1)), offset: into.offset + into.length}
		r.length = c.upTo(1<<32 - 1)
		if n := len(into.chunks); n > 0 && !into.chunks[n-1].before(&r) {
			return false
		}
		if uint64(r.length) > end-r.offset {
			return false
		}
		into.length += uint64(r.length)
		into.chunks = append(into.chunks, r)
	}
	return !c.bad
}

// before reports whether r comes before o in a row group.
func (r *chunkRef) before(o *chunkRef) bool {
	return r.role < o.role || r.role == o.role && r.number < o.number
}
