package types

import (
	"bytes"
	"encoding/binary"
	"math"
)

// Markers begin every sortable value. None is 0x00 or 0xFF, so neither they nor their inverse ever equal 0xFF, which
// package clustering sets behind a prefix to mean "after all that starts with it".
const (
	markEmpty = 0x01 // stored: never reuse; the empty value, which comes first
	markValue = 0x02 // stored: never reuse; the bytes of the kind follow
	markLast  = 0x03 // stored: never reuse; a NaN whose sign bit is set: it belongs after all numbers
)

// ends of variable-length parts
const (
	endElems   = 0x00 // of a collection or tuple, where another element would begin with a marker
	nullElem   = 0x04 // stored: never reuse; a null inside a collection, which is not valid but may be there
	nullPart   = 0x00 // stored: never reuse; a null of a tuple, which comes first
	escape     = 0x00 // in bytes of any length: 00 FF is a zero, 00 01 the end
	escapedNil = 0xFF
	escapedEnd = 0x01
)

// depthMax bounds the nesting DecodeSortable follows; no type is deeper.
const depthMax = typeDepthMax + 1

// AppendSortable appends bytes whose plain order is that of Compare, and from which DecodeSortable gives the value
// back exactly. No such encoding is the beginning of another of the same type, so several can follow one another,
// and inverting every byte inverts the order. The value must be valid, not null, and at most 65,535 bytes long.
//
// Where Compare finds values of different bytes equal, they keep a fixed order among themselves: 1.0 before 1.00 as
// decimals, NaN and booleans by their bits, integers with needless leading bytes by length. So they are different keys here, and
// inside a collection or tuple such a pair decides before the elements that follow it.
func (t *Type) AppendSortable(dst, value []byte) []byte {
	if len(value) == 0 {
		return append(dst, markEmpty)
	}
	if w := t.FixedWidth(); w != 0 && w == len(value) {
		return t.appendFixed(dst, value)
	}
	dst = append(dst, markValue)
	switch t.kind {
	case KindVarint:
		return appendSortableVarint(dst, value)
	case KindDecimal:
		return appendSortableDecimal(dst, value)
	case KindList, KindSet, KindMap, KindTuple, KindUDT:
		return t.appendSortableElems(dst, value)
	}
	return appendEscaped(dst, value)
}

// appendFixed appends marker and value of a fixed-width kind.
func (t *Type) appendFixed(dst, value []byte) []byte {
	switch t.kind {
	case KindBoolean, KindDate, KindTime:
		return append(append(dst, markValue), value...)
	case KindUUID, KindTimeUUID:
		hi, lo := t.uuidOrder(value)
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(append(dst, markValue), hi), lo)
	case KindFloat, KindDouble:
		return appendSortableFloat(dst, value)
	}
	dst = append(append(dst, markValue), value...)
	dst[len(dst)-len(value)] ^= 0x80
	return dst
}

// appendSortableFloat flips the sign of positive numbers and all bits of negative ones. A NaN with its sign bit
// set would come first that way and gets a marker of its own.
func appendSortableFloat(dst, value []byte) []byte {
	mark := byte(markValue)
	flip := byte(0)
	if value[0] >= 0x80 {
		flip = 0xFF
		if math.IsNaN(DecodeFloat64(value)) {
			mark = markLast
		}
	}
	dst = append(dst, mark)
	at := len(dst)
	dst = append(dst, value...)
	if flip != 0 {
		for i := at; i < len(dst); i++ {
			dst[i] ^= flip
		}
		return dst
	}
	dst[at] ^= 0x80
	return dst
}

func appendEscaped(dst, value []byte) []byte {
	for {
		i := bytes.IndexByte(value, escape)
		if i < 0 {
			return append(append(dst, value...), escape, escapedEnd)
		}
		dst = append(append(dst, value[:i]...), escape, escapedNil)
		value = value[i+1:]
	}
}

// decodeEscaped undoes appendEscaped, of bytes that were each flipped.
func decodeEscaped(dst, src []byte, flip byte) (out, rest []byte, err error) {
	at := len(dst)
	for {
		i := bytes.IndexByte(src, escape^flip)
		if i < 0 || i+1 == len(src) {
			return nil, nil, ErrCorrupt
		}
		dst = append(dst, src[:i]...)
		next := src[i+1] ^ flip
		src = src[i+2:]
		switch next {
		case escapedEnd:
			if flip != 0 {
				invertFrom(dst, at)
			}
			return dst, src, nil
		case escapedNil:
			dst = append(dst, flip)
		default:
			return nil, nil, ErrCorrupt
		}
	}
}

// DecodeSortable reads one value that AppendSortable wrote and returns what follows it. The value shares no memory
// with src. Bytes that AppendSortable never writes are ErrCorrupt.
func (t *Type) DecodeSortable(src []byte) (value, rest []byte, err error) {
	return t.decodeSortable([]byte{}, src, 0)
}

