package database

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
)

// outlived is a world with a table whose rows end after seven days, and have gone from disk before, and rollups of it.
func outlived(t *testing.T, days int, rollups ...string) *world {
	w := newWorld(t, append([]string{
		"CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH retention = {'duration': '7d', 'by': 'ts'} AND time_bucket = {'column': 'ts', 'size': '1d', 'max_future': 'none'}",
	}, rollups...)...)
	w.clock.Set(w.clock.Now().Truncate(24 * time.Hour))
	w.age(days)
	return w
}

// age writes two rows a day, for so many days, and does what the server does meanwhile.
func (w *world) age(days int) {
	w.t.Helper()
	for n := range days {
		w.run(fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (1, %d, 1)", w.clock.Now().UnixMilli()), fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (1, %d, 2)", w.clock.Now().UnixMilli()+3_600_000))
		w.clock.Advance(24 * time.Hour)
		if n%10 == 9 {
			w.gone()
		}
	}
	w.gone()
}

// gone lets all go from disk that may.
func (w *world) gone() {
	w.t.Helper()
	w.filled()
	w.settle()
	w.run("ADMIN FLUSH ks.t", "ADMIN COMPACT ks.t")
	w.tidy()
}

// counted is how many rows of the table a SELECT by windows tells of.
func (w *world) counted(step string) (n int, warnings string) {
	w.t.Helper()
	text := fmt.Sprintf("SELECT count(v) FROM t WHERE k = 1 GROUP BY k, floor(ts, %s)", step)
	for _, line := range w.rows(text) {
		var of int
		if _, err := fmt.Sscan(line, &of); err != nil {
			w.t.Fatal(err)
		}
		n += of
	}
	r, err := w.try(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return n, strings.Join(r.Warnings, "; ")
}

const dayByDay = "CREATE ROLLUP a ON t AS SELECT k, floor(ts, 1d) AS ts, count(v), sum(v) GROUP BY k, floor(ts, 1d)"

func monthly(name, on, with string) string {
	return fmt.Sprintf("CREATE ROLLUP %s ON %s AS SELECT k, floor(ts, 1mo) AS ts, count(v), sum(v) GROUP BY k, floor(ts, 1mo)%s", name, on, with)
}

// TestALevelIsFilledFromItsSource: the rows of the table ended long ago, those of the source did not.
func TestALevelIsFilledFromItsSource(t *testing.T) {
	w := outlived(t, 150, dayByDay)
	if n := w.onDisk("t"); n > 60 {
		t.Fatalf("%d rows are left of the table: nothing is tested", n)
	}
	before, _ := w.counted("1mo")
	w.run(monthly("b", "a", ""))
	w.filled()
	if after, warnings := w.counted("1mo"); before != 300 || after != 300 || !strings.Contains(warnings, "rollup ks.b served") {
		t.Errorf("%d rows before, %d with the level: %s", before, after, warnings)
	}
	if got := w.rows("SELECT sum(count_v) FROM b WHERE k = 1"); len(got) != 1 || got[0] < "280" {
		t.Errorf("the level counts %q", got)
	}
	w.checked()
}

// TestALevelHidesNoFinerOne: what a level could not be made of is never said to be final, however it stands beside those that have it.
func TestALevelHidesNoFinerOne(t *testing.T) {
	for name, c := range map[string]struct {
		empty bool // nothing was written for longer than the table keeps
		on    string
	}{
		"beside": {false, "t"}, "above, of an empty table": {true, "a"}, "beside, of an empty table": {true, "t"},
	} {
		t.Run(name, func(t *testing.T) {
			w := outlived(t, 150, dayByDay)
			if c.empty {
				w.clock.Advance(40 * 24 * time.Hour)
				w.gone()
				if n := w.onDisk("t"); n != 0 {
					t.Fatalf("%d rows are left of the table: nothing is tested", n)
				}
			}
			w.run(monthly("b", c.on, ""))
			w.filled()
			for range 2 {
				if n, warnings := w.counted("1mo"); n != 300 || c.on == "a" && !strings.Contains(warnings, "rollup ks.b served") {
					t.Errorf("%d rows with the level: %s", n, warnings)
				}
				w.checked()
				w.run("REFRESH ROLLUP b")
				w.checked()
				w.reopen()
			}
			w.age(70)
			if n, warnings := w.counted("1mo"); n != 440 || !strings.Contains(warnings, "rollup ks.b served") {
				t.Errorf("%d rows later: %s", n, warnings)
			}
			w.checked()
		})
	}
}

// TestALevelOfOneThatLacksWindows: where the source lacks windows, those of the table are used as far as they go, and a level below
// that keeps its rows for longer.
func TestALevelOfOneThatLacksWindows(t *testing.T) {
	w := outlived(t, 150, strings.ReplaceAll(dayByDay, "1d", "12h"),
		"CREATE ROLLUP s ON a AS SELECT k, floor(ts, 1d) AS ts, count(v), sum(v) GROUP BY k, floor(ts, 1d) WITH retention = {'duration': '40d'}")
	w.run(monthly("b", "s", ""))
	w.filled()
	if n, warnings := w.counted("1mo"); n != 300 || !strings.Contains(warnings, "rollup ks.b served") {
		t.Errorf("%d rows: %s", n, warnings)
	}
	w.checked()
}

// TestRefreshLeavesWhatTheRowsDoNotTell: windows of a rollup on a sealed one, whose rows are gone, stay as they are; so do those that
// were left out.
func TestRefreshLeavesWhatTheRowsDoNotTell(t *testing.T) {
	w := outlived(t, 150, dayByDay)
	w.run(monthly("b", "a", ""), monthly("beside", "t", ""))
	w.filled()
	w.run("PAUSE ROLLUP b") // it is not sealed
	before, beside := w.rows("SELECT ts, count_v, sum_v FROM b WHERE k = 1"), w.rows("SELECT ts, count_v, sum_v FROM beside WHERE k = 1")
	w.run("RESUME ROLLUP b", "REFRESH ROLLUP b", "REFRESH ROLLUP beside")
	if after := w.rows("SELECT ts, count_v, sum_v FROM b WHERE k = 1"); strings.Join(before, ", ") != strings.Join(after, ", ") || len(after) < 4 {
		t.Errorf("%q before, %q after", before, after)
	}
	if after := w.rows("SELECT ts, count_v, sum_v FROM beside WHERE k = 1"); strings.Join(beside, ", ") != strings.Join(after, ", ") {
		t.Errorf("%q before, %q after", beside, after)
	}
}

// TestALevelKeepsTheSealOfItsSource: when the source goes, whose windows were sealed and their rows gone before the level was declared, a
// late row does not stand for all of them.
func TestALevelKeepsTheSealOfItsSource(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH default_time_to_live = 604800 AND time_bucket = {'column': 'ts', 'size': '1d', 'max_future': 'none'}"+
		" AND rollups = {'1d': 'forever'}")
	w.clock.Set(w.clock.Now().Truncate(24 * time.Hour))
	w.age(150)
	if n := w.onDisk("t"); n > 60 {
		t.Fatalf("%d rows are left of the table: nothing is tested", n)
	}
	w.run("ALTER TABLE t WITH rollups = {'1d': 'forever', '1mo': 'forever'}")
	if err := w.db.backfill.Await(w.db.Schema().Table("ks", "t_1mo"), math.MinInt64); err != nil {
		t.Fatal(err)
	}
	w.run("PAUSE ROLLUP t_1mo")
	before := w.rows("SELECT ts, count_v, sum_v FROM t_1mo WHERE k = 1")
	w.run("ALTER TABLE t WITH rollups = {'1mo': 'forever'}", "RESUME ROLLUP t_1mo")
	for range 2 {
		w.run(fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (1, %d, 1)", w.clock.Now().Add(-50*24*time.Hour).UnixMilli()+1))
		w.settle()
		w.run("REFRESH ROLLUP t_1mo")
		if after := w.rows("SELECT ts, count_v, sum_v FROM t_1mo WHERE k = 1"); strings.Join(before, ", ") != strings.Join(after, ", ") || len(after) < 4 {
			t.Errorf("%q before, %q after", before, after)
		}
		w.expect("CHECK ROLLUP t_1mo")
		w.reopen()
	}
}

// TestARepairMarksNothingSealed: of the rollup above, windows that are sealed take nothing in.
func TestARepairMarksNothingSealed(t *testing.T) {
	w := newWorld(t, createReadings,
		"CREATE ROLLUP r_1h ON r AS SELECT k, floor(ts, 1h) AS ts, count(n) GROUP BY k, floor(ts, 1h) WITH lateness = {'max': '9d'}",
		"CREATE ROLLUP r_1d ON r_1h AS SELECT k, floor(ts, 1d) AS ts, count(n) GROUP BY k, floor(ts, 1d) WITH lateness = {'max': '1d'}")
	w.filled()
	w.clock.Advance(80 * time.Hour)
	w.settle()
	levels, _ := levelsOf(w.db.Schema(), "ks", "r_1h", w.db.Schema().Table("ks", "r_1h").ID)
	check := rollupCheck{checkView: checkView{d: w.db}, levels: levels}
	state, err := w.db.rollups.State(levels.children[0])
	if err != nil || state.SealedUntil == math.MinInt64 {
		t.Fatalf("%+v %v", state, err)
	}
	for _, c := range []struct{ from, to, want int64 }{{-2, -1, 0}, {-1, 1, 24}, {0, 1, 24}, {23, 25, 48}} {
		marks, err := check.childMarks(partition.Decorate([]byte("a")), downsample.Window{Start: state.SealedUntil + c.from*3_600_000, End: state.SealedUntil + c.to*3_600_000})
		if err != nil || len(marks) > 1 || len(marks) == 0 != (c.want == 0) {
			t.Fatalf("%+v: %v %v", c, marks, err)
		}
		if len(marks) == 1 && marks[0].Window != (downsample.Window{Start: state.SealedUntil, End: state.SealedUntil + c.want*3_600_000}) {
			t.Errorf("%+v: %v", c, marks)
		}
	}
}
