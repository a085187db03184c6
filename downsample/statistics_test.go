package downsample

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// reading is a number at a time, as bytes and as an exact rational.
type reading struct {
	at    int64
	value []byte // nil: null; empty: the empty value
	exact *big.Rat
}

// drawReadings are readings in the order of time, some of them without a number.
func drawReadings(t *rapid.T, of *types.Type) []reading {
	out := make([]reading, rapid.IntRange(0, 40).Draw(t, "count"))
	at := rapid.Int64Range(-1e12, 1e12).Draw(t, "start")
	for i := range out {
		at += rapid.Int64Range(0, 100_000).Draw(t, "step")
		out[i].at = at
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
		case 1:
			out[i].value = []byte{}
		default:
			out[i].value, out[i].exact = drawNumber(t, of)
		}
	}
	return out
}

func drawNumber(t *rapid.T, of *types.Type) ([]byte, *big.Rat) {
	switch of.Kind() {
	case types.KindInt:
		v := rapid.Int32().Draw(t, "int")
		return types.AppendInt(nil, v), new(big.Rat).SetInt64(int64(v))
	case types.KindBigint:
		v := rapid.OneOf(rapid.Int64(), rapid.Int64Range(math.MaxInt64-3, math.MaxInt64)).Draw(t, "bigint")
		return types.AppendBigint(nil, v), new(big.Rat).SetInt64(v)
	case types.KindFloat:
		v := rapid.Float32Range(-1e30, 1e30).Draw(t, "float")
		if v == 0 {
			v = 0 // a rational has no negative zero
		}
		return types.AppendFloat(nil, v), new(big.Rat).SetFloat64(float64(v))
	}
	v := rapid.OneOf(rapid.Float64(), rapid.Float64Range(1e15, 1e15+10), rapid.Float64Range(-1, 1)).Draw(t, "double")
	if v == 0 {
		v = 0
	}
	return types.AppendDouble(nil, v), new(big.Rat).SetFloat64(v)
}

// vectorsOf are the times and values of readings. The empty value makes a vector of bytes.
func vectorsOf(of *types.Type, rs []reading) (times, values mutation.Vector) {
	times.Reset(mutation.PhysicalInt, 8)
	physical, width := mutation.PhysicalOf(of)
	values.Reset(physical, width)
	for _, r := range rs {
		times.Append(types.AppendBigint(nil, r.at))
		if r.value == nil {
			values.AppendAbsent()
		} else {
			values.Append(r.value)
		}
	}
	return times, values
}

// known are the readings that have a number.
func known(rs []reading) []reading {
	return slices.DeleteFunc(slices.Clone(rs), func(r reading) bool { return r.exact == nil })
}

// nearest is a rational as a double, root of it if asked for, and null where there is none.
func nearest(v *big.Rat, root bool) []byte {
	if v == nil {
		return nil
	}
	f := new(big.Float).SetPrec(400).SetRat(v)
	if root {
		f.Sqrt(f)
	}
	out, _ := f.Float64()
	return types.AppendDouble(nil, out)
}

// variance is the mean square of what values differ from their mean by, over n − less.
func variance(rs []reading, less int64) *big.Rat {
	rs = known(rs)
	n := int64(len(rs))
	if n-less < 1 {
		return nil
	}
	mean, sum := new(big.Rat), new(big.Rat)
	for _, r := range rs {
		mean.Add(mean, r.exact)
	}
	mean.Quo(mean, new(big.Rat).SetInt64(n))
	for _, r := range rs {
		off := new(big.Rat).Sub(r.exact, mean)
		sum.Add(sum, off.Mul(off, off))
	}
	return sum.Quo(sum, new(big.Rat).SetInt64(n-less))
}

