package encoding

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// blockValues is how many values share a base and a width.
const blockValues = 128

// A code says how the values of a block are packed: up to widthMax as so many bits each, above as a form.
const (
	widthMax    = 64
	codePatched = 0x80 // bit of a code: patches follow
	patchesMin  = 2    // bytes of patches' count and size
)

// form packs a few digits of a radix that is not a power of two into one number: three digits of five
// take 7 bits, not 9.
type form struct {
	radix      uint64
	values     int // a number
	width      int // of a number
	reciprocal uint64
}

// forms are the codes from widthMax+1 on, in order of radix; on disk: never reuse.
var forms = [...]form{
	newForm(3, 5, 8), newForm(5, 3, 7), newForm(6, 5, 13), newForm(7, 6, 17), newForm(9, 5, 16), newForm(10, 3, 10), newForm(11, 2, 7),
	newForm(12, 5, 18), newForm(13, 4, 15), newForm(17, 4, 17), newForm(20, 3, 13), newForm(22, 2, 9), newForm(25, 3, 14),
	newForm(40, 3, 16), newForm(45, 2, 11), newForm(90, 2, 13), newForm(181, 2, 15), newForm(362, 2, 17), newForm(724, 2, 19),
}

// codes is how many there are.
const codes = widthMax + 1 + len(forms)

// newForm's numbers have at most 20 bits and its radix 10, so that a product with the reciprocal divides exactly.
func newForm(radix uint64, values, width int) form {
	return form{radix: radix, values: values, width: width, reciprocal: (1<<32 + radix - 1) / radix}
}

// block is a block while it is written.
type block struct {
	first   uint64 // value
	second  uint64 // difference of the second value to it
	base    uint64 // of rest
	rest    [blockValues]uint64
	n       int
	code    byte
	limit   uint64 // what is not below it is a patch; 0: nothing is
	patches int
	bits    int // about, but for the head
}

// fit takes a base from the values, which lie from least to most, and finds the code that makes them smallest.
func (b *block) fit(least, most int64) {
	if b.n == 0 {
		b.base, b.code, b.patches, b.bits = 0, 0, 0, 0
		return
	}
	rest := b.rest[:b.n]
	b.base = uint64(least)
	top := uint64(most) - b.base
	if mayHaveOutliers(rest, least, top) {
		if base := baseWithout(rest); base != b.base {
			b.base, top = base, math.MaxUint64 // what lies below the base wraps around
		}
	}
	width := bits.Len64(top)
	base, shift := b.base, (width-1)&63
	upper := uint64(0)
	for i, v := range rest {
		v -= base
		rest[i] = v
		upper += v >> shift
	}
	b.choose(top, width, int(upper))
}

// choose finds code and patches for values up to top, which has that width, as upper of them have.
func (b *block) choose(top uint64, width, upper int) {
	b.patches, b.limit, b.bits = 0, 0, b.n*width
	// All of the upper ones would be patches if the block were narrower, and as a rule as many more.
	if width > 0 && b.n >= 8 && 2*upper*patchBits(width) < b.n*width {
		width = b.chooseWidth(width)
		if b.patches > 0 {
			b.limit = 1 << width
			top = 0
			for _, v := range b.rest[:b.n] {
				if v < b.limit {
					top = max(top, v)
				}
			}
		}
	}
	b.code = byte(width)
	if top > forms[len(forms)-1].radix-1 {
		return
	}
	i := formOf[top]
	f := &forms[i]
	if size := (b.n + f.values - 1) / f.values * f.width; size < b.n*width {
		b.bits += size - b.n*width
		b.code = widthMax + 1 + i
		if b.patches > 0 {
			b.limit = f.radix
		}
	}
}

// formOf is the form with the least radix that holds a digit.
var formOf = func() (of [724]byte) {
	form := byte(0)
	for digit := range of {
		if uint64(digit) >= forms[form].radix {
			form++
		}
		of[digit] = form
	}
	return of
}()

