package downsample

import (
	"math/big"

	"gopkg.in/inf.v0"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// This file merges what is merged from its own values: counts, sums of whole numbers, extremes and edges; and averages
// of whole numbers.

// intAt is the bigint in a row of a vector; 0 where there is none.
func intAt(v *mutation.Vector, i int) int64 {
	switch {
	case !v.Has(i):
		return 0
	case v.Physical == mutation.PhysicalInt:
		return v.Int(i)
	}
	return types.DecodeInt64(bytesAt(v, i))
}

// bytesAt is the value in a row of a vector that has one; of bytes it is not copied.
func bytesAt(v *mutation.Vector, i int) []byte {
	if v.Physical == mutation.PhysicalBytes {
		return v.Data[v.Offsets[i]:v.Offsets[i+1]]
	}
	return v.AppendValue(nil, i)
}

// totalOf is the sum of the bigints in rows of a vector.
func totalOf(v *mutation.Vector, from, to int) int64 {
	total := int64(0)
	for i := from; i < to; i++ {
		total += intAt(v, i)
	}
	return total
}

// MergeVectors implements Stateful.
func (a *rowCount) MergeVectors(states []*mutation.Vector, from, to int) {
	a.n += totalOf(states[0], from, to)
}

// MergeVectors implements Stateful.
func (a *count) MergeVectors(states []*mutation.Vector, from, to int) {
	a.n += totalOf(states[0], from, to)
}

// MergeVectors implements Stateful. An extreme of windows is that of their extremes, the first of equal ones.
func (a *extreme) MergeVectors(states []*mutation.Vector, from, to int) {
	a.AddVector(states[0], from, to)
}

// MergeVectors implements Stateful.
func (a *edge) MergeVectors(states []*mutation.Vector, from, to int) {
	a.AddVector(states[0], from, to)
}

// emptyCount counts empty values.
type emptyCount struct {
	sound
	n int64
}

func (a *emptyCount) Add(value []byte) {
	if value != nil && len(value) == 0 {
		a.n++
	}
}

func (a *emptyCount) AddVector(v *mutation.Vector, from, to int) {
	if v.Physical != mutation.PhysicalBytes {
		return
	}
	for i := from; i < to; i++ {
		if v.Has(i) && v.Offsets[i] == v.Offsets[i+1] {
			a.n++
		}
	}
}

// MergeVectors implements Stateful.
func (a *emptyCount) MergeVectors(states []*mutation.Vector, from, to int) {
	a.n += totalOf(states[0], from, to)
}

func (a *emptyCount) Result() []byte {
	if a.n == 0 {
		return nil
	}
	return types.AppendBigint(nil, a.n)
}

func (a *emptyCount) Reset() { a.n = 0 }

// MergeVectors implements Stateful: of sum alone, or of exact_sum, count and empty.
func (a *intSum) MergeVectors(states []*mutation.Vector, from, to int) {
	if !a.average {
		a.AddVector(states[0], from, to)
		return
	}
	a.mergeWhole(states[0], from, to)
	a.n += totalOf(states[1], from, to) - totalOf(states[2], from, to)
}

// mergeWhole adds sums that do not wrap.
func (a *intSum) mergeWhole(v *mutation.Vector, from, to int) {
	for i := from; i < to; i++ {
		switch {
		case !v.Has(i):
		case v.Physical == mutation.PhysicalInt:
			a.extend(v.Int(i))
		default:
			a.extendBig(types.DecodeVarint(bytesAt(v, i)))
		}
	}
}

// extendBig adds to the sum of an average.
func (a *intSum) extendBig(v *big.Int) {
	if v.IsInt64() {
		a.extend(v.Int64())
		return
	}
	if a.big == nil {
		a.big = big.NewInt(a.sum)
	}
	a.big.Add(a.big, v)
}

// wholeSum is the state exact_sum.
type wholeSum struct {
	intSum
	varint bool
}

// MergeVectors implements Stateful.
func (a *wholeSum) MergeVectors(states []*mutation.Vector, from, to int) {
	v := states[0]
	a.mergeWhole(v, from, to)
	a.n += int64(to - from - absent(v, from, to))
}

// absent counts the rows of a vector without a value.
func absent(v *mutation.Vector, from, to int) int {
	n := 0
	for i := from; v.Present != nil && i < to; i++ {
		if !v.Has(i) {
			n++
		}
	}
	return n
}

func (a *wholeSum) Result() []byte {
	switch {
	case a.n == 0:
		return nil
	case !a.varint:
		return types.AppendBigint(nil, a.sum)
	case a.big != nil:
		return types.AppendVarint(nil, a.big)
	}
	return types.AppendVarint(nil, big.NewInt(a.sum))
}

// TakesSummary implements Summarizer.
func (a *wholeSum) TakesSummary(s *mutation.ColumnSummary) bool { return a.intSum.TakesSummary(s) }

// MergeVectors implements Stateful: of sum, and of an average also of count and empty.
func (a *varintSum) MergeVectors(states []*mutation.Vector, from, to int) {
	for i := from; i < to; i++ {
		if states[0].Has(i) {
			a.sum.Add(a.sum, types.DecodeVarint(bytesAt(states[0], i)))
		}
	}
	if a.average {
		a.n += totalOf(states[1], from, to) - totalOf(states[2], from, to)
	}
}

// MergeVectors implements Stateful.
func (a *decimalSum) MergeVectors(states []*mutation.Vector, from, to int) {
	a.AddVector(states[0], from, to)
}

// decimalMean is avg of decimals: of values alone Cassandra's, else the sum divided once, at its own scale, half to even.
type decimalMean struct {
	sound
	running decimalSum
	sum     decimalSum
	merged  bool
	n       int64 // of merged values
}

func (a *decimalMean) Add(value []byte) {
	a.running.Add(value)
	a.sum.Add(value)
}

func (a *decimalMean) AddVector(v *mutation.Vector, from, to int) { addEach(a, nil, v, from, to) }

// MergeVectors implements Stateful: of sum, count and empty.
func (a *decimalMean) MergeVectors(states []*mutation.Vector, from, to int) {
	for i := from; i < to; i++ {
		n := intAt(states[1], i) - intAt(states[2], i)
		if n == 0 {
			continue // the sum of nothing has a scale of its own
		}
		a.merged = true
		a.n += n
		addEach(&a.sum, nil, states[0], i, i+1)
		a.sum.n--
	}
}

func (a *decimalMean) Result() []byte {
	n := a.n + a.sum.n
	if !a.merged || n == 0 {
		return a.running.Result()
	}
	return types.AppendDecimal(nil, meanOfDecimals(a.sum.held, n))
}

// meanOfDecimals divides a sum once, at its own scale.
func meanOfDecimals(sum *inf.Dec, n int64) *inf.Dec {
	return new(inf.Dec).QuoRound(sum, inf.NewDec(n, 0), sum.Scale(), inf.RoundHalfEven)
}

func (a *decimalMean) Reset() {
	a.running.Reset()
	a.sum.Reset()
	a.merged, a.n = false, 0
}

// newSumMerge is sum or avg.
func newSumMerge(of *types.Type, average bool) Stateful {
	switch of.Kind() {
	case types.KindFloat, types.KindDouble:
		if average {
			return newFloatMerge(of, averageOfFloats)
		}
		return newFloatMerge(of, sumOfFloats)
	case types.KindDecimal:
		if average {
			return &decimalMean{running: decimalSum{average: true, held: new(inf.Dec)}, sum: decimalSum{held: new(inf.Dec)}}
		}
	}
	return newSum(of, average).(Stateful)
}