// increase is the sum of the steps of a counter, over the seconds between its ends.
func increase(rs []reading) *big.Rat {
	rs = known(rs)
	if len(rs) < 2 || rs[0].at == rs[len(rs)-1].at {
		return nil
	}
	sum := new(big.Rat)
	for i := 1; i < len(rs); i++ {
		if rs[i].exact.Cmp(rs[i-1].exact) < 0 {
			sum.Add(sum, rs[i].exact)
		} else {
			sum.Add(sum, new(big.Rat).Sub(rs[i].exact, rs[i-1].exact))
		}
	}
	return sum.Quo(sum, big.NewRat(rs[len(rs)-1].at-rs[0].at, 1000))
}

// average weighs each value by the time until the next one.
func average(rs []reading) *big.Rat {
	rs = known(rs)
	if len(rs) == 0 {
		return nil
	}
	last := rs[len(rs)-1]
	if rs[0].at == last.at {
		return last.exact
	}
	sum := new(big.Rat)
	for i := 1; i < len(rs); i++ {
		weight := new(big.Rat).SetInt64(rs[i].at - rs[i-1].at)
		sum.Add(sum, weight.Mul(weight, rs[i-1].exact))
	}
	return sum.Quo(sum, new(big.Rat).SetInt64(last.at-rs[0].at))
}

// quantile is the value a part of the way through the sorted values, by linear interpolation.
func quantile(rs []reading, part float64) *big.Rat {
	rs = known(rs)
	if len(rs) == 0 {
		return nil
	}
	slices.SortFunc(rs, func(a, b reading) int { return a.exact.Cmp(b.exact) })
	at := part * float64(len(rs)-1)
	i := int(at)
	if i == len(rs)-1 {
		return rs[i].exact
	}
	way := new(big.Rat).Sub(rs[i+1].exact, rs[i].exact)
	way.Mul(way, new(big.Rat).SetFloat64(at-float64(i)))
	return way.Add(way, rs[i].exact)
}

var numberTypes = []*types.Type{types.Int, types.Bigint, types.Float, types.Double}

// Deviations, rates and averages by time are the doubles nearest to what unbounded rational arithmetic gives, whatever
// the order of adding and however vectors cut it.
func TestStatisticsEqualRationalArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom(numberTypes).Draw(t, "type")
		rs := drawReadings(t, of)
		check := func(name string, got, want []byte) {
			if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
				t.Fatalf("%s of %s: %x, want %x", name, of, got, want)
			}
		}
		for name, want := range map[string][]byte{
			"stddev": nearest(variance(rs, 1), true), "stddev_pop": nearest(variance(rs, 0), true),
		} {
			a, err := NewAccumulator(name, of)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // once more after Reset
				for _, i := range rapid.Permutation(positions(rs)).Draw(t, "order") {
					a.Add(rs[i].value)
				}
				check(name, a.Result(), want)
				a.Reset()
			}
			_, v := vectorsOf(of, rs)
			cut := rapid.IntRange(0, len(rs)).Draw(t, "cut")
			a.AddVector(&v, cut, len(rs))
			a.AddVector(&v, 0, cut)
			check(name+" of vectors", a.Result(), want)
		}
		for name, want := range map[string][]byte{"rate": nearest(increase(rs), false), "time_weighted_avg": nearest(average(rs), false)} {
			for _, ascending := range []bool{true, false} {
				check(fmt.Sprint(name, " ascending ", ascending), timed(t, name, of, rs, ascending), want)
			}
		}
	})
}

func positions(rs []reading) []int {
	out := make([]int, len(rs))
	for i := range out {
		out[i] = i
	}
	return out
}

