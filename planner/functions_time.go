package planner

import (
	"math"
	"time"

	"github.com/eskerdb/esker/cql/types"
)

const (
	dayMillis     = 86_400_000
	nanosPerMilli = 1_000_000
)

func floorDiv(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

func floorMod(v, by int64) int64 { return v - floorDiv(v, by)*by }

// addTimeFunctions adds what converts between kinds of time, and floor with its other name time_bucket.
func addTimeFunctions(into map[string][]overload) {
	for _, c := range []struct {
		names  [2]string
		result *types.Type
		from   []*types.Type
	}{
		{[2]string{"totimestamp", "to_timestamp"}, types.Timestamp, []*types.Type{types.TimeUUID, types.Date}},
		{[2]string{"todate", "to_date"}, types.Date, []*types.Type{types.Timestamp, types.TimeUUID}},
		{[2]string{"tounixtimestamp", "to_unix_timestamp"}, types.Bigint, []*types.Type{types.TimeUUID, types.Timestamp, types.Date}},
	} {
		for _, from := range c.from {
			o := overload{[]*types.Type{from}, c.result, strict(func(args [][]byte) ([]byte, error) {
				return timeAs(c.result, millisOf(from, args[0])), nil
			})}
			into[c.names[0]], into[c.names[1]] = append(into[c.names[0]], o), append(into[c.names[1]], o)
		}
	}
	for name, make := range map[string]func(ms int64) []byte{
		"mintimeuuid": types.MinTimeUUID, "min_timeuuid": types.MinTimeUUID,
		"maxtimeuuid": types.MaxTimeUUID, "max_timeuuid": types.MaxTimeUUID,
	} {
		into[name] = []overload{{[]*types.Type{types.Timestamp}, types.TimeUUID, strict(func(args [][]byte) ([]byte, error) {
			return make(types.DecodeInt64(args[0])), nil
		})}}
	}
	for _, name := range []string{"floor", "time_bucket"} {
		into[name] = floorOverloads()
	}
}

func floorOverloads() []overload {
	var out []overload
	for _, from := range []*types.Type{types.Timestamp, types.TimeUUID, types.Date} {
		result, start := types.Timestamp, types.Timestamp
		if from == types.Date {
			result, start = types.Date, types.Date
		}
		eval := strict(func(args [][]byte) ([]byte, error) {
			var startMillis int64
			if len(args) == 3 {
				startMillis = millisOf(start, args[2])
			}
			ms, err := floorTime(millisOf(from, args[0]), args[1], startMillis, from == types.Date, len(args) == 3)
			if err != nil {
				return nil, err
			}
			return timeAs(result, ms), nil
		})
		out = append(out, overload{[]*types.Type{from, types.Duration}, result, eval},
			overload{[]*types.Type{from, types.Duration, start}, result, eval})
	}
	return append(out, overload{[]*types.Type{types.Time, types.Duration}, types.Time, strict(floorOfDay)})
}

// millisOf is a timestamp, timeuuid or date in milliseconds since 1970.
func millisOf(t *types.Type, v []byte) int64 {
	switch t.Kind() {
	case types.KindTimeUUID:
		ms, _ := types.TimeUUIDMillis(v)
		return ms
	case types.KindDate:
		return int64(types.DecodeDate(v)) * dayMillis
	}
	return types.DecodeInt64(v)
}

// timeAs is a time in milliseconds since 1970 as a date, or as a timestamp or bigint.
func timeAs(t *types.Type, ms int64) []byte {
	if t.Kind() == types.KindDate {
		return types.AppendDate(nil, int32(floorDiv(ms, dayMillis)))
	}
	return types.AppendBigint(nil, ms)
}

// floorTime rounds a time down to a whole number of durations after the start. Times before 1970 are rounded
// down too where no start was given; Cassandra refuses those.
func floorTime(ms int64, duration []byte, start int64, date, started bool) (int64, error) {
	months, days, nanos, err := types.DecodeDuration(duration)
	if err != nil {
		return 0, invalidf("%v", err)
	}
	switch {
	case months < 0 || days < 0 || nanos < 0:
		return 0, invalidf("Negative durations are not supported by the floor function")
	case started && start > ms:
		return 0, invalidf("The floor function starting time is greater than the provided time")
	case date && nanos > 0:
		return 0, invalidf("The floor on date values cannot be computed for the %s duration as precision is below 1 day", types.Duration.AppendText(nil, duration, types.TextOptions{}))
	case months > 0:
		return floorCalendar(ms, start, int(months), int64(days)*dayMillis+nanos/nanosPerMilli), nil
	}
	step := int64(days)*dayMillis + nanos/nanosPerMilli
	if step == 0 {
		return ms, nil
	}
	if into := floorMod(floorMod(ms, step)-floorMod(start, step), step); ms >= math.MinInt64+into {
		return ms - into, nil
	}
	return math.MinInt64, nil
}

// floorCalendar is floor by months, and a fixed rest beside them, in UTC.
func floorCalendar(ms, start int64, months int, rest int64) int64 {
	origin := time.UnixMilli(start).UTC()
	at := func(n int64) int64 { return addMonths(origin, n*int64(months)).UnixMilli() + n*rest }
	// A month has at most 31 days: the guess is never too far, and the steps left are few.
	n := floorDiv(ms-start, int64(months)*31*dayMillis+rest)
	if ms < start {
		n = floorDiv(ms-start, int64(months)*28*dayMillis+rest)
	}
	for at(n+1) <= ms {
		n++
	}
	return at(n)
}

// addMonths keeps the day of the month, or takes the last one of a shorter month.
func addMonths(t time.Time, months int64) time.Time {
	first := time.Date(t.Year(), t.Month(), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	first = first.AddDate(0, int(months), 0)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// floorOfDay is floor of a time of the day.
func floorOfDay(args [][]byte) ([]byte, error) {
	months, days, nanos, err := types.DecodeDuration(args[1])
	if err != nil {
		return nil, invalidf("%v", err)
	}
	if months < 0 || days < 0 || nanos < 0 {
		return nil, invalidf("Negative durations are not supported by the floor function")
	}
	if months != 0 || days != 0 || nanos > dayMillis*nanosPerMilli {
		return nil, invalidf("For time values, the floor can only be computed for durations smaller than a day")
	}
	if nanos == 0 {
		return args[0], nil
	}
	v := types.DecodeInt64(args[0])
	return types.AppendBigint(nil, v-v%nanos), nil
}
