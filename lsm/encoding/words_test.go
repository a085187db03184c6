package encoding

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eskerdb/esker/mutation"
	"pgregory.net/rapid"
)

// rng is seeded, so that a failure can be seen again.
func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// series are the shapes that columns have.
func series(n int) map[string][]uint64 {
	r := rng(1)
	out := map[string][]uint64{}
	add := func(name string, f func(i int) uint64) {
		words := make([]uint64, n)
		for i := range words {
			words[i] = f(i)
		}
		out[name] = words
	}
	reading := 21.5
	counter := uint64(0)
	add("constant", func(int) uint64 { return 5 })
	add("fixed step", func(i int) uint64 { return uint64(1700000000000 + 10000*i) })
	add("jitter", func(i int) uint64 { return uint64(1700000000000+10000*i) + r.Uint64N(10) })
	add("missing", func(i int) uint64 { return uint64(1700000000000 + 10000*(i+i/50)) })
	add("milliseconds as µs", func(i int) uint64 { return uint64(1700000000000000+10000000*i) + 1000*r.Uint64N(10) })
	add("counter", func(int) uint64 { counter += r.Uint64N(20); return counter })
	add("sticky", func(i int) uint64 { return uint64(i / 100 * 17) })
	add("mostly idle", func(int) uint64 { return uint64(max(0, r.IntN(100)-96)) })
	add("random", func(int) uint64 { return r.Uint64() })
	add("negative", func(i int) uint64 { return uint64(int64(-i) * 3) })
	add("outliers", func(i int) uint64 {
		if i%97 == 0 {
			return r.Uint64()
		}
		return r.Uint64N(16)
	})
	add("glitches", func(i int) uint64 {
		if i%50 == 20 {
			return uint64(math.MaxUint64 - 998) // -999
		}
		return 200 + r.Uint64N(16)
	})
	add("extremes", func(i int) uint64 {
		return []uint64{0, math.MaxUint64, 1 << 63, 1<<63 - 1, 1}[i%5]
	})
	add("readings", func(int) uint64 {
		reading = math.Round((reading+float64(r.IntN(41)-20)/10)*10) / 10
		return math.Float64bits(reading)
	})
	add("doubles", func(int) uint64 { return math.Float64bits(r.NormFloat64()) })
	add("strange doubles", func(i int) uint64 {
		strange := []uint64{math.Float64bits(math.NaN()), 0x7FF8000000000ABC, 0xFFF0000000000001, 1 << 63, 0,
			math.Float64bits(math.Inf(1)), math.Float64bits(math.Inf(-1)), 1, math.Float64bits(1e300)}
		if i%7 == 0 {
			return strange[i/7%len(strange)]
		}
		return math.Float64bits(float64(i) / 100)
	})
	return out
}

type fataler interface{ Fatalf(string, ...any) }

// checkWords encodes words with either effort, and checks that all and parts of them come back. It returns the bytes with Light.
func checkWords(t fataler, words []uint64, physical mutation.Physical, width int) int {
	light := 0
	for _, effort := range []Effort{Final, Light} {
		prefix := []byte("before")
		src := AppendWords(slices.Clone(prefix), words, physical, width, effort)[len(prefix):]
		n := len(words)
		for _, r := range [][2]int{{0, n}, {0, 0}, {n / 3, n / 2}, {n - 1, n}, {n / 5, n - n/5}, {n / 2, n}, {0, n / 2}} {
			checkRangeOfWords(t, src, words, r[0], r[1])
		}
		light = len(src)
	}
	return light
}

func checkRangeOfWords(t fataler, src []byte, words []uint64, from, to int) {
	got, err := DecodeWordsRange([]uint64{42}, src, len(words), from, to)
	if err != nil {
		t.Fatalf("decode %d to %d of %d words, %s: %v", from, to, len(words), Name(src[0]), err)
	}
	if got[0] != 42 || !slices.Equal(got[1:], words[from:to]) {
		t.Fatalf("encoding %s, %d to %d of %d: got %x, want %x", Name(src[0]), from, to, len(words), got[1:], words[from:to])
	}
}

