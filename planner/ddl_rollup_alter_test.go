package planner

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// levelTexts are the rollups of a table: name<-source, with what they keep, and + where older rows are caught up with.
func levelTexts(s *schema.Snapshot, table string) string {
	var out []string
	for _, r := range s.LevelsOf(s.Table("ks", table)) {
		text := r.Name + "<-" + r.Rollup.Source
		if r.Retention != nil && r.Retention.Millis > 0 {
			text += " " + schema.DurationText(r.Retention.Millis)
		}
		if r.Retention != nil && len(r.Retention.Former) > 0 {
			text += fmt.Sprintf(" (%d)", len(r.Retention.Former))
		}
		if r.Rollup.Backfill {
			text += " +"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestLevelsComeFromTheCoarsestThatDividesThem(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE t (k int, ts timestamp, c int, v int, PRIMARY KEY (k, ts, c))")
	for _, c := range []struct{ text, want string }{
		{"ALTER TABLE t WITH rollups = {'1d': 'forever', '1m': '7d', '1h': '90d'}", "t_1m<-t 7d +, t_1h<-t_1m 90d +, t_1d<-t_1h +"},
		{"ALTER TABLE t WITH rollups = {'1m': '7d', '1h': 'forever', '1d': '700d', '1w': 'forever', '1mo': 'forever'}",
			"t_1m<-t 7d +, t_1h<-t_1m (1) +, t_1d<-t_1h 700d +, t_1w<-t_1d +, t_1mo<-t_1d +"},
		{"ALTER TABLE t WITH rollups = {'1m': '7d', '1h': 'forever', '1d': '700d', '7m': 'forever'}", "t_1m<-t 7d +, t_7m<-t_1m +, t_1h<-t_1m (1) +, t_1d<-t_1h 700d +"},
		{"ALTER TABLE t ADD w double", "t_1m<-t 7d +, t_7m<-t_1m +, t_1h<-t_1m (1) +, t_1d<-t_1h 700d +"},
		{"ALTER TABLE t WITH rollups = {'1m': '7d', '1h': 'forever', '1d': '700d', '2d': 'forever', '4d': 'forever'}", // the others have no w
			"t_1m<-t 7d +, t_1h<-t_1m (1) +, t_1d<-t_1h 700d +, t_2d<-t +, t_4d<-t_2d +"},
		{"ALTER TABLE t WITH rollups = {'1m': '7d', '1d': '700d', '2d': 'forever', '4d': 'forever'}", "t_1m<-t 7d +, t_1d<-t_1m 700d +, t_2d<-t +, t_4d<-t_2d +"},
		{"ALTER TABLE t WITH rollups = {'1d': '700d', '4d': 'forever', '1h': '1d'}", "t_1h<-t 1d +, t_1d<-t 700d +, t_4d<-t +"},
		{"ALTER TABLE t WITH rollups = {'1d': '700d', '1h': '1d', '7d': 'forever'}", "t_1h<-t 1d +, t_1d<-t 700d +, t_7d<-t_1h +"},
		{"ALTER TABLE t WITH comment = 'x'", "t_1h<-t 1d +, t_1d<-t 700d +, t_7d<-t_1h +"},
		{"ALTER TABLE t WITH rollups = {}", ""},
	} {
		var err error
		if s, _, err = alter(s, c.text); err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		base := s.Table("ks", "t")
		if got := levelTexts(s, "t"); got != c.want || len(base.Rollups) != len(s.LevelsOf(base)) {
			t.Errorf("%s\n got %s, %v\nwant %s", c.text, got, base.Rollups, c.want)
		}
		if !slices.IsSortedFunc(base.Rollups, func(a, b string) int { return s.Table("ks", a).Rollup.CompareSteps(s.Table("ks", b).Rollup) }) {
			t.Errorf("%s: %v", c.text, base.Rollups)
		}
	}
}

// A table goes with the rollups that its option makes, and not with others; a new table has nothing to catch up with.
func TestLevelsGoWithTheirTable(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1m': '7d', '1h': '90d'}",
		"CREATE ROLLUP r ON t_1h AS SELECT sum(v) GROUP BY k, floor(ts, 1d)")
	if got := levelTexts(s, "t"); got != "t_1m<-t 7d, t_1h<-t_1m 90d, r<-t_1h +" {
		t.Error(got)
	}
	s, a, err := alter(s, "DROP ROLLUP r")
	if err != nil || a.Change != changeDropped || a.Name != "r" {
		t.Fatal(a, err)
	}
	if s, _, err = alter(s, "DROP TABLE t"); err != nil || len(s.Keyspaces["ks"].Tables) != 0 {
		t.Errorf("%v, %v", s.Keyspaces["ks"].Tables, err)
	}
}

func TestTooManyRollups(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}")
	var err error
	for i := 1; err == nil && i < 1000; i++ {
		s, _, err = alter(s, fmt.Sprintf("CREATE ROLLUP r%d ON t AS SELECT count(*) GROUP BY k, floor(ts, %dm)", i, i))
	}
	want := "table ks.t would have 33 rollups; the most is 32: drop one first, or widen another by more aggregates"
	if err == nil || err.Error() != want || len(s.LevelsOf(s.Table("ks", "t"))) != 32 {
		t.Errorf("got %v", err)
	}
	if _, _, err := alter(s, "ALTER TABLE t WITH rollups = {'1h': 'forever', '1w': 'forever'}"); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestAlterPauseAndDropRollup(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts))",
		"CREATE ROLLUP r ON t AS SELECT sum(v) GROUP BY k, floor(ts, 1h) WITH lateness = {'grace': '1m', 'max': '2d'}",
		"ALTER ROLLUP r WITH retention = {'duration': '90d'} AND comment = 'x'")
	r := s.Table("ks", "r")
	if r.Retention.Millis != 90*dayMillis || r.Retention.By != "ts" || r.Options.Comment != "x" || r.Rollup.LatenessMillis != 2*dayMillis {
		t.Errorf("%+v %+v", r.Retention, r.Rollup)
	}
	for _, c := range []struct {
		text            string
		changes, paused bool
	}{
		{"RESUME ROLLUP r", false, false}, {"PAUSE ROLLUP ks.r", true, true}, {"PAUSE ROLLUP r", false, true}, {"ALTER ROLLUP r WITH lateness = {'max': '3d'}", true, true},
		{"RESUME ROLLUP r", true, false}, {"ALTER ROLLUP IF EXISTS nope WITH comment = 'x'", false, false}, {"DROP ROLLUP IF EXISTS nope", false, false},
		{"CREATE ROLLUP IF NOT EXISTS r ON t AS SELECT sum(v) GROUP BY k, floor(ts, 1d)", false, false},
	} {
		next, a, err := alter(s, c.text)
		if err != nil || (a.Next != nil) != c.changes || next.Table("ks", "r").Rollup.Paused != c.paused {
			t.Errorf("%s: %+v, %v", c.text, a, err)
		}
		s = next
	}
	if of := s.Table("ks", "r").Rollup; of.LatenessMillis != 3*dayMillis || of.GraceMillis != 0 {
		t.Errorf("%+v", of)
	}
	if of := r.Rollup; of.LatenessMillis != 2*dayMillis || of.Paused {
		t.Errorf("a published rollup changed: %+v", of)
	}
}

