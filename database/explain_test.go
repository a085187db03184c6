package database

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
)

// newDays is a world whose table ks.r has a bucket and a file for each of so many days, with a row an hour.
func newDays(t *testing.T, days int) *world {
	t.Helper()
	w := &world{t: t, fs: vfs.NewMem(), clock: clock.NewManual(time.UnixMilli(1_000_000_000_000))}
	var err error
	if w.store, err = lsm.Open(lsm.Options{FS: w.fs, Dir: "data", Clock: w.clock, MemtableBytes: 1 << 20,
		Tuning: lsm.Tuning{LogSegmentBytes: 1 << 20, NoBackground: true, ShareRows: 1}}); err != nil {
		t.Fatal(err)
	}
	if w.db, err = Open(Options{Store: Local{w.store}, Clock: w.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.run(createKeyspace, "CREATE TABLE ks.r (d text, ts timestamp, v double, PRIMARY KEY (d, ts)) WITH CLUSTERING ORDER BY (ts DESC) AND time_bucket = {'column': 'ts', 'size': '1d'}")
	for day := range days {
		var batch strings.Builder
		for hour := range 24 {
			fmt.Fprintf(&batch, "INSERT INTO ks.r (d, ts, v) VALUES ('a', %d, %d.5); ", dayAt(day)+int64(hour)*3_600_000, hour)
		}
		w.run("BEGIN BATCH " + batch.String() + "APPLY BATCH")
		if err := w.store.FlushAll(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// dayAt is when a day begins, in milliseconds.
func dayAt(day int) int64 { return int64(7900+day) * 86_400_000 }

// readStep is the second step of a plan.
func (w *world) readStep(text string) string {
	w.t.Helper()
	return w.rows(text)[1]
}

// A day of ten years is one file and one bucket, and so is the newest row, whatever there is beside.
func TestPlanOfADayOfTenYears(t *testing.T) {
	days := 365
	if os.Getenv("ESKER_SOAK") != "" {
		days = 3650
	}
	t.Logf("%d days of 3650", days)
	w := newDays(t, days)
	day := fmt.Sprintf("SELECT v FROM ks.r WHERE d = 'a' AND ts >= %d AND ts < %d", dayAt(100), dayAt(101))
	want := fmt.Sprintf("looks into at most 1 of %d files in 1 of %d buckets (1 of 1 row group) and 0 memtables", days, days)
	if got := w.readStep("EXPLAIN " + day); !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant … %s", got, want)
	}
	want = fmt.Sprintf("read 1 partition, 1 of %d files in 1 bucket, 0 memtables, 1 of 1 row group, 24 rows decoded, 0 tombstones", days)
	if got := w.readStep("EXPLAIN ANALYZE " + day); !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant … %s", got, want)
	}
	want = fmt.Sprintf("read 1 partition, 1 of %d files in 1 bucket, 0 memtables, 1 of 1 row group, 1 row decoded, 0 tombstones", days)
	for _, latest := range []string{"LIMIT 1", "ORDER BY ts DESC LIMIT 1", "ORDER BY ts ASC LIMIT 1"} {
		if got := w.readStep("EXPLAIN ANALYZE SELECT v FROM ks.r WHERE d = 'a' " + latest); !strings.Contains(got, want) {
			t.Errorf("%s: got  %s\nwant … %s", latest, got, want)
		}
	}
	// A century without rows costs nothing.
	want = fmt.Sprintf("read 1 partition, 0 of %d files in 0 buckets, 0 memtables, 0 of 0 row groups, 0 rows decoded, 0 tombstones", days)
	if got := w.readStep("EXPLAIN ANALYZE SELECT v FROM ks.r WHERE d = 'a' AND ts < '1970-01-01'"); !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant … %s", got, want)
	}
}

// ANALYZE runs the whole read, however large its answer, and keeps none of it.
func TestAnalyzeKeepsNoRows(t *testing.T) {
	w := newDays(t, 30)
	st, err := w.db.Parse("ks", "EXPLAIN ANALYZE SELECT * FROM r WHERE d = 'a'")
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.db.Execute(st, Request{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.PagingState != nil || r.Rows.RowCount != 3 {
		t.Errorf("%d rows and paging state %x", r.Rows.RowCount, r.PagingState)
	}
	rows := w.rows("EXPLAIN ANALYZE SELECT * FROM ks.r WHERE d = 'a'")
	if want := "3 return ks.r d, ts, v 720 720 0"; rows[2] != want {
		t.Errorf("got  %s\nwant %s", rows[2], want)
	}
}

// What ANALYZE measures is what the clock says, step by step.
func TestAnalyzeMeasuresSteps(t *testing.T) {
	w := newDays(t, 3)
	ticking := &tickingClock{Manual: w.clock}
	w.db.clock = ticking
	rows := w.rows("EXPLAIN ANALYZE SELECT max(v) FROM ks.r WHERE d = 'a' AND v > 1 ALLOW FILTERING")
	micros := map[string]int{}
	for _, row := range rows[1:] {
		cells := strings.Fields(row)
		n, err := strconv.Atoi(cells[len(cells)-1])
		if err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		micros[cells[1]] = n
	}
	// Three batches: each is read, filtered and aggregated. Finding and opening the partition, and the two ends, are reading,
	// too, and who counts reads looks at the clock besides.
	if micros["read"] < 7000 || micros["filter"] != 3000 || micros["aggregate"] != 4000 || micros["return"] != 0 {
		t.Errorf("%v", micros)
	}
}

// tickingClock goes on a millisecond with every look.
type tickingClock struct{ *clock.Manual }

func (c *tickingClock) Now() time.Time {
	c.Advance(time.Millisecond)
	return c.Manual.Now()
}

func TestAnalyzeOfAWriteIsRefused(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int PRIMARY KEY, v int)")
	for _, text := range []string{"INSERT INTO ks.t (k, v) VALUES (1, 1)", "TRUNCATE ks.t", "DROP TABLE ks.t"} {
		w.refused("EXPLAIN ANALYZE "+text, "would change something")
	}
	w.expect("SELECT * FROM ks.t")
}
