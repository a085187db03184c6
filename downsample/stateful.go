package downsample

import (
	"errors"
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// The states that a rollup keeps beside its aggregates: functions of the values like those, whose results can be merged.
// Their names are stored in schemas, their content is in docs/formats/rollup-state.md.
const (
	StateRows      = "rows"      // stored: never reuse; bigint: rows of the group, null values or not
	StateExactSum  = "exact_sum" // stored: never reuse; of integers: bigint or varint, a sum that does not wrap
	StateWideSum   = "wide_sum"  // stored: never reuse; of floats: double, the sum unrounded; of doubles: the sum / 2^64 where it is beyond a double
	StateEmpty     = "empty"     // stored: never reuse; of numbers: bigint, empty values, which count and are not summed; null: none
	StateMoments   = "moments"   // stored: never reuse; blob: exact sums of numbers and of their squares
	StateSketch    = "sketch"    // stored: never reuse; blob: the values or the buckets of a percentile
	StateRegisters = "registers" // stored: never reuse; blob: the hashes or the registers of distinct
)

// ErrState is wrapped where the bytes of a state are not one.
var ErrState = errors.New("corrupt state")

// Stateful is an accumulator that takes values, and also what rollups keep of values, in any mixture: each addition is
// of what lies behind the one before.
type Stateful interface {
	Accumulator
	// MergeVectors adds the rows from to to (excluded) of a rollup; states are its columns of Needs, in that order.
	MergeVectors(states []*mutation.Vector, from, to int)
	// Err tells, behind Result, what was not a state since the last Reset. The result is null then.
	Err() error
}

// sound is embedded by what merges values of any content.
type sound struct{}

// Err implements Stateful.
func (sound) Err() error { return nil }

// fragile is embedded by what decodes.
type fragile struct{ err error }

// Err implements Stateful.
func (f *fragile) Err() error { return f.err }

// fail keeps the first error.
func (f *fragile) fail(state string, err error) {
	if f.err == nil && err != nil {
		f.err = fmt.Errorf("%s: %w", state, err)
	}
}

// Needs are the aggregates and states that a rollup has to hold for a function, or a state, over values of a type to be
// merged from its rows; of a count of rows the type is nil. It is false for what cannot be merged.
func Needs(function string, of *types.Type) (names []string, ok bool) {
	if function == "count" && of == nil {
		return []string{StateRows}, true
	}
	if _, err := StateType(function, of); err != nil {
		return nil, false
	}
	switch function {
	case "sum":
		if of.Kind() == types.KindFloat {
			return []string{StateWideSum}, true
		}
	case StateWideSum:
		if of.Kind() == types.KindDouble {
			return []string{"sum", StateWideSum}, true
		}
	case "avg":
		return append(averageNeeds(of), "count", StateEmpty), true
	case "stddev", "stddev_pop":
		return []string{StateMoments}, true
	case "percentile", "median":
		return []string{StateSketch}, true
	case "distinct":
		return []string{StateRegisters}, true
	case "delta", "rate", "time_weighted_avg":
		return nil, false
	}
	return []string{function}, true
}

// averageNeeds is what the sum of an average comes from.
func averageNeeds(of *types.Type) []string {
	switch of.Kind() {
	case types.KindFloat:
		return []string{StateWideSum}
	case types.KindDouble:
		return []string{"sum", StateWideSum}
	case types.KindVarint, types.KindDecimal:
		return []string{"sum"}
	}
	return []string{StateExactSum}
}

// StateType is the type of the column that holds a state over values of a type; of an aggregate it is its ResultType.
// Of StateRows the type may be nil.
func StateType(state string, of *types.Type) (*types.Type, error) {
	switch state {
	case StateRows:
		return types.Bigint, nil
	case StateRegisters:
		if of != nil {
			return types.Blob, nil
		}
	case StateEmpty:
		if of != nil && Numeric(of) {
			return types.Bigint, nil
		}
	case StateMoments, StateSketch:
		if of != nil && Numeric(of) {
			return types.Blob, nil
		}
	case StateExactSum, StateWideSum:
		if of != nil && Numeric(of) {
			if t := sumStateType(state, of); t != nil {
				return t, nil
			}
		}
	default:
		return ResultType(state, of)
	}
	return nil, fmt.Errorf("state %s does not take %v", state, of)
}

// sumStateType is the type of a sum of numbers that is wider than they are, or nil.
func sumStateType(state string, of *types.Type) *types.Type {
	switch of.Kind() {
	case types.KindFloat, types.KindDouble:
		if state == StateWideSum {
			return types.Double
		}
		return nil
	case types.KindVarint, types.KindDecimal:
		return nil
	case types.KindBigint, types.KindCounter:
		if state == StateExactSum {
			return types.Varint
		}
		return nil
	}
	if state == StateExactSum {
		return types.Bigint
	}
	return nil
}

// NewStateful returns an accumulator of a function, or of a state, over values of a type; of rows the type is nil.
// fraction is that of percentile, else 0. The result of an aggregate is what NewAccumulator's is as long as nothing is
// merged; that of a state is what a rollup stores, null if there is nothing to store.
//
// Merged results are those of all values, bit for bit, but for these:
//   - sums and averages of floats and doubles are within 1e-12 · Σ|x| of R32's, before the rounding to a float (R43);
//     NaN and infinities are the same. Where Σ|x| is beyond a double, a sum may be infinite on the one side alone.
//   - an average of decimals is the sum divided once; SELECT's runs along with the values, and is rounded with each.
func NewStateful(function string, of *types.Type, fraction float64) (Stateful, error) {
	if _, ok := Needs(function, of); !ok {
		return nil, fmt.Errorf("aggregate %s over %v cannot be merged", function, of)
	}
	switch function {
	case StateRows:
		return &rowCount{}, nil
	case StateEmpty:
		return &emptyCount{}, nil
	case StateExactSum:
		return &wholeSum{intSum: intSum{average: true}, varint: of.FixedWidth() == 8}, nil
	case StateWideSum:
		return newFloatMerge(of, wideOfFloats), nil
	case StateMoments:
		return &moments{deviation{numbers: numbersOf(of)}}, nil
	case StateSketch:
		return &sketch{percentile{numbers: numbersOf(of)}}, nil
	case StateRegisters:
		return &registerState{}, nil
	case "sum", "avg":
		return newSumMerge(of, function == "avg"), nil
	case "percentile":
		a, err := NewPercentile(of, fraction)
		if err != nil {
			return nil, err
		}
		return a.(Stateful), nil
	}
	a, err := NewAccumulator(function, of)
	if err != nil {
		return nil, err
	}
	return a.(Stateful), nil
}
