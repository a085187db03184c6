package partition

import (
	"errors"
	"math"
)

// Bucketing cuts time into buckets: of one size, or by the calendar of a time zone. The zero value cuts nothing.
// Time buckets of tables, and the functions floor and time_bucket, mean the same by a step.
type Bucketing struct {
	SizeMillis   int64  // of buckets of a fixed size; 0 with Days or Months
	OriginMillis int64  // a bucket begins here; milliseconds since 1970
	Days         int32  // calendar days a bucket, by the clock of Zone
	Months       int32  // calendar months a bucket, by the clock of Zone
	Zone         string // IANA name; empty: UTC, in which days have a fixed size
}

// NewBucketing is the step of a CQL duration. zone is an IANA name, empty for UTC; a bucket begins at the origin,
// milliseconds since 1970. Durations that are not positive, that mix months with smaller parts, and zones that do not
// exist are refused; the error says what is wrong, without naming the step.
func NewBucketing(months, days int32, nanos int64, zone string, originMillis int64) (Bucketing, error) {
	const dayMillis, nanosPerMilli = 86_400_000, 1_000_000
	if months != 0 || zone != "" {
		return Bucketing{}, errors.New("calendar steps are not supported")
	}
	b := Bucketing{SizeMillis: int64(days)*dayMillis + nanos/nanosPerMilli, OriginMillis: originMillis}
	if b.IsNone() {
		return Bucketing{}, errors.New("it is not longer than nothing")
	}
	return b, nil
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
