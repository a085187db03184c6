package database

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/schema"
)

// steeredBackfill lets a test do something whenever a step looks at the store.
type steeredBackfill struct {
	backfillStore
	read func()
}

func (s *steeredBackfill) View() jobs.RangeView {
	v := s.backfillStore.View()
	if s.read != nil {
		s.read()
	}
	return v
}

// steerBackfill replaces the backfill of a world by one with chunks of so many rows.
func (w *world) steerBackfill(rowsMax int64, read func()) {
	w.t.Helper()
	w.db.backfill.Close()
	w.db.backfill = jobs.StartBackfill(w.db.rollups, &steeredBackfill{backfillStore{w.db}, read}, w.clock, rowsMax)
}

// rollupsOf are all rollups of keyspace ks, finer ones first.
func (w *world) rollups() []*schema.Table {
	var out []*schema.Table
	for _, t := range w.db.Schema().Keyspaces["ks"].SortedTables() {
		if t.Rollup != nil {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *schema.Table) int { return a.Rollup.CompareSteps(b.Rollup) })
	return out
}

// filled waits until every window of every rollup is computed.
func (w *world) filled() {
	w.t.Helper()
	if err := w.db.SettleRollups(); err != nil {
		w.t.Fatal(err)
	}
}

// checked checks every rollup against its base, and its rows against what a SELECT of the base gives.
func (w *world) checked() {
	w.t.Helper()
	for _, r := range w.rollups() {
		w.expect("CHECK ROLLUP " + r.Name)
	}
}

const (
	createReadings = "CREATE TABLE r (k int, ts timestamp, v double, n int, PRIMARY KEY (k, ts))"
	createHourly   = "CREATE ROLLUP hourly ON r AS SELECT k, floor(ts, 1h) AS ts, count(v), sum(v), avg(v), min(n), max(n), sum(n), last(v), stddev(v), percentile(v, 0.5), distinct(n) GROUP BY k, floor(ts, 1h)"
)

// createLevels are two levels, one that splits windows by a column, and one by the clock of a zone.
var createLevels = []string{
	createHourly,
	"CREATE ROLLUP daily ON hourly AS SELECT k, floor(ts, 1d) AS ts, count(v), sum(v), avg(v), min(n), max(n), sum(n), last(v), stddev(v), percentile(v, 0.5), distinct(n) GROUP BY k, floor(ts, 1d)",
	"CREATE ROLLUP grouped ON r AS SELECT k, floor(ts, 3h) AS ts, n, count(v), sum(v) GROUP BY k, floor(ts, 3h), n",
	"CREATE ROLLUP berlin ON r AS SELECT k, time_bucket(ts, 1d, 'Europe/Berlin') AS ts, count(*), avg(v), first(v) GROUP BY k, time_bucket(ts, 1d, 'Europe/Berlin')",
}

// anyReading is a statement on r in a range of days before and hours behind now.
func anyReading(rng *rand.Rand, now time.Time, days int) string {
	k := rng.IntN(4)
	ts := now.UnixMilli() - rng.Int64N(int64(days)*86_400_000) + 2*3_600_000
	if rng.IntN(50) == 0 {
		ts -= 400 * 86_400_000
	}
	ts -= ts % 600_000 // some hit the same
	switch rng.IntN(12) {
	case 0:
		return fmt.Sprintf("DELETE FROM r WHERE k = %d AND ts = %d", k, ts)
	case 1:
		return fmt.Sprintf("DELETE FROM r WHERE k = %d AND ts >= %d AND ts < %d", k, ts, ts+rng.Int64N(20*3_600_000))
	case 2:
		return fmt.Sprintf("DELETE v FROM r WHERE k = %d AND ts = %d", k, ts)
	case 3:
		if rng.IntN(8) == 0 {
			return fmt.Sprintf("DELETE FROM r WHERE k = %d", k)
		}
	}
	insert := fmt.Sprintf("INSERT INTO r (k, ts, v, n) VALUES (%d, %d, %v, %d)", k, ts, rng.NormFloat64()*1e3, rng.IntN(9))
	if rng.IntN(5) == 0 {
		insert += " USING TTL 600" // what expires stays in its windows
	}
	return insert
}

