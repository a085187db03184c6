package memtable

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
)

// A byte string of a column is one word: up to inlineBytesMax bytes in the word itself, a longer one as its
// place and length. Lengths of longLength and more stand in front of the bytes.
//
//	1 | 4 bits unused | length 3 bits | 56 bits: the bytes, the first one lowest
//	0 | length 16 bits | address / 2 47 bits
const (
	inlineBytesMax = 7
	inlineFlag     = 1 << 63
	inlineShift    = 56
	lengthShift    = 47
	longLength     = 0xFFFF
	longHead       = 4 // bytes of a length in front of the bytes
)

// inline returns the word of a short byte string.
func inline(value []byte) uint64 {
	w := uint64(inlineFlag) | uint64(len(value))<<inlineShift
	for i, b := range value {
		w |= uint64(b) << (8 * i)
	}
	return w
}

// bytes copies a byte string in and returns its word.
func (a *arena) bytesWord(value []byte) uint64 {
	n := len(value)
	switch {
	case n <= inlineBytesMax:
		return inline(value)
	case n < longLength:
		r := a.alloc(n, 2)
		copy(bytesAt(r, n), value)
		return uint64(n)<<lengthShift | uint64(r)>>1
	}
	r := a.alloc(longHead+n, 2)
	b := bytesAt(r, longHead+n)
	binary.LittleEndian.PutUint32(b, uint32(n))
	copy(b[longHead:], value)
	return longLength<<lengthShift | uint64(r)>>1
}

// bytesOf returns the byte string of a word; a short one lies in buf, all else in the arena.
func bytesOf(w uint64, buf *[8]byte) []byte {
	if w&inlineFlag != 0 {
		binary.LittleEndian.PutUint64(buf[:], w)
		return buf[:w>>inlineShift&inlineBytesMax]
	}
	r := ref(w & (1<<lengthShift - 1) << 1)
	n := int(w >> lengthShift)
	if n == longLength {
		n = int(binary.LittleEndian.Uint32(bytesAt(r, longHead)))
		r += longHead
	}
	return bytesAt(r, n)
}

// sameBytes reports whether the word stands for value.
func sameBytes(w uint64, value []byte) bool {
	var buf [8]byte
	return bytes.Equal(bytesOf(w, &buf), value)
}

// putWord is the opposite of mutation.WordOf.
func putWord(buf *[8]byte, width int, w uint64) []byte {
	binary.BigEndian.PutUint64(buf[:], w)
	return buf[8-width:]
}

// bitsAt returns n bits, up to 64, of a bitmap from bit i on.
func bitsAt(bitmap []uint64, i, n int) uint64 {
	w := bitmap[i/64] >> (i % 64)
	if left := 64 - i%64; left < n {
		w |= bitmap[i/64+1] << left
	}
	return w & (math.MaxUint64 >> (64 - n))
}

// setOnes sets bits [from, to) of a bitmap.
func setOnes(bitmap []uint64, from, to int) {
	for i := from; i < to; {
		n := min(to-i, 64-i%64)
		bitmap[i/64] |= math.MaxUint64 >> (64 - n) << (i % 64)
		i += n
	}
}

// countOnes counts the bits of a bitmap.
func countOnes(bitmap []uint64) int {
	n := 0
	for _, w := range bitmap {
		n += bits.OnesCount64(w)
	}
	return n
}
