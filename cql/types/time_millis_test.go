package types

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// FirstAt is the border between the values that are earlier than a time and those that are not.
func TestFirstAtIsTheBorder(t *testing.T) {
	kinds := []struct {
		of    *Type
		units []int64
	}{
		{Timestamp, []int64{0}}, {TimeUUID, []int64{0}}, {Date, []int64{0}},
		{Bigint, []int64{0, 1, 1000, 1_000_000, 1_000_000_000}}, {Int, []int64{1, 1000, 1_000_000, 1_000_000_000}},
	}
	rapid.Check(t, func(rt *rapid.T) {
		k := rapid.SampledFrom(kinds).Draw(rt, "type")
		unit := rapid.SampledFrom(k.units).Draw(rt, "unit")
		ms := rapid.Int64Range(-1e13, 1e13).Draw(rt, "ms")
		first, ok := FirstAt(k.of, ms, unit)
		if !ok {
			return
		}
		at, timed := TimeMillis(k.of, first, unit)
		if !timed || at < ms {
			rt.Fatalf("FirstAt(%s, %d, %d) is of %d", k.of, ms, unit, at)
		}
		other := drawTime(rt, k.of, ms)
		when, timed := TimeMillis(k.of, other, unit)
		if !timed {
			rt.Fatalf("%s %x has no time", k.of, other)
		}
		if (k.of.Compare(other, first) >= 0) != (when >= ms) {
			rt.Fatalf("%s: %x of %d lies on the wrong side of %x, the first at %d", k.of, other, when, first, ms)
		}
		sortable, _ := SortableTimeMillis(k.of, k.of.AppendSortable(nil, other), unit)
		if sortable != when {
			rt.Fatalf("%s %x is of %d, and of %d by its sortable bytes", k.of, other, when, sortable)
		}
	})
	for _, of := range []*Type{Timestamp, Date, TimeUUID, Bigint, Int, Text} {
		if _, ok := TimeMillis(of, []byte{}, 1); ok {
			t.Errorf("the empty %s has a time", of)
		}
	}
}

// drawTime draws a value that mostly lies near a time, as far as its type allows.
func drawTime(rt *rapid.T, of *Type, ms int64) []byte {
	near := ms + rapid.Int64Range(-3, 3).Draw(rt, "near")
	switch of {
	case Timestamp:
		return AppendBigint(nil, near)
	case TimeUUID:
		return AppendTimeUUID(nil, max(near, gregorianMillis), uint16(rapid.IntRange(0, 9999).Draw(rt, "ticks")), rapid.Uint64().Draw(rt, "node"))
	case Date:
		day := ms/millisPerDay + rapid.Int64Range(-2, 2).Draw(rt, "day")
		return AppendDate(nil, int32(max(math.MinInt32, min(math.MaxInt32, day))))
	case Int:
		return AppendInt(nil, rapid.Int32().Draw(rt, "int"))
	}
	return AppendBigint(nil, rapid.Int64Range(near*1_000_000-2_000_000, near*1_000_000+2_000_000).Draw(rt, "ns"))
}
