package encoding

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// plan is how integers will be encoded.
type plan struct {
	kind    byte
	origin  uint64 // the least word, as a signed number
	divisor uint64 // of the distances from it
	step    uint64 // of a sequence; of a line in 1/256
	bits    int    // about
	reduced []uint64
}

// lineShift is the fraction of a line's step: it goes up by step/256 a value.
const lineShift = 8

// survey is what one pass over words tells.
type survey struct {
	least, most int64
	runs        int
}

func look(words []uint64) survey {
	s := survey{least: int64(words[0]), most: int64(words[0]), runs: 1}
	before := words[0]
	for _, w := range words {
		s.least, s.most = min(s.least, int64(w)), max(s.most, int64(w))
		differs := w ^ before
		s.runs += int((differs | -differs) >> 63)
		before = w
	}
	return s
}

// planIntegers chooses among the encodings that hold no others. The numbers it will pack are kept in buffer,
// which is lent to the plan and returned, longer if need be.
func planIntegers(words []uint64, s survey, buffer []uint64) (plan, []uint64) {
	n := len(words)
	if s.runs == 1 {
		return plan{kind: wordsConst, origin: words[0], bits: 8 * (1 + varintBytes(words[0]))}, buffer
	}
	if s.runs == n && isSequence(words) {
		p := plan{kind: wordsSequence, origin: words[0], step: words[1] - words[0]}
		p.bits = 8 * (1 + varintBytes(p.origin) + varintBytes(p.step))
		return p, buffer
	}
	p := plan{kind: wordsFOR, origin: uint64(s.least)}
	buffer = grow(buffer[:0], n)
	p.reduced = buffer
	p.divisor = reduce(p.reduced, words, p.origin)
	p.choose()
	p.bits += 8 * (2 + varintBytes(p.origin))
	if p.bits >= 8+64*n {
		return plan{kind: wordsRaw, bits: 8 + 64*n}, buffer
	}
	return p, buffer
}

func isSequence(words []uint64) bool {
	step := words[1] - words[0]
	for i := 2; i < len(words); i++ {
		if words[i]-words[i-1] != step {
			return false
		}
	}
	return true
}

func varintBytes(word uint64) int {
	zigzag := word<<1 ^ uint64(int64(word)>>63)
	return (bits.Len64(zigzag|1) + 6) / 7
}

// reduce fills out with (word - origin) / divisor, where origin is the least word and divisor the largest number
// that divides all distances. It returns the divisor.
func reduce(out, words []uint64, origin uint64) uint64 {
	d := divide(1)
	common := uint64(0)
	for _, w := range words {
		distance := w - origin
		if common > 1 && d.quotient(distance) <= d.most {
			continue
		}
		if common = greatestDivisor(common, distance); common == 1 {
			break
		}
		d = divide(max(common, 1))
	}
	if common <= 1 {
		for i, w := range words {
			out[i] = w - origin
		}
		return 1
	}
	for i, w := range words {
		out[i] = d.quotient(w - origin)
	}
	return common
}

