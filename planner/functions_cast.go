package planner

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"gopkg.in/inf.v0"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
)

// numbers are the types that can be cast to each other; nothing is cast to counter.
var numbers = []*types.Type{
	types.Tinyint, types.Smallint, types.Int, types.Bigint, types.Counter, types.Float, types.Double, types.Decimal, types.Varint,
}

// addCasts adds CAST(a AS b), under names such as cast_as_text.
func addCasts(into functionTable) {
	add := func(from, to *types.Type, eval func(args [][]byte) ([]byte, error)) {
		into.add(overload{args: []*types.Type{from}, result: to, eval: strict(eval)}, castPrefix+to.String())
	}
	for _, from := range numbers {
		for _, to := range numbers {
			if to != types.Counter && from != to {
				add(from, to, func(args [][]byte) ([]byte, error) { return castNumber(from, to, args[0]), nil })
			}
		}
	}
	for _, from := range blobTypes {
		for _, to := range []*types.Type{types.Text, types.ASCII} {
			if from != to && from != types.Duration && from != types.Text {
				add(from, to, func(args [][]byte) ([]byte, error) { return castText(from, args[0]), nil })
			}
		}
	}
	for _, c := range [][2]*types.Type{{types.TimeUUID, types.Timestamp}, {types.TimeUUID, types.Date}, {types.Timestamp, types.Date}, {types.Date, types.Timestamp}} {
		add(c[0], c[1], func(args [][]byte) ([]byte, error) { return TimeAs(c[1], MillisOf(c[0], args[0])), nil })
	}
}

// castNumber converts as Java's numbers do.
func castNumber(from, to *types.Type, v []byte) []byte {
	switch to.Kind() {
	case types.KindFloat:
		return types.AppendFloat(nil, float32(floatOf(from, v)))
	case types.KindDouble:
		return types.AppendDouble(nil, floatOf(from, v))
	case types.KindDecimal:
		return types.AppendDecimal(nil, castDecimal(from, v))
	case types.KindVarint:
		if from.Kind() == types.KindDecimal {
			return types.AppendVarint(nil, wholePart(types.DecodeDecimal(v)))
		}
		return types.AppendVarint(nil, big.NewInt(intOf(from, v, math.MinInt64, math.MaxInt64)))
	case types.KindBigint:
		return types.AppendBigint(nil, intOf(from, v, math.MinInt64, math.MaxInt64))
	}
	// Java goes to the small types by way of int.
	whole := int32(intOf(from, v, math.MinInt32, math.MaxInt32))
	switch to.Kind() {
	case types.KindTinyint:
		return types.AppendTinyint(nil, int8(whole))
	case types.KindSmallint:
		return types.AppendSmallint(nil, int16(whole))
	}
	return types.AppendInt(nil, whole)
}

// intOf is a number as an integer: floats saturate at the bounds, the others lose their high bits.
func intOf(t *types.Type, v []byte, low, high int64) int64 {
	switch t.Kind() {
	case types.KindFloat, types.KindDouble:
		f := types.DecodeFloat64(v)
		switch {
		case math.IsNaN(f):
			return 0
		case f <= float64(low):
			return low
		case f >= float64(high):
			return high
		}
		return int64(f)
	case types.KindVarint:
		return lowBits(types.DecodeVarint(v))
	case types.KindDecimal:
		return lowBits(wholePart(types.DecodeDecimal(v)))
	}
	return types.DecodeInt64(v)
}

func lowBits(v *big.Int) int64 {
	low := new(big.Int).And(v, new(big.Int).SetUint64(math.MaxUint64))
	return int64(low.Uint64())
}

// decimalDigitsMax bounds the digits a decimal is written out to: 1E+1000000000 would have as many.
const decimalDigitsMax = 10_000

// wholePart cuts a decimal towards zero. Beyond decimalDigitsMax digits the answer is 0: only its low bits count.
func wholePart(d *inf.Dec) *big.Int {
	if d.Scale() < -decimalDigitsMax || d.Scale() > decimalDigitsMax+inf.Scale(d.UnscaledBig().BitLen()) {
		return new(big.Int)
	}
	return new(inf.Dec).Round(d, 0, inf.RoundDown).UnscaledBig()
}

func floatOf(t *types.Type, v []byte) float64 {
	switch t.Kind() {
	case types.KindFloat, types.KindDouble:
		return types.DecodeFloat64(v)
	case types.KindVarint:
		f, _ := new(big.Float).SetInt(types.DecodeVarint(v)).Float64()
		return f
	case types.KindDecimal:
		f, _ := strconv.ParseFloat(string(t.AppendText(nil, v, types.TextOptions{})), 64)
		return f
	}
	return float64(types.DecodeInt64(v))
}

func castDecimal(from *types.Type, v []byte) *inf.Dec {
	switch from.Kind() {
	case types.KindVarint:
		return inf.NewDecBig(types.DecodeVarint(v), 0)
	case types.KindFloat, types.KindDouble:
		d := new(inf.Dec)
		if f := types.DecodeFloat64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			d.SetString(strconv.FormatFloat(f, 'f', -1, 64*from.FixedWidth()/8))
		}
		return d
	}
	return inf.NewDec(types.DecodeInt64(v), 0)
}

// castText is a value as Java prints it.
func castText(from *types.Type, v []byte) []byte {
	switch from.Kind() {
	case types.KindFloat, types.KindDouble:
		return []byte(javaFloat(types.DecodeFloat64(v), 8*from.FixedWidth()))
	case types.KindTimestamp:
		return []byte(isoMillis(types.DecodeInt64(v)))
	case types.KindBoolean:
		return strconv.AppendBool(nil, types.DecodeBoolean(v))
	}
	return from.AppendText(nil, v, types.TextOptions{})
}

// javaFloat is Double.toString: plain from 0.001 to 10,000,000, else with an exponent, always with a point.
func javaFloat(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	s := strconv.FormatFloat(f, 'e', -1, bits)
	digits, exponent, _ := strings.Cut(s, "e")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	sign := ""
	if exponent[0] == '-' {
		sign = "-"
	}
	return digits + "E" + sign + strings.TrimLeft(exponent[1:], "0")
}

// isoMillis is a timestamp such as 1970-01-01T01:00:00.001Z.
func isoMillis(ms int64) string {
	day := types.Date.AppendText(nil, types.AppendDate(nil, int32(floorDiv(ms, dayMillis))), types.TextOptions{})
	clock := types.Time.AppendText(nil, types.AppendBigint(nil, floorMod(ms, dayMillis)*nanosPerMilli), types.TextOptions{})
	return string(day) + "T" + string(clock[:len("00:00:00.000")]) + "Z"
}

// aggregateFunction reports whether a name is that of an aggregate.
func aggregateFunction(name string) bool {
	for _, f := range downsample.Functions {
		if f == name {
			return true
		}
	}
	return false
}
