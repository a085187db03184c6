package downsample

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/eskerdb/esker/mutation"
)

// stateVersion is the first byte of moments, sketches and registers.
const stateVersion = 1 // stored: never reuse

// flagNotFinite says that a value was NaN (or, of moments, infinite).
const flagNotFinite = 1 // stored: never reuse

// An exact sum is stored in bytes, of which the first has the weight 2^-exactBias.
const (
	digitBytes = digitBits / 8
	// exactBytesMax is where the bytes of a sum of 2^63 squares of the largest double end.
	exactBytesMax = (exactBias + 2*1024 + 64) / 8
)

// stateReader takes a state apart.
type stateReader struct {
	rest []byte
	err  error
}

// fail keeps the first error.
func (r *stateReader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", what, ErrState)
	}
}

// take is the next n bytes; nil where there are fewer.
func (r *stateReader) take(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		r.fail("it is cut short")
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

// byte is the next byte; 0 where there is none.
func (r *stateReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// uvarint is the next uvarint, in its shortest form.
func (r *stateReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.fail("a number is not one")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// head is version, flags and how many numbers there are.
func (r *stateReader) head() (notFinite bool, n int64) {
	if r.byte() != stateVersion {
		r.fail("its version is unknown")
	}
	flags := r.byte()
	if flags&^flagNotFinite != 0 {
		r.fail("its flags are unknown")
	}
	count := r.uvarint()
	if count == 0 || count > math.MaxInt64 {
		r.fail("it is of no number, or of too many")
	}
	return flags&flagNotFinite != 0, int64(count)
}

// appendHead appends what head reads.
func appendHead(dst []byte, notFinite bool, n int64) []byte {
	flags := byte(0)
	if notFinite {
		flags = flagNotFinite
	}
	return binary.AppendUvarint(append(dst, stateVersion, flags), uint64(n))
}

// append appends the sum.
func (s *exactSum) append(dst []byte) []byte {
	sum := *s
	sum.carry()
	negative := uint64(0)
	if sum.digits[exactDigits-1] < 0 {
		negative = 1
		for i := range sum.digits {
			sum.digits[i] = -sum.digits[i]
		}
		sum.carry()
	}
	var digits [exactDigits * digitBytes]byte
	for i, d := range sum.digits {
		binary.LittleEndian.PutUint32(digits[i*digitBytes:], uint32(d))
	}
	low, end := 0, len(digits)
	for end > 0 && digits[end-1] == 0 {
		end--
	}
	if end == 0 {
		return append(dst, 0)
	}
	for digits[low] == 0 {
		low++
	}
	dst = binary.AppendUvarint(dst, uint64(end-low)<<1|negative)
	dst = binary.AppendUvarint(dst, uint64(low))
	return append(dst, digits[low:end]...)
}

// storedSum is an exact sum as it is stored.
type storedSum struct {
	digits   []byte
	low      int
	negative bool
}

// sum reads what exactSum.append appends.
func (r *stateReader) sum() (s storedSum) {
	size := r.uvarint()
	if size == 0 || r.err != nil {
		return s
	}
	low := r.uvarint()
	s.negative = size&1 != 0
	if size >>= 1; size == 0 || size > exactBytesMax || low > exactBytesMax-size {
		r.fail("a sum is too large")
		return storedSum{}
	}
	s.low = int(low)
	if s.digits = r.take(int(size)); s.digits == nil {
		return storedSum{}
	}
	if s.digits[0] == 0 || s.digits[size-1] == 0 {
		r.fail("a sum begins or ends in zeros")
	}
	return s
}

// addStored adds a stored sum.
func (s *exactSum) addStored(v storedSum) {
	for at, left := v.low, v.digits; len(left) > 0; {
		var word [8]byte
		n := copy(word[:], left)
		s.add(binary.LittleEndian.Uint64(word[:]), at*8-exactBias, v.negative)
		at, left = at+n, left[n:]
	}
}

// append appends the state moments.
func (a *deviation) append(dst []byte) []byte {
	dst = appendHead(dst, a.poisoned, a.n)
	return a.squares.append(a.sum.append(dst))
}

// merge adds a state moments.
func (a *deviation) merge(state []byte) error {
	r := stateReader{rest: state}
	notFinite, n := r.head()
	sum, squares := r.sum(), r.sum()
	switch {
	case r.err != nil:
		return r.err
	case len(r.rest) > 0:
		r.fail("it does not end")
	case squares.negative:
		r.fail("squares are negative")
	case n > math.MaxInt64-a.n:
		r.fail("it is of too many numbers")
	case !moreThanSquare(n, sum, squares):
		r.fail("the squares are less than their numbers allow")
	}
	if r.err != nil {
		return r.err
	}
	a.n += n
	a.poisoned = a.poisoned || notFinite
	a.sum.addStored(sum)
	a.squares.addStored(squares)
	return nil
}

// moreThanSquare is true of every state: n·Σx² is not below (Σx)². It goes by the sizes alone, which tell the rough ones; the
// rest Result sees.
func moreThanSquare(n int64, sum, squares storedSum) bool {
	if len(sum.digits) == 0 {
		return true
	}
	return 2*(sum.bits()-1) <= squares.bits()+bits.Len64(uint64(n))
}

// bits is a number such that the sum is at least 2^(bits−1) and below 2^bits; of nothing it is very small.
func (v storedSum) bits() int {
	if len(v.digits) == 0 {
		return math.MinInt32
	}
	return v.low*8 - exactBias + (len(v.digits)-1)*8 + bits.Len8(v.digits[len(v.digits)-1])
}

// MergeVectors implements Stateful.
func (a *deviation) MergeVectors(states []*mutation.Vector, from, to int) {
	for i := from; i < to; i++ {
		if states[0].Has(i) {
			a.fail(StateMoments, a.merge(bytesAt(states[0], i)))
		}
	}
}

// moments is the state of that name.
type moments struct{ deviation }

func (a *moments) Result() []byte {
	if a.n == 0 || a.err != nil {
		return nil
	}
	return a.append(nil)
}
