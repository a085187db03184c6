package database

import (
	"fmt"
	"testing"
	"time"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/planner"
)

// between runs a SELECT that statements come between: some before its View is pinned, some after.
func (w *world) between(text string, before, after []string) int {
	w.t.Helper()
	st, err := w.db.Prepare("ks", text)
	if err != nil {
		w.t.Fatal(err)
	}
	plan, err := w.db.bind(st, &Request{})
	if err != nil {
		w.t.Fatal(err)
	}
	read := plan.(*planner.Read)
	w.run(before...)
	source := w.db.sourceOf(read)
	defer source.Close()
	w.run(after...)
	now := w.clock.Now()
	r, err := exec.Run(source, read, exec.Options{NowSec: now.Unix(), Retained: w.db.retained(source, read.Table, now.UnixMilli())})
	if err != nil {
		w.t.Fatalf("%s, between %q and %q: %v", text, before, after, err)
	}
	return r.RowCount
}

// TestLevelsGoUnderAScan: a rollup may be dropped while a statement that it may serve is on its way.
func TestLevelsGoUnderAScan(t *testing.T) {
	const rollup = "CREATE ROLLUP r ON m AS SELECT d, floor(ts, 1h) AS hour, count(*) GROUP BY d, floor(ts, 1h)"
	w := newWorld(t, "CREATE TABLE m (d int, ts timestamp, n int, PRIMARY KEY (d, ts))", rollup)
	for d := range 3 {
		w.run(fmt.Sprintf("INSERT INTO m (d, ts, n) VALUES (%d, %d, 1)", d, w.clock.Now().UnixMilli()))
	}
	w.clock.Advance(48 * time.Hour)
	w.settle()
	for _, text := range []string{"SELECT d, floor(ts, 1h), count(*) FROM m GROUP BY d, floor(ts, 1h)", "SELECT d, floor(ts, 1h), count(*) FROM m WHERE d IN (0, 1, 2) GROUP BY d, floor(ts, 1h)"} {
		for _, c := range [][2][]string{{{"DROP ROLLUP r"}, nil}, {nil, {"DROP ROLLUP r"}}, {{"DROP ROLLUP r", rollup}, nil}} {
			if got := w.between(text, c[0], c[1]); got != 3 {
				t.Errorf("%s, between %q: %d rows", text, c, got)
			}
			if w.db.Schema().Table("ks", "r") == nil {
				w.run(rollup)
			}
			w.filled()
		}
	}
}

// TestEndedRowsStayHiddenUnderATruncation: a TRUNCATE makes a table forget by what its rows had ended; who reads as of before it
// still sees none that had.
func TestEndedRowsStayHiddenUnderATruncation(t *testing.T) {
	for _, text := range []string{"SELECT n FROM m", "SELECT d, floor(ts, 1h), count(*) FROM m GROUP BY d, floor(ts, 1h)"} {
		w := newWorld(t, "CREATE TABLE m (d int, ts timestamp, n int, PRIMARY KEY (d, ts)) WITH retention = {'duration': '6h', 'by': 'ts'}")
		w.run(fmt.Sprintf("INSERT INTO m (d, ts, n) VALUES (1, %d, 1)", w.clock.Now().UnixMilli()))
		w.clock.Advance(10 * time.Hour)
		w.run("ALTER TABLE m WITH retention = {'duration': '60d', 'by': 'ts'}")
		if got := w.between(text, nil, []string{"TRUNCATE m"}); got != 0 {
			t.Errorf("%s: %d rows", text, got)
		}
	}
}
