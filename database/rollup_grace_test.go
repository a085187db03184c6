package database

import (
	"math"
	"testing"
	"time"
)

// A rollup that waits less for late rows than those below it is filled from the table itself. What is deleted while the others still
// wait leaves no trace in them, and must go from it all the same.
func TestDeletedWhileFinerLevelsWait(t *testing.T) {
	w := newWorld(t,
		"CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts))",
		"CREATE ROLLUP fine ON t AS SELECT k, count(*) AS n GROUP BY k, floor(ts, 1m) WITH lateness = {'grace': '3h'}",
		"CREATE ROLLUP middle ON fine AS SELECT k, count(*) AS n GROUP BY k, floor(ts, 10m) WITH lateness = {'grace': '3h'}",
	)
	w.clock.Set(programStart)
	w.run("INSERT INTO t (k, ts, v) VALUES (1, '2026-03-20T11:59:00Z', 1)")
	w.run("CREATE ROLLUP hasty ON middle AS SELECT k, count(*) AS n GROUP BY k, floor(ts, 1h)")
	settle := func() {
		t.Helper()
		must(w, w.db.backfill.Await(w.db.Schema().Table("ks", "hasty"), math.MinInt64))
		for range 2 * levelsMax {
			must(w, w.db.rollups.Settle())
		}
	}
	settle()
	w.expect("SELECT k, n FROM hasty", "1 1")
	w.expect("SELECT k, n FROM fine")
	w.run("DELETE FROM t WHERE k = 1 AND ts < '2026-03-20T12:00:00Z'")
	w.clock.Advance(6 * time.Hour)
	settle()
	w.expect("SELECT k, n FROM hasty")
}
