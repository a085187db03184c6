package types

import (
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// AppendJSON appends a value as Cassandra's SELECT JSON shows it: null for null and for what is no number, an empty string for the empty
// value. Bytes that are no valid value are shown in hex.
func (t *Type) AppendJSON(dst, b []byte) []byte {
	switch {
	case b == nil:
		return append(dst, "null"...)
	case t.kind == KindASCII || t.kind == KindText:
		return AppendJSONString(dst, string(b))
	case t.kind == KindBlob || t.Validate(b) != nil:
		return append(hex.AppendEncode(append(dst, `"0x`...), b), '"')
	case len(b) == 0:
		return append(dst, `""`...)
	case len(t.elems) > 0:
		return t.appendJSONElems(dst, b)
	}
	switch t.kind {
	case KindTinyint, KindSmallint, KindInt, KindBigint, KindCounter:
		return strconv.AppendInt(dst, DecodeInt64(b), 10)
	case KindVarint:
		return DecodeVarint(b).Append(dst, 10)
	case KindDecimal:
		return appendDecimalText(dst, b)
	case KindBoolean:
		return strconv.AppendBool(dst, DecodeBoolean(b))
	case KindFloat, KindDouble:
		return appendJSONFloat(dst, DecodeFloat64(b), 8*len(b))
	}
	return append(t.appendJSONText(append(dst, '"'), b), '"')
}

// appendJSONText appends what stands in quotes and needs no escapes.
func (t *Type) appendJSONText(dst, b []byte) []byte {
	switch t.kind {
	case KindUUID, KindTimeUUID:
		return appendUUIDText(dst, b)
	case KindDuration:
		m, d, n, _ := DecodeDuration(b) // it is valid
		return appendDurationText(dst, m, d, n)
	case KindInet:
		return appendJSONInet(dst, b)
	case KindTimestamp:
		at := time.UnixMilli(DecodeInt64(b)).UTC()
		year := at.Year()
		if year < 1 {
			year = 1 - year // before the first year they are counted backwards
		}
		return at.AppendFormat(appendJSONYear(dst, year), "-01-02 15:04:05.000Z")
	case KindDate:
		at := time.Unix(int64(DecodeDate(b))*24*60*60, 0).UTC()
		return at.AppendFormat(appendJSONYear(dst, at.Year()), "-01-02")
	}
	return formatter{}.appendTime(dst, DecodeInt64(b))
}

// appendJSONYear appends a year of at least four digits, with a sign where it has more.
func appendJSONYear(dst []byte, year int) []byte {
	switch {
	case year < 0:
		dst, year = append(dst, '-'), -year
	case year > yearMax:
		dst = append(dst, '+')
	}
	digits := strconv.Itoa(year)
	dst = append(dst, "0000"[min(len(digits), 4):]...)
	return append(dst, digits...)
}

// appendJSONInet appends an address without the short form of zeros.
func appendJSONInet(dst, b []byte) []byte {
	if len(b) == 4 {
		a, _ := netip.AddrFromSlice(b)
		return a.AppendTo(dst)
	}
	for i := 0; i+1 < len(b); i += 2 {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = strconv.AppendUint(dst, uint64(b[i])<<8|uint64(b[i+1]), 16)
	}
	return dst
}

// appendJSONFloat appends a number as Java writes it; JSON has none that are infinite.
func appendJSONFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	return append(dst, javaDouble(v, bits)...)
}

// appendJSONElems appends a collection, tuple or user type. Keys of maps that are no strings are put into quotes.
func (t *Type) appendJSONElems(dst, b []byte) []byte {
	around := "[]"
	if t.kind == KindMap || t.kind == KindUDT {
		around = "{}"
	}
	dst = append(dst, around[0])
	w, _ := t.walk(b)
	n := 0
	for ; w.left > 0; n++ {
		elem, of, err := w.next()
		if err != nil {
			break // cannot be: the value is valid
		}
		dst = t.appendJSONSeparator(dst, n)
		if t.kind == KindMap && n%2 == 0 {
			dst = appendJSONKey(dst, of.AppendJSON(nil, elem))
			continue
		}
		dst = of.AppendJSON(dst, elem)
	}
	for ; !t.IsCollection() && n < len(t.elems); n++ { // what a short value leaves out
		dst = append(t.appendJSONSeparator(dst, n), "null"...)
	}
	return append(dst, around[1])
}

// appendJSONSeparator appends what stands before the element n.
func (t *Type) appendJSONSeparator(dst []byte, n int) []byte {
	switch {
	case n > 0 && t.kind == KindMap && n%2 == 1:
		return append(dst, ": "...)
	case n > 0:
		dst = append(dst, ", "...)
	}
	if t.kind == KindUDT {
		dst = append(AppendJSONName(dst, t.fields[n]), ": "...)
	}
	return dst
}

func appendJSONKey(dst, key []byte) []byte {
	if key[0] == '"' {
		return append(dst, key...)
	}
	return AppendJSONString(dst, string(key))
}

// AppendJSONName appends the name of a column or field: one that is not in lower case has quotes of its own.
func AppendJSONName(dst []byte, name string) []byte {
	if strings.ToLower(name) != name {
		name = `"` + name + `"`
	}
	return AppendJSONString(dst, name)
}

const upperHex = "0123456789ABCDEF"

// AppendJSONString appends a string in quotes. What has to be escaped is, and nothing else.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			if c < ' ' {
				dst = append(dst, `\u00`...)
				dst = append(dst, upperHex[c>>4], upperHex[c&0x0F])
				continue
			}
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
