package database

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/schema"
)

const (
	sourcesPrograms     = 40
	sourcesProgramsSoak = 2000
	sourcesSteps        = 40
)

// TestLevelsOutliveTheirSources: whatever levels are dropped between writes, those that are there at the end are the aggregate of the
// rows: nothing that a dropped one had not handed on is lost.
func TestLevelsOutliveTheirSources(t *testing.T) {
	programs := sourcesPrograms
	if os.Getenv("ESKER_SOAK") != "" {
		programs = sourcesProgramsSoak
	}
	first, moved, groups := firstRollupSeed(t), 0, 0
	for seed := first; seed < first+uint64(programs); seed++ {
		m, g := playLevels(t, seed)
		if moved, groups = moved+m, groups+g; t.Failed() {
			t.Fatalf("ESKER_SEED=%d", seed)
		}
	}
	fmt.Fprintf(t.Output(), "sample %d/%d histories of levels that go\n", programs, sourcesProgramsSoak)
	if moved == 0 || groups == 0 {
		t.Errorf("%d sources were dropped, %d groups were compared", moved, groups)
	}
}

// playLevels plays a random history and compares the levels at its end. It returns how many levels lost their source, and how many
// groups were compared.
func playLevels(t *testing.T, seed uint64) (moved, groups int) {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t, "CREATE TABLE ks.t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1m': 'forever', '15m': 'forever', '1h': 'forever', '6h': 'forever', '1d': 'forever'}")
	for range sourcesSteps {
		// Times are of the hours around now, so that windows are open, and are closed while the history goes on.
		at := w.clock.Now().UnixMilli() - rng.Int64N(int64(5*time.Hour/time.Millisecond))
		switch n := rng.IntN(20); {
		case n < 9:
			w.run(fmt.Sprintf("INSERT INTO ks.t (k, ts, v) VALUES (%d, %d, %d)", rng.IntN(2), at, rng.IntN(100)))
		case n < 11:
			w.run(fmt.Sprintf("DELETE FROM ks.t WHERE k = %d AND ts >= %d AND ts < %d", rng.IntN(2), at, at+int64(time.Hour/time.Millisecond)))
		case n < 12:
			w.run(fmt.Sprintf("DELETE FROM ks.t WHERE k = %d", rng.IntN(2)))
		case n < 14:
			w.clock.Advance(time.Duration(rng.IntN(90)) * time.Minute)
		case n < 15:
			w.settle()
		case n < 16:
			w.crash(rng)
		case n < 19: // what is dirty stays so, and is handed on when the level goes
			if levels := w.levels(); len(levels) > 0 {
				w.run([]string{"PAUSE", "PAUSE", "RESUME"}[rng.IntN(3)] + " ROLLUP ks." + levels[rng.IntN(len(levels))].Name)
			}
		default:
			moved += w.alterLevels(rng)
		}
	}
	w.clock.Advance(48 * time.Hour)
	for _, r := range w.levels() {
		w.run("RESUME ROLLUP ks." + r.Name)
	}
	w.settle()
	for _, r := range w.levels() {
		groups += w.compareLevel(r)
	}
	return moved, groups
}

// levels are the rollups of ks.t, each behind its source.
func (w *world) levels() []*schema.Table {
	return w.db.Schema().LevelsOf(w.db.Schema().Table("ks", "t"))
}

// alterLevels drops a level, and returns how many went on from another source then.
func (w *world) alterLevels(rng *rand.Rand) (moved int) {
	w.t.Helper()
	levels := w.levels()
	if len(levels) < 2 {
		return 0
	}
	dropped := levels[rng.IntN(len(levels)-1)]
	var kept []string
	for _, r := range levels {
		if r != dropped {
			kept = append(kept, "'"+strings.TrimPrefix(r.Name, "t_")+"': 'forever'")
		}
	}
	before := w.db.Schema()
	w.run("ALTER TABLE ks.t WITH rollups = {" + strings.Join(kept, ", ") + "}")
	for _, r := range w.levels() {
		if was := before.Table("ks", r.Name); was != nil && was.ID == r.ID && was.Rollup.Source != r.Rollup.Source {
			moved++
		}
	}
	return moved
}

// compareLevel compares a level with the aggregates of the rows, and returns how many groups there are.
func (w *world) compareLevel(r *schema.Table) int {
	w.t.Helper()
	groups := 0
	for k := range 2 {
		want := w.rows(fmt.Sprintf("SELECT %s, count(v), sum(v), min(v), last(v) FROM ks.t WHERE k = %d GROUP BY k, %s USING RESOLUTION 'raw'", r.WindowText(), k, r.WindowText()))
		got := w.rows(fmt.Sprintf("SELECT ts, count_v, sum_v, min_v, last_v FROM ks.%s WHERE k = %d", r.Name, k))
		if !slices.Equal(got, want) {
			w.t.Errorf("%s, partition %d:\n got %q\nwant %q", r.QualifiedName(), k, got, want)
		}
		groups += len(want)
	}
	return groups
}
