package jobs

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/partition"
)

// A writer asks for the state of a rollup that is new, while the change of a state waits for writers to end.
func TestTheStateOfANewRollupWaitsForNoChange(t *testing.T) {
	f := newFake(false)
	r, err := newRollups(f, clock.NewManual(time.UnixMilli(0)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	of := f.Rollups()[0].Table
	err = r.Advance(of, func(s *State) {
		other := *of
		other.ID[0]++
		if _, err := r.State(&other); err != nil {
			t.Error(err)
		}
		s.BuiltFrom = 7
	}, Answer{})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := r.State(of); err != nil || s.BuiltFrom != 7 {
		t.Errorf("%v %v", s, err)
	}
}

// A range of windows is made of whole ones, holds the time it begins with, and is about as long as it should be, at the ends of time too.
func TestWindowsFromAreWhole(t *testing.T) {
	steps := []partition.Bucketing{{SizeMillis: 60_000}, {SizeMillis: 1, OriginMillis: 7}, {Days: 1, Zone: "Europe/Berlin"}, {Months: 1}, {Months: 12, Zone: "America/New_York"}}
	rapid.Check(t, func(r *rapid.T) {
		of := downsample.Definition{Step: rapid.SampledFrom(steps).Draw(r, "step")}
		ms := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1e13, 1e13), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64 - 1, math.MaxInt64})).Draw(r, "time")
		count := rapid.Int64Range(1, 1000).Draw(r, "count")
		out := WindowsFrom(&of, ms, count, math.MaxInt64)
		first := of.WindowOf(ms)
		if out.Start != first.Start || out.End < first.End {
			r.Fatalf("%d windows from %d are %v; the first is %v", count, ms, out, first)
		}
		if out.End == math.MaxInt64 {
			return
		}
		last := of.WindowOf(out.End - 1)
		if last.End != out.End {
			r.Fatalf("%d windows from %d are %v; the last is %v", count, ms, out, last)
		}
		// The first window may be cut where time begins.
		if n := float64(out.End-out.Start) / float64(max(first.End-first.Start, last.End-last.Start)); n > 1.2*float64(count)+2 {
			r.Fatalf("%d windows from %d are %v: %v of them", count, ms, out, n)
		}
		if limited := WindowsFrom(&of, ms, count, first.End); limited != first {
			r.Fatalf("up to the end of the first one: %v, not %v", limited, first)
		}
	})
}