// A new name of a key column carries over to rollups: in their keys, in what they are made of, and in their retention.
func TestRenamedColumnsInRollups(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE t (k int, ts bigint, c int, v int, PRIMARY KEY (k, ts, c)) WITH time_bucket = {'column': 'ts', 'size': '1d', 'unit': 's'} AND rollups = {'1h': '90d'}",
		"CREATE ROLLUP r ON t AS SELECT floor(ts, 1h) AS hour, sum(v) AS ts GROUP BY k, floor(ts, 1h), c")
	before := s.Table("ks", "t_1h")
	s, _, err := alter(s, "ALTER TABLE t RENAME k TO device AND ts TO at AND c TO sensor")
	if err != nil {
		t.Fatal(err)
	}
	level, r := s.Table("ks", "t_1h"), s.Table("ks", "r")
	if got := fmt.Sprintln(columnNames(level.PartitionKey), columnNames(level.Clustering), level.Rollup.TimeColumn, level.Retention.By, level.Bucket.Column, level.UnitNanos()); got != "[device] [at] at at at 1000000000\n" {
		t.Error(got)
	}
	if got := fmt.Sprintln(columnNames(r.PartitionKey), columnNames(r.Clustering), columnNames(r.Regulars), r.Rollup.TimeColumn, r.Rollup.Group, r.Bucket.Column); got != "[device] [hour sensor] [ts] at [sensor] hour\n" {
		t.Error(got)
	}
	if before.Clustering[0].Name != "ts" || before.Rollup.TimeColumn != "ts" || before.Retention.By != "ts" {
		t.Errorf("a published rollup changed: %+v", before)
	}
}

