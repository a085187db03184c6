package database

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
)

// crashLevels are rollups on rollups that seal windows, but not those of the hours that a test takes. Marks and what is known of them hardly fit into memory.
var crashLevels = []string{
	"CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts))",
	"CREATE ROLLUP m ON t AS SELECT k, floor(ts, 1m), count(v), sum(v), max(v) GROUP BY k, floor(ts, 1m) WITH lateness = {'max': '20h'}",
	"CREATE ROLLUP h ON m AS SELECT k, floor(ts, 1h), count(v), sum(v), max(v) GROUP BY k, floor(ts, 1h) WITH lateness = {'max': '20h'}",
}

var crashLimits = jobs.Limits{HeldBytesMax: 500, CoverBytesMax: 300}

// crashWrite is a statement on t: rows around a moment, and deletions.
func crashWrite(rng *rand.Rand, now time.Time) string {
	k, at := rng.IntN(3), now.Add(time.Duration(rng.IntN(200)-190)*time.Minute).UnixMilli()
	switch rng.IntN(16) {
	case 2: // where windows are sealed before long
		at -= 20 * 3_600_000
	case 0:
		return fmt.Sprintf("DELETE FROM t WHERE k = %d AND ts >= %d AND ts < %d", k, at, at+int64(rng.IntN(7_200_000)))
	case 1:
		return fmt.Sprintf("DELETE FROM t WHERE k = %d", k)
	}
	return fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (%d, %d, %d)", k, at, rng.IntN(100))
}

// roundAndWatch lets rounds of recomputation follow writes, and returns what crashes would have left.
func roundAndWatch(t *testing.T, rng *rand.Rand, mode lsm.LogMode, share float64) *crashes {
	c := &crashes{rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), share: share}
	w := newWorld(t, crashLevels...)
	w.judge, w.mode, w.rollupLimits = c.judge, mode, crashLimits
	w.reopen()
	w.caughtUp("m")
	w.caughtUp("h")
	c.watch(w.fs)
	for i := range 12 {
		for range 3 {
			w.run(crashWrite(rng, w.clock.Now()))
			w.begin(crashWrite(rng, w.clock.Now())) // awaited with the next, or by nobody before marks are answered
		}
		w.clock.Advance(time.Duration(rng.IntN(60)) * time.Minute)
		w.settle()
		if i%5 == 0 {
			if err := w.store.FlushAll(); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.watch(nil)
	return c
}

// levelsSound lets the scheduler come to its end and compares each level with the rows of the table, but for what is sealed.
func (w *world) levelsSound() {
	w.t.Helper()
	w.clock.Advance(2 * time.Hour)
	w.settle()
	if got := w.marked(0); len(got) > 0 {
		w.t.Errorf("marks are left: %q", got)
	}
	for name, step := range map[string]string{"m": "1m", "h": "1h"} {
		state, err := w.db.rollups.State(w.db.Schema().Table("ks", name))
		if err != nil {
			w.t.Fatal(err)
		}
		for k := range 3 {
			from := max(state.SealedUntil, 0)
			raw := w.rows(fmt.Sprintf("SELECT floor(ts, %s), count(v), sum(v), max(v) FROM t WHERE k = %d AND ts >= %d GROUP BY k, floor(ts, %s) USING RESOLUTION 'raw'", step, k, from, step))
			rolled := w.rows(fmt.Sprintf("SELECT ts, count_v, sum_v, max_v FROM %s WHERE k = %d AND ts >= %d", name, k, from))
			if fmt.Sprint(raw) != fmt.Sprint(rolled) {
				w.t.Errorf("rollup %s, partition %d, from %d\n got %q\nwant %q", name, k, from, rolled, raw)
			}
		}
	}
}

// TestRollupsSurviveCrashes: after a crash behind any file operation of writes and rounds, each level comes to be what the rows of the
// table say, no seal is taken back, and no mark is left behind.
func TestRollupsSurviveCrashes(t *testing.T) {
	for mode, name := range map[lsm.LogMode]string{lsm.LogGroup: "group", lsm.LogPeriodic: "periodic"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 1))
			share := 0.05
			if os.Getenv("ESKER_SOAK") != "" {
				share = 1
			}
			c := roundAndWatch(t, rng, mode, share)
			for _, fs := range c.left {
				goOnAfter(t, rng, mode, fs)
				if t.Failed() {
					return
				}
			}
			fmt.Fprintf(t.Output(), "sample %d/%d crashes while rollups are recomputed\n", len(c.left), c.ops)
		})
	}
}

// goOnAfter opens what a crash left, writes more and compares.
func goOnAfter(t *testing.T, rng *rand.Rand, mode lsm.LogMode, fs *vfs.Mem) {
	left := &world{t: t, fs: fs, clock: clock.NewManual(time.UnixMilli(1_000_000_000_000).Add(12 * time.Hour)), mode: mode, rollupLimits: crashLimits}
	left.open()
	defer func() {
		if err := left.db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for range 3 {
		left.run(crashWrite(rng, left.clock.Now()))
	}
	left.levelsSound()
}
