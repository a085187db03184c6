package types

import (
	"math"
	"math/big"
)

// HasForms reports whether two values of the type can be equal in Compare and differ in their bytes, as the decimals 1.0
// and 1.00 do.
func (t *Type) HasForms() bool {
	switch t.kind {
	case KindBoolean, KindFloat, KindDouble, KindVarint, KindDecimal, KindTuple, KindUDT:
		return true
	}
	for _, e := range t.elems {
		if e.HasForms() {
			return true
		}
	}
	return false
}

// OneForm returns the form that a valid value shares with all that are equal to it in Compare. It may be the value itself.
func (t *Type) OneForm(value []byte) []byte {
	if len(value) == 0 || !t.HasForms() {
		return value
	}
	switch t.kind {
	case KindBoolean:
		return []byte{min(value[0], 1)}
	case KindFloat:
		if math.IsNaN(DecodeFloat64(value)) {
			return AppendFloat(nil, float32(math.NaN()))
		}
	case KindDouble:
		if math.IsNaN(DecodeFloat64(value)) {
			return AppendDouble(nil, math.NaN())
		}
	case KindVarint:
		return value[needless(value):]
	case KindDecimal:
		return oneDecimal(value)
	case KindList, KindSet, KindMap, KindTuple, KindUDT:
		return t.oneFormOfElems(value)
	}
	return value
}

// oneDecimal has no zeros at the end of its digits, but for those that the least scale needs.
func oneDecimal(value []byte) []byte {
	p := partsOfDecimal(value)
	if p.sign == 0 {
		return []byte{0, 0, 0, 0, 0}
	}
	unscaled, _ := new(big.Int).SetString(p.digits, 10) // they are digits
	scale := int64(len(p.digits)) - p.exponent
	if scale < math.MinInt32 {
		// No more than were there before.
		unscaled.Mul(unscaled, new(big.Int).Exp(big.NewInt(10), big.NewInt(math.MinInt32-scale), nil))
		scale = math.MinInt32
	}
	if p.sign < 0 {
		unscaled.Neg(unscaled)
	}
	return AppendVarint(AppendInt(nil, int32(scale)), unscaled)
}

// oneFormOfElems gives each element its one form; nulls at the end of a tuple are left out, but for one:
// without any it would be the empty value.
func (t *Type) oneFormOfElems(value []byte) []byte {
	w, err := t.walk(value)
	if err != nil {
		return value
	}
	var elems [][]byte
	for w.left > 0 {
		elem, of, err := w.next()
		if err != nil {
			return value
		}
		if elem != nil {
			elem = of.OneForm(elem)
		}
		elems = append(elems, elem)
	}
	for !t.IsCollection() && len(elems) > 1 && elems[len(elems)-1] == nil {
		elems = elems[:len(elems)-1]
	}
	return t.AppendCollection(nil, elems)
}