func columnNames(columns []*schema.Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}

// jobOf is what a statement about the windows of a rollup asks for.
func jobOf(s *schema.Snapshot, text string, values ...Value) (Plan, error) {
	tree, err := cql.Parse(text)
	if err != nil {
		return nil, err
	}
	p, err := Prepare(s, "ks", tree, nil)
	if err != nil {
		return nil, err
	}
	return p.Bind(values, Context{})
}

func TestRefreshRollupNamesWindows(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE t (a int, b text, ts timestamp, v int, PRIMARY KEY ((a, b), ts))",
		"CREATE ROLLUP r ON t AS SELECT count(*) GROUP BY a, b, floor(ts, 1h)",
		"CREATE TABLE u (k int, at bigint, v int, PRIMARY KEY (k, at)) WITH time_bucket = {'column': 'at', 'size': '1d', 'unit': 'us'} AND rollups = {'1h': 'forever'}",
		"CREATE TABLE d (k int, day date, v int, PRIMARY KEY (k, day)) WITH rollups = {'1mo': 'forever'}")
	millis := func(text string) int64 {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	two, three := millis("2026-01-15T02:00:00Z"), millis("2026-01-15T03:00:00Z")
	all := downsample.Window{Start: math.MinInt64, End: math.MaxInt64}
	for _, c := range []struct {
		text   string
		values []Value
		want   downsample.Window
		key    bool
	}{
		{"REFRESH ROLLUP r", nil, all, false},
		{"REFRESH ROLLUP r WHERE a = 1 AND b = 'x'", nil, all, true},
		{"REFRESH ROLLUP r WHERE ts >= '2026-01-15T02:00:00Z' AND ts < '2026-01-15T03:00:00Z'", nil, downsample.Window{Start: two, End: three}, false},
		{"REFRESH ROLLUP r WHERE ts >= '2026-01-15T02:59:00Z' AND ts <= '2026-01-15T03:00:00Z' AND b = 'x' AND a = 1", nil, downsample.Window{Start: two, End: three + hourMillis}, true},
		{"REFRESH ROLLUP r WHERE ts = '2026-01-15T02:30:00Z'", nil, downsample.Window{Start: two, End: three}, false},
		{"REFRESH ROLLUP r WHERE ts >= '2026-01-15T02:30:00Z'", nil, downsample.Window{Start: two, End: math.MaxInt64}, false},
		{"REFRESH ROLLUP r WHERE ts < ?", []Value{{Bytes: types.AppendBigint(nil, three)}}, downsample.Window{Start: math.MinInt64, End: three}, false},
		{"REFRESH ROLLUP r WHERE ts < ? AND a = ? AND b = ?", []Value{{Bytes: types.AppendBigint(nil, math.MaxInt64)}, {Bytes: types.AppendInt(nil, 1)}, {Bytes: []byte("x")}}, all, true},
		{"REFRESH ROLLUP r WHERE ts > '2026-01-15T03:00:00Z' AND ts < '2026-01-15T02:00:00Z'", nil, downsample.Window{}, false},
		{fmt.Sprintf("REFRESH ROLLUP u_1h WHERE at < %d", two*1000+1), nil, downsample.Window{Start: math.MinInt64, End: three}, false},
		{"REFRESH ROLLUP d_1mo WHERE day >= '2026-01-15' AND day <= '2026-02-01'", nil, downsample.Window{Start: millis("2026-01-01T00:00:00Z"), End: millis("2026-03-01T00:00:00Z")}, false},
	} {
		plan, err := jobOf(s, c.text, c.values...)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := plan.(*RefreshRollup); got.Over != c.want || (got.Key != nil) != c.key {
			t.Errorf("%s\n got %+v\nwant %+v", c.text, got.Over, c.want)
		}
	}
	const form = "REFRESH ROLLUP ks.r takes a range of time, and the whole partition key or nothing of it: WHERE a = … AND b = … AND ts >= … AND ts < …"
	for _, c := range []struct {
		text, want string
		values     []Value
	}{
		{"REFRESH ROLLUP r WHERE a = 1", form, nil}, {"REFRESH ROLLUP r WHERE a > 1 AND b = 'x'", form, nil}, {"REFRESH ROLLUP r WHERE a IN (1, 2) AND b = 'x'", form, nil},
		{"REFRESH ROLLUP r WHERE token(a, b) > 5", form, nil}, {"REFRESH ROLLUP r WHERE count = 5", form, nil},
		{"REFRESH ROLLUP r WHERE nope = 5", "Undefined column name nope in table ks.r", nil},
		{"REFRESH ROLLUP r WHERE ts < ?", "Invalid null value in condition for column ts", []Value{{}}},
		{"CHECK ROLLUP r SAMPLE 0", "CHECK ROLLUP ks.r SAMPLE takes how many windows to compare, 1 or more; without SAMPLE all are", nil},
		{"CHECK ROLLUP r SAMPLE ?", "CHECK ROLLUP ks.r SAMPLE takes how many windows to compare, 1 or more; without SAMPLE all are", []Value{{}}},
	} {
		if _, err := jobOf(s, c.text, c.values...); err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
	plan, err := jobOf(s, "CHECK ROLLUP r SAMPLE ? REPAIR", Value{Bytes: types.AppendInt(nil, 7)})
	if err != nil || *plan.(*CheckRollup) != (CheckRollup{Table: s.Table("ks", "r"), Sample: 7, Repair: true}) {
		t.Errorf("%+v, %v", plan, err)
	}
}

// A rollup of a release without states goes on as it is, and nothing is computed from it.
func TestRollupsOfEarlierReleases(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}")
	old := cloneRollup(s.Table("ks", "t_1h"))
	old.States, old.Rollup.Base, old.Rollup.Step, old.Rollup.StepMillis = nil, "", partition.Bucketing{}, hourMillis
	old.Rollup.Aggregates = slices.DeleteFunc(old.Rollup.Aggregates, func(a downsample.Aggregate) bool { return old.Column(a.Target) == nil })
	s = s.WithTable(old)
	checkRefusals(t, s, []refusal{
		{"I", "CREATE ROLLUP r ON t_1h AS SELECT avg(v) GROUP BY k, floor(ts, 1d)",
			"rollup ks.r: avg(v) cannot be computed from ks.t_1h, which an earlier release made without states to merge; declare it ON ks.t"},
		{"I", "CREATE ROLLUP r ON t_1h AS SELECT count(*) GROUP BY k, floor(ts, 1d)",
			"rollup ks.r: count(*) cannot be computed from ks.t_1h, which an earlier release made without states to merge; declare it ON ks.t"},
		{"I", "ALTER TABLE t DROP v", "Cannot drop column v on base table t with rollup ks.t_1h"},
	})
	for _, c := range []struct{ text, want string }{
		{"ALTER TABLE t WITH rollups = {'1h': '90d', '1d': 'forever', '1m': '2d'}", "t_1m<-t 2d +, t_1h<-t 90d, t_1d<-t_1m +"},
		{"ALTER TABLE t RENAME ts TO at", "t_1m<-t 2d +, t_1h<-t 90d, t_1d<-t_1m +"},
		{"PAUSE ROLLUP t_1h", "t_1m<-t 2d +, t_1h<-t 90d, t_1d<-t_1m +"},
		{"ALTER TABLE t WITH rollups = {'1d': 'forever', '1h': '30d'}", "t_1h<-t 30d (1), t_1d<-t +"},
	} {
		var err error
		if s, _, err = alter(s, c.text); err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		if got := levelTexts(s, "t"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
	if text := s.Table("ks", "t_1h").Create(s.Keyspaces["ks"]); !strings.Contains(text, "GROUP BY k, floor(at, 1h)") || !strings.Contains(text, "avg(v) AS avg_v") {
		t.Error(text)
	}
}
