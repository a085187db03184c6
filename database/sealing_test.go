package database

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/database/jobs"
)

// sealing is a world with a table and rollups by the hour and, on that, by the day, which seal windows after two days. Midnight is
// where a day begins; the clock stands at noon of that day.
func sealing(t *testing.T) (w *world, midnight time.Time) {
	w = newWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts))")
	midnight = w.clock.Now().Truncate(24 * time.Hour)
	w.clock.Set(midnight.Add(12 * time.Hour))
	w.run("CREATE ROLLUP h ON t AS SELECT k, floor(ts, 1h), count(v), sum(v) GROUP BY k, floor(ts, 1h) WITH lateness = {'grace': '10m', 'max': '2d'}",
		"CREATE ROLLUP d ON h AS SELECT k, floor(ts, 1d), count(v), sum(v) GROUP BY k, floor(ts, 1d) WITH lateness = {'max': '2d'}")
	w.caughtUp("h")
	w.caughtUp("d")
	return w, midnight
}

// caughtUp says that a rollup has nothing to catch up with.
func (w *world) caughtUp(name string) {
	w.t.Helper()
	if err := w.db.rollups.Advance(w.db.Schema().Table("ks", name), func(s *jobs.State) { s.BuiltFrom = -1 << 63 }, jobs.Answer{}); err != nil {
		w.t.Fatal(err)
	}
}

// sealedHours are until where the rollups are sealed, in hours behind a moment.
func (w *world) sealedHours(from time.Time) (text string) {
	w.t.Helper()
	w.still(func() { text = w.sealedUntil(from) }) // so that nothing is between decided and durable
	return text
}

func (w *world) sealedUntil(from time.Time) string {
	w.t.Helper()
	var out []string
	for _, name := range []string{"h", "d"} {
		r := w.db.Schema().Table("ks", name)
		view := w.db.store.View()
		state, err := rollupState(view, r)
		view.Close()
		if err != nil {
			w.t.Fatal(err)
		}
		tally, err := w.db.rollups.Tally(&jobs.Rollup{Table: r})
		if err != nil {
			w.t.Fatal(err)
		}
		if tally.Sealed() != state.SealedUntil {
			w.t.Errorf("%s: decided %d, durable %d", name, tally.Sealed(), state.SealedUntil)
		}
		if state.SealedUntil == -1<<63 {
			out = append(out, name+" -")
			continue
		}
		out = append(out, fmt.Sprintf("%s %v", name, time.UnixMilli(state.SealedUntil).Sub(from).Hours()))
	}
	return strings.Join(out, ", ")
}