// TestBackfill: rollups over rows that were there, of tables with and without time buckets, equal what the rows say, whatever is
// written meanwhile and whatever the chunks are; the final windows do so at every moment.
func TestBackfill(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range 4 {
		w := newWorld(t)
		create := createReadings
		if i%2 == 0 {
			create += " WITH time_bucket = {'column': 'ts', 'size': '1d'}"
		}
		w.run(create)
		w.clock.Advance(500 * 24 * time.Hour)
		for range 150 {
			w.run(anyReading(rng, w.clock.Now(), 20))
		}
		if i%3 == 0 {
			if err := w.store.FlushAll(); err != nil {
				t.Fatal(err)
			}
		}
		steps := 0
		w.steerBackfill(1+rng.Int64N(100), func() {
			if steps++; steps%3 == 0 && steps < 100 {
				w.run(anyReading(rng, w.clock.Now(), 20))
			}
			if steps%20 == 0 {
				w.clock.Advance(time.Duration(rng.IntN(40)) * time.Minute)
				w.checked()
			}
		})
		w.run(createLevels...)
		w.filled()
		w.checked()
		rows := w.rows("SELECT k, count(*) FROM r")
		if len(rows) > 0 && len(w.rows("SELECT * FROM hourly")) == 0 {
			t.Error("the rollup is empty")
		}
		if t.Failed() {
			return
		}
	}
}

// TestBackfillGoesNewestFirst: what is computed grows downwards, and the view of progress says how far it is.
func TestBackfillGoesNewestFirst(t *testing.T) {
	w := newWorld(t, createReadings)
	w.clock.Advance(500 * 24 * time.Hour)
	now := w.clock.Now().UnixMilli()
	for h := range 100 {
		w.run(fmt.Sprintf("INSERT INTO r (k, ts, v, n) VALUES (%d, %d, 1.0, 1)", h%3, now-int64(h)*3_600_000))
	}
	var seen []string
	var built []float64
	w.steerBackfill(10, func() {
		w.clock.Advance(time.Millisecond)
		share := w.rows("SELECT built FROM system_views.rollup_progress WHERE keyspace_name = 'ks'")[0]
		bits, err := strconv.ParseInt(share, 10, 64)
		if err != nil {
			t.Error(err)
		}
		built = append(built, math.Float64frombits(uint64(bits)))
		rows := w.rows("SELECT state, built_from FROM system_views.rollup_progress WHERE keyspace_name = 'ks'")
		if len(seen) == 0 || seen[len(seen)-1] != rows[0] {
			seen = append(seen, rows[0])
		}
	})
	w.run(createHourly)
	w.filled()
	if len(seen) < 5 || seen[0] != "building null" || !slices.IsSortedFunc(seen[1:], func(a, b string) int { return -strings.Compare(a, b) }) {
		t.Errorf("computed from %q", seen)
	}
	if last := built[len(built)-1]; !slices.IsSorted(built) || last < 0.8 || last >= 1 {
		t.Errorf("shares %v", built)
	}
	w.expect("SELECT state, built_from FROM system_views.rollup_progress WHERE keyspace_name = 'ks'", "live null")
	w.expect("SELECT count(*) FROM hourly", "99")
}

// TestARollupOfAnEmptyTableIsLiveAtOnce: nothing has to be waited for.
func TestARollupOfAnEmptyTableIsLiveAtOnce(t *testing.T) {
	w := newWorld(t, createReadings)
	w.db.backfill.Close()
	w.run(createHourly)
	w.expect("SELECT state, built_from FROM system_views.rollup_progress WHERE keyspace_name = 'ks'", "live null")
	w.db.backfill = jobs.StartBackfill(w.db.rollups, backfillStore{w.db}, w.clock, 0)
}

