package partition

import (
	"math"
	"math/rand"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// zoneNames have every kind of clock: whole hours, half hours, half hours of summer time, changes at midnight, a skipped day.
var zoneNames = []string{
	"Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia",
	"Africa/Casablanca", "America/St_Johns", "Asia/Kathmandu", "America/Juneau", "Asia/Manila", "Etc/UTC", "Africa/Monrovia",
}

func drawBucketing(r *rapid.T) Bucketing {
	zone := rapid.SampledFrom(append([]string{""}, zoneNames...)).Draw(r, "zone")
	origin := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(-1<<42, 1<<42), rapid.Int64()).Draw(r, "origin")
	minutes := rapid.SampledFrom([]int64{1, 7, 15, 30, 45, 59, 60, 61, 90, 240, 480, 720, 1440, 2880}).Draw(r, "minutes")
	days := rapid.SampledFrom([]int32{1, 2, 7, 14, 1000, math.MaxInt32}).Draw(r, "days")
	months := rapid.SampledFrom([]int32{1, 2, 3, 12, 1200, math.MaxInt32}).Draw(r, "months")
	var b Bucketing
	var err error
	switch rapid.SampledFrom([]string{"time", "days", "months", "odd"}).Draw(r, "kind") {
	case "time":
		b, err = NewBucketing(0, 0, minutes*60_000*nanosPerMilli, zone, origin)
	case "odd":
		b, err = NewBucketing(0, 0, rapid.Int64Range(1, 1<<40).Draw(r, "ms")*nanosPerMilli, zone, origin)
	case "days":
		b, err = NewBucketing(0, days, 0, zone, origin)
	default:
		b, err = NewBucketing(months, 0, 0, zone, origin)
	}
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// drawMillis prefers times at which the clock of the zone is moved, and the ends of the integers.
func drawMillis(r *rapid.T, b Bucketing) int64 {
	z := zoneOf(b.Zone)
	near := rapid.Map(rapid.SampledFrom(z.from), func(at int64) int64 { return at })
	at := rapid.OneOf(near, near, rapid.Int64Range(-1<<43, 1<<43), rapid.Int64Range(cycleEnd-1<<30, cycleEnd+1<<30), rapid.Int64(),
		rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0})).Draw(r, "at")
	return addCut(at, rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64Range(-2*dayMillis, 2*dayMillis)).Draw(r, "off"))
}

// Buckets tile time: each holds its start and the instant before its end, the next begins where it ends.
func TestBucketsTile(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := drawBucketing(r)
		ms := drawMillis(r, b)
		for level := range 4 {
			start, end, ok := b.RangeOf(ms, level)
			if !ok {
				break
			}
			if start > ms || end < ms || end == ms && end != math.MaxInt64 {
				r.Fatalf("%+v level %d: %d is not in [%d, %d)", b, level, ms, start, end)
			}
			within := []int64{start, end - 1, start + (end-1)/2 - start/2}
			for _, at := range within {
				if s, e, _ := b.RangeOf(at, level); at >= start && at < end && (s != start || e != end) {
					r.Fatalf("%+v level %d: %d is in [%d, %d), its %d in [%d, %d)", b, level, ms, start, end, at, s, e)
				}
			}
			if end != math.MaxInt64 {
				if s, _, _ := b.RangeOf(end, level); s != end {
					r.Fatalf("%+v level %d: [%d, %d), the next from %d", b, level, start, end, s)
				}
			}
		}
	})
}

// A range is made of whole ranges of the level below: four, or more and fewer where the clock is moved back and forward.
func TestRangesAreWhole(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := drawBucketing(r)
		ms := drawMillis(r, b)
		for level := 1; level < 4; level++ {
			start, end, ok := b.RangeOf(ms, level)
			if !ok {
				break
			}
			n := 0
			for at := start; n < 1000; n++ {
				s, e, _ := b.RangeOf(at, level-1)
				if s != at || e > end {
					r.Fatalf("%+v level %d: [%d, %d) has [%d, %d) in it, after %d", b, level, start, end, s, e, n)
				}
				if at = e; e == end {
					break
				}
			}
		}
	})
}

