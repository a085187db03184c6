package encoding

import "encoding/binary"

// common is the plan of a column where nearly all words are one: that one, and the others with the gaps before each.
type common struct {
	word         uint64
	gaps, others plan
	bits         int // about; 0: not worth a try
}

// planCommon plans words whose runs are in s, if most of those that are not the common one stand alone.
func (s *scratch) planCommon() common {
	c := common{word: majority(s.values, s.lengths)}
	s.gaps, s.others = s.gaps[:0], s.others[:0]
	gap := uint64(0)
	for i, v := range s.values {
		if v == c.word {
			gap += s.lengths[i] + 1
			continue
		}
		if uint64(len(s.others))+s.lengths[i] >= uint64(len(s.values)) {
			return common{}
		}
		for range s.lengths[i] + 1 {
			s.gaps, s.others = append(s.gaps, gap), append(s.others, v)
			gap = 0
		}
	}
	c.gaps, s.reduced[3] = planIntegers(s.gaps, look(s.gaps), s.reduced[3])
	c.others, s.reduced[4] = planIntegers(s.others, look(s.others), s.reduced[4])
	c.bits = c.gaps.bits + c.others.bits + 8*(4+varintBytes(c.word))
	return c
}

// majority returns the word of more than half, if there is one; else any.
func majority(values, lengths []uint64) uint64 {
	word, lead := values[0], uint64(0)
	for i, v := range values {
		switch length := lengths[i] + 1; {
		case v == word:
			lead += length
		case length > lead:
			word, lead = v, length-lead
		default:
			lead -= length
		}
	}
	return word
}

func (s *scratch) appendCommon(dst []byte, c *common) []byte {
	dst = append(dst, wordsCommon)
	dst = binary.AppendUvarint(dst, uint64(len(s.others)))
	dst = binary.AppendVarint(dst, int64(c.word))
	dst = s.appendPart(dst, s.others, &c.others)
	return s.appendPart(dst, s.gaps, &c.gaps)
}

// decodeCommon appends words [from, to) of the n of src, without its kind.
func decodeCommon(dst []uint64, src []byte, n, from, to int) ([]uint64, error) {
	count, src, err := uvarint(src)
	if err != nil {
		return dst, err
	}
	if count == 0 || count > uint64(n) {
		return dst, corrupt("%d of %d values", count, n)
	}
	word, src, err := varint(src)
	if err != nil {
		return dst, err
	}
	var r runs // of no length: the gaps before the others
	if err := r.open(src, int(count)); err != nil {
		return dst, err
	}
	at := len(dst)
	dst = grow(dst, to-from)
	out := dst[at:]
	fill(out, word)
	for next := uint64(0); r.more(); next++ {
		other, gap, err := r.next()
		if err == nil && gap >= uint64(n)-next {
			err = corrupt("value behind %d", n)
		}
		if err != nil {
			return dst[:at], err
		}
		if next += gap; next >= uint64(to) {
			return dst, nil // what comes is not asked for; at the end of a column nothing does
		}
		if next >= uint64(from) {
			out[next-uint64(from)] = other
		}
	}
	if err := r.values.end(); err != nil {
		return dst[:at], err
	}
	return dst, r.lengths.end()
}