func greatestDivisor(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// divider divides what a number divides by shifting, and multiplying by the inverse of its odd part modulo 2^64.
// What it does not divide has a quotient above most.
type divider struct {
	shift   int
	inverse uint64
	most    uint64
}

func divide(divisor uint64) divider {
	d := divider{shift: bits.TrailingZeros64(divisor), most: math.MaxUint64 / divisor}
	odd := divisor >> d.shift
	d.inverse = odd // right in the lowest three bits; each step doubles how many are
	for range 5 {
		d.inverse *= 2 - odd*d.inverse
	}
	return d
}

func (d *divider) quotient(v uint64) uint64 { return bits.RotateLeft64(v*d.inverse, -d.shift) }

// sampledMax is how many blocks are looked at to choose.
const sampledMax = 2

// choose finds the kind that makes a few blocks smallest, and about how many bits all will take.
func (p *plan) choose() {
	n := len(p.reduced)
	blocks := (n + blockValues - 1) / blockValues
	sampled := min(blocks, sampledMax)
	best := p.sample(wordsFOR, sampled)
	p.kind = wordsFOR
	consider := func(kind byte) bool {
		cost := p.sample(kind, sampled)
		if cost >= best {
			return false
		}
		p.kind, best = kind, cost
		return true
	}
	if n >= 3 && consider(wordsDelta) {
		if p.step = lineStep(p.reduced); p.step != 0 {
			consider(wordsLinear)
		}
		consider(wordsDelta2)
	}
	values := 0
	for i := range sampled {
		from, to := p.sampledBlock(i, sampled)
		values += to - from
	}
	p.bits = best * n / values
}

// sampledBlock returns the place of one of the blocks that are looked at.
func (p *plan) sampledBlock(i, sampled int) (from, to int) {
	blocks := (len(p.reduced) + blockValues - 1) / blockValues
	at := (2*i + 1) * blocks / (2 * sampled)
	return at * blockValues, min(len(p.reduced), (at+1)*blockValues)
}

// sample returns how many bits a kind takes for the blocks that are looked at.
func (p *plan) sample(kind byte, sampled int) int {
	cost := 0
	var b block
	for i := range sampled {
		from, to := p.sampledBlock(i, sampled)
		b.load(p, kind, from, to)
		cost += b.bits + 8*b.headBytes(kind)
	}
	return cost
}

// lineStep returns the step of the line through values that jitter around one, in 1/256; 0 if there is none.
func lineStep(values []uint64) uint64 {
	n := len(values)
	third := n / 3
	if n < 8 || !ascends(values) {
		return 0
	}
	low, high := 0.0, 0.0
	for i := range third {
		low += float64(values[i])
		high += float64(values[n-1-i])
	}
	step := (high - low) / float64(third) / float64(n-third)
	if !(step > 0 && step < 1<<50) {
		return 0
	}
	// A schedule has round steps; what it is off by is small against the noise of as many values.
	spread := 0.0
	for i := 0; i < n; i += 1 + n/16 {
		off := float64(values[i]) - float64(values[0]) - step*float64(i)
		spread = max(spread, math.Abs(off))
	}
	tolerance := spread / float64(n)
	for power := 1e15; power >= 1; power /= 10 {
		if round := math.RoundToEven(step/power) * power; math.Abs(round-step) < tolerance && round > 0 {
			step = round
			break
		}
	}
	return uint64(step * (1 << lineShift))
}

// ascends looks at a few values: on a schedule each is above the one before, as a rule.
func ascends(values []uint64) bool {
	up, looked := 0, 0
	for i := 1; i < len(values); i += 1 + len(values)/32 {
		looked++
		if int64(values[i]-values[i-1]) > 0 {
			up++
		}
	}
	return up*4 >= looked*3
}

// load fills b with what a kind packs for values [from, to), and fits it.
func (b *block) load(p *plan, kind byte, from, to int) {
	values := p.reduced[from:to]
	b.first, b.second, b.n = values[0], 0, packedOf(kind, len(values))
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	rest := b.rest[:b.n]
	switch kind {
	case wordsFOR:
		for i, v := range values {
			rest[i] = v
			least, most = min(least, int64(v)), max(most, int64(v))
		}
	case wordsLinear:
		line := p.step * uint64(from)
		for i, v := range values {
			v -= line >> lineShift
			line += p.step
			rest[i] = v
			least, most = min(least, int64(v)), max(most, int64(v))
		}
	case wordsDelta:
		before := values[0]
		for i, v := range values[1:] {
			d := v - before
			before = v
			rest[i] = d
			least, most = min(least, int64(d)), max(most, int64(d))
		}
	case wordsDelta2:
		if len(values) > 1 {
			b.second = values[1] - values[0]
		}
		for i := range rest {
			d := values[i+2] - 2*values[i+1] + values[i]
			rest[i] = d
			least, most = min(least, int64(d)), max(most, int64(d))
		}
	}
	b.fit(least, most)
}

// headBytes is how long the head of a block is.
func (b *block) headBytes(kind byte) int {
	size := 1 + varintBytes(b.base)
	if kind == wordsDelta || kind == wordsDelta2 {
		size += varintBytes(b.first)
	}
	if kind == wordsDelta2 {
		size += varintBytes(b.second)
	}
	return size
}

// appendTo appends the block: code, the numbers of its kind, and what is packed.
func (b *block) appendTo(dst []byte, kind byte) []byte {
	if b.patches > 0 {
		dst = append(dst, b.code|codePatched)
	} else {
		dst = append(dst, b.code)
	}
	if kind == wordsDelta || kind == wordsDelta2 {
		dst = binary.AppendUvarint(dst, b.first)
	}
	if kind == wordsDelta2 {
		dst = binary.AppendVarint(dst, int64(b.second))
	}
	dst = binary.AppendVarint(dst, int64(b.base))
	return b.appendBody(dst)
}

// appendPlan appends words as planned: the number of the encoding, then its payload.
func appendPlan(dst []byte, words []uint64, p *plan) []byte {
	dst = append(dst, p.kind)
	switch p.kind {
	case wordsConst:
		return binary.AppendVarint(dst, int64(p.origin))
	case wordsSequence:
		dst = binary.AppendVarint(dst, int64(p.origin))
		return binary.AppendVarint(dst, int64(p.step))
	case wordsRaw:
		for _, w := range words {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
		return dst
	}
	dst = binary.AppendVarint(dst, int64(p.origin))
	dst = binary.AppendUvarint(dst, p.divisor)
	if p.kind == wordsLinear {
		dst = binary.AppendUvarint(dst, p.step)
	}
	var b block
	for from := 0; from < len(p.reduced); from += blockValues {
		b.load(p, p.kind, from, min(len(p.reduced), from+blockValues))
		dst = b.appendTo(dst, p.kind)
	}
	return dst
}
