package downsample

import (
	"fmt"
	"math/big"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

const nanosPerSecond = 1_000_000_000

// Timed computes an aggregate of one series of numbers and their times. They are added in the order of time, up or
// down as NewTimed was told; equal times are in the order in which they are added. Null and the empty value are
// skipped. Whether the series came up or down does not change the result.
type Timed interface {
	// Add adds a serialized value; nil is null.
	Add(at int64, value []byte)
	// AddVector adds the rows from to to (excluded) of a vector, whose times are integers. What has expired must
	// be absent.
	AddVector(times, v *mutation.Vector, from, to int)
	// Result is the serialized double of what was added since the last Reset; nil is null.
	Result() []byte
	// Reset forgets what was added.
	Reset()
}

// TimedFunctions are the names of the aggregates of one series in the order of time; delta needs its ends only.
var TimedFunctions = []string{"delta", "rate", "time_weighted_avg"}

// NewTimed returns an accumulator of rate or time_weighted_avg over numbers of the type. A unit of time has unitNanos
// nanoseconds.
func NewTimed(function string, of *types.Type, unitNanos int64, ascending bool) (Timed, error) {
	if _, err := ResultType(function, of); err != nil {
		return nil, err
	}
	s := series{numbers: numbersOf(of), ascending: ascending}
	switch function {
	case "rate":
		return &rate{series: s, unitNanos: unitNanos}, nil
	case "time_weighted_avg":
		return &weighted{series: s}, nil
	}
	return nil, fmt.Errorf("aggregate %s does not go by time", function)
}

// series are the ends of what was added.
type series struct {
	numbers
	ascending       bool
	n               int64
	firstAt, lastAt int64
	first, last     uint64
	poisoned        bool // by a NaN or an infinity
	sum             exactSum
}

// span is the time from the first value to the last.
func (s *series) span() *big.Int {
	return new(big.Int).SetUint64(uint64(s.lastAt) - uint64(s.firstAt))
}

// take makes the number the new end of the series and returns the neighbours between which time has grown. known is
// false for the first number.
func (s *series) take(at int64, word uint64) (earlier, later uint64, elapsed uint64, known bool) {
	s.poisoned = s.poisoned || !s.finite(word)
	if s.n++; s.n == 1 {
		s.firstAt, s.lastAt, s.first, s.last = at, at, word, word
		return 0, 0, 0, false
	}
	if s.ascending {
		earlier, later, elapsed = s.last, word, uint64(at)-uint64(s.lastAt)
		s.lastAt, s.last = at, word
	} else {
		earlier, later, elapsed = word, s.first, uint64(s.firstAt)-uint64(at)
		s.firstAt, s.first = at, word
	}
	return earlier, later, elapsed, !s.poisoned
}

func (s *series) Reset() {
	s.n, s.poisoned = 0, false
	s.sum.reset()
}

// rate is the increase a second: from the first value to the last, and a value below the one before it counts whole,
// as a counter that began anew at zero.
type rate struct {
	series
	unitNanos int64
}

func (a *rate) Add(at int64, value []byte) {
	if w, ok := a.word(value); ok {
		a.add(at, w)
	}
}

func (a *rate) AddVector(times, v *mutation.Vector, from, to int) {
	for i := from; i < to; i++ {
		if w, ok := a.at(v, i); ok {
			a.add(times.Int(i), w)
		}
	}
}

// add sums the values before resets alone: the increase is last − first + these, without the rounding of each step.
func (a *rate) add(at int64, word uint64) {
	if earlier, later, _, known := a.take(at, word); known && a.less(later, earlier) {
		a.sum.add(a.parts(earlier))
	}
}

// Result is null where no time passes between values.
func (a *rate) Result() []byte {
	span := a.span()
	switch {
	case a.n < 2 || span.Sign() == 0:
		return nil
	case a.poisoned:
		return notANumber()
	}
	increase := a.sum // a copy: Result may be called again
	increase.add(a.parts(a.last))
	mantissa, exponent, negative := a.parts(a.first)
	increase.add(mantissa, exponent, !negative)
	total, exponent := increase.value()
	total.Mul(total, big.NewInt(nanosPerSecond))
	return types.AppendDouble(nil, quotient(total, exponent, span.Mul(span, big.NewInt(a.unitNanos))))
}

// weighted is time_weighted_avg: each value weighs as long as it is the latest, up to the time of the last one.
type weighted struct{ series }

func (a *weighted) Add(at int64, value []byte) {
	if w, ok := a.word(value); ok {
		a.add(at, w)
	}
}

func (a *weighted) AddVector(times, v *mutation.Vector, from, to int) {
	for i := from; i < to; i++ {
		if w, ok := a.at(v, i); ok {
			a.add(times.Int(i), w)
		}
	}
}

func (a *weighted) add(at int64, word uint64) {
	if earlier, _, elapsed, known := a.take(at, word); known {
		mantissa, exponent, negative := a.parts(earlier)
		a.sum.addProduct(mantissa, elapsed, exponent, negative)
	}
}

// Result is the last value where no time passes between values.
func (a *weighted) Result() []byte {
	span := a.span()
	switch {
	case a.n == 0:
		return nil
	case a.poisoned:
		return notANumber()
	case span.Sign() == 0:
		return types.AppendDouble(nil, a.double(a.last))
	}
	sum, exponent := a.sum.value()
	return types.AppendDouble(nil, quotient(sum, exponent, span))
}
