package traffic

import (
	"bytes"
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/mutation"
)

const (
	// WindowSec is how long a window is. What is shown is of the window now and the one before: of the last five to ten minutes.
	WindowSec = 300
	// samplesPerSec is how many touches a second are counted, about; below it all are.
	samplesPerSec = 2000
	// everyMax bounds how few touches are counted: one in so many.
	everyMax = 1 << 16
	// keyBytesMax is how long the key of a partition that is counted may be. Longer ones are not counted.
	keyBytesMax = 1024
)

// Touch is what a statement did to a partition.
type Touch struct {
	Table                mutation.TableID
	Key                  []byte
	Reads, Writes, Bytes int64
}

// Hot finds the partitions that statements have lately read and written most. Its methods may be called from several goroutines.
//
// It counts one touch in N, and each of these as N: what it shows is right on average, whatever N is. N is a power of two that
// follows the load, so that about 2,000 touches a second are counted; with fewer every one is. What to do with one is decided
// before it is known (see Sample), from those before it alone.
//
// Of what it counts, each of reads, writes and bytes is at most the true sum, and less by at most 1/512 of the sum of all partitions
// in each window.
type Hot struct {
	every  atomic.Uint32
	random func() uint32

	mu       sync.Mutex
	window   int64                  // second at which the window began; guarded by mu
	current  sketches               // guarded by mu
	previous sketches               // guarded by mu
	second   int64                  // since when samples and touches are counted; guarded by mu
	samples  int64                  // at this N; guarded by mu
	touches  int64                  // that samples stand for; guarded by mu
	name     [16 + keyBytesMax]byte // guarded by mu
}

// sketches are those of one window.
type sketches struct{ reads, writes, bytes sketch }

// NewHot returns a Hot that has seen nothing. random are bits, for the choice of samples; nil: those of math/rand.
func NewHot(random func() uint32) *Hot {
	if random == nil {
		random = rand.Uint32
	}
	h := &Hot{random: random}
	h.every.Store(1)
	return h
}

// Sample decides whether the next touch is counted. If weight is not 0 it is, and stands for so many: pass it to Add.
func (h *Hot) Sample() (weight int64) {
	every := h.every.Load()
	if every > 1 && h.random()&(every-1) != 0 {
		return 0
	}
	return int64(every)
}

// Add counts a touch that Sample gave a weight, at a time in seconds.
func (h *Hot) Add(nowSec, weight int64, t *Touch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn(nowSec)
	h.pace(nowSec, weight)
	if len(t.Key) > keyBytesMax {
		return
	}
	name := append(append(h.name[:0], t.Table[:]...), t.Key...)
	h.current.reads.add(name, t.Reads*weight)
	h.current.writes.add(name, t.Writes*weight)
	h.current.bytes.add(name, t.Bytes*weight)
}

// turn begins a new window when the one now is over.
func (h *Hot) turn(nowSec int64) {
	switch passed := nowSec - h.window; {
	case passed < 0: // the clock was set back
		h.window = nowSec
	case passed >= 2*WindowSec:
		h.current, h.previous, h.window = sketches{}, sketches{}, nowSec
	case passed >= WindowSec:
		h.current, h.previous, h.window = sketches{}, h.current, h.window+WindowSec
	}
}

// pace counts a sample and chooses for those to come how many of them are counted.
func (h *Hot) pace(nowSec, weight int64) {
	if passed := nowSec - h.second; passed != 0 {
		wanted := h.touches / max(passed, 1) / samplesPerSec
		h.every.Store(min(uint32(1)<<bits.Len64(uint64(min(wanted, everyMax/2))), everyMax))
		h.second, h.samples, h.touches = nowSec, 0, 0
	}
	h.samples++
	h.touches += weight
	if every := h.every.Load(); h.samples >= 2*samplesPerSec && every < everyMax {
		h.every.Store(2 * every)
		h.samples = 0
	}
}

// Top returns the partitions of a table that are among the most read, the most written or those with the most bytes, up to most of each,
// at a time in seconds. They are in no order.
func (h *Hot) Top(nowSec int64, table mutation.TableID, most int) []Touch {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn(nowSec)
	found := map[string]*Touch{}
	for _, window := range []*sketches{&h.current, &h.previous} {
		collect(found, table, &window.reads, func(t *Touch) *int64 { return &t.Reads })
		collect(found, table, &window.writes, func(t *Touch) *int64 { return &t.Writes })
		collect(found, table, &window.bytes, func(t *Touch) *int64 { return &t.Bytes })
	}
	return busiest(found, most)
}

// collect adds what a sketch is sure of to one of the numbers of each partition of a table.
func collect(found map[string]*Touch, table mutation.TableID, s *sketch, of func(*Touch) *int64) {
	for i := range s.counters {
		c := &s.counters[i]
		if c.name[:16] != string(table[:]) || c.count == c.slack {
			continue
		}
		t := found[c.name]
		if t == nil {
			t = &Touch{Table: table, Key: []byte(c.name[16:])}
			found[c.name] = t
		}
		*of(t) += c.count - c.slack
	}
}

// busiest keeps those that are among the first most by one of the numbers.
func busiest(found map[string]*Touch, most int) []Touch {
	all := make([]*Touch, 0, len(found))
	for _, t := range found {
		all = append(all, t)
	}
	kept := map[*Touch]bool{}
	for _, of := range []func(*Touch) int64{
		func(t *Touch) int64 { return t.Reads }, func(t *Touch) int64 { return t.Writes }, func(t *Touch) int64 { return t.Bytes },
	} {
		slices.SortFunc(all, func(a, b *Touch) int { return cmp.Or(cmp.Compare(of(b), of(a)), bytes.Compare(a.Key, b.Key)) })
		for _, t := range all[:min(most, len(all))] {
			kept[t] = kept[t] || of(t) > 0
		}
	}
	var out []Touch
	for _, t := range all {
		if kept[t] {
			out = append(out, *t)
		}
	}
	return out
}