// timed adds a series one by one up to a point and as vectors beyond.
func timed(t *rapid.T, function string, of *types.Type, rs []reading, ascending bool) []byte {
	a, err := NewTimed(function, of, 1_000_000, ascending)
	if err != nil {
		t.Fatal(err)
	}
	if !ascending {
		rs = slices.Clone(rs)
		slices.Reverse(rs)
	}
	cut := rapid.IntRange(0, len(rs)).Draw(t, "cut")
	a.Add(5, types.AppendInt(nil, 7)[:min(len(rs), 4)]) // forgotten by Reset
	a.Reset()
	for _, r := range rs[:cut] {
		a.Add(r.at, r.value)
	}
	times, v := vectorsOf(of, rs)
	a.AddVector(&times, &v, cut, len(rs))
	if !bytes.Equal(a.Result(), a.Result()) {
		t.Fatalf("%s: a second Result is another", function)
	}
	return a.Result()
}

// A percentile of few values is that of linear interpolation.
func TestPercentileOfFewValuesIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom([]*types.Type{types.Int, types.Float, types.Bigint}).Draw(t, "type")
		rs := drawReadings(t, of)
		part := rapid.Float64Range(0, 1).Draw(t, "part")
		a, err := NewPercentile(of, part)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range rapid.Permutation(positions(rs)).Draw(t, "order") {
			a.Add(rs[i].value)
		}
		want, got := quantile(rs, part), a.Result()
		if want == nil || got == nil {
			if want != nil || got != nil {
				t.Fatalf("%x, want %v", got, want)
			}
			return
		}
		w, _ := want.Float64()
		if g := types.DecodeFloat64(got); math.Abs(g-w) > 1e-12*math.Max(math.Abs(w), 1e12*0x1p-52) {
			t.Fatalf("%v, want %v", g, w)
		}
	})
}

// Of many values a percentile is within 1 % of the value at its rank, of any size and sign, and does not depend on
// their order.
func TestPercentileOfManyValuesIsWithinOnePercent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"normal":      func() float64 { return rng.NormFloat64() },
		"exponential": func() float64 { return math.Exp(20 * rng.NormFloat64()) },
		"signed":      func() float64 { return math.Copysign(math.Exp(5*rng.NormFloat64()), rng.NormFloat64()) },
		"few values":  func() float64 { return float64(rng.IntN(3)) * 1000 },
		"extreme": func() float64 {
			return []float64{math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1), 0}[rng.IntN(5)]
		},
	} {
		values := make([]float64, percentileExactMax+3000)
		for i := range values {
			values[i] = draw()
		}
		sorted := slices.Clone(values)
		slices.Sort(sorted)
		for _, p := range []float64{0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.99, 0.999, 1} {
			a, _ := NewPercentile(types.Double, p)
			for range 2 {
				rng.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
				for _, v := range values {
					a.Add(types.AppendDouble(nil, v))
				}
				got, want := types.DecodeFloat64(a.Result()), sorted[int(p*float64(len(sorted)-1))]
				if got != want && !(math.Abs(got-want) <= 0.01*math.Abs(want)) {
					t.Errorf("%s: percentile %v is %v, want %v", name, p, got, want)
				}
				a.Reset()
			}
		}
	}
}

// At the limit percentiles and distinct counts are exact; one past it they are not far off, and a Reset brings
// exactness back.
func TestLimitsOfExactness(t *testing.T) {
	median, _ := NewAccumulator("median", types.Int)
	distinct, _ := NewAccumulator("distinct", types.Int)
	for _, test := range []struct {
		n      int32
		median float64
	}{{percentileExactMax, 499.5}, {percentileExactMax + 1, 500}, {percentileExactMax, 499.5}} {
		median.Reset()
		distinct.Reset()
		for i := range test.n {
			for _, a := range []Accumulator{median, distinct, distinct} {
				a.Add(types.AppendInt(nil, i))
			}
		}
		if got := types.DecodeFloat64(median.Result()); math.Abs(got-test.median) > 5 || test.n == percentileExactMax && got != test.median {
			t.Errorf("median of %d: %v", test.n, got)
		}
		if got := types.DecodeInt64(distinct.Result()); math.Abs(float64(got-int64(test.n))) > 20 || test.n == distinctExactMax && got != int64(test.n) {
			t.Errorf("distinct of %d: %d", test.n, got)
		}
	}
}