func TestNextAndPrevious(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := drawBucketing(r)
		ms := drawMillis(r, b)
		start, end := b.BucketOf(ms)
		if s, e, ok := b.Next(ms); ok != (end != math.MaxInt64) || ok && (s != end || e <= s) {
			r.Fatalf("%+v: [%d, %d), next [%d, %d) %v", b, start, end, s, e, ok)
		}
		if s, e, ok := b.Previous(ms); ok != (start != math.MinInt64) || ok && (e != start || s >= e) {
			r.Fatalf("%+v: [%d, %d), previous [%d, %d) %v", b, start, end, s, e, ok)
		}
	})
}

// Where Divides says so, every boundary of the larger steps is one of the smaller.
func TestDivides(t *testing.T) {
	divided := 0
	rapid.Check(t, func(r *rapid.T) {
		b, other := drawBucketing(r), drawBucketing(r)
		if rapid.IntRange(0, 3).Draw(r, "same zone") > 0 {
			other.Zone, other.OriginMillis = b.Zone, b.OriginMillis
		}
		if !b.Divides(other) {
			return
		}
		divided++
		start, end := other.BucketOf(drawMillis(r, other))
		for _, at := range []int64{start, end} {
			if s, _ := b.BucketOf(at); s != at && at != math.MaxInt64 {
				r.Fatalf("%+v does not divide %+v at %d", b, other, at)
			}
		}
	})
	if divided == 0 {
		t.Error("no steps divided others")
	}
	hour, day := Bucketing{SizeMillis: hourMillis, Zone: "Europe/Berlin"}, Bucketing{Days: 1, Zone: "Europe/Berlin"}
	month, quarter := Bucketing{Months: 1, Zone: "Europe/Berlin"}, Bucketing{Months: 3, Zone: "Europe/Berlin"}
	for _, c := range []struct {
		fine, coarse Bucketing
		want         bool
	}{
		{hour, day, true}, {day, month, true}, {month, quarter, true}, {quarter, month, false}, {day, hour, false}, {hour, month, true},
		{Bucketing{SizeMillis: hourMillis}, day, false}, {Bucketing{Days: 7, Zone: "Europe/Berlin"}, month, false},
		{Bucketing{SizeMillis: hourMillis}, Bucketing{Months: 1}, true}, {Bucketing{SizeMillis: 7}, Bucketing{SizeMillis: 21, OriginMillis: 7}, true},
		{Bucketing{SizeMillis: 7}, Bucketing{SizeMillis: 21, OriginMillis: 1}, false}, {Bucketing{}, hour, false}, {hour, Bucketing{}, true},
	} {
		if got := c.fine.Divides(c.coarse); got != c.want {
			t.Errorf("%+v divides %+v: %v", c.fine, c.coarse, got)
		}
	}
}

// In a zone, days begin where package time says that midnight is, or behind the gap that it is in.
func TestDaysOfZones(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, name := range zoneNames {
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		day, month := Bucketing{Days: 1, Zone: name}, Bucketing{Months: 1, Zone: name}
		for range 2000 {
			at := time.UnixMilli(rng.Int63n(1<<43) - 1<<42).In(location)
			for _, c := range []struct {
				b    Bucketing
				want time.Time
			}{
				{day, time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, location)},
				{month, time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, location)},
			} {
				start, _ := c.b.BucketOf(at.UnixMilli())
				if start == c.want.UnixMilli() {
					continue
				}
				// The clock was moved at midnight: it shows midnight earlier too, or never.
				got := time.UnixMilli(start).In(location)
				before := got.Add(-time.Millisecond)
				_, was := before.Zone()
				_, is := got.Zone()
				early := start < c.want.UnixMilli() && got.Hour() == 0 && got.Day() == c.want.Day()
				if gap := was < is && before.Day() != got.Day(); !gap && !early && was <= is {
					t.Fatalf("%s, %+v: begins %s, not %s", at, c.b, got, c.want)
				}
			}
		}
	}
}