// TestBackfillSurvivesWhatHappensToItsTables: its base is truncated, the rollup is dropped and made again.
func TestBackfillSurvivesWhatHappensToItsTables(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range 12 {
		w := newWorld(t, createReadings)
		w.clock.Advance(500 * 24 * time.Hour)
		for range 60 {
			w.run(anyReading(rng, w.clock.Now(), 9))
		}
		steps, at := 0, rng.IntN(12)
		created := make(chan struct{})
		w.steerBackfill(1+rng.Int64N(30), func() {
			<-created
			if steps++; steps != at {
				return
			}
			switch i % 3 {
			case 0:
				w.run("TRUNCATE r")
			case 1:
				w.run("DROP ROLLUP daily")
			case 2:
				w.run("ALTER TABLE r ADD more int", "ALTER TABLE r WITH comment = 'other'")
			}
			for range 5 {
				w.run(anyReading(rng, w.clock.Now(), 9))
			}
		})
		w.run(createLevels...)
		close(created)
		w.filled()
		w.checked()
	}
}

// TestBackfillSurvivesCrashes: after a crash behind any file operation of a backfill, and another one in what goes on then, it comes to
// its end and the rollups are what their base says.
func TestBackfillSurvivesCrashes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	share, passes := 0.03, 1
	if soak() {
		share, passes = 0.2, 10
	}
	crashed, ops := 0, 0
	for range passes {
		c := &crashes{rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), share: share}
		w := newWorld(t)
		w.judge, w.backfillRowsMax = c.judge, 20
		w.reopen()
		w.run(createReadings)
		w.clock.Advance(500 * 24 * time.Hour)
		for range 80 {
			w.run(anyReading(rng, w.clock.Now(), 9))
		}
		c.watch(w.fs)
		w.run(createLevels...)
		for range 10 {
			w.run(anyReading(rng, w.clock.Now(), 9))
		}
		w.filled()
		w.checked()
		c.watch(nil)
		crashed, ops = crashed+len(c.left), ops+c.ops
		for _, fs := range c.left {
			w.crashed(fs, rng)
			if t.Failed() {
				return
			}
		}
	}
	fmt.Fprintf(t.Output(), "sample %d/%d crashes while rollups are computed\n", crashed, ops)
}

// crashed opens what a crash left, writes, crashes once more and lets the backfill come to its end.
func (w *world) crashed(fs *vfs.Mem, rng *rand.Rand) {
	w.t.Helper()
	left := &world{t: w.t, fs: fs, clock: clock.NewManual(w.clock.Now()), backfillRowsMax: 10}
	left.open()
	if left.db.Schema().Table("ks", "r") != nil {
		for range 3 {
			left.run(anyReading(rng, left.clock.Now(), 9))
		}
	}
	left.crash(rng)
	left.filled()
	left.checked()
	if err := left.db.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// soak reports whether every case is wanted.
func soak() bool { return os.Getenv("ESKER_SOAK") != "" }

// TestBackfillPassesOverWhatHadEnded: of rows past the retention of their table some may have left the disk; windows of nothing else are
// not made of what is left.
func TestBackfillPassesOverWhatHadEnded(t *testing.T) {
	for _, tidy := range []bool{false, true} {
		w := newWorld(t, createReadings+" WITH retention = {'duration': '3d', 'by': 'ts'} AND time_bucket = {'column': 'ts', 'size': '1d'}")
		for hour := range 240 {
			w.clock.Advance(time.Hour)
			w.reading(hour%3, hour, 0, 1, 1)
		}
		if tidy {
			w.run("ADMIN FLUSH ks.r", "ADMIN COMPACT ks.r")
		}
		w.steerBackfill(5, nil)
		w.run(createLevels...)
		w.filled()
		w.checked()
		from := w.clock.Now().Add(-72 * time.Hour).Truncate(time.Hour).UnixMilli()
		for _, line := range w.rows("SELECT ts FROM hourly") {
			if ms, err := strconv.ParseInt(line, 10, 64); err != nil || ms < from {
				t.Errorf("tidy %v: a window from %s, %v", tidy, line, err)
			}
		}
		if n := len(w.rows("SELECT ts FROM hourly")); n < 71 || n > 73 {
			t.Errorf("tidy %v: %d windows", tidy, n)
		}
	}
}
