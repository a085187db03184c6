package encoding

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// Readings are decimals: 21.7 is 217 / 10. The division of two exact doubles is rounded once, just
// as the parsing of "21.7" was, so nearly every reading comes back bit for bit. The writer checks; what does not is
// stored as a patch (NaN, -0, infinities, results of arithmetic).
const (
	exponentMax   = 22 // largest power of ten that a double holds exactly
	exponentTry   = 17 // beyond it no reading of 53 bits is left
	sampleDecimal = 32 // values looked at to find the exponent
	screenDecimal = 6  // of them, that must suit it first

	digitsMax   = 1 << 50 // an eighth of what a double tells apart
	digits32Max = 1 << 22 // of a float, a quarter
)

var powers = [exponentMax + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// toInteger is what a double below 2^51 is added to and taken from to be rounded to an integer.
const toInteger = 1<<52 + 1<<51

// asDecimal returns the integer i next to value · power. Only if i / power has the bits of the value again it is right.
func asDecimal(value, power float64) int64 {
	return int64(float64(float64(value*power)+toInteger) - toInteger)
}

// appendFloats appends floats as decimals if they are, else as integers of their bits.
func (s *scratch) appendFloats(dst []byte, words []uint64, physical mutation.Physical, effort Effort) []byte {
	kind := byte(wordsDecimal)
	if physical == mutation.PhysicalFloat {
		kind = wordsDecimal32
	}
	e, ok := findExponent(words, kind)
	if !ok {
		return s.appendIntegers(dst, words, effort)
	}
	s.decimals = grow(s.decimals[:0], len(words))
	if kind == wordsDecimal {
		s.scale(words, powers[e])
	} else {
		s.scale32(words, powers[e])
	}
	at := len(dst)
	dst = append(dst, kind, byte(e))
	dst = binary.AppendUvarint(dst, uint64(len(s.places)))
	next := 0
	for _, place := range s.places {
		dst = binary.AppendUvarint(dst, uint64(place-next))
		dst = binary.LittleEndian.AppendUint64(dst, words[place])
		next = place + 1
	}
	dst = s.appendIntegers(dst, s.decimals, effort)
	if len(dst)-at <= 4*len(words) {
		return dst
	}
	// Not much is saved: perhaps the bits are shorter.
	s.other = append(s.other[:0], dst[at:]...)
	dst = s.appendIntegers(dst[:at], words, effort)
	if len(dst)-at > len(s.other) {
		dst = append(dst[:at], s.other...)
	}
	return dst
}

// scale fills decimals, and places with those that do not come back.
func (s *scratch) scale(words []uint64, power float64) {
	s.places = s.places[:0]
	last := int64(0)
	for i, w := range words {
		v := asDecimal(math.Float64frombits(w), power)
		if math.Float64bits(float64(v)/power) != w {
			// The integer before keeps the differences small; the patch is what counts.
			s.places = append(s.places, i)
			v = last
		}
		last = v
		s.decimals[i] = uint64(v)
	}
}

// scale32 is scale for floats of four bytes.
func (s *scratch) scale32(words []uint64, power float64) {
	s.places = s.places[:0]
	last := int64(0)
	for i, w := range words {
		v := asDecimal(float64(math.Float32frombits(uint32(w))), power)
		if uint64(math.Float32bits(float32(float64(v)/power))) != w {
			s.places = append(s.places, i)
			v = last
		}
		last = v
		s.decimals[i] = uint64(v)
	}
}

// suits reports whether a word comes back from a decimal with that power, and few enough digits: with all that a double
// holds any does, and nothing is saved.
func suits(word uint64, kind byte, power float64) bool {
	if kind == wordsDecimal32 {
		v := asDecimal(float64(math.Float32frombits(uint32(word))), power)
		return isShort(v, digits32Max) && uint64(math.Float32bits(float32(float64(v)/power))) == word
	}
	v := asDecimal(math.Float64frombits(word), power)
	return isShort(v, digitsMax) && math.Float64bits(float64(v)/power) == word
}

func isShort(v, most int64) bool { return -most < v && v < most }

// findExponent returns the smallest exponent that suits the most of a sample, if it suits enough.
func findExponent(words []uint64, kind byte) (int, bool) {
	step := max(1, len(words)/sampleDecimal)
	best, hitsBest, sampled := 0, -1, 0
	for e := 0; e <= exponentTry; e++ {
		hits := 0
		looked := 0
		for i := 0; i < len(words); i += step {
			// Not evenly spaced, lest a period of the readings hide the rest of them.
			place := min(i+looked%step, len(words)-1)
			looked++
			if suits(words[place], kind, powers[e]) {
				hits++
			}
			if looked == screenDecimal && hits == 0 {
				break
			}
		}
		sampled = max(sampled, looked)
		if hits > hitsBest {
			best, hitsBest = e, hits
		}
		if hits == looked {
			break
		}
	}
	return best, hitsBest*4 >= sampled*3
}

// decodeDecimal appends words [from, to) of the n floats of src, its kind included.
func decodeDecimal(dst []uint64, src []byte, n, from, to int) ([]uint64, error) {
	if len(src) < 2 || int(src[1]) > exponentMax {
		return dst, corrupt("exponent")
	}
	kind, power := src[0], powers[src[1]]
	patches, src, err := uvarint(src[2:])
	if err != nil {
		return dst, err
	}
	if patches > uint64(n) {
		return dst, corrupt("%d patches for %d values", patches, n)
	}
	list := src
	if src, err = eachPatch(src, patches, n, 0, nil); err != nil {
		return dst, err
	}
	at := len(dst)
	if dst, err = decodeNumbers(dst, src, n, from, to); err != nil {
		return dst[:at], err
	}
	out := dst[at:]
	if kind == wordsDecimal {
		for i, v := range out {
			out[i] = math.Float64bits(float64(int64(v)) / power)
		}
	} else {
		for i, v := range out {
			out[i] = uint64(math.Float32bits(float32(float64(int64(v)) / power)))
		}
	}
	_, err = eachPatch(list, patches, n, from, out)
	return dst, err
}

// eachPatch reads patches, puts those that belong there into out, whose first value is that at from, and returns what follows them.
func eachPatch(src []byte, patches uint64, n, from int, out []uint64) ([]byte, error) {
	next := uint64(0)
	for range patches {
		gap, rest, err := uvarint(src)
		if err != nil {
			return nil, err
		}
		if len(rest) < 8 || gap >= uint64(n)-next {
			return nil, corrupt("patch")
		}
		place := next + gap
		if i := place - uint64(from); i < uint64(len(out)) {
			out[i] = binary.LittleEndian.Uint64(rest)
		}
		src = rest[8:]
		next = place + 1
	}
	return src, nil
}

// AppendDecimals appends a few floats: an exponent, the first as a decimal, the others as what they differ by. It is false, and
// nothing is appended, if there is no exponent that gives all of them bit for bit.
func AppendDecimals(dst []byte, words []uint64, physical mutation.Physical) ([]byte, bool) {
	kind := kindOfDecimal(physical)
	for e := 0; e <= exponentTry; e++ {
		if slices.ContainsFunc(words, func(w uint64) bool { return !suits(w, kind, powers[e]) }) {
			continue
		}
		dst = append(dst, byte(e))
		last := int64(0)
		for _, w := range words {
			v := asDecimal(floatOf(w, kind), powers[e])
			dst = binary.AppendVarint(dst, v-last)
			last = v
		}
		return dst, true
	}
	return dst, false
}

// DecodeDecimals fills out with what AppendDecimals appended for as many, and returns what follows.
func DecodeDecimals(out []uint64, src []byte, physical mutation.Physical) ([]byte, error) {
	if len(src) == 0 || int(src[0]) > exponentMax {
		return nil, corrupt("exponent")
	}
	kind, power := kindOfDecimal(physical), powers[src[0]]
	src = src[1:]
	v := int64(0)
	for i := range out {
		d, n := binary.Varint(src)
		if n <= 0 {
			return nil, corrupt("decimal %d of %d", i, len(out))
		}
		v, src = v+d, src[n:]
		if kind == wordsDecimal32 {
			out[i] = uint64(math.Float32bits(float32(float64(v) / power)))
		} else {
			out[i] = math.Float64bits(float64(v) / power)
		}
	}
	return src, nil
}

func kindOfDecimal(physical mutation.Physical) byte {
	if physical == mutation.PhysicalFloat {
		return wordsDecimal32
	}
	return wordsDecimal
}

// floatOf is the number that a word holds.
func floatOf(word uint64, kind byte) float64 {
	if kind == wordsDecimal32 {
		return float64(math.Float32frombits(uint32(word)))
	}
	return math.Float64frombits(word)
}
