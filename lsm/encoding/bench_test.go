package encoding

import (
	"fmt"
	"math"
	"testing"

	"github.com/eskerdb/esker/mutation"
)

// benchValues is how many values a row group of the standard workload has.
const benchValues = 1024

// shape is a column as sensors make them.
type shape struct {
	name     string
	physical mutation.Physical
	next     func(i int) uint64
}

// shapes are the columns whose speed and size are reported.
func shapes() []shape {
	r := rng(9)
	walk5, walk3, gauss, sticky, slow, full := 217, 450, 2000, 150, 70, 21.7
	counter := uint64(0)
	tenth := func(v int) uint64 { return math.Float64bits(float64(v) / 10) }
	schedule := func(i, jitter int) uint64 {
		return uint64(1_767_225_600_000 + i*10_000 + r.IntN(2*jitter+1) - jitter)
	}
	return []shape{
		{"walk of 5 steps", mutation.PhysicalDouble, func(int) uint64 { walk5 += r.IntN(5) - 2; return tenth(walk5) }},
		{"walk of 3 steps", mutation.PhysicalDouble, func(int) uint64 { walk3 += r.IntN(3) - 1; return tenth(walk3) }},
		{"gaussian steps", mutation.PhysicalDouble, func(int) uint64 { gauss += int(math.Round(2 * r.NormFloat64())); return tenth(gauss) }},
		{"93 % unchanged", mutation.PhysicalDouble, func(int) uint64 {
			if r.IntN(100) < 7 {
				sticky += r.IntN(5) - 2
			}
			return tenth(sticky)
		}},
		{"sine and noise", mutation.PhysicalDouble, func(i int) uint64 {
			return math.Float64bits(math.Round(100*(20+5*math.Sin(float64(i)/500)+0.3*r.NormFloat64())) / 100)
		}},
		{"full precision", mutation.PhysicalDouble, func(int) uint64 { full += r.NormFloat64() / 10; return math.Float64bits(full) }},
		{"float walk", mutation.PhysicalFloat, func(int) uint64 { walk3 += r.IntN(3) - 1; return uint64(math.Float32bits(float32(walk3) / 10)) }},
		{"time, fixed", mutation.PhysicalInt, func(i int) uint64 { return schedule(i, 0) }},
		{"time, ±5 ms", mutation.PhysicalInt, func(i int) uint64 { return schedule(i, 5) }},
		{"time, ±50 ms", mutation.PhysicalInt, func(i int) uint64 { return schedule(i, 50) }},
		{"time, ±500 ms", mutation.PhysicalInt, func(i int) uint64 { return schedule(i, 500) }},
		{"time, 2 % missing", mutation.PhysicalInt, func(i int) uint64 { counter += 1 + uint64(r.IntN(50)/49); return counter * 10_000 }},
		{"µs, 1 ms", mutation.PhysicalInt, func(i int) uint64 { return schedule(i, 0)*1000 + uint64(1000*math.Abs(r.NormFloat64())) }},
		{"counter", mutation.PhysicalInt, func(int) uint64 { counter += r.Uint64N(20); return counter }},
		{"slow int", mutation.PhysicalInt, func(int) uint64 {
			if r.IntN(100) < 13 {
				slow += r.IntN(3) - 1
			}
			return uint64(slow)
		}},
		{"status", mutation.PhysicalInt, func(int) uint64 { return uint64(max(0, r.IntN(100)-96)) }},
		{"bool", mutation.PhysicalInt, func(i int) uint64 { return uint64(r.IntN(2)) }},
		{"random", mutation.PhysicalInt, func(int) uint64 { return r.Uint64() }},
	}
}

func (s shape) words(n int) []uint64 {
	words := make([]uint64, n)
	for i := range words {
		words[i] = s.next(i)
	}
	return words
}

// kindsOf says how words are encoded.
func kindsOf(src []byte) string {
	name := Name(src[0])
	if src[0] == wordsDecimal && src[2] == 0 {
		return name + "+" + kindsOf(src[3:])
	}
	return name
}

func BenchmarkWords(b *testing.B) {
	perValue := func(b *testing.B, size int) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchValues, "ns/value")
		b.ReportMetric(float64(size)/benchValues, "B/value")
		b.ReportMetric(0, "ns/op")
	}
	for _, s := range shapes() {
		words := s.words(benchValues)
		for _, effort := range []Effort{Light, Final} {
			src := AppendWords(nil, words, s.physical, 8, effort)
			name := fmt.Sprintf("%s/effort %d/%s/", s.name, effort, kindsOf(src))
			b.Run(name+"encode", func(b *testing.B) {
				var dst []byte
				for b.Loop() {
					dst = AppendWords(dst[:0], words, s.physical, 8, effort)
				}
				perValue(b, len(src))
			})
			b.Run(name+"decode", func(b *testing.B) {
				var dst []uint64
				for b.Loop() {
					dst, _ = DecodeWords(dst[:0], src, benchValues)
				}
				perValue(b, len(src))
			})
		}
	}
}

// BenchmarkLast is a read of one value at the end of a column.
func BenchmarkLast(b *testing.B) {
	for _, s := range shapes() {
		words := s.words(benchValues)
		for _, effort := range []Effort{Light, Final} {
			src := AppendWords(nil, words, s.physical, 8, effort)
			b.Run(fmt.Sprintf("%s/effort %d", s.name, effort), func(b *testing.B) {
				var dst []uint64
				for b.Loop() {
					dst, _ = DecodeWordsRange(dst[:0], src, benchValues, benchValues-1, benchValues)
				}
			})
		}
	}
}

func BenchmarkBytes(b *testing.B) {
	for id, values := range textColumns(benchValues) {
		offsets, data := pack(values)
		for _, effort := range []Effort{Light, Final} {
			src := AppendBytes(nil, offsets, data, effort)
			name := fmt.Sprintf("%s/effort %d/%s/", Name(id), effort, Name(src[0]))
			b.Run(name+"encode", func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				var dst []byte
				for b.Loop() {
					dst = AppendBytes(dst[:0], offsets, data, effort)
				}
				b.ReportMetric(float64(len(src))/benchValues, "B/value")
			})
			b.Run(name+"decode", func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				var o []uint32
				var d []byte
				for b.Loop() {
					o, d, _ = DecodeBytes(o, d, src, len(values))
				}
			})
		}
	}
}
