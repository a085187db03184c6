package downsample

import (
	"math"
	"math/big"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// floatResult is what a floatMerge gives.
type floatResult uint8

const (
	sumOfFloats     floatResult = 1
	averageOfFloats floatResult = 2
	wideOfFloats    floatResult = 3 // the state wide_sum
)

// wideShift scales a sum beyond a double into one.
const wideShift = 64

// wideBits is the precision of sums beyond a double. It is more than the error of the bound needs.
const wideBits = 256

// floatMerge is a sum of floats or doubles, or what is made of it. Values that follow each other are added as R32 says;
// their sum, and what rollups keep, are added with the error of each step beside.
type floatMerge struct {
	sound
	gives  floatResult
	single bool // the values are floats

	raw    floatSum // values behind the last row of a rollup
	merged bool     // there was a row of a rollup
	total  floatTotal
}

func newFloatMerge(of *types.Type, gives floatResult) *floatMerge {
	single := of.Kind() == types.KindFloat
	a := &floatMerge{gives: gives, single: single}
	a.raw = floatSum{single: single, average: a.reaches()}
	return a
}

// reaches says that a sum beyond a double is of interest. One of floats never is beyond.
func (a *floatMerge) reaches() bool { return a.gives != sumOfFloats && !a.single }

func (a *floatMerge) Add(value []byte) { a.raw.Add(value) }

func (a *floatMerge) AddVector(v *mutation.Vector, from, to int) { a.raw.AddVector(v, from, to) }

// MergeVectors implements Stateful: of the sum (of floats the wide one), of doubles but for a sum also of wide_sum, and
// of an average of count and empty.
func (a *floatMerge) MergeVectors(states []*mutation.Vector, from, to int) {
	a.total.take(&a.raw, a.reaches())
	a.raw.Reset()
	a.merged = true
	sums, next := states[0], 1
	var wide *mutation.Vector
	if a.reaches() {
		wide, next = states[1], 2
	}
	for i := from; i < to; i++ {
		switch {
		case wide != nil && wide.Has(i) && sums.Has(i):
			a.total.addWide(new(big.Float).SetMantExp(bigOf(doubleAt(wide, i)), wideShift), doubleAt(sums, i))
		case sums.Has(i):
			a.total.add(doubleAt(sums, i), a.reaches())
		}
	}
	if a.gives == averageOfFloats {
		a.total.n += totalOf(states[next], from, to) - totalOf(states[next+1], from, to)
		return
	}
	a.total.n += int64(to - from - absent(sums, from, to))
}

func (a *floatMerge) Result() []byte { return a.give(a.gives) }

// give is a result, which an average has all of.
func (a *floatMerge) give(what floatResult) []byte {
	total := a.total
	total.take(&a.raw, a.reaches())
	var v float64
	switch {
	case what == wideOfFloats:
		return a.wide(&total)
	case what == sumOfFloats && !a.merged:
		v = a.raw.sumValue()
	case what == sumOfFloats:
		v = total.value()
	case a.merged:
		v = total.mean()
	case a.raw.average:
		v = a.raw.value()
	default:
		v = a.raw.value() / float64(max(a.raw.n, 1))
	}
	if a.single {
		return types.AppendFloat(nil, float32(v))
	}
	return types.AppendDouble(nil, v)
}

// wide is the state wide_sum.
func (a *floatMerge) wide(total *floatTotal) []byte {
	switch {
	case a.single && total.n > 0:
		return types.AppendDouble(nil, total.value())
	case total.beyond != nil:
		v, _ := new(big.Float).SetMantExp(total.beyond, -wideShift).Float64()
		return types.AppendDouble(nil, v)
	}
	return nil
}

func (a *floatMerge) Reset() {
	a.raw.Reset()
	a.merged, a.total = false, floatTotal{}
}

// floatTotal adds sums.
type floatTotal struct {
	n         int64 // of values, or of sums where only 0 or not matters
	high, low float64
	simple    float64    // right where infinities made the other one NaN
	beyond    *big.Float // the sum of what is finite, once it was beyond a double and that is of interest; never changed in place
}

// add adds a sum. reaches says that one beyond a double is of interest.
func (t *floatTotal) add(v float64, reaches bool) {
	high, low := t.high, t.low
	t.plain(v)
	if reaches && t.beyond == nil && math.IsInf(t.high, 0) && !math.IsInf(v, 0) && !math.IsInf(high, 0) {
		t.beyond = new(big.Float).SetPrec(wideBits).Add(bigOf(high), bigOf(low))
	}
	if t.beyond != nil {
		t.widen(bigOf(v))
	}
}

// plain adds to the sum as a double.
func (t *floatTotal) plain(v float64) {
	t.simple += v
	// The error of high + v is a double (Knuth).
	sum := t.high + v
	part := sum - t.high
	t.low += (t.high - (sum - part)) + (v - part)
	t.high = sum
}

// addWide adds a sum that is beyond a double, and is v as one.
func (t *floatTotal) addWide(wide *big.Float, v float64) {
	if t.beyond == nil {
		t.beyond = new(big.Float).SetPrec(wideBits).Add(bigOf(t.high), bigOf(t.low))
	}
	t.widen(wide)
	t.plain(v)
}

// widen adds to what is beyond a double.
func (t *floatTotal) widen(v *big.Float) {
	t.beyond = new(big.Float).SetPrec(wideBits).Add(t.beyond, v)
}

// doubleAt is the double in a row of a vector that has one.
func doubleAt(v *mutation.Vector, i int) float64 {
	if v.Physical == mutation.PhysicalDouble {
		return v.Double(i)
	}
	return types.DecodeFloat64(bytesAt(v, i))
}

// bigOf is a double; one that is not finite counts as nothing, as it does in R32's averages.
func bigOf(v float64) *big.Float {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		v = 0
	}
	return new(big.Float).SetPrec(wideBits).SetFloat64(v)
}

// take adds what values were added up to.
func (t *floatTotal) take(raw *floatSum, reaches bool) {
	if raw.n == 0 {
		return
	}
	t.n += raw.n
	if raw.big == nil {
		t.add(raw.sumValue(), reaches)
		return
	}
	v, _, err := big.ParseFloat(raw.big.String(), 10, wideBits, big.ToNearestEven)
	if err == nil {
		t.addWide(v, raw.sumValue())
	}
}

// value is the sum as a double.
func (t *floatTotal) value() float64 {
	v := t.high + t.low
	if math.IsNaN(v) && math.IsInf(t.simple, 0) {
		return t.simple
	}
	return v
}

// mean is the average.
func (t *floatTotal) mean() float64 {
	switch {
	case t.n == 0:
		return 0
	case t.beyond != nil:
		v, _ := new(big.Float).Quo(t.beyond, new(big.Float).SetPrec(wideBits).SetInt64(t.n)).Float64()
		return v
	}
	return t.value() / float64(t.n)
}
