package database

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/planner"
)

// What row groups know of themselves answers as their rows would: every aggregate, in both orders, by day, by hour
// and over everything, with deletions, ends and rows written over.
func TestSummariesAnswerAsRows(t *testing.T) {
	for _, order := range []string{"ASC", "DESC"} {
		w := newWorld(t, "CREATE TABLE r (k int, ts timestamp, i int, b bigint, n int, d double, f float, t text, PRIMARY KEY (k, ts)) WITH CLUSTERING ORDER BY (ts "+order+")")
		rng := rand.New(rand.NewPCG(1, 1))
		insert, err := w.db.Prepare("ks", "INSERT INTO r (k, ts, i, b, n, d, f, t) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?")
		if err != nil {
			t.Fatal(err)
		}
		// Ends come in the last part only: the groups before them are summarised.
		write := func(k, n, ttl int) {
			values := []planner.Value{number(int32(k)), millis(int64(n) * 60_000), number(rng.Int32N(100) - 50), millis(rng.Int64() - 1<<62), number(int32(n)),
				{Bytes: types.AppendDouble(nil, float64(rng.IntN(1000))/10)}, {Unset: rng.IntN(9) == 0, Bytes: []byte{0x41, byte(rng.IntN(100)), 0, 0}}, {Bytes: []byte("x")}, number(int32(ttl))}
			if _, err := w.db.Execute(insert, Request{Values: values}); err != nil {
				t.Fatal(err)
			}
		}
		for k := range 3 {
			for n := range 4000 {
				write(k, n, max(0, n-3500)*10)
			}
		}
		if err := w.store.FlushAll(); err != nil {
			t.Fatal(err)
		}
		sum, pruned := w.compareSummaries()
		w.run("DELETE FROM r WHERE k = 1 AND ts = 90000000", "DELETE i FROM r WHERE k = 2 AND ts = 60000000")
		write(0, 1500, 0)
		w.compareSummaries()
		if err := w.store.FlushAll(); err != nil {
			t.Fatal(err)
		}
		w.compareSummaries()
		if sum < 10_000 || pruned < 10_000 {
			t.Errorf("%s: only %d rows were summarised and %d left out", order, sum, pruned)
		}
	}
}

// compareSummaries runs queries with and without summaries, and returns how many rows were summarised, and how many
// were left out because no row of their group could fulfil the conditions.
func (w *world) compareSummaries() (summarized, pruned int64) {
	w.t.Helper()
	columns := "count(*), count(i), sum(i), avg(i), min(i), max(i), first(i), last(i), sum(b), avg(b), min(d), max(d), first(d), last(d), count(f), min(f), last(f)"
	for _, text := range []string{
		"SELECT " + columns + " FROM r WHERE k = 0",
		"SELECT k, " + columns + " FROM r GROUP BY k",
		"SELECT k, floor(ts, 1d), " + columns + " FROM r GROUP BY k, floor(ts, 1d)",
		"SELECT k, floor(ts, 1h), count(*), max(d) FROM r WHERE k = 1 AND ts > 7000000 AND ts < 200000000 GROUP BY k, floor(ts, 1h) ORDER BY ts DESC",
		"SELECT k, floor(ts, 1d), ts, max(i) FROM r WHERE k = 2 GROUP BY k, floor(ts, 1d) ORDER BY ts ASC LIMIT 2",
		"SELECT sum(i), count(*) FROM r",
		"SELECT k, delta(i), delta(b), delta(d) FROM r GROUP BY k",
		"SELECT k, time_bucket(ts, 1d, 'Europe/Berlin'), count(*), delta(n), max(d) FROM r GROUP BY k, time_bucket(ts, 1d, 'Europe/Berlin')",
		"SELECT k, time_bucket(ts, 4d), sum(i), last(d) FROM r WHERE ts < 900000000 GROUP BY k, time_bucket(ts, 4d) FILL(prev) ALLOW FILTERING",
		"SELECT k, stddev(d), median(i), percentile(d, 0.99), distinct(n), rate(n), time_weighted_avg(d) FROM r GROUP BY k",
		"SELECT sum(d), max(d) FROM r",   // floats are added one by one
		"SELECT max(t), count(*) FROM r", // of texts nothing is known
		"SELECT count(*), max(i) FROM r WHERE k = 1 AND i > 10 ALLOW FILTERING",
		"SELECT ts, n, i FROM r WHERE k = 1 AND n >= 1500 AND n < 1503 ALLOW FILTERING",
		"SELECT k, ts, f FROM r WHERE n = 3999 AND d > -0.0 ALLOW FILTERING",
		"SELECT k, ts, d FROM r WHERE d > 100.0 ALLOW FILTERING",
		"SELECT k, ts FROM r WHERE k = 0 AND d < NaN AND d >= 99.8 ALLOW FILTERING",
	} {
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
		plan, err := w.db.bind(st, &Request{})
		if err != nil {
			w.t.Fatal(err)
		}
		var answers [2]*exec.Result
		for i, without := range []bool{false, true} {
			source := w.db.source(plan.(*planner.Read).Table)
			answers[i], err = exec.Run(source, plan.(*planner.Read), exec.Options{NowSec: w.clock.Now().Unix(), NoSummaries: without})
			source.Close()
			if err != nil {
				w.t.Fatalf("%s: %v", text, err)
			}
		}
		if !bytes.Equal(answers[0].Rows, answers[1].Rows) {
			w.t.Errorf("%s: summaries answer otherwise\n%s", text, fmt.Sprintf("%x\n%x", answers[0].Rows, answers[1].Rows))
		}
		summarized += answers[0].Stats.RowsSummarized
		pruned += answers[1].Stats.RowsRead - answers[0].Stats.RowsRead - answers[0].Stats.RowsSummarized
	}
	return summarized, pruned
}
