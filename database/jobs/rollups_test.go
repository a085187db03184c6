package jobs

import (
	"errors"
	"github.com/eskerdb/esker/mutation"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustSettle(t testing.TB, r *Rollups) {
	t.Helper()
	if err := r.Settle(); err != nil {
		t.Fatal(err)
	}
}

func checkRollup(t testing.TB, f *fake) {
	t.Helper()
	if got, want := f.rolledUp(), f.expected(); !slices.Equal(got, want) {
		t.Errorf("rollup\n%q\nwant\n%q", got, want)
	}
}

func TestClosedWindowsAreComputedAndOpenOnesWait(t *testing.T) {
	f := newFake(false)
	r, clk := start(t, f)
	f.put(r, 1, 99*hour+5, 3)
	f.put(r, 1, 99*hour+7, 4)
	f.put(r, 1, 100*hour+1, 5) // the window under way
	mustSettle(t, r)
	if got := f.rolledUp(); len(got) != 1 || got[0] != "00000001 99 count_v=2 sum_v=7 first_v=3 last_v=4" {
		t.Errorf("rollup %q", got)
	}
	if s := f.status(t, r); s.DirtyWindows != 0 || len(f.marks) != 1 {
		t.Errorf("%+v, marks %v: an open window is marked, and not dirty yet", s, f.marks)
	}
	clk.Advance(time.Hour)
	mustSettle(t, r)
	checkRollup(t, f)
	if s := f.status(t, r); s.DirtyWindows != 0 || s.LastError != nil || len(f.marks) != 0 {
		t.Errorf("%+v dirty, marks %v", s, f.marks)
	}
}

func TestCoveredMarksAreLeftOutUntilTheyArePinned(t *testing.T) {
	f := newFake(false)
	r, _ := start(t, f)
	m := Mark{Rollup: f.rollup.Table.ID, Base: keyOf(1), Window: downsample.WindowOf(99*hour, hour)}
	covered := func() bool { return r.Cover.Has(m.Rollup, m.Base.Key, m.Window.Start, m.Window.End-1) }
	if covered() {
		t.Error("covered before it was written")
	}
	f.put(r, 1, 99*hour, 5)
	if !covered() {
		t.Error("not covered though it stands")
	}
	f.afterPin = func() {
		f.afterPin = nil
		if covered() {
			t.Error("covered though a recomputation has its View")
		}
		f.put(r, 1, 99*hour+1, 6)
		if !covered() {
			t.Error("not covered though it was written again")
		}
	}
	if _, err := r.round(map[mutation.TableID]bool{}, marksMax, true); err != nil {
		t.Fatal(err)
	}
	if !covered() || len(f.marks) != 1 || len(r.held.marks) != 1 {
		t.Errorf("cleared though it was written after the View: %v", f.marks)
	}
	mustSettle(t, r)
	if covered() || len(f.marks) != 0 || len(r.held.marks) != 0 || r.held.bytes != 0 {
		t.Errorf("not cleared: %v", f.marks)
	}
	checkRollup(t, f)
}

// TestWritesDuringARecomputationAreNotLost (law 7).
func TestWritesDuringARecomputationAreNotLost(t *testing.T) {
	f := newFake(false)
	r, _ := start(t, f)
	f.put(r, 1, 50*hour, 1)
	rounds := 0
	f.afterPin = func() {
		if rounds++; rounds <= 3 {
			f.put(r, 1, 50*hour+int64(rounds), 10)
			f.put(r, 1, 50*hour+int64(rounds)+100, 10) // covered by the mark of the one before
		}
	}
	for range 5 { // the ticker may have run rounds too
		mustSettle(t, r)
	}
	checkRollup(t, f)
	if len(f.marks) != 0 {
		t.Errorf("marks are left: %v", f.marks)
	}
}

func TestErrorsAreReportedAndTriedAgain(t *testing.T) {
	f := newFake(false)
	r, _ := start(t, f)
	f.failing = func() error { return errDisk }
	f.put(r, 1, 50*hour, 1)
	if err := r.Settle(); !errors.Is(err, errDisk) {
		t.Fatalf("got %v", err)
	}
	if s := f.status(t, r); !errors.Is(s.LastError, errDisk) || s.DirtyWindows != 1 {
		t.Errorf("%+v", s)
	}
	f.put(r, 1, 50*hour+1, 2) // covered again: the mark stands in the store
	f.failing = nil
	mustSettle(t, r)
	checkRollup(t, f)
	if s := f.status(t, r); s.LastError != nil || s.DirtyWindows != 0 {
		t.Errorf("%+v", s)
	}
}

func TestMarksOfTheLastRunAreAnswered(t *testing.T) {
	f := newFake(false)
	r, _ := start(t, f)
	f.failing = func() error { return errDisk }
	f.put(r, 1, 50*hour, 1)
	f.put(r, 2, 50*hour, 2)
	if err := r.Settle(); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	if len(f.marks) != 2 {
		t.Fatalf("marks %v", f.marks)
	}
	f.failing = nil
	r, _ = start(t, f)
	mustSettle(t, r)
	checkRollup(t, f)
	if len(f.marks) != 0 {
		t.Errorf("marks are left: %v", f.marks)
	}
}

// TestDeletionsMarkRanges: a mark may cover any range of time; vanished windows lose their row, and those
// that are still open wait.
func TestDeletionsMarkRanges(t *testing.T) {
	for _, desc := range []bool{false, true} {
		f := newFake(desc)
		r, clk := start(t, f)
		for i := range int64(10) {
			f.put(r, 1, (50+i)*hour, int32(i))
		}
		mustSettle(t, r)
		checkRollup(t, f)
		all := downsample.Window{Start: math.MinInt64, End: math.MaxInt64}
		some := downsample.Window{Start: 52 * hour, End: 55 * hour}
		for i := int64(2); i < 5; i++ {
			f.write(r, 1, (50+i)*hour, nil, some)
		}
		mustSettle(t, r)
		checkRollup(t, f)
		value := int32(5)
		f.write(r, 1, 100*hour+1, &value, all) // the range is all that marks the window under way
		f.write(r, 1, 59*hour, nil, all)
		mustSettle(t, r)
		if rows := strings.Join(f.rolledUp(), "\n"); strings.Contains(rows, " 100 ") || strings.Contains(rows, " 59 ") || len(f.marks) != 1 {
			t.Errorf("rollup\n%s\nmarks %v", rows, f.marks)
		}
		clk.Advance(time.Hour)
		mustSettle(t, r)
		checkRollup(t, f)
		if len(f.marks) != 0 {
			t.Errorf("marks are left: %v", f.marks)
		}
	}
}

func TestManyWindowsAreManyRecords(t *testing.T) {
	f := newFake(false)
	r, clk := start(t, f)
	clk.Set(time.UnixMilli(0)) // nothing is closed yet
	const n = 3*marksMax + 7
	for i := range int64(n) {
		f.put(r, 1, (1000+i)*hour, 1)
	}
	all := downsample.Window{Start: math.MinInt64, End: math.MaxInt64}
	value := int32(1)
	f.write(r, 1, 1000*hour, &value, all)
	clk.Set(time.UnixMilli(10_000 * hour))
	mustSettle(t, r)
	checkRollup(t, f)
	if len(f.rolledUp()) != n || len(f.marks) != 0 {
		t.Errorf("%d rows, %d marks", len(f.rolledUp()), len(f.marks))
	}
	for _, size := range f.applied {
		if size > recordRowsMax {
			t.Errorf("a record of %d rows", size)
		}
	}
}

// TestTheSchedulerWorksByItself until it is closed.
func TestTheSchedulerWorksByItself(t *testing.T) {
	f := newFake(false)
	done := make(chan struct{})
	f.afterPin = func() { close(done) }
	r, err := StartRollups(f, clock.NewManual(time.UnixMilli(100*hour)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f.put(r, 1, 50*hour, 1)
	<-done
	if err := r.Exclude(func() error { return nil }); err != nil { // waits for the round
		t.Fatal(err)
	}
	checkRollup(t, f)
	r.Close()
	if err := r.Settle(); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

func TestExcludeKeepsRoundsOut(t *testing.T) {
	f := newFake(false)
	r, _ := start(t, f)
	f.put(r, 1, 50*hour, 1)
	settled := make(chan error)
	err := r.Exclude(func() error {
		go func() { settled <- r.Settle() }()
		for range 100 {
			runtime.Gosched()
		}
		if len(f.rolledUp()) != 0 {
			t.Error("a round ran meanwhile")
		}
		return errDisk
	})
	if !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	if err := <-settled; err != nil {
		t.Error(err)
	}
	checkRollup(t, f)
}

func TestMarksOfDroppedRollupsAreForgotten(t *testing.T) {
	f := newFake(false)
	r, _ := start(t, f)
	for i := range int64(marksMax + 5) {
		f.put(r, 1, i*hour, 1)
	}
	f.gone = true
	mustSettle(t, r)
	if s := f.status(t, r); s.DirtyWindows != 0 || len(f.marks) != 0 || len(f.applied) != 2 || len(f.rolledUp()) != 0 {
		t.Errorf("%+v, %d marks are left, %d records", s, len(f.marks), len(f.applied))
	}
}

// TestMarksOfNewRollupsStay: a rollup that was made after the round had read the schema is not taken for a dropped one.
func TestMarksOfNewRollupsStay(t *testing.T) {
	f := newFake(false)
	r, _ := start(t, f)
	f.put(r, 1, 50*hour, 1)
	if err := r.clearOrphans(nil); err != nil {
		t.Fatal(err)
	}
	if len(f.marks) != 1 || f.status(t, r).DirtyWindows != 1 {
		t.Errorf("marks %v", f.marks)
	}
	mustSettle(t, r)
	checkRollup(t, f)
}

// TestRollupsFollowAnyInterleaving: writes and deletions before, during and after recomputations that
// sometimes fail, restarts in between; at the end the rollup is the aggregate of the rows.
func TestRollupsFollowAnyInterleaving(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFake(rapid.Bool().Draw(t, "desc"))
		f.marksAtOnce = rapid.IntRange(0, 3).Draw(t, "marks at once")
		limits := Limits{
			HeldBytesMax:  rapid.SampledFrom([]int64{0, 1, 2 * heldEntryBytes, 3 * heldEntryBytes}).Draw(t, "held"),
			CoverBytesMax: rapid.SampledFrom([]int64{0, 1, 2 * coverEntryBytes}).Draw(t, "cover"),
		}
		clk := clock.NewManual(time.UnixMilli(100 * hour))
		r, err := newRollups(f, clk, limits)
		if err != nil {
			t.Fatal(err)
		}
		change := func() {
			k, millis := rapid.Int32Range(1, 3).Draw(t, "k"), 98*hour+rapid.Int64Range(0, 3*hour).Draw(t, "ts")
			if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
				window := rapid.SampledFrom([]downsample.Window{
					downsample.WindowOf(millis, hour), {Start: math.MinInt64, End: math.MaxInt64}, {Start: 98 * hour, End: 102 * hour},
				}).Draw(t, "range")
				f.write(r, k, millis, nil, window)
				return
			}
			f.put(r, k, millis, rapid.Int32Range(-5, 5).Draw(t, "v"))
		}
		during, failures := 0, 0
		f.afterPin = func() {
			for ; during > 0; during-- {
				change()
			}
		}
		f.failing = func() error {
			if failures > 0 {
				failures--
				return errDisk
			}
			return nil
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				clk.Advance(20 * time.Minute)
			case 1:
				during, failures = rapid.IntRange(0, 3).Draw(t, "during"), rapid.IntRange(0, 2).Draw(t, "failures")
				if err := r.Settle(); err != nil && !errors.Is(err, errDisk) {
					t.Fatal(err)
				}
				during, failures = 0, 0
			case 2: // a restart: only what is in the store is known
				var err error
				if r, err = newRollups(f, clk, limits); err != nil {
					t.Fatal(err)
				}
			default:
				change()
			}
		}
		clk.Advance(1000 * time.Hour)
		if err := r.Settle(); err != nil {
			t.Fatal(err)
		}
		if got, want := f.rolledUp(), f.expected(); !slices.Equal(got, want) {
			t.Fatalf("rollup\n%q\nwant\n%q", got, want)
		}
		if len(f.marks) != 0 {
			t.Fatalf("marks are left: %v", f.marks)
		}
	})
}

