package ingest

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/eskerdb/esker/cql/types"
)

// shownBytesMax is how much of a field stands in an error.
const shownBytesMax = 80

// converter turns fields into values of one type. It is safe for concurrent use.
type converter struct {
	typ   *types.Type
	times *timeFormat
}

// append appends the value that field says. What it refuses is an error to be shown as it is.
func (c converter) append(dst, field []byte) ([]byte, error) {
	switch kind := c.typ.Kind(); kind {
	case types.KindText, types.KindASCII, types.KindBlob:
		return c.appendText(dst, field)
	case types.KindTimestamp:
		field = trim(field)
		ms, ok := c.times.parse(field)
		if !ok {
			return dst, c.refuse(field)
		}
		return types.AppendTimestampMillis(dst, ms), nil
	case types.KindDouble:
		field = trim(field)
		if v, ok := parseDecimalFloat(field); ok {
			return types.AppendDouble(dst, v), nil
		}
	case types.KindTinyint, types.KindSmallint, types.KindInt, types.KindBigint:
		field = trim(field)
		v, ok := parseInteger(field)
		if !ok {
			return dst, c.refuse(field)
		}
		return c.appendInteger(dst, field, v)
	}
	return c.appendLiteral(dst, trim(field))
}

func (c converter) appendInteger(dst, field []byte, v int64) ([]byte, error) {
	fits := true
	switch c.typ.Kind() {
	case types.KindTinyint:
		dst, fits = types.AppendTinyint(dst, int8(v)), v == int64(int8(v))
	case types.KindSmallint:
		dst, fits = types.AppendSmallint(dst, int16(v)), v == int64(int16(v))
	case types.KindInt:
		dst, fits = types.AppendInt(dst, int32(v)), v == int64(int32(v))
	default:
		dst = types.AppendBigint(dst, v)
	}
	if !fits {
		return dst, c.refuse(field)
	}
	return dst, nil
}

func (c converter) appendText(dst, field []byte) ([]byte, error) {
	switch {
	case c.typ.Kind() == types.KindBlob:
		return c.appendLiteral(dst, trim(field))
	case c.typ.Kind() == types.KindASCII:
		if err := c.typ.Validate(field); err != nil {
			return dst, err
		}
	case !utf8.Valid(field):
		return dst, fmt.Errorf("%q is not UTF-8", shorten(field))
	}
	return append(dst, field...), nil
}

// classes are the literals that fields of the other types are read as.
var classes = map[types.Kind]types.LiteralClass{
	types.KindBlob: types.LitHex, types.KindBoolean: types.LitBoolean, types.KindDate: types.LitString,
	types.KindDecimal: types.LitFloat, types.KindDouble: types.LitFloat, types.KindDuration: types.LitDuration,
	types.KindFloat: types.LitFloat, types.KindInet: types.LitString, types.KindTime: types.LitString,
	types.KindTimeUUID: types.LitUUID, types.KindUUID: types.LitUUID, types.KindVarint: types.LitInteger,
}

// spellings are what programs write for values that CQL spells in one way.
var spellings = map[types.Kind]map[string]string{
	types.KindBoolean: {"1": "true", "0": "false", "t": "true", "f": "false", "yes": "true", "no": "false", "y": "true", "n": "false"},
	types.KindDouble:  floatSpellings,
	types.KindFloat:   floatSpellings,
}

var floatSpellings = map[string]string{"nan": "NaN", "inf": "Infinity", "+inf": "Infinity", "-inf": "-Infinity",
	"infinity": "Infinity", "-infinity": "-Infinity"}

func (c converter) appendLiteral(dst, field []byte) ([]byte, error) {
	kind := c.typ.Kind()
	text := string(field)
	if same, ok := spellings[kind][strings.ToLower(text)]; ok {
		text = same
	}
	v, err := c.typ.ParseLiteral(types.Literal{Class: classes[kind], Text: text})
	if err != nil || len(v) == 0 && kind != types.KindBlob {
		return dst, c.refuse(field)
	}
	return append(dst, v...), nil
}

func (c converter) refuse(field []byte) error {
	return fmt.Errorf("%q is not a %s", shorten(field), c.typ)
}

func shorten(field []byte) []byte {
	if len(field) > shownBytesMax {
		return append(field[:shownBytesMax:shownBytesMax], "…"...)
	}
	return field
}

// trim cuts blanks around a field, which are no part of a number or a time.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// loadable tells whether fields can be values of t.
func loadable(t *types.Type) bool {
	switch t.Kind() {
	case types.KindText, types.KindASCII, types.KindTimestamp, types.KindTinyint, types.KindSmallint, types.KindInt, types.KindBigint:
		return true
	}
	return classes[t.Kind()] != 0
}

// keyBytesMax is the longest value of a key column.
const keyBytesMax = math.MaxUint16
