package planner

import (
	"math"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
)

// Step is how a call of floor or time_bucket cuts time, in milliseconds since 1970. Those of time_bucket, and those of
// floor that have a fixed length, are partition's; a floor by months is Cassandra's.
type Step struct {
	bucketing partition.Bucketing // none: a floor by months, or by nothing
	floor     bool                // it refuses what lies before a start
	started   bool
	start     int64
	months    int
	rest      int64 // milliseconds beside months
}

// IsNone reports whether every millisecond is a step of its own.
func (s *Step) IsNone() bool { return s.bucketing.IsNone() && s.months == 0 }

// Of is the step [start, end) that holds a time. A step that reaches beyond the integers is cut there: an end of
// math.MaxInt64 is included. floor fails with an *InvalidError for times before its start.
func (s *Step) Of(ms int64) (start, end int64, err error) {
	switch {
	case s.started && s.floor && s.start > ms:
		return 0, 0, invalidf("The floor function starting time is greater than the provided time")
	case s.months > 0:
		start, end = s.calendar(ms)
		return start, end, nil
	case s.bucketing.IsNone():
		return ms, ms + min(1, math.MaxInt64-ms), nil
	}
	start, end = s.bucketing.BucketOf(ms)
	return start, end, nil
}

// monthMillis is a 12th of the mean year of the calendar.
const monthMillis = 2_629_746_000

// calendar is the step of a floor by months, and a fixed rest beside them, in UTC.
func (s *Step) calendar(ms int64) (start, end int64) {
	// By the mean month the guess is off by a step or two, however far away the time is.
	n := int64(math.Floor((float64(ms) - float64(s.start)) / (float64(s.months)*monthMillis + float64(s.rest))))
	for s.boundary(n) > ms {
		n--
	}
	for end = s.boundary(n + 1); end <= ms && end < math.MaxInt64; end = s.boundary(n + 1) {
		n++
	}
	return s.boundary(n), end
}

// boundary is where the nth step of a floor by months begins, cut at the ends of the integers.
func (s *Step) boundary(n int64) int64 {
	at := addMonths(time.UnixMilli(s.start).UTC(), n*int64(s.months))
	switch about := float64(at.Unix())*1000 + float64(n)*float64(s.rest); {
	case about >= math.MaxInt64:
		return math.MaxInt64
	case about <= math.MinInt64:
		return math.MinInt64
	}
	return at.UnixMilli() + n*s.rest
}

// addMonths keeps the day of the month, or takes the last one of a shorter month.
func addMonths(t time.Time, months int64) time.Time {
	first := time.Date(t.Year(), t.Month(), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	first = first.AddDate(0, int(months), 0)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// Count is about how many steps there are from one time to a later one.
func (s *Step) Count(from, to int64) int64 {
	size := int64(s.months)*monthMillis + s.rest
	if s.months == 0 {
		size = max(s.bucketing.SizeMillis, int64(s.bucketing.Days)*dayMillis, int64(s.bucketing.Months)*monthMillis, 1)
	}
	return int64(min((uint64(to)-uint64(from))/uint64(size), math.MaxInt64-1)) + 1
}

// floorStep is the step of floor by a duration, from a start or from 1970. date says that times are dates.
func floorStep(duration []byte, start int64, date, started bool) (*Step, error) {
	months, days, nanos, err := types.DecodeDuration(duration)
	switch {
	case err != nil:
		return nil, invalidf("%v", err)
	case months < 0 || days < 0 || nanos < 0:
		return nil, invalidf("Negative durations are not supported by the floor function")
	case date && nanos > 0:
		return nil, invalidf("The floor on date values cannot be computed for the %s duration as precision is below 1 day", durationText(duration))
	}
	s := &Step{floor: true, started: started, start: start}
	fixed := int64(days)*dayMillis + nanos/nanosPerMilli
	if months > 0 {
		s.months, s.rest = int(months), fixed
	} else {
		s.bucketing = partition.Bucketing{SizeMillis: fixed, OriginMillis: start}
	}
	return s, nil
}

// bucketStep is the step of time_bucket by a duration, by the clock of a zone (empty: UTC), from an origin.
func bucketStep(duration []byte, zone string, origin int64, date bool) (*Step, error) {
	months, days, nanos, err := types.DecodeDuration(duration)
	if err != nil {
		return nil, invalidf("%v", err)
	}
	if date && nanos != 0 {
		return nil, invalidf("time_bucket of dates by %s: a step of dates is a whole number of days or months", durationText(duration))
	}
	b, err := partition.NewBucketing(months, days, nanos, zone, origin)
	if err != nil {
		return nil, invalidf("time_bucket by %s: %v", durationText(duration), err)
	}
	return &Step{bucketing: b, started: origin != 0, start: origin}, nil
}

func durationText(duration []byte) string {
	if text := types.Duration.AppendText(nil, duration, types.TextOptions{}); len(text) > 0 {
		return string(text)
	}
	return "0s"
}

// stepFunction finds the step of a call of floor or time_bucket from its arguments behind the time.
type stepFunction func(args [][]byte) (*Step, error)

// evalStep is the value of a call: the start of the step that holds its first argument.
func evalStep(from, result *types.Type, step stepFunction) func(args [][]byte) ([]byte, error) {
	return strict(func(args [][]byte) ([]byte, error) {
		s, err := step(args[1:])
		if err != nil {
			return nil, err
		}
		return s.floorOf(from, result, args[0])
	})
}

// floorOf is the start of the step that holds a value of one type, as another.
func (s *Step) floorOf(from, result *types.Type, value []byte) ([]byte, error) {
	start, _, err := s.Of(MillisOf(from, value))
	if err != nil {
		return nil, err
	}
	return TimeAs(result, start), nil
}

// StepOf recognises floor and time_bucket of a clustering column by steps that are known.
func StepOf(e Expr) (column *ColumnExpr, step *Step, ok bool) {
	call, ok := e.(*CallExpr)
	if !ok || call.Function.step == nil {
		return nil, nil, false
	}
	column, ok = call.Args[0].(*ColumnExpr)
	if !ok {
		return nil, nil, false
	}
	args, ok := constants(call.Args[1:])
	if !ok {
		return nil, nil, false
	}
	step, err := call.Function.step(args)
	if err != nil || step.IsNone() {
		return nil, nil, false
	}
	return column, step, true
}

// constants are the values of arguments that are all known and not null.
func constants(args []Expr) ([][]byte, bool) {
	out := make([][]byte, len(args))
	for i, a := range args {
		c, ok := a.(*ConstExpr)
		if !ok || len(c.Value) == 0 {
			return nil, false
		}
		out[i] = c.Value
	}
	return out, true
}

// withStep finds the step of a call once instead of once a row. A step that cannot be is refused, rows or none.
func withStep(call *CallExpr) (*CallExpr, error) {
	f := call.Function
	if f.step == nil {
		return call, nil
	}
	args, ok := constants(call.Args[1:])
	if !ok {
		return call, nil
	}
	step, err := f.step(args)
	if err != nil {
		return nil, err
	}
	from, result, once := f.Args[0], f.Result, *f
	once.Eval = strict(func(args [][]byte) ([]byte, error) { return step.floorOf(from, result, args[0]) })
	once.step = func([][]byte) (*Step, error) { return step, nil }
	return &CallExpr{Function: &once, Args: call.Args}, nil
}
