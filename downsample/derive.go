package downsample

import (
	"math/big"

	"github.com/eskerdb/esker/cql/types"
)

// Derive returns the accumulator of a function as a part of one that takes the same values: what is added to the one is
// added to both, and nothing is to be added to the part itself. It is false where the one knows too little. An average
// knows the sums, a percentile all percentiles; of each kind MostKnowing is the one to derive from.
func Derive(from Stateful, function string, of *types.Type, fraction float64) (Stateful, bool) {
	switch a := from.(type) {
	case *floatMerge:
		if gives, ok := floatResults[function]; ok && a.gives == averageOfFloats {
			return part{a, func() []byte { return a.give(gives) }}, true
		}
	case *intSum:
		if a.average && (function == "sum" || function == StateExactSum) {
			return part{a, func() []byte { return a.give(function, of) }}, true
		}
	case *moments:
		if function == "stddev" || function == "stddev_pop" {
			return part{a, func() []byte { return a.result(function == "stddev_pop") }}, true
		}
	case *sketch:
		switch function {
		case "median":
			return part{a, func() []byte { return a.result(0.5) }}, true
		case "percentile":
			return part{a, func() []byte { return a.result(fraction) }}, true
		}
	case *registerState:
		if function == "distinct" {
			return part{a, a.distinct.Result}, true
		}
	}
	return nil, false
}

// MostKnowing is the function, or the state, of which a function can be derived; itself where there is no other.
func MostKnowing(function string, of *types.Type) string {
	if of == nil {
		return function
	}
	switch function {
	case "sum", StateWideSum, StateExactSum:
		switch of.Kind() {
		case types.KindVarint, types.KindDecimal:
			return function
		}
		return "avg"
	case "stddev", "stddev_pop":
		return StateMoments
	case "median", "percentile":
		return StateSketch
	case "distinct":
		return StateRegisters
	}
	return function
}

var floatResults = map[string]floatResult{"sum": sumOfFloats, "avg": averageOfFloats, StateWideSum: wideOfFloats}

// part gives a result of another accumulator.
type part struct {
	Stateful
	result func() []byte
}

func (p part) Result() []byte { return p.result() }

// give is what an average knows of its sum.
func (a *intSum) give(function string, of *types.Type) []byte {
	if function == StateExactSum {
		whole := wholeSum{intSum: *a, varint: of.FixedWidth() == 8}
		return whole.Result()
	}
	sum := a.sum
	if a.big != nil { // the sum in its own type wraps: its lowest bits
		low := new(big.Int).And(a.big, new(big.Int).SetUint64(1<<64-1))
		sum = int64(low.Uint64())
	}
	return appendInteger(nil, a.width, sum)
}
