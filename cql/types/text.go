package types

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// TextOptions say how values are shown to people.
type TextOptions struct {
	FloatDigits  int // significant digits of floats; 0: as many as tell the number apart
	DoubleDigits int // the same of doubles
}

// AppendText appends a value as cqlsh shows it: strings bare, timestamps as `2015-02-04 17:51:00.000000+0000`,
// null as `null`. Inside collections strings, timestamps and addresses are quoted. Bytes that are no valid value are shown in hex.
func (t *Type) AppendText(dst, b []byte, opts TextOptions) []byte {
	return t.format(dst, b, formatter{opts: opts})
}

// AppendLiteral appends a value as a CQL literal that ParseLiteral, after CQL's reading, turns into the same value.
// The empty value of types without a literal for it is shown as an empty string literal.
func (t *Type) AppendLiteral(dst, b []byte) []byte {
	return t.format(dst, b, formatter{literal: true})
}

// formatter is the way a value is written.
type formatter struct {
	opts    TextOptions
	literal bool // for a parser, not for people
	nested  bool // inside a collection
}

func (t *Type) format(dst, b []byte, f formatter) []byte {
	switch {
	case b == nil:
		return append(dst, "null"...)
	case t.kind == KindBlob:
		return hex.AppendEncode(append(dst, "0x"...), b)
	case t.kind == KindASCII || t.kind == KindText:
		return f.quote(dst, string(b))
	case t.Validate(b) != nil:
		return hex.AppendEncode(append(dst, "0x"...), b)
	case len(b) == 0 && (f.literal || f.nested):
		return append(dst, "''"...)
	case len(b) == 0:
		return dst
	case len(t.elems) > 0:
		f.nested = true
		return t.formatElems(dst, b, f)
	}
	return t.formatScalar(dst, b, f)
}

// quote appends a string, in quotes where it has to have them.
func (f formatter) quote(dst []byte, s string) []byte {
	if !f.literal && !f.nested {
		return append(dst, s...)
	}
	return append(append(append(dst, '\''), strings.ReplaceAll(s, "'", "''")...), '\'')
}

func (t *Type) formatScalar(dst, b []byte, f formatter) []byte {
	switch t.kind {
	case KindTinyint, KindSmallint, KindInt, KindBigint, KindCounter:
		return strconv.AppendInt(dst, DecodeInt64(b), 10)
	case KindVarint:
		return DecodeVarint(b).Append(dst, 10)
	case KindDecimal:
		return appendDecimalText(dst, b)
	case KindFloat:
		return appendFloatText(dst, DecodeFloat64(b), f.opts.FloatDigits, 32)
	case KindDouble:
		return appendFloatText(dst, DecodeFloat64(b), f.opts.DoubleDigits, 64)
	case KindBoolean:
		return f.appendBoolean(dst, DecodeBoolean(b))
	case KindUUID, KindTimeUUID:
		return appendUUIDText(dst, b)
	case KindInet:
		a, _ := netip.AddrFromSlice(b)
		return f.quote(dst, a.String())
	case KindDuration:
		m, d, n, _ := DecodeDuration(b)
		if f.literal && m == 0 && d == 0 && n == 0 {
			return append(dst, "0s"...)
		}
		return appendDurationText(dst, m, d, n)
	case KindTimestamp:
		return f.appendTimestamp(dst, DecodeInt64(b))
	case KindDate:
		return f.appendDate(dst, b)
	}
	return f.appendTime(dst, DecodeInt64(b))
}

func (f formatter) appendBoolean(dst []byte, v bool) []byte {
	switch {
	case f.literal && v:
		return append(dst, "true"...)
	case f.literal:
		return append(dst, "false"...)
	case v:
		return append(dst, "True"...) // cqlsh is written in Python
	}
	return append(dst, "False"...)
}

// yearMax is the last year that is written as one; times beyond it are shown as numbers.
const yearMax = 9999

