package planner

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
)

// Steps hold their times, touch, and are found as fast for times that no calendar knows.
func TestStepsHoldTheirTimesAndTouch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		months, days := rapid.Int32Range(0, 30).Draw(t, "months"), rapid.Int32Range(0, 40).Draw(t, "days")
		nanos := rapid.SampledFrom([]int64{0, 1_000_000, 3_600_000_000_000}).Draw(t, "nanos")
		if months == 0 && days == 0 && nanos == 0 {
			days = 1
		}
		far := rapid.OneOf(rapid.Int64Range(-1e14, 1e14), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0, -1}), rapid.Int64())
		start := far.Draw(t, "start")
		step, err := floorStep(types.AppendDuration(nil, months, days, nanos), start, false, false)
		if err != nil {
			t.Fatal(err)
		}
		ms := far.Draw(t, "ms")
		low, high, err := step.Of(ms)
		if err != nil || low > ms || high < ms || high == ms && ms != math.MaxInt64 {
			t.Fatalf("%d is in [%d, %d), %v", ms, low, high, err)
		}
		if low == math.MinInt64 || high == math.MaxInt64 {
			return // cut
		}
		for _, at := range []int64{low, high - 1} {
			if l, h, _ := step.Of(at); l != low || h != high {
				t.Fatalf("%d is in [%d, %d), and %d in [%d, %d)", ms, low, high, at, l, h)
			}
		}
		if l, _, _ := step.Of(high); l != high {
			t.Fatalf("behind [%d, %d) comes one that begins at %d", low, high, l)
		}
	})
}

// A start refuses what is before it, and is a boundary.
func TestStepsFromAStart(t *testing.T) {
	step, err := floorStep(types.AppendDuration(nil, 1, 0, 0), 1_000, false, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := step.Of(999); err == nil {
		t.Error("a time before the start has a step")
	}
	if low, _, err := step.Of(1_000); low != 1_000 || err != nil {
		t.Errorf("the start is in the step that begins at %d, %v", low, err)
	}
}
