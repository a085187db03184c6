package sstable

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// Flags of a row group; on disk: never reuse.
const (
	groupRowDeletions = 1
	groupTombstones   = 2
	groupEnds         = 4  // liveness or a value ends
	groupAllLive      = 8  // every row has liveness
	groupPlain        = 16 // every row is part of a mutation.Block, and all values have the kind of their column
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
	segments     []segment
	chunks       []chunkRef // ascending by role and number
	length       uint64     // of all chunks
}

// segment is the part of a row group that belongs to one partition.
type segment struct {
	partition   int // place in the index
	from, to    int // rows of the group
	first, last []byte
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

func appendGroup(dst []byte, g *group) []byte {
	dst = binary.AppendUvarint(dst, g.offset)
	dst = binary.AppendUvarint(dst, uint64(g.rows))
	dst = append(dst, g.flags)
	for _, v := range []int64{g.minTimestamp, g.maxTimestamp, g.minEnd, g.maxEnd, g.maxAlive} {
		dst = binary.AppendVarint(dst, v)
	}
	dst = binary.AppendUvarint(dst, uint64(len(g.segments)))
	before := 0
	for _, s := range g.segments {
		dst = binary.AppendUvarint(dst, uint64(s.partition-before))
		before = s.partition
		dst = binary.AppendUvarint(dst, uint64(s.to-s.from))
		dst = appendBytes(dst, s.first)
		if s.to-s.from > 1 {
			dst = appendBytes(dst, s.last)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(g.chunks)))
	for _, c := range g.chunks {
		dst = append(dst, c.role)
		dst = binary.AppendUvarint(dst, uint64(c.number))
		dst = binary.AppendUvarint(dst, uint64(c.length))
	}
	return dst
}

// decodeDirectory decodes the whole section. Row groups must lie back to back between header and end;
// partitions is how many the index has.
func decodeDirectory(src []byte, end uint64, partitions int) ([]group, error) {
	c := cursor{src: src}
	groups := make([]group, c.count(8))
	at := uint64(headerBytes)
	last := -1 // partition of the segment before
	for i := range groups {
		g := &groups[i]
		c.group(g, partitions)
		if c.bad || g.offset != at || g.length > end-at {
			return nil, fmt.Errorf("row group %d of %d", i, len(groups))
		}
		at += g.length
		if first := g.segments[0].partition; first < last {
			return nil, fmt.Errorf("row group %d begins with partition %d after %d", i, first, last)
		}
		last = g.segments[len(g.segments)-1].partition
	}
	if c.bad || len(c.src) != 0 || at != end {
		return nil, fmt.Errorf("%d bytes behind %d row groups, which end at %d", len(c.src), len(groups), at)
	}
	return groups, nil
}

func (c *cursor) group(g *group, partitions int) {
	g.offset = c.uvarint()
	g.rows = c.upTo(groupRowsMax)
	g.flags = c.byte()
	for _, v := range []*int64{&g.minTimestamp, &g.maxTimestamp, &g.minEnd, &g.maxEnd, &g.maxAlive} {
		*v = c.varint()
	}
	g.segments = make([]segment, c.count(3))
	row, place := 0, 0
	for i := range g.segments {
		s := &g.segments[i]
		gap := c.upTo(partitions - 1 - place)
		if i > 0 && gap == 0 {
			c.fail()
		}
		place += gap
		s.partition, s.from = place, row
		row += c.upTo(g.rows - row)
		s.to = row
		s.first = c.bytes()
		s.last = s.first
		if s.to-s.from > 1 {
			s.last = c.bytes()
		}
		if s.to == s.from {
			c.fail()
		}
	}
	if row != g.rows || row == 0 {
		c.fail()
		return
	}
	c.chunkRefs(g)
}

func (c *cursor) chunkRefs(g *group) {
	g.chunks = make([]chunkRef, c.count(3))
	for i := range g.chunks {
		r := &g.chunks[i]
		r.role = c.byte()
		r.number = uint32(c.upTo(1<<32 - 1))
		r.offset = g.offset + g.length
		r.length = c.upTo(1<<32 - 1)
		g.length += uint64(r.length)
		if i > 0 && cmp.Or(cmp.Compare(g.chunks[i-1].role, r.role), cmp.Compare(g.chunks[i-1].number, r.number)) >= 0 {
			c.fail()
		}
	}
}

// columnMeta is a column as the file knows it.
type columnMeta struct {
	id       mutation.ColumnID
	physical mutation.Physical
	width    int
}

// metadata is the section of that name.
type metadata struct {
	info       Info
	clustering int // columns
	columns    []columnMeta
}

// Flags of a file; on disk: never reuse.
const (
	filePartitionDeletions = 1
	fileRangeTombstones    = 2
	fileRowDeletions       = 4
	fileCellTombstones     = 8
	fileExpiring           = 16
	fileFlagsKnown         = 31
)

func (i *Info) flags() byte {
	var flags byte
	for bit, set := range map[byte]bool{
		filePartitionDeletions: i.HasPartitionDeletions, fileRangeTombstones: i.HasRangeTombstones,
		fileRowDeletions: i.HasRowDeletions, fileCellTombstones: i.HasCellTombstones, fileExpiring: i.HasExpiring,
	} {
		if set {
			flags |= bit
		}
	}
	return flags
}

func appendMetadata(dst []byte, m *metadata) []byte {
	i := &m.info
	for _, v := range []int64{i.MinTimestamp, i.MaxTimestamp, i.MinLocalDeletion, i.MaxLocalDeletion, i.MinExpiresAt, i.MaxExpiresAt} {
		dst = binary.AppendVarint(dst, v)
	}
	for _, v := range []uint64{uint64(i.Partitions), uint64(i.Rows), uint64(i.Cells), i.MaxSequence} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = append(dst, i.flags())
	dst = binary.AppendVarint(dst, i.BucketStart)
	dst = binary.AppendVarint(dst, i.BucketEnd)
	dst = binary.AppendUvarint(dst, i.EpochLow)
	dst = binary.AppendUvarint(dst, i.EpochHigh)
	dst = appendBytes(dst, i.FirstKey.Key)
	dst = appendBytes(dst, i.LastKey.Key)
	dst = binary.AppendUvarint(dst, uint64(m.clustering))
	dst = binary.AppendUvarint(dst, uint64(len(m.columns)))
	for _, c := range m.columns {
		dst = binary.AppendUvarint(dst, uint64(c.id))
		dst = append(dst, byte(c.physical), byte(c.width))
	}
	return dst
}

// decodeMetadata decodes the whole section. Keys come without their tokens, which are in the index.
func decodeMetadata(src []byte) (*metadata, error) {
	c := cursor{src: src}
	m := &metadata{}
	i := &m.info
	for _, v := range []*int64{&i.MinTimestamp, &i.MaxTimestamp, &i.MinLocalDeletion, &i.MaxLocalDeletion, &i.MinExpiresAt, &i.MaxExpiresAt} {
		*v = c.varint()
	}
	i.Partitions, i.Rows, i.Cells = int64(c.uvarint()), int64(c.uvarint()), int64(c.uvarint())
	i.MaxSequence = c.uvarint()
	flags := c.byte()
	i.HasPartitionDeletions, i.HasRangeTombstones = flags&filePartitionDeletions != 0, flags&fileRangeTombstones != 0
	i.HasRowDeletions, i.HasCellTombstones = flags&fileRowDeletions != 0, flags&fileCellTombstones != 0
	i.HasExpiring = flags&fileExpiring != 0
	i.BucketStart, i.BucketEnd = c.varint(), c.varint()
	i.EpochLow, i.EpochHigh = c.uvarint(), c.uvarint()
	i.FirstKey.Key, i.LastKey.Key = c.bytes(), c.bytes()
	m.clustering = c.upTo(1 << 16)
	m.columns = make([]columnMeta, c.count(3))
	for k := range m.columns {
		col := &m.columns[k]
		col.id = mutation.ColumnID(c.upTo(1<<32 - 1))
		col.physical, col.width = mutation.Physical(c.byte()), int(c.byte())
		if k > 0 && m.columns[k-1].id >= col.id || !validPhysical(col.physical, col.width) {
			c.fail()
		}
	}
	if c.bad || len(c.src) != 0 || flags&^byte(fileFlagsKnown) != 0 {
		return nil, fmt.Errorf("metadata does not decode")
	}
	return m, nil
}

// validPhysical reports whether values of that kind and width exist.
func validPhysical(p mutation.Physical, width int) bool {
	switch p {
	case mutation.PhysicalBytes:
		return width == 0
	case mutation.PhysicalInt:
		return width == 1 || width == 2 || width == 4 || width == 8
	case mutation.PhysicalFloat:
		return width == 4
	case mutation.PhysicalDouble:
		return width == 8
	}
	return false
}
