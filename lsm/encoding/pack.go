package encoding

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// blockValues is how many values share a base and a width.
const blockValues = 128

// appendPacked appends values in blocks of 128: frame of reference, common divisor, bit-packing,
// and patches for the outliers that would widen a block.
func appendPacked(dst []byte, values []uint64) []byte {
	divisor := commonDivisor(values)
	dst = binary.AppendUvarint(dst, divisor)
	var rest [blockValues]uint64
	for len(values) > 0 {
		n := min(blockValues, len(values))
		base := blockBase(values[:n], divisor)
		for i, v := range values[:n] {
			rest[i] = v - base
		}
		if divisor > 1 {
			for i := range rest[:n] {
				rest[i] /= divisor
			}
		}
		width, _ := bestWidth(rest[:n])
		dst = binary.AppendVarint(dst, int64(base))
		dst = appendBlock(dst, rest[:n], width)
		values = values[n:]
	}
	return dst
}

// appendBlock appends width, patches and packed bits of one block.
func appendBlock(dst []byte, rest []uint64, width int) []byte {
	patches := 0
	for _, v := range rest {
		if bits.Len64(v) > width {
			patches++
		}
	}
	dst = append(dst, byte(width), byte(patches))
	dst = packBits(dst, rest, width)
	if patches == 0 {
		return dst
	}
	for i, v := range rest {
		if bits.Len64(v) > width {
			dst = append(dst, byte(i))
			dst = binary.AppendUvarint(dst, v>>width)
		}
	}
	return dst
}

// outliersMax is how many values of a block may lie below its base.
const outliersMax = 3

// blockBase returns what the values of a block are counted from: the smallest as a signed number. If a
// few lie far below the others, it is the smallest of those: differences wrap around, so what is below
// becomes a patch like any other outlier. With a divisor there is no wrapping.
func blockBase(values []uint64, divisor uint64) uint64 {
	least, most := int64(values[0]), int64(values[0])
	for _, v := range values[1:] {
		least, most = min(least, int64(v)), max(most, int64(v))
	}
	if divisor == 1 && len(values) >= 8*outliersMax && mayHaveOutliers(values, least, most) {
		return baseWithout(values)
	}
	return uint64(least)
}

// mayHaveOutliers looks at a few values: if they lie close together, but far above the smallest, then it
// is worth a closer look.
func mayHaveOutliers(values []uint64, least, most int64) bool {
	var sample [5]int64
	for i := range sample {
		sample[i] = int64(values[i*(len(values)-1)/4])
	}
	slices.Sort(sample[:])
	low, high := sample[1], sample[3] // one of five may be an outlier itself
	near := (uint64(most) - uint64(least)) / 64
	return uint64(high)-uint64(low) < near && uint64(low)-uint64(least) > near
}

// baseWithout returns the base of a block that may have outliers at both ends.
func baseWithout(values []uint64) uint64 {
	const last = outliersMax
	low := [last + 1]int64{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64}
	high := [last + 1]int64{math.MinInt64, math.MinInt64, math.MinInt64, math.MinInt64}
	for _, word := range values {
		v := int64(word)
		for i := last; i >= 0 && v < low[i]; i-- {
			low[min(i+1, last)], low[i] = low[i], v
		}
		for i := last; i >= 0 && v > high[i]; i-- {
			high[min(i+1, last)], high[i] = high[i], v
		}
	}
	least, base := uint64(low[0]), uint64(low[last])
	if base-least > uint64(high[last])-base {
		return base
	}
	return least
}

// commonDivisor returns the largest number that divides the distances between all values; at least 1.
func commonDivisor(values []uint64) uint64 {
	if len(values) == 0 {
		return 1
	}
	var divisor uint64
	first := values[0]
	for _, v := range values[1:] {
		d := v - first
		if int64(v) < int64(first) {
			d = first - v
		}
		if divisor > 1 && d%divisor == 0 {
			continue
		}
		for d != 0 {
			divisor, d = d, divisor%d
		}
		if divisor == 1 {
			return 1
		}
	}
	return max(divisor, 1)
}