func TestWordsComeBackBitForBit(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 127, 128, 129, 255, 1024} {
		for name, words := range series(n) {
			for _, p := range []mutation.Physical{mutation.PhysicalInt, mutation.PhysicalDouble} {
				t.Logf("%s %d %d: %d bytes", name, p, n, checkWords(t, words, p, 8))
			}
		}
	}
}

func TestFloatsComeBackBitForBit(t *testing.T) {
	r := rng(2)
	words := make([]uint64, 1024)
	for i := range words {
		words[i] = uint64(math.Float32bits(float32(r.IntN(1000)) / 10))
	}
	if size := checkWords(t, words, mutation.PhysicalFloat, 4); size > 1400 {
		t.Errorf("float readings take %d bytes", size)
	}
	words[3], words[9] = 0x7FC00001, 0x80000000 // a NaN with a payload, -0
	checkWords(t, words, mutation.PhysicalFloat, 4)
	for i := range words {
		words[i] = uint64(r.Uint32())
	}
	checkWords(t, words, mutation.PhysicalFloat, 4)
}

func TestSizesOfUsualColumns(t *testing.T) {
	limits := map[string]int{
		"constant": 3, "fixed step": 12, "jitter": 480, "missing": 100, "milliseconds as µs": 480, "counter": 620, "sticky": 20, "outliers": 760,
		"glitches": 800, "readings": 800,
	}
	all := series(1024)
	for name, limit := range limits {
		physical := mutation.PhysicalInt
		if name == "readings" {
			physical = mutation.PhysicalDouble
		}
		if size := checkWords(t, all[name], physical, 8); size > limit {
			t.Errorf("%s: %d bytes, want at most %d", name, size, limit)
		}
	}
}

func TestShortColumnsAreShort(t *testing.T) {
	limits := map[string]int{"constant": 3, "fixed step": 12, "jitter": 18, "counter": 18, "readings": 24, "random": 81, "extremes": 81}
	all := series(10)
	for name, limit := range limits {
		physical := mutation.PhysicalInt
		if name == "readings" {
			physical = mutation.PhysicalDouble
		}
		if size := checkWords(t, all[name], physical, 8); size > limit {
			t.Errorf("10 values of %s: %d bytes, want at most %d", name, size, limit)
		}
	}
}

func TestEveryEncodingOfWordsIsUsed(t *testing.T) {
	seen := map[byte]bool{}
	note := func(words []uint64, p mutation.Physical) {
		for _, effort := range []Effort{Light, Final} {
			src := AppendWords(nil, words, p, 8, effort)
			if seen[src[0]] = true; src[0] == wordsDecimal {
				seen[src[3]] = true
			}
		}
	}
	for _, words := range series(1024) {
		for _, p := range []mutation.Physical{mutation.PhysicalInt, mutation.PhysicalDouble, mutation.PhysicalFloat} {
			note(words, p)
		}
	}
	// A parabola with noise has small second differences.
	r := rng(4)
	parabola := make([]uint64, 1024)
	float := make([]uint64, 1024)
	skewed := make([]uint64, 1024)
	for i := range parabola {
		parabola[i] = uint64(i*i*1000) + r.Uint64N(3)
		float[i] = uint64(math.Float32bits(float32(i%7) / 10))
		skewed[i] = uint64(max(0, int(r.NormFloat64())))
	}
	note(parabola, mutation.PhysicalInt)
	note(float, mutation.PhysicalFloat)
	note(skewed, mutation.PhysicalInt)
	rare := make([]uint64, 1024)
	for range 30 {
		rare[r.IntN(len(rare))] = r.Uint64N(4)
	}
	note(rare, mutation.PhysicalInt)
	for _, id := range []byte{wordsConst, wordsRaw, wordsSequence, wordsFOR, wordsDelta, wordsDelta2, wordsLinear, wordsRLE, wordsDecimal, wordsDecimal32, wordsEntropy, wordsCommon} {
		if !seen[id] {
			t.Errorf("no column takes %s", Name(id))
		}
	}
}