func (f formatter) appendTimestamp(dst []byte, ms int64) []byte {
	at := time.UnixMilli(ms).UTC()
	if at.Year() < 1 || at.Year() > yearMax {
		return strconv.AppendInt(dst, ms, 10)
	}
	layout := "2006-01-02 15:04:05.000000-0700"
	if f.literal {
		layout = "2006-01-02T15:04:05.000Z"
	}
	return f.quote(dst, at.Format(layout))
}

func (f formatter) appendDate(dst, b []byte) []byte {
	days := DecodeDate(b)
	at := time.Unix(int64(days)*24*60*60, 0).UTC()
	if at.Year() < 1 || at.Year() > yearMax {
		return strconv.AppendUint(dst, uint64(uint32(DecodeInt64(b))), 10)
	}
	return f.quoteLiteral(dst, at.Format("2006-01-02"))
}

func (f formatter) appendTime(dst []byte, ns int64) []byte {
	if ns < 0 || ns >= nanosPerDay {
		return strconv.AppendInt(dst, ns, 10)
	}
	return f.quoteLiteral(dst, fmt.Sprintf("%02d:%02d:%02d.%09d",
		ns/nanosPerHour, ns/nanosPerMinute%60, ns/nanosPerSecond%60, ns%nanosPerSecond))
}

// quoteLiteral quotes what cqlsh leaves bare even inside collections.
func (f formatter) quoteLiteral(dst []byte, s string) []byte {
	if f.literal {
		return f.quote(dst, s)
	}
	return append(dst, s...)
}

// appendFloatText writes small and ordinary numbers without exponent: 0.00001 to 1e16.
func appendFloatText(dst []byte, v float64, digits, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	case digits > 0:
		return strconv.AppendFloat(dst, v, 'g', digits, bits)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-5 || a >= 1e16) {
		return strconv.AppendFloat(dst, v, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, bits)
}

// appendDecimalText writes a decimal as Java's BigDecimal.toString: with an exponent when the scale is negative or
// the number is below 0.000001.
func appendDecimalText(dst, b []byte) []byte {
	unscaled := DecodeVarint(b[4:])
	scale := DecodeInt64(b[:4])
	if unscaled.Sign() < 0 {
		dst = append(dst, '-')
	}
	digits := new(big.Int).Abs(unscaled).String()
	exponent := int64(len(digits)) - 1 - scale
	switch {
	case scale == 0:
		return append(dst, digits...)
	case scale > 0 && exponent >= -6:
		if missing := int(scale) - len(digits) + 1; missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		point := len(digits) - int(scale)
		return append(append(append(dst, digits[:point]...), '.'), digits[point:]...)
	}
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(append(dst, '.'), digits[1:]...)
	}
	if exponent == 0 {
		return dst
	}
	return append(dst, fmt.Sprintf("E%+d", exponent)...)
}

var brackets = map[Kind]string{KindList: "[]", KindSet: "{}", KindMap: "{}", KindTuple: "()", KindUDT: "{}"}

func (t *Type) formatElems(dst, b []byte, f formatter) []byte {
	around := brackets[t.kind]
	dst = append(dst, around[0])
	w, _ := t.walk(b)
	for n := 0; w.left > 0; n++ {
		elem, of, err := w.next()
		if err != nil {
			break // cannot be: the value is valid
		}
		switch {
		case n > 0 && t.kind == KindMap && n%2 == 1:
			dst = append(dst, ": "...)
		case n > 0:
			dst = append(dst, ", "...)
		}
		if t.kind == KindUDT {
			dst = t.appendField(dst, n, f)
		}
		dst = of.format(dst, elem, f)
	}
	if t.kind == KindUDT {
		for n := w.at; n < len(t.elems); n++ { // fields that came after the value
			if n > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(t.appendField(dst, n, f), "null"...)
		}
	}
	return append(dst, around[1])
}

// appendField appends the name of a field, to people as it is.
func (t *Type) appendField(dst []byte, n int, f formatter) []byte {
	name := ""
	if n < len(t.fields) {
		name = t.fields[n]
	}
	if f.literal {
		name = QuoteName(name)
	}
	return append(append(dst, name...), ": "...)
}
