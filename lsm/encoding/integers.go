package encoding

import (
	"encoding/binary"
	"fmt"
)

// integers reads words in one of the encodings that hold no others, a block at a time.
type integers struct {
	kind    byte
	n, at   int // values, and those read
	src     []byte
	origin  uint64
	divisor uint64
	step    uint64
}

// openIntegers reads the head of a column of n words. Nothing behind it is looked at.
func openIntegers(src []byte, n int) (r integers, err error) {
	if len(src) == 0 {
		return r, corrupt("no bytes for %d values", n)
	}
	r = integers{kind: src[0], n: n, src: src[1:], divisor: 1}
	switch r.kind {
	case wordsRaw:
		if len(r.src) != 8*n {
			return r, corrupt("%d bytes for %d raw words", len(r.src), n)
		}
		return r, nil
	case wordsConst, wordsSequence, wordsFOR, wordsDelta, wordsDelta2, wordsLinear:
	default:
		return r, fmt.Errorf("%w %d of words", ErrUnknown, r.kind)
	}
	if r.origin, r.src, err = varint(r.src); err != nil || r.kind == wordsConst {
		return r, err
	}
	if r.kind == wordsSequence {
		r.step, r.src, err = varint(r.src)
		return r, err
	}
	if r.divisor, r.src, err = uvarint(r.src); err == nil && r.kind == wordsLinear {
		r.step, r.src, err = uvarint(r.src)
	}
	return r, err
}

// next is how many values the next block has; 0 at the end.
func (r *integers) next() int { return min(r.n-r.at, blockValues) }

// end checks that all bytes are read.
func (r *integers) end() error {
	if r.at == r.n && len(r.src) != 0 && r.kind != wordsRaw {
		return corrupt("%d bytes behind the values", len(r.src))
	}
	return nil
}

// skip passes over a block of 128 values. It looks at no more than it must, as reads of a last row pass over all but one.
func (r *integers) skip() error {
	src := r.src
	if len(src) == 0 {
		return corrupt("head of a block")
	}
	code, at := src[0], 1
	for range headNumbers(r.kind) {
		for at < len(src) && src[at] >= 0x80 {
			at++
		}
		at++
	}
	size := uint64(0)
	if code&codePatched != 0 && at+1 < len(src) {
		var width int
		if size, width = binary.Uvarint(src[at+1:]); width <= 0 {
			return corrupt("size of patches")
		}
		at += 1 + width
	}
	if code &^= codePatched; int(code) >= codes {
		return corrupt("block of code %d", code)
	}
	at += int(wholeBytes[blockValues-packedOf(r.kind, blockValues)][code])
	if at > len(src) || size > uint64(len(src)-at) {
		return corrupt("block of code %d and %d bytes of patches in %d bytes", code, size, len(src))
	}
	r.src = src[at+int(size):]
	r.at += blockValues
	return nil
}

// headNumbers is how many variable-length numbers the head of a block has.
func headNumbers(kind byte) int {
	switch kind {
	case wordsDelta:
		return 2
	case wordsDelta2:
		return 3
	}
	return 1
}

// head is the numbers before a block.
type head struct{ first, second, base uint64 }

// readHead passes over a block of n values and returns its parts.
func (r *integers) readHead(n int) (h head, b body, err error) {
	if len(r.src) == 0 {
		return h, b, corrupt("head of a block")
	}
	code, src := r.src[0], r.src[1:]
	packed := n
	if r.kind == wordsDelta || r.kind == wordsDelta2 {
		packed--
		if h.first, src, err = uvarint(src); err != nil {
			return h, b, err
		}
	}
	if r.kind == wordsDelta2 {
		packed = max(packed-1, 0)
		if h.second, src, err = varint(src); err != nil {
			return h, b, err
		}
	}
	if h.base, src, err = varint(src); err != nil {
		return h, b, err
	}
	b, r.src, err = readBody(src, code, packed)
	r.at += n
	return h, b, err
}

// read fills out with the next block. It has next words.
func (r *integers) read(out []uint64) error {
	at := r.at
	switch r.kind {
	case wordsConst:
		for i := range out {
			out[i] = r.origin
		}
		r.at += len(out)
		return nil
	case wordsSequence:
		word := r.origin + r.step*uint64(at)
		for i := range out {
			out[i] = word
			word += r.step
		}
		r.at += len(out)
		return nil
	case wordsRaw:
		src := r.src[8*at:]
		for i := range out {
			out[i] = binary.LittleEndian.Uint64(src[8*i:])
		}
		r.at += len(out)
		return nil
	}
	h, b, err := r.readHead(len(out))
	if err != nil {
		return err
	}
	packed := out[len(out)-packedOf(r.kind, len(out)):]
	if err := b.values(packed); err != nil {
		return err
	}
	r.restore(out, h, at)
	return nil
}

// packedOf is how many numbers a block of n values packs.
func packedOf(kind byte, n int) int {
	switch kind {
	case wordsDelta:
		return n - 1
	case wordsDelta2:
		return max(n-2, 0)
	}
	return n
}

// restore makes words of what was packed for values from that one on.
func (r *integers) restore(out []uint64, h head, at int) {
	divisor, origin := r.divisor, r.origin
	switch r.kind {
	case wordsFOR:
		base := h.base*divisor + origin
		if divisor == 1 {
			for i := range out {
				out[i] += base
			}
			return
		}
		for i, v := range out {
			out[i] = v*divisor + base
		}
	case wordsLinear:
		line := r.step * uint64(at)
		for i, v := range out {
			out[i] = (v+h.base+line>>lineShift)*divisor + origin
			line += r.step
		}
	case wordsDelta:
		word, base := h.first*divisor+origin, h.base*divisor
		out[0] = word
		rest := out[1:]
		if divisor == 1 {
			for i, v := range rest {
				word += v + base
				rest[i] = word
			}
			return
		}
		for i, v := range rest {
			word += v*divisor + base
			rest[i] = word
		}
	case wordsDelta2:
		word, step := h.first*divisor+origin, h.second*divisor
		out[0] = word
		if len(out) == 1 {
			return
		}
		word += step
		out[1] = word
		base := h.base * divisor
		rest := out[2:]
		for i, v := range rest {
			step += v*divisor + base
			word += step
			rest[i] = word
		}
	}
}

// decodeIntegers appends words [from, to) of the n of src.
func decodeIntegers(dst []uint64, src []byte, n, from, to int) ([]uint64, error) {
	r, err := openIntegers(src, n)
	if err != nil {
		return dst, err
	}
	at := len(dst)
	dst = grow(dst, to-from)
	out := dst[at:]
	if r.kind == wordsConst || r.kind == wordsSequence || r.kind == wordsRaw {
		r.at = from // they have no blocks
		err := r.read(out)
		if err == nil {
			err = r.end()
		}
		return dst, err
	}
	for from-r.at >= blockValues {
		if err := r.skip(); err != nil {
			return dst[:at], err
		}
	}
	for r.at < to {
		begin, k := r.at, r.next()
		if begin >= from && begin+k <= to {
			if err := r.read(out[begin-from : begin-from+k]); err != nil {
				return dst[:at], err
			}
			continue
		}
		var whole [blockValues]uint64
		if err := r.read(whole[:k]); err != nil {
			return dst[:at], err
		}
		copy(out[max(begin-from, 0):], whole[max(from-begin, 0):min(k, to-begin)])
	}
	return dst, r.end()
}
