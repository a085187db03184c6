package schema

import (
	"math"
	"testing"

	"github.com/eskerdb/esker/partition"
)

// A range is of the newest step that both its ends are boundaries of.
func TestEpochOf(t *testing.T) {
	const hour = int64(3_600_000)
	step := func(hours int64) partition.Bucketing { return partition.Bucketing{SizeMillis: hours * hour} }
	b := &TimeBucket{SizeMillis: 6 * hour, Epoch: 2, Former: []partition.Bucketing{step(24), step(5)}}
	for _, c := range []struct {
		start, end int64
		epoch      int
		ok         bool
	}{
		{0, 6 * hour, 2, true},
		{0, 24 * hour, 2, true}, // four buckets of the newest
		{24 * hour, 48 * hour, 2, true},
		{5 * hour, 10 * hour, 1, true},
		{0, 5 * hour, 1, true},
		{0, 30 * hour, 2, true},
		{7 * hour, 8 * hour, 0, false},
		{6 * hour, math.MaxInt64, 2, true},
		{math.MinInt64, 5 * hour, 1, true},
		{-5 * hour, 0, 1, true},
	} {
		if epoch, ok := b.EpochOf(c.start, c.end); epoch != c.epoch || ok != c.ok {
			t.Errorf("[%d h, %d h): epoch %d, %t; want %d, %t", c.start/hour, c.end/hour, epoch, ok, c.epoch, c.ok)
		}
	}
	oldest := &TimeBucket{SizeMillis: 7 * hour, Epoch: 2, Former: []partition.Bucketing{step(24), step(5)}}
	if epoch, ok := oldest.EpochOf(24*hour, 48*hour); epoch != 0 || !ok {
		t.Errorf("a day of the first step: %d, %t", epoch, ok)
	}
}
