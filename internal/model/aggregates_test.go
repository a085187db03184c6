package model

import (
	"math"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
)

// The model's aggregates, against answers found by hand: the right one is taken, and one that is off is not.
func TestAggregates(t *testing.T) {
	double := func(v float64) []byte { return types.AppendDouble(nil, v) }
	nan, inf := math.NaN(), math.Inf(1)
	of := func(encode func(float64) []byte, values ...float64) (out []Reading) {
		for i, v := range values {
			out = append(out, Reading{At: time.Unix(int64(10*i), 0), Value: encode(v)})
		}
		return append(out, Reading{At: time.Unix(1000, 0)}) // null
	}
	doubles := func(values ...float64) []Reading { return of(double, values...) }
	ints := func(values ...float64) []Reading {
		return of(func(v float64) []byte { return number(int32(v)) }, values...)
	}
	thousands := make([]float64, 5000)
	for i := range thousands {
		thousands[i] = float64(i)
	}
	for _, c := range []struct {
		a            Aggregate
		readings     []Reading
		right, wrong []byte
	}{
		{Aggregate{Function: "count"}, doubles(1, 2), types.AppendBigint(nil, 3), types.AppendBigint(nil, 2)},
		{Aggregate{Function: "count", Type: types.Double}, doubles(1, 2), types.AppendBigint(nil, 2), types.AppendBigint(nil, 3)},
		{Aggregate{Function: "sum", Type: types.Int}, ints(math.MaxInt32, 2), number(math.MinInt32 + 1), number(math.MaxInt32)},
		{Aggregate{Function: "sum", Type: types.Int}, nil, number(0), nil},
		{Aggregate{Function: "avg", Type: types.Int}, ints(-3, -4), number(-3), number(-4)},
		{Aggregate{Function: "avg", Type: types.Int}, ints(math.MaxInt32, math.MaxInt32), number(math.MaxInt32), number(-1)},
		{Aggregate{Function: "sum", Type: types.Double}, doubles(1e15, 0.1, -1e15), double(0.125), double(1e4)},
		{Aggregate{Function: "sum", Type: types.Double}, doubles(1, nan), double(nan), double(1)},
		{Aggregate{Function: "sum", Type: types.Double}, doubles(1, inf), double(inf), double(1)},
		{Aggregate{Function: "avg", Type: types.Double}, doubles(1, inf, -inf), double(nan), double(0)},
		{Aggregate{Function: "max", Type: types.Double}, doubles(inf, nan, 1), double(nan), double(inf)},
		{Aggregate{Function: "min", Type: types.Double}, doubles(0, math.Copysign(0, -1)), double(math.Copysign(0, -1)), double(0)},
		{Aggregate{Function: "min", Type: types.Double}, nil, nil, double(0)},
		{Aggregate{Function: "first", Type: types.Int}, ints(5, 6), number(5), number(6)},
		{Aggregate{Function: "last", Type: types.Int}, ints(5, 6), number(6), nil},
		{Aggregate{Function: "stddev", Type: types.Int}, ints(2, 4, 4, 4, 5, 5, 7, 9), double(math.Sqrt(32.0 / 7)), double(2)},
		{Aggregate{Function: "stddev_pop", Type: types.Int}, ints(2, 4, 4, 4, 5, 5, 7, 9), double(2), double(2.1)},
		{Aggregate{Function: "stddev", Type: types.Int}, ints(2), nil, double(0)},
		{Aggregate{Function: "median", Type: types.Int}, ints(1, 2), double(1.5), double(1)},
		{Aggregate{Function: "percentile", Type: types.Int, Fraction: 0.75}, ints(1, 2, 3), double(2.5), double(3)},
		{Aggregate{Function: "percentile", Type: types.Double, Fraction: 0.5}, doubles(thousands...), double(2490), double(2400)},
		{Aggregate{Function: "distinct", Type: types.Int}, ints(1, 2, 1), types.AppendBigint(nil, 2), types.AppendBigint(nil, 3)},
		{Aggregate{Function: "distinct", Type: types.Double}, doubles(thousands...), types.AppendBigint(nil, 5100), types.AppendBigint(nil, 5300)},
		{Aggregate{Function: "delta", Type: types.Int}, ints(5, 9, 3), types.AppendBigint(nil, -2), types.AppendBigint(nil, 2)},
		{Aggregate{Function: "rate", Type: types.Int}, ints(5, 9, 3), double(0.35), double(-0.1)},
		{Aggregate{Function: "time_weighted_avg", Type: types.Int}, ints(5, 9, 3), double(7), double(6)},
	} {
		if what := c.a.Differs(c.readings, c.right); what != "" {
			t.Errorf("%+v refuses what is right: %s", c.a, what)
		}
		if c.a.Differs(c.readings, c.wrong) == "" {
			t.Errorf("%+v takes what is wrong: %x", c.a, c.wrong)
		}
	}
}

// The model's windows, against almanacs: summer time begins and ends, by an hour, by half an hour and at midnight.
func TestSteps(t *testing.T) {
	at := func(text string) time.Time {
		m, err := time.Parse("2006-01-02T15:04Z", text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		step           Step
		at, start, end string
	}{
		{Step{Size: time.Hour}, "2026-03-29T00:30Z", "2026-03-29T00:00Z", "2026-03-29T01:00Z"},
		{Step{Days: 1, Zone: "Europe/Berlin"}, "2026-03-29T00:30Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"},
		{Step{Days: 1, Zone: "Europe/Berlin"}, "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"},
		{Step{Months: 1, Zone: "America/New_York"}, "2026-03-31T12:00Z", "2026-03-01T05:00Z", "2026-04-01T04:00Z"},
		{Step{Size: time.Hour, Zone: "Australia/Lord_Howe"}, "2026-04-04T15:10Z", "2026-04-04T15:00Z", "2026-04-04T15:30Z"},
		{Step{Size: time.Hour, Zone: "Australia/Lord_Howe"}, "2026-04-04T14:40Z", "2026-04-04T14:00Z", "2026-04-04T15:00Z"},
		{Step{Days: 1, Zone: "America/Santiago"}, "2026-09-06T10:00Z", "2026-09-06T04:00Z", "2026-09-07T03:00Z"},
		{Step{Days: 1, Zone: "America/Santiago"}, "2026-04-05T03:30Z", "2026-04-04T03:00Z", "2026-04-05T04:00Z"},
		{Step{Days: 7}, "2026-01-01T00:00Z", "2026-01-01T00:00Z", "2026-01-08T00:00Z"}, // a Thursday, as 1970-01-01
		{Step{Size: 6 * time.Hour, Zone: "Europe/Berlin"}, "2026-03-29T03:00Z", "2026-03-28T23:00Z", "2026-03-29T04:00Z"},
	} {
		start, end := c.step.Around(at(c.at))
		if !start.Equal(at(c.start)) || !end.Equal(at(c.end)) {
			t.Errorf("%+v around %s: %s to %s, want %s to %s", c.step, c.at, start.UTC(), end.UTC(), c.start, c.end)
		}
	}
}
