package model

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/eskerdb/esker/cql/types"
)

// Reading is a value of one column with the time of its row.
type Reading struct {
	At    time.Time
	Value []byte // nil is null
}

// Aggregate is a function over the values of a column.
type Aggregate struct {
	Function string
	Type     *types.Type // of the column; nil for the count of rows
	Fraction float64     // of percentile
}

// What an answer may be off by.
const (
	floatSumSlack   = 1e-12           // of a sum of doubles, by the sum of what was summed without its signs (R43)
	roundingSlack   = 1e-14           // of what is computed exactly and rounded once or twice
	singleSlack     = 1.0 / (1 << 23) // of a result that is a float
	exactMax        = 1000            // values, and different values, up to which percentile and distinct are exact
	percentileSlack = 1.0 / 128       // beyond, of the value at the rank
	distinctSlack   = 5 * 0.0081      // beyond, five standard errors
)

// Differs says why an answer is not the aggregate of readings, which are in the order of time; "" if it is. Arithmetic
// is exact: what an answer may be off by is named above.
func (a Aggregate) Differs(readings []Reading, got []byte) string {
	if a.Function == "count" && a.Type == nil {
		return exactly(types.AppendBigint(nil, int64(len(readings))), got)
	}
	var values [][]byte
	var times []time.Time
	for _, r := range readings {
		if r.Value != nil {
			values, times = append(values, r.Value), append(times, r.At)
		}
	}
	switch a.Function {
	case "count":
		return exactly(types.AppendBigint(nil, int64(len(values))), got)
	case "distinct":
		return distinctDiffers(values, got)
	case "sum", "avg":
		return a.sumDiffers(values, got)
	}
	if len(values) == 0 {
		return exactly(nil, got)
	}
	switch a.Function {
	case "first":
		return exactly(values[0], got)
	case "last":
		return exactly(values[len(values)-1], got)
	case "min":
		return exactly(slices.MinFunc(values, a.compare), got)
	case "max":
		return exactly(slices.MaxFunc(values, a.compare), got)
	}
	numbers := a.numbers(values)
	switch a.Function {
	case "stddev", "stddev_pop":
		return deviationDiffers(numbers, a.Function == "stddev_pop", got)
	case "median":
		return percentileDiffers(numbers, 0.5, got)
	case "percentile":
		return percentileDiffers(numbers, a.Fraction, got)
	case "delta", "rate", "time_weighted_avg":
		return a.timedDiffers(numbers, times, got)
	}
	return "the model does not know " + a.Function
}

// exactly compares bytes.
func exactly(want, got []byte) string {
	if (want == nil) != (got == nil) || !bytes.Equal(want, got) {
		return fmt.Sprintf("%x, want %x", got, want)
	}
	return ""
}

// isFloat reports whether the values are floats or doubles.
func (a Aggregate) isFloat() bool {
	return a.Type.Kind() == types.KindFloat || a.Type.Kind() == types.KindDouble
}

// quantity is a value that may be no number, or infinite.
type quantity struct {
	exact *big.Float // nil of what is not finite
	odd   float64    // NaN or an infinity
	plain float64
}

// precision holds every sum and product of a few thousand doubles without rounding.
const precision = 6000

func exact(v float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(v) }

func (a Aggregate) numbers(values [][]byte) []quantity {
	out := make([]quantity, len(values))
	for i, v := range values {
		switch a.Type.Kind() {
		case types.KindFloat, types.KindDouble:
			f := types.DecodeFloat64(v)
			out[i].plain = f
			if math.IsNaN(f) || math.IsInf(f, 0) {
				out[i].odd = f
			} else {
				out[i].exact = exact(f)
			}
		case types.KindVarint:
			out[i].exact = new(big.Float).SetPrec(precision).SetInt(types.DecodeVarint(v))
			out[i].plain, _ = out[i].exact.Float64()
		default:
			out[i].exact = new(big.Float).SetPrec(precision).SetInt64(types.DecodeInt64(v))
			out[i].plain, _ = out[i].exact.Float64()
		}
	}
	return out
}

