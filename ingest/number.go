package ingest

import "math"

// Largest integer that a double holds exactly, and the powers of ten that it does.
const exactIntegerMax = 1 << 53

var exactPowers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
	1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// decimalDigitsMax is how many digits fit an uint64 whatever they are.
const decimalDigitsMax = 19

// parseDecimalFloat reads digits with or without a point where that can be done exactly by one division: all that
// sensors usually write. ok is false for everything else, which a slower reader decides.
func parseDecimalFloat(b []byte) (v float64, ok bool) {
	i := 0
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		i++
	}
	if n := len(b) - i; n == 0 || n > decimalDigitsMax+1 {
		return 0, false
	}
	var mantissa uint64
	digits, point := 0, -1
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c <= 9 {
			mantissa = mantissa*10 + uint64(c)
			digits++
			continue
		}
		if b[i] != '.' || point >= 0 {
			return 0, false
		}
		point = digits
	}
	if digits == 0 || digits > decimalDigitsMax || mantissa > exactIntegerMax {
		return 0, false
	}
	v = float64(mantissa)
	if point >= 0 {
		v /= exactPowers[digits-point]
	}
	if negative {
		v = -v
	}
	return v, true
}

// parseInteger reads a whole number with or without a sign. ok is false if it is none or does not fit 64 bits.
func parseInteger(b []byte) (v int64, ok bool) {
	i := 0
	negative := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative = b[0] == '-'
		i++
	}
	if i == len(b) {
		return 0, false
	}
	var n uint64
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c > 9 || n > (math.MaxUint64-9)/10 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	if negative {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n <= math.MaxInt64
}
