package downsample

import (
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// The states that a rollup keeps beside its aggregates: functions of the values like those, whose results can be merged.
// Their names are stored in schemas.
const (
	StateRows      = "rows"      // stored: never reuse; bigint: rows of the group, null values or not
	StateExactSum  = "exact_sum" // stored: never reuse; of integers: bigint or varint, a sum that does not wrap
	StateMoments   = "moments"   // stored: never reuse; blob: exact sums of numbers and of their squares
	StateSketch    = "sketch"    // stored: never reuse; blob: the values or the buckets of a percentile
	StateRegisters = "registers" // stored: never reuse; blob: the hashes or the registers of distinct
)

// Stateful is an accumulator that takes values, and also what rollups keep of values.
type Stateful interface {
	Accumulator
	// MergeVectors adds the rows from to to (excluded) of a rollup; states are its columns of Needs, in that order.
	MergeVectors(states []*mutation.Vector, from, to int)
}

// Needs are the aggregates and states that a rollup has to hold for a function over values of a type to be merged
// from its rows; of a count of rows the type is nil. It is false for what cannot be merged.
func Needs(function string, of *types.Type) (names []string, ok bool) {
	switch function {
	case "count":
		if of == nil {
			return []string{StateRows}, true
		}
		return []string{"count"}, true
	case "sum", "min", "max", "first", "last":
		return []string{function}, true
	}
	return nil, false
}

// NewStateful returns an accumulator of a function, or of a state. fraction is that of percentile, else 0.
func NewStateful(function string, of *types.Type, fraction float64) (Stateful, error) {
	return nil, fmt.Errorf("aggregate %s over %v cannot be merged", function, of)
}
