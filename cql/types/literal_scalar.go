package types

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// Takes reports whether a scalar literal of that class can be given to t (Cassandra's Constants.Literal.testAssignment).
func (t *Type) Takes(class LiteralClass) bool {
	switch t.kind {
	case KindASCII, KindText, KindInet:
		return class == LitString
	case KindDate, KindTime, KindTimestamp:
		return class == LitString || class == LitInteger
	case KindTinyint, KindSmallint, KindInt, KindBigint, KindCounter, KindVarint:
		return class == LitInteger
	case KindDecimal, KindDouble, KindFloat:
		return class == LitInteger || class == LitFloat
	case KindDuration:
		return class == LitInteger || class == LitDuration
	case KindUUID, KindTimeUUID:
		return class == LitUUID
	case KindBoolean:
		return class == LitBoolean
	case KindBlob:
		return class == LitHex
	}
	return false
}

// parseScalar turns text of a fitting class into a value. Empty text is the empty value where there is one.
func (t *Type) parseScalar(s string) ([]byte, error) {
	if s == "" && t.AllowsEmpty() {
		return []byte{}, nil
	}
	switch t.kind {
	case KindASCII:
		return parseASCII(s)
	case KindText:
		return []byte(s), Text.Validate([]byte(s))
	case KindInet:
		return parseInet(s)
	case KindDate:
		return parseDate(s)
	case KindTime:
		return parseTime(s)
	case KindTimestamp:
		return parseTimestamp(s)
	case KindDuration:
		return parseDuration(s)
	case KindUUID, KindTimeUUID:
		return t.parseUUIDLiteral(s)
	case KindBoolean:
		return parseBoolean(s)
	case KindBlob:
		return parseBlob(s)
	}
	return t.parseNumber(s)
}

func parseASCII(s string) ([]byte, error) {
	for _, r := range s {
		if r >= 0x80 {
			return nil, invalidf("Invalid ASCII character in string literal")
		}
	}
	return []byte(s), nil
}

func parseInet(s string) ([]byte, error) {
	bare := s
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if bare, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(bare, ":") {
			bare = ""
		}
	}
	if a, err := netip.ParseAddr(bare); err == nil && a.Zone() == "" {
		return a.Unmap().AsSlice(), nil
	}
	if b, ok := parseShortInet(bare); ok {
		return b, nil
	}
	return nil, invalidf("Unable to make inet address from '%s'", s)
}

// parseShortInet reads an address of one to four decimal numbers, of which the last fills all bytes that are left: 10.1 is 10.0.0.1.
func parseShortInet(s string) ([]byte, bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return nil, false
	}
	out := make([]byte, 4)
	for i, p := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (4 - i)
		}
		v, err := strconv.ParseUint(p, 10, bits)
		if err != nil || digitsLen(p) != len(p) {
			return nil, false
		}
		for at := i; at < i+bits/8; at++ {
			out[at] = byte(v >> (8 * (i + bits/8 - 1 - at)))
		}
	}
	return out, true
}

func (t *Type) parseUUIDLiteral(s string) ([]byte, error) {
	b, ok := parseUUID(s)
	if !ok {
		return nil, invalidf("Unable to make UUID from '%s'", s)
	}
	if hi, _ := uuidHalves(b); t.kind == KindTimeUUID && uuidVersion(hi) != 1 {
		return nil, invalidf("TimeUUID supports only version 1 UUIDs")
	}
	return b, nil
}

func parseBoolean(s string) ([]byte, error) {
	switch strings.ToLower(s) {
	case "true":
		return []byte{1}, nil
	case "false":
		return []byte{0}, nil
	}
	return nil, invalidf("Unable to make boolean from '%s'", s)
}

func parseBlob(s string) ([]byte, error) {
	if len(s) < 2 || s[0] != '0' || s[1]|0x20 != 'x' {
		return nil, invalidf("String representation of blob is missing 0x prefix: %s", s)
	}
	digits := s[2:]
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, invalidf("cannot parse '%s' as hex bytes", digits)
	}
	return b, nil
}

// integerWords name the integer types in Cassandra's errors, with their width in bits.
var integerWords = map[Kind]struct {
	name string
	bits int
}{
	KindTinyint:  {"byte", 8},
	KindSmallint: {"short", 16},
	KindInt:      {"int", 32},
	KindBigint:   {"long", 64},
	KindCounter:  {"long", 64},
}