// Of many values distinct is within four standard errors, and depends on the set alone.
func TestDistinctOfManyValues(t *testing.T) {
	for _, n := range []int{1001, 1500, 5000, 40_000, 200_000} {
		up, _ := NewAccumulator("distinct", types.Bigint)
		down, _ := NewAccumulator("distinct", types.Bigint)
		for i := range n {
			up.Add(types.AppendBigint(nil, int64(i)*7919))
			down.Add(types.AppendBigint(nil, int64(n-1-i)*7919))
			down.Add(types.AppendBigint(nil, int64(n-1-i/2)*7919))
		}
		got := types.DecodeInt64(up.Result())
		if off := math.Abs(float64(got)/float64(n) - 1); off > 4*0.0081 {
			t.Errorf("distinct of %d: %d", n, got)
		}
		if !bytes.Equal(up.Result(), down.Result()) {
			t.Errorf("distinct of %d depends on the order", n)
		}
	}
}

func TestStatisticsExamples(t *testing.T) {
	for _, test := range []struct {
		function string
		of       *types.Type
		values   []string
		want     string
	}{
		{"stddev", types.Int, nil, "null"},
		{"stddev", types.Int, []string{"7"}, "null"},
		{"stddev_pop", types.Int, []string{"7"}, "0000000000000000"},
		{"stddev", types.Int, []string{"2", "4", "4", "4", "5", "5", "7", "9"}, "40011acee560242a"}, // √(32/7)
		{"stddev_pop", types.Decimal, []string{"2", "4", "4", "4", "5", "5", "7", "9"}, "4000000000000000"},
		{"stddev_pop", types.Varint, []string{"1000000000000002", "1000000000000004"}, "3ff0000000000000"},
		{"stddev", types.Double, []string{"1", "NaN"}, "7ff8000000000000"},
		{"stddev", types.Double, []string{"1", "Infinity"}, "7ff8000000000000"},
		{"median", types.Double, []string{"3", "1", "2", "10"}, "4004000000000000"},
		{"median", types.Double, []string{"3", "NaN", "2"}, "7ff8000000000000"},
		{"median", types.Double, []string{"Infinity", "1", "Infinity"}, "7ff0000000000000"},
		{"distinct", types.Text, []string{"a", "b", "", "a"}, "0000000000000003"},
		{"distinct", types.Int, nil, "0000000000000000"},
	} {
		if got := result(t, test.function, test.of, test.values...); got != test.want {
			t.Errorf("%s(%s) of %v: %s, want %s", test.function, test.of, test.values, got, test.want)
		}
	}
}

func TestDifference(t *testing.T) {
	for _, test := range []struct {
		of             *types.Type
		later, earlier string
		want           []byte
	}{
		{types.Tinyint, "-128", "127", types.AppendBigint(nil, -255)},
		{types.Bigint, "9223372036854775807", "-1", types.AppendBigint(nil, math.MinInt64)},
		{types.Float, "1.5", "0.25", types.AppendDouble(nil, 1.25)},
		{types.Double, "NaN", "1", notANumber()},
		{types.Decimal, "1.25", "0.5", value(t, types.Decimal, "0.75")},
		{types.Varint, "1", "9223372036854775808", value(t, types.Varint, "-9223372036854775807")},
	} {
		if got := Difference(test.of, value(t, test.of, test.later), value(t, test.of, test.earlier)); !bytes.Equal(got, test.want) {
			t.Errorf("%s − %s of %s: %x, want %x", test.later, test.earlier, test.of, got, test.want)
		}
	}
	if Difference(types.Int, nil, types.AppendInt(nil, 1)) != nil || Difference(types.Int, types.AppendInt(nil, 1), []byte{}) != nil {
		t.Error("a difference with nothing is not null")
	}
}

