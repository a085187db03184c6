package encoding

import (
	"encoding/binary"
	"math"

	"github.com/eskerdb/esker/mutation"
)

// Readings are decimals: 21.7 is 217 / 10. The division of two exact doubles is rounded once, just
// as the parsing of "21.7" was, so nearly every reading comes back bit for bit. The writer checks; what does not is
// stored as a patch (NaN, -0, infinities, results of arithmetic).
const (
	exponentMax   = 22      // largest power of ten that a double holds exactly
	exponentTry   = 17      // beyond it no reading of 53 bits is left
	integerMax    = 1 << 53 // integers below it are exact doubles
	sampleDecimal = 48      // values looked at to find the exponent
)

var powers = [exponentMax + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// asDecimal returns i with value = i / 10^e, if there is one that gives the same bits.
func asDecimal(word uint64, kind byte, e int) (int64, bool) {
	v := math.Float64frombits(word)
	if kind == wordsDecimal32 {
		v = float64(math.Float32frombits(uint32(word)))
	}
	scaled := math.RoundToEven(v * powers[e])
	if !(scaled > -integerMax && scaled < integerMax) {
		return 0, false
	}
	i := int64(scaled)
	return i, fromDecimal(i, kind, e) == word
}

func fromDecimal(i int64, kind byte, e int) uint64 {
	v := float64(i) / powers[e]
	if kind == wordsDecimal32 {
		return uint64(math.Float32bits(float32(v)))
	}
	return math.Float64bits(v)
}

// appendFloats appends floats as decimals if they are, else as integers of their bits.
func appendFloats(dst []byte, words []uint64, physical mutation.Physical, s *scratch) []byte {
	kind := byte(wordsDecimal)
	if physical == mutation.PhysicalFloat {
		kind = wordsDecimal32
	}
	e, ok := findExponent(words, kind)
	if !ok {
		return appendIntegers(dst, words, s)
	}
	integers := make([]uint64, len(words))
	var places []int
	var last uint64
	for i, w := range words {
		v, exact := asDecimal(w, kind, e)
		if !exact {
			// The integer before keeps the differences small; the patch is what counts.
			places = append(places, i)
			integers[i] = last
			continue
		}
		last = uint64(v)
		integers[i] = last
	}
	_, plain := pickInteger(words, s)
	picked, decimal := pickInteger(integers, s)
	if decimal+80*len(places) >= plain {
		return appendIntegers(dst, words, s)
	}
	dst = append(dst, kind, byte(e))
	dst = binary.AppendUvarint(dst, uint64(len(places)))
	next := 0
	for _, place := range places {
		dst = binary.AppendUvarint(dst, uint64(place-next))
		dst = binary.LittleEndian.AppendUint64(dst, words[place])
		next = place + 1
	}
	return appendNestedPicked(dst, integers, picked, s)
}

// findExponent returns the smallest exponent that suits the most of a sample, if it suits enough.
func findExponent(words []uint64, kind byte) (int, bool) {
	step := max(1, len(words)/sampleDecimal)
	best, hitsBest, sampled := 0, -1, 0
	for e := 0; e <= exponentTry; e++ {
		hits := 0
		sampled = 0
		for i := 0; i < len(words); i += step {
			// Not evenly spaced, lest a period of the readings hide the rest of them.
			place := min(i+sampled%step, len(words)-1)
			sampled++
			if _, ok := asDecimal(words[place], kind, e); ok {
				hits++
			}
		}
		if hits > hitsBest {
			best, hitsBest = e, hits
		}
		if hits == sampled {
			break
		}
	}
	return best, hitsBest*4 >= sampled*3
}

// decodeDecimal appends the n floats of src, its kind included.
func decodeDecimal(dst []uint64, src []byte, n int) ([]uint64, error) {
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
	if src, err = eachPatch(src, patches, n, nil); err != nil {
		return dst, err
	}
	at := len(dst)
	dst, src, err = decodeNested(dst, src, n)
	if err != nil {
		return dst, err
	}
	if len(src) != 0 {
		return dst, corrupt("%d bytes behind the values", len(src))
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
	_, err = eachPatch(list, patches, n, out)
	return dst, err
}

// eachPatch reads patches, puts them into out unless it is nil, and returns what follows them.
func eachPatch(src []byte, patches uint64, n int, out []uint64) ([]byte, error) {
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
		if out != nil {
			out[place] = binary.LittleEndian.Uint64(rest)
		}
		src = rest[8:]
		next = place + 1
	}
	return src, nil
}
