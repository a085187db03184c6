package sstable

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// cursor consumes bytes of a section. After the first thing that does not fit it is bad and yields
// zeros, so that a decoder looks once at the end.
type cursor struct {
	src []byte
	bad bool
}

func (c *cursor) fail() { c.src, c.bad = nil, true }

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.src) {
		c.fail()
		return nil
	}
	out := c.src[:n:n]
	c.src = c.src[n:]
	return out
}

func (c *cursor) byte() byte {
	b := c.take(1)
	if b == nil {
		return 0
	}
	return b[0]
}

func (c *cursor) uvarint() uint64 {
	if len(c.src) > 0 && c.src[0] < 0x80 { // most are small
		v := c.src[0]
		c.src = c.src[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(c.src)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.src = c.src[n:]
	return v
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.src)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.src = c.src[n:]
	return v
}

// upTo reads an unsigned number of at most most.
func (c *cursor) upTo(most int) int {
	v := c.uvarint()
	if most < 0 || v > uint64(most) {
		c.fail()
		return 0
	}
	return int(v)
}

// count reads how many things follow that take at least size bytes each: a claim beyond the source is
// not believed.
func (c *cursor) count(size int) int { return c.upTo(len(c.src) / size) }

// bytes reads a length and that many bytes, which stay part of the source.
func (c *cursor) bytes() []byte {
	n := c.upTo(len(c.src))
	return c.take(n)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}
