package database

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/planner"
)

// marked are the marks of the store: rollup, int partition key, and the range in minutes behind a start.
func (w *world) marked(start int64) []string {
	w.t.Helper()
	names := map[[16]byte]string{}
	for _, t := range w.db.Schema().Keyspaces["ks"].Tables {
		names[t.ID] = t.Name
	}
	minutes := func(ms int64) string {
		switch ms {
		case math.MinInt64:
			return "-∞"
		case math.MaxInt64:
			return "∞"
		}
		return fmt.Sprint((ms - start) / 60_000)
	}
	var out []string
	_, _, err := rollupStore{w.db}.Marks(jobs.Place{}, func(m jobs.Mark, _ uint64) bool {
		out = append(out, fmt.Sprintf("%s %d %s to %s", names[m.Rollup], types.DecodeInt64(m.Base.Key), minutes(m.Window.Start), minutes(m.Window.End)))
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// still keeps the scheduler from rounds of its own while f runs.
func (w *world) still(f func()) {
	w.t.Helper()
	if err := w.db.rollups.Exclude(func() error { f(); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// markStart is where a block of 64 minutes begins; the clock is in its minute 40.
const markStart = int64(1_000_000_000_000 - 1_000_000_000_000%(64*60_000))

// TestMarksOfWrites: what a write marks of a rollup by the minute.
func TestMarksOfWrites(t *testing.T) {
	at := func(minute int64) int64 { return markStart + minute*60_000 + 7 }
	insert := func(k int, minutes ...int64) string {
		out := "BEGIN BATCH "
		for _, m := range minutes {
			out += fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (%d, %d, 1); ", k, at(m))
		}
		return out + "APPLY BATCH"
	}
	cases := []struct {
		name   string
		writes []string
		want   []string
	}{
		{"a row of the open window, to the end of the block", []string{insert(1, 40)}, []string{"t_1m 1 40 to 64"}},
		{"rows that follow are covered", []string{insert(1, 40), insert(1, 41, 42, 63), insert(1, 40)}, []string{"t_1m 1 40 to 64"}},
		{"the next block has a mark of its own", []string{insert(1, 40), insert(1, 63, 64, 70)}, []string{"t_1m 1 40 to 64", "t_1m 1 64 to 128"}},
		{"a late row marks its window", []string{insert(1, 3), insert(1, 9)}, []string{"t_1m 1 3 to 4", "t_1m 1 9 to 10"}},
		{"late rows of one block at once", []string{insert(1, 3, 9)}, []string{"t_1m 1 3 to 10"}},
		{"late rows in the order of time", []string{insert(1, 3), insert(1, 4), insert(1, 5), insert(1, 20)}, []string{"t_1m 1 3 to 4", "t_1m 1 4 to 64"}},
		{"late rows and present ones", []string{insert(1, 3, 40)}, []string{"t_1m 1 3 to 64"}},
		{"rows of several blocks", []string{insert(1, -100, -99, 2)}, []string{"t_1m 1 -100 to -98", "t_1m 1 2 to 3"}},
		{"two places at a time stay covered", []string{insert(1, 40), insert(1, 3), insert(1, 3), insert(1, 40), insert(1, 3)}, []string{"t_1m 1 3 to 4", "t_1m 1 40 to 64"}},
		{"partitions are apart", []string{insert(1, 3), insert(2, 3)}, []string{"t_1m 1 3 to 4", "t_1m 2 3 to 4"}},
		{"a row and a cell are deleted", []string{
			fmt.Sprintf("DELETE FROM t WHERE k = 1 AND ts = %d", at(5)), fmt.Sprintf("DELETE v FROM t WHERE k = 1 AND ts = %d", at(7)),
		}, []string{"t_1m 1 5 to 6", "t_1m 1 7 to 8"}},
		{"a range is deleted", []string{fmt.Sprintf("DELETE FROM t WHERE k = 1 AND ts >= %d AND ts < %d", at(5), at(9))}, []string{"t_1m 1 5 to 10"}},
		{"an open range is deleted", []string{fmt.Sprintf("DELETE FROM t WHERE k = 1 AND ts > %d", at(5))}, []string{"t_1m 1 5 to ∞"}},
		{"a partition is deleted", []string{"DELETE FROM t WHERE k = 1"}, []string{"t_1m 1 -∞ to ∞"}},
		{"a static column", []string{"UPDATE t SET s = 1 WHERE k = 1"}, nil},
	}
	for _, desc := range []bool{false, true} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s/desc=%t", c.name, desc), func(t *testing.T) {
				order := map[bool]string{true: "DESC", false: "ASC"}[desc]
				w := newWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, s int static, PRIMARY KEY (k, ts)) WITH CLUSTERING ORDER BY (ts "+order+
					") AND rollups = {'1m': 'forever', '1h': 'forever'}")
				w.clock.Set(time.UnixMilli(at(40)))
				w.still(func() {
					w.run(c.writes...)
					if got := w.marked(markStart); !slices.Equal(got, c.want) {
						t.Errorf("marks %q\nwant %q", got, c.want)
					}
				})
			})
		}
	}
}

// TestAnsweredMarksAreNarrowed: a mark that goes beyond what has closed stands for the rest.
func TestAnsweredMarksAreNarrowed(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1m': 'forever', '1h': 'forever'}")
	at := func(minute int64) time.Time { return time.UnixMilli(markStart + minute*60_000 + 7) }
	expect := func(want ...string) {
		t.Helper()
		if got := w.marked(markStart); !slices.Equal(got, want) {
			t.Errorf("marks %q\nwant %q", got, want)
		}
	}
	insert := func(minute int64) {
		t.Helper()
		w.run(fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (1, %d, 1)", at(minute).UnixMilli()))
	}
	hour := func(minute int64) string { // of the hour that holds a minute
		from := at(minute).Truncate(time.Hour).UnixMilli()
		return fmt.Sprintf("t_1h 1 %d to %d", (from-markStart)/60_000, (from-markStart)/60_000+60)
	}
	w.clock.Set(at(10))
	insert(10)
	w.settle()
	expect("t_1m 1 10 to 64")
	w.clock.Set(at(12))
	w.settle()
	expect(hour(10), "t_1m 1 12 to 64")
	insert(12)
	insert(30)
	expect(hour(10), "t_1m 1 12 to 64")
	w.clock.Set(at(200))
	w.settle()
	expect()
	if got := w.rows("SELECT count_v FROM t_1m WHERE k = 1"); strings.Join(got, " ") != "1 1 1" {
		t.Errorf("rows %q", got)
	}
	// Of a deletion without end, nothing stays that would be answered for ever.
	insert(190)
	insert(210)
	insert(100_000)
	w.settle()
	w.run("DELETE FROM t WHERE k = 1 AND ts > 0")
	insert(211)
	w.settle()
	for _, m := range w.marked(markStart) {
		if strings.Contains(m, "∞") {
			t.Errorf("a mark %q stays", m)
		}
	}
	w.clock.Set(at(200_000))
	w.settle()
	expect()
	if got := w.rows("SELECT count_v FROM t_1m WHERE k = 1"); strings.Join(got, " ") != "1" {
		t.Errorf("rows %q", got)
	}
}

// TestCoveredWritesTakeNoMemory for their marks.
func TestCoveredWritesTakeNoMemory(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1m': 'forever', '1h': 'forever', '1d': 'forever'}")
	text := fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (1, %d, 1)", w.clock.Now().UnixMilli())
	w.run(text)
	w.still(func() {
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			t.Fatal(err)
		}
		bound, err := w.db.bind(st, &Request{})
		if err != nil {
			t.Fatal(err)
		}
		plan := bound.(*planner.Write)
		f := w.db.projectors.of(w.db.Schema(), plan.Mutations[0].Table)
		m := &marks{d: w.db, nowMillis: w.clock.Now().UnixMilli()}
		if n := testing.AllocsPerRun(100, func() {
			if err := m.follow(f.marked[0], plan.Mutations); err != nil || len(m.entries) > 0 {
				t.Fatalf("%d marks, %v", len(m.entries), err)
			}
		}); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// TestTimesOfEveryTypeAreMarked, by windows of any kind.
func TestTimesOfEveryTypeAreMarked(t *testing.T) {
	day := int64(24 * time.Hour / time.Millisecond)
	now := int64(1_000_000_000_000)
	midnight := now - now%day
	cases := []struct{ of, options, value, step, zone string }{
		{"timestamp", "", fmt.Sprint(now), "1d", ""},
		{"date", "", "'2001-09-09'", "1d", ""},
		{"timeuuid", "", "d1b6b1f0-a4b8-11d5-8080-808080808080", "1d", ""},
		{"bigint", " WITH time_bucket = {'column': 'ts', 'size': '1d', 'unit': 'us'}", fmt.Sprint(now * 1000), "1d", ""},
		{"int", " WITH time_bucket = {'column': 'ts', 'size': '1d', 'unit': 's'}", fmt.Sprint(now / 1000), "1d", ""},
	}
	for _, c := range cases {
		t.Run(c.of, func(t *testing.T) {
			w := newWorld(t, fmt.Sprintf("CREATE TABLE t (k int, ts %s, v int, PRIMARY KEY (k, ts))%s", c.of, c.options))
			w.run("CREATE ROLLUP r ON t AS SELECT k, floor(ts, 1d), count(v) GROUP BY k, floor(ts, 1d)")
			w.clock.Advance(48 * time.Hour)
			value := c.value
			if c.of == "timeuuid" {
				value = fmt.Sprintf("minTimeuuid(%d)", now)
			}
			w.still(func() {
				w.run(fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (1, %s, 1)", value))
				if got := w.marked(midnight); !slices.Equal(got, []string{"r 1 0 to 1440"}) {
					t.Errorf("marks %q", got)
				}
			})
			w.settle()
			if got := w.marked(midnight); len(got) > 0 {
				t.Errorf("marks %q", got)
			}
			if got := w.rows("SELECT count_v FROM r WHERE k = 1"); strings.Join(got, " ") != "1" {
				t.Errorf("rows %q", got)
			}
		})
	}
}