// patchBits is about what a patch of so many bits takes: its place, and the bits by sevens.
func patchBits(width int) int { return 8 + 8*((width+6)/7) }

// chooseWidth returns the width that makes a block smallest, and sets patches and bits.
func (b *block) chooseWidth(widest int) int {
	var count [widthMax + 1]uint8
	for _, v := range b.rest[:b.n] {
		count[bits.Len64(v)&127]++
	}
	width, patches, extra := widest, 0, 8*patchesMin
	for w := widest - 1; w >= 0; w-- {
		c := int(count[w+1])
		patches += c
		extra += c * patchBits(w+1)
		if extra >= b.bits {
			break
		}
		if cost := b.n*w + extra; cost < b.bits {
			width, b.bits, b.patches = w, cost, patches
		}
	}
	return width
}

// appendBody appends what comes after the numbers of a head: count and size of patches, packed bits, patches.
func (b *block) appendBody(dst []byte) []byte {
	rest := b.rest[:b.n]
	if b.patches == 0 {
		return appendDigits(dst, rest, b.code)
	}
	places := make([]byte, 0, blockValues)
	patches := make([]byte, 0, blockValues*binary.MaxVarintLen64)
	for i, v := range rest {
		if v >= b.limit {
			places = append(places, byte(i))
			patches = binary.AppendUvarint(patches, v-b.limit)
			rest[i] = 0
		}
	}
	dst = append(dst, byte(len(places)))
	dst = binary.AppendUvarint(dst, uint64(len(places)+len(patches)))
	dst = appendDigits(dst, rest, b.code)
	dst = append(dst, places...)
	return append(dst, patches...)
}

// appendDigits appends values that are all below what the code can hold.
func appendDigits(dst []byte, rest []uint64, code byte) []byte {
	if code <= widthMax {
		return packBits(dst, rest, int(code))
	}
	f := &forms[code-widthMax-1]
	var numbers [blockValues / 2]uint64
	count := 0
	for len(rest) > 0 {
		k := min(f.values, len(rest))
		number := uint64(0)
		for i := k - 1; i >= 0; i-- {
			number = number*f.radix + rest[i]
		}
		numbers[count] = number
		count++
		rest = rest[k:]
	}
	return packBits(dst, numbers[:count], f.width)
}

// outliersMax is how many values of a block may lie below its base.
const outliersMax = 3

// mayHaveOutliers looks at the medians of a few values: if they lie close together, but far above the least, then it
// is worth a closer look.
func mayHaveOutliers(values []uint64, least int64, span uint64) bool {
	n := len(values)
	if n < 8*outliersMax || span < 16 {
		return false
	}
	at := func(eighth int) int64 { return int64(values[n*eighth/8]) }
	first, second := median(at(0), at(3), at(6)), median(at(1), at(4), at(7))
	low, high := min(first, second), max(first, second)
	return uint64(high)-uint64(low) < span/16 && uint64(low)-uint64(least) > span/16
}

func median(a, b, c int64) int64 { return max(min(a, b), min(max(a, b), c)) }

// baseWithout returns the base of a block that may have outliers at both ends. If a few values lie far below
// the others it is the smallest of those: differences wrap around, so what is below becomes a patch like any other.
func baseWithout(values []uint64) uint64 {
	const last = outliersMax
	low := [last + 1]int64{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64}
	high := [last + 1]int64{math.MinInt64, math.MinInt64, math.MinInt64, math.MinInt64}
	for _, word := range values {
		v := int64(word)
		for i := last; i >= 0 && v < low[i]; i-- {
			low[min(i+1, last)], low[i] = low[i], v
		}
		for i := last; i >= 0 && v > high[i]; i-- {
			high[min(i+1, last)], high[i] = high[i], v
		}
	}
	least, base := uint64(low[0]), uint64(low[last])
	if base-least > uint64(high[last])-base {
		return base
	}
	return least
}

// packedBytes is how many bytes n numbers take.
func packedBytes(code byte, n int) int {
	if code <= widthMax {
		return (n*int(code) + 7) / 8
	}
	f := &forms[code-widthMax-1]
	return ((n+f.values-1)/f.values*f.width + 7) / 8
}

