package partition

import "math"

// Bucketing cuts time into buckets of one size, in UTC. The zero value cuts nothing.
type Bucketing struct {
	SizeMillis   int64 // 0: no buckets
	OriginMillis int64 // a bucket begins here; milliseconds since 1970
}

// IsNone reports whether there are no buckets.
func (b Bucketing) IsNone() bool { return b.SizeMillis <= 0 }

// BucketOf returns the bucket [start, end) that holds a time in milliseconds since 1970. Where a bucket would
// reach beyond the integers it is cut there: the last one ends at math.MaxInt64 and includes it.
func (b Bucketing) BucketOf(ms int64) (start, end int64) {
	if b.IsNone() {
		return math.MinInt64, math.MaxInt64
	}
	// Remainders are taken apart, since ms − origin may overflow.
	into := floorMod(ms, b.SizeMillis) - floorMod(b.OriginMillis, b.SizeMillis)
	if into < 0 {
		into += b.SizeMillis
	}
	if start = ms - into; start > ms {
		start = math.MinInt64
	}
	left := b.SizeMillis - into // 1 or more
	if end = ms + left; end < ms {
		end = math.MaxInt64
	}
	return start, end
}

// floorMod is the remainder of division toward −∞: 0 to size−1.
func floorMod(v, size int64) int64 {
	r := v % size
	if r < 0 {
		r += size
	}
	return r
}
