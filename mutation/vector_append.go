package mutation

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Reset empties v, keeps its memory, and makes it hold values of that kind.
func (v *Vector) Reset(physical Physical, width int) {
	v.Physical, v.Width = physical, width
	v.Words, v.Data, v.Offsets = v.Words[:0], v.Data[:0], v.Offsets[:0]
	if physical == PhysicalBytes {
		v.Width = 0
		v.Offsets = append(v.Offsets, 0)
	}
	v.Present, v.Timestamps, v.TTLs, v.ExpiresAt = nil, nil, nil, nil
}

// rows returns how many rows were appended.
func (v *Vector) rows() int {
	if v.Physical == PhysicalBytes {
		return len(v.Offsets) - 1
	}
	return len(v.Words)
}

// Append appends a row with the serialized value. If the value does not have the width of
// the vector, the whole vector becomes PhysicalBytes.
func (v *Vector) Append(value []byte) {
	if v.Physical != PhysicalBytes && len(value) != v.Width {
		v.toBytes()
	}
	if v.Present != nil {
		v.Present = setBit(v.Present, v.rows())
	}
	if v.Physical == PhysicalBytes {
		v.Data = append(v.Data, value...)
		v.Offsets = append(v.Offsets, uint32(len(v.Data)))
		return
	}
	v.Words = append(v.Words, WordOf(v.Physical, value))
}

// AppendAbsent appends a row without a value.
func (v *Vector) AppendAbsent() {
	if v.Present == nil {
		v.Present = onesUpTo(v.rows())
	}
	if v.rows()/64 >= len(v.Present) {
		v.Present = append(v.Present, 0)
	}
	if v.Physical == PhysicalBytes {
		v.Offsets = append(v.Offsets, uint32(len(v.Data)))
		return
	}
	v.Words = append(v.Words, 0)
}

// WordOf returns the word of a value that has the width of its column: a sign-extended integer, or the bits of a float.
func WordOf(physical Physical, value []byte) uint64 {
	signed := physical == PhysicalInt
	switch len(value) {
	case 8:
		return binary.BigEndian.Uint64(value)
	case 4:
		if w := binary.BigEndian.Uint32(value); signed {
			return uint64(int64(int32(w)))
		} else {
			return uint64(w)
		}
	case 2:
		return uint64(int64(int16(binary.BigEndian.Uint16(value))))
	case 1:
		return uint64(int64(int8(value[0])))
	}
	return 0
}

// toBytes turns a fixed-width vector into one of bytes.
func (v *Vector) toBytes() {
	v.Data, v.Offsets = v.Data[:0], append(v.Offsets[:0], 0)
	for i := range v.Words {
		if v.Has(i) {
			v.Data = v.AppendValue(v.Data, i)
		}
		v.Offsets = append(v.Offsets, uint32(len(v.Data)))
	}
	v.Physical, v.Width, v.Words = PhysicalBytes, 0, v.Words[:0]
}

// setBit sets bit i of a bitmap, which grows as needed.
func setBit(words []uint64, i int) []uint64 {
	for len(words) <= i/64 {
		words = append(words, 0)
	}
	words[i/64] |= 1 << (i % 64)
	return words
}

// onesUpTo returns a bitmap with the first n bits set.
func onesUpTo(n int) []uint64 {
	words := make([]uint64, (n+63)/64, BatchRowsMax/64)
	for i := range words {
		words[i] = math.MaxUint64
	}
	if n%64 != 0 {
		words[n/64] = 1<<(n%64) - 1
	}
	return words
}

// Count returns how many of the first rows rows have a value.
func (v *Vector) Count(rows int) int {
	if v.Present == nil {
		return rows
	}
	count := 0
	for _, w := range v.Present {
		count += bits.OnesCount64(w)
	}
	return count
}