// wholeBytes is packedBytes of 128 numbers, 127 and 126, by code.
var wholeBytes = func() (of [3][codes]uint16) {
	for less := range of {
		for code := range codes {
			of[less][code] = uint16(packedBytes(byte(code), blockValues-less))
		}
	}
	return of
}()

// body is where the parts of a block lie, while it is read.
type body struct {
	code    byte
	patches int
	digits  []byte // and whatever lies behind them
	size    int    // of the digits
	tail    []byte // the patches
}

// readBody finds the parts of a block of n values and returns what follows it. The code has been read.
func readBody(src []byte, code byte, n int) (b body, rest []byte, err error) {
	size := uint64(0)
	b.code = code &^ codePatched
	if code&codePatched != 0 {
		if len(src) == 0 {
			return b, nil, corrupt("count of patches")
		}
		b.patches = int(src[0])
		if size, src, err = uvarint(src[1:]); err != nil {
			return b, nil, err
		}
	}
	if int(b.code) >= codes {
		return b, nil, corrupt("block of code %d", b.code)
	}
	b.size = packedBytes(b.code, n)
	if b.size > len(src) || size > uint64(len(src)-b.size) || b.patches > n || uint64(b.patches) > size {
		return b, nil, corrupt("block of %d values: code %d, %d patches of %d bytes, %d bytes", n, b.code, b.patches, size, len(src))
	}
	b.digits = src
	b.tail = src[b.size : b.size+int(size)]
	return b, src[b.size+int(size):], nil
}

// values fills out, which is as long as the block.
func (b *body) values(out []uint64) error {
	limit := uint64(0)
	if b.code <= widthMax {
		unpackBits(out, b.digits, int(b.code))
		limit = 1 << b.code
	} else {
		f := &forms[b.code-widthMax-1]
		f.unpack(out, b.digits)
		limit = f.radix
	}
	if b.patches == 0 {
		return nil
	}
	places, patches := b.tail[:b.patches], b.tail[b.patches:]
	for _, place := range places {
		above, rest, err := uvarint(patches)
		if err != nil || int(place) >= len(out) {
			return corrupt("patch of a block")
		}
		out[place] = limit + above
		patches = rest
	}
	if len(patches) != 0 {
		return corrupt("%d bytes behind the patches", len(patches))
	}
	return nil
}

// unpack fills out with the digits of packed numbers. What lies behind the numbers in src may be read.
func (f *form) unpack(out []uint64, src []byte) {
	var buffer [blockValues / 2]uint64
	numbers := buffer[:(len(out)+f.values-1)/f.values]
	unpackBits(numbers, src, f.width)
	radix, reciprocal := f.radix, f.reciprocal
	whole := len(out) / f.values
	switch f.values {
	case 2:
		for _, number := range numbers[:whole] {
			q := number * reciprocal >> 32
			o := out[:2:2]
			o[0], o[1] = number-q*radix, q
			out = out[2:]
		}
	case 3:
		for _, number := range numbers[:whole] {
			q := number * reciprocal >> 32
			q2 := q * reciprocal >> 32
			o := out[:3:3]
			o[0], o[1], o[2] = number-q*radix, q-q2*radix, q2
			out = out[3:]
		}
	case 5:
		for _, number := range numbers[:whole] {
			q := number * reciprocal >> 32
			q2 := q * reciprocal >> 32
			q3 := q2 * reciprocal >> 32
			q4 := q3 * reciprocal >> 32
			o := out[:5:5]
			o[0], o[1], o[2], o[3], o[4] = number-q*radix, q-q2*radix, q2-q3*radix, q3-q4*radix, q4
			out = out[5:]
		}
	default:
		whole = 0
	}
	for _, number := range numbers[whole:] {
		k := min(f.values, len(out))
		for i := range out[:k] {
			q := number * reciprocal >> 32
			out[i] = number - q*radix
			number = q
		}
		out = out[k:]
	}
}
