package database

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/mutation"
)

// spoilAll makes every row of r_1h wrong, behind the back of marks.
func (w *world) spoilAll(partitions, hours int) {
	for k := range partitions {
		for h := range hours {
			w.spoil(k, h, func(row *mutation.Row) { w.set(row, "count_n", nil) })
		}
	}
}

// TestRefreshComputesWithoutMarks: all windows, those of a range, those of a partition; and those of the rollups above that change.
func TestRefreshComputesWithoutMarks(t *testing.T) {
	at := func(hour int) int64 { return rolledFrom + int64(hour)*3_600_000 }
	for _, c := range []struct {
		where string
		left  int // divergences
	}{
		{"", 0},
		{fmt.Sprintf("WHERE ts >= %d", at(2)), 6},
		{fmt.Sprintf("WHERE ts >= %d AND ts < %d", at(1), at(2)), 9},
		{fmt.Sprintf("WHERE ts = %d", at(3)), 9},
		{fmt.Sprintf("WHERE ts > %d AND ts <= %d", at(0)+1, at(1)), 6},
		{fmt.Sprintf("WHERE k = 1 AND ts < %d", at(2)), 10},
		{"WHERE k = 2", 8},
		{"WHERE k = 77", 12},
		{fmt.Sprintf("WHERE ts >= %d", at(100)), 12},
	} {
		w := rolled(t, 3, 4)
		w.run("CREATE ROLLUP r_1d ON r_1h AS SELECT k, floor(ts, 1d) AS ts, count(n), max(v) GROUP BY k, floor(ts, 1d)")
		w.clock.Advance(48 * time.Hour)
		w.filled()
		w.spoilAll(3, 4)
		w.run("REFRESH ROLLUP r_1d") // merges what is wrong
		r, err := w.try("REFRESH ROLLUP r_1h " + c.where)
		if err != nil || r.Kind != ResultVoid || len(r.Warnings) > 0 {
			t.Fatalf("%s: %v %+v", c.where, err, r)
		}
		if got := len(w.rows("CHECK ROLLUP r_1h")); got != c.left {
			t.Errorf("%s: %d rows are still wrong, not %d", c.where, got, c.left)
		}
		if c.left == 0 {
			w.expect("CHECK ROLLUP r_1d")
		}
		w.run("CHECK ROLLUP r_1h REPAIR")
		w.settle()
		w.expect("CHECK ROLLUP r_1d")
		if t.Failed() {
			return
		}
	}
}

// TestRefreshAndCheckLeaveSealedWindows: they stay as they are, and a warning says how many.
func TestRefreshAndCheckLeaveSealedWindows(t *testing.T) {
	w := newWorld(t, createReadings,
		"CREATE ROLLUP r_1h ON r AS SELECT k, floor(ts, 1h) AS ts, count(v), count(n) GROUP BY k, floor(ts, 1h) WITH lateness = {'max': '1d'}")
	for k := range 3 {
		for h := range 4 {
			w.reading(k, h, 0, float64(h)+0.5, k)
			w.reading(k, h+40, 0, float64(h)+0.5, k)
		}
	}
	w.clock.Advance(50 * time.Hour)
	w.settle()
	w.spoilAll(3, 4)
	for text, want := range map[string]string{
		"REFRESH ROLLUP r_1h":                                                "rollup ks.r_1h: 12 windows are sealed and stay as they are",
		"REFRESH ROLLUP r_1h WHERE k = 1":                                    "rollup ks.r_1h: 4 windows are sealed and stay as they are",
		fmt.Sprintf("REFRESH ROLLUP r_1h WHERE ts > %d", rolledFrom):         "rollup ks.r_1h: 12 windows are sealed and stay as they are",
		fmt.Sprintf("REFRESH ROLLUP r_1h WHERE ts > %d", rolledFrom+9000000): "rollup ks.r_1h: 6 windows are sealed and stay as they are",
		"CHECK ROLLUP r_1h":                                                  "rollup ks.r_1h: 12 windows compared with the rows of ks.r, 0 divergences; 12 sealed windows skipped",
		"CHECK ROLLUP r_1h SAMPLE 3 REPAIR":                                  "rollup ks.r_1h: 3 windows compared with the rows of ks.r, 0 divergences, 0 mended; 12 sealed windows skipped",
	} {
		r, err := w.try(text)
		if err != nil || !slices.Equal(r.Warnings, []string{want}) {
			t.Errorf("%s: %v %q", text, err, r.Warnings)
		}
	}
	w.expect("SELECT count(*) FROM r_1h WHERE k = 1", "8")
	states := map[string]int{}
	for _, line := range w.rows("SELECT partition, state FROM system_views.rollup_windows WHERE keyspace_name = 'ks'") {
		states[line]++
	}
	if len(states) != 6 || states["1 sealed"] != 4 || states["1 final"] != 4 {
		t.Errorf("windows %v", states)
	}
}

// TestRefreshEndsWithTheDatabase: while it waits for a backfill, and between its steps.
func TestRefreshEndsWithTheDatabase(t *testing.T) {
	w := newWorld(t, createReadings)
	w.reading(0, 0, 0, 1, 1)
	begun, goOn := make(chan struct{}, 1), make(chan struct{})
	w.steerBackfill(1, func() {
		select {
		case begun <- struct{}{}:
		default:
		}
		<-goOn
	})
	w.run(createHourly)
	<-begun
	done := make(chan error, 1)
	go func() {
		_, err := w.try("REFRESH ROLLUP hourly")
		done <- err
	}()
	closed := make(chan error, 1)
	go func() { closed <- w.db.Close() }()
	if err := <-done; !errors.Is(err, jobs.ErrStopped) && (err == nil || !strings.Contains(err.Error(), "closed")) {
		t.Errorf("REFRESH ended with %v", err)
	}
	close(goOn)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	w.open()
	w.filled()
	w.run("REFRESH ROLLUP hourly")
	w.checked()
}
