package schema

import (
	"math"

	"github.com/eskerdb/esker/partition"
)

// EpochOf tells which step of the table's buckets made a range of event time [start, end), milliseconds since 1970: the
// number of the newest of whose buckets both ends are boundaries. ok is false if it is none's, such as that of a hand-made file.
func (b *TimeBucket) EpochOf(start, end int64) (epoch int, ok bool) {
	if isBoundary(b.Bucketing(), start) && isBoundary(b.Bucketing(), end) {
		return b.Epoch, true
	}
	for back := 1; back <= len(b.Former); back++ {
		if step := b.Former[len(b.Former)-back]; isBoundary(step, start) && isBoundary(step, end) {
			return b.Epoch - back, true
		}
	}
	return 0, false
}

// isBoundary reports whether a bucket begins at a time. The ends of time are boundaries of every step: buckets are cut there.
func isBoundary(step partition.Bucketing, ms int64) bool {
	if ms == math.MinInt64 || ms == math.MaxInt64 {
		return true
	}
	start, _ := step.BucketOf(ms)
	return start == ms
}