func (w *world) late(k int, at time.Time, v int) []string {
	w.t.Helper()
	r, err := w.try(fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (%d, %d, %d)", k, at.UnixMilli(), v))
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Warnings
}

func TestWindowsAreSealedAndStay(t *testing.T) {
	w, midnight := sealing(t)
	hours := func(n float64) time.Time { return midnight.Add(time.Duration(n * float64(time.Hour))) }
	w.late(1, hours(3.5), 5)
	w.late(1, hours(11.5), 7)
	for _, step := range []struct {
		clock float64
		want  string
	}{
		{13, "h -36, d -24"}, // what is older than anything that was written is sealed too
		{47.9, "h 0, d 0"},
		{48, "h 0, d 0"},
		{71.9, "h 0, d 0"}, // hours of a day that may still be computed are not sealed
		{72, "h 24, d 24"},
		{73, "h 24, d 24"},
	} {
		w.clock.Set(hours(step.clock))
		w.settle()
		if got := w.sealedHours(midnight); step.clock >= 48 && got != step.want {
			t.Errorf("after %v hours: sealed until %s, want %s", step.clock, got, step.want)
		}
	}
	before := w.rows("SELECT count_v, sum_v FROM d WHERE k = 1")
	want := []string{
		"rollup ks.h: 1 rows older than " + hours(24).UTC().Format("2006-01-02T15:04Z") + " are sealed: they change the rows of t alone, the rollup stays as it is",
		"rollup ks.d: 1 rows older than " + hours(24).UTC().Format("2006-01-02T15:04Z") + " are sealed: they change the rows of t alone, the rollup stays as it is",
	}
	if got := w.late(1, hours(3.6), 100); !slices.Equal(got, want) {
		t.Errorf("warnings %q", got)
	}
	w.run(fmt.Sprintf("DELETE FROM t WHERE k = 1 AND ts = %d", hours(11.5).UnixMilli()), "DELETE FROM t WHERE k = 1")
	if got := w.late(1, hours(24), 3); len(got) > 0 {
		t.Errorf("warnings %q of a row that is not sealed", got)
	}
	for range 2 {
		w.settle()
		if got := w.rows("SELECT count_v, sum_v FROM d WHERE k = 1"); len(got) != 2 || got[0] != before[0] || got[1] != "1 3" {
			t.Errorf("rows %q, before %q", got, before)
		}
		w.reopen()
		if got := w.sealedHours(midnight); got != "h 24, d 24" {
			t.Errorf("behind a restart, sealed until %s", got)
		}
	}
}

func TestLateRowsAreCounted(t *testing.T) {
	w, midnight := sealing(t)
	w.clock.Set(midnight.Add(80 * time.Hour))
	w.settle()
	for _, h := range []float64{5, 6, 20, 30, 79.5, 80} {
		w.late(1, midnight.Add(time.Duration(h*float64(time.Hour))), 1)
	}
	w.run("DELETE FROM t WHERE k = 2")
	tally, err := w.db.rollups.Tally(&jobs.Rollup{Table: w.db.Schema().Table("ks", "h")})
	if err != nil {
		t.Fatal(err)
	}
	// 79.5 is in an hour that ended at 80, and is open until ten minutes past.
	if late, sealed := tally.LateRows.Load(), tally.LateSealed.Load(); late != 4 || sealed != 4 {
		t.Errorf("%d late, %d sealed", late, sealed)
	}
}

func TestNothingIsSealedWhileItIsDirty(t *testing.T) {
	w, midnight := sealing(t)
	w.late(1, midnight.Add(12*time.Hour+time.Minute), 1)
	w.run("PAUSE ROLLUP h")
	w.still(func() {}) // a round that began before has ended
	w.clock.Set(midnight.Add(300 * time.Hour))
	w.settle()
	if got := w.sealedHours(midnight); strings.Contains(got, "d 2") {
		t.Errorf("sealed until %s though an hour of it is not computed", got)
	}
	if got := w.rows("SELECT count_v FROM h"); len(got) > 0 {
		t.Errorf("a paused rollup was computed: %q", got)
	}
	status := w.status("h")
	if status.DirtyWindows == 0 || status.Waiting != 1 || status.Lag < 286*time.Hour {
		t.Errorf("%+v", status)
	}
	w.run("RESUME ROLLUP h")
	w.settle()
	if got := w.sealedHours(midnight); got != "h 240, d 240" {
		t.Errorf("sealed until %s", got)
	}
	if got := w.rows("SELECT count_v FROM d"); strings.Join(got, " ") != "1" {
		t.Errorf("rows %q", got)
	}
	if status := w.status("h"); status.DirtyWindows != 0 || status.Lag != 0 || status.FinalUntil != midnight.Add(299*time.Hour).UnixMilli() {
		t.Errorf("%+v", status)
	}
}

func (w *world) status(name string) jobs.Status {
	w.t.Helper()
	of := rollupStore{w.db}.rollup(w.db.Schema(), w.db.Schema().Table("ks", name))
	s, err := w.db.rollups.Status(&of)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// TestRowsPastTheirRetentionMarkNothing when they are written, and are counted.
func TestRowsPastTheirRetentionMarkNothing(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH retention = {'duration': '2d', 'by': 'ts'} AND rollups = {'1h': 'forever'}")
	now := w.clock.Now()
	w.still(func() {
		w.late(1, now.Add(-49*time.Hour), 1)
		if got := w.marked(0); len(got) > 0 {
			t.Errorf("marks %q", got)
		}
		w.late(1, now.Add(-47*time.Hour), 1)
		if got := w.marked(0); len(got) != 1 {
			t.Errorf("marks %q", got)
		}
	})
	tally, err := w.db.rollups.Tally(&jobs.Rollup{Table: w.db.Schema().Table("ks", "t_1h")})
	if err != nil {
		t.Fatal(err)
	}
	late, expired, sealed := tally.LateRows.Load(), w.db.late.of(w.db.Schema().Table("ks", "t").ID), tally.LateSealed.Load()
	if late != 1 || expired != 1 || sealed != 0 {
		t.Errorf("%d late, %d expired, %d sealed", late, expired, sealed)
	}
}

// TestPoliciesForEverLetOthersGo: the rows of other partitions leave the disk when one keeps its own for ever.
func TestPoliciesForEverLetOthersGo(t *testing.T) {
	for retention, policy := range map[string]string{
		"{'duration': '30d', 'by': 'ts'}":     "CREATE RETENTION POLICY gold ON t WHERE k = 1 KEEP FOREVER",
		"{'duration': 'forever', 'by': 'ts'}": "CREATE RETENTION POLICY short ON t WHERE k = 2 KEEP 30d",
	} {
		t.Run(retention, func(t *testing.T) {
			w := newQuietWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH retention = "+retention+" AND time_bucket = {'column': 'ts', 'size': '1d'} AND rollups = {'1h': 'forever'}", policy)
			for k := range 2 {
				w.late(k+1, w.clock.Now(), 1)
			}
			if err := w.store.FlushAll(); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				w.clock.Advance(20 * 24 * time.Hour)
				w.settle()
				w.tidy()
			}
			if n := w.onDisk("t"); n != 1 {
				t.Errorf("%d rows on disk, of which one never ends", n)
			}
			w.expect("SELECT k FROM t", "1")
			w.expect("SELECT count(*) FROM t_1h", "2")
		})
	}
}
