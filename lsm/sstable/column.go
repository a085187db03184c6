package sstable

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// column is numbers of one block, each found at once where it lies: what they have in common is stored once, the
// rest in as few bytes as the largest needs.
type column struct {
	base  uint64
	from  uint32 // where the numbers begin in the block
	width uint8
}

// appendColumn appends numbers; there is at least one.
func appendColumn(dst []byte, values []uint64) []byte {
	base, most := slices.Min(values), slices.Max(values)
	width := (bits.Len64(most-base) + 7) / 8
	dst = append(dst, byte(width))
	dst = binary.AppendUvarint(dst, base)
	for _, v := range values {
		v -= base
		for range width {
			dst = append(dst, byte(v))
			v >>= 8
		}
	}
	return dst
}

// column reads a column of n numbers. src is the whole block.
func (c *cursor) column(src []byte, n int) column {
	out := column{width: c.byte(), base: c.uvarint()}
	if out.width > 8 || int(out.width)*n > len(c.src) {
		c.fail()
		return column{}
	}
	out.from = uint32(len(src) - len(c.src))
	c.take(int(out.width) * n)
	return out
}

// at returns number i, which must be there.
func (c *column) at(src []byte, i int) uint64 {
	p := int(c.from) + i*int(c.width)
	if p+8 <= len(src) {
		return c.base + binary.LittleEndian.Uint64(src[p:])&(1<<(8*c.width)-1)
	}
	v := uint64(0)
	for k := int(c.width) - 1; k >= 0; k-- {
		v = v<<8 | uint64(src[p+k])
	}
	return c.base + v
}

// signed returns number i of a column of signed ones, whose sign bits are stored inverted.
func (c *column) signed(src []byte, i int) int64 { return int64(c.at(src, i) ^ signBit) }

// ascends reports whether n numbers never fall and the last is at most most.
func (c *column) ascends(src []byte, n int, most uint64) bool {
	before := uint64(0)
	for i := range n {
		v := c.at(src, i)
		if v < before {
			return false
		}
		before = v
	}
	return before <= most
}

// recordBlock is a run of numbered byte strings: side data of partitions, or statistics of row groups.
type recordBlock struct {
	first uint64 // number of the first
	n     int
	ends  column
	src   []byte // the block
	from  int    // where the records begin in it
}

// recordBuilder collects the records of one block.
type recordBuilder struct {
	first uint64
	ends  []uint64
	data  []byte
}

func (b *recordBuilder) bytes() int { return len(b.data) + 4*len(b.ends) }

// end ends the record that was appended to data.
func (b *recordBuilder) end() { b.ends = append(b.ends, uint64(len(b.data))) }

func (b *recordBuilder) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, b.first)
	dst = binary.AppendUvarint(dst, uint64(len(b.ends)))
	dst = appendColumn(dst, b.ends)
	return append(dst, b.data...)
}

// reset empties b for the records that follow.
func (b *recordBuilder) reset() {
	b.first += uint64(len(b.ends))
	b.ends, b.data = b.ends[:0], b.data[:0]
}

func decodeRecords(src []byte) (recordBlock, error) {
	c := cursor{src: src}
	b := recordBlock{src: src, first: c.uvarint()}
	b.n = c.upTo(blockEntriesMax)
	b.ends = c.column(src, b.n)
	b.from = len(src) - len(c.src)
	if c.bad || b.n == 0 || !b.ends.ascends(src, b.n, uint64(len(c.src))) || b.ends.at(src, b.n-1) != uint64(len(c.src)) {
		return b, fmt.Errorf("%d records do not decode", b.n)
	}
	return b, nil
}

// record returns record i.
func (b *recordBlock) record(i int) []byte {
	from := 0
	if i > 0 {
		from = int(b.ends.at(b.src, i-1))
	}
	to := b.from + int(b.ends.at(b.src, i))
	return b.src[b.from+from : to : to]
}
