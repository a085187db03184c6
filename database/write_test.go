package database

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// followed is a base table with a query table and a view, and one with a rollup.
var followed = []string{
	"CREATE TABLE base (k int, c int, v int, w int, PRIMARY KEY (k, c))",
	"CREATE QUERY TABLE byv ON base (w) PRIMARY KEY ((v), k, c)",
	"CREATE MATERIALIZED VIEW byc AS SELECT * FROM base WHERE k IS NOT NULL AND c IS NOT NULL AND w IS NOT NULL PRIMARY KEY (c, k)",
	"CREATE TABLE readings (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}",
}

// checkCopies compares both copies with the projection of their base (R39).
func (w *world) checkCopies() {
	w.t.Helper()
	var wantByV, wantByC []string
	for _, row := range w.rows("SELECT k, c, v, w FROM base") {
		var k, c, v, x string
		if _, err := fmt.Sscan(row, &k, &c, &v, &x); err != nil {
			w.t.Fatal(err)
		}
		if v != "null" {
			wantByV = append(wantByV, fmt.Sprintf("%s %s %s %s", v, k, c, x))
		}
		if x != "null" {
			wantByC = append(wantByC, fmt.Sprintf("%s %s %s %s", c, k, v, x))
		}
	}
	slices.Sort(wantByV)
	slices.Sort(wantByC)
	if got := w.sorted("SELECT v, k, c, w FROM byv"); !slices.Equal(got, wantByV) {
		w.t.Errorf("byv\n got %q\nwant %q", got, wantByV)
	}
	if got := w.sorted("SELECT c, k, v, w FROM byc"); !slices.Equal(got, wantByC) {
		w.t.Errorf("byc\n got %q\nwant %q", got, wantByC)
	}
}

// randomWrite draws a statement that changes base.
func randomWrite(rng *rand.Rand) string {
	k, c := rng.IntN(3), rng.IntN(4)
	value := func() string {
		if rng.IntN(4) == 0 {
			return "null"
		}
		return fmt.Sprint(rng.IntN(3))
	}
	switch rng.IntN(10) {
	case 0:
		return fmt.Sprintf("DELETE FROM base WHERE k = %d", k)
	case 1:
		return fmt.Sprintf("DELETE FROM base WHERE k = %d AND c > %d", k, c)
	case 2:
		return fmt.Sprintf("DELETE FROM base WHERE k = %d AND c = %d", k, c)
	case 3:
		return fmt.Sprintf("DELETE v FROM base WHERE k = %d AND c = %d", k, c)
	case 4, 5:
		return fmt.Sprintf("UPDATE base USING TTL %d SET v = %s, w = %s WHERE k = %d AND c IN (%d, 1)", 5*rng.IntN(3), value(), value(), k, c)
	case 6:
		return fmt.Sprintf("BEGIN BATCH INSERT INTO base (k, c, v) VALUES (%d, %d, %s); UPDATE base SET v = %s WHERE k = %d AND c = %d; DELETE FROM base WHERE k = %d AND c = 0; APPLY BATCH",
			k, c, value(), value(), k, c, rng.IntN(3))
	default:
		return fmt.Sprintf("INSERT INTO base (k, c, v, w) VALUES (%d, %d, %s, %s) USING TTL %d AND TIMESTAMP %d", k, c, value(), value(), 7*rng.IntN(2), rng.IntN(2)*rng.IntN(100_000_000)+1_000_000_000_000_000)
	}
}

// TestCopiesFollowWrites: through TTLs, deletions, old timestamps, flushes, restarts and crashes.
func TestCopiesFollowWrites(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, followed...)
		for range 60 {
			text := randomWrite(rng)
			w.run(text)
			switch rng.IntN(12) {
			case 0:
				w.clock.Advance(time.Duration(rng.IntN(6)) * time.Second)
			case 1:
				w.reopen()
			case 2:
				w.crash(rng)
			case 3:
				if err := w.store.Flush(w.db.Schema().Table("ks", "base").ID); err != nil {
					t.Fatal(err)
				}
			}
			w.checkCopies()
			if t.Failed() {
				t.Fatalf("seed %d after %s", seed, text)
			}
		}
	}
}

