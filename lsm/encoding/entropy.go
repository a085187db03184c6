package encoding

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/klauspost/compress/fse"
)

// The entropy stage codes each number of a column, or the difference to the one before, in as many bits as it
// is rare: what mostly stays the same takes a fraction of a bit. It costs several times what packing does, both ways, and
// a part of a column cannot be had without the rest, so it must save much.
const (
	entropyValuesMin = 64
	entropyPercent   = 85 // of the bytes without it, at most
	entropyPart      = 16 // and at least a byte less for so many values: a few bytes are not worth decoding a column whole
	escape           = 255
	escapesPart      = 16 // at most one of so many values
)

// symbols is the scratch of the entropy stage.
type symbols struct {
	coder   fse.Scratch
	decoder fse.Scratch
	codes   []byte
	count   [256]uint32
}

// appendCoded replaces what stands in dst from at on if the entropy stage makes it clearly smaller.
func (s *scratch) appendCoded(dst []byte, at int, words []uint64, found survey, effort Effort) []byte {
	size := len(dst) - at
	limit := min(size*entropyPercent/100, size-len(words)/entropyPart)
	if effort != Final || found.runs == 1 || len(words) < entropyValuesMin || limit <= 0 {
		return dst
	}
	origin := uint64(found.least)
	s.reduced[2] = grow(s.reduced[2][:0], len(words))
	reduced := s.reduced[2]
	divisor := reduce(reduced, words, origin)
	s.codes = grow(s.codes[:0], len(words))
	best, kind, base := limit, byte(0), uint64(0)
	for _, k := range [...]byte{wordsFOR, wordsDelta} {
		numbers(s.codes, reduced, k)
		from := s.symbols.base(s.codes)
		if size := s.symbols.estimate(s.codes, from); size < best {
			best, kind, base = size, k, from
		}
	}
	if kind == 0 {
		return dst
	}
	numbers(s.codes, reduced, kind)
	head := append(s.part[:0], wordsEntropy, kind)
	head = binary.AppendVarint(head, int64(origin))
	head = binary.AppendUvarint(head, divisor)
	head = binary.AppendVarint(head, int64(base))
	head = s.symbols.appendEscapes(head, s.codes, base)
	s.part = head
	packed, err := fse.Compress(s.symbols.codes, &s.symbols.coder)
	if err != nil || len(head)+len(packed) > limit || !s.symbols.comeBack(packed) {
		return dst // what it cannot compress stays as it is
	}
	return append(append(dst[:at], head...), packed...)
}

// comeBack decodes what was coded: nothing marks where the symbols end, so the writer makes sure that all are there.
func (y *symbols) comeBack(packed []byte) bool {
	y.decoder.DecompressLimit = len(y.codes) + blockValues
	codes, err := fse.Decompress(packed, &y.decoder)
	return err == nil && bytes.Equal(codes, y.codes)
}

// numbers fills out with what is coded: the values, or their differences; before the first one was 0.
func numbers(out, reduced []uint64, kind byte) {
	if kind == wordsFOR {
		copy(out, reduced)
		return
	}
	before := uint64(0)
	for i, v := range reduced {
		out[i] = v - before
		before = v
	}
}

// base returns what to count from, so that most numbers are small.
func (y *symbols) base(numbers []uint64) uint64 {
	var sample [33]int64
	for i := range sample {
		sample[i] = int64(numbers[i*(len(numbers)-1)/(len(sample)-1)])
	}
	slices.Sort(sample[:])
	base := uint64(sample[len(sample)/2]) - escape/2
	low := uint64(escape)
	for _, v := range numbers {
		low = min(low, v-base)
	}
	return base + low
}

// estimate returns about how many bytes the numbers take, counted from base.
func (y *symbols) estimate(numbers []uint64, base uint64) int {
	clear(y.count[:])
	for _, v := range numbers {
		y.count[min(v-base, escape)]++
	}
	if int(y.count[escape]) > len(numbers)/escapesPart {
		return math.MaxInt
	}
	bits, used := 24.0*float64(y.count[escape]), 0
	for _, c := range y.count {
		if c > 0 {
			bits += float64(c) * math.Log2(float64(len(numbers))/float64(c))
			used++
		}
	}
	return int(bits)/8 + 8 + used/2
}

// appendEscapes appends the numbers that are no symbols, and fills codes with the symbols of all.
func (y *symbols) appendEscapes(dst []byte, numbers []uint64, base uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(y.countEscapes(numbers, base)))
	y.codes = y.codes[:0]
	for _, v := range numbers {
		if v-base >= escape {
			dst = binary.AppendVarint(dst, int64(v))
		}
		y.codes = append(y.codes, byte(min(v-base, escape)))
	}
	return dst
}

func (y *symbols) countEscapes(numbers []uint64, base uint64) int {
	count := 0
	for _, v := range numbers {
		if v-base >= escape {
			count++
		}
	}
	return count
}

// decodeEntropy appends words [from, to) of the n of src, without its kind.
func decodeEntropy(dst []uint64, src []byte, n, from, to int) ([]uint64, error) {
	if len(src) == 0 || src[0] != wordsFOR && src[0] != wordsDelta {
		return dst, corrupt("numbers of the entropy stage")
	}
	differences := src[0] == wordsDelta
	origin, src, err := varint(src[1:])
	if err != nil {
		return dst, err
	}
	divisor, src, err := uvarint(src)
	if err != nil {
		return dst, err
	}
	base, src, err := varint(src)
	if err != nil {
		return dst, err
	}
	escapes, src, err := uvarint(src)
	if err != nil {
		return dst, err
	}
	numbers := src
	for range escapes { // each takes a byte, so there are not more than src has
		if _, src, err = varint(src); err != nil {
			return dst, err
		}
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	s.symbols.decoder.DecompressLimit = n + blockValues
	codes, err := fse.Decompress(src, &s.symbols.decoder)
	if err != nil || len(codes) != n {
		return dst, corrupt("%d symbols of %d: %v", len(codes), n, err)
	}
	at := len(dst)
	dst = grow(dst, to-from)
	value := uint64(0)
	for i, code := range codes[:to] {
		number := base + uint64(code)
		if code == escape {
			if escapes == 0 {
				return dst[:at], corrupt("more escapes than numbers")
			}
			escapes--
			number, numbers, _ = varint(numbers)
		}
		if value = number + value; !differences {
			value = number
		}
		if i >= from {
			dst[at+i-from] = value*divisor + origin
		}
	}
	if to == n && escapes != 0 {
		return dst[:at], corrupt("%d escapes too many", escapes)
	}
	return dst, nil
}
