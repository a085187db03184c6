package types

import (
	"encoding/binary"
	"math/big"
	"strings"
)

// Lengths in sortable numbers take one byte below longLength, else longLength and four bytes.
const longLength = 0x70

// decimalDigitsMax is how many digits DecodeSortable gives a decimal: as many as fit into a key of 65,535 bytes.
// Without it a few bytes could claim billions of zeros.
const decimalDigitsMax = 160000

// appendLength appends n so that longer is later, with the top bit set.
func appendLength(dst []byte, n int) []byte {
	if n < longLength {
		return append(dst, 0x80|byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, 0x80|longLength), uint32(n))
}

func decodeLength(src []byte) (n int, rest []byte, ok bool) {
	if len(src) == 0 || src[0] < 0x80 || src[0] > 0x80|longLength {
		return 0, nil, false
	}
	if n := int(src[0] & 0x7F); n < longLength {
		return n, src[1:], true
	}
	if len(src) < 5 {
		return 0, nil, false
	}
	v := binary.BigEndian.Uint32(src[1:])
	return int(v), src[5:], v >= longLength && v <= 1<<31-1
}

// needless is how many leading bytes of a varint only repeat its sign.
func needless(b []byte) int {
	n := 0
	for n+1 < len(b) && (b[n] == 0 && b[n+1] < 0x80 || b[n] == 0xFF && b[n+1] >= 0x80) {
		n++
	}
	return n
}

// appendSortableVarint appends the length of the shortest form, inverted for negative numbers, that form, and how
// many needless bytes were before it.
func appendSortableVarint(dst, value []byte) []byte {
	extra := needless(value)
	short := value[extra:]
	at := len(dst)
	dst = appendLength(dst, len(short))
	if short[0] >= 0x80 {
		invertFrom(dst, at)
	}
	return appendLength(append(dst, short...), extra)
}

func invertFrom(b []byte, at int) {
	for i := at; i < len(b); i++ {
		b[i] = ^b[i]
	}
}

func decodeSortableVarint(src []byte) (value, rest []byte, err error) {
	if len(src) == 0 {
		return nil, nil, ErrCorrupt
	}
	head := append([]byte(nil), src[:min(len(src), 5)]...)
	negative := src[0] < 0x80
	if negative {
		invertFrom(head, 0)
	}
	n, left, ok := decodeLength(head)
	src = src[len(head)-len(left):]
	if !ok || n == 0 || n > len(src) {
		return nil, nil, ErrCorrupt
	}
	short, src := src[:n], src[n:]
	extra, rest, ok := decodeLength(src)
	if !ok || extra > valueBytesMax || negative != (short[0] >= 0x80) || needless(short) != 0 {
		return nil, nil, ErrCorrupt
	}
	return append(signBytes(extra, negative), short...), rest, nil
}

// valueBytesMax is how long a value in a key may be.
const valueBytesMax = 65535

func signBytes(n int, negative bool) []byte {
	out := make([]byte, n)
	if negative {
		invertFrom(out, 0)
	}
	return out
}

// Signs of sortable decimals, in order.
const (
	signNegative = 0x01 // stored: never reuse
	signZero     = 0x02 // stored: never reuse
	signPositive = 0x03 // stored: never reuse
)

// appendSortableDecimal appends sign, exponent and digits (two a byte, plus one, up to a zero), inverted for negative
// numbers; then, which only tells numbers of the same worth apart, the scale and the needless bytes.
func appendSortableDecimal(dst, value []byte) []byte {
	p := partsOfDecimal(value)
	dst = append(dst, byte(p.sign+signZero))
	at := len(dst)
	if p.sign != 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(p.exponent)^1<<63)
		for i := 0; i < len(p.digits); i += 2 {
			pair := (p.digits[i] - '0') * 10
			if i+1 < len(p.digits) {
				pair += p.digits[i+1] - '0'
			}
			dst = append(dst, pair+1)
		}
		dst = append(dst, 0)
		if p.sign < 0 {
			invertFrom(dst, at)
		}
	}
	var whole [4]byte
	copy(whole[:], value)
	whole[0] ^= 0x80
	dst = append(dst, whole[:]...)
	// One more than the needless bytes: 0 is a decimal of a scale alone.
	if len(value) <= 4 {
		return appendLength(dst, 0)
	}
	return appendLength(dst, needless(value[4:])+1)
}

func decodeSortableDecimal(src []byte) (value, rest []byte, err error) {
	if len(src) == 0 || src[0] < signNegative || src[0] > signPositive {
		return nil, nil, ErrCorrupt
	}
	sign := int(src[0]) - signZero
	src = src[1:]
	var p decimalParts
	if sign != 0 {
		var ok bool
		if p, src, ok = decodeDecimalParts(src, sign); !ok {
			return nil, nil, ErrCorrupt
		}
	}
	if len(src) < 4 {
		return nil, nil, ErrCorrupt
	}
	scale := int32(binary.BigEndian.Uint32(src) ^ 1<<31)
	extra, rest, ok := decodeLength(src[4:])
	if !ok || extra > valueBytesMax || extra == 0 && sign != 0 {
		return nil, nil, ErrCorrupt
	}
	value = AppendInt(nil, scale)
	if extra == 0 {
		return value, rest, nil
	}
	unscaled, ok := p.unscaled(scale)
	if !ok {
		return nil, nil, ErrCorrupt
	}
	value = append(value, signBytes(extra-1, sign < 0)...)
	return AppendVarint(value, unscaled), rest, nil
}

func decodeDecimalParts(src []byte, sign int) (p decimalParts, rest []byte, ok bool) {
	if len(src) < 9 {
		return p, nil, false
	}
	flip := byte(0)
	if sign < 0 {
		flip = 0xFF
	}
	exponent := binary.BigEndian.Uint64(src)
	if sign < 0 {
		exponent = ^exponent
	}
	p = decimalParts{sign: sign, exponent: int64(exponent ^ 1<<63)}
	var digits []byte
	for src = src[8:]; len(src) > 0; src = src[1:] {
		pair := src[0] ^ flip
		if pair == 0 {
			p.digits = trimZeros(string(digits))
			// The first digit counts, the last is not zero, and only one zero fills the last pair.
			return p, src[1:], len(digits) > 0 && digits[0] != '0' && len(digits)-len(p.digits) < 2
		}
		if pair > 100 || len(digits) > decimalDigitsMax {
			return p, nil, false
		}
		digits = append(digits, (pair-1)/10+'0', (pair-1)%10+'0')
	}
	return p, nil, false
}

// unscaled is the number times ten to the scale, which must be whole and not too long.
func (p decimalParts) unscaled(scale int32) (*big.Int, bool) {
	if p.sign == 0 {
		return new(big.Int), true
	}
	length := p.exponent + int64(scale)
	if p.exponent > 1<<33 || length < int64(len(p.digits)) || length > decimalDigitsMax {
		return nil, false
	}
	v, ok := new(big.Int).SetString(p.digits+strings.Repeat("0", int(length)-len(p.digits)), 10)
	if ok && p.sign < 0 {
		v.Neg(v)
	}
	return v, ok
}
