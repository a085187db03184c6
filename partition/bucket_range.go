package partition

import "math"

// Next returns the bucket behind the one that holds a time; ok is false if there is none.
func (b Bucketing) Next(ms int64) (start, end int64, ok bool) {
	if _, start = b.BucketOf(ms); start == math.MaxInt64 {
		return 0, 0, false
	}
	start, end = b.BucketOf(start)
	return start, end, true
}

// Previous returns the bucket before the one that holds a time; ok is false if there is none.
func (b Bucketing) Previous(ms int64) (start, end int64, ok bool) {
	if start, _ = b.BucketOf(ms); start == math.MinInt64 {
		return 0, 0, false
	}
	start, end = b.BucketOf(start - 1)
	return start, end, true
}

// RangeOf returns the range of a level that holds a time: 4^level adjacent steps, whole buckets, and on the next level one of
// four that make up a range. Level 0 is a bucket. ok is false for no buckets, and where a range would be longer than the integers.
func (b Bucketing) RangeOf(ms int64, level int) (start, end int64, ok bool) {
	const levelEnd = 15 // months in an int32, times 4^15, are less than 2^63
	if b.IsNone() || level < 0 || level >= levelEnd || b.Months <= 0 && b.stepMillis() > math.MaxInt64>>(2*level) {
		return 0, 0, false
	}
	ms = min(ms, math.MaxInt64-1) // the last range includes the end
	if level == 0 {
		start, end = b.BucketOf(ms)
		return start, end, true
	}
	if b.IsFixed() {
		start, end = floorStep(ms, b.stepMillis()<<(2*level), b.OriginMillis)
		return start, end, true
	}
	if b.Months > 0 || b.stepMillis() > hourMillis {
		start, end = b.calendarBucket(ms, level)
		return start, end, true
	}
	// Buckets that keep their length do not all begin where the clock first shows it: a range has those that begin in it.
	first, _ := b.BucketOf(ms)
	start, end = b.calendarBucket(first, level)
	return b.boundaryFrom(start), b.boundaryFrom(end), true
}

// boundaryFrom is the first boundary at or behind a time.
func (b Bucketing) boundaryFrom(ms int64) int64 {
	start, end := b.BucketOf(ms)
	if start == ms || ms == math.MaxInt64 {
		return ms
	}
	return end
}

// Divides reports whether each bucket of other is made of whole buckets of b. It is false also where that is so but
// only by chance of a zone's history.
func (b Bucketing) Divides(other Bucketing) bool {
	switch {
	case b == other || other.IsNone():
		return true
	case b.IsNone() || b.Zone != other.Zone:
		return false
	}
	z := utc
	if b.Zone != "" {
		z = zoneOf(b.Zone)
	}
	from, to := b.localOrigin(z), other.localOrigin(z)
	switch {
	case b.Months > 0 && other.Months > 0:
		return monthsDivide(int64(b.Months), int64(other.Months), from, to)
	case b.Months > 0:
		return false
	}
	step := b.stepMillis()
	if floorMod(from, step) != floorMod(to, step) {
		return false
	}
	if other.Months > 0 {
		return dayMillis%step == 0 && b.dividesAtMoves(z, other)
	}
	return other.stepMillis()%step == 0 && b.dividesAtMoves(z, other)
}

// monthsDivide is Divides for steps of months.
func monthsDivide(step, other, from, to int64) bool {
	fromMonth, fromDay := civil(floorDiv(from, dayMillis))
	toMonth, toDay := civil(floorDiv(to, dayMillis))
	return other%step == 0 && floorMod(fromMonth, step) == floorMod(toMonth, step) &&
		fromDay == toDay && floorMod(from, dayMillis) == floorMod(to, dayMillis)
}

// dividesAtMoves is Divides where the clock of the zone is moved. Elsewhere both follow it.
func (b Bucketing) dividesAtMoves(z *zone, other Bucketing) bool {
	if b.stepMillis() > hourMillis {
		return true // both have their boundaries where the clock first shows them
	}
	for _, moved := range z.from[1:] {
		start, end := other.BucketOf(moved)
		if b.boundaryFrom(start) != start || b.boundaryFrom(end) != end {
			return false
		}
	}
	return true
}
