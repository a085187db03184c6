package database

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/planner"
)

// sketchedColumns are values of one distribution each.
var sketchedColumns = map[string]func(*rand.Rand) float64{
	"even":   func(r *rand.Rand) float64 { return r.Float64() * 1000 },
	"skewed": func(r *rand.Rand) float64 { return math.Exp(3 * r.NormFloat64()) },
	"signed": func(r *rand.Rand) float64 { return r.NormFloat64() * 1e-3 },
	"few":    func(r *rand.Rand) float64 { return float64(r.IntN(7)) - 3 },
	"whole":  func(r *rand.Rand) float64 { return float64(r.IntN(5000)) },
}

// TestSketchesKeepTheirBounds: at each of three levels a percentile is within 1/128 of the value at its rank, and exact in small
// windows; a count of different values is within five standard errors, and exact up to 1,000. And each is, to the bit, what
// SELECT computes from the rows: merging loses nothing.
func TestSketchesKeepTheirBounds(t *testing.T) {
	const create = "CREATE TABLE t (k int, ts timestamp, even double, skewed double, signed double, few double, whole double, PRIMARY KEY (k, ts)) WITH CLUSTERING ORDER BY (ts DESC)"
	w := newWorld(t, create)
	var calls []string
	var targets []model.Target
	for column := range sketchedColumns {
		for _, fraction := range []float64{0, 0.01, 0.5, 0.99, 1} {
			targets = append(targets, model.Target{Aggregate: model.Aggregate{Function: "percentile", Type: types.Double, Fraction: fraction}, Of: column})
		}
		targets = append(targets, model.Target{Aggregate: model.Aggregate{Function: "distinct", Type: types.Double}, Of: column})
	}
	for i := range targets {
		targets[i].Column = fmt.Sprintf("c%d", i)
		calls = append(calls, callOf(targets[i])+" AS "+targets[i].Column)
	}
	levels := []level{
		{name: "fine", of: model.Rollup{Step: model.Step{Size: 10 * time.Minute}}},
		{name: "middle", of: model.Rollup{Step: model.Step{Size: time.Hour}}},
		{name: "coarse", of: model.Rollup{Step: model.Step{Days: 1}}},
	}
	steps := []string{"10m", "1h", "1d"}
	source := "t"
	for i := range levels {
		levels[i].of.Aggregates = targets
		w.run(fmt.Sprintf("CREATE ROLLUP %s ON %s AS SELECT k, %s GROUP BY k, floor(ts, %s)", levels[i].name, source, strings.Join(calls, ", "), steps[i]))
		source = levels[i].name
	}
	rows := model.New(w.db.Schema().Table("ks", "t"))
	w.fillSketches(rows)
	w.clock.Set(programStart.Add(10 * 24 * time.Hour))
	must(w, w.db.rollups.Settle())
	compared := 0
	for i, l := range levels {
		windows, err := rows.Windows(&l.of, model.Of{Expired: true})
		must(w, err)
		raw := w.windowsOf(fmt.Sprintf("SELECT k, floor(ts, %s) AS ts, %s FROM t GROUP BY k, floor(ts, %s) USING RESOLUTION 'raw'", steps[i], strings.Join(calls, ", "), steps[i]))
		served := w.windowsOf(fmt.Sprintf("SELECT k, floor(ts, %s) AS ts, %s FROM t GROUP BY k, floor(ts, %s)", steps[i], strings.Join(calls, ", "), steps[i]))
		got := w.windowsOf("SELECT * FROM " + l.name)
		if len(got) != len(windows) {
			t.Errorf("%s has %d windows, want %d", l.name, len(got), len(windows))
		}
		for name, window := range windows {
			compared++
			if what := rows.Differs(&l.of, window, got[name]); what != "" {
				t.Errorf("%s, %s: %s", l.name, name, what)
			}
			for _, a := range targets {
				if want := string(raw[name][a.Column]); string(got[name][a.Column]) != want || string(served[name][a.Column]) != want {
					t.Errorf("%s, %s: %s is %x, as SELECT has it %x, of the rows %x", l.name, name, callOf(a), got[name][a.Column], served[name][a.Column], want)
				}
			}
		}
	}
	t.Logf("%d windows of %d aggregates, of up to 9,000 values", compared, len(targets))
}

// fillSketches writes windows of few and of many rows, in no order.
func (w *world) fillSketches(rows *model.Table) {
	w.t.Helper()
	columns := []string{"even", "skewed", "signed", "few", "whole"}
	insert, err := w.db.Prepare("ks", "INSERT INTO t (k, ts, even, skewed, signed, few, whole) VALUES (1, ?, ?, ?, ?, ?, ?) USING TIMESTAMP 1")
	must(w, err)
	rng := rand.New(rand.NewPCG(6, 6))
	for day, perHour := range []int{40, 1500, 0, 300} {
		for i := range 6 * perHour { // of six hours
			at := programStart.Add(time.Duration(day)*24*time.Hour + time.Duration(i*7919%(6*perHour))*6*time.Hour/time.Duration(6*perHour))
			op := model.Op{Key: [][]byte{types.AppendInt(nil, 1)}, Clustering: [][]byte{types.AppendTimestampMillis(nil, at.UnixMilli())}, Timestamp: 1, Insert: true}
			values := []planner.Value{{Bytes: op.Clustering[0]}}
			for _, c := range columns {
				v := types.AppendDouble(nil, sketchedColumns[c](rng))
				values = append(values, planner.Value{Bytes: v})
				op.Cells = append(op.Cells, model.Cell{Column: c, Value: v})
			}
			_, err := w.db.Execute(insert, Request{Values: values})
			must(w, err)
			must(w, rows.Apply(op))
		}
		must(w, w.store.FlushAll())
	}
}

// windowsOf are the rows of an answer with k and ts, by model.WindowKey.
func (w *world) windowsOf(text string) map[string]map[string][]byte {
	w.t.Helper()
	got, err := w.cells(text)
	must(w, err)
	out := map[string]map[string][]byte{}
	for _, row := range got {
		out[model.WindowKey([][]byte{row["k"]}, time.UnixMilli(types.DecodeInt64(row["ts"])), nil)] = row
	}
	return out
}
