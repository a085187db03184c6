package database

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// iso is a moment as CQL takes it.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// readings writes a row an hour for so many hours up to now.
func (w *world) readings(table, d string, hours int) {
	for i := range hours {
		w.run(fmt.Sprintf("INSERT INTO %s (d, ts, v) VALUES ('%s', '%s', %d)", table, d, iso(w.clock.Now().Add(-time.Duration(i)*time.Hour)), i))
	}
}

func (w *world) compact(table string) {
	w.t.Helper()
	if err := w.store.FlushAll(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Compact(w.db.Schema().Table("ks", table).ID); err != nil {
		w.t.Fatal(err)
	}
}

// filedRows is how many rows the files of a table hold.
func (w *world) filedRows(table string) (rows int64) {
	w.t.Helper()
	files, err := w.store.FileStatistics(w.db.Schema().Table("ks", table).ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range files {
		rows += files[i].Info.Rows
	}
	return rows
}

// What the store is told of each kind of table.
func TestEnds(t *testing.T) {
	w := newWorld(t,
		"CREATE TABLE t (d text, ts timestamp, v int, until timestamp, tier text static, PRIMARY KEY (d, ts)) WITH retention = {'duration': '10h', 'by': 'ts', 'column': 'until'}",
		"CREATE RETENTION POLICY gold ON t WHERE tier = 'gold' KEEP 30h",
		"CREATE RETENTION POLICY a ON t WHERE d = 'a' KEEP 20h",
		"CREATE TABLE plain (d text, ts timestamp, v int, PRIMARY KEY (d, ts))",
		"CREATE TABLE later (d text, c int, ts timestamp, v int, PRIMARY KEY (d, c, ts)) WITH retention = {'duration': '10h', 'by': 'ts'}",
		"CREATE TABLE units (d text, n bigint, v int, PRIMARY KEY (d, n)) WITH time_bucket = {'column': 'n', 'unit': 's', 'size': '1d'} AND retention = {'duration': '10h', 'by': 'n'} AND rollups = {'1h': '20h'}",
		"CREATE QUERY TABLE units_by_time ON units (v) PRIMARY KEY ((v), n, d)",
		"CREATE TABLE rolled (d text, ts timestamp, v int, PRIMARY KEY (d, ts)) WITH retention = {'duration': '10h', 'by': 'ts'} AND rollups = {'1h': '20h'}",
		"UPDATE t SET tier = 'gold' WHERE d = 'b'")
	now := w.clock.Now()
	hours := func(n int) int64 { return now.Add(-time.Duration(n)*time.Hour).UnixMilli() + 1 }
	ends := func(name string) ttl.Ends { return w.db.ends(w.db.Schema().Table("ks", name).ID, now) }
	of := func(e ttl.Ends, d string) int64 { return e.Of(partition.Decorate([]byte(d))) }

	e := ends("t")
	if e.AllBefore != hours(30) || e.KeptFrom != math.MaxInt64 || len(e.Columns) != 1 || e.Columns[0].Until != now.UnixMilli() {
		t.Errorf("t: %+v", e)
	}
	for d, want := range map[string]int64{"a": hours(20), "b": hours(30), "c": hours(10)} {
		if got := of(e, d); got != want {
			t.Errorf("partition %s ends at %d, want %d", d, got, want)
		}
	}
	// With a query table rows go when they have ended whatever the statics are.
	w.run("CREATE QUERY TABLE by_time ON t (tier, until) PRIMARY KEY ((v), ts, d)", "CREATE QUERY TABLE by_device ON t (tier) PRIMARY KEY ((d), until, ts)")
	e = ends("t")
	for d, want := range map[string]int64{"a": hours(30), "b": hours(30), "c": hours(30)} {
		if got := of(e, d); got != want {
			t.Errorf("with a query table, partition %s ends at %d, want %d", d, got, want)
		}
	}
	if e := ends("by_time"); e.AllBefore != hours(30) || e.Before != nil || len(e.Columns) != 1 || e.KeptFrom != math.MaxInt64 {
		t.Errorf("by_time: %+v", e)
	}
	if e := ends("by_device"); e.AllBefore != hours(30) || e.Position != 1 || e.ByTime() || len(e.Columns) != 0 {
		t.Errorf("by_device: %+v", e)
	}
	for _, name := range []string{"plain", "later"} {
		if e := ends(name); e.ByTime() || e.KeptFrom != math.MaxInt64 || len(e.Columns) != 0 {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := ends("units"); e.AllBefore != hours(10) {
		t.Errorf("units: %+v", e)
	}
	if r := w.db.Schema().Table("ks", "units_1h"); r.UnitNanos() != 1_000_000_000 || ends("units_1h").AllBefore != hours(20) {
		t.Errorf("units_1h: a unit of %d ns, %+v", r.UnitNanos(), ends("units_1h"))
	}
	// A query table does not know what one of an integer stands for: a second is no millisecond.
	if e := ends("units_by_time"); e.ByTime() {
		t.Errorf("units_by_time: %+v", e)
	}
	if e := ends("rolled"); e.AllBefore != hours(10) || e.KeptFrom > hours(10) {
		t.Errorf("rolled, of which no later window is sealed: %+v", e)
	}
	if e := ends("rolled_1h"); e.AllBefore != hours(20) || e.KeptFrom != math.MaxInt64 {
		t.Errorf("rolled_1h: %+v", e)
	}
	if e := w.db.ends(dirtyTableID, now); e.ByTime() || e.KeptFrom != math.MaxInt64 {
		t.Errorf("dirty marks: %+v", e)
	}
}

// Rows that have ended leave the disk, and their windows are computed before.
func TestEndedRowsGoOnceTheirWindowsAreSealed(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (d text, ts timestamp, v int, PRIMARY KEY (d, ts)) WITH retention = {'duration': '10h', 'by': 'ts'} AND time_bucket = {'column': 'ts', 'size': '1h'}",
		"CREATE TABLE r (d text, ts timestamp, v int, PRIMARY KEY (d, ts)) WITH retention = {'duration': '10h', 'by': 'ts'} AND time_bucket = {'column': 'ts', 'size': '1h'} AND rollups = {'1h': 'forever'}")
	w.readings("t", "a", 8)
	w.readings("r", "a", 8)
	w.compact("t")
	w.compact("r")
	w.expect("EXPLAIN RETENTION t")
	w.still(func() {
		w.clock.Advance(12 * time.Hour)
		w.expect("SELECT count(*) FROM t", "0")
		w.expect("SELECT count(*) FROM r", "0")
		if got := w.rows("EXPLAIN RETENTION r"); len(got) == 0 || !strings.Contains(got[0], "ks.r 2001-09-0") || !strings.Contains(got[0], "rollup ks.r_1h to be sealed") {
			t.Errorf("EXPLAIN RETENTION r: %q", got)
		}
	})
	w.compact("t")
	if n := w.filedRows("t"); n != 0 {
		t.Errorf("%d rows that have ended are in files", n)
	}
	for slices.ContainsFunc(w.rows("EXPLAIN RETENTION t"), func(row string) bool { return strings.Contains(row, "still holds the file") }) {
		runtime.Gosched() // a job that looks around began before
	}
	w.expect("SELECT rows_waiting, bytes_waiting, late_expired FROM system_views.retention WHERE keyspace_name = 'ks' AND table_name = 't'", "0 0 0")
	w.settle()
	w.expect("SELECT count(*) FROM r_1h", "8")
}

// A bucket of which a part has ended is told of, with how far.
func TestExplainRetentionTellsWhatWaits(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (d text, ts timestamp, v int, PRIMARY KEY (d, ts)) WITH retention = {'duration': '10h', 'by': 'ts'} AND time_bucket = {'column': 'ts', 'size': '1d'}",
		"CREATE TABLE e (d text, c int, v int, PRIMARY KEY (d, c))")
	w.quiet = true
	w.reopen()
	w.readings("t", "a", 2)
	w.run("INSERT INTO e (d, c, v) VALUES ('a', 1, 1) USING TTL 60", "INSERT INTO e (d, c, v) VALUES ('a', 2, 1)")
	w.compact("t")
	w.clock.Advance(9 * time.Hour)
	if got := w.rows("EXPLAIN RETENTION t"); len(got) != 1 || !strings.Contains(got[0], "rows that have not ended are in the same file") {
		t.Errorf("EXPLAIN RETENTION t: %q", got)
	}
	if got := w.rows("EXPLAIN RETENTION e"); len(got) != 1 || !strings.Contains(got[0], "rows that have not ended are in the same file") {
		t.Errorf("EXPLAIN RETENTION e: %q", got)
	}
	w.clock.Advance(30 * time.Hour)
	if got := w.rows("EXPLAIN RETENTION t"); len(got) != 1 || !strings.Contains(got[0], "compaction pending") {
		t.Errorf("EXPLAIN RETENTION t: %q", got)
	}
}

// Rows that are past their retention when they are written never show and are counted.
func TestRowsPastTheirRetentionAreCounted(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (d text, ts timestamp, v int, tier text static, PRIMARY KEY (d, ts)) WITH retention = {'duration': '10h', 'by': 'ts'}",
		"CREATE RETENTION POLICY a ON t WHERE d = 'a' KEEP 20h",
		"CREATE RETENTION POLICY gold ON t WHERE tier = 'gold' KEEP 30h")
	w.readings("t", "a", 25)
	w.readings("t", "b", 40)
	w.expect("SELECT count(*) FROM t WHERE d = 'a'", "20")
	w.expect("SELECT count(*) FROM t WHERE d = 'b'", "10")
	// What the statics of a partition are is not read for it: gold would keep 30 hours.
	w.expect("SELECT late_expired FROM system_views.retention WHERE keyspace_name = 'ks' AND table_name = 't' AND policy_name = ''", "10")
	w.run("DROP TABLE t")
	w.expect("SELECT late_expired FROM system_views.retention WHERE keyspace_name = 'ks'")
}

// A table remembers so many retentions that it had, and says when there are more.
func TestFormerRetentionsAreBounded(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (d text, ts timestamp, tier text static, PRIMARY KEY (d, ts)) WITH retention = {'duration': '10h', 'by': 'ts'}",
		fmt.Sprintf("INSERT INTO t (d, ts) VALUES ('a', %d)", 1_000_000_000_000), "CREATE RETENTION POLICY p0 ON t WHERE d = 'a' KEEP FOREVER")
	// Lengths that hide more replace those that hid less.
	for i := range 100 {
		w.clock.Advance(time.Minute)
		w.run(fmt.Sprintf("ALTER TABLE t WITH retention = {'duration': '%dm', 'by': 'ts'}", 600+i%2))
	}
	if n := len(w.db.Schema().Table("ks", "t").Retention.Former); n > 3 {
		t.Errorf("%d former retentions are remembered, and two would do", n)
	}
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		w.clock.Advance(time.Minute)
		if _, err = w.try(fmt.Sprintf("CREATE RETENTION POLICY p%d ON t WHERE d = 'b%d' KEEP FOREVER", i+1, i)); err == nil {
			_, err = w.try(fmt.Sprintf("DROP RETENTION POLICY p%d", i))
		}
	}
	if err == nil || !strings.Contains(err.Error(), "it has changed 64 times in ways that still decide which rows have ended") {
		t.Errorf("without an end: %v", err)
	}
}

