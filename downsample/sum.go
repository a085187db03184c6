package downsample

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"gopkg.in/inf.v0"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// intSum is sum or avg of integers. A sum wraps in its own type; an average is that of the exact sum,
// cut towards zero.
type intSum struct {
	sound
	average bool
	width   int
	n       int64
	sum     int64
	big     *big.Int // the exact sum, once an average's does not fit sum
}

func (a *intSum) Add(value []byte) {
	if len(value) > 0 {
		a.add(types.DecodeInt64(value))
	}
}

func (a *intSum) add(v int64) {
	a.n++
	a.extend(v)
}

// extend adds to the sum alone.
func (a *intSum) extend(v int64) {
	if a.big != nil {
		a.big.Add(a.big, big.NewInt(v))
		return
	}
	sum := a.sum + v
	if a.average && (a.sum^sum)&(v^sum) < 0 {
		a.big = new(big.Int).Add(big.NewInt(a.sum), big.NewInt(v))
	}
	a.sum = sum
}

func (a *intSum) AddVector(v *mutation.Vector, from, to int) {
	switch {
	case v.Physical != mutation.PhysicalInt:
		addEach(a, nil, v, from, to)
	case v.Present == nil && !a.average:
		sum := a.sum
		for _, w := range v.Words[from:to] {
			sum += int64(w)
		}
		a.sum, a.n = sum, a.n+int64(to-from)
	default:
		for i := from; i < to; i++ {
			if v.Has(i) {
				a.add(int64(v.Words[i]))
			}
		}
	}
}

func (a *intSum) Result() []byte {
	v := a.sum
	switch {
	case !a.average:
	case a.n == 0:
		v = 0
	case a.big != nil:
		v = new(big.Int).Quo(a.big, big.NewInt(a.n)).Int64()
	default:
		v /= a.n
	}
	return appendInteger(nil, a.width, v)
}

// TakesSummary implements Summarizer. The exact sum of an average must stay a word.
func (a *intSum) TakesSummary(s *mutation.ColumnSummary) bool {
	part := int64(s.SumLow)
	sum := a.sum + part
	return s.Count == 0 || !a.average || a.big == nil && s.SumHigh == part>>63 && (a.sum^sum)&(part^sum) >= 0
}

// AddSummary implements Summarizer.
func (a *intSum) AddSummary(_ int, s *mutation.ColumnSummary) {
	a.sum, a.n = a.sum+int64(s.SumLow), a.n+int64(s.Count)
}

func (a *intSum) Reset() { a.n, a.sum, a.big = 0, 0, nil }

// floatSum is sum or avg of floats and doubles: Kahan's sum in the order of the values, finished as
// Cassandra finishes it (R32).
type floatSum struct {
	average      bool
	single       bool // the values are floats, and so is the result
	n            int64
	sum          float64
	compensation float64
	simple       float64  // the plain sum: right where infinities made the other one NaN
	big          *inf.Dec // the exact sum of an average, once sum overflowed
}

func (a *floatSum) Add(value []byte) {
	if len(value) > 0 {
		a.add(types.DecodeFloat64(value))
	}
}

func (a *floatSum) add(v float64) {
	a.n++
	before := a.sum
	a.simple += v
	corrected := v - a.compensation
	sum := a.sum + corrected
	a.compensation = (sum - a.sum) - corrected
	a.sum = sum
	switch {
	case a.big != nil:
		a.big.Add(a.big, decimalOf(v))
	case a.average && math.IsInf(sum, 0) && !math.IsInf(v, 0):
		a.big = new(inf.Dec).Add(decimalOf(before), decimalOf(v))
	}
}

// decimalOf is Java's BigDecimal.valueOf: the digits a double prints with, and their scale, at which averages
// are rounded. Plain from 0.001 to 10,000,000, else with an exponent, and always a digit after the point. What
// is not finite counts as nothing.
func decimalOf(v float64) *inf.Dec {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return new(inf.Dec)
	}
	format := byte('e')
	if a := math.Abs(v); a == 0 || a >= 1e-3 && a < 1e7 {
		format = 'f'
	}
	digits, exponentText, _ := strings.Cut(strconv.FormatFloat(v, format, -1, 64), "e")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	exponent, _ := strconv.Atoi(exponentText) // none: 0
	whole, fraction, _ := strings.Cut(digits, ".")
	unscaled, _ := new(big.Int).SetString(whole+fraction, 10)
	return inf.NewDecBig(unscaled, inf.Scale(len(fraction)-exponent))
}