// AppendFromSortable is DecodeSortable into a buffer: it appends the value to dst. It does not allocate for scalars
// but varint and decimal, if dst has room.
func (t *Type) AppendFromSortable(dst, src []byte) (out, rest []byte, err error) {
	return t.decodeSortable(dst, src, 0)
}

// AppendFromInverted is AppendFromSortable of bytes of which each was inverted, for descending order.
func (t *Type) AppendFromInverted(dst, src []byte) (out, rest []byte, err error) {
	switch t.kind {
	case KindVarint, KindDecimal, KindList, KindSet, KindMap, KindTuple, KindUDT:
		straight := bytes.Clone(src)
		invertFrom(straight, 0)
		if out, rest, err = t.decodeSortable(dst, straight, 0); err != nil {
			return nil, nil, err
		}
		return out, src[len(src)-len(rest):], nil
	}
	return t.decodePlain(dst, src, 0xFF)
}

func (t *Type) decodeSortable(dst, src []byte, depth int) (out, rest []byte, err error) {
	if depth > depthMax {
		return nil, nil, ErrCorrupt
	}
	if len(src) == 0 || src[0] != markValue {
		return t.decodePlain(dst, src, 0)
	}
	var value []byte
	switch t.kind {
	case KindVarint:
		value, rest, err = decodeSortableVarint(src[1:])
	case KindDecimal:
		value, rest, err = decodeSortableDecimal(src[1:])
	case KindList, KindSet, KindMap, KindTuple, KindUDT:
		value, rest, err = t.decodeSortableElems(src[1:], depth)
	default:
		return t.decodePlain(dst, src, 0)
	}
	if err != nil {
		return nil, nil, err
	}
	return append(dst, value...), rest, nil
}

// decodePlain reads empty values, values of fixed width and escaped ones, of bytes that were each flipped.
func (t *Type) decodePlain(dst, src []byte, flip byte) (out, rest []byte, err error) {
	if len(src) == 0 {
		return nil, nil, ErrCorrupt
	}
	mark, src := src[0]^flip, src[1:]
	switch {
	case mark == markEmpty:
		return dst, src, nil
	case mark == markLast && (t.kind == KindFloat || t.kind == KindDouble):
	case mark != markValue:
		return nil, nil, ErrCorrupt
	}
	w := t.FixedWidth()
	if w == 0 {
		if out, rest, err = decodeEscaped(dst, src, flip); err == nil && len(out) == len(dst) {
			return nil, nil, ErrCorrupt // the empty value has a marker of its own
		}
		return out, rest, err
	}
	if len(src) < w {
		return nil, nil, ErrCorrupt
	}
	dst = append(dst, src[:w]...)
	if flip != 0 {
		invertFrom(dst, len(dst)-w)
	}
	if !t.restoreFixed(dst[len(dst)-w:], mark) {
		return nil, nil, ErrCorrupt
	}
	return dst, src[w:], nil
}

// restoreFixed undoes appendFixed in place. It reports false where the marker does not belong to the bits.
func (t *Type) restoreFixed(value []byte, mark byte) bool {
	switch t.kind {
	case KindBoolean, KindDate, KindTime:
	case KindUUID, KindTimeUUID:
		hi, lo := t.uuidBack(uuidHalves(value))
		binary.BigEndian.PutUint64(value, hi)
		binary.BigEndian.PutUint64(value[8:], lo)
	case KindFloat, KindDouble:
		if mark == markLast || value[0] < 0x80 {
			invertFrom(value, 0)
		} else {
			value[0] ^= 0x80
		}
		return (mark == markLast) == (value[0] >= 0x80 && math.IsNaN(DecodeFloat64(value)))
	default:
		value[0] ^= 0x80
	}
	return true
}

// uuidBack undoes uuidOrder. The version is on top in every order.
func (t *Type) uuidBack(hi, lo uint64) (uint64, uint64) {
	switch {
	case t.kind == KindTimeUUID:
		return timeLast(hi), lo ^ signFlip
	case hi>>60 == 1:
		return timeLast(hi), lo
	}
	return versionLast(hi), lo
}

// appendSortableElems appends the elements of a collection, or the parts of a tuple and how many were there.
func (t *Type) appendSortableElems(dst, value []byte) []byte {
	if t.kind == KindUDT {
		return t.appendSortableFields(dst, value)
	}
	w, err := t.walk(value)
	if err != nil {
		return append(dst, endElems)
	}
	for w.left > 0 {
		elem, of, err := w.next()
		switch {
		case err != nil:
			w.left = 0
		case elem != nil:
			dst = of.AppendSortable(dst, elem)
		case t.IsCollection():
			dst = append(dst, nullElem)
		default:
			dst = append(dst, nullPart)
		}
	}
	if t.IsCollection() {
		return append(dst, endElems)
	}
	for i := w.at; i < len(t.elems); i++ {
		dst = append(dst, nullPart)
	}
	return binary.BigEndian.AppendUint16(dst, uint16(w.at))
}