// TestBlocksOfEveryWidth packs values of each width and radix, with patches and without, at each length of a last block.
func TestBlocksOfEveryWidth(t *testing.T) {
	r := rng(5)
	tops := []uint64{math.MaxUint64}
	for w := range 64 {
		tops = append(tops, 1<<w-1)
	}
	for _, f := range forms {
		tops = append(tops, f.radix-1)
	}
	for _, top := range tops {
		for _, n := range []int{1, 2, 7, 8, 9, 31, 127, 128} {
			for _, outliers := range []int{0, 1, 5} {
				var b block
				b.n = n
				for i := range n {
					b.rest[i] = r.Uint64() % (top/2*2 + 1)
				}
				b.rest[0], b.rest[n/2] = 0, top
				for range outliers {
					b.rest[r.IntN(n)] = r.Uint64() >> r.IntN(64)
				}
				checkBlock(t, &b)
			}
		}
	}
}

func checkBlock(t *testing.T, b *block) {
	t.Helper()
	want := slices.Clone(b.rest[:b.n])
	most := slices.Max(want)
	b.choose(most, bits.Len64(most), 0)
	src := b.appendBody(nil)
	code := b.code
	if b.patches > 0 {
		code |= codePatched
	}
	got := make([]uint64, b.n)
	parts, rest, err := readBody(append(src, 0xAA), code, b.n)
	if err == nil {
		err = parts.values(got)
	}
	if err != nil || len(rest) != 1 || !slices.Equal(got, want) {
		t.Fatalf("%d values to %d, code %d, %d patches: %v, %d bytes left\ngot  %v\nwant %v", b.n, most, b.code, b.patches, err, len(rest), got, want)
	}
	if about := b.bits/8 + 12; len(src) > about {
		t.Errorf("%d values to %d, code %d, %d patches: %d bytes, not %d", b.n, most, b.code, b.patches, len(src), about)
	}
}

func TestDividersProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		divisor := max(1, rapid.Uint64().Draw(t, "divisor")>>rapid.IntRange(0, 63).Draw(t, "shift"))
		v := rapid.OneOf(rapid.Uint64(), rapid.Map(rapid.Uint64(), func(v uint64) uint64 { return v / divisor * divisor })).Draw(t, "value")
		d := divide(divisor)
		q := d.quotient(v)
		if divides := q <= d.most; divides != (v%divisor == 0) || divides && q != v/divisor {
			t.Fatalf("%d / %d: quotient %d of at most %d", v, divisor, q, d.most)
		}
	})
}

// TestValuesAtTheEnd unpacks values behind which there is nothing, or a little.
func TestValuesAtTheEnd(t *testing.T) {
	r := rng(6)
	for width := range widthMax + 1 {
		for n := 0; n <= blockValues; n += 1 + n/9 {
			values := make([]uint64, n)
			for i := range values {
				values[i] = r.Uint64() & (1<<width - 1)
			}
			src := packBits(nil, values, width)
			for behind := range 2 * overrun {
				got := make([]uint64, n)
				unpackBits(got, append(slices.Clip(src), bytes.Repeat([]byte{0xFF}, behind)...), width)
				if !slices.Equal(got, values) {
					t.Fatalf("%d values of %d bits, %d bytes behind: got %x, want %x", n, width, behind, got, values)
				}
			}
		}
	}
}

func TestRadixDividesExactly(t *testing.T) {
	for i, f := range forms {
		for number := range uint64(1) << f.width {
			if q := number * f.reciprocal >> 32; q != number/f.radix {
				t.Fatalf("form %d: %d / %d = %d", i, number, f.radix, q)
			}
		}
		most := uint64(1)
		for range f.values {
			most *= f.radix
		}
		if most > 1<<f.width || i > 0 && forms[i-1].radix >= f.radix {
			t.Errorf("form %d: %d digits of %d in %d bits", i, f.values, f.radix, f.width)
		}
	}
}

func TestWordsRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.OneOf(
			rapid.Uint64(), rapid.Uint64Range(0, 20), rapid.Map(rapid.Int64Range(-1000, 1000), func(v int64) uint64 { return uint64(v) }),
			rapid.Map(rapid.IntRange(-5000, 5000), func(v int) uint64 { return math.Float64bits(float64(v) / 100) }),
		), 0, 300).Draw(t, "words")
		physical := rapid.SampledFrom([]mutation.Physical{mutation.PhysicalInt, mutation.PhysicalDouble}).Draw(t, "physical")
		if len(words) > 0 {
			checkWords(t, words, physical, 8)
		}
	})
}

