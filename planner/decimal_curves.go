package planner

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Limits of exp and of logarithms of decimals.
const (
	// curveDigitsMin and curveDigitsMax bound the digits of a result, of which there are as many as the argument has.
	curveDigitsMin = 32
	curveDigitsMax = 1_000
	// exponentMax bounds what exp takes, whose result has about 0.43 times as many digits before its point.
	exponentMax = 100_000
	// curveScaleMax is how far the point may be away for a decimal to become a float.
	curveScaleMax = 100_000
)

const (
	errExponent = javaError("Overflow: exp of a decimal takes numbers from -100000 to 100000")
	guardBits   = 128 // computed beyond what is kept
)

// curveDigits is how many digits the result of a function of d has.
func (d decimal) curveDigits() int {
	return int(min(max(digits(d.unscaled), curveDigitsMin), curveDigitsMax))
}

func bitsOf(digits int) uint { return uint(float64(digits)*math.Log2(10)) + guardBits }

// float is the decimal with a precision in bits.
func (d decimal) float(bits uint) *big.Float {
	f, _, _ := big.ParseFloat(d.unscaled.String()+"e"+strconv.FormatInt(-d.scale, 10), 10, bits, big.ToNearestEven)
	if f == nil {
		return new(big.Float).SetPrec(bits)
	}
	return f
}

// decimalOfFloat is the decimal of so many digits that is nearest, half to even.
func decimalOfFloat(f *big.Float, digits int) decimal {
	text := f.Text('e', digits-1)
	mantissa, exponent, _ := strings.Cut(text, "e")
	e, _ := strconv.ParseInt(exponent, 10, 64)
	unscaled, _ := new(big.Int).SetString(strings.Replace(mantissa, ".", "", 1), 10)
	return decimal{unscaled, int64(digits-1) - e}
}

func expDecimal(d decimal) (decimal, error) {
	if d.unscaled.Sign() == 0 {
		return decimal{big.NewInt(1), 0}, nil
	}
	n := d.curveDigits()
	x := d.float(bitsOf(n))
	if x.Cmp(big.NewFloat(exponentMax)) > 0 || x.Cmp(big.NewFloat(-exponentMax)) < 0 {
		return decimal{}, errExponent
	}
	return decimalOfFloat(expFloat(x), n), nil
}

// expFloat is e^x: the series of a part of x that is small, and as many squares as x has such parts.
func expFloat(x *big.Float) *big.Float {
	const small = 16 // the part is below 2^-16
	squares := max(x.MantExp(nil)+small, 0)
	prec := x.Prec() + uint(squares)
	part := new(big.Float).SetPrec(prec).SetMantExp(new(big.Float).SetPrec(prec).Set(x), -squares)
	sum, term := new(big.Float).SetPrec(prec).SetInt64(1), new(big.Float).SetPrec(prec).SetInt64(1)
	for i := int64(1); term.Sign() != 0 && term.MantExp(nil) > -int(prec); i++ {
		term.Mul(term, part)
		term.Quo(term, new(big.Float).SetPrec(prec).SetInt64(i))
		sum.Add(sum, term)
	}
	for range squares {
		sum.Mul(sum, sum)
	}
	return sum
}

// logDecimal is the natural logarithm, or that of base ten.
func logDecimal(d decimal, ten bool, refused error) (decimal, error) {
	if d.unscaled.Sign() <= 0 {
		return decimal{}, refused
	}
	n := d.curveDigits()
	x, beyond := d, int64(0)
	if d.scale > curveScaleMax || d.scale < -curveScaleMax {
		x, beyond = decimal{d.unscaled, 0}, d.scale // its power of ten is no number of a float's, and counts by its own logarithm
	}
	f := x.float(bitsOf(n))
	if beyond == 0 && f.Cmp(big.NewFloat(1)) == 0 {
		return decimal{new(big.Int), 0}, nil
	}
	out, tens := logFloat(f), logFloat(new(big.Float).SetPrec(f.Prec()).SetInt64(10))
	out.Sub(out, new(big.Float).SetPrec(f.Prec()).Mul(tens, new(big.Float).SetInt64(beyond)))
	if ten {
		out.Quo(out, tens)
	}
	return decimalOfFloat(out, n), nil
}

// logFloat is the natural logarithm of a positive number: that of its mantissa, which each round of Halley's method makes three
// times as exact, and of the power of two beside it.
func logFloat(x *big.Float) *big.Float {
	mantissa := new(big.Float).SetPrec(x.Prec())
	exponent := x.MantExp(mantissa)
	out := logMantissa(mantissa)
	if exponent == 0 {
		return out
	}
	two := logMantissa(new(big.Float).SetPrec(x.Prec()).SetFloat64(0.5)) // -ln 2
	return out.Sub(out, two.Mul(two, new(big.Float).SetPrec(x.Prec()).SetInt64(int64(exponent))))
}

func logMantissa(x *big.Float) *big.Float {
	f, _ := x.Float64()
	y := new(big.Float).SetPrec(x.Prec()).SetFloat64(math.Log(f))
	for exact := uint(40); exact < 2*x.Prec(); exact *= 3 {
		e := expFloat(y)
		e.SetPrec(x.Prec())
		up, down := new(big.Float).Sub(x, e), new(big.Float).Add(x, e)
		up.Quo(up.Mul(up, big.NewFloat(2)), down)
		y.Add(y, up)
	}
	return y
}
