package sstable

import (
	"encoding/binary"
	"math/bits"

	"github.com/eskerdb/esker/lsm/encoding"
	"github.com/eskerdb/esker/mutation"
)

// bitmap is a bit a row of a group.
type bitmap [groupRowsMax / 64]uint64

func (b *bitmap) set(i int) { b[i/64] |= 1 << (i % 64) }

// setBits sets the bits of word from bit i on, none beyond the last row.
func (b *bitmap) setBits(i int, word uint64) {
	b[i/64] |= word << (i % 64)
	if high := word >> 1 >> (63 - i%64); high != 0 {
		b[i/64+1] |= high
	}
}

// allBits has the lowest n bits set; n is 1 to 64.
func allBits(n int) uint64 { return ^uint64(0) >> (64 - n) }

// bitsAt returns n bits, 1 to 64, of present from bit i on; of a nil one all are set.
func bitsAt(present []uint64, i, n int) uint64 {
	if present == nil {
		return allBits(n)
	}
	word := present[i/64] >> (i % 64)
	if i%64+n > 64 {
		word |= present[i/64+1] << (64 - i%64)
	}
	return word & allBits(n)
}

func (b *bitmap) words(rows int) []uint64 { return b[:(rows+63)/64] }

// builder collects the values of one chunk: those of present rows only.
type builder struct {
	present  bitmap
	count    int
	physical mutation.Physical
	width    int
	words    []uint64
	offsets  []uint32
	data     []byte
}

func (b *builder) reset(physical mutation.Physical, width int) {
	b.present, b.count = bitmap{}, 0
	b.physical, b.width = physical, width
	b.words, b.offsets, b.data = b.words[:0], append(b.offsets[:0], 0), b.data[:0]
}

// mark sets a row present that has no value to speak of.
func (b *builder) mark(row int) {
	b.present.set(row)
	b.count++
}

// putWord gives a row a word.
func (b *builder) putWord(row int, word uint64) {
	b.mark(row)
	b.words = append(b.words, word)
}

// put gives a row a serialized value. If it does not have the width of the others all become bytes.
func (b *builder) put(row int, value []byte) {
	b.mark(row)
	if b.physical != mutation.PhysicalBytes {
		if len(value) == b.width {
			b.words = append(b.words, mutation.WordOf(b.physical, value))
			return
		}
		v := mutation.Vector{Physical: b.physical, Width: b.width, Words: b.words}
		for i := range b.words {
			b.data = v.AppendValue(b.data, i)
			b.offsets = append(b.offsets, uint32(len(b.data)))
		}
		b.physical = mutation.PhysicalBytes
		b.words = b.words[:0]
	}
	b.data = append(b.data, value...)
	b.offsets = append(b.offsets, uint32(len(b.data)))
}

// markAll sets n rows from that one on present.
func (b *builder) markAll(row, n int) {
	for at := 0; at < n; at += 64 {
		b.present.setBits(row+at, allBits(min(64, n-at)))
	}
	b.count += n
}

// markSome sets those of n rows present that have a bit in present, where the first row has bit at. It returns how many.
func (b *builder) markSome(row int, present []uint64, at, n int) int {
	count := 0
	for k := 0; k < n; k += 64 {
		some := bitsAt(present, at+k, min(64, n-k))
		b.present.setBits(row+k, some)
		count += bits.OnesCount64(some)
	}
	b.count += count
	return count
}

// putInts gives rows from that one on a word each.
func (b *builder) putInts(row int, values []int64) {
	b.markAll(row, len(values))
	for _, v := range values {
		b.words = append(b.words, uint64(v))
	}
}

// putVector gives n rows the values of rows of v from at on, and returns how many bytes they have.
func (b *builder) putVector(row int, v *mutation.Vector, at, n int) int {
	switch {
	case b.physical != v.Physical:
		return b.putOther(row, v, at, n)
	case b.physical == mutation.PhysicalBytes:
		return b.putData(row, v, at, n)
	case v.Present == nil:
		b.markAll(row, n)
		b.words = append(b.words, v.Words[at:at+n]...)
		return n * b.width
	}
	count := b.markSome(row, v.Present, at, n)
	for k := 0; k < n; k += 64 {
		size := min(64, n-k)
		some := bitsAt(v.Present, at+k, size)
		if some == allBits(size) {
			b.words = append(b.words, v.Words[at+k:at+k+size]...)
			continue
		}
		for ; some != 0; some &= some - 1 {
			b.words = append(b.words, v.Words[at+k+bits.TrailingZeros64(some)])
		}
	}
	return count * b.width
}

// putData is putVector for byte strings.
func (b *builder) putData(row int, v *mutation.Vector, at, n int) int {
	if v.Present != nil {
		size := 0
		for i := at; i < at+n; i++ {
			if v.Has(i) {
				b.put(row+i-at, v.Data[v.Offsets[i]:v.Offsets[i+1]])
				size += int(v.Offsets[i+1] - v.Offsets[i])
			}
		}
		return size
	}
	b.markAll(row, n)
	shift := uint32(len(b.data)) - v.Offsets[at]
	for _, end := range v.Offsets[at+1 : at+n+1] {
		b.offsets = append(b.offsets, end+shift)
	}
	b.data = append(b.data, v.Data[v.Offsets[at]:v.Offsets[at+n]]...)
	return int(v.Offsets[at+n] - v.Offsets[at])
}

// putOther is putVector for a vector of another kind: where fixed-width values have become bytes.
func (b *builder) putOther(row int, v *mutation.Vector, at, n int) int {
	size := 0
	var value []byte
	for i := at; i < at+n; i++ {
		if v.Has(i) {
			value = v.AppendValue(value[:0], i)
			b.put(row+i-at, value)
			size += len(value)
		}
	}
	return size
}

// appendTo appends the chunk, its checksum included. values is false for presence alone.
func (b *builder) appendTo(dst []byte, rows int, values bool, effort encoding.Effort) []byte {
	at := len(dst)
	dst = append(dst, 0)
	mode, dst := encoding.AppendPresence(dst, b.present.words(rows), rows)
	flags := byte(mode)
	switch {
	case !values:
		flags |= chunkNone
	case b.physical == mutation.PhysicalBytes:
		flags |= chunkBytes
		dst = encoding.AppendBytes(dst, b.offsets, b.data, effort)
	default:
		flags |= chunkWords
		dst = encoding.AppendWords(dst, b.words, b.physical, b.width, effort)
	}
	dst[at] = flags
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[at:]))
}