func TestBucketsOfZones(t *testing.T) {
	const berlin, newYork, kolkata, lordHowe = "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"
	hours := func(h float64) Bucketing { return Bucketing{SizeMillis: int64(h * hourMillis)} }
	in := func(b Bucketing, zone, origin string) Bucketing {
		b.Zone = zone
		if origin != "" {
			b.OriginMillis = millis(t, origin)
		}
		return b
	}
	day, week, month := Bucketing{Days: 1}, Bucketing{Days: 7}, Bucketing{Months: 1}
	for _, c := range []struct {
		b              Bucketing
		at, start, end string
	}{
		// Summer begins 2024-03-31 at 02:00 and ends 2024-10-27 at 03:00.
		{in(day, berlin, ""), "2024-03-31T12:00:00Z", "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"},
		{in(day, berlin, ""), "2024-10-27T12:00:00Z", "2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z"},
		{in(hours(8), berlin, ""), "2024-03-31T01:00:00Z", "2024-03-30T23:00:00Z", "2024-03-31T06:00:00Z"},
		{in(hours(8), berlin, ""), "2024-10-27T01:30:00Z", "2024-10-26T22:00:00Z", "2024-10-27T07:00:00Z"},
		{in(hours(1), berlin, ""), "2024-10-27T00:30:00Z", "2024-10-27T00:00:00Z", "2024-10-27T01:00:00Z"},
		{in(hours(1), berlin, ""), "2024-10-27T01:30:00Z", "2024-10-27T01:00:00Z", "2024-10-27T02:00:00Z"},
		{in(hours(2), berlin, ""), "2024-03-31T01:30:00Z", "2024-03-31T01:00:00Z", "2024-03-31T02:00:00Z"}, // 02:00 is in the gap
		{in(hours(2), berlin, ""), "2024-10-27T01:30:00Z", "2024-10-27T00:00:00Z", "2024-10-27T03:00:00Z"}, // 02:00 comes twice
		{in(day, berlin, "2024-01-01T05:00:00Z"), "2024-06-01T03:30:00Z", "2024-05-31T04:00:00Z", "2024-06-01T04:00:00Z"},
		{in(week, berlin, ""), "2024-03-30T12:00:00Z", "2024-03-27T23:00:00Z", "2024-04-03T22:00:00Z"}, // Thursdays
		{in(week, berlin, "2024-01-01T00:00:00+01:00"), "2024-03-30T12:00:00Z", "2024-03-24T23:00:00Z", "2024-03-31T22:00:00Z"},
		{in(month, berlin, ""), "2024-03-15T00:00:00Z", "2024-02-29T23:00:00Z", "2024-03-31T22:00:00Z"},
		{in(day, newYork, ""), "2024-03-10T12:00:00Z", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z"},
		{in(day, newYork, ""), "2024-11-03T12:00:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"},
		{in(hours(8), newYork, ""), "2024-03-10T06:00:00Z", "2024-03-10T05:00:00Z", "2024-03-10T12:00:00Z"},
		{in(day, kolkata, ""), "2024-06-01T00:00:00Z", "2024-05-31T18:30:00Z", "2024-06-01T18:30:00Z"},
		{in(hours(1), kolkata, ""), "2024-06-01T00:00:00Z", "2024-05-31T23:30:00Z", "2024-06-01T00:30:00Z"},
		{in(hours(6), kolkata, ""), "2024-06-01T00:00:00Z", "2024-05-31T18:30:00Z", "2024-06-01T00:30:00Z"},
		// +10:30, in summer +11: ends 2024-04-07 at 02:00 (15:00 UTC), begins 2024-10-06 at 02:00 (15:30 UTC).
		{in(day, lordHowe, ""), "2024-04-06T20:00:00Z", "2024-04-06T13:00:00Z", "2024-04-07T13:30:00Z"},
		{in(day, lordHowe, ""), "2024-10-05T20:00:00Z", "2024-10-05T13:30:00Z", "2024-10-06T13:00:00Z"},
		{in(hours(1), lordHowe, ""), "2024-04-06T14:45:00Z", "2024-04-06T14:00:00Z", "2024-04-06T15:00:00Z"},
		{in(hours(1), lordHowe, ""), "2024-04-06T15:15:00Z", "2024-04-06T15:00:00Z", "2024-04-06T15:30:00Z"}, // cut: the clock goes back half an hour
		{in(hours(1), lordHowe, ""), "2024-04-06T15:45:00Z", "2024-04-06T15:30:00Z", "2024-04-06T16:30:00Z"},
		{in(hours(1), lordHowe, ""), "2024-10-05T15:45:00Z", "2024-10-05T15:30:00Z", "2024-10-05T16:00:00Z"},
		{in(hours(0.5), lordHowe, ""), "2024-04-06T15:15:00Z", "2024-04-06T15:00:00Z", "2024-04-06T15:30:00Z"},
		{in(day, "Pacific/Apia", ""), "2011-12-30T12:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"}, // 2011-12-30 was left out
		{in(day, "Pacific/Apia", ""), "2011-12-30T09:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{in(day, "America/Santiago", ""), "2024-09-08T12:00:00Z", "2024-09-08T04:00:00Z", "2024-09-09T03:00:00Z"}, // midnight is in the gap
		{in(day, "America/Havana", ""), "2024-11-03T12:00:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"},   // midnight comes twice
		// From the 31st: shorter months from their last day.
		{in(month, "", "2024-01-31T00:00:00Z"), "2024-02-28T00:00:00Z", "2024-01-31T00:00:00Z", "2024-02-29T00:00:00Z"},
		{in(month, "", "2024-01-31T00:00:00Z"), "2024-03-01T00:00:00Z", "2024-02-29T00:00:00Z", "2024-03-31T00:00:00Z"},
		{in(month, "", "2024-01-31T00:00:00Z"), "2023-03-01T00:00:00Z", "2023-02-28T00:00:00Z", "2023-03-31T00:00:00Z"},
		{in(month, berlin, "2024-01-31T00:00:00+01:00"), "2024-04-30T00:00:00Z", "2024-04-29T22:00:00Z", "2024-05-30T22:00:00Z"},
		{Bucketing{Months: 3}, "2024-06-30T23:59:59Z", "2024-04-01T00:00:00Z", "2024-07-01T00:00:00Z"},
		{Bucketing{Months: 12}, "1969-06-30T00:00:00Z", "1969-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		// Rules go on for ever.
		{in(day, berlin, ""), "2900-07-01T12:00:00Z", "2900-06-30T22:00:00Z", "2900-07-01T22:00:00Z"},
	} {
		start, end := c.b.BucketOf(millis(t, c.at))
		if start != millis(t, c.start) || end != millis(t, c.end) {
			t.Errorf("%+v of %s: [%s, %s), want [%s, %s)", c.b, c.at, time.UnixMilli(start).UTC(), time.UnixMilli(end).UTC(), c.start, c.end)
		}
	}
}

func millis(t *testing.T, at string) int64 {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.UnixMilli()
}

func TestNewBucketing(t *testing.T) {
	for _, c := range []struct {
		months, days int32
		nanos        int64
		zone         string
		want         string
	}{
		{0, 0, 0, "", "it is not longer than nothing"},
		{0, -1, 0, "", "it is negative"},
		{1, 1, 0, "", "it mixes months with smaller parts; take months alone, or days and time"},
		{0, 0, 1_500_000, "", "it is not a whole number of milliseconds"},
		{0, 1, hourMillis * nanosPerMilli, "Europe/Berlin", "it mixes days, which last 23 to 25 hours in a time zone, with smaller parts; take days alone, or hours"},
		{0, 1, 0, "Europe/Nowhere", "there is no time zone 'Europe/Nowhere'; take an IANA name such as 'Europe/Berlin' or 'UTC'"},
		{0, 1, 0, "Local", "there is no time zone 'Local'; take an IANA name such as 'Europe/Berlin' or 'UTC'"},
		{0, 1, 0, "../../etc/passwd", "there is no time zone '../../etc/passwd'; take an IANA name such as 'Europe/Berlin' or 'UTC'"},
	} {
		if _, err := NewBucketing(c.months, c.days, c.nanos, c.zone, 0); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []struct {
		months, days int32
		nanos        int64
		zone         string
		want         Bucketing
	}{
		{0, 1, hourMillis * nanosPerMilli, "UTC", Bucketing{SizeMillis: 25 * hourMillis, OriginMillis: 5}},
		{0, 7, 0, "Europe/Berlin", Bucketing{Days: 7, Zone: "Europe/Berlin", OriginMillis: 5}},
		{2, 0, 0, "", Bucketing{Months: 2, OriginMillis: 5}},
	} {
		if got, err := NewBucketing(c.months, c.days, c.nanos, c.zone, 5); got != c.want || err != nil {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
}

func BenchmarkBucketOf(b *testing.B) {
	for name, bucketing := range map[string]Bucketing{
		"fixed": {SizeMillis: dayMillis}, "day in a zone": {Days: 1, Zone: "Europe/Berlin"},
		"month": {Months: 1}, "month in a zone": {Months: 1, Zone: "Europe/Berlin"}, "hour in a zone": {SizeMillis: hourMillis, Zone: "Europe/Berlin"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			at := int64(1_700_000_000_000)
			for b.Loop() {
				start, _ := bucketing.BucketOf(at)
				at += (start & 0xffff) + 10_000_000
				at &= 1<<41 - 1
			}
		})
	}
}