func (a *floatSum) AddVector(v *mutation.Vector, from, to int) {
	switch {
	case v.Physical != mutation.PhysicalDouble && v.Physical != mutation.PhysicalFloat:
		addEach(a, nil, v, from, to)
	case v.Physical == mutation.PhysicalDouble && v.Present == nil && a.big == nil:
		before := *a
		if a.addDoubles(v.Words[from:to]); a.average && before.sum-before.sum == 0 && a.sum-a.sum != 0 {
			*a = before // no longer finite: step by step, to see where a sum becomes too large
			for _, w := range v.Words[from:to] {
				a.add(math.Float64frombits(w))
			}
		}
	default:
		for i := from; i < to; i++ {
			if !v.Has(i) {
				continue
			}
			if v.Physical == mutation.PhysicalDouble {
				a.add(v.Double(i))
			} else {
				a.add(float64(v.Float(i)))
			}
		}
	}
}

// addDoubles is add in a loop whose state stays in registers.
func (a *floatSum) addDoubles(words []uint64) {
	sum, compensation, simple := a.sum, a.compensation, a.simple
	for _, w := range words {
		v := math.Float64frombits(w)
		simple += v
		corrected := v - compensation
		next := sum + corrected
		compensation = (next - sum) - corrected
		sum = next
	}
	a.sum, a.compensation, a.simple = sum, compensation, simple
	a.n += int64(len(words))
}

func (a *floatSum) Result() []byte {
	v := a.value()
	if a.single {
		return types.AppendFloat(nil, float32(v))
	}
	return types.AppendDouble(nil, v)
}

func (a *floatSum) value() float64 {
	if a.n == 0 {
		return 0
	}
	if a.big != nil {
		scale := a.big.Scale()
		mean := new(inf.Dec).QuoRound(a.big, inf.NewDec(a.n, 0), scale, inf.RoundHalfEven)
		v, err := strconv.ParseFloat(mean.String(), 64)
		if err != nil {
			return v // infinite: the mean itself is beyond a double
		}
		return v
	}
	v := a.sumValue()
	if a.average {
		v /= float64(a.n)
	}
	return v
}

// sumValue is the sum as a double.
func (a *floatSum) sumValue() float64 {
	v := a.sum + a.compensation
	if math.IsNaN(v) && math.IsInf(a.simple, 0) {
		v = a.simple
	}
	return v
}

func (a *floatSum) Reset() {
	*a = floatSum{average: a.average, single: a.single}
}

// varintSum is sum or avg of varints.
type varintSum struct {
	sound
	average bool
	n       int64
	sum     *big.Int
}

func newVarintSum(average bool) *varintSum { return &varintSum{average: average, sum: new(big.Int)} }

func (a *varintSum) Add(value []byte) {
	if len(value) > 0 {
		a.n++
		a.sum.Add(a.sum, types.DecodeVarint(value))
	}
}

func (a *varintSum) AddVector(v *mutation.Vector, from, to int) { addEach(a, nil, v, from, to) }

func (a *varintSum) Result() []byte {
	if a.average && a.n > 0 {
		return types.AppendVarint(nil, new(big.Int).Quo(a.sum, big.NewInt(a.n)))
	}
	return types.AppendVarint(nil, a.sum)
}

func (a *varintSum) Reset() { a.n, a.sum = 0, new(big.Int) }

// decimalSum is sum or avg of decimals. The average is Cassandra's: it runs along with the values, each step
// rounded half to even at the scale of its difference.
type decimalSum struct {
	fragile
	average bool
	n       int64
	held    *inf.Dec // the sum, or the average so far
}

func newDecimalSum(average bool) *decimalSum {
	return &decimalSum{average: average, held: new(inf.Dec)}
}

func (a *decimalSum) Add(value []byte) {
	if len(value) == 0 {
		return
	}
	a.n++
	v := types.DecodeDecimal(value)
	switch {
	case !apart(a.held, v):
	case a.held.Sign() == 0 && a.n == 1:
		a.held = v
		return
	default:
		a.fail("sum of decimals", errApart)
		return
	}
	if a.average {
		v.Sub(v, a.held)
		v.QuoRound(v, inf.NewDec(a.n, 0), v.Scale(), inf.RoundHalfEven)
	}
	a.held.Add(a.held, v)
}

func (a *decimalSum) AddVector(v *mutation.Vector, from, to int) { addEach(a, nil, v, from, to) }

func (a *decimalSum) Result() []byte { return types.AppendDecimal(nil, a.held) }

func (a *decimalSum) Reset() { a.n, a.held, a.err = 0, new(inf.Dec), nil }

// scalesApartMax is how far the scales of two decimals may lie apart for what needs all digits between them.
const scalesApartMax = 100_000

var errApart = fmt.Errorf("decimals lie more than %d digits apart", scalesApartMax)

// apart reports whether two decimals lie too far apart.
func apart(a, b *inf.Dec) bool {
	d := int64(a.Scale()) - int64(b.Scale())
	return d > scalesApartMax || d < -scalesApartMax
}
