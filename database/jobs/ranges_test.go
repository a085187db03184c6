package jobs

import (
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
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
