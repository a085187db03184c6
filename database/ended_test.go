package database

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/partition"
)

// onDisk is how many rows files and memtables have of a table.
func (w *world) onDisk(name string) int64 {
	w.t.Helper()
	for _, t := range w.store.Statistics().Tables {
		if t.Name == "ks."+name {
			return t.FileRows + t.MemtableRows
		}
	}
	w.t.Fatalf("no table %s", name)
	return 0
}

// tidy does what the store does by itself.
func (w *world) tidy() {
	w.t.Helper()
	if err := w.store.Tidy(); err != nil {
		w.t.Fatal(err)
	}
}

// hourly writes a row of each of the partitions every hour for so many hours, and does what the server does meanwhile.
func (w *world) hourly(table string, hours int, partitions ...string) {
	w.t.Helper()
	for n := range hours {
		for _, k := range partitions {
			w.run(fmt.Sprintf("INSERT INTO %s (k, ts, v) VALUES ('%s', %d, %d)", table, k, w.clock.Now().UnixMilli(), n))
		}
		if n%5 == 4 {
			if err := w.store.FlushAll(); err != nil {
				w.t.Fatal(err)
			}
		}
		w.clock.Advance(time.Hour)
		w.tidy()
	}
}

func newQuietWorld(t *testing.T, texts ...string) *world {
	w := newWorld(t)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	w.quiet = true
	w.open()
	w.run(texts...)
	return w
}

// TestEndedRowsLeaveTheDisk: the disk holds little more than what shows, and nothing soon after the last row has ended, without a write.
func TestEndedRowsLeaveTheDisk(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (k text, ts timestamp, v int, s int static, PRIMARY KEY (k, ts)) WITH retention = {'duration': '48h', 'by': 'ts'}")
	w.run("INSERT INTO t (k, s) VALUES ('a', 5)")
	w.hourly("t", 100, "a", "b")
	if got := w.onDisk("t"); got < 2*47 || got > 2*(48+3+5) {
		t.Errorf("%d rows on disk, 96 show", got)
	}
	shown := w.rows("SELECT count(*) FROM t")
	w.reopen()
	w.tidy()
	if again := w.rows("SELECT count(*) FROM t"); !slices.Equal(again, shown) {
		t.Errorf("%s rows show after a restart, %s before", again, shown)
	}
	// The last row ends 48 hours after its time, its bucket of three hours at most three later.
	w.clock.Advance(50 * time.Hour)
	w.tidy()
	if got := w.onDisk("t"); got != 0 {
		t.Errorf("%d rows on disk when all have ended", got)
	}
	if got := w.rows("SELECT k, ts, s FROM t"); len(got) != 1 || got[0] != "a null 5" {
		t.Errorf("the static row: %q", got)
	}
}

// TestRowsStayForRollups: what has ended, by retention or TTL, stays whole until its windows are sealed, and goes then; the rollup keeps what it
// was made of.
func TestRowsStayForRollups(t *testing.T) {
	for name, option := range map[string]string{
		"retention": "retention = {'duration': '24h', 'by': 'ts'}", "TTL": "default_time_to_live = 86400",
	} {
		t.Run(name, func(t *testing.T) {
			w := newQuietWorld(t, "CREATE TABLE t (k text, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH "+option+
				" AND time_bucket = {'column': 'ts', 'size': '1h', 'max_future': 'none'} AND rollups = {'1h': 'forever'}")
			begin := w.clock.Now()
			w.hourly("t", 12, "a")
			if err := w.store.FlushAll(); err != nil {
				t.Fatal(err)
			}
			w.still(func() {
				w.clock.Set(begin.Add(30 * time.Hour))
				w.tidy()
				if err := w.store.Compact(w.db.Schema().Table("ks", "t").ID); err != nil {
					t.Fatal(err)
				}
				// Nothing was computed yet: no window is sealed, and no row may go although seven have ended.
				if n := w.wholeRows("t", "a"); n != 12 {
					t.Errorf("%d rows of 12 are left before any window was sealed", n)
				}
			})
			w.settle()
			rollup := w.rows("SELECT * FROM t_1h")
			if len(rollup) != 12 {
				t.Errorf("%d windows of 12: %q", len(rollup), rollup)
			}
			w.clock.Set(begin.Add(60 * time.Hour))
			w.settle()
			w.tidy()
			if got := w.onDisk("t"); got != 0 {
				t.Errorf("%d rows on disk when all windows are sealed", got)
			}
			if got := w.rows("SELECT * FROM t_1h"); !slices.Equal(got, rollup) {
				t.Errorf("the rollup became %q", got)
			}
		})
	}
}

