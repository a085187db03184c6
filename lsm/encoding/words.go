package encoding

import (
	"sync"

	"github.com/eskerdb/esker/mutation"
)

// scratch keeps what is computed on the way, from one column to the next.
type scratch struct {
	decimals []uint64 // floats as integers
	places   []int    // of floats that are none
	values   []uint64 // of runs
	lengths  []uint64 // of runs, less one
	gaps     []uint64 // before words that are not the common one
	others   []uint64 // those words
	reduced  [5][]uint64
	part     []byte
	other    []byte
	codes    []uint64 // numbers of the entropy stage
	symbols  symbols
	strings  stringScratch
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// scratchBytesMax is how much unpacked data waits for another column.
const scratchBytesMax = 1 << 20

// release lets the scratch wait for another column.
func (s *scratch) release() {
	if cap(s.strings.packed)+cap(s.strings.stored)+cap(s.strings.suffix)+cap(s.other) <= scratchBytesMax {
		scratches.Put(s)
	}
}

// AppendWords appends words in the encoding that seems smallest: its number, then its payload.
// Nothing is appended for no words. Physical says what the words are (sign-extended integers, bits of
// floats); width is bytes a value. Whatever the bits, they come back the same.
func AppendWords(dst []byte, words []uint64, physical mutation.Physical, width int, effort Effort) []byte {
	if len(words) == 0 {
		return dst
	}
	s := scratches.Get().(*scratch)
	if physical == mutation.PhysicalDouble || physical == mutation.PhysicalFloat {
		dst = s.appendFloats(dst, words, physical, effort)
	} else {
		dst = s.appendIntegers(dst, words, effort)
	}
	s.release()
	return dst
}

// appendIntegers appends words as runs, as packed integers or, if all effort is due, coded by how often each number is.
func (s *scratch) appendIntegers(dst []byte, words []uint64, effort Effort) []byte {
	at := len(dst)
	found := look(words)
	if values, lengths, cost := s.planRuns(words, found); cost > 0 {
		c := s.planCommon()
		rare := c.bits > 0 && c.bits < cost
		if rare {
			cost = c.bits
		}
		if found.runs*runsFew > len(words) {
			var p plan
			if p, s.reduced[2] = planIntegers(words, found, s.reduced[2]); p.bits < cost {
				return s.appendCoded(appendPlan(dst, words, &p), at, words, found, effort)
			}
		}
		if rare {
			dst = s.appendCommon(dst, &c)
		} else {
			dst = s.appendRuns(dst, &values, &lengths)
		}
		return s.appendCoded(dst, at, words, found, effort)
	}
	var p plan
	p, s.reduced[2] = planIntegers(words, found, s.reduced[2])
	return s.appendCoded(appendPlan(dst, words, &p), at, words, found, effort)
}

// DecodeWords appends the n words of src, which must be all of it, to dst.
func DecodeWords(dst []uint64, src []byte, n int) ([]uint64, error) {
	return DecodeWordsRange(dst, src, n, 0, n)
}

// DecodeWordsRange appends words [from, to) of the n words of src to dst. It decodes the blocks of 128
// words that these lie in; what is damaged elsewhere it need not notice.
func DecodeWordsRange(dst []uint64, src []byte, n, from, to int) ([]uint64, error) {
	if err := checkRange(n, from, to); err != nil {
		return dst, err
	}
	if n == 0 {
		if len(src) != 0 {
			return dst, corrupt("%d bytes for no values", len(src))
		}
		return dst, nil
	}
	if len(src) > 0 && (src[0] == wordsDecimal || src[0] == wordsDecimal32) {
		return decodeDecimal(dst, src, n, from, to)
	}
	return decodeNumbers(dst, src, n, from, to)
}

// decodeNumbers decodes whatever holds integers.
func decodeNumbers(dst []uint64, src []byte, n, from, to int) ([]uint64, error) {
	if len(src) > 0 {
		switch src[0] {
		case wordsRLE:
			return decodeRuns(dst, src[1:], n, from, to)
		case wordsCommon:
			return decodeCommon(dst, src[1:], n, from, to)
		case wordsEntropy:
			return decodeEntropy(dst, src[1:], n, from, to)
		}
	}
	return decodeIntegers(dst, src, n, from, to)
}
