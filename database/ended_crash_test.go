package database

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eskerdb/esker/lsm"
)

// loseUnsynced goes on with what a power cut leaves that takes everything which was not synced.
func (w *world) loseUnsynced() {
	w.t.Helper()
	clone := w.fs.CrashClone(rand.New(rand.NewPCG(1, 1)), 0)
	if err := w.db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.fs = clone
	w.open()
}

// TestWhatGoesIsDurablyKept: rows leave the disk for windows of a rollup that are sealed, and a power cut takes neither the seal nor what
// the windows hold, although the log is synced now and then only.
func TestWhatGoesIsDurablyKept(t *testing.T) {
	for name, remove := range map[string]func(*world) error{
		"whole files": func(w *world) error { return w.store.Tidy() },
		"a merge":     func(w *world) error { return w.store.Compact(w.db.Schema().Table("ks", "t").ID) },
		"a flush":     func(w *world) error { return w.store.Flush(w.db.Schema().Table("ks", "t").ID) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if err := w.db.Close(); err != nil {
				t.Fatal(err)
			}
			w.quiet, w.mode = true, lsm.LogPeriodic
			w.open()
			w.run("CREATE TABLE t (d text, ts timestamp, v int, PRIMARY KEY (d, ts)) WITH retention = {'duration': '10h', 'by': 'ts'} AND time_bucket = {'column': 'ts', 'size': '1h'} AND rollups = {'1h': 'forever'}")
			for i := range 4 {
				w.run(fmt.Sprintf("INSERT INTO t (d, ts, v) VALUES ('a', '%s', %d)", iso(w.clock.Now().Add(-time.Duration(i)*time.Hour)), i))
			}
			if name != "a flush" {
				w.compact("t")
			}
			w.clock.Advance(24 * time.Hour)
			w.settle()
			w.settle()
			w.expect("SELECT count(*) FROM t_1h", "4")
			if err := remove(w); err != nil {
				t.Fatal(err)
			}
			if n := w.onDisk("t"); n != 0 {
				t.Fatalf("%d rows are still there: the test shows nothing", n)
			}
			w.loseUnsynced()
			w.settle()
			w.expect("SELECT count(*) FROM t_1h", "4")
		})
	}
}
