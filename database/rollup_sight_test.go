package database

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/vfs"
)

// A chain of as many levels as there may be is told of at once: each level looks once at those below it.
func TestALongChainOfLevelsIsToldOf(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, ts timestamp, v int, PRIMARY KEY (k, ts))")
	source, step := "t", int64(1)
	for range 32 {
		name := fmt.Sprintf("t_%ds", step)
		w.run(fmt.Sprintf("CREATE ROLLUP ks.%s ON ks.%s AS SELECT k, floor(ts, %ds), count(v) GROUP BY k, floor(ts, %ds)", name, source, step, step))
		source, step = name, 2*step
	}
	w.run("INSERT INTO ks.t (k, ts, v) VALUES (1, 5000, 1)")
	if got := len(w.rows("SELECT * FROM system_views.rollups WHERE keyspace_name = 'ks'")); got != 32 {
		t.Errorf("%d rollups are told of", got)
	}
}

// Windows that are past the retention of their rollup are not told of, purged or not.
func TestWindowsPastTheRetentionAreNotToldOf(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': '20h', '1d': 'forever'}")
	from := w.clock.Now().Truncate(time.Hour)
	for h := range 40 {
		w.run(fmt.Sprintf("INSERT INTO ks.t (k, ts, v) VALUES (1, %d, 1)", from.Add(time.Duration(h)*time.Hour).UnixMilli()))
	}
	for range 42 {
		w.clock.Advance(time.Hour)
		w.settle()
	}
	w.clock.Set(from.Add(42*time.Hour + time.Minute))
	shown := w.rows("SELECT ts FROM ks.t_1h WHERE k = 1")
	told := w.rows("SELECT window_start FROM system_views.rollup_windows WHERE keyspace_name = 'ks' AND rollup_name = 't_1h'")
	if len(shown) != 17 || len(told) != len(shown) {
		t.Errorf("%d windows show, %d are told of: %q", len(shown), len(told), told)
	}
}

// What cannot be read of windows is an error, not nothing.
func TestWindowsThatCannotBeReadAreAnError(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}", "INSERT INTO ks.t (k, ts, v) VALUES (1, 5000, 1)")
	w.settle()
	if err := w.store.FlushAll(); err != nil {
		t.Fatal(err)
	}
	var broken atomic.Bool
	w.judge = func(op vfs.Op) error {
		if broken.Load() && op.Kind == vfs.OpRead && strings.HasSuffix(op.Name, ".sst") {
			return errors.New("disk is on fire")
		}
		return nil
	}
	w.reopen()
	broken.Store(true)
	if rows, err := w.try("SELECT * FROM system_views.rollup_windows WHERE keyspace_name = 'ks'"); err == nil {
		t.Errorf("%q", decodeRows(t, rows))
	}
	broken.Store(false)
}

// A row in a sealed window is told of though the window is open: the clock was set back, or the grace is longer now.
func TestRowsOfWindowsThatAreSealedAndOpenAreToldOf(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, ts timestamp, v int, PRIMARY KEY (k, ts))",
		"CREATE ROLLUP ks.t_1h ON ks.t AS SELECT k, floor(ts, 1h) AS ts, count(v) GROUP BY k, floor(ts, 1h) WITH lateness = {'max': '5h'}")
	at := w.clock.Now()
	insert := fmt.Sprintf("INSERT INTO ks.t (k, ts, v) VALUES (1, %d, 1)", at.UnixMilli())
	w.run(insert)
	w.clock.Advance(10 * time.Hour)
	w.settle()
	for range 2 {
		r, err := w.try(insert)
		if err != nil || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "1 rows older than") {
			t.Errorf("%v %+v", err, r)
		}
		w.clock.Set(at)
	}
	w.expect("SELECT marks_written, late_sealed FROM system_views.rollup_progress WHERE keyspace_name = 'ks'", "1 2")
}
