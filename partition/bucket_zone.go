package partition

import (
	"fmt"
	"math"
	"sort"
	"sync"
	"time"
	_ "time/tzdata" // zones are known on machines that have no zone files
)

// zone is the clock of a place: stretches of time in which it is apart from UTC by one offset. All is in milliseconds.
//
// The clock of an instant is instant + offset. It jumps, forward and back; the furthest it has come is monotonous,
// and it is what calendar buckets are cut by.
type zone struct {
	from   []int64 // ascending; the first is math.MinInt64
	offset []int64 // from there on
	// reach is the end of what the clock has shown until the stretch ends, as if the clock were not moved back.
	reach []int64
}

const (
	// cycleMillis is 400 years: 146,097 days, a whole number of weeks, after which the calendar repeats.
	cycleMillis = 146_097 * dayMillis
	// cycleFrom is 2100-01-01. From there on all zones follow rules without exceptions: tables go as far as one cycle
	// more, and later times are moved back by cycles.
	cycleFrom = 4_102_444_800_000
	cycleEnd  = cycleFrom + cycleMillis
	yearSec   = 366 * 86_400
)

var utc = &zone{from: []int64{math.MinInt64}, offset: []int64{0}, reach: []int64{math.MaxInt64}}

// zones has what loadZone has loaded: *zone by name. There are about 600 names.
var zones sync.Map

// loadZone returns the zone with an IANA name.
func loadZone(name string) (*zone, error) {
	if z, found := zones.Load(name); found {
		return z.(*zone), nil
	}
	if name == "" || name == "UTC" {
		return utc, nil
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // the machine's own zone is another on another machine
		return nil, fmt.Errorf("there is no time zone '%s'; take an IANA name such as 'Europe/Berlin' or 'UTC'", name)
	}
	z, _ := zones.LoadOrStore(name, newZone(location))
	return z.(*zone), nil
}

// zoneOf is loadZone of a zone that existed when the step was declared; UTC, should it have been removed since.
func zoneOf(name string) *zone {
	z, err := loadZone(name)
	if err != nil {
		return utc
	}
	return z
}

func newZone(location *time.Location) *zone {
	offsetAt := func(second int64) int64 {
		_, seconds := time.Unix(second, 0).In(location).Zone()
		return int64(seconds) * 1000
	}
	second := int64(math.MinInt64 >> 8) // before any clock
	z := &zone{from: []int64{math.MinInt64}, offset: []int64{offsetAt(second)}}
	for second < cycleEnd/1000+yearSec {
		_, bound := time.Unix(second, 0).In(location).ZoneBounds()
		if bound.IsZero() {
			break
		}
		// At the end of some years the bound is the second itself.
		next := max(bound.Unix(), second+hourMillis/1000)
		if offset := offsetAt(next); offset != z.offset[len(z.offset)-1] {
			first := second + int64(sort.Search(int(next-second), func(i int) bool { return offsetAt(second+int64(i)) == offset }))
			z.from, z.offset = append(z.from, first*1000), append(z.offset, offset)
		}
		second = next
	}
	reach := int64(math.MinInt64)
	for i := range z.from {
		if i+1 == len(z.from) {
			reach = math.MaxInt64
		} else {
			reach = max(reach, z.from[i+1]+z.offset[i])
		}
		z.reach = append(z.reach, reach)
	}
	return z
}

// stretch returns the place of the stretch that an instant is in.
func (z *zone) stretch(ms int64) int {
	return sort.Search(len(z.from), func(i int) bool { return z.from[i] > ms }) - 1
}

// cycles returns how many cycles a time that the table does not reach is moved back by, in milliseconds.
func cycles(ms int64) int64 {
	if ms < cycleEnd {
		return 0
	}
	return (ms - cycleFrom) / cycleMillis * cycleMillis
}

// clock returns the furthest that the clock has come at an instant, below math.MaxInt64.
func (z *zone) clock(ms int64) int64 {
	moved := cycles(ms)
	ms -= moved
	i := z.stretch(ms)
	shown := addCut(ms, z.offset[i])
	if i > 0 {
		shown = max(shown, z.reach[i-1]-1)
	}
	return min(addCut(shown, moved), math.MaxInt64-1)
}

// shows returns what the clock shows at an instant.
func (z *zone) shows(ms int64) int64 {
	moved := cycles(ms)
	return addCut(ms-moved+z.offsetAt(ms-moved), moved)
}

// offsetAt is the offset at an instant that the table reaches; 0 where it would lead out of the integers.
func (z *zone) offsetAt(ms int64) int64 {
	offset := z.offset[z.stretch(ms)]
	if addCut(ms, offset) != ms+offset {
		return 0
	}
	return offset
}

// instant returns the first instant at which the clock shows a local time or has jumped over it.
func (z *zone) instant(local int64) int64 {
	if local == math.MinInt64 || local == math.MaxInt64 {
		return local
	}
	moved := cycles(local)
	local -= moved
	i := sort.Search(len(z.reach)-1, func(i int) bool { return z.reach[i] > local })
	return addCut(max(z.from[i], addCut(local, -z.offset[i])), moved)
}

// addCut is a + b, cut at the ends of the integers.
func addCut(a, b int64) int64 {
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	}
	return sum
}
