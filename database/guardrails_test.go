package database

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/planner"
)

// guarded are guardrails of which only some hold.
func guarded(t testing.TB, assignments ...string) *Guardrails {
	t.Helper()
	var g Guardrails
	for _, s := range guardrails {
		*s.of(&g) = Off
	}
	for _, a := range assignments {
		if err := g.Set(a); err != nil {
			t.Fatal(err)
		}
	}
	return &g
}

// Each threshold lets a statement pass that is below it or at it, and warns or fails one past it.
func TestThresholds(t *testing.T) {
	const days = 12
	w := newDays(t, days)
	w.run("CREATE TABLE ks.t (k int, c int, v int, PRIMARY KEY (k, c))")
	for i := range 9 {
		w.run(fmt.Sprintf("INSERT INTO ks.t (k, c, v) VALUES (1, %d, %d)", i, i))
	}
	for i := range 6 {
		w.run(fmt.Sprintf("DELETE FROM ks.t WHERE k = 1 AND c = %d", i))
	}
	for _, c := range []struct {
		name, text string
		n          int64 // what it counts
		page       int
		code       error // type of the failure
		want       string
	}{
		{"tombstone", "SELECT * FROM t WHERE k = 1", 6, 0, &ReadFailureError{}, "table ks.t: this read passed 6 tombstones, at last in partition k = 1, above %s %d: "},
		{"query_buckets", "SELECT * FROM r WHERE d = 'a'", days, 0, &planner.InvalidError{}, "table ks.r: this read looked into 12 time buckets of partition d = 'a', above %s %d: "},
		{"filtered_rows", "SELECT * FROM t WHERE v = 8 ALLOW FILTERING", 2, 0, &planner.InvalidError{}, "table ks.t: ALLOW FILTERING read 2 rows of all partitions that were not wanted, above %s %d: "},
		{"page_size", "SELECT * FROM t", 50, 50, &planner.InvalidError{}, "table ks.t: a page of 50 rows is asked for, above %s %d: "},
		{"partition_keys_in_select", "SELECT * FROM t WHERE k IN (1, 2, 3)", 3, 0, &planner.InvalidError{}, "table ks.t: 3 partitions are asked for, above %s %d: "},
		{"in_select_cartesian_product", "SELECT * FROM t WHERE k IN (1, 2, 3) AND c IN (1, 2)", 6, 0, &planner.InvalidError{}, "table ks.t: the INs make 6 combinations of values, above %s %d: "},
	} {
		for _, fails := range []bool{false, true} {
			name := c.name + "_warn_threshold"
			if fails {
				name = strings.Replace(c.name+"_fail_threshold", "tombstone_fail_", "tombstone_failure_", 1)
			}
			for past := int64(-1); past <= 1; past++ {
				threshold := c.n - past
				if threshold < 1 {
					continue
				}
				w.db.guardrails = *guarded(t, fmt.Sprintf("%s=%d", name, threshold))
				r, err := w.page(c.text, c.page)
				want := fmt.Sprintf(strings.TrimSuffix(c.want, "%s %d: ")+"%s %d: ", name, threshold)
				switch {
				case past <= 0:
					if err != nil || len(r.Warnings) > 0 {
						t.Errorf("%s=%d of %d: %v, %v", name, threshold, c.n, r, err)
					}
				case fails:
					if err == nil || fmt.Sprintf("%T", err) != fmt.Sprintf("%T", c.code) || !strings.HasPrefix(err.Error(), want) {
						t.Errorf("%s=%d of %d:\n got %T %v\nwant %T %s…", name, threshold, c.n, err, err, c.code, want)
					}
				default:
					if err != nil || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], want) {
						t.Errorf("%s=%d of %d:\n got %v %v\nwant %s…", name, threshold, c.n, r.Warnings, err, want)
					}
				}
			}
		}
	}
}

func (w *world) page(text string, rows int) (*Result, error) {
	w.t.Helper()
	st, err := w.db.Prepare("ks", text)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.db.Execute(st, Request{PageSize: rows})
}

// A read gives up with the first tombstone that is too many, not when it has passed them all.
func TestTombstonesAreNotAllPassed(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, c int, v int, PRIMARY KEY (k, c))", "INSERT INTO ks.t (k, c, v) VALUES (1, 900, 1)")
	for i := range 900 {
		w.run(fmt.Sprintf("DELETE FROM ks.t WHERE k = 1 AND c = %d", i))
	}
	w.db.guardrails = *guarded(t, "tombstone_failure_threshold=100")
	for _, where := range []string{"in memory", "in files"} {
		for _, text := range []string{"SELECT * FROM t WHERE k = 1", "EXPLAIN ANALYZE SELECT * FROM t WHERE k = 1"} {
			var failed *ReadFailureError
			if _, err := w.page(text, 0); !errors.As(err, &failed) || !strings.Contains(err.Error(), "in partition k = 1") {
				t.Errorf("%s, %s: %v", where, text, err)
			} else if where == "in memory" && !strings.Contains(err.Error(), "passed 101 tombstones") {
				t.Errorf("%s, %s: %v", where, text, err)
			}
		}
		if err := w.store.FlushAll(); err != nil {
			t.Fatal(err)
		}
	}
	// Deleted rows alone are skipped with their row group: they cost nothing, and nobody is warned.
	w.run("DELETE FROM ks.t WHERE k = 1 AND c = 900")
	if err := errors.Join(w.store.FlushAll(), w.store.Compact(w.db.Schema().Table("ks", "t").ID)); err != nil {
		t.Fatal(err)
	}
	w.expect("SELECT * FROM ks.t WHERE k = 1")
}

