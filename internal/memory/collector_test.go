package memory

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is alive, a cycle comes no later than Go's own would or the budget allows, and never for a few megabytes.
func TestThePaceOfTheCollector(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Divide(rapid.Int64Range(TotalMin, 64<<30).Draw(t, "total"))
		alive := rapid.Int64Range(0, b.HeapMax()).Draw(t, "alive")
		garbage := b.garbageMax(alive)
		if garbage < b.Total/100*garbagePercent {
			t.Errorf("a cycle after %d bytes of a budget of %d", garbage, b.Total)
		}
		if goal := alive + garbage; goal > max(b.HeapMax()/2, 2*alive, alive+b.Total/100*garbagePercent) {
			t.Errorf("with %d bytes alive of %d the heap grows to %d", alive, b.HeapMax(), goal)
		}
		if pace := b.pace(alive, 0); alive > runtimeHeapMin && math.Abs(float64(alive)*float64(pace)/100-float64(garbage)) > float64(alive)/100 {
			t.Errorf("a pace of %d %% of %d is not %d bytes", pace, alive, garbage)
		}
	})
}

var kept [][]byte

// Govern is worth its name: few cycles for much garbage, and the heap's goal stays at its limit. What was set before
// comes back.
func TestGovern(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	b := Divide(256 << 20)
	restore := b.Govern()
	defer restore()
	cycles := func() uint64 { return read("/gc/cycles/total:gc-cycles") }
	runtime.GC()
	before := cycles()
	const garbage = 1 << 30
	for range garbage >> 16 {
		kept = append(kept[:0], make([]byte, 1<<16))
	}
	if n := cycles() - before; n == 0 || n > 2*garbage/uint64(b.garbageMax(0)) {
		t.Errorf("%d cycles for %d bytes of garbage, of which %d may lie about", n, garbage, b.garbageMax(0))
	}
	if limit := debug.SetMemoryLimit(-1); limit != b.HeapMax() {
		t.Errorf("the limit of the heap is %d, not %d", limit, b.HeapMax())
	}
	restore()
	if now := debug.SetGCPercent(100); now != 100 {
		t.Errorf("%d %% after restore", now)
	}
}

func read(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
