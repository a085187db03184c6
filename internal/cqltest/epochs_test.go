package cqltest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// epochSteps are what ALTER makes of time_bucket while a table is loaded; empty turns it off.
var epochSteps = []string{
	"'size': '1d'", "'size': '6h'", "'size': '1w', 'timezone': 'Europe/Berlin'", "", "'size': '1h', 'timezone': 'Australia/Lord_Howe'",
	"'size': '1mo', 'timezone': 'America/New_York'", "'size': '1d', 'timezone': 'Asia/Kolkata', 'origin': '2026-01-01'",
}

// A table whose buckets change while it is loaded answers every range of time, either way, with LIMIT and paged, as one without buckets.
func TestBucketEpochs(t *testing.T) {
	for _, order := range []string{"ASC", "DESC"} {
		for _, column := range []string{"timestamp", "bigint"} {
			t.Run(column+" "+order, func(t *testing.T) { testBucketEpochs(t, column, order) })
		}
	}
}

func testBucketEpochs(t *testing.T, column, order string) {
	const days, perDay, day = 100, 8, 24 * time.Hour
	e := open(t, Options{})
	rng := rand.New(rand.NewPCG(7, 7))
	first := time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC)
	literal := func(at time.Time) string {
		if column == "bigint" {
			return fmt.Sprint(at.Unix())
		}
		return fmt.Sprintf("'%s'", at.Format("2006-01-02T15:04:05Z"))
	}
	do := func(format string, args ...any) {
		for _, table := range []string{"plain", "bucketed"} {
			if _, err := e.Query(fmt.Sprintf(format, append([]any{table}, args...)...), 0); err != nil {
				t.Fatalf(format+": %v", append(append([]any{table}, args...), err)...)
			}
		}
	}
	for _, text := range []string{"CREATE KEYSPACE epochs WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}", "USE epochs"} {
		if _, err := e.Query(text, 0); err != nil {
			t.Fatal(err)
		}
	}
	do("CREATE TABLE %s (k int, ts %s, v int, PRIMARY KEY (k, ts)) WITH CLUSTERING ORDER BY (ts %s)", column, order)
	unit := ""
	if column == "bigint" {
		unit = ", 'unit': 's'"
	}
	n := 0
	for d := range days {
		now := first.Add(time.Duration(d) * day)
		if every := days/len(epochSteps) + 1; d%every == 0 {
			option := epochSteps[d/every]
			if option != "" {
				option = "'column': 'ts', " + option + unit
			}
			if _, err := e.Query("ALTER TABLE bucketed WITH time_bucket = {"+option+"}", 0); err != nil {
				t.Fatal(err)
			}
		}
		for i := range perDay {
			at := now.Add(time.Duration(i) * day / perDay)
			if rng.IntN(12) == 0 {
				at = first.Add(time.Duration(rng.Int64N(int64(d+1) * int64(day)))) // late
			}
			n++
			do("INSERT INTO %s (k, ts, v) VALUES (%d, %s, %d)", rng.IntN(2), literal(at), n)
		}
		if rng.IntN(10) == 0 {
			from := first.Add(time.Duration(rng.IntN(d+1)) * day)
			do("DELETE FROM %s WHERE k = %d AND ts >= %s AND ts < %s", rng.IntN(2), literal(from), literal(from.Add(time.Duration(1+rng.IntN(4))*day)))
		}
		weather := []*Step{{Verb: VerbFlush}, {Verb: VerbFlush}, {Verb: VerbCompact}, {Verb: VerbRestart}}
		if i := rng.IntN(7); i < len(weather) {
			if err := e.Weather(weather[i]); err != nil {
				t.Fatal(err)
			}
		}
		if d%5 == 4 {
			compareEpochs(t, e, rng, first, now.Add(day), literal)
		}
	}
}

// compareEpochs asks both tables the same.
func compareEpochs(t *testing.T, e *Embedded, rng *rand.Rand, first, end time.Time, literal func(time.Time) string) {
	t.Helper()
	span := int64(end.Sub(first))
	for range 12 {
		from := rng.Int64N(span)
		to := from + rng.Int64N(span>>rng.IntN(10)+1)
		where := fmt.Sprintf(" WHERE k = %d AND ts >= %s AND ts < %s", rng.IntN(2), literal(first.Add(time.Duration(from))), literal(first.Add(time.Duration(to))))
		if rng.IntN(4) == 0 {
			where = fmt.Sprintf(" WHERE k = %d", rng.IntN(2))
		}
		where += []string{"", " ORDER BY ts ASC", " ORDER BY ts DESC"}[rng.IntN(3)]
		if rng.IntN(2) == 0 {
			where += fmt.Sprintf(" LIMIT %d", 1+rng.IntN(10))
		}
		page := rng.IntN(3) * (1 + rng.IntN(20))
		var lines [2][]string
		for i, table := range []string{"plain", "bucketed"} {
			answer, err := e.Query("SELECT k, ts, v FROM "+table+where, page)
			if err != nil {
				t.Fatalf("%s%s: %v", table, where, err)
			}
			lines[i] = answer.Lines()
		}
		if !slices.Equal(lines[0], lines[1]) {
			t.Fatalf("%s, pages of %d:\nplain    %q\nbucketed %q", where, page, lines[0], lines[1])
		}
	}
}