// bestWidth returns the width that makes a block smallest, and its size in bits.
func bestWidth(rest []uint64) (width, size int) {
	var count [65]int
	for _, v := range rest {
		count[bits.Len64(v)]++
	}
	width = 64
	for width > 0 && count[width] == 0 {
		width--
	}
	widest := width
	size = len(rest) * width
	patches := 0
	for w := widest - 1; w >= 0; w-- {
		patches += count[w+1]
		cost := len(rest) * w
		// A patch is its place and the high bits; the widest possible is assumed for all, so that the
		// search stays linear.
		cost += patches * (8 + 8*((widest-w+6)/7))
		if cost < size {
			width, size = w, cost
		}
	}
	return width, size
}

// packBits appends the low width bits of each value.
func packBits(dst []byte, values []uint64, width int) []byte {
	if width == 0 {
		return dst
	}
	mask := ^uint64(0) >> (64 - width)
	var acc uint64
	used := 0
	for _, v := range values {
		v &= mask
		acc |= v << used
		used += width
		if used < 64 {
			continue
		}
		dst = binary.LittleEndian.AppendUint64(dst, acc)
		used -= 64
		acc = 0
		if used > 0 {
			acc = v >> (width - used)
		}
	}
	for ; used > 0; used -= 8 {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// decodePacked appends n values to dst and returns what follows them in src.
func decodePacked(dst []uint64, src []byte, n int) ([]uint64, []byte, error) {
	divisor, src, err := uvarint(src)
	if err != nil {
		return dst, nil, err
	}
	if divisor == 0 {
		return dst, nil, corrupt("divisor 0")
	}
	for n > 0 {
		k := min(blockValues, n)
		base, size := binary.Varint(src)
		if size <= 0 {
			return dst, nil, corrupt("base of a block")
		}
		at := len(dst)
		if dst, src, err = decodeBlock(dst, src[size:], k); err != nil {
			return dst, nil, err
		}
		block := dst[at:]
		if divisor == 1 {
			for i := range block {
				block[i] += uint64(base)
			}
		} else {
			for i := range block {
				block[i] = block[i]*divisor + uint64(base)
			}
		}
		n -= k
	}
	return dst, src, nil
}

// decodeBlock appends the n values of a block before divisor and base.
func decodeBlock(dst []uint64, src []byte, n int) ([]uint64, []byte, error) {
	if len(src) < 2 {
		return dst, nil, corrupt("head of a block")
	}
	width, patches := int(src[0]), int(src[1])
	src = src[2:]
	size := (n*width + 7) / 8
	if width > 64 || patches > n || len(src) < size {
		return dst, nil, corrupt("block of %d values: width %d, %d patches, %d bytes", n, width, patches, len(src))
	}
	at := len(dst)
	dst = unpackBits(dst, src[:size], n, width)
	src = src[size:]
	for range patches {
		if len(src) < 1 || int(src[0]) >= n {
			return dst, nil, corrupt("place of a patch")
		}
		place := int(src[0])
		high, rest, err := uvarint(src[1:])
		if err != nil {
			return dst, nil, err
		}
		dst[at+place] |= high << width
		src = rest
	}
	return dst, src, nil
}

// unpackBits appends n values of width bits. src holds all of them.
func unpackBits(dst []uint64, src []byte, n, width int) []uint64 {
	at := len(dst)
	dst = grow(dst, n)
	out := dst[at:]
	if width == 0 {
		clear(out)
		return dst
	}
	// A copy with room behind it, so that every value can be loaded whole.
	var buf [blockValues*8 + 16]byte
	copy(buf[:], src)
	mask := ^uint64(0) >> (64 - width)
	bit := 0
	for i := range out {
		word := buf[bit>>3:]
		v := binary.LittleEndian.Uint64(word) >> (bit & 7)
		if width > 57 && bit&7 != 0 {
			v |= uint64(word[8]) << (64 - bit&7)
		}
		out[i] = v & mask
		bit += width
	}
	return dst
}

// grow returns dst longer by n words of unknown content.
func grow(dst []uint64, n int) []uint64 {
	if cap(dst)-len(dst) >= n {
		return dst[:len(dst)+n]
	}
	return append(dst, make([]uint64, n)...)
}

func uvarint(src []byte) (uint64, []byte, error) {
	v, size := binary.Uvarint(src)
	if size <= 0 {
		return 0, nil, corrupt("variable-length integer")
	}
	return v, src[size:], nil
}
