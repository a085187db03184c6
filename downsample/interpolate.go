package downsample

import (
	"math/big"

	"gopkg.in/inf.v0"

	"github.com/eskerdb/esker/cql/types"
)

// Interpolates reports whether Interpolate takes values of the type: numbers and timestamps.
func Interpolates(of *types.Type) bool { return Numeric(of) || of.Kind() == types.KindTimestamp }

// Interpolate is the value on the straight line from one value to another, part/whole of the way, 0 < part < whole.
// Doubles and floats are computed as doubles; all else is exact and then rounded to the nearest integer, or for
// decimals to the nearest at the longer of the two scales, halves up. It is null where a value is null or empty, or decimals lie too many digits apart.
func Interpolate(of *types.Type, from, to []byte, part, whole uint64) []byte {
	if len(from) == 0 || len(to) == 0 {
		return nil
	}
	switch of.Kind() {
	case types.KindDouble:
		return types.AppendDouble(nil, between(types.DecodeFloat64(from), types.DecodeFloat64(to), float64(part)/float64(whole)))
	case types.KindFloat:
		return types.AppendFloat(nil, float32(between(types.DecodeFloat64(from), types.DecodeFloat64(to), float64(part)/float64(whole))))
	case types.KindVarint:
		return types.AppendVarint(nil, onLine(types.DecodeVarint(from), types.DecodeVarint(to), part, whole))
	case types.KindDecimal:
		a, b := types.DecodeDecimal(from), types.DecodeDecimal(to)
		if apart(a, b) {
			return nil
		}
		scale := max(a.Scale(), b.Scale())
		a.Round(a, scale, inf.RoundExact)
		b.Round(b, scale, inf.RoundExact)
		return types.AppendDecimal(nil, inf.NewDecBig(onLine(a.UnscaledBig(), b.UnscaledBig(), part, whole), scale))
	}
	v := onLine(big.NewInt(types.DecodeInt64(from)), big.NewInt(types.DecodeInt64(to)), part, whole).Int64()
	return appendInteger(nil, of.FixedWidth(), v)
}

// onLine is from + (to − from) · part / whole, rounded to the nearest integer, halves up.
func onLine(from, to *big.Int, part, whole uint64) *big.Int {
	divisor := new(big.Int).SetUint64(whole)
	way := new(big.Int).Sub(to, from)
	way.Mul(way, new(big.Int).SetUint64(part))
	way.Lsh(way, 1)
	way.Add(way, divisor)
	way.Div(way, divisor.Lsh(divisor, 1)) // toward −∞: the divisor is positive
	return way.Add(way, from)
}
