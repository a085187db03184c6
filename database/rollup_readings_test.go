package database

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// expectedWindow is a line of testdata/nab.txt.
type expectedWindow struct {
	count, distinct int64
	// sum, least, greatest, first, last, deviation, median, 90th percentile; NaN for null
	values [8]float64
}

// readingColumns are the columns of rollups that stand beside expectedWindow.values.
var readingColumns = [8]string{"sum_value", "min_value", "max_value", "first_value", "last_value", "stddev_value", "p50_value", "p90_value"}

// expectedWindows are the windows of testdata/nab.txt by "zone step series start", and the names of the series.
func expectedWindows(t *testing.T) (windows map[string]expectedWindow, series []string) {
	t.Helper()
	f, err := os.Open("testdata/nab.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	windows = map[string]expectedWindow{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) != 14 {
			t.Fatalf("%d words: %s", len(words), lines.Text())
		}
		var w expectedWindow
		numbers := make([]float64, len(words))
		for i, word := range words[4:] {
			if numbers[i], err = strconv.ParseFloat(word, 64); err != nil {
				numbers[i] = math.NaN()
			}
		}
		w.count, w.distinct = int64(numbers[0]), int64(numbers[9])
		copy(w.values[:], numbers[1:9])
		if windows[strings.Join(words[:4], " ")] = w; len(series) == 0 || series[len(series)-1] != words[2] {
			series = append(series, words[2])
		}
	}
	return windows, series
}

// TestRollupsOfRealReadings: months of real readings, loaded with repeated and missing times, rolled up to days and months of three
// zones whose clocks are moved meanwhile, hold what testdata/nab.py computed in another language.
func TestRollupsOfRealReadings(t *testing.T) {
	want, series := expectedWindows(t)
	statements := []string{"CREATE TABLE r (device text, ts timestamp, value double, PRIMARY KEY ((device), ts)) WITH CLUSTERING ORDER BY (ts DESC) AND time_bucket = {'column': 'ts', 'size': '7d'}"}
	zones := map[string]string{"America/New_York": "ny", "Australia/Lord_Howe": "howe", "Europe/Berlin": "berlin"}
	for zone, short := range zones {
		for source, step := range map[string]string{"r": "1d", short + "_1d": "1mo"} {
			statements = append(statements, fmt.Sprintf(`CREATE ROLLUP %s_%s ON %s AS SELECT device, count(value), sum(value), avg(value), min(value), max(value),
				first(value), last(value), stddev(value), percentile(value, 0.5, 0.9), distinct(value)
				GROUP BY device, time_bucket(ts, %s) WITH time_zone = '%s'`, short, step, source, step, zone))
		}
	}
	w := newWorld(t)
	w.run(ascendingSteps(statements)...)
	w.clock.Set(time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC))
	rng := rand.New(rand.NewPCG(1, 9))
	insert, err := w.db.Prepare("ks", "INSERT INTO r (device, ts, value) VALUES (?, ?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, name := range series {
		all := measurements(t, name)
		rows += len(all)
		rng.Shuffle(len(all)/4, func(i, j int) { all[i], all[j] = all[j], all[i] }) // out of order
		for i, m := range all {
			values := []planner.Value{{Bytes: []byte(name)}, millis(m.at), {Bytes: types.AppendDouble(nil, m.value)}}
			if _, err := w.db.Execute(insert, Request{Values: values}); err != nil {
				t.Fatal(err)
			}
			if i == len(all)/2 {
				must(w, w.store.FlushAll())
				must(w, w.db.rollups.Settle())
			}
		}
	}
	w.reopen()
	must(w, w.db.rollups.Settle())
	for zone, short := range zones {
		for _, step := range []string{"1d", "1mo"} {
			w.sameWindows(zone, step, fmt.Sprintf("%s_%s", short, step), want)
		}
	}
	for name := range want {
		t.Errorf("no row: %s", name)
	}
	t.Logf("%d readings of %d devices", rows, len(series))
}

// ascendingSteps puts the rollups of days before those of months, which are declared on them.
func ascendingSteps(statements []string) (out []string) {
	for _, months := range []bool{false, true} {
		for _, s := range statements {
			if strings.Contains(s, "1mo") == months {
				out = append(out, s)
			}
		}
	}
	return out
}

// sameWindows compares the rows of a rollup, and takes what it finds out of want.
func (w *world) sameWindows(zone, step, rollup string, want map[string]expectedWindow) {
	w.t.Helper()
	got, err := w.cells("SELECT * FROM " + rollup)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, row := range got {
		name := fmt.Sprintf("%s %s %s %d", zone, step, row["device"], types.DecodeInt64(row["ts"]))
		e, ok := want[name]
		if !ok {
			w.t.Errorf("a row of no window: %s", name)
			continue
		}
		delete(want, name)
		if n := types.DecodeInt64(row["count_value"]); n != e.count {
			w.t.Errorf("%s: count %d, want %d", name, n, e.count)
		}
		if n := types.DecodeInt64(row["distinct_value"]); math.Abs(float64(n-e.distinct)) > e.distinctSlack() {
			w.t.Errorf("%s: distinct %d, want %d", name, n, e.distinct)
		}
		for i, column := range readingColumns {
			if math.IsNaN(e.values[i]) {
				if row[column] != nil {
					w.t.Errorf("%s: %s is %x, want null", name, column, row[column])
				}
				continue
			}
			if v := types.DecodeFloat64(row[column]); len(row[column]) != 8 || math.Abs(v-e.values[i]) > e.slack(column)*math.Abs(e.values[i]) {
				w.t.Errorf("%s: %s is %v, want %v", name, column, v, e.values[i])
			}
		}
		mean := e.values[0] / float64(e.count)
		if v := types.DecodeFloat64(row["avg_value"]); math.Abs(v-mean) > 1e-12*math.Abs(mean) {
			w.t.Errorf("%s: avg is %v, want %v", name, v, mean)
		}
	}
}

// slack is what a value may be off by, of itself. The readings are not negative.
func (e *expectedWindow) slack(column string) float64 {
	switch {
	case column[0] == 'p' && e.count > 1000:
		return 1.0 / 128
	case column == "sum_value", column == "stddev_value", column[0] == 'p':
		return 1e-12
	}
	return 0
}

// distinctSlack is five standard errors of the estimate, beyond what is counted exactly.
func (e *expectedWindow) distinctSlack() float64 {
	if e.distinct <= 1000 {
		return 0
	}
	return 5 * 0.0081 * float64(e.distinct)
}