// NaN and infinities make what goes by time NaN; a rate of one value, and one without time, is null.
func TestTimedEdges(t *testing.T) {
	nan := notANumber()
	for _, test := range []struct {
		function string
		at       []int64
		values   []float64
		want     []byte
	}{
		{"rate", []int64{0}, []float64{1}, nil},
		{"rate", []int64{5, 5}, []float64{1, 2}, nil},
		{"rate", []int64{0, 1000, 2000}, []float64{10, 4, 6}, types.AppendDouble(nil, 3)},
		{"rate", []int64{math.MinInt64, math.MaxInt64}, []float64{0, math.MaxFloat64}, types.AppendDouble(nil, math.MaxFloat64/math.MaxUint64*1000)},
		{"rate", []int64{0, 1, 2}, []float64{0, math.NaN(), 0}, nan},
		{"rate", []int64{0, 1}, []float64{0, math.Inf(1)}, nan},
		{"time_weighted_avg", []int64{5}, []float64{3}, types.AppendDouble(nil, 3)},
		{"time_weighted_avg", []int64{5, 5}, []float64{3, 4}, types.AppendDouble(nil, 4)},
		{"time_weighted_avg", []int64{0, 1, 4}, []float64{0, 4, 100}, types.AppendDouble(nil, 3)},
		{"time_weighted_avg", []int64{0, 1}, []float64{0, math.Inf(-1)}, nan},
	} {
		a, err := NewTimed(test.function, types.Double, 1_000_000, true)
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range test.at {
			a.Add(at, types.AppendDouble(nil, test.values[i]))
		}
		if got := a.Result(); !bytes.Equal(got, test.want) {
			t.Errorf("%s of %v at %v: %x, want %x", test.function, test.values, test.at, got, test.want)
		}
	}
	for _, of := range []*types.Type{types.Text, types.Timestamp} {
		if _, err := NewTimed("rate", of, 1, true); err == nil {
			t.Errorf("rate takes %s", of)
		}
	}
}

// Interpolate gives the nearest value of the type on the line, halves up, and null beside null.
func TestInterpolate(t *testing.T) {
	for _, test := range []struct {
		of          *types.Type
		from, to    string
		part, whole uint64
		want        string
	}{
		{types.Int, "0", "10", 1, 4, "3"}, // 2.5
		{types.Int, "0", "-10", 1, 4, "-2"},
		{types.Tinyint, "-128", "127", 1, 2, "0"},
		{types.Smallint, "1", "2", 1, 3, "1"},
		{types.Bigint, "-9223372036854775808", "9223372036854775807", 1, 2, "0"},
		{types.Bigint, "9223372036854775807", "9223372036854775806", math.MaxUint64 - 1, math.MaxUint64, "9223372036854775806"},
		{types.Varint, "1", "100000000000000000000", 1, 2, "50000000000000000001"},
		{types.Decimal, "1", "2.25", 1, 2, "1.63"},
		{types.Double, "1", "2", 1, 4, "1.25"},
		{types.Double, "-1.7e308", "1.7e308", 1, 2, "0.0"},
		{types.Float, "0.5", "1.5", 3, 4, "1.25"},
		{types.Timestamp, "0", "1001", 1, 2, "501"},
	} {
		from, to, want := value(t, test.of, test.from), value(t, test.of, test.to), value(t, test.of, test.want)
		if got := Interpolate(test.of, from, to, test.part, test.whole); !bytes.Equal(got, want) {
			t.Errorf("%d/%d from %s to %s of %s: %x, want %x", test.part, test.whole, test.from, test.to, test.of, got, want)
		}
		if Interpolate(test.of, nil, to, 1, 2) != nil || Interpolate(test.of, from, []byte{}, 1, 2) != nil {
			t.Errorf("%s: a line from nothing, or to it", test.of)
		}
	}
	if Interpolates(types.Text) || Interpolates(types.Date) {
		t.Error("there is a line between texts or dates")
	}
}
