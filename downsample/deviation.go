package downsample

import (
	"fmt"
	"math/big"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// deviation is stddev or stddev_pop. Sum and sum of squares are exact, so that nothing is lost between values that are
// large and close together, and the order of the values does not matter.
type deviation struct {
	numbers
	fragile
	population bool
	n          int64
	sum        exactSum
	squares    exactSum
	poisoned   bool // by a NaN or an infinity
}

func (a *deviation) Add(value []byte) {
	if w, ok := a.word(value); ok {
		a.add(w)
	}
}

func (a *deviation) AddVector(v *mutation.Vector, from, to int) {
	for i := from; i < to; i++ {
		if w, ok := a.at(v, i); ok {
			a.add(w)
		}
	}
}

func (a *deviation) add(word uint64) {
	a.n++
	if !a.finite(word) {
		a.poisoned = true
		return
	}
	mantissa, exponent, negative := a.parts(word)
	a.sum.add(mantissa, exponent, negative)
	a.squares.addProduct(mantissa, mantissa, 2*exponent, false)
}

// Result is null where the deviation is not defined: of one value, or of none.
func (a *deviation) Result() []byte { return a.result(a.population) }

func (a *deviation) result(population bool) []byte {
	degrees := a.n
	if !population {
		degrees--
	}
	switch {
	case degrees < 1 || a.err != nil:
		return nil
	case a.poisoned:
		return notANumber()
	}
	// The variance is (n·Σx² − (Σx)²) / (n · degrees); both terms get the smaller of their exponents.
	sum, sumExponent := a.sum.value()
	squares, exponent := a.squares.value()
	sum.Mul(sum, sum)
	squares.Mul(squares, big.NewInt(a.n))
	if below := exponent - 2*sumExponent; below > 0 {
		squares.Lsh(squares, uint(below))
		exponent = 2 * sumExponent
	} else {
		sum.Lsh(sum, uint(-below))
	}
	if squares.Sub(squares, sum).Sign() < 0 { // not of values: a state is corrupt
		a.fail(StateMoments, fmt.Errorf("the squares are less than their numbers allow: %w", ErrState))
		return nil
	}
	variance := new(big.Float).SetPrec(resultBits).SetInt(squares)
	variance.SetMantExp(variance, exponent)
	by := new(big.Int).Mul(big.NewInt(a.n), big.NewInt(degrees))
	variance.Quo(variance, new(big.Float).SetPrec(resultBits).SetInt(by))
	out, _ := variance.Sqrt(variance).Float64()
	return types.AppendDouble(nil, out)
}

func (a *deviation) Reset() {
	a.n, a.poisoned, a.err = 0, false, nil
	a.sum.reset()
	a.squares.reset()
}
