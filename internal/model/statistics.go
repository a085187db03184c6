package model

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/eskerdb/esker/cql/types"
)

// poisoned reports whether one of the numbers is not finite.
func poisoned(numbers []quantity) bool {
	return slices.ContainsFunc(numbers, func(n quantity) bool { return n.exact == nil })
}

// deviationDiffers is Differs of stddev and stddev_pop: by the definition, from the mean.
func deviationDiffers(numbers []quantity, population bool, got []byte) string {
	n := len(numbers)
	degrees := n
	if !population {
		degrees--
	}
	switch {
	case degrees < 1:
		return exactly(nil, got)
	case poisoned(numbers):
		return isThis(math.NaN(), got)
	}
	mean, squares := exact(0), exact(0)
	for _, v := range numbers {
		mean.Add(mean, v.exact)
	}
	mean.Quo(mean, exact(float64(n)))
	for _, v := range numbers {
		off := new(big.Float).SetPrec(precision).Sub(v.exact, mean)
		squares.Add(squares, off.Mul(off, off))
	}
	want := squares.Sqrt(squares.Quo(squares, exact(float64(degrees))))
	size, _ := want.Float64()
	return near(want, math.Max(size*roundingSlack, 1e-300), got)
}

// percentileDiffers is Differs of median and percentile.
func percentileDiffers(numbers []quantity, fraction float64, got []byte) string {
	if slices.ContainsFunc(numbers, func(n quantity) bool { return math.IsNaN(n.plain) }) {
		return isThis(math.NaN(), got)
	}
	slices.SortFunc(numbers, func(a, b quantity) int { return b2i(a.plain > b.plain) - b2i(a.plain < b.plain) })
	at := fraction * float64(len(numbers)-1)
	low := numbers[int(at)].plain
	if len(numbers) > exactMax {
		return near(exact(low), math.Abs(low)*percentileSlack, got)
	}
	high := numbers[int(math.Ceil(at))].plain
	if low == high || at == math.Floor(at) {
		return isThis(low, got)
	}
	if math.IsInf(low, 0) || math.IsInf(high, 0) {
		return isThis(low+high, got)
	}
	part := exact(at - math.Floor(at))
	want := exact(high)
	want.Sub(want, exact(low)).Mul(want, part).Add(want, exact(low))
	return near(want, math.Max(math.Abs(low), math.Abs(high))*roundingSlack, got)
}

// distinctDiffers is Differs of distinct.
func distinctDiffers(values [][]byte, got []byte) string {
	set := map[string]bool{}
	for _, v := range values {
		set[string(v)] = true
	}
	if len(set) <= exactMax {
		return exactly(types.AppendBigint(nil, int64(len(set))), got)
	}
	if len(got) != 8 {
		return fmt.Sprintf("%x, want a count", got)
	}
	if n := float64(types.DecodeInt64(got)); math.Abs(n-float64(len(set))) > distinctSlack*float64(len(set)) {
		return fmt.Sprintf("%v, want %d but for %.1f %%", n, len(set), 100*distinctSlack)
	}
	return ""
}

// timedDiffers is Differs of delta, rate and time_weighted_avg.
func (a Aggregate) timedDiffers(numbers []quantity, times []time.Time, got []byte) string {
	n := len(numbers)
	if a.Function == "delta" && !a.isFloat() {
		from, _ := numbers[0].exact.Int(nil)
		to, _ := numbers[n-1].exact.Int(nil)
		by := new(big.Int).Sub(to, from)
		if a.Type.Kind() == types.KindVarint {
			return exactly(types.AppendVarint(nil, by), got)
		}
		return exactly(types.AppendBigint(nil, by.Int64()), got)
	}
	span := times[n-1].Sub(times[0])
	switch {
	case a.Function == "rate" && span <= 0:
		return exactly(nil, got)
	case poisoned(numbers):
		return "" // their rules are those of package downsample's own tests
	case a.Function == "delta":
		v := numbers[n-1].plain - numbers[0].plain
		return near(exact(v), math.Abs(v)*roundingSlack, got)
	case a.Function == "time_weighted_avg" && span <= 0:
		return near(numbers[n-1].exact, math.Abs(numbers[n-1].plain)*roundingSlack, got)
	}
	total, size := exact(0), 0.0
	for i := 1; i < n; i++ {
		was, is := numbers[i-1].exact, numbers[i].exact
		add := new(big.Float).SetPrec(precision)
		switch millis := times[i].Sub(times[i-1]).Milliseconds(); {
		case a.Function == "time_weighted_avg":
			add.Mul(was, exact(float64(millis)))
		case is.Cmp(was) < 0: // a counter that began again
			add.Set(is)
		default:
			add.Sub(is, was)
		}
		total.Add(total, add)
		v, _ := add.Float64()
		size += math.Abs(v)
	}
	per := float64(span.Milliseconds())
	if a.Function == "rate" {
		per /= 1000
	}
	return near(total.Quo(total, exact(per)), size/per*roundingSlack+1e-300, got)
}
