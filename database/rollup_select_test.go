package database

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/planner"
)

// askedSteps are what SELECTs group by: steps of rollups, multiples of them, and others.
var askedSteps = []struct {
	text string // of the function of ts
	step model.Step
}{
	{"floor(ts, 1m)", model.Step{Size: time.Minute}},
	{"floor(ts, 25m)", model.Step{Size: 25 * time.Minute}},
	{"floor(ts, 1h)", model.Step{Size: time.Hour}},
	{"floor(ts, 2h)", model.Step{Size: 2 * time.Hour}},
	{"floor(ts, 90m)", model.Step{Size: 90 * time.Minute}},
	{"time_bucket(ts, 6h)", model.Step{Size: 6 * time.Hour}},
	{"time_bucket(ts, 1d)", model.Step{Days: 1}},
	{"time_bucket(ts, 7d)", model.Step{Days: 7}},
	{"floor(ts, 1mo)", model.Step{Months: 1}},
	{"time_bucket(ts, 1h, 'Europe/Berlin')", model.Step{Size: time.Hour, Zone: "Europe/Berlin"}},
	{"time_bucket(ts, 1d, 'Europe/Berlin')", model.Step{Days: 1, Zone: "Europe/Berlin"}},
	{"time_bucket(ts, 1d, 'America/Santiago')", model.Step{Days: 1, Zone: "America/Santiago"}},
	{"time_bucket(ts, 1mo, 'America/New_York')", model.Step{Months: 1, Zone: "America/New_York"}},
}

// askedFunctions are aggregates by the columns they are asked of; "" is the count of rows.
var askedFunctions = map[string][]string{
	"":  {"count"},
	"a": {"count", "sum", "avg", "min", "max", "first", "last", "stddev", "stddev_pop", "median", "percentile", "distinct", "delta", "rate", "time_weighted_avg"},
	"b": {"count", "sum", "avg", "min", "max", "first", "last", "stddev", "percentile", "distinct"},
	"f": {"count", "sum", "avg", "min", "max", "first", "last", "stddev", "median", "distinct"},
	"s": {"count", "min", "max", "first", "last", "distinct"},
}

// question is a random SELECT that groups rows of t.
type question struct {
	text string // without ORDER BY
	of   model.Rollup
	rows model.Of
}

func (r *rollupRun) question(rng *rand.Rand) question {
	var q question
	by := askedSteps[rng.IntN(len(askedSteps))]
	q.of.Step = by.step
	selectors := []string{"k", by.text + " AS ts"}
	for i := range 1 + rng.IntN(4) {
		columns := slices.Sorted(maps.Keys(askedFunctions))
		column := columns[rng.IntN(len(columns))]
		a := model.Target{Of: column, Column: fmt.Sprintf("c%d", i)}
		a.Function = askedFunctions[column][rng.IntN(len(askedFunctions[column]))]
		a.Type = columnTypes[column]
		if a.Function == "percentile" {
			a.Fraction = 0.9
		}
		selectors = append(selectors, callOf(a)+" AS "+a.Column)
		q.of.Aggregates = append(q.of.Aggregates, a)
	}
	where := ""
	if k := rng.IntN(3); k < 2 {
		q.rows.Key = [][]byte{types.AppendInt(nil, int32(k))}
		where = fmt.Sprintf(" WHERE k = %d", k)
		if rng.IntN(2) == 0 {
			grain := []time.Duration{time.Second, time.Hour, 24 * time.Hour}[rng.IntN(3)]
			to := r.clock.Now().Add(-time.Duration(rng.IntN(50)) * time.Hour).Truncate(grain)
			from := to.Add(-time.Duration(1+rng.IntN(500)) * time.Hour)
			q.rows.From, q.rows.To = from.UnixMilli(), to.UnixMilli()
			where += fmt.Sprintf(" AND ts >= %d AND ts < %d", q.rows.From, q.rows.To)
		}
	}
	q.text = fmt.Sprintf("SELECT %s FROM t%s GROUP BY k, %s", strings.Join(selectors, ", "), where, by.text)
	return q
}