// compare orders values: NaN above every number, −0 below 0, texts by their bytes.
func (a Aggregate) compare(x, y []byte) int {
	switch a.Type.Kind() {
	case types.KindFloat, types.KindDouble:
		f, g := types.DecodeFloat64(x), types.DecodeFloat64(y)
		switch {
		case math.IsNaN(f) || math.IsNaN(g):
			return b2i(math.IsNaN(f)) - b2i(math.IsNaN(g))
		case f == 0 && g == 0:
			return b2i(math.Signbit(g)) - b2i(math.Signbit(f))
		case f < g:
			return -1
		}
		return b2i(f > g)
	case types.KindText, types.KindASCII, types.KindBlob:
		return bytes.Compare(x, y)
	case types.KindVarint:
		return types.DecodeVarint(x).Cmp(types.DecodeVarint(y))
	}
	i, j := types.DecodeInt64(x), types.DecodeInt64(y)
	return b2i(i > j) - b2i(i < j)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// near compares a double or float with an exact number.
func near(want *big.Float, slack float64, got []byte) string {
	if len(got) != 8 && len(got) != 4 {
		return fmt.Sprintf("%x, want %s", got, want.Text('g', 20))
	}
	v := types.DecodeFloat64(got)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Sprintf("%v, want %s", v, want.Text('g', 20))
	}
	if off, _ := new(big.Float).SetPrec(precision).Sub(exact(v), want).Float64(); math.Abs(off) > slack {
		return fmt.Sprintf("%v, want %s; off by %g, allowed are %g", v, want.Text('g', 20), off, slack)
	}
	return ""
}

// isThis compares with what is no finite number.
func isThis(want float64, got []byte) string {
	if len(got) != 8 && len(got) != 4 {
		return fmt.Sprintf("%x, want %v", got, want)
	}
	if v := types.DecodeFloat64(got); v != want && !(math.IsNaN(v) && math.IsNaN(want)) {
		return fmt.Sprintf("%v, want %v", v, want)
	}
	return ""
}

// sumDiffers is Differs of sum and avg.
func (a Aggregate) sumDiffers(values [][]byte, got []byte) string {
	numbers := a.numbers(values)
	if !a.isFloat() {
		sum := new(big.Int)
		for _, n := range numbers {
			i, _ := n.exact.Int(nil)
			sum.Add(sum, i)
		}
		if a.Function == "avg" && len(values) > 0 {
			sum.Quo(sum, big.NewInt(int64(len(values))))
		}
		return exactly(a.integer(sum), got)
	}
	odd, sum, size := 0.0, exact(0), exact(0)
	for _, n := range numbers {
		if n.exact == nil {
			odd += n.odd
			continue
		}
		sum.Add(sum, n.exact)
		size.Add(size, new(big.Float).Abs(n.exact))
	}
	if odd != 0 {
		return isThis(odd, got)
	}
	if a.Function == "avg" && len(values) > 0 {
		n := exact(float64(len(values)))
		sum.Quo(sum, n)
		size.Quo(size, n)
	}
	all, _ := size.Float64()
	slack := all * floatSumSlack
	if a.Type.Kind() == types.KindFloat {
		slack += all * singleSlack
	}
	return near(sum, slack, got)
}

// integer is a sum in the type of the column, wrapped.
func (a Aggregate) integer(sum *big.Int) []byte {
	if a.Type.Kind() == types.KindVarint {
		return types.AppendVarint(nil, sum)
	}
	low := new(big.Int).And(sum, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	switch a.Type.FixedWidth() {
	case 1:
		return types.AppendTinyint(nil, int8(low))
	case 2:
		return types.AppendSmallint(nil, int16(low))
	case 4:
		return types.AppendInt(nil, int32(low))
	}
	return types.AppendBigint(nil, int64(low))
}
