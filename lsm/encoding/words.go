package encoding

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/eskerdb/esker/mutation"
)

// AppendWords appends words in the encoding that seems smallest: its number, then its payload.
// Nothing is appended for no words. Physical says what the words are (sign-extended integers, bits of
// floats); width is bytes a value. Whatever the bits, they come back the same.
func AppendWords(dst []byte, words []uint64, physical mutation.Physical, width int, effort Effort) []byte {
	if len(words) == 0 {
		return dst
	}
	runs := countRuns(words)
	var s scratch
	if runs > 1 && runs*8 <= len(words) {
		return appendRLE(dst, words, runs, &s)
	}
	if runs > 1 && (physical == mutation.PhysicalDouble || physical == mutation.PhysicalFloat) {
		return appendFloats(dst, words, physical, &s)
	}
	return appendIntegers(dst, words, &s)
}

// scratch keeps what is computed on the way.
type scratch struct {
	delta  []uint64
	delta2 []uint64
}

// appendIntegers picks among CONST, FOR, DELTA, DELTA2 and RAW by the widths that a few blocks would have.
func appendIntegers(dst []byte, words []uint64, s *scratch) []byte {
	kind, _ := pickInteger(words, s)
	return appendPicked(dst, words, kind, s)
}

// appendPicked appends words in the encoding that pickInteger found for them just before.
func appendPicked(dst []byte, words []uint64, kind byte, s *scratch) []byte {
	dst = append(dst, kind)
	switch kind {
	case wordsConst:
		return binary.AppendVarint(dst, int64(words[0]))
	case wordsRaw:
		for _, w := range words {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
		return dst
	case wordsDelta:
		dst = binary.AppendVarint(dst, int64(words[0]))
		return appendPacked(dst, s.delta)
	case wordsDelta2:
		dst = binary.AppendVarint(dst, int64(words[0]))
		dst = binary.AppendVarint(dst, int64(s.delta[0]))
		return appendPacked(dst, s.delta2)
	}
	return appendPacked(dst, words)
}

// pickInteger returns an encoding and about how many bits it takes. It leaves the differences in s.
func pickInteger(words []uint64, s *scratch) (kind byte, cost int) {
	if countRuns(words) == 1 {
		return wordsConst, 64
	}
	kind, cost = wordsFOR, estimate(words)
	if len(words) < 4 {
		return kind, cost // RAW would not be smaller
	}
	s.delta = differences(s.delta, words)
	if c := estimate(s.delta) + 32; c < cost {
		kind, cost = wordsDelta, c
	}
	s.delta2 = differences(s.delta2, s.delta)
	if c := estimate(s.delta2) + 64; c < cost {
		kind, cost = wordsDelta2, c
	}
	if cost >= 64*len(words) {
		kind, cost = wordsRaw, 64*len(words)
	}
	return kind, cost
}

func differences(dst, words []uint64) []uint64 {
	dst = grow(dst[:0], len(words)-1)
	for i := range dst {
		dst[i] = words[i+1] - words[i]
	}
	return dst
}

// estimate returns about how many bits packed values take, from at most three blocks of them.
func estimate(values []uint64) int {
	blocks := (len(values) + blockValues - 1) / blockValues
	step := max(1, (blocks+2)/3)
	sampled, size := 0, 0
	var rest [blockValues]uint64
	for b := 0; b < blocks; b += step {
		block := values[b*blockValues : min(len(values), (b+1)*blockValues)]
		base := blockBase(block, 1)
		for i, v := range block {
			rest[i] = v - base
		}
		_, bits := bestWidth(rest[:len(block)])
		size += bits + 40
		sampled += len(block)
	}
	return size * len(values) / sampled
}

func countRuns(words []uint64) int {
	runs := 1
	for i := 1; i < len(words); i++ {
		if words[i] != words[i-1] {
			runs++
		}
	}
	return runs
}

func appendRLE(dst []byte, words []uint64, runs int, s *scratch) []byte {
	values := make([]uint64, 0, runs)
	lengths := make([]uint64, 0, runs)
	for i, w := range words {
		if i == 0 || w != words[i-1] {
			values = append(values, w)
			lengths = append(lengths, 0)
		}
		lengths[len(lengths)-1]++
	}
	dst = append(dst, wordsRLE)
	dst = binary.AppendUvarint(dst, uint64(runs))
	dst = appendNested(dst, values, s)
	return appendNested(dst, lengths, s)
}

// appendNested appends words as a part of another encoding: their length, then as integers.
func appendNested(dst []byte, words []uint64, s *scratch) []byte {
	if len(words) == 0 {
		return append(dst, 0)
	}
	kind, _ := pickInteger(words, s)
	return appendNestedPicked(dst, words, kind, s)
}

// appendNestedPicked is appendNested for an encoding that pickInteger has just found.
func appendNestedPicked(dst []byte, words []uint64, kind byte, s *scratch) []byte {
	part := appendPicked(nil, words, kind, s)
	dst = binary.AppendUvarint(dst, uint64(len(part)))
	return append(dst, part...)
}

// DecodeWords appends the n words of src, which must be all of it, to dst.
func DecodeWords(dst []uint64, src []byte, n int) ([]uint64, error) {
	if n < 0 || n > ValuesMax {
		return dst, corrupt("%d values", n)
	}
	if n == 0 {
		if len(src) != 0 {
			return dst, corrupt("%d bytes for no values", len(src))
		}
		return dst, nil
	}
	if len(src) == 0 {
		return dst, corrupt("no bytes for %d values", n)
	}
	switch src[0] {
	case wordsRLE:
		return decodeRLE(dst, src[1:], n)
	case wordsDecimal, wordsDecimal32:
		return decodeDecimal(dst, src, n)
	}
	return decodeIntegers(dst, src, n)
}

// DecodeWordsRange appends words [from, to) of the n words of src to dst.
func DecodeWordsRange(dst []uint64, src []byte, n, from, to int) ([]uint64, error) {
	if err := checkRange(n, from, to); err != nil {
		return dst, err
	}
	at := len(dst)
	dst, err := DecodeWords(dst, src, n)
	if err != nil {
		return dst[:at], err
	}
	copy(dst[at:], dst[at+from:at+to])
	return dst[:at+to-from], nil
}

// decodeIntegers decodes the encodings that hold no others.
func decodeIntegers(dst []uint64, src []byte, n int) ([]uint64, error) {
	kind := src[0]
	src = src[1:]
	var err error
	switch kind {
	case wordsConst:
		return decodeConst(dst, src, n)
	case wordsRaw:
		if len(src) != 8*n {
			return dst, corrupt("%d bytes for %d raw words", len(src), n)
		}
		for i := range n {
			dst = append(dst, binary.LittleEndian.Uint64(src[8*i:]))
		}
		return dst, nil
	case wordsFOR:
		dst, src, err = decodePacked(dst, src, n)
	case wordsDelta:
		dst, src, err = decodeDelta(dst, src, n)
	case wordsDelta2:
		dst, src, err = decodeDelta2(dst, src, n)
	default:
		return dst, fmt.Errorf("%w %d of words", ErrUnknown, kind)
	}
	if err == nil && len(src) != 0 {
		err = corrupt("%d bytes behind the values", len(src))
	}
	return dst, err
}

func decodeConst(dst []uint64, src []byte, n int) ([]uint64, error) {
	v, size := binary.Varint(src)
	if size <= 0 || size != len(src) {
		return dst, corrupt("constant")
	}
	at := len(dst)
	dst = grow(dst, n)
	for i := range dst[at:] {
		dst[at+i] = uint64(v)
	}
	return dst, nil
}

func decodeDelta(dst []uint64, src []byte, n int) ([]uint64, []byte, error) {
	first, size := binary.Varint(src)
	if size <= 0 {
		return dst, nil, corrupt("first value")
	}
	at := len(dst)
	dst = append(dst, uint64(first))
	dst, src, err := decodePacked(dst, src[size:], n-1)
	if err != nil {
		return dst, nil, err
	}
	addUp(dst[at:])
	return dst, src, nil
}

func decodeDelta2(dst []uint64, src []byte, n int) ([]uint64, []byte, error) {
	if n < 2 {
		return dst, nil, corrupt("%d values for second differences", n)
	}
	first, size := binary.Varint(src)
	if size <= 0 {
		return dst, nil, corrupt("first value")
	}
	step, size2 := binary.Varint(src[size:])
	if size2 <= 0 {
		return dst, nil, corrupt("first difference")
	}
	at := len(dst)
	dst = append(dst, uint64(first), uint64(step))
	dst, src, err := decodePacked(dst, src[size+size2:], n-2)
	if err != nil {
		return dst, nil, err
	}
	addUp(dst[at+1:])
	addUp(dst[at:])
	return dst, src, nil
}

// addUp replaces each value by the sum of all up to it.
func addUp(values []uint64) {
	var sum uint64
	for i, v := range values {
		sum += v
		values[i] = sum
	}
}

func decodeRLE(dst []uint64, src []byte, n int) ([]uint64, error) {
	runs, src, err := uvarint(src)
	if err != nil {
		return dst, err
	}
	if runs == 0 || runs > uint64(n) {
		return dst, corrupt("%d runs for %d values", runs, n)
	}
	values, src, err := decodeNested(nil, src, int(runs))
	if err != nil {
		return dst, err
	}
	lengths, src, err := decodeNested(nil, src, int(runs))
	if err != nil {
		return dst, err
	}
	if len(src) != 0 {
		return dst, corrupt("%d bytes behind the runs", len(src))
	}
	left := uint64(n)
	for i, length := range lengths {
		if length == 0 || length > left {
			return dst, corrupt("run of %d values where %d are left", length, left)
		}
		left -= length
		for range length {
			dst = append(dst, values[i])
		}
	}
	if left != 0 {
		return dst, corrupt("runs end %d values early", left)
	}
	return dst, nil
}

// decodeNested appends n words that lie inside another encoding and returns what follows.
func decodeNested(dst []uint64, src []byte, n int) ([]uint64, []byte, error) {
	length, src, err := uvarint(src)
	if err != nil {
		return dst, nil, err
	}
	if length > uint64(len(src)) {
		return dst, nil, corrupt("part of %d bytes in %d", length, len(src))
	}
	part, rest := src[:length], src[length:]
	if n == 0 || len(part) == 0 {
		if n != 0 || len(part) != 0 {
			return dst, nil, corrupt("%d bytes for %d values", len(part), n)
		}
		return dst, rest, nil
	}
	dst, err = decodeIntegers(dst, part, n)
	return dst, rest, err
}

// bitsFor returns how many bits hold numbers below n.
func bitsFor(n int) int { return bits.Len(uint(max(n-1, 0))) }
