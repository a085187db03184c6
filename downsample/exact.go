package downsample

import (
	"math"
	"math/big"
	"math/bits"
)

// exactSum is a sum of integers and doubles, of their squares, or of their products with integers. Nothing is rounded
// before the end, so that it does not depend on the order in which it is added up, nor on how it is cut into parts.
type exactSum struct {
	digits [exactDigits]int64 // of 32 bits, each with a sign and room for carries; the first has the weight 2^-exactBias
	adds   int                // since carries were taken out of the digits
	used   bool
}

const (
	digitBits = 32
	// exactBias is a whole number of digits, and the least square of a double is not below 2^-exactBias.
	exactBias = 68 * digitBits
	// exactDigits hold the sum of 2^63 squares of the largest double.
	exactDigits = (exactBias+2*1024+64)/digitBits + 3
	// exactAddsMax is how often 32 bits can be added to a digit.
	exactAddsMax = 1 << 30
)

// parts takes a finite double apart: v = ±mantissa · 2^exponent.
func parts(v float64) (mantissa uint64, exponent int, negative bool) {
	b := math.Float64bits(v)
	mantissa, exponent = b&(1<<52-1), int(b>>52&0x7ff)
	if exponent == 0 {
		exponent = 1
	} else {
		mantissa |= 1 << 52
	}
	return mantissa, exponent - 1075, b>>63 != 0
}

// magnitude is the absolute value of an integer.
func magnitude(v int64) (mantissa uint64, negative bool) {
	if v < 0 {
		return -uint64(v), true
	}
	return uint64(v), false
}

// add adds ±mantissa · 2^exponent.
func (s *exactSum) add(mantissa uint64, exponent int, negative bool) {
	if s.adds == exactAddsMax {
		s.carry()
	}
	s.adds++
	s.used = true
	at := exponent + exactBias
	i, shift := at/digitBits, at%digitBits
	low, high := mantissa<<shift, mantissa>>(64-shift) // a shift by 64 gives 0
	d := s.digits[i : i+3 : i+3]
	if negative {
		d[0] -= int64(low & math.MaxUint32)
		d[1] -= int64(low >> digitBits)
		d[2] -= int64(high)
		return
	}
	d[0] += int64(low & math.MaxUint32)
	d[1] += int64(low >> digitBits)
	d[2] += int64(high)
}

// addProduct adds ±a · b · 2^exponent.
func (s *exactSum) addProduct(a, b uint64, exponent int, negative bool) {
	high, low := bits.Mul64(a, b)
	s.add(low, exponent, negative)
	s.add(high, exponent+64, negative)
}

// carry brings all digits but the last to 0 … 2^32−1. The last has the sign of the sum.
func (s *exactSum) carry() {
	over := int64(0)
	for i := range s.digits {
		v := s.digits[i] + over
		if i == exactDigits-1 {
			s.digits[i] = v
			break
		}
		over = v >> digitBits
		s.digits[i] = v & math.MaxUint32
	}
	s.adds = 0
}

// value is the sum as integer · 2^exponent.
func (s *exactSum) value() (integer *big.Int, exponent int) {
	integer = new(big.Int)
	if !s.used {
		return integer, 0
	}
	s.carry()
	top, low := exactDigits-1, 0
	for low < top && s.digits[low] == 0 {
		low++
	}
	for top > low && s.digits[top] == 0 {
		top--
	}
	integer.SetInt64(s.digits[top])
	digit := new(big.Int)
	for i := top - 1; i >= low; i-- {
		integer.Lsh(integer, digitBits)
		integer.Add(integer, digit.SetInt64(s.digits[i]))
	}
	return integer, low*digitBits - exactBias
}

// reset makes the sum 0.
func (s *exactSum) reset() {
	if s.used {
		*s = exactSum{}
	}
}

// resultBits is the precision of the last steps of a result: their rounding is far below that of a double.
const resultBits = 192

// quotient is integer · 2^exponent / divisor, rounded to a double once.
func quotient(integer *big.Int, exponent int, divisor *big.Int) float64 {
	v := new(big.Float).SetPrec(resultBits).SetInt(integer)
	v.SetMantExp(v, exponent)
	v.Quo(v, new(big.Float).SetPrec(resultBits).SetInt(divisor))
	out, _ := v.Float64()
	return out
}
