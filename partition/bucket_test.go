package partition

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// The bucket of a time is where unbounded integers say it is, cut at the ends of 64 bits.
func TestBucketOf(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		edge := rapid.OneOf(rapid.Int64Range(-20, 20), rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64}))
		b := Bucketing{SizeMillis: rapid.OneOf(rapid.Int64Range(1, 10), rapid.Int64Range(1, math.MaxInt64)).Draw(r, "size"), OriginMillis: edge.Draw(r, "origin")}
		ms := edge.Draw(r, "ms")
		size, origin := big.NewInt(b.SizeMillis), big.NewInt(b.OriginMillis)
		index := new(big.Int).Sub(big.NewInt(min(ms, math.MaxInt64-1)), origin) // the last bucket includes the last millisecond
		low := index.Div(index, size)                                           // Euclidean: toward −∞ for a positive divisor
		low.Mul(low, size).Add(low, origin)
		high := new(big.Int).Add(low, size)
		start, end := b.BucketOf(ms)
		if start != cut(low) || end != cut(high) {
			r.Fatalf("%+v of %d: [%d, %d), want [%s, %s)", b, ms, start, end, low, high)
		}
	})
}

func cut(v *big.Int) int64 {
	switch {
	case v.IsInt64():
		return v.Int64()
	case v.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

func TestBucketOfExamples(t *testing.T) {
	day := Bucketing{SizeMillis: 86400000}
	if s, e := day.BucketOf(-1); s != -86400000 || e != 0 {
		t.Errorf("the millisecond before 1970: [%d, %d)", s, e)
	}
	if s, e := (Bucketing{SizeMillis: 10, OriginMillis: 3}).BucketOf(2); s != -7 || e != 3 {
		t.Errorf("just before the origin: [%d, %d)", s, e)
	}
	if s, e := (Bucketing{}).BucketOf(5); s != math.MinInt64 || e != math.MaxInt64 || !(Bucketing{}).IsNone() {
		t.Errorf("no buckets: [%d, %d)", s, e)
	}
}