func (t *Type) parseNumber(s string) ([]byte, error) {
	switch t.kind {
	case KindVarint:
		v, ok := new(big.Int).SetString(s, 10)
		if !ok || len(s) > numberTextMax {
			return nil, invalidf("unable to make int from '%s'", s)
		}
		return AppendVarint(nil, v), nil
	case KindDecimal:
		return parseDecimal(s)
	case KindFloat:
		v, ok := parseFloat(s, 32)
		if !ok {
			return nil, invalidf("Unable to make float from '%s'", s)
		}
		return AppendFloat(nil, float32(v)), nil
	case KindDouble:
		v, ok := parseFloat(s, 64)
		if !ok {
			return nil, invalidf("Unable to make double from '%s'", s)
		}
		return AppendDouble(nil, v), nil
	}
	word := integerWords[t.kind]
	v, err := strconv.ParseInt(s, 10, word.bits)
	if err != nil {
		return nil, invalidf("Unable to make %s from '%s'", word.name, s)
	}
	b, _ := EncodeInt64(t, v)
	return b, nil
}

// numberTextMax is how many characters a number may have. The work of parsing grows faster than the text.
const numberTextMax = 65535

// javaNaN is the NaN that Java writes. Go's own has another bit set.
const javaNaN = 0x7FF8000000000000

// parseFloat reads decimal notation, NaN and Infinity. Too large is infinite, as in Java.
func parseFloat(s string, bits int) (float64, bool) {
	switch s {
	case "NaN", "-NaN", "+NaN":
		return math.Float64frombits(javaNaN), true
	case "Infinity", "+Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	for i := range len(s) {
		if !isDigit(s[i]) && strings.IndexByte("+-.eE", s[i]) < 0 {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(s, bits)
	if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
		return v, true
	}
	return v, err == nil
}

// parseDecimal reads `-1.50e3` and keeps its scale.
func parseDecimal(s string) ([]byte, error) {
	bad := func() ([]byte, error) { return nil, invalidf("unable to make BigDecimal from '%s'", s) }
	if len(s) > numberTextMax {
		return bad()
	}
	mantissa, exponent := s, int64(0)
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.ParseInt(s[i+1:], 10, 64); err != nil || magnitude(exponent) > 1<<33 {
			return bad() // its scale cannot be one of 32 bits
		}
		mantissa = s[:i]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if digitsLen(fraction) != len(fraction) {
		return bad()
	}
	scale := int64(len(fraction)) - exponent
	v, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok || scale != int64(int32(scale)) {
		return bad()
	}
	return AppendVarint(AppendInt(nil, int32(scale)), v), nil
}

// parseElems turns a literal of a collection or tuple into a value. Sets and maps come out in the order of their type.
func (t *Type) parseElems(lit Literal) ([]byte, error) {
	if t.kind == KindUDT && lit.Class == LitUser {
		return t.parseFields(lit)
	}
	class := map[Kind]LiteralClass{KindList: LitList, KindSet: LitSet, KindMap: LitMap, KindTuple: LitTuple}[t.kind]
	emptyMap := t.kind == KindMap && lit.Class == LitSet && len(lit.Elems) == 0
	if class == 0 || lit.Class != class && !emptyMap {
		return nil, ErrWrongClass
	}
	if t.kind == KindTuple && len(lit.Elems) > len(t.elems) {
		return nil, invalidf("Tuple value contained too many fields (expected %d, got %d)", len(t.elems), len(lit.Elems))
	}
	if t.kind == KindMap && len(lit.Elems)%2 != 0 {
		return nil, ErrWrongClass
	}
	elems := make([][]byte, len(lit.Elems))
	for i, e := range lit.Elems {
		of := t.elems[i%len(t.elems)]
		v, err := of.ParseLiteral(e)
		if err != nil {
			return nil, fmt.Errorf("value %s is not of type %s: %w", e.Text, of, err)
		}
		if v == nil && t.IsCollection() {
			return nil, invalidf("null is not supported inside collections")
		}
		elems[i] = v
	}
	return t.AppendCollection(nil, t.InOrder(elems)), nil
}

// parseFields turns a literal of a user-defined type into a value. Fields that are not named are null; of a field that is named
// twice the last value counts.
func (t *Type) parseFields(lit Literal) ([]byte, error) {
	elems := make([][]byte, len(t.elems))
	for i, name := range lit.Names {
		at, of := t.Field(name)
		if at < 0 {
			return nil, invalidf("Unknown field '%s' in value of user defined type %s", name, t.name)
		}
		v, err := of.ParseLiteral(lit.Elems[i])
		if err != nil {
			return nil, fmt.Errorf("field %s is not of type %s: %w", name, of, err)
		}
		elems[at] = v
	}
	return t.AppendCollection(nil, elems), nil
}
