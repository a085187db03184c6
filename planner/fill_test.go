package planner

import (
	"math"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql/types"
)

// What FILL fills is known from the WHERE: the step of the first and of the last millisecond that it allows.
func TestFillBounds(t *testing.T) {
	for _, test := range []struct{ where, want string }{
		{"", "from the first row to the last row"},
		{" AND ts >= 3600000", "from 1970-01-01T01:00:00.000Z to the last row"},
		{" AND ts > 3599999 AND ts <= 7200000", "from 1970-01-01T01:00:00.000Z to 1970-01-01T02:00:00.000Z"},
		{" AND ts > 3599998 AND ts < 7200000", "from 1970-01-01T00:00:00.000Z to 1970-01-01T01:00:00.000Z"},
		{" AND ts = 3600001", "from 1970-01-01T01:00:00.000Z to 1970-01-01T01:00:00.000Z"},
		{" AND (ts) >= (3600000) AND (ts) < (7200001)", "from 1970-01-01T01:00:00.000Z to 1970-01-01T02:00:00.000Z"},
		{" AND ts IN (1, 2)", "from the first row to the last row"},
	} {
		r, err := bindRead(t, "SELECT floor(ts, 1h), sum(v) FROM r WHERE dev = 'a'"+test.where+" GROUP BY floor(ts, 1h) FILL(null)")
		if err != nil {
			t.Errorf("%s: %v", test.where, err)
			continue
		}
		if got := r.Fill.String(); got != "steps without rows: null, "+test.want {
			t.Errorf("%s: %s", test.where, got)
		}
	}
}

// A bound by timeuuid excludes its millisecond only where it lies before, or behind, all of it.
func TestTimeBounds(t *testing.T) {
	inside := types.AppendTimeUUID(nil, 1000, 5, 7)
	day := func(n int32) []byte { return types.AppendDate(nil, n) }
	for _, test := range []struct {
		of               *types.Type
		bound            []byte
		lower, inclusive bool
		want             int64
	}{
		{types.TimeUUID, types.MinTimeUUID(1000), false, false, 999},
		{types.TimeUUID, types.MinTimeUUID(1000), false, true, 1000},
		{types.TimeUUID, inside, false, false, 1000},
		{types.TimeUUID, inside, true, false, 1000},
		{types.TimeUUID, types.MaxTimeUUID(1000), true, false, 1001},
		{types.Date, day(3), true, false, 4 * dayMillis},
		{types.Date, day(3), false, false, 2 * dayMillis},
		{types.Date, day(3), false, true, 3 * dayMillis},
		{types.Timestamp, types.AppendBigint(nil, math.MaxInt64), true, false, math.MaxInt64},
		{types.Timestamp, types.AppendBigint(nil, math.MinInt64), false, false, math.MinInt64},
	} {
		if got := *timeBound(test.of, test.bound, test.lower, test.inclusive); got != test.want {
			t.Errorf("%s %x, lower %v, inclusive %v: %d, want %d", test.of, test.bound, test.lower, test.inclusive, got, test.want)
		}
	}
}

// At FillRowsMax steps a statement is carried out, one past it is refused with the count.
func TestFillRowsMax(t *testing.T) {
	text := func(end string) string {
		return "SELECT floor(ts, 1s), sum(v) FROM r WHERE dev = 'a' AND ts >= 0 AND ts < " + end + " GROUP BY floor(ts, 1s) FILL(0)"
	}
	if _, err := bindRead(t, text("1000000000")); err != nil {
		t.Error(err)
	}
	if _, err := bindRead(t, text("1000000001")); err == nil || !strings.Contains(err.Error(), "about 1,000,001 rows") {
		t.Errorf("one past the limit: %v", err)
	}
}

func TestStepCount(t *testing.T) {
	for _, test := range []struct {
		step     Step
		from, to int64
		want     int64
	}{
		{Step{}, 0, 0, 1},
		{Step{}, math.MinInt64, math.MaxInt64, math.MaxInt64},
		{Step{months: 1}, 0, 365 * dayMillis, 12},
	} {
		if got := test.step.Count(test.from, test.to); got != test.want {
			t.Errorf("%+v from %d to %d: %d, want %d", test.step, test.from, test.to, got, test.want)
		}
	}
}