// What DESCRIBE says of retentions and policies makes the same again.
func TestDescribedRetentionsMakeTheSame(t *testing.T) {
	w := newWorld(t,
		`CREATE TABLE "T" (d text, "K 2" int, ts timestamp, until timestamp, "S" text static, b blob static, f double static, PRIMARY KEY ((d, "K 2"), ts)) WITH retention = {'duration': '36h', 'by': 'ts', 'column': 'until'}`,
		`CREATE RETENTION POLICY "Gold" ON "T" WHERE "S" IN ('it''s', '') AND "K 2" >= -3 AND "K 2" < 5 KEEP 90m`,
		`CREATE RETENTION POLICY other ON "T" WHERE b = 0xff00 AND f > -1.5e300 KEEP FOREVER`,
		"CREATE TABLE none (d int, c int, ts timestamp, PRIMARY KEY (d, ts, c))",
		"CREATE RETENTION POLICY alone ON none WHERE d = 1 KEEP 1500ms",
		`CREATE QUERY TABLE of_t ON "T" (until, "S", b, f) PRIMARY KEY ((d), ts, "K 2")`)
	describe := func(w *world) []string {
		r, err := w.try("DESCRIBE KEYSPACE ks")
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, line := range decodeRows(t, r) {
			texts = append(texts, line[strings.Index(line, "CREATE"):])
		}
		return texts
	}
	texts := describe(w)
	again := newWorld(t, texts[1:]...)
	if got := describe(again); strings.Join(got, "\n") != strings.Join(texts, "\n") {
		t.Errorf("made again:\n%s\nfrom:\n%s", strings.Join(got, "\n"), strings.Join(texts, "\n"))
	}
	for _, name := range []string{"T", "none"} {
		a, b := w.db.Schema().Table("ks", name).Retention, again.db.Schema().Table("ks", name).Retention
		if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
			t.Errorf("%s: %+v\nmade again: %+v", name, a, b)
		}
	}
}
