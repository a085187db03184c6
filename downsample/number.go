package downsample

import (
	"math"
	"math/big"
	"strconv"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// numbers reads values of a numeric type as words: integers as they are, all else as the bits of a double. A varint or
// a decimal is the nearest double.
type numbers struct {
	of       *types.Type
	integers bool
}

func numbersOf(of *types.Type) numbers {
	switch of.Kind() {
	case types.KindFloat, types.KindDouble, types.KindVarint, types.KindDecimal:
		return numbers{of: of}
	}
	return numbers{of: of, integers: true}
}

// word is the number of a serialized value; ok is false for null and for the empty value, which are no numbers.
func (k numbers) word(value []byte) (word uint64, ok bool) {
	if len(value) == 0 {
		return 0, false
	}
	switch k.of.Kind() {
	case types.KindFloat, types.KindDouble:
		return math.Float64bits(types.DecodeFloat64(value)), true
	case types.KindVarint:
		v, _ := new(big.Float).SetInt(types.DecodeVarint(value)).Float64()
		return math.Float64bits(v), true
	case types.KindDecimal:
		v, _ := strconv.ParseFloat(types.DecodeDecimal(value).String(), 64) // out of range: an infinity
		return math.Float64bits(v), true
	}
	return uint64(types.DecodeInt64(value)), true
}

// at is the number in row i of a vector.
func (k numbers) at(v *mutation.Vector, i int) (word uint64, ok bool) {
	switch {
	case !v.Has(i):
		return 0, false
	case v.Physical == mutation.PhysicalBytes:
		return k.word(v.Data[v.Offsets[i]:v.Offsets[i+1]])
	case v.Physical == mutation.PhysicalFloat:
		return math.Float64bits(float64(v.Float(i))), true
	}
	return v.Words[i], true
}

// double is a word as a double.
func (k numbers) double(word uint64) float64 {
	if k.integers {
		return float64(int64(word))
	}
	return math.Float64frombits(word)
}

// finite reports whether a word can be summed.
func (k numbers) finite(word uint64) bool { return k.integers || word>>52&0x7ff != 0x7ff }

// notANumber is the NaN of results, the same on every machine: Java's.
func notANumber() []byte { return types.AppendBigint(nil, 0x7ff8<<48) }

// less compares finite numbers.
func (k numbers) less(a, b uint64) bool {
	if k.integers {
		return int64(a) < int64(b)
	}
	return math.Float64frombits(a) < math.Float64frombits(b)
}

// parts takes a finite number apart: ±mantissa · 2^exponent.
func (k numbers) parts(word uint64) (mantissa uint64, exponent int, negative bool) {
	if k.integers {
		mantissa, negative = magnitude(int64(word))
		return mantissa, 0, negative
	}
	return parts(math.Float64frombits(word))
}

// Difference is later − earlier, as the type that ResultType gives for delta. Integers wrap as a sum of bigints does.
// It is null if one of the values is null or empty, or decimals lie too many digits apart.
func Difference(of *types.Type, later, earlier []byte) []byte {
	if len(later) == 0 || len(earlier) == 0 {
		return nil
	}
	switch of.Kind() {
	case types.KindVarint:
		v := types.DecodeVarint(later)
		return types.AppendVarint(nil, v.Sub(v, types.DecodeVarint(earlier)))
	case types.KindDecimal:
		v, from := types.DecodeDecimal(later), types.DecodeDecimal(earlier)
		if apart(v, from) {
			return nil
		}
		return types.AppendDecimal(nil, v.Sub(v, from))
	case types.KindFloat, types.KindDouble:
		if v := types.DecodeFloat64(later) - types.DecodeFloat64(earlier); !math.IsNaN(v) {
			return types.AppendDouble(nil, v)
		}
		return notANumber()
	}
	return types.AppendBigint(nil, types.DecodeInt64(later)-types.DecodeInt64(earlier))
}

// appendInteger appends an integer of so many bytes; what does not fit wraps.
func appendInteger(dst []byte, width int, v int64) []byte {
	switch width {
	case 1:
		return types.AppendTinyint(dst, int8(v))
	case 2:
		return types.AppendSmallint(dst, int16(v))
	case 4:
		return types.AppendInt(dst, int32(v))
	}
	return types.AppendBigint(dst, v)
}
