package sstable

import (
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// columnMeta is a column as the file knows it.
type columnMeta struct {
	id       mutation.ColumnID
	physical mutation.Physical
	width    int
	complex  bool // multi-cell
}

// widthComplex stands where a width is, of multi-cell columns, whose values are bytes; stored: never reuse.
const widthComplex = 1

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
	for _, v := range []uint64{uint64(i.Partitions), uint64(i.Rows), uint64(i.Cells), i.MinSequence, i.MaxSequence} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = binary.AppendVarint(dst, i.MaxAliveUntil)
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
		width := c.width
		if c.complex {
			width = widthComplex
		}
		dst = append(dst, byte(c.physical), byte(width))
	}
	return dst
}

// decodeMetadata decodes the whole section.
func decodeMetadata(src []byte) (*metadata, error) {
	c := cursor{src: src}
	m := &metadata{}
	i := &m.info
	for _, v := range []*int64{&i.MinTimestamp, &i.MaxTimestamp, &i.MinLocalDeletion, &i.MaxLocalDeletion, &i.MinExpiresAt, &i.MaxExpiresAt} {
		*v = c.varint()
	}
	i.Partitions, i.Rows, i.Cells = int64(c.uvarint()), int64(c.uvarint()), int64(c.uvarint())
	i.MinSequence, i.MaxSequence = c.uvarint(), c.uvarint()
	i.MaxAliveUntil = c.varint()
	flags := c.byte()
	i.HasPartitionDeletions, i.HasRangeTombstones = flags&filePartitionDeletions != 0, flags&fileRangeTombstones != 0
	i.HasRowDeletions, i.HasCellTombstones = flags&fileRowDeletions != 0, flags&fileCellTombstones != 0
	i.HasExpiring = flags&fileExpiring != 0
	i.BucketStart, i.BucketEnd = c.varint(), c.varint()
	i.EpochLow, i.EpochHigh = c.uvarint(), c.uvarint()
	if first, last := c.bytes(), c.bytes(); i.Partitions > 0 {
		i.FirstKey, i.LastKey = partition.Decorate(first), partition.Decorate(last)
	}
	m.clustering = c.upTo(1 << 16)
	m.columns = make([]columnMeta, c.count(3))
	for k := range m.columns {
		col := &m.columns[k]
		col.id = mutation.ColumnID(c.upTo(1<<32 - 1))
		col.physical, col.width = mutation.Physical(c.byte()), int(c.byte())
		if col.complex = col.physical == mutation.PhysicalBytes && col.width == widthComplex; col.complex {
			col.width = 0
		}
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
