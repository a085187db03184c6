package planner

import (
	"math"
	"math/big"

	"github.com/eskerdb/esker/cql/types"
)

// addMathFunctions adds abs, exp, log, log10 and round, whose results are of the type of their argument.
func addMathFunctions(into functionTable) {
	for _, of := range numbers {
		one := func(name string, eval func(v []byte) ([]byte, error)) {
			into.add(overload{args: []*types.Type{of}, result: of, eval: strict(func(args [][]byte) ([]byte, error) {
				v, err := eval(args[0])
				if err != nil {
					return nil, functionFailed(name, []*types.Type{of}, err.Error())
				}
				return v, nil
			})}, name)
		}
		one("abs", func(v []byte) ([]byte, error) { return absolute(of, v) })
		one("round", func(v []byte) ([]byte, error) { return rounded(of, v) })
		one("exp", curve(of, math.Exp, expDecimal))
		one("log", curve(of, math.Log, func(d decimal) (decimal, error) {
			return logDecimal(d, false, javaError("Natural log of number zero or less"))
		}))
		one("log10", curve(of, log10, func(d decimal) (decimal, error) {
			return logDecimal(d, true, javaError("Log10 of number zero or less"))
		}))
	}
}

// absolute is a number without its sign; the least of a type without its opposite is itself.
func absolute(t *types.Type, v []byte) ([]byte, error) {
	switch t.Kind() {
	case types.KindFloat:
		return types.AppendFloat(nil, float32(math.Abs(types.DecodeFloat64(v)))), nil
	case types.KindDouble:
		return types.AppendDouble(nil, math.Abs(types.DecodeFloat64(v))), nil
	case types.KindDecimal:
		d := decodeDecimal(v)
		return decimal{new(big.Int).Abs(d.unscaled), d.scale}.bytes()
	case types.KindVarint:
		return types.AppendVarint(nil, new(big.Int).Abs(types.DecodeVarint(v))), nil
	}
	if types.DecodeInt64(v) < 0 {
		return negate(t, v)
	}
	return v, nil
}

// rounded is the nearest whole number; halves go up, of decimals away from zero. As in Java, floats end at the bounds of int and
// doubles at those of bigint.
func rounded(t *types.Type, v []byte) ([]byte, error) {
	switch t.Kind() {
	case types.KindFloat:
		return types.AppendFloat(nil, float32(roundedHalfUp(types.DecodeFloat64(v), math.MinInt32, math.MaxInt32))), nil
	case types.KindDouble:
		return types.AppendDouble(nil, float64(roundedHalfUp(types.DecodeFloat64(v), math.MinInt64, math.MaxInt64))), nil
	case types.KindDecimal:
		return decodeDecimal(v).whole()
	}
	return v, nil
}

func roundedHalfUp(f float64, low, high int64) int64 {
	whole := math.Floor(f)
	if f-whole >= 0.5 {
		whole++
	}
	return intOf(types.Double, types.AppendDouble(nil, whole), low, high)
}

// whole rounds half away from zero, to a scale of 0.
func (d decimal) whole() ([]byte, error) {
	switch {
	case d.scale == 0:
	case d.scale < -decimalShiftMax:
		return nil, errDecimalApart
	case d.scale < 0:
		d = d.rescaled(0)
	case d.scale > digits(d.unscaled):
		d = decimal{new(big.Int), 0}
	default:
		d = decimal{halfUp(d.unscaled, powerOfTen(d.scale)), 0}
	}
	return d.bytes()
}

// log10 is the nearest double to a logarithm of base ten, of which math.Log10 is one off at times.
func log10(f float64) float64 {
	if !(f > 0) || math.IsInf(f, 1) {
		return math.Log10(f)
	}
	const bits = 128
	out := logFloat(new(big.Float).SetPrec(bits).SetFloat64(f))
	near, _ := out.Quo(out, logFloat(new(big.Float).SetPrec(bits).SetInt64(10))).Float64()
	return near
}

// curve computes a function of a number: of doubles, and of decimals with all digits of their result.
func curve(t *types.Type, of func(float64) float64, exact func(decimal) (decimal, error)) func(v []byte) ([]byte, error) {
	switch t.Kind() {
	case types.KindDecimal:
		return func(v []byte) ([]byte, error) {
			d, err := exact(decodeDecimal(v))
			if err != nil {
				return nil, err
			}
			return d.bytes()
		}
	case types.KindVarint:
		return func(v []byte) ([]byte, error) {
			d, err := exact(decimal{types.DecodeVarint(v), 0})
			if err != nil {
				return nil, err
			}
			if d.scale < 0 {
				d = d.rescaled(0)
			}
			return types.AppendVarint(nil, new(big.Int).Quo(d.unscaled, powerOfTen(d.scale))), nil
		}
	}
	to := t
	if t.Kind() == types.KindCounter {
		to = types.Bigint
	}
	return func(v []byte) ([]byte, error) {
		return castNumber(types.Double, to, types.AppendDouble(nil, of(floatOf(t, v)))), nil
	}
}
