package downsample

import (
	"bytes"
	"math"

	"gopkg.in/inf.v0"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// floatBound is how far a merged sum of floats may be from R32's, as a part of Σ|x| (R43).
const floatBound = 1e-12

// Bound knows how far apart two results of an aggregate of the same values may be that were merged from different windows: sums and averages
// of floats and doubles, and averages of decimals. All others are equal bit for bit.
type Bound struct {
	function string
	of       *types.Type
	absolute float64 // Σ|x| of what is finite
	n        int64   // numbers
	// sum is that of decimals, as long as all of them were seen.
	sum    decimalSum
	merged bool
}

// NewBound returns the bound of an aggregate, or nil where results are equal bit for bit.
func NewBound(function string, of *types.Type) *Bound {
	if of == nil {
		return nil
	}
	switch floats := of.Kind() == types.KindFloat || of.Kind() == types.KindDouble; {
	case floats && (function == "sum" || function == "avg" || function == StateWideSum):
	case of.Kind() == types.KindDecimal && function == "avg":
	default:
		return nil
	}
	return &Bound{function: function, of: of, sum: decimalSum{held: new(inf.Dec)}}
}

// AddVector adds the rows from to to (excluded) of a vector of values.
func (b *Bound) AddVector(v *mutation.Vector, from, to int) {
	for i := from; i < to; i++ {
		switch {
		case !v.Has(i) || v.Physical == mutation.PhysicalBytes && v.Offsets[i] == v.Offsets[i+1]:
			continue
		case b.of.Kind() == types.KindDouble:
			b.add(doubleAt(v, i))
		case b.of.Kind() == types.KindFloat && v.Physical == mutation.PhysicalFloat:
			b.add(float64(v.Float(i)))
		case b.of.Kind() == types.KindFloat:
			b.add(types.DecodeFloat64(bytesAt(v, i)))
		default:
			b.sum.Add(bytesAt(v, i))
		}
		b.n++
	}
}

func (b *Bound) add(v float64) {
	if v = math.Abs(v); v <= math.MaxFloat64 {
		b.absolute += v
	}
}

// MergeVectors adds the rows from to to (excluded) of a rollup, whose columns of Needs the states are. Of the values in them only
// the sums are known, which makes the bound the tighter the more these cancel out.
func (b *Bound) MergeVectors(states []*mutation.Vector, from, to int) {
	b.merged = true
	floats := b.of.Kind() != types.KindDecimal
	for i := from; i < to; i++ {
		if floats && states[0].Has(i) {
			b.add(doubleAt(states[0], i))
		}
	}
	if last := len(states) - 1; b.function == "avg" {
		b.n += totalOf(states[last-1], from, to) - totalOf(states[last], from, to)
	}
}

// Reset forgets what was added.
func (b *Bound) Reset() {
	b.absolute, b.n, b.merged = 0, 0, false
	b.sum.Reset()
}

// Allows reports whether a result x can be of the same values as y, which is computed from what was added.
func (b *Bound) Allows(x, y []byte) bool {
	switch {
	case bytes.Equal(x, y) && (x == nil) == (y == nil):
		return true
	case b.of.Kind() == types.KindDecimal:
		return x != nil && y != nil && b.allowsDecimal(x, y)
	case math.IsInf(b.absolute, 1):
		return true // nothing is known of sums beyond a double
	case x == nil || y == nil:
		return false
	}
	bound := floatBound * b.absolute
	if b.function == "avg" {
		bound /= float64(max(b.n, 1))
	}
	v, w := types.DecodeFloat64(x), types.DecodeFloat64(y)
	if b.of.Kind() == types.KindFloat && b.function != StateWideSum && math.Nextafter32(float32(v), float32(w)) == float32(w) {
		return true // both are rounded to a float
	}
	return v == w || math.IsNaN(v) && math.IsNaN(w) || math.Abs(v-w) <= bound
}

// allowsDecimal allows an average that is the sum divided once, and where that is all that is known of the values, one that was rounded with
// each of them: to a whole number, if the first of them were whole.
func (b *Bound) allowsDecimal(x, y []byte) bool {
	if !b.merged {
		return b.n > 0 && bytes.Equal(x, types.AppendDecimal(nil, meanOfDecimals(b.sum.held, b.n)))
	}
	off := types.DecodeDecimal(x)
	return off.Abs(off.Sub(off, types.DecodeDecimal(y))).Cmp(inf.NewDec(b.n/2+1, 0)) <= 0
}