// An aggregation reads what many pages would: tombstones count for each stretch of it.
func TestTombstonesOfAnAggregation(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, c int, v int, PRIMARY KEY (k, c))")
	w.db.guardrails = *guarded(t, "tombstone_warn_threshold=5", "tombstone_failure_threshold=10")
	for _, grouped := range []bool{false, true} {
		g := w.db.guard(&planner.Read{Table: w.db.Schema().Table("ks", "t"), Grouped: grouped})
		var stats exec.Stats
		stretches := 0
		for ; stretches < 5; stretches++ {
			g.cost.Tombstones += 8
			stats.RowsRead += aggregationRows
			if err := g.check(&stats, [][]byte{{0, 0, 0, 1}}); err != nil {
				break
			}
		}
		if want := map[bool]int{false: 1, true: 5}[grouped]; stretches != want {
			t.Errorf("grouped %v: given up after %d stretches, want %d", grouped, stretches, want)
		}
		if grouped && (len(g.after(&stats)) != 1 || !strings.Contains(g.after(&stats)[0], "passed 8 tombstones, at last in partition k = 1")) {
			t.Errorf("warnings %q", g.after(&stats))
		}
	}
}

// remeasure sets a guardrail and waits until the partitions of ks.t are measured.
func (w *world) remeasure(guardrail string, bytes int64) {
	w.db.sizes.byTable.Clear()
	w.db.targets.Store(nil) // which know it too
	w.db.guardrails = *guarded(w.t, fmt.Sprintf(guardrail, bytes))
	w.db.largePartitions(w.db.Schema().Table("ks", "t"))
	w.db.sizes.measuring.Wait()
}

// A partition below a threshold or at it is written and read as ever; beyond it client and log are warned, or writes that
// add to it are refused.
func TestThresholdsOfPartitionSize(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, c int, v int, PRIMARY KEY (k, c))")
	for i := range 200 {
		w.run(fmt.Sprintf("INSERT INTO ks.t (k, c, v) VALUES (1, %d, %d)", i, i*i), fmt.Sprintf("INSERT INTO ks.t (k, c, v) VALUES (%d, 1, 1)", 10+i))
	}
	if err := w.store.FlushAll(); err != nil {
		t.Fatal(err)
	}
	largest, err := w.store.LargestPartitions(w.db.Schema().Table("ks", "t").ID)
	if err != nil {
		t.Fatal(err)
	}
	size := largest[0].Bytes
	var logged []string
	w.db.largePartition = func(table, partition string, bytes int64) {
		logged = append(logged, fmt.Sprintf("%s %s %d", table, partition, bytes))
	}
	const write, remove, read = "INSERT INTO t (k, c, v) VALUES (1, 5000, 1)", "DELETE FROM t WHERE k = 1 AND c = 5000", "SELECT * FROM t WHERE k = 1 LIMIT 1"
	for past := int64(-1); past <= 1; past++ {
		logged = nil
		text := fmt.Sprintf("table ks.t: partition k = 1 has %d bytes in files, above partition_size_%%s_threshold %d bytes: ", size, size-past)
		w.remeasure("partition_size_warn_threshold=%d", size-past)
		for _, statement := range []string{write, remove, read} {
			r, err := w.page(statement, 0)
			if err != nil || past <= 0 && len(r.Warnings) > 0 ||
				past > 0 && (len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], fmt.Sprintf(text, "warn"))) {
				t.Errorf("%s, %d past: %v, %v", statement, past, r.Warnings, err)
			}
		}
		if want := fmt.Sprintf("[ks.t k = 1 %d]", size); past > 0 && fmt.Sprint(logged) != want || past <= 0 && logged != nil {
			t.Errorf("%d past: logged %v", past, logged)
		}
		if r, err := w.page("INSERT INTO t (k, c, v) VALUES (11, 1, 1)", 0); err != nil || len(r.Warnings) > 0 {
			t.Errorf("another partition, %d past: %v, %v", past, r.Warnings, err)
		}
		w.remeasure("partition_size_fail_threshold=%d", size-past)
		if _, err := w.page(write, 0); past <= 0 && err != nil || past > 0 && (err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf(text, "fail"))) {
			t.Errorf("%d past: %v", past, err)
		}
		for _, statement := range []string{remove, read} {
			if r, err := w.page(statement, 0); err != nil || len(r.Warnings) > 0 {
				t.Errorf("%s, %d past: %v, %v", statement, past, r.Warnings, err)
			}
		}
	}
}

