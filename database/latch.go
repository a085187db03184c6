package database

import (
	"hash/maphash"
	"slices"
	"sync"
)

// latchCount is how many latches there are; partitions share them by hash.
const latchCount = 1024

// latches serialise writers that read before they write: one latch a logical partition (R44).
type latches struct {
	seed maphash.Seed
	each [latchCount]sync.Mutex
}

func newLatches() *latches { return &latches{seed: maphash.MakeSeed()} }

// lock takes the latches of the given partitions, in order, and returns what releases them.
func (l *latches) lock(keys []string) (unlock func()) {
	slots := make([]int, 0, len(keys))
	for _, k := range keys {
		slots = append(slots, int(maphash.String(l.seed, k)%latchCount))
	}
	slices.Sort(slots)
	slots = slices.Compact(slots)
	for _, s := range slots {
		l.each[s].Lock()
	}
	return func() {
		for _, s := range slots {
			l.each[s].Unlock()
		}
	}
}
