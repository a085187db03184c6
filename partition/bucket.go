package partition

import (
	"errors"
	"math"
)

// Bucketing cuts time into buckets: of one size, or by the calendar of a time zone. The zero value cuts nothing.
// Time buckets of tables, and the functions floor and time_bucket, mean the same by a step.
//
// Without a zone, sizes and days have a fixed length and count from the origin; weeks are 7 days, and so begin on
// Thursdays unless the origin says otherwise, as in Cassandra. With a zone, buckets follow its clock:
//
//   - days, months, and sizes above an hour begin where the clock first shows origin + k steps, or would have: a
//     boundary that the clock jumps over is the first instant behind the gap, one that it shows twice is the first.
//   - sizes of an hour or less keep their length, aligned to the clock. Where the clock is moved by anything but
//     a multiple of the size (30 minutes, for a size of an hour), a bucket ends early.
//   - the origin is the time of day and date that the clock shows at OriginMillis; for 0 it is local midnight of 1970-01-01.
//
// Of Months, Days and SizeMillis the first that is set counts. A month that is too short for the day of the origin
// begins on its last day.
type Bucketing struct {
	SizeMillis   int64  // of buckets of a fixed size; 0 with Days or Months
	OriginMillis int64  // a bucket begins here; milliseconds since 1970
	Days         int32  // calendar days a bucket, by the clock of Zone
	Months       int32  // calendar months a bucket, by the clock of Zone
	Zone         string // IANA name; empty: UTC, in which days have a fixed size
}

const (
	hourMillis    = 3_600_000
	dayMillis     = 86_400_000
	nanosPerMilli = 1_000_000
)

// NewBucketing is the step of a CQL duration. zone is an IANA name, empty for UTC; a bucket begins at the origin,
// milliseconds since 1970. Durations that are not positive, that mix months with smaller parts, and zones that do not
// exist are refused; the error says what is wrong, without naming the step.
func NewBucketing(months, days int32, nanos int64, zone string, originMillis int64) (Bucketing, error) {
	if zone == "UTC" {
		zone = ""
	}
	b := Bucketing{OriginMillis: originMillis, Zone: zone}
	switch {
	case months < 0 || days < 0 || nanos < 0:
		return Bucketing{}, errors.New("it is negative")
	case months == 0 && days == 0 && nanos == 0:
		return Bucketing{}, errors.New("it is not longer than nothing")
	case months > 0 && (days > 0 || nanos > 0):
		return Bucketing{}, errors.New("it mixes months with smaller parts; take months alone, or days and time")
	case nanos%nanosPerMilli != 0:
		return Bucketing{}, errors.New("it is not a whole number of milliseconds")
	case zone != "" && days > 0 && nanos > 0:
		return Bucketing{}, errors.New("it mixes days, which last 23 to 25 hours in a time zone, with smaller parts; take days alone, or hours")
	case months > 0:
		b.Months = months
	case zone != "" && days > 0:
		b.Days = days
	default:
		b.SizeMillis = int64(days)*dayMillis + nanos/nanosPerMilli
	}
	if zone != "" {
		if _, err := loadZone(zone); err != nil {
			return Bucketing{}, err
		}
	}
	return b, nil
}

// IsNone reports whether there are no buckets.
func (b Bucketing) IsNone() bool { return b.SizeMillis <= 0 && b.Days <= 0 && b.Months <= 0 }

// IsFixed reports whether all buckets have one length.
func (b Bucketing) IsFixed() bool { return b.Zone == "" && b.Months <= 0 }

// BucketOf returns the bucket [start, end) that holds a time in milliseconds since 1970. Where a bucket would
// reach beyond the integers it is cut there: the last one ends at math.MaxInt64 and includes it.
func (b Bucketing) BucketOf(ms int64) (start, end int64) {
	ms = min(ms, math.MaxInt64-1)
	switch {
	case b.IsNone():
		return math.MinInt64, math.MaxInt64
	case b.IsFixed():
		return floorStep(ms, b.stepMillis(), b.OriginMillis)
	default:
		return b.calendarBucket(ms, 0)
	}
}

// stepMillis is the length of a step that is not of months.
func (b Bucketing) stepMillis() int64 {
	if b.Days > 0 {
		return int64(b.Days) * dayMillis
	}
	return b.SizeMillis
}

// floorStep returns the step [start, end) that holds v, of those that count from origin, cut at the ends of the integers.
func floorStep(v, size, origin int64) (start, end int64) {
	// Remainders are taken apart, since v − origin may overflow.
	into := floorMod(v, size) - floorMod(origin, size)
	if into < 0 {
		into += size
	}
	if start = v - into; start > v {
		start = math.MinInt64
	}
	left := size - into // 1 or more
	if end = v + left; end < v {
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

// floorDiv is the quotient of division toward −∞.
func floorDiv(v, size int64) int64 {
	q := v / size
	if v%size < 0 {
		q--
	}
	return q
}
