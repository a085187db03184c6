package memory

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// garbagePercent of a budget may at least lie about before it is collected, unless the heap is at its limit.
	garbagePercent = 10
	// runtimeHeapMin is the heap, in bytes, of which Go takes its percentage if it has less alive.
	runtimeHeapMin = 4 << 20
	// paceStep is by how many parts of itself a pace must change before it is set: to set it stops the world.
	paceStep = 8
)

// garbageMax is how many bytes may be allocated beside alive bytes before the next cycle of the collector: what
// fills half of the heap, and never less than a share of the budget or than what is alive, as Go has it by itself.
// At HeapMax a cycle begins in any case.
func (b *Budget) garbageMax(alive int64) int64 {
	return max(b.HeapMax()/2-alive, b.Total/100*garbagePercent, alive)
}

// pace is garbageMax as a percentage of what a cycle looks at: what is alive, and roots, bytes of stacks and globals.
func (b *Budget) pace(alive, roots int64) int {
	return int(100 * b.garbageMax(alive) / max(alive+roots, runtimeHeapMin))
}

// Govern gives the collector of this process its goals: the heap stays below HeapMax, and a cycle begins when there
// is as much garbage as the budget has room for, not when a heap of few megabytes has doubled. It holds until restore.
func (b *Budget) Govern() (restore func()) {
	g := &governor{budget: *b}
	limit := debug.SetMemoryLimit(b.HeapMax())
	g.now = g.paceNow()
	before := debug.SetGCPercent(g.now)
	g.arm()
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !g.stopped {
			g.stopped = true
			debug.SetGCPercent(before)
			debug.SetMemoryLimit(limit)
		}
	}
}

// governor sets the pace anew after each cycle.
type governor struct {
	budget  Budget
	mu      sync.Mutex
	now     int  // guarded by mu; percent
	stopped bool // guarded by mu
}

// cycle is what nothing refers to: the next cycle finds it so.
type cycle struct{ _ [64]byte }

// arm has the pace looked at after the next cycle.
func (g *governor) arm() {
	runtime.AddCleanup(new(cycle), (*governor).adjust, g)
}

func (g *governor) adjust() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return
	}
	if wanted := g.paceNow(); wanted > g.now+g.now/paceStep || wanted < g.now-g.now/paceStep {
		g.now = wanted
		debug.SetGCPercent(wanted)
	}
	g.arm()
}

// paceNow is the pace for what the last cycle found alive.
func (g *governor) paceNow() int {
	found := [...]metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(found[:])
	return g.budget.pace(int64(found[0].Value.Uint64()), int64(found[1].Value.Uint64()+found[2].Value.Uint64()))
}