// selected asks a random SELECT, in both directions, by pages, of raw rows and of what serves it.
func (r *rollupRun) selected(rng *rand.Rand) string {
	q := r.question(rng)
	directions := []string{" USING RESOLUTION 'raw'", ""}
	if q.rows.Key != nil {
		directions = []string{" ORDER BY ts ASC USING RESOLUTION 'raw'", " ORDER BY ts DESC USING RESOLUTION 'raw'", " ORDER BY ts ASC", " ORDER BY ts DESC"}
	}
	for _, direction := range directions {
		text := q.text + direction
		var err error
		var built bool
		if q.rows.ExpiredFrom, built, err = r.wholeFrom(text); err != nil {
			return err.Error()
		}
		if !built {
			continue // which rows that have expired it counts changes while it is asked
		}
		got, err := r.cells(text)
		if err != nil {
			return err.Error()
		}
		if what, err := r.answerDiffers(&q, got, direction); err != nil {
			return err.Error()
		} else if what != "" {
			return text + "\n" + what
		}
		for _, size := range []int{1, 3} {
			paged, err := r.cellsByPages(text, size)
			if err != nil {
				return err.Error()
			}
			same := func(a, b map[string][]byte) bool { return maps.EqualFunc(a, b, bytes.Equal) }
			if !slices.EqualFunc(got, paged, same) {
				return fmt.Sprintf("%s\nby pages of %d rows: %v\nwhole: %v", text, size, paged, got)
			}
		}
	}
	return ""
}

// wholeFrom is the time, in milliseconds, from which on some rollup that may serve a SELECT has its windows: what a rollup
// holds, it holds of rows that have expired too. 0: there is no such rollup. It is not built where one has windows left to compute.
func (r *rollupRun) wholeFrom(text string) (from int64, built bool, err error) {
	st, err := r.db.Prepare("ks", text)
	if err != nil {
		return 0, false, err
	}
	plan, err := r.db.bind(st, &Request{})
	if err != nil {
		return 0, false, err
	}
	levels := plan.(*planner.Read).Levels
	if levels == nil {
		return 0, true, nil
	}
	view := r.db.store.View()
	defer view.Close()
	for i := range levels.Levels {
		l := r.level(levels.Levels[i].Table.Name)
		state, err := rollupState(view, levels.Levels[i].Table)
		if err != nil || state.BuiltFrom != math.MinInt64 {
			return 0, false, err
		}
		at := int64(1) // before all rows
		for _, bound := range []int64{state.CompleteFrom, r.clock.Now().Add(-l.keep + time.Millisecond).UnixMilli()} {
			if bound == math.MinInt64 || l.keep == 0 && bound != state.CompleteFrom {
				continue
			}
			start, end := l.of.Step.Around(time.UnixMilli(bound))
			if start.UnixMilli() == bound {
				end = start
			}
			at = max(at, end.UnixMilli())
		}
		if from == 0 || at < from {
			from = at
		}
	}
	return from, true, nil
}

// answerDiffers compares an answer with the rows that show, group by group.
func (r *rollupRun) answerDiffers(q *question, got []map[string][]byte, direction string) (string, error) {
	of := q.rows
	of.Now = r.clock.Now().Unix()
	of.ShownFrom = r.shownFrom()
	windows, err := r.rows.Windows(&q.of, of)
	if err != nil {
		return "", err
	}
	last := map[string]int64{}
	for _, row := range got {
		if row["ts"] == nil && q.rows.To == 0 { // a partition with nothing but statics is a row, as in Cassandra (R27)
			for _, w := range windows {
				if bytes.Equal(w.Key[0], row["k"]) {
					return fmt.Sprintf("a row of statics alone beside %v", w), nil
				}
			}
			continue
		}
		start := types.DecodeInt64(row["ts"])
		name := model.WindowKey([][]byte{row["k"]}, time.UnixMilli(start), nil)
		w := windows[name]
		if start < r.unclearBefore {
			delete(windows, name)
			continue
		}
		if w == nil {
			return "a row of no window, or twice: " + name, nil
		}
		delete(windows, name)
		r.tally.answers++
		if what := r.rows.Differs(&q.of, w, row); what != "" {
			return name + ": " + what, nil
		}
		before, any := last[string(row["k"])]
		if last[string(row["k"])] = start; any && (strings.HasPrefix(direction, " ORDER BY ts ASC") && start < before || strings.HasPrefix(direction, " ORDER BY ts DESC") && start > before) {
			return "not in order: " + name, nil
		}
	}
	for name, w := range windows {
		if w.Start.UnixMilli() >= r.unclearBefore {
			return "no row: " + name, nil
		}
	}
	return "", nil
}