func (t *Type) decodeSortableElems(src []byte, depth int) (value, rest []byte, err error) {
	switch t.kind {
	case KindTuple:
		return t.decodeSortableTuple(src, depth)
	case KindUDT:
		return t.decodeSortableFields(src, depth)
	}
	value = make([]byte, 4)
	n := 0
	for ; ; n++ {
		if len(src) == 0 {
			return nil, nil, ErrCorrupt
		}
		var elem []byte
		switch src[0] {
		case endElems:
			if n%len(t.elems) != 0 {
				return nil, nil, ErrCorrupt
			}
			binary.BigEndian.PutUint32(value, uint32(n/len(t.elems)))
			return value, src[1:], nil
		case nullElem:
			src = src[1:]
		default:
			if elem, src, err = t.elems[n%len(t.elems)].decodeSortable([]byte{}, src, depth+1); err != nil {
				return nil, nil, err
			}
		}
		value = AppendElem(value, elem)
	}
}

func (t *Type) decodeSortableTuple(src []byte, depth int) (value, rest []byte, err error) {
	elems := make([][]byte, len(t.elems))
	for i, of := range t.elems {
		if len(src) > 0 && src[0] == nullPart {
			src = src[1:]
			continue
		}
		if elems[i], src, err = of.decodeSortable([]byte{}, src, depth+1); err != nil {
			return nil, nil, err
		}
	}
	if len(src) < 2 {
		return nil, nil, ErrCorrupt
	}
	n := int(binary.BigEndian.Uint16(src))
	if n == 0 || n > len(elems) {
		return nil, nil, ErrCorrupt
	}
	for _, e := range elems[n:] {
		if e != nil {
			return nil, nil, ErrCorrupt
		}
	}
	return t.AppendCollection(nil, elems[:n]), src[2:], nil
}

const millisPerDay = nanosPerDay / nanosPerMilli

// SortableTimeMillis is the time in the sortable bytes of a timestamp, date, timeuuid, bigint or int, in milliseconds since 1970,
// cut at the ends of the integers. unitNanos is what one of a bigint or int stands for; 0: a bigint counts milliseconds, and an int is
// no time. ok is false for other types and the empty value.
func SortableTimeMillis(t *Type, src []byte, unitNanos int64) (ms int64, ok bool) {
	switch t.kind {
	case KindTimestamp, KindBigint, KindInt:
		v, ok := SortableInt64(t, src)
		if t.kind == KindTimestamp || !ok {
			return v, ok
		}
		return UnitMillis(v, unitNanos), t.kind == KindBigint || unitNanos > 0
	}
	if len(src) < 1+t.FixedWidth() || src[0] != markValue {
		return 0, false
	}
	src = src[1:]
	switch t.kind {
	case KindDate:
		return int64(int32(binary.BigEndian.Uint32(src)^1<<31)) * millisPerDay, true
	case KindTimeUUID:
		return int64(binary.BigEndian.Uint64(src)&ticksMask)/ticksPerMilli + gregorianMillis, true
	}
	return 0, false
}

// SortableInt64 is the number in the sortable bytes of a timestamp, bigint or int. ok is false for other types and the empty value.
func SortableInt64(t *Type, src []byte) (v int64, ok bool) {
	switch {
	case t.kind != KindTimestamp && t.kind != KindBigint && t.kind != KindInt:
		return 0, false
	case len(src) < 1+t.FixedWidth() || src[0] != markValue:
		return 0, false
	case t.kind == KindInt:
		return int64(int32(binary.BigEndian.Uint32(src[1:]) ^ 1<<31)), true
	}
	return int64(binary.BigEndian.Uint64(src[1:]) ^ 1<<63), true
}

// UnitMillis is a time in units since 1970 as milliseconds, toward −∞ and cut at the ends of the integers. A unit is so many
// nanoseconds; 0: it is a millisecond.
func UnitMillis(v, unitNanos int64) int64 {
	const nanosPerMilli = 1_000_000
	switch {
	case unitNanos <= 0 || unitNanos == nanosPerMilli:
		return v
	case unitNanos < nanosPerMilli:
		parts := nanosPerMilli / unitNanos
		ms := v / parts
		if v%parts < 0 {
			ms--
		}
		return ms
	}
	times := unitNanos / nanosPerMilli
	switch {
	case v > math.MaxInt64/times:
		return math.MaxInt64
	case v < math.MinInt64/times:
		return math.MinInt64
	}
	return v * times
}

// MillisUnit is the first time in units that UnitMillis puts at or behind a millisecond. ok is false if there is none.
func MillisUnit(ms, unitNanos int64) (v int64, ok bool) {
	const nanosPerMilli = 1_000_000
	switch {
	case unitNanos <= 0 || unitNanos == nanosPerMilli:
		return ms, true
	case ms == math.MinInt64:
		return math.MinInt64, true // as all that is cut there
	case unitNanos < nanosPerMilli:
		parts := nanosPerMilli / unitNanos
		if ms < math.MinInt64/parts {
			return math.MinInt64, true
		}
		return ms * parts, ms <= math.MaxInt64/parts
	}
	times := unitNanos / nanosPerMilli
	v = ms / times
	if ms%times > 0 {
		v++
	}
	return v, true
}
