package downsample

import (
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// Accumulator computes one aggregate over the values of a group. Null is skipped (R32). The empty value of
// a number counts, and is below every number, but it is not summed.
type Accumulator interface {
	// Add adds a serialized value; nil is null.
	Add(value []byte)
	// AddVector adds the rows from to to (excluded) of a vector. It looks at values only: what has
	// expired must be absent. Only count of rows takes a nil vector.
	AddVector(v *mutation.Vector, from, to int)
	// Result is the serialized aggregate of what was added since the last Reset; nil is null.
	Result() []byte
	// Reset forgets what was added.
	Reset()
}

// Summarizer is implemented by accumulators that can do without the values: those of count, min and max, and of
// sum and avg of integers (R43).
type Summarizer interface {
	// TakesSummary reports whether AddSummary gives what the values would. Of a count of rows s is nil.
	TakesSummary(s *mutation.ColumnSummary) bool
	// AddSummary adds rows that a summary stands for.
	AddSummary(rows int, s *mutation.ColumnSummary)
}

// Sized is implemented by accumulators whose memory grows with the values.
type Sized interface {
	// Bytes is about what the accumulator takes.
	Bytes() int
}

// Functions are the names of the aggregates.
var Functions = []string{
	"count", "sum", "avg", "min", "max", "first", "last", "stddev", "stddev_pop", "percentile", "median", "distinct",
	"delta", "rate", "time_weighted_avg",
}

// ResultType is the type of an aggregate over values of a type. Of count the type may be nil.
func ResultType(function string, of *types.Type) (*types.Type, error) {
	switch function {
	case "count":
		return types.Bigint, nil
	case "distinct":
		if of != nil {
			return types.Bigint, nil
		}
	case "min", "max", "first", "last":
		if of != nil {
			return of, nil
		}
	case "sum", "avg":
		if of != nil && Numeric(of) {
			return of, nil
		}
	case "stddev", "stddev_pop", "percentile", "median", "rate", "time_weighted_avg":
		if of != nil && Numeric(of) {
			return types.Double, nil
		}
	case "delta":
		if of != nil && Numeric(of) {
			return differenceType(of), nil
		}
	default:
		return nil, fmt.Errorf("aggregate %s is unknown", function)
	}
	return nil, fmt.Errorf("aggregate %s does not take %v", function, of)
}

// differenceType holds the difference of two numbers: what is narrow is widened.
func differenceType(of *types.Type) *types.Type {
	switch of.Kind() {
	case types.KindVarint, types.KindDecimal:
		return of
	case types.KindFloat, types.KindDouble:
		return types.Double
	}
	return types.Bigint
}

// Numeric reports whether values of the type can be summed.
func Numeric(t *types.Type) bool {
	switch t.Kind() {
	case types.KindTinyint, types.KindSmallint, types.KindInt, types.KindBigint, types.KindCounter,
		types.KindVarint, types.KindFloat, types.KindDouble, types.KindDecimal:
		return true
	}
	return false
}

// NewAccumulator returns an accumulator of the function over values of the type. A count with a nil
// type counts rows. First and last are those of the order in which values are added. For percentile there is
// NewPercentile, for what goes by time NewTimed.
func NewAccumulator(function string, of *types.Type) (Accumulator, error) {
	if _, err := ResultType(function, of); err != nil {
		return nil, err
	}
	switch function {
	case "count":
		if of == nil {
			return &rowCount{}, nil
		}
		return &count{}, nil
	case "min", "max":
		return newExtreme(of, function == "max"), nil
	case "first", "last":
		return &edge{last: function == "last"}, nil
	case "stddev", "stddev_pop":
		return &deviation{numbers: numbersOf(of), population: function == "stddev_pop"}, nil
	case "median":
		return NewPercentile(of, 0.5)
	case "distinct":
		return &distinct{}, nil
	case "sum", "avg":
		return newSum(of, function == "avg"), nil
	}
	return nil, fmt.Errorf("aggregate %s is not made of values alone", function)
}

func newSum(of *types.Type, average bool) Accumulator {
	switch of.Kind() {
	case types.KindFloat, types.KindDouble:
		return &floatSum{average: average, single: of.Kind() == types.KindFloat}
	case types.KindVarint:
		return newVarintSum(average)
	case types.KindDecimal:
		return newDecimalSum(average)
	}
	return &intSum{average: average, width: of.FixedWidth()}
}

// rowCount is count(*).
type rowCount struct {
	sound
	n int64
}

func (a *rowCount) Add([]byte)                                 { a.n++ }
func (a *rowCount) AddVector(_ *mutation.Vector, from, to int) { a.n += int64(to - from) }
func (a *rowCount) Result() []byte                             { return types.AppendBigint(nil, a.n) }
func (a *rowCount) Reset()                                     { a.n = 0 }

// TakesSummary implements Summarizer.
func (a *rowCount) TakesSummary(*mutation.ColumnSummary) bool { return true }

// AddSummary implements Summarizer.
func (a *rowCount) AddSummary(rows int, _ *mutation.ColumnSummary) { a.n += int64(rows) }

// count is count(column). The empty value counts.
type count struct {
	sound
	n int64
}

func (a *count) Add(value []byte) {
	if value != nil {
		a.n++
	}
}

func (a *count) AddVector(v *mutation.Vector, from, to int) {
	if v.Present == nil {
		a.n += int64(to - from)
		return
	}
	for i := from; i < to; i++ {
		if v.Has(i) {
			a.n++
		}
	}
}

func (a *count) Result() []byte { return types.AppendBigint(nil, a.n) }
func (a *count) Reset()         { a.n = 0 }

// TakesSummary implements Summarizer.
func (a *count) TakesSummary(*mutation.ColumnSummary) bool { return true }

// AddSummary implements Summarizer.
func (a *count) AddSummary(_ int, s *mutation.ColumnSummary) { a.n += int64(s.Count) }

// edge is first or last.
type edge struct {
	sound
	last  bool
	found bool
	value []byte
}

func (a *edge) Add(value []byte) {
	if value == nil || a.found && !a.last {
		return
	}
	a.found, a.value = true, append(a.value[:0], value...)
}

func (a *edge) AddVector(v *mutation.Vector, from, to int) {
	if a.last {
		for i := to - 1; i >= from; i-- {
			if v.Has(i) {
				a.found, a.value = true, v.AppendValue(a.value[:0], i)
				return
			}
		}
		return
	}
	for i := from; i < to && !a.found; i++ {
		if v.Has(i) {
			a.found, a.value = true, v.AppendValue(a.value[:0], i)
		}
	}
}

func (a *edge) Result() []byte {
	if !a.found {
		return nil
	}
	return append(make([]byte, 0, len(a.value)), a.value...)
}

func (a *edge) Reset() { a.found = false }

// addEach adds the rows of a vector one by one, for kinds without a faster way.
func addEach(a Accumulator, scratch []byte, v *mutation.Vector, from, to int) []byte {
	for i := from; i < to; i++ {
		if v.Has(i) {
			scratch = v.AppendValue(scratch[:0], i)
			if scratch == nil {
				scratch = []byte{}
			}
			a.Add(scratch)
		}
	}
	return scratch
}
