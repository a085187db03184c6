package database

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
)

// moment is a line of testdata/zones.txt: a time and the window that Python's zoneinfo puts it in.
type moment struct {
	zone, step     string
	at, start, end int64
}

func moments(t *testing.T) (out []moment) {
	t.Helper()
	f, err := os.Open("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var m moment
		if _, err := fmt.Sscan(lines.Text(), &m.zone, &m.step, &m.at, &m.start, &m.end); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		out = append(out, m)
	}
	return out
}

// zoneSteps are the steps of testdata/zones.txt.
var zoneSteps = map[string]model.Step{
	"15m": {Size: 15 * time.Minute}, "30m": {Size: 30 * time.Minute}, "1h": {Size: time.Hour}, "6h": {Size: 6 * time.Hour},
	"1d": {Days: 1}, "7d": {Days: 7}, "1mo": {Months: 1},
}

// Windows around the moments at which clocks are moved are those of package time and of Python's zoneinfo, in the model, in
// buckets, in what SELECT answers and in rollups.
func TestWindowsWhereClocksAreMoved(t *testing.T) {
	all := moments(t)
	for _, m := range all {
		step := zoneSteps[m.step]
		step.Zone = m.zone
		if start, end := step.Around(time.UnixMilli(m.at)); start.UnixMilli() != m.start || end.UnixMilli() != m.end {
			t.Errorf("%+v: the model says %d to %d", m, start.UnixMilli(), end.UnixMilli())
		}
		b := partition.Bucketing{SizeMillis: step.Size.Milliseconds(), Days: int32(step.Days), Months: int32(step.Months), Zone: m.zone}
		if start, end := b.BucketOf(m.at); start != m.start || end != m.end {
			t.Errorf("%+v: buckets say %d to %d", m, start, end)
		}
	}
	w := newWorld(t, "CREATE TABLE t (k text, ts timestamp, v int, PRIMARY KEY (k, ts))")
	w.clock.Set(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	insert, err := w.db.Prepare("ks", "INSERT INTO t (k, ts, v) VALUES (?, ?, 1)")
	if err != nil {
		t.Fatal(err)
	}
	rollups := map[[2]string]string{}
	want := map[[2]string]map[int64]int64{} // rows by zone and step, by the start of the window
	for _, m := range all {
		if _, err := w.db.Execute(insert, Request{Values: []planner.Value{{Bytes: []byte(m.zone)}, millis(m.at)}}); err != nil {
			t.Fatal(err)
		}
		name := [2]string{m.zone, m.step}
		if want[name] == nil {
			want[name] = map[int64]int64{}
		}
		want[name][m.start]++
	}
	must(w, w.store.FlushAll())
	n := 0
	for name := range want { // rollups over rows that are there
		w.run(fmt.Sprintf("CREATE ROLLUP r%s_%d ON t AS SELECT k, count(*) AS n GROUP BY k, time_bucket(ts, %s) WITH time_zone = '%s'", name[1], n, name[1], name[0]))
		rollups[name] = fmt.Sprintf("r%s_%d", name[1], n)
		n++
	}
	groups := 0
	for name, starts := range want {
		must(w, w.db.backfill.Await(w.db.Schema().Table("ks", rollups[name]), math.MinInt64))
		w.sameCounts(fmt.Sprintf("SELECT ts, n FROM %s WHERE k = '%s'", rollups[name], name[0]), starts)
		groups += len(starts)
		by := fmt.Sprintf("time_bucket(ts, %s, '%s')", name[1], name[0])
		w.sameCounts(fmt.Sprintf("SELECT %s AS ts, count(*) AS n FROM t WHERE k = '%s' GROUP BY %s", by, name[0], by), starts)
	}
	t.Logf("%d moments, %d windows of %d zones and steps", len(all), groups, len(want))
}

// sameCounts compares the rows ts, n of an answer with counts by time.
func (w *world) sameCounts(text string, want map[int64]int64) {
	w.t.Helper()
	rows, err := w.cells(text)
	if err != nil {
		w.t.Fatal(err)
	}
	var got, wanted []string
	for _, row := range rows {
		got = append(got, fmt.Sprint(types.DecodeInt64(row["ts"]), " ", types.DecodeInt64(row["n"])))
	}
	for at, n := range want {
		wanted = append(wanted, fmt.Sprint(at, " ", n))
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		w.t.Errorf("%s\n got %s\nwant %s", text, strings.Join(got, ", "), strings.Join(wanted, ", "))
	}
}
