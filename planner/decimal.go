package planner

import (
	"math"
	"math/big"
	"strings"

	"github.com/eskerdb/esker/cql/types"
)

// decimal is a number as Java's BigDecimal keeps it: unscaled × 10^-scale.
type decimal struct {
	unscaled *big.Int
	scale    int64 // within int32, once checked
}

// Limits of decimal arithmetic: Cassandra's, but for the last.
const (
	// decimalPrecisionMax is how many digits a sum, a difference or a product keeps.
	decimalPrecisionMax = 10_000
	// quotientScaleMin and quotientScaleMax bound the digits behind the point of a quotient.
	quotientScaleMin = 32
	quotientScaleMax = 1_000
	// decimalShiftMax bounds by how many digits two numbers may lie apart for what needs all digits between them.
	decimalShiftMax = 100_000
)

// javaError is an error in the words of Java, which clients are told.
type javaError string

func (e javaError) Error() string { return string(e) }

// What arithmetic fails with.
const (
	errUndefined    = javaError("Division undefined")
	errDivision     = javaError("Division by zero")
	errDecimalZero  = javaError("BigInteger divide by zero")
	errIntegerZero  = javaError("/ by zero")
	errNaN          = javaError("A NaN cannot be converted into a decimal")
	errInfinite     = javaError("An infinite number cannot be converted into a decimal")
	errDecimalScale = javaError("Overflow")
	errDecimalApart = javaError("the numbers lie too many digits apart")
)

func decodeDecimal(v []byte) decimal {
	d := types.DecodeDecimal(v)
	return decimal{d.UnscaledBig(), int64(d.Scale())}
}

// append is the decimal as a value; an error if its scale is not one of 32 bits.
func (d decimal) bytes() ([]byte, error) {
	if d.scale != int64(int32(d.scale)) {
		return nil, errDecimalScale
	}
	return types.AppendVarint(types.AppendInt(nil, int32(d.scale)), d.unscaled), nil
}

// decimalBytes is the decimal value that Java makes of a finite double: that of the shortest text that reads as the double.
func decimalBytes(f float64) []byte {
	v, _ := types.Decimal.ParseLiteral(types.Literal{Class: types.LitFloat, Text: javaFloat(f, 64)})
	return v
}

// digits is how many digits the unscaled number has; 1 for 0.
func digits(v *big.Int) int64 {
	return int64(len(strings.TrimPrefix(v.String(), "-")))
}