// wholeRows counts the rows of a partition of one column that are stored, ended ones too; each must have its value.
func (w *world) wholeRows(table, partitionKey string) (n int) {
	w.t.Helper()
	view := w.db.store.View()
	defer view.Close()
	_, rows, err := view.Rows(w.db.Schema().Table("ks", table).ID, partition.Decorate([]byte(partitionKey)), clustering.All())
	if err != nil {
		w.t.Fatal(err)
	}
	for row, err := rows.Next(); row != nil; row, err = rows.Next() {
		if err != nil || len(row.Cells) != 1 || len(row.Cells[0].Value) == 0 {
			w.t.Fatalf("row %d has lost something: %+v, %v", n, row, err)
		}
		n++
	}
	return n
}

// TestPoliciesFreeTheDisk: partitions that keep their rows for a shorter time leave the files that they share with others.
func TestPoliciesFreeTheDisk(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (k text, ts timestamp, v int, kind text static, PRIMARY KEY (k, ts)) WITH retention = {'duration': '96h', 'by': 'ts'}",
		"CREATE RETENTION POLICY short ON t WHERE kind = 'debug' KEEP 6h",
		"INSERT INTO t (k, kind) VALUES ('d', 'debug')", "INSERT INTO t (k, kind) VALUES ('e', 'info')")
	w.hourly("t", 48, "d", "e")
	if err := w.store.FlushAll(); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(8 * time.Hour)
	w.tidy()
	w.clock.Advance(time.Hour)
	w.tidy()
	if got := w.onDisk("t"); got != 48 {
		t.Errorf("%d rows on disk, 48 of one partition show", got)
	}
	// What has ended stays so when the partition turns to one that keeps its rows.
	w.run("UPDATE t SET kind = 'info' WHERE k = 'd'")
	if got := w.rows("SELECT k FROM t"); len(got) != 49 || got[0] != "d" && got[48] != "d" {
		t.Errorf("%d rows show, of which one is static alone", len(got))
	}
}

// TestExpiryColumnsFreeTheDisk: rows past the end in a column leave the disk where all that is known of them is in one place.
func TestExpiryColumnsFreeTheDisk(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (k text, c int, v int, ends timestamp, PRIMARY KEY (k, c)) WITH retention = {'column': 'ends'}")
	now := w.clock.Now()
	for c := range 10 {
		w.run(fmt.Sprintf("INSERT INTO t (k, c, v, ends) VALUES ('a', %d, 1, %d)", c, now.Add(time.Duration(c+1)*time.Hour).UnixMilli()))
	}
	w.run("INSERT INTO t (k, c, v) VALUES ('a', 10, 1)")
	if err := w.store.FlushAll(); err != nil {
		t.Fatal(err)
	}
	w.run(fmt.Sprintf("UPDATE t SET ends = %d WHERE k = 'a' AND c = 0", now.Add(20*time.Hour).UnixMilli()))
	w.clock.Advance(5 * time.Hour)
	shown := w.rows("SELECT c FROM t")
	w.tidy()
	if got := w.onDisk("t"); got != 11-4+1 {
		t.Errorf("%d rows on disk", got)
	}
	if got := w.rows("SELECT c FROM t"); !slices.Equal(got, shown) || len(got) != 7 {
		t.Errorf("rows %s show, %s before", got, shown)
	}
	w.clock.Advance(20 * time.Hour)
	if err := w.store.FlushAll(); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Compact(w.db.Schema().Table("ks", "t").ID); err != nil {
		t.Fatal(err)
	}
	if got := w.onDisk("t"); got != 1 {
		t.Errorf("%d rows on disk, one has no end", got)
	}
}

// TestRetentionByALaterKeyColumn: rows whose time is not the first column of their key leave the disk, too, when a good part of a file has ended.
func TestRetentionByALaterKeyColumn(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (site text, k text, ts timestamp, v int, PRIMARY KEY (site, k, ts)) WITH retention = {'duration': '48h', 'by': 'ts'}")
	for n := range 100 {
		for _, k := range []string{"a", "b", "c"} {
			w.run(fmt.Sprintf("INSERT INTO t (site, k, ts, v) VALUES ('s', '%s', %d, %d)", k, w.clock.Now().UnixMilli(), n))
		}
		if n%4 == 3 {
			if err := w.store.FlushAll(); err != nil {
				t.Fatal(err)
			}
		}
		w.clock.Advance(time.Hour)
		shown := w.rows("SELECT k, ts, v FROM t")
		w.tidy()
		if again := w.rows("SELECT k, ts, v FROM t"); !slices.Equal(again, shown) {
			t.Fatalf("hour %d: %d rows show, %d before", n, len(again), len(shown))
		}
	}
	if got := w.onDisk("t"); got < 3*48 || got > 3*48*3/2 {
		t.Errorf("%d rows on disk, %d show", got, 3*48)
	}
	w.clock.Advance(50 * time.Hour)
	w.tidy()
	if got := w.onDisk("t"); got != 0 {
		t.Errorf("%d rows on disk when all have ended", got)
	}
}
