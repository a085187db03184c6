package jobs

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestChooseBucketSize(t *testing.T) {
	const minute, hour, day, kib, mib = minuteMillis, hourMillis, dayMillis, 1 << 10, 1 << 20
	now := int64(1000 * day)
	days := func(n int64, bytes int64) (out []BucketBytes) {
		for i := range n {
			out = append(out, BucketBytes{Start: now - (n-i)*day, End: now - (n-i-1)*day, Bytes: bytes})
		}
		return out
	}
	for _, tt := range []struct {
		name    string
		current int64
		buckets []BucketBytes
		want    int64
	}{
		{"nothing is known", day, nil, day},
		{"files of no range", day, []BucketBytes{{0, 0, 1 << 40}}, day},
		{"just right", day, days(10, 8*mib), day},
		{"three times too large", day, days(10, 24*mib), day},
		{"three times too small", day, days(10, 8*mib/3), day},
		{"four times too large", day, days(10, 33*mib), 6 * hour},
		{"a hundred times too large", day, days(10, 800*mib), 15 * minute},
		{"far too large", day, days(10, 1<<40), minute},
		{"far too small", day, days(10, 1), 30 * day},
		{"a week fits better than a month", day, days(10, mib), 7 * day},
		{"a change of size comes back", 15 * minute, days(10, 8*mib), day},
		{"the newest buckets decide", day, append(days(300, 800*mib)[:200], days(90, 8*mib)...), day},
		{"the open bucket says least", day, append(days(10, 8*mib), BucketBytes{now, now + day, 1 << 40}), day},
		{"but counts alone", day, []BucketBytes{{now - hour, now - hour + day, 80 * mib}}, 5 * minute},
		{"rows ahead of time count", day, []BucketBytes{{now + day, now + 2*day, 800 * mib}}, 15 * minute},
		{"ranges of several buckets", day, []BucketBytes{{now - 16*day, now, 16 * 8 * mib}}, day},
		{"ranges that overlap", day, append(days(2, 8*mib), BucketBytes{now - 2*day, now, 16 * mib}), day},
		{"a range beyond the integers", day, []BucketBytes{{math.MinInt64, math.MaxInt64, 1}, {now - day, now, 8 * mib}}, day},
		{"a few bytes in a minute", minute, []BucketBytes{{now - minute, now, 40 * kib}}, 6 * hour},
	} {
		if got := ChooseBucketSize(tt.current, 8*mib, tt.buckets, now); got != tt.want {
			t.Errorf("%s: %d minutes, want %d", tt.name, got/minute, tt.want/minute)
		}
	}
}

// What was chosen stays chosen while rows go on to come as they did, and is on the ladder.
func TestChosenBucketSizeStays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.SampledFrom(bucketSizes)
		var buckets []BucketBytes
		at := int64(0)
		for range rapid.IntRange(1, 100).Draw(r, "buckets") {
			at += rapid.Int64Range(0, 1e10).Draw(r, "gap")
			end := at + size.Draw(r, "size")
			buckets = append(buckets, BucketBytes{at, end, rapid.Int64Range(0, 1<<40).Draw(r, "bytes")})
		}
		target := rapid.Int64Range(64<<10, 1<<40).Draw(r, "target")
		now := at + rapid.Int64Range(-1e10, 1e10).Draw(r, "now")
		first := ChooseBucketSize(size.Draw(r, "current"), target, buckets, now)
		if !slices.Contains(bucketSizes, first) {
			r.Fatalf("%d", first)
		}
		if again := ChooseBucketSize(first, target, buckets, now); again != first {
			r.Fatalf("%d, and then %d", first, again)
		}
	})
}
