package database

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/planner"
)

// Aggregates over row groups of which some rows have ended count those that show, and still use what is known of groups that all show.
func TestSummariesLeaveOutWhatHasEnded(t *testing.T) {
	const rows = 6000 // a minute each
	w := newWorld(t,
		"CREATE TABLE t (d text, ts timestamp, v int, PRIMARY KEY (d, ts)) WITH retention = {'duration': '3d', 'by': 'ts'}",
		"CREATE TABLE e (d text, c int, v int, until timestamp, PRIMARY KEY (d, c)) WITH retention = {'column': 'until'}")
	w.quiet = true
	w.reopen()
	w.run("CREATE QUERY TABLE by_time ON t (v) PRIMARY KEY (d, ts)")
	start := w.clock.Now()
	for from := 0; from < rows; from += 500 {
		var b strings.Builder
		b.WriteString("BEGIN UNLOGGED BATCH ")
		for i := from; i < from+500; i++ {
			until := start.Add(time.Duration(i) * time.Minute).UnixMilli()
			fmt.Fprintf(&b, "INSERT INTO t (d, ts, v) VALUES ('a', %d, %d); INSERT INTO e (d, c, v, until) VALUES ('a', %d, %d, %d); ",
				until, i, i, i, until)
		}
		w.run(b.String() + "APPLY BATCH")
		w.clock.Advance(500 * time.Minute)
	}
	w.compact("t")
	w.compact("e")
	w.clock.Advance(start.Add(rows * time.Minute).Sub(w.clock.Now()))
	look := func(table string, first int) {
		t.Helper()
		n := rows - first
		sum := (first + rows - 1) * n / 2
		w.expect("SELECT count(*), count(v), sum(v), min(v), max(v), first(v), last(v) FROM "+table+" WHERE d = 'a'",
			fmt.Sprintf("%d %d %d %d %d %d %d", n, n, int32(sum), first, rows-1, first, rows-1))
	}
	first := rows - 3*24*60 + 1 // the row that is as old as the retention has ended
	look("t", first)
	look("by_time", first)
	w.clock.Advance(10 * time.Hour)
	look("t", first+600)
	if got := w.summarized("SELECT count(v), max(v) FROM t WHERE d = 'a'"); got == 0 || got >= rows-int64(first)-600 {
		t.Errorf("%d rows were answered by what is known of their groups", got)
	}
	w.run("ALTER TABLE t WITH retention = {'duration': '1d', 'by': 'ts'}")
	look("t", rows+600-24*60+1)
	look("by_time", rows+600-24*60+1)
	w.expect("SELECT count(v), max(v) FROM e WHERE d = 'a'", "0 null")
	w.run("INSERT INTO e (d, c, v, until) VALUES ('a', 17, 17, 2000000000000)")
	w.expect("SELECT count(v), max(v) FROM e WHERE d = 'a'", "1 17")
}

// An end column leaves summaries to groups in which no row has ended.
func TestSummariesByEndColumn(t *testing.T) {
	const rows = 6000
	w := newWorld(t, "CREATE TABLE e (d text, c int, v int, until timestamp, PRIMARY KEY (d, c)) WITH retention = {'column': 'until'}")
	w.quiet = true
	w.reopen()
	start := w.clock.Now()
	for i := range rows {
		until := fmt.Sprint(start.Add(time.Duration(i) * time.Second).UnixMilli())
		if i%7 == 0 {
			until = "null"
		}
		w.run(fmt.Sprintf("INSERT INTO e (d, c, v, until) VALUES ('a', %d, %d, %s)", i, i, until))
	}
	w.compact("e")
	w.clock.Advance(2000 * time.Second)
	count, sum := 0, 0
	for i := range rows {
		if i%7 == 0 || i > 2000 {
			count, sum = count+1, sum+i
		}
	}
	w.expect("SELECT count(v), sum(v), min(v), max(v) FROM e WHERE d = 'a'", fmt.Sprintf("%d %d %d %d", count, int32(sum), 0, rows-1))
	if got := w.summarized("SELECT count(v), max(v) FROM e WHERE d = 'a'"); got == 0 || got >= rows-2000 {
		t.Errorf("%d rows were answered by what is known of their groups", got)
	}
}

// summarized is how many rows of a SELECT were answered by what is known of their row groups.
func (w *world) summarized(text string) int64 {
	w.t.Helper()
	st, err := w.db.Prepare("ks", text)
	if err != nil {
		w.t.Fatal(err)
	}
	plan, err := st.Plan.Bind(nil, w.db.context(nil))
	if err != nil {
		w.t.Fatal(err)
	}
	read := plan.(*planner.Read)
	source := w.db.sourceOf(read)
	defer source.Close()
	now := w.clock.Now()
	r, err := exec.Run(source, read, exec.Options{NowSec: now.Unix(), Retained: w.db.retained(source, read.Table, now.UnixMilli())})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Stats.RowsSummarized
}
