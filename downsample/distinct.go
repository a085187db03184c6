package downsample

import (
	"math"
	"math/bits"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// distinctExactMax is how many different values are counted exactly. More are estimated.
const distinctExactMax = 1000

// The estimate is a HyperLogLog of 2^registerBits registers: its standard error is 0.81 %.
const (
	registerBits = 14
	registers    = 1 << registerBits
	rankMax      = 64 - registerBits + 1
)

// distinct counts different values, by the hash that also makes a partition's token. Its result depends on the set of
// values alone.
type distinct struct {
	fragile
	few     map[uint64]struct{} // hashes, while there are distinctExactMax or less
	many    []uint8             // registers once there are more; empty before
	held    []uint8             // memory of many
	scratch []byte
}

func (a *distinct) Add(value []byte) {
	if value != nil {
		a.add(uint64(partition.TokenOf(value)))
	}
}

func (a *distinct) AddVector(v *mutation.Vector, from, to int) {
	a.scratch = addEach(a, a.scratch, v, from, to)
}

func (a *distinct) add(hash uint64) {
	if len(a.many) > 0 {
		a.register(hash)
		return
	}
	if a.few == nil {
		a.few = map[uint64]struct{}{}
	}
	a.few[hash] = struct{}{}
	if len(a.few) > distinctExactMax {
		a.spill()
	}
}

// spill goes over to registers.
func (a *distinct) spill() {
	if len(a.many) > 0 {
		return
	}
	if a.held == nil {
		a.held = make([]uint8, registers)
	}
	clear(a.held)
	a.many = a.held
	for h := range a.few {
		a.register(h)
	}
	clear(a.few)
}

func (a *distinct) register(hash uint64) {
	rank := uint8(min(bits.LeadingZeros64(hash<<registerBits)+1, rankMax))
	if at := hash >> (64 - registerBits); a.many[at] < rank {
		a.many[at] = rank
	}
}

func (a *distinct) Result() []byte {
	if a.err != nil {
		return nil
	}
	if len(a.many) == 0 {
		return types.AppendBigint(nil, int64(len(a.few)))
	}
	return types.AppendBigint(nil, max(int64(math.Round(a.estimate())), distinctExactMax+1))
}

// estimate is Ertl's improved estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017,
// algorithm 6): it needs no tables of corrections, small or large.
func (a *distinct) estimate() float64 {
	var counts [rankMax + 1]float64
	for _, r := range a.many {
		counts[r]++
	}
	z := registers * tau(1-counts[rankMax]/registers)
	for k := rankMax - 1; k >= 1; k-- {
		z = 0.5 * (z + counts[k])
	}
	z += registers * sigma(counts[0]/registers)
	return registers / (2 * math.Ln2) * (registers / z)
}

// sigma corrects for registers that are still empty, of which x is the part.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for before := math.NaN(); before != z; y += y {
		x *= x
		before = z
		z += x * y
	}
	return z
}

// tau corrects for registers that are full, of which 1 − x is the part.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for before := math.NaN(); before != z; {
		x = math.Sqrt(x)
		before = z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
	}
	return z / 3
}

func (a *distinct) Reset() {
	clear(a.few)
	a.many, a.err = nil, nil
}

// hashBytes is about what a hash takes in a map.
const hashBytes = 32

// Bytes implements Sized.
func (a *distinct) Bytes() int { return hashBytes*len(a.few) + len(a.held) }
