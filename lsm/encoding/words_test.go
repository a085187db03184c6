package encoding

import (
	"encoding/binary"
	"math"
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

func checkWords(t interface{ Fatalf(string, ...any) }, words []uint64, physical mutation.Physical, width int) int {
	prefix := []byte("before")
	src := AppendWords(slices.Clone(prefix), words, physical, width, Light)[len(prefix):]
	got, err := DecodeWords([]uint64{42}, src, len(words))
	if err != nil {
		t.Fatalf("decode %d words: %v", len(words), err)
	}
	if got[0] != 42 || !slices.Equal(got[1:], words) {
		t.Fatalf("encoding %s: got %x, want %x", Name(src[0]), got[1:], words)
	}
	for _, r := range [][2]int{{0, 0}, {0, len(words)}, {len(words) / 3, len(words) / 2}, {len(words) - 1, len(words)}} {
		got, err := DecodeWordsRange([]uint64{42}, src, len(words), r[0], r[1])
		if err != nil || got[0] != 42 || !slices.Equal(got[1:], words[r[0]:r[1]]) {
			t.Fatalf("encoding %s, range %v of %d: got %x, %v", Name(src[0]), r, len(words), got, err)
		}
	}
	return len(src)
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
		"constant": 8, "fixed step": 60, "jitter": 900, "missing": 200, "milliseconds as µs": 900, "counter": 800, "sticky": 60, "outliers": 800, "glitches": 800, "readings": 820,
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

func TestEveryEncodingOfWordsIsUsed(t *testing.T) {
	seen := map[byte]bool{}
	for _, words := range series(1024) {
		for _, p := range []mutation.Physical{mutation.PhysicalInt, mutation.PhysicalDouble, mutation.PhysicalFloat} {
			seen[AppendWords(nil, words, p, 8, Light)[0]] = true
		}
	}
	// A parabola has constant second differences.
	parabola := make([]uint64, 1024)
	float := make([]uint64, 1024)
	for i := range parabola {
		parabola[i] = uint64(i * i * 1000)
		float[i] = uint64(math.Float32bits(float32(i%7) / 10))
	}
	seen[AppendWords(nil, parabola, mutation.PhysicalInt, 8, Light)[0]] = true
	seen[AppendWords(nil, float, mutation.PhysicalFloat, 4, Light)[0]] = true
	for id := byte(wordsConst); id <= wordsDecimal32; id++ {
		if !seen[id] {
			t.Errorf("no column takes %s", Name(id))
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

func TestWordsRefuseLies(t *testing.T) {
	whole := map[string][]byte{}
	for name, words := range series(1024) {
		whole[name] = AppendWords(nil, words, mutation.PhysicalDouble, 8, Light)
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
	}
	f.Fuzz(func(t *testing.T, src []byte, n int) {
		words, err := DecodeWords(nil, src, n)
		if err != nil {
			return
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

func BenchmarkWords(b *testing.B) {
	for name, words := range series(1024) {
		physical := mutation.PhysicalInt
		if name == "readings" || name == "doubles" || name == "strange doubles" {
			physical = mutation.PhysicalDouble
		}
		src := AppendWords(nil, words, physical, 8, Light)
		b.Run("encode/"+name, func(b *testing.B) {
			b.SetBytes(8 * 1024)
			var dst []byte
			for b.Loop() {
				dst = AppendWords(dst[:0], words, physical, 8, Light)
			}
			b.ReportMetric(float64(len(src))/1024, "B/value")
		})
		b.Run("decode/"+name, func(b *testing.B) {
			b.SetBytes(8 * 1024)
			var dst []uint64
			for b.Loop() {
				dst, _ = DecodeWords(dst[:0], src, 1024)
			}
		})
	}
}
