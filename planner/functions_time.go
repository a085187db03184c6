package planner

import (
	"github.com/eskerdb/esker/cql"
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

// addTimeFunctions adds what converts between kinds of time, floor and time_bucket.
func addTimeFunctions(into functionTable) {
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
			o := overload{args: []*types.Type{from}, result: c.result, eval: strict(func(args [][]byte) ([]byte, error) {
				return TimeAs(c.result, MillisOf(from, args[0])), nil
			})}
			into.add(o, c.names[:]...)
		}
	}
	for name, make := range map[string]func(ms int64) []byte{
		"mintimeuuid": types.MinTimeUUID, "min_timeuuid": types.MinTimeUUID,
		"maxtimeuuid": types.MaxTimeUUID, "max_timeuuid": types.MaxTimeUUID,
	} {
		into.add(overload{args: []*types.Type{types.Timestamp}, result: types.TimeUUID, eval: strict(func(args [][]byte) ([]byte, error) {
			return make(types.DecodeInt64(args[0])), nil
		})}, name)
	}
	for _, o := range floorOverloads() {
		into.add(o, "floor")
	}
	for _, o := range bucketOverloads() {
		into.add(o, "time_bucket")
	}
}

// floorOverloads are Cassandra's signatures of floor.
func floorOverloads() []overload {
	var out []overload
	for _, from := range []*types.Type{types.Timestamp, types.TimeUUID, types.Date} {
		result, date := types.Timestamp, from == types.Date
		if date {
			result = types.Date
		}
		for _, args := range [][]*types.Type{{from, types.Duration}, {from, types.Duration, result}} {
			out = append(out, stepOverload(args, result, func(args [][]byte) (*Step, error) {
				if len(args) == 2 {
					return floorStep(args[0], MillisOf(result, args[1]), date, true)
				}
				return floorStep(args[0], 0, date, false)
			}))
		}
	}
	return append(out, overload{args: []*types.Type{types.Time, types.Duration}, result: types.Time, eval: strict(floorOfDay)})
}

// bucketOverloads are the signatures of time_bucket: a zone, an origin, or both may follow the step. A date is one of
// its own calendar and has no zone.
func bucketOverloads() []overload {
	var out []overload
	for _, from := range []*types.Type{types.Timestamp, types.TimeUUID} {
		for _, more := range [][]*types.Type{{}, {types.Text}, {types.Timestamp}, {types.Text, types.Timestamp}} {
			args := append([]*types.Type{from, types.Duration}, more...)
			out = append(out, stepOverload(args, types.Timestamp, func(args [][]byte) (*Step, error) {
				zone, origin := "", int64(0)
				for i, of := range more {
					if of == types.Text {
						zone = string(args[1+i])
					} else {
						origin = types.DecodeInt64(args[1+i])
					}
				}
				return bucketStep(args[0], zone, origin, false)
			}))
		}
	}
	for _, more := range [][]*types.Type{{}, {types.Date}} {
		args := append([]*types.Type{types.Date, types.Duration}, more...)
		out = append(out, stepOverload(args, types.Date, func(args [][]byte) (*Step, error) {
			if len(args) == 2 {
				return bucketStep(args[0], "", MillisOf(types.Date, args[1]), true)
			}
			return bucketStep(args[0], "", 0, true)
		}))
	}
	return out
}

func stepOverload(args []*types.Type, result *types.Type, step stepFunction) overload {
	return overload{args: args, result: result, eval: evalStep(args[0], result, step), step: step}
}

// MillisOf is a timestamp, timeuuid or date in milliseconds since 1970. The value is not null and not empty.
func MillisOf(t *types.Type, v []byte) int64 {
	switch t.Kind() {
	case types.KindTimeUUID:
		ms, _ := types.TimeUUIDMillis(v)
		return ms
	case types.KindDate:
		return int64(types.DecodeDate(v)) * dayMillis
	}
	return types.DecodeInt64(v)
}

// TimeAs is a time in milliseconds since 1970 as a date, or as a timestamp or bigint.
func TimeAs(t *types.Type, ms int64) []byte {
	if t.Kind() == types.KindDate {
		return types.AppendDate(nil, int32(floorDiv(ms, dayMillis)))
	}
	return types.AppendBigint(nil, ms)
}

// literalZone gives a literal behind the step of time_bucket its type, which two signatures leave open: a text that is
// no timestamp is a zone.
func literalZone(name functionName, args []*operand) {
	if name.name != "time_bucket" || len(args) != 3 {
		return
	}
	if of := args[0].exact(); of != nil && of.Kind() == types.KindDate {
		return
	}
	l, ok := args[2].term.(*cql.Literal)
	if !ok || l.Class != cql.LiteralString && l.Class != cql.LiteralInteger {
		return
	}
	args[2].as = types.Timestamp
	if _, err := types.Timestamp.ParseLiteral(typesLiteral(l)); err != nil && l.Class == cql.LiteralString {
		args[2].as = types.Text
	}
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
