package jobs

import (
	"errors"
	"math"
	"testing"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
)

// What is dirty is settled while rows come late all the time, with marks in memory and without.
func TestSettlingEndsThoughRowsComeLate(t *testing.T) {
	for _, known := range []bool{true, false} {
		f := newFake(false)
		f.marksAtOnce = 3
		r, _ := start(t, f)
		const n = 20
		for i := range int64(n) {
			f.put(r, 1, (10+3*i)*hour, 1)
		}
		r.held.unknown = !known
		late := int32(100)
		f.afterPin = func() {
			f.put(r, late, 50*hour, 1)
			late++
		}
		if err := r.SettleTree(&f.rollup); err != nil {
			t.Fatal(err)
		}
		if got := len(f.rolledUp()); got < n {
			t.Errorf("%d windows of %d are computed", got, n)
		}
		f.afterPin = nil
		r.held.unknown = true
		mustSettle(t, r)
		checkRollup(t, f)
		if len(f.marks) != 0 {
			t.Errorf("marks are left: %v", f.marks)
		}
	}
}

// A mark that takes many rounds is settled to its end.
func TestSettlingLeavesNothingOfLongMarks(t *testing.T) {
	f := newFake(false)
	r, clk := start(t, f)
	clk.Set(clk.Now().AddDate(20, 0, 0))
	f.fill(r, keyOf(1), 0, (roundRowsMax+100)*hour, hour)
	f.fill(r, keyOf(2), 0, 3*hour, hour)
	if err := r.SettleTree(&f.rollup); err != nil {
		t.Fatal(err)
	}
	checkRollup(t, f)
	if len(f.marks) != 0 {
		t.Errorf("marks are left: %v", f.marks)
	}
}

// Errors of other rollups do not matter; those of the own do.
func TestSettlingTellsOfTheRollupAlone(t *testing.T) {
	f := newFake(false)
	broken := tables(false)
	broken.Table.ID, broken.Table.Name = mutation.TableID{0}, "broken" // it comes first
	broken.Table.Rollup.Aggregates[0].Source = "gone"
	f.others = []Rollup{broken}
	r, _ := start(t, f)
	f.put(r, 1, 50*hour, 1)
	m := Mark{Rollup: broken.Table.ID, Base: keyOf(1), Window: downsample.Window{Start: math.MinInt64, End: 60 * hour}}
	f.marks[m.name()] = 1
	r.Marked(m, 1)
	if err := r.SettleTree(&f.rollup); err != nil {
		t.Errorf("%v", err)
	}
	checkRollup(t, f)
	if err := r.SettleTree(&broken); err == nil {
		t.Error("the error of the rollup itself is not told")
	}
	close(r.stop)
	if err := r.SettleTree(&broken); !errors.Is(err, ErrStopped) {
		t.Errorf("stopped: %v", err)
	}
}

// Of rollups that are gone nothing is kept, and nobody notes new marks for a seal that was not decided.
func TestDroppedRollupsAreForgotten(t *testing.T) {
	f := newFake(false)
	f.rollup.Table.Rollup.LatenessMillis = 10 * hour
	r, _ := start(t, f)
	f.put(r, 1, 50*hour, 1)
	for range 2 { // the second round can seal nothing: a mark stands
		if _, err := r.round(map[mutation.TableID]bool{f.rollup.Table.ID: true}, marksMax, true); err != nil {
			t.Fatal(err)
		}
		if r.held.since != nil {
			t.Error("marks are noted though nobody asks")
		}
	}
	mustSettle(t, r)
	if f.status(t, r).State.SealedUntil == math.MinInt64 {
		t.Error("nothing is sealed")
	}
	f.gone = true
	mustSettle(t, r)
	if len(r.states)+len(r.tallies)+len(r.seen) != 0 {
		t.Errorf("%d states, %d tallies", len(r.states), len(r.tallies))
	}
}

// The time a window waits is as long as a time can be, not less than none.
func TestLagIsTheLongestThereIs(t *testing.T) {
	f := newFake(false)
	r, _ := start(t, f)
	f.put(r, 1, math.MinInt64/2, 1)
	if s := f.status(t, r); s.Lag != math.MaxInt64 || s.DirtyWindows != 1 {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct{ from, to, want int64 }{{5, 5, 0}, {6, 5, 0}, {5, 7, 2_000_000}, {math.MinInt64 + 1, math.MaxInt64, math.MaxInt64}} {
		if got := between(c.from, c.to); int64(got) != c.want {
			t.Errorf("from %d to %d: %d", c.from, c.to, got)
		}
	}
}