// TestMemoryIsBounded however many marks stand: those that are not held are found again in their table.
func TestMemoryIsBounded(t *testing.T) {
	const (
		n    = 500
		most = 20
	)
	for _, open := range []bool{false, true} {
		f := newFake(false)
		limits := Limits{HeldBytesMax: most * heldEntryBytes, CoverBytesMax: most * coverEntryBytes}
		clk := clock.NewManual(time.UnixMilli(100 * hour))
		if open {
			clk.Set(time.UnixMilli(0))
		}
		var r *Rollups
		restart := func() {
			var err error
			if r, err = newRollups(f, clk, limits); err != nil {
				t.Fatal(err)
			}
		}
		check := func() {
			if got := len(r.held.marks); got > most {
				t.Fatalf("%d marks in memory", got)
			}
			if got := len(r.Cover.ranges); got > most {
				t.Fatalf("%d partitions are known", got)
			}
			if want := r.held.recount(); r.held.bytes != want {
				t.Fatalf("%d bytes are counted, %d taken", r.held.bytes, want)
			}
		}
		restart()
		for i := range int32(n) {
			f.put(r, i, 50*hour+int64(i), i)
			check()
		}
		if s := f.status(t, r); s.Waiting != n || (s.DirtyWindows == n) == open {
			t.Errorf("%+v of %d marks", s, n)
		}
		if open {
			mustSettle(t, r)
			if len(f.rolledUp()) > 0 {
				t.Fatal("open windows were computed")
			}
			check()
			clk.Set(time.UnixMilli(100 * hour))
		}
		f.afterPin = check
		if restart(); f.status(t, r).DirtyWindows == 0 {
			t.Error("what is not known yet is not told")
		}
		mustSettle(t, r)
		checkRollup(t, f)
		if s := f.status(t, r); s.DirtyWindows != 0 || s.Waiting != 0 || len(f.marks) != 0 {
			t.Errorf("%+v, %d marks are left", s, len(f.marks))
		}
	}
}