// TestWritersAtOnce: writers on the same rows leave a copy that fits (R44). Run it with -race.
func TestWritersAtOnce(t *testing.T) {
	w := newWorld(t, followed...)
	var group sync.WaitGroup
	for writer := range uint64(4) {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(writer, 1))
			for i := range 60 {
				if _, err := w.try(randomWrite(rng)); err != nil {
					t.Error(err)
				}
				if _, err := w.try("INSERT INTO readings (k, ts, v) VALUES (?, ?, ?)", number(int32(rng.IntN(2))), millis(int64(i)*600_000), number(int32(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	w.checkCopies()
	w.checkRollup()
}

// TestCrashesInTheMiddleOfWrites: what a crash leaves of a write is all of it, copies and marks included, or nothing (law 6).
func TestCrashesInTheMiddleOfWrites(t *testing.T) {
	w := newWorld(t, followed...)
	var group sync.WaitGroup
	for writer := range uint64(2) {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(writer, 3))
			for i := range 150 {
				_, err := w.try(randomWrite(rng))
				if err == nil {
					_, err = w.try("INSERT INTO readings (k, ts, v) VALUES (?, ?, ?)", number(int32(rng.IntN(2))), millis(int64(i%20)*600_000), number(int32(i)))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(4, 4))
	for range 8 {
		left := &world{t: t, fs: w.fs.CrashClone(rng, rng.IntN(101)), clock: w.clock}
		left.open()
		left.checkCopies()
		left.checkRollup()
		if err := left.db.Close(); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
}

func number(v int32) planner.Value { return planner.Value{Bytes: types.AppendInt(nil, v)} }

func millis(v int64) planner.Value { return planner.Value{Bytes: types.AppendBigint(nil, v)} }

// checkRollup compares the rollup with the aggregate over the rows that have not expired; the tests give none a TTL.
func (w *world) checkRollup() {
	w.t.Helper()
	w.settle()
	got := w.sorted("SELECT k, ts, count_v, sum_v, min_v, max_v FROM readings_1h")
	var want []string
	type window struct{ k, start int64 }
	all := map[window][]int64{}
	for _, row := range w.rows("SELECT k, ts, v FROM readings") {
		var k, ts, v int64
		if _, err := fmt.Sscan(row, &k, &ts, &v); err != nil {
			w.t.Fatal(err)
		}
		at := window{k, ts - ts%3_600_000}
		all[at] = append(all[at], v)
	}
	for at, values := range all {
		sum := int64(0)
		for _, v := range values {
			sum += v
		}
		want = append(want, fmt.Sprintf("%d %d %d %d %d %d", at.k, at.start, len(values), sum, slices.Min(values), slices.Max(values)))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("rollup\n got %q\nwant %q", got, want)
	}
}

// TestRollupsFollowWrites: through deletions, restarts and crashes that leave marks behind (law 7).
func TestRollupsFollowWrites(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t, followed...)
	for range 120 {
		k, ts := rng.IntN(2), rng.IntN(5)*1_800_000
		text := fmt.Sprintf("INSERT INTO readings (k, ts, v) VALUES (%d, %d, %d)", k, ts, rng.IntN(9))
		switch rng.IntN(8) {
		case 0:
			text = fmt.Sprintf("DELETE FROM readings WHERE k = %d AND ts = %d", k, ts)
		case 1:
			text = fmt.Sprintf("DELETE FROM readings WHERE k = %d AND ts < %d", k, ts)
		case 2:
			text = fmt.Sprintf("DELETE FROM readings WHERE k = %d", k)
		}
		w.run(text)
		w.clock.Advance(time.Millisecond)
		switch rng.IntN(10) {
		case 0:
			w.crash(rng)
		case 1:
			w.reopen()
		case 2, 3:
			w.checkRollup()
		}
	}
	w.checkRollup()
}

// TestExpiredRowsStayInTheRollup: a late write has its window computed again, with rows that ended long ago
// and went through compaction (R40, R41).
func TestExpiredRowsStayInTheRollup(t *testing.T) {
	w := newWorld(t, followed...)
	base := w.db.Schema().Table("ks", "readings").ID
	for i := range 8 {
		w.run(fmt.Sprintf("INSERT INTO readings (k, ts, v) VALUES (1, %d, 1) USING TTL 10", i))
		if err := w.store.Flush(base); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.Advance(30 * 24 * time.Hour)
	if err := w.store.Compact(base); err != nil {
		t.Fatal(err)
	}
	w.run("INSERT INTO readings (k, ts, v) VALUES (1, 100, 5)")
	w.settle()
	w.expect("SELECT k, ts, v FROM readings", "1 100 5")
	w.expect("SELECT count_v, sum_v, last_v FROM readings_1h", "9 13 5")
}

func TestTruncateEmptiesCopiesAndRollups(t *testing.T) {
	w := newWorld(t, followed...)
	w.run("INSERT INTO base (k, c, v, w) VALUES (1, 2, 3, 4)", "INSERT INTO readings (k, ts, v) VALUES (1, 5, 7)")
	w.settle()
	w.expect("SELECT count_v FROM readings_1h", "1")
	w.run("INSERT INTO readings (k, ts, v) VALUES (1, 3600005, 7)") // its mark is left behind
	w.run("TRUNCATE base", "TRUNCATE readings")
	for range 2 {
		for _, table := range []string{"base", "byv", "byc", "readings", "readings_1h"} {
			w.expect("SELECT * FROM " + table)
		}
		w.settle()
		w.reopen()
	}
	w.run("INSERT INTO base (k, c, v, w) VALUES (1, 2, 5, 6)", "INSERT INTO readings (k, ts, v) VALUES (1, 6, 8)")
	w.checkCopies()
	w.checkRollup()
}

func TestAppendOnlyTables(t *testing.T) {
	w := newWorld(t,
		"CREATE TABLE log (k int, c int, v int, PRIMARY KEY (k, c)) WITH append_only = true",
		"CREATE QUERY TABLE log_by_v ON log (k) PRIMARY KEY ((v), k, c)")
	w.run("INSERT INTO log (k, c, v) VALUES (1, 1, 10)",
		"BEGIN BATCH INSERT INTO log (k, c, v) VALUES (1, 2, 20); INSERT INTO log (k, c, v) VALUES (1, 2, 20); APPLY BATCH")
	w.expect("SELECT v, k, c FROM log_by_v WHERE v IN (10, 20)", "10 1 1", "20 1 2")
	w.refused("UPDATE log SET v = 1 WHERE k = 1 AND c = 1", "append_only")
	w.run("DELETE FROM log WHERE k = 1 AND c >= 2") // to undo an import
	w.expect("SELECT v, k, c FROM log_by_v", "10 1 1")
	w.run("DELETE FROM log WHERE k = 1")
	w.expect("SELECT v, k, c FROM log_by_v")
}
