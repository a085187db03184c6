package encoding

import "encoding/binary"

// packBits appends the low width bits of each value, the first in the lowest bits.
func packBits(dst []byte, values []uint64, width int) []byte {
	if width == 0 {
		return dst
	}
	if width <= 8 {
		return packNarrow(dst, values, width)
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

// packNarrow is packBits for at most eight bits: eight values fill width bytes, and one word holds them.
func packNarrow(dst []byte, values []uint64, width int) []byte {
	mask := ^uint64(0) >> (64 - width)
	w := uint(width)
	for ; len(values) >= 8; values = values[8:] {
		v := values[:8:8]
		high := v[4]&mask | v[5]&mask<<(w&63) | v[6]&mask<<(2*w&63) | v[7]&mask<<(3*w&63)
		low := v[0]&mask | v[1]&mask<<(w&63) | v[2]&mask<<(2*w&63) | v[3]&mask<<(3*w&63)
		dst = binary.LittleEndian.AppendUint64(dst, low|high<<(4*w&63))
		dst = dst[:len(dst)-8+width]
	}
	var acc uint64
	for i, v := range values {
		acc |= v & mask << (uint(i) * w)
	}
	for used := len(values) * width; used > 0; used -= 8 {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// overrun is how many bytes from where a value begins may be read, whatever its width.
const overrun = 9

// unpackBits fills out with values of width bits. src holds all of them; what lies behind may be read, too.
func unpackBits(out []uint64, src []byte, width int) {
	if width == 0 {
		clear(out)
		return
	}
	if size := (len(out)*width + 7) / 8; len(src) < size+overrun {
		// Eight values fill width bytes. As many of those as can be are read where they are, the others with room behind them.
		whole := min(max(len(src)-overrun, 0)/width, len(out)/8)
		unpack(out[:8*whole], src, width)
		var padded [widthMax + 3*overrun]byte
		out = out[8*whole:]
		src = padded[:copy(padded[:], src[whole*width:size])+overrun]
	}
	unpack(out, src, width)
}

// unpack is unpackBits where there is room behind the values.
func unpack(out []uint64, src []byte, width int) {
	switch {
	case width <= 8:
		unpack8(out, src, width)
	case width <= 16:
		unpack4(out, src, width)
	case width <= 29:
		unpack2(out, src, width)
	default:
		unpack1(out, src, width)
	}
}

// unpack8 takes eight values from a word: width is at most 8.
func unpack8(out []uint64, src []byte, width int) {
	mask := uint64(1)<<(width&63) - 1
	w := uint(width)
	w2, w3, w4 := 2*w, 3*w, 4*w
	for len(out) >= 8 {
		v := binary.LittleEndian.Uint64(src)
		o := out[:8:8]
		o[0] = v & mask
		o[1] = v >> (w & 63) & mask
		o[2] = v >> (w2 & 63) & mask
		o[3] = v >> (w3 & 63) & mask
		v >>= w4 & 63
		o[4] = v & mask
		o[5] = v >> (w & 63) & mask
		o[6] = v >> (w2 & 63) & mask
		o[7] = v >> (w3 & 63) & mask
		src = src[width:]
		out = out[8:]
	}
	if len(out) > 0 {
		v := binary.LittleEndian.Uint64(src)
		for i := range out {
			out[i] = v & mask
			v >>= w & 63
		}
	}
}

// unpack4 takes four values from a word: width is at most 16, and four values of 15 bits may begin at the fourth of a byte.
func unpack4(out []uint64, src []byte, width int) {
	mask := uint64(1)<<(width&63) - 1
	w := uint(width)
	half, shift := width/2, uint(width&1*4)
	for len(out) >= 8 {
		v := binary.LittleEndian.Uint64(src)
		o := out[:8:8]
		o[0] = v & mask
		o[1] = v >> (w & 63) & mask
		o[2] = v >> (2 * w & 63) & mask
		o[3] = v >> (3 * w & 63) & mask
		v = binary.LittleEndian.Uint64(src[half:]) >> (shift & 63)
		o[4] = v & mask
		o[5] = v >> (w & 63) & mask
		o[6] = v >> (2 * w & 63) & mask
		o[7] = v >> (3 * w & 63) & mask
		src = src[width:]
		out = out[8:]
	}
	unpack1(out, src, width)
}

// unpack2 takes two values from a word: width is at most 29, and two may begin at the sixth bit of a byte.
func unpack2(out []uint64, src []byte, width int) {
	mask := uint64(1)<<(width&63) - 1
	w := uint(width)
	for len(out) >= 8 {
		o := out[:8:8]
		v := binary.LittleEndian.Uint64(src)
		o[0], o[1] = v&mask, v>>(w&63)&mask
		v = binary.LittleEndian.Uint64(src[2*w>>3:]) >> (2 * w & 7)
		o[2], o[3] = v&mask, v>>(w&63)&mask
		v = binary.LittleEndian.Uint64(src[4*w>>3:]) >> (4 * w & 7)
		o[4], o[5] = v&mask, v>>(w&63)&mask
		v = binary.LittleEndian.Uint64(src[6*w>>3:]) >> (6 * w & 7)
		o[6], o[7] = v&mask, v>>(w&63)&mask
		src = src[width:]
		out = out[8:]
	}
	unpack1(out, src, width)
}

// unpack1 takes each value for itself.
func unpack1(out []uint64, src []byte, width int) {
	mask := ^uint64(0) >> (64 - width)
	bit := 0
	for i := range out {
		word := src[bit>>3:]
		v := binary.LittleEndian.Uint64(word) >> (bit & 7)
		if width > 57 && bit&7 != 0 {
			v |= uint64(word[8]) << (64 - bit&7)
		}
		out[i] = v & mask
		bit += width
	}
}

// grow returns dst longer by n words of unknown content.
func grow(dst []uint64, n int) []uint64 {
	if cap(dst)-len(dst) >= n {
		return dst[:len(dst)+n]
	}
	return append(dst, make([]uint64, n)...)
}

func uvarint(src []byte) (uint64, []byte, error) {
	if len(src) > 0 && src[0] < 0x80 {
		return uint64(src[0]), src[1:], nil
	}
	v, size := binary.Uvarint(src)
	if size <= 0 {
		return 0, nil, corrupt("variable-length integer")
	}
	return v, src[size:], nil
}

func varint(src []byte) (uint64, []byte, error) {
	v, src, err := uvarint(src)
	return v>>1 ^ -(v & 1), src, err
}
