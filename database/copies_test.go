package database

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eskerdb/esker/lsm"
)

// limited is a world whose statements may change few rows of copies.
func limited(t *testing.T, o Options, texts ...string) *world {
	w := newWorld(t)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.store, err = lsm.Open(lsm.Options{FS: w.fs, Dir: "data", Clock: w.clock, MemtableBytes: 1 << 20, Tuning: lsm.Tuning{LogSegmentBytes: 1 << 20}, RecordBytesMax: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	o.Store, o.Clock = Local{w.store}, w.clock
	if w.db, err = Open(o); err != nil {
		t.Fatal(err)
	}
	w.run(texts...)
	return w
}

var wide = []string{
	"CREATE TABLE wide (k int, c int, s int static, v int, PRIMARY KEY (k, c))",
	"CREATE QUERY TABLE by_v ON wide (s) PRIMARY KEY ((v), k, c)",
}

func (w *world) fill(rows int) {
	for c := range rows {
		w.run(fmt.Sprintf("INSERT INTO wide (k, c, v) VALUES (1, %d, %d)", c, c))
	}
}

// TestCopyRowsMax: a statement at the limit is carried out, one past it changes nothing, and the error says what
// to do instead.
func TestCopyRowsMax(t *testing.T) {
	w := limited(t, Options{CopyRowsMax: 10}, wide...)
	w.fill(11)
	w.refused("DELETE FROM wide WHERE k = 1", "this statement changes 11 rows of ks.wide in its query tables, and the most for one statement is 10 (--copy-rows-max): "+
		"take a part at a time, such as DELETE FROM ks.wide WHERE k = ? AND c >= ? AND c < ?")
	w.refused("UPDATE wide SET s = 1 WHERE k = 1", "this statement changes 11 rows of ks.wide in its query tables, and the most for one statement is 10 (--copy-rows-max): raise the limit")
	if got := len(w.rows("SELECT v FROM by_v")); got != 11 {
		t.Errorf("%d rows are left after statements that were refused", got)
	}
	w.expect("SELECT DISTINCT k, s FROM wide WHERE k = 1", "1 null")
	w.run("DELETE FROM wide WHERE k = 1 AND c < 1")
	w.run("UPDATE wide SET s = 1 WHERE k = 1", "DELETE FROM wide WHERE k = 1")
	w.expect("SELECT v FROM by_v")
}

// TestCopyBytesMax: what a statement holds in memory is bounded too.
func TestCopyBytesMax(t *testing.T) {
	w := limited(t, Options{CopyBytesMax: 1 << 20}, wide...)
	w.fill(4500)
	w.refused("UPDATE wide SET s = 1 WHERE k = 1", "their changes take more than 1 MiB")
	w.expect("SELECT v FROM by_v WHERE v = 4400", "4400")
	// What others hold meanwhile is not there, and comes back.
	others := w.db.copyMemory.Lease(0)
	if err := others.Grow(1<<20 - 100<<10); err != nil {
		t.Fatal(err)
	}
	w.refused("DELETE FROM wide WHERE k = 1 AND c >= 2000", "overloaded: query tables would take more than")
	others.Free()
	w.run("DELETE FROM wide WHERE k = 1 AND c >= 2000")
	if held := w.db.copyMemory.Used(); held != 0 {
		t.Errorf("%d bytes are held by nobody", held)
	}
	w.expect("SELECT v FROM by_v WHERE v = 4400")
}

// TestCopiesThatDoNotFitTheLog: a record too large because of its copies is refused with what to do.
func TestCopiesThatDoNotFitTheLog(t *testing.T) {
	w := limited(t, Options{},
		"CREATE TABLE wide (k int, c int, s int static, v int, x text, PRIMARY KEY (k, c))",
		"CREATE QUERY TABLE by_v ON wide (s, x) PRIMARY KEY ((v), k, c)")
	w.fill(40)
	for c := range 40 { // values that differ: the log shares what rows have in common
		w.run(fmt.Sprintf("UPDATE wide SET x = '%s' WHERE k = 1 AND c = %d", strings.Repeat(string(rune('A'+c)), 30_000), c))
	}
	w.refused("UPDATE wide SET s = 7 WHERE k = 1", "this statement changes 40 rows in the query tables of ks.wide, more than one record of the log holds")
	w.expect("SELECT DISTINCT k, s FROM wide WHERE k = 1", "1 null")
	w.expect("SELECT v, s FROM by_v WHERE v = 39", "39 null")
}