// segments draws a column made of pieces that different encodings are for.
func segments(t *rapid.T) []uint64 {
	var words []uint64
	for range rapid.IntRange(1, 4).Draw(t, "segments") {
		n := rapid.IntRange(1, 300).Draw(t, "length")
		r := rng(rapid.Uint64().Draw(t, "seed"))
		start, step := rapid.Uint64().Draw(t, "start"), rapid.Uint64().Draw(t, "step")>>rapid.IntRange(0, 63).Draw(t, "shift")
		noise := rapid.Uint64Range(1, 1<<20).Draw(t, "noise")
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if kind == 4 {
			start = uint64(rapid.IntRange(-1e6, 1e6).Draw(t, "decimal"))
		}
		for i := range n {
			w := start
			switch kind {
			case 0: // a line
				w += step * uint64(i)
			case 1: // a line with noise
				w += step*uint64(i) + r.Uint64N(noise)
			case 2: // a walk
				start += r.Uint64N(noise) - noise/2
			case 3: // mostly one
				if r.IntN(20) == 0 {
					w = r.Uint64() >> r.IntN(64)
				}
			case 4: // a walk of decimals
				start += r.Uint64N(9) - 4
				w = math.Float64bits(float64(int64(start)) / 100)
			case 5: // a parabola
				w += step * uint64(i) * uint64(i)
			}
			words = append(words, w)
		}
	}
	return words
}

func TestSegmentsComeBackProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := segments(t)
		checkWords(t, words, rapid.SampledFrom([]mutation.Physical{mutation.PhysicalInt, mutation.PhysicalDouble}).Draw(t, "physical"), 8)
		for i := range words {
			words[i] = uint64(uint32(words[i]))
		}
		checkWords(t, words, mutation.PhysicalFloat, 4)
	})
}

func TestWordsRefuseLies(t *testing.T) {
	whole := map[string][]byte{}
	for name, words := range series(1024) {
		whole[name] = AppendWords(nil, words, mutation.PhysicalDouble, 8, Light)
		whole[name+", final"] = AppendWords(nil, words, mutation.PhysicalDouble, 8, Final)
		whole[name+", integers"] = AppendWords(nil, words, mutation.PhysicalInt, 8, Final)
	}
	for name, src := range whole {
		for cut := 0; cut < len(src); cut += 1 + len(src)/100 {
			if _, err := DecodeWords(nil, src[:cut], 1024); err == nil {
				t.Errorf("%s cut at %d of %d decodes", name, cut, len(src))
			}
		}
		if _, err := DecodeWords(nil, append(slices.Clone(src), 0), 1024); err == nil {
			t.Errorf("%s with a byte more decodes", name)
		}
		if _, err := DecodeWords(nil, src, ValuesMax+1); err == nil {
			t.Errorf("%s decodes too many values", name)
		}
	}
	if _, err := DecodeWords(nil, []byte{99, 1, 2}, 3); err == nil {
		t.Error("an unknown encoding decodes")
	}
	runs := binary.AppendUvarint([]byte{wordsRLE}, 1<<60)
	if _, err := DecodeWords(nil, runs, 1024); err == nil {
		t.Error("2^60 runs decode")
	}
}

func FuzzDecodeWords(f *testing.F) {
	for _, words := range series(200) {
		f.Add(AppendWords(nil, words, mutation.PhysicalInt, 8, Light), 200)
		f.Add(AppendWords(nil, words, mutation.PhysicalDouble, 8, Light), 200)
		f.Add(AppendWords(nil, words, mutation.PhysicalInt, 8, Final), 200)
	}
	f.Fuzz(func(t *testing.T, src []byte, n int) {
		words, err := DecodeWords(nil, src, n)
		part, errPart := DecodeWordsRange(nil, src, n, n/3, n-n/3)
		if err != nil {
			return
		}
		if errPart != nil || !slices.Equal(part, words[n/3:n-n/3]) {
			t.Fatalf("%d words, the middle of them otherwise: %v", n, errPart)
		}
		if len(words) != n {
			t.Fatalf("%d words of %d", len(words), n)
		}
		if n > 0 {
			checkWords(t, words, mutation.PhysicalInt, 8)
			checkWords(t, words, mutation.PhysicalDouble, 8)
		}
	})
}
