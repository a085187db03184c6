package traffic

import (
	"hash/maphash"
	"math/rand/v2"
	"sync"

	"github.com/eskerdb/esker/mutation"
)

const (
	// ratedMax is how many partitions are rated at a time. One that took nothing for a second need not be.
	ratedMax = 65_536
	// evictionTries is how many partitions are looked at to find one to forget: the least busy of them goes.
	evictionTries = 8
	nanosPerSec   = 1_000_000_000
)

// PerSecondMax is the highest rate that may be asked for.
const PerSecondMax = nanosPerSec

// Demand is rows that a statement writes to a partition of a table that limits them.
type Demand struct {
	Table     mutation.TableID
	Key       []byte
	Rows      int64
	PerSecond int64 // the most rows a second, and at once; above 0
}

// Rates holds writers to a number of rows a second and partition. A partition that took nothing for a second may take the rows of
// one second at once; what it took comes back evenly. Its methods may be called from several goroutines.
//
// It remembers a bounded number of partitions, the busiest: one that is forgotten, among more than 65,536 that are written within
// the same second, begins anew.
type Rates struct {
	mu     sync.Mutex
	seeds  [2]maphash.Seed
	random *rand.Rand     // guarded by mu
	at     map[name]int   // places in rated; guarded by mu
	rated  []rated        // guarded by mu
	wanted map[name]int64 // rows of the demands of one call, for those of one partition; guarded by mu
}

// name is a partition of a table: hashes of 128 bits, so that long keys cost no memory.
type name [2]uint64

// rated is a partition that took rows within the last second, or so.
type rated struct {
	name      name
	perSecond int64
	owed      int64 // what it took and has not come back, in billionths of a row
	nanos     int64 // as of that time
}

// NewRates returns Rates that know of nobody. The seeds choose whom it forgets.
func NewRates(seed1, seed2 uint64) *Rates {
	return &Rates{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, random: rand.New(rand.NewPCG(seed1, seed2)),
		at: map[name]int{}, wanted: map[name]int64{},
	}
}

// Take takes the rows of all demands at a time in nanoseconds, or of none: then refused is the number of the first demand that is
// too much. wait is after how many nanoseconds it would not be, if nobody else writes; below 0: never, since it is more than
// its partition may take at once.
func (r *Rates) Take(nanos int64, demands []Demand) (refused int, wait int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.wanted)
	names := make([]name, len(demands))
	for i := range demands {
		d := &demands[i]
		names[i] = r.nameOf(d)
		r.wanted[names[i]] += d.Rows
		rows := r.wanted[names[i]]
		if rows > d.PerSecond {
			return i, -1
		}
		owed := r.owed(names[i], nanos, d.PerSecond)
		if over := owed - (d.PerSecond-rows)*nanosPerSec; over > 0 {
			return i, (over + d.PerSecond - 1) / d.PerSecond
		}
	}
	for i := range demands {
		r.charge(names[i], nanos, &demands[i])
	}
	return -1, 0
}

// Return gives back what Take took, when nothing was written after all.
func (r *Rates) Return(demands []Demand) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range demands {
		if at, known := r.at[r.nameOf(&demands[i])]; known {
			e := &r.rated[at]
			e.owed = max(e.owed-demands[i].Rows*nanosPerSec, 0)
		}
	}
}

func (r *Rates) nameOf(d *Demand) (n name) {
	for i, seed := range r.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		h.Write(d.Table[:])
		h.Write(d.Key)
		n[i] = h.Sum64()
	}
	return n
}

// owed is what a partition took and has not come back.
func (r *Rates) owed(n name, nanos, perSecond int64) int64 {
	i, known := r.at[n]
	if !known {
		return 0
	}
	return r.rated[i].owedAt(nanos, perSecond)
}

func (e *rated) owedAt(nanos, perSecond int64) int64 {
	passed := min(max(nanos-e.nanos, 0), nanosPerSec) // a clock that was set back gives nothing
	return max(min(e.owed, perSecond*nanosPerSec)-passed*perSecond, 0)
}

func (r *Rates) charge(n name, nanos int64, d *Demand) {
	i, known := r.at[n]
	if !known {
		i = r.place(nanos)
		r.at[n] = i
		r.rated[i] = rated{name: n}
	}
	e := &r.rated[i]
	e.owed = e.owedAt(nanos, d.PerSecond) + d.Rows*nanosPerSec
	e.perSecond, e.nanos = d.PerSecond, nanos
}

// place is where one more partition goes: instead of one that takes the least time until it owes nothing.
func (r *Rates) place(nanos int64) int {
	if len(r.rated) < ratedMax {
		r.rated = append(r.rated, rated{})
		return len(r.rated) - 1
	}
	best, least := 0, int64(-1)
	for range evictionTries {
		i := r.random.IntN(len(r.rated))
		e := &r.rated[i]
		if left := e.owedAt(nanos, e.perSecond) / e.perSecond; least < 0 || left < least {
			best, least = i, left
		}
	}
	delete(r.at, r.rated[best].name)
	return best
}
