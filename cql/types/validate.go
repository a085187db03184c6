package types

import (
	"unicode/utf8"
)

// Validate checks the serialized bytes of a value as Cassandra's serializers do. Nil, which is null, is valid;
// so is the empty value where Cassandra allows it.
func (t *Type) Validate(b []byte) error {
	if b == nil {
		return nil
	}
	switch t.kind {
	case KindBlob, KindVarint:
		return nil
	case KindASCII:
		for _, c := range b {
			if c >= utf8.RuneSelf {
				return invalidf("Invalid byte for ascii: %d", int8(c))
			}
		}
	case KindText:
		if !utf8.Valid(b) {
			at := 0
			for r, size := utf8.DecodeRune(b); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRune(b[at:]) {
				at += size
			}
			return invalidf("String didn't validate. Byte %d is 0x%02x, which is not UTF-8 there", at, b[at])
		}
	case KindDecimal:
		if len(b) != 0 && len(b) < 4 {
			return invalidf("Expected 0 or at least 4 bytes (%d)", len(b))
		}
	case KindDuration:
		_, _, _, err := DecodeDuration(b)
		return err
	case KindInet:
		if n := len(b); n != 0 && n != 4 && n != 16 {
			return invalidf("Expected 4 or 16 byte inetaddress; got %x", b)
		}
	case KindList, KindSet, KindMap, KindTuple, KindUDT:
		return t.validateElems(b)
	default:
		return t.validateFixed(b)
	}
	return nil
}

// widthErrors are Cassandra's words for fixed-width values of the wrong length.
var widthErrors = map[Kind]string{
	KindInt:       "Expected 4 or 0 byte int (%d)",
	KindBigint:    "Expected 8 or 0 byte long (%d)",
	KindCounter:   "Expected 8 or 0 byte long (%d)",
	KindSmallint:  "Expected 2 bytes for a smallint (%d)",
	KindTinyint:   "Expected 1 byte for a tinyint (%d)",
	KindBoolean:   "Expected 1 or 0 byte value (%d)",
	KindFloat:     "Expected 4 or 0 byte value for a float (%d)",
	KindDouble:    "Expected 8 or 0 byte value for a double (%d)",
	KindTimestamp: "Expected 8 or 0 byte long for date (%d)",
	KindDate:      "Expected 4 byte long for date (%d)",
	KindTime:      "Expected 8 byte long for time (%d)",
	KindUUID:      "UUID should be 16 or 0 bytes (%d)",
	KindTimeUUID:  "UUID should be 16 or 0 bytes (%d)",
}

// AllowsEmpty reports whether a value of no bytes is valid for t.
func (t *Type) AllowsEmpty() bool {
	switch t.kind {
	case KindSmallint, KindTinyint, KindDate, KindTime, KindDuration, KindList, KindSet, KindMap:
		return false
	}
	return true
}

func (t *Type) validateFixed(b []byte) error {
	if len(b) != t.FixedWidth() && !(len(b) == 0 && t.AllowsEmpty()) {
		return invalidf(widthErrors[t.kind], len(b))
	}
	if t.kind == KindTimeUUID && len(b) != 0 {
		if hi, _ := uuidHalves(b); uuidVersion(hi) != 1 {
			return invalidf("Invalid version for TimeUUID type: 0x%d", uuidVersion(hi))
		}
	}
	return nil
}

func (t *Type) validateElems(b []byte) error {
	w, err := t.walk(b)
	if err != nil {
		return err
	}
	for w.left > 0 {
		elem, of, err := w.next()
		if err != nil {
			return err
		}
		if elem == nil && t.kind == KindMap {
			return invalidf("Null value read when not allowed")
		}
		if err := of.Validate(elem); err != nil {
			return err
		}
	}
	return w.end()
}