// recount is the memory that marks take.
func (h *heldMarks) recount() (n int64) {
	for m := range h.marks {
		n += m.bytes()
	}
	return n
}

// TestErrorsOfOneRollupDoNotStopOthers: it is tried again after a while, and later and later.
func TestErrorsOfOneRollupDoNotStopOthers(t *testing.T) {
	f := newFake(false)
	broken := tables(false)
	broken.Table.ID, broken.Table.Name = mutation.TableID{0}, "broken" // it comes first
	broken.Table.Rollup.Aggregates[0].Source = "gone"
	f.others = []Rollup{broken}
	r, clk := start(t, f)
	f.put(r, 1, 50*hour, 1)
	r.Marked(Mark{Rollup: broken.Table.ID, Base: keyOf(1), Window: downsample.WindowOf(50*hour, hour)}, 1)
	r.catchUp()
	checkRollup(t, f)
	if s := f.status(t, r); s.DirtyWindows != 0 || s.LastError != nil {
		t.Errorf("%+v", s)
	}
	s, err := r.Status(&broken)
	if err != nil || s.DirtyWindows != 1 || s.LastError == nil || !strings.Contains(s.LastError.Error(), "broken") {
		t.Errorf("%+v, %v", s, err)
	}
	tries := 0
	f.afterPin = func() { tries++ }
	for range 3600 {
		clk.Advance(time.Second)
		r.catchUp()
	}
	if tries < 10 || tries > 30 {
		t.Errorf("tried %d times in an hour", tries)
	}
	broken.Table.Rollup.Aggregates[0].Source = "v"
	mustSettle(t, r)
	if s, err := r.Status(&broken); err != nil || s.DirtyWindows != 0 || s.LastError != nil {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestTheNewestWindowsComeFirst, and the oldest now and then.
func TestTheNewestWindowsComeFirst(t *testing.T) {
	f := newFake(false)
	r, clk := start(t, f)
	clk.Set(time.UnixMilli(0))
	const n = 2 * oldestEvery * marksMax
	for i := range int64(n) {
		f.put(r, int32(i%500), (1000+3*i)*hour, 1) // apart from each other
	}
	clk.Set(time.UnixMilli(100_000 * hour))
	newest, oldest := 0, 0
	for range oldestEvery {
		before := len(f.rolledUp())
		if _, err := r.round(map[mutation.TableID]bool{}, marksMax, true); err != nil {
			t.Fatal(err)
		}
		if len(f.rolledUp()) != before+marksMax {
			t.Fatalf("%d rows more", len(f.rolledUp())-before)
		}
		if _, there := r.held.marks[name{f.rollup.Table.ID, string(keyOf(0).Key), downsample.WindowOf(1000*hour, hour)}]; !there {
			oldest++
			break
		}
		newest++
	}
	if newest != oldestEvery-1 || oldest != 1 {
		t.Errorf("%d rounds with the newest before one with the oldest", newest)
	}
}