// What is large is found out again when files have changed, a minute later at the earliest.
func TestPartitionsAreMeasuredAgain(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, c int, v int, PRIMARY KEY (k, c))")
	w.db.guardrails = *guarded(t, "partition_size_warn_threshold=100")
	warned := func() bool {
		t.Helper()
		var r *Result
		for range 2 { // the first may have it measured, the second is told
			var err error
			if r, err = w.page("SELECT * FROM t WHERE k = 1 LIMIT 1", 0); err != nil {
				t.Fatal(err)
			}
			w.db.sizes.measuring.Wait()
		}
		return len(r.Warnings) > 0
	}
	if warned() {
		t.Error("an empty partition is large")
	}
	for i := range 500 {
		w.run(fmt.Sprintf("INSERT INTO ks.t (k, c, v) VALUES (1, %d, %d)", i, i*i*i))
	}
	if err := w.store.FlushAll(); err != nil {
		t.Fatal(err)
	}
	if warned() {
		t.Error("it was measured at once")
	}
	w.clock.Advance(measureEvery)
	if !warned() {
		t.Error("it was not measured again")
	}
	w.run("TRUNCATE ks.t")
	w.clock.Advance(measureEvery)
	if warned() {
		t.Error("an emptied partition is large")
	}
}

func TestGuardrailsAreSet(t *testing.T) {
	g := DefaultGuardrails()
	if g.Tombstones != (Threshold{1000, 100_000}) || g.PartitionSize != (Threshold{100 << 20, Off}) || g.PageSize != (Threshold{Off, Off}) {
		t.Errorf("defaults: %+v", g)
	}
	for _, a := range []string{"tombstone_warn_threshold=5", "page_size_fail_threshold=5000", "partition_size_fail_threshold=2GiB", "query_buckets_warn_threshold=-1"} {
		if err := g.Set(a); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	if g.Tombstones != (Threshold{5, 100_000}) || g.PageSize.Fail != 5000 || g.PartitionSize.Fail != 2<<30 || g.QueryBuckets.Warn != Off {
		t.Errorf("%+v", g)
	}
	for a, want := range map[string]string{
		"tombstone_warn_threshold":                    "want name=value",
		"tombstones=1":                                "guardrail tombstones=1: there is none of that name; there are partition_size_warn_threshold, ",
		"page_size_warn_threshold=0":                  "want a whole number of at least 1, or -1 for never",
		"page_size_warn_threshold=1MiB":               "want a whole number",
		"page_size_warn_threshold=":                   "want a whole number",
		"partition_size_warn_threshold=-1MiB":         "or a size like 100MiB, or -1 for never",
		"partition_size_warn_threshold=8000000000GiB": "or a size like 100MiB",
	} {
		if err := g.Set(a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", a, err, want)
		}
	}
	if err := g.Check(); err != nil {
		t.Error(err)
	}
	g.Tombstones = Threshold{10, 9}
	if err := g.Check(); err == nil || !strings.Contains(err.Error(), "tombstone_failure_threshold=9 is below tombstone_warn_threshold=10") {
		t.Errorf("%v", err)
	}
	for i, one := range g.List() {
		if warns := strings.Contains(one.Name, "_warn_"); warns != (i%2 == 0) || one.What == "" {
			t.Errorf("%d: %+v", i, one)
		}
	}
}

// system_views.read_statistics adds up what pages cost, table by table; what guardrails gave up is counted, too.
func TestReadStatisticsAreAddedUp(t *testing.T) {
	w := newDays(t, 3)
	w.run("CREATE TABLE ks.t (k int, c int, v int, PRIMARY KEY (k, c))", "INSERT INTO ks.t (k, c, v) VALUES (1, 1, 1)", "DELETE FROM ks.t WHERE k = 1 AND c = 2")
	w.rows("SELECT * FROM ks.r WHERE d = 'a'")
	w.rows("SELECT * FROM ks.r WHERE d = 'a' LIMIT 1")
	w.rows("SELECT * FROM ks.r WHERE d = 'a' AND v = 3.5 ALLOW FILTERING")
	w.rows("SELECT * FROM ks.t")
	w.db.guardrails = *guarded(t, "query_buckets_fail_threshold=2")
	w.refused("SELECT * FROM ks.r", "query_buckets_fail_threshold")
	w.db.guardrails = *guarded(t, "query_buckets_warn_threshold=2")
	w.rows("SELECT * FROM ks.r")
	const views = "SELECT table_name, pages, partitions, buckets, files, row_groups, rows, rows_filtered, tombstones, warned, failed FROM system_views.read_statistics WHERE keyspace_name = 'ks'"
	w.expect(views, "r 4 4 10 10 10 217 69 0 1 1", "t 1 1 0 0 0 2 0 1 0 0")
	w.run("DROP TABLE ks.t")
	w.expect(views, "r 4 4 10 10 10 217 69 0 1 1")
}

func TestGuardrailsAreSettings(t *testing.T) {
	w := newWorld(t)
	w.expect("SELECT value FROM system_views.settings WHERE name = 'tombstone_failure_threshold'", "100000")
	w.expect("SELECT value FROM system_views.settings WHERE name = 'partition_size_warn_threshold'", "100MiB")
}
