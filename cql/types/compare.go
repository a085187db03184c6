package types

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"math/big"
)

// Compare orders two values that are not null as Cassandra does: negative if a comes first. Empty values come first.
// It is total on any bytes, but means something on valid values only. 1.0 and 1.00 are equal as decimals.
func (t *Type) Compare(a, b []byte) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(a), len(b))
	}
	switch t.kind {
	case KindTinyint, KindSmallint, KindInt, KindBigint, KindCounter, KindTimestamp:
		return cmp.Compare(DecodeInt64(a), DecodeInt64(b))
	case KindFloat, KindDouble:
		return compareFloats(DecodeFloat64(a), DecodeFloat64(b))
	case KindBoolean:
		return cmp.Compare(min(a[0], 1), min(b[0], 1))
	case KindUUID, KindTimeUUID:
		return t.compareUUIDs(a, b)
	case KindVarint:
		return DecodeVarint(a).Cmp(DecodeVarint(b))
	case KindDecimal:
		return compareDecimals(a, b)
	case KindList, KindSet, KindMap, KindTuple, KindUDT:
		return t.compareElems(a, b)
	}
	return bytes.Compare(a, b)
}

// compareFloats is Java's order: −0.0 before 0.0, NaN after everything and equal to itself.
func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case math.IsNaN(a) || math.IsNaN(b):
		return cmp.Compare(asInt(math.IsNaN(a)), asInt(math.IsNaN(b)))
	}
	return cmp.Compare(asInt(math.Signbit(b)), asInt(math.Signbit(a)))
}

func asInt(v bool) int {
	if v {
		return 1
	}
	return 0
}

// compareUUIDs orders timeuuids by time, then by their other bytes as signed ones; UUIDs by version, those of
// version 1 by time, then by their bytes.
func (t *Type) compareUUIDs(a, b []byte) int {
	if len(a) != uuidBytes || len(b) != uuidBytes {
		return bytes.Compare(a, b)
	}
	ah, al := t.uuidOrder(a)
	bh, bl := t.uuidOrder(b)
	if c := cmp.Compare(ah, bh); c != 0 {
		return c
	}
	return cmp.Compare(al, bl)
}

// uuidOrder moves the bits of a UUID to where plain comparison sees them in the type's order.
func (t *Type) uuidOrder(b []byte) (hi, lo uint64) {
	hi, lo = uuidHalves(b)
	switch {
	case t.kind == KindTimeUUID:
		return timeFirst(hi), lo ^ signFlip
	case uuidVersion(hi) == 1:
		return timeFirst(hi), lo
	}
	return versionFirst(hi), lo
}

// versionFirst moves the version to the top; what was above it follows.
func versionFirst(hi uint64) uint64 { return hi<<48&(0xF<<60) | hi>>4&^(0xF<<60)&^0xFFF | hi&0xFFF }

// versionLast undoes versionFirst.
func versionLast(w uint64) uint64 { return w<<4&^0xFFFF | w>>48&0xF000 | w&0xFFF }

// decimalParts are what orders a decimal: the sign, the number of digits before the point of 0.ddd × 10^exponent,
// and the digits without zeros at the end.
type decimalParts struct {
	sign     int
	exponent int64
	digits   string
}

func partsOfDecimal(b []byte) decimalParts {
	if len(b) < 4 {
		return decimalParts{}
	}
	unscaled := DecodeVarint(b[4:])
	sign := unscaled.Sign()
	if sign == 0 {
		return decimalParts{}
	}
	text := new(big.Int).Abs(unscaled).String()
	scale := int64(int32(binary.BigEndian.Uint32(b)))
	return decimalParts{sign: sign, exponent: int64(len(text)) - scale, digits: trimZeros(text)}
}

func trimZeros(s string) string {
	n := len(s)
	for n > 0 && s[n-1] == '0' {
		n--
	}
	return s[:n]
}

// compareDecimals never brings both to one scale: 1E+2000000000 would need as many digits.
func compareDecimals(a, b []byte) int {
	x, y := partsOfDecimal(a), partsOfDecimal(b)
	if x.sign != y.sign || x.sign == 0 {
		return cmp.Compare(x.sign, y.sign)
	}
	if x.exponent != y.exponent {
		return x.sign * cmp.Compare(x.exponent, y.exponent)
	}
	return x.sign * cmp.Compare(x.digits, y.digits)
}

// compareElems compares element by element; null comes first. Of collections with the same beginning the shorter
// comes first; parts that a tuple lacks are null.
func (t *Type) compareElems(a, b []byte) int {
	x, errX := t.walk(a)
	y, errY := t.walk(b)
	if errX != nil || errY != nil {
		return bytes.Compare(a, b)
	}
	for x.left > 0 && y.left > 0 {
		p, of, errP := x.next()
		q, _, errQ := y.next()
		if errP != nil || errQ != nil {
			return bytes.Compare(a, b)
		}
		if c := of.compareElem(p, q); c != 0 {
			return c
		}
	}
	if t.IsCollection() {
		return cmp.Compare(x.left, y.left)
	}
	return cmp.Compare(x.tail(), y.tail())
}

func (t *Type) compareElem(a, b []byte) int {
	if a == nil || b == nil {
		return cmp.Compare(asInt(a != nil), asInt(b != nil))
	}
	return t.Compare(a, b)
}

// tail is 1 if an element that is not null is still to come.
func (w *walker) tail() int {
	for w.left > 0 {
		elem, _, err := w.next()
		if err != nil || elem != nil {
			return 1
		}
	}
	return 0
}