func powerOfTen(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// rescaled is the number with more digits behind the point.
func (d decimal) rescaled(scale int64) decimal {
	if scale == d.scale {
		return d
	}
	return decimal{new(big.Int).Mul(d.unscaled, powerOfTen(scale-d.scale)), scale}
}

// rounded keeps decimalPrecisionMax digits, half of the last away from zero.
func (d decimal) rounded() decimal {
	// 10^n has more than 3.32·n bits: no digits need be counted below.
	if d.unscaled.BitLen() <= decimalPrecisionMax*332/100 {
		return d
	}
	for drop := digits(d.unscaled) - decimalPrecisionMax; drop > 0; drop = digits(d.unscaled) - decimalPrecisionMax {
		d = decimal{halfUp(d.unscaled, powerOfTen(drop)), d.scale - drop}
	}
	return d
}

// halfUp divides and rounds half away from zero.
func halfUp(a, b *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(a, b, new(big.Int))
	if r.Abs(r).Lsh(r, 1).CmpAbs(b) >= 0 {
		q.Add(q, big.NewInt(int64(a.Sign()*b.Sign())))
	}
	return q
}

// stripped takes zeros at the end away until the scale is the least that is preferred: many at once first, so that a number of a
// million zeros costs a few divisions.
func (d decimal) stripped(preferred int64) decimal {
	if d.unscaled.Sign() == 0 {
		return d
	}
	zeros := int64(1)
	for zeros < digits(d.unscaled) {
		zeros *= 2
	}
	for r := new(big.Int); zeros > 0; zeros /= 2 {
		if d.scale-zeros < preferred || zeros > int64(d.unscaled.TrailingZeroBits()) {
			continue // ten has a factor of two
		}
		if q, _ := new(big.Int).QuoRem(d.unscaled, powerOfTen(zeros), r); r.Sign() == 0 {
			d = decimal{q, d.scale - zeros}
		}
	}
	return d
}

func (d decimal) negated() decimal { return decimal{new(big.Int).Neg(d.unscaled), d.scale} }

// plus is a sum as Java rounds it.
func (d decimal) plus(o decimal) decimal {
	if d.unscaled.Sign() == 0 || o.unscaled.Sign() == 0 {
		return plusZero(d, o)
	}
	large, small := d, o
	if large.scale > small.scale {
		large, small = small, large
	}
	if large.scale != small.scale {
		// What lies below all digits that the sum keeps only decides how it is rounded.
		last := large.scale - digits(large.unscaled) + decimalPrecisionMax
		if high := small.scale - digits(small.unscaled) + 1; high > large.scale+2 && high > last+2 {
			small = decimal{big.NewInt(int64(small.unscaled.Sign())), max(large.scale, last) + 3}
		}
		scale := max(large.scale, small.scale)
		large, small = large.rescaled(scale), small.rescaled(scale)
	}
	return decimal{new(big.Int).Add(large.unscaled, small.unscaled), large.scale}.rounded()
}

// plusZero is a sum one side of which is 0.
func plusZero(d, o decimal) decimal {
	preferred := max(d.scale, o.scale)
	sum := d
	if d.unscaled.Sign() == 0 {
		sum = o
	}
	if sum.unscaled.Sign() == 0 {
		return decimal{new(big.Int), preferred}
	}
	sum = sum.rounded()
	if sum.scale >= preferred {
		return sum.stripped(preferred)
	}
	return sum.rescaled(min(preferred, sum.scale+decimalPrecisionMax-digits(sum.unscaled)))
}

func (d decimal) times(o decimal) decimal {
	return decimal{new(big.Int).Mul(d.unscaled, o.unscaled), d.scale + o.scale}.rounded()
}

// dividedBy is a quotient with at least quotientScaleMin digits behind the point and as many significant ones, without zeros at its end.
func (d decimal) dividedBy(o decimal) (decimal, error) {
	if o.unscaled.Sign() == 0 {
		return decimal{}, errDecimalZero
	}
	first := digits(d.unscaled) - d.scale - (digits(o.unscaled) - o.scale)
	scale := min(max(quotientScaleMin-first, d.scale, o.scale, quotientScaleMin), quotientScaleMax)
	shift := scale + o.scale - d.scale
	if shift > decimalShiftMax || shift < -decimalShiftMax {
		return decimal{}, errDecimalApart
	}
	a, b := d.unscaled, o.unscaled
	if shift >= 0 {
		a = new(big.Int).Mul(a, powerOfTen(shift))
	} else {
		b = new(big.Int).Mul(b, powerOfTen(-shift))
	}
	q := decimal{halfUp(a, b), scale}
	if q.unscaled.Sign() == 0 {
		return decimal{new(big.Int), 0}, nil
	}
	return q.stripped(math.MinInt32), nil
}

// modulo is what is left of a division to an integer, of the sign of the dividend.
func (d decimal) modulo(o decimal) (decimal, error) {
	switch {
	case o.unscaled.Sign() == 0 && d.unscaled.Sign() == 0:
		return decimal{}, errUndefined
	case o.unscaled.Sign() == 0:
		return decimal{}, errDivision
	case d.scale-o.scale > decimalShiftMax || o.scale-d.scale > decimalShiftMax:
		return decimal{}, errDecimalApart
	}
	scale := max(d.scale, o.scale)
	a, b := d.rescaled(scale), o.rescaled(scale)
	q, r := new(big.Int).QuoRem(a.unscaled, b.unscaled, new(big.Int))
	// Java's remainder has the scale of what it subtracts, the quotient without zeros at its end times the divisor.
	preferred := d.scale - o.scale
	quotient := decimal{q, max(preferred, 0)}
	if preferred < 0 {
		if q.Sign() == 0 {
			quotient.scale = preferred
		}
		quotient = quotient.stripped(preferred)
	}
	out := max(d.scale, quotient.scale+o.scale)
	return decimal{r, scale}.stripped(out).lowered(out), nil
}

// lowered gives a 0 its scale: it has no zeros to strip.
func (d decimal) lowered(scale int64) decimal {
	if d.unscaled.Sign() == 0 {
		d.scale = scale
	}
	return d
}
