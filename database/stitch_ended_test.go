package database

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eskerdb/esker/database/jobs"
)

// TestCutWindowsOutliveTheirRows: what a statement takes of a sealed window that it cuts is the same before and after its rows have
// left the disk.
func TestCutWindowsOutliveTheirRows(t *testing.T) {
	w := newWorld(t, "CREATE TABLE m (d int, ts timestamp, n int, PRIMARY KEY (d, ts)) WITH retention = {'duration': '6h', 'by': 'ts'} AND rollups = {'1h': 'forever'} AND gc_grace_seconds = 0")
	hour := w.clock.Now().Truncate(time.Hour).Add(time.Hour).UnixMilli()
	w.clock.Set(time.UnixMilli(hour))
	for i := range int64(24) { // four hours
		w.run(fmt.Sprintf("INSERT INTO m (d, ts, n) VALUES (1, %d, %d)", hour+i*600_000, i))
		w.clock.Set(time.UnixMilli(hour + (i+1)*600_000))
	}
	if err := w.store.FlushAll(); err != nil {
		t.Fatal(err)
	}
	w.settle()
	text := fmt.Sprintf("SELECT floor(ts, 1h), count(*), sum(n) FROM m WHERE d = 1 AND ts >= %d AND ts < %d GROUP BY d, floor(ts, 1h)", hour+1_800_000, hour+3*3_600_000+1_800_000)
	if got := w.rows(text); len(got) != 4 { // nothing has ended yet
		t.Fatalf("%q", got)
	}
	w.clock.Advance(48 * time.Hour)
	w.settle()
	want := w.rows(text)
	if len(want) != 2 { // of the windows that it cuts no row shows
		t.Errorf("before its rows go: %q", want)
	}
	w.compact("m")
	if left := w.onDisk("m"); left != 0 {
		t.Fatalf("%d rows are left", left)
	}
	if got := w.rows(text); !slices.Equal(got, want) {
		t.Errorf("%q became %q", want, got)
	}
}

// TestEndedRowsStayHiddenWhileARollupIsBuilt: until a rollup has the windows, an answer is that of the rows that show.
func TestEndedRowsStayHiddenWhileARollupIsBuilt(t *testing.T) {
	w := newWorld(t, "CREATE TABLE m (d int, ts timestamp, n int, PRIMARY KEY (d, ts)) WITH retention = {'duration': '7d', 'by': 'ts'}")
	day := w.clock.Now().Truncate(24 * time.Hour)
	for i := range 30 {
		w.clock.Set(day.Add(time.Duration(i) * 24 * time.Hour))
		w.run(fmt.Sprintf("INSERT INTO m (d, ts, n) VALUES (1, %d, %d)", w.clock.Now().UnixMilli(), i))
	}
	w.clock.Advance(time.Hour)
	w.db.backfill.Close()
	const text = "SELECT floor(ts, 1d), count(*), sum(n) FROM m WHERE d = 1 GROUP BY d, floor(ts, 1d)"
	want := w.rows(text)
	if len(want) != 7 {
		t.Fatalf("%d days show: %q", len(want), want)
	}
	w.run("ALTER TABLE m WITH rollups = {'1h': 'forever'}", "PAUSE ROLLUP m_1h")
	w.settle()
	if got := w.rows(text); !slices.Equal(got, want) {
		t.Errorf("while nothing is built\n got %q\nwant %q", got, want)
	}
	w.db.backfill = jobs.StartBackfill(w.db.rollups, backfillStore{w.db}, w.clock, 0)
	w.run("RESUME ROLLUP m_1h")
	w.filled()
	if got := w.rows(text); !slices.Equal(got, want) {
		t.Errorf("when it is built\n got %q\nwant %q", got, want)
	}
	w.clock.Advance(100 * 24 * time.Hour)
	w.compact("m")
	if got := w.rows(text); !slices.Equal(got, want) {
		t.Errorf("when the rows are gone\n got %q\nwant %q", got, want)
	}
}
