package partition

import "math"

// calendarBucket is the bucket that holds an instant, by the clock of the zone; of a level above 0, of 4^level steps.
func (b Bucketing) calendarBucket(ms int64, level int) (start, end int64) {
	z := utc
	if b.Zone != "" {
		z = zoneOf(b.Zone)
	}
	if b.Months > 0 {
		first, next := b.monthsAround(z, z.clock(ms), int64(b.Months)<<(2*level))
		return z.instant(first), z.instant(next)
	}
	origin := b.localOrigin(z)
	if step := b.stepMillis(); level > 0 || step > hourMillis {
		first, next := floorStep(z.clock(ms), step<<(2*level), origin)
		return z.instant(first), z.instant(next)
	}
	moved := cycles(ms)
	start, end = z.aligned(ms-moved, b.SizeMillis, floorMod(origin, b.SizeMillis)-moved%b.SizeMillis)
	return addCut(start, moved), addCut(end, moved)
}

// localOrigin is the date and time of day that steps count from.
func (b Bucketing) localOrigin(z *zone) int64 {
	if b.OriginMillis == 0 {
		return 0
	}
	return z.shows(b.OriginMillis)
}

// aligned is the bucket of a size of an hour or less that holds an instant which the table reaches. It ends where the clock is moved
// by anything but a multiple of the size.
func (z *zone) aligned(ms, size, origin int64) (start, end int64) {
	i := z.stretch(ms)
	start, end = floorStep(ms, size, origin-z.offset[i])
	for at := i; start < z.from[at]; at-- {
		if (z.offset[at]-z.offset[at-1])%size != 0 {
			start = z.from[at]
			break
		}
	}
	for at := i + 1; at < len(z.from) && z.from[at] < end; at++ {
		if (z.offset[at]-z.offset[at-1])%size != 0 {
			end = z.from[at]
			break
		}
	}
	return start, end
}

// monthsAround returns the local times of the boundaries of steps of months before and behind a local time.
func (b Bucketing) monthsAround(z *zone, local, months int64) (first, next int64) {
	origin := b.localOrigin(z)
	month, day := civil(floorDiv(origin, dayMillis))
	timeOfDay := floorMod(origin, dayMillis)
	boundary := func(k int64) int64 {
		at := month + k*months
		last := daysFromCivil(at+1, 1) - 1
		return localOf(min(daysFromCivil(at, day), last), timeOfDay)
	}
	now, _ := civil(floorDiv(local, dayMillis))
	k := floorDiv(now-month, months)
	if first = boundary(k); first > local {
		return boundary(k - 1), first
	}
	return first, boundary(k + 1)
}

// localOf is a day since 1970 and a time of that day, in milliseconds, cut at the ends of the integers.
func localOf(day, timeOfDay int64) int64 {
	const last = math.MaxInt64 / dayMillis
	switch {
	case day > last:
		return math.MaxInt64
	case day < -last-1:
		return math.MinInt64
	case day >= 0:
		return addCut(day*dayMillis, timeOfDay)
	default:
		return addCut((day+1)*dayMillis, timeOfDay-dayMillis)
	}
}

// The calendar is that of 1582 for all times. A month is counted from January of the year 0, a day of a month from 1.
// Years begin in March here, so that the leap day is the last of one.
const (
	daysPerCycle  = 146_097 // 400 years
	marchOfYear0  = -719_468
	monthsPerYear = 12
	yearsPerCycle = 400
)

// civil returns the month and the day of the month of a day since 1970.
func civil(days int64) (month, day int64) {
	days -= marchOfYear0
	cycle := floorDiv(days, daysPerCycle)
	in := days - cycle*daysPerCycle
	year := (in - in/1460 + in/36_524 - in/146_096) / 365
	in -= 365*year + year/4 - year/100
	fromMarch := (5*in + 2) / 153
	day = in - (153*fromMarch+2)/5 + 1
	return (cycle*yearsPerCycle+year)*monthsPerYear + fromMarch + 2, day
}

// daysFromCivil returns the day since 1970 of a month and a day in it; a day that the month does not have lies in the next one.
func daysFromCivil(month, day int64) int64 {
	month -= 2 // from March of the year 0
	year, fromMarch := floorDiv(month, monthsPerYear), floorMod(month, monthsPerYear)
	cycle := floorDiv(year, yearsPerCycle)
	year -= cycle * yearsPerCycle
	return cycle*daysPerCycle + 365*year + year/4 - year/100 + (153*fromMarch+2)/5 + day - 1 + marchOfYear0
}
