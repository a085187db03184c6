package planner

import (
	"errors"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
)

// stepCall is a call of floor or time_bucket in a declaration, but for its column.
type stepCall struct {
	text         string // the duration as written
	months, days int32
	nanos        int64
	zone         string // empty: none is named
	origin       int64  // milliseconds since 1970
}

// isStepCall reports whether a call is one of floor or time_bucket.
func isStepCall(call *cql.FunctionCall) bool {
	if call.Keyspace != "" && call.Keyspace != "system" {
		return false
	}
	return call.Name == "time_bucket" && len(call.Args) >= 2 && len(call.Args) <= 4 || call.Name == "floor" && (len(call.Args) == 2 || len(call.Args) == 3)
}

// readStepCall reads floor(column, duration [, start]) and time_bucket(column, duration [, zone] [, origin]), for which
// isStepCall is true. Errors do not name the call.
func readStepCall(call *cql.FunctionCall) (stepCall, error) {
	step, ok := call.Args[1].(*cql.Literal)
	if !ok || step.Class != cql.LiteralDuration {
		return stepCall{}, errors.New("the step is a duration, such as 1h or 1d")
	}
	value, err := types.Duration.ParseLiteral(typesLiteral(step))
	if err != nil {
		return stepCall{}, err
	}
	out := stepCall{text: step.Text}
	if out.months, out.days, out.nanos, err = types.DecodeDuration(value); err != nil {
		return stepCall{}, err
	}
	return out, out.readZoneAndOrigin(call)
}

// readZoneAndOrigin reads what may follow the step: a time zone, an origin, or both; of floor an origin.
func (s *stepCall) readZoneAndOrigin(call *cql.FunctionCall) error {
	bad := errors.New("behind the step of time_bucket may be the text of a time zone, of a time to count from, or both; behind that of floor a time")
	rest := call.Args[2:]
	for i, t := range rest {
		l, ok := t.(*cql.Literal)
		if !ok || l.Class != cql.LiteralString {
			return bad
		}
		value, err := types.Timestamp.ParseLiteral(typesLiteral(l))
		switch {
		case err == nil && i == len(rest)-1:
			s.origin = types.DecodeInt64(value)
		case err != nil && i == 0 && call.Name == "time_bucket":
			s.zone = l.Text
		default:
			return bad
		}
	}
	return nil
}

// bucketing is the step that is called for.
func (s *stepCall) bucketing() (partition.Bucketing, error) {
	return partition.NewBucketing(s.months, s.days, s.nanos, s.zone, s.origin)
}
