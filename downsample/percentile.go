package downsample

import (
	"fmt"
	"math"
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// percentileExactMax is of how many values a percentile is exact. With more of them they are counted in buckets.
const percentileExactMax = 1000

// A bucket holds the doubles whose bits agree but for the last bucketShift: a 64th of a power of two. Its middle is
// within 1/128 of each of them.
const (
	bucketShift = 46
	pageBuckets = 64 // buckets of one power of two, of one sign
	pagesMax    = 1 << (64 - bucketShift) / pageBuckets
)

// percentile is the value below which a part of the values lies: exact, by linear interpolation between the two
// nearest ranks, or else from a DDSketch whose buckets cut every power of two into 64 equal parts. Its result depends
// on the values alone, not on their order or on how they were added.
type percentile struct {
	numbers
	fragile
	fraction  float64
	n         int64
	few       []float64 // all of them, while n is percentileExactMax or less
	pages     []*[pageBuckets]int64
	made      []int // the pages there are
	low, high float64
	poisoned  bool // by a NaN
}

// NewPercentile returns an accumulator of the percentile at a fraction of 0 to 1 of numbers of the type; 0.5 is the
// median. The result is a double.
func NewPercentile(of *types.Type, fraction float64) (Accumulator, error) {
	switch {
	case of == nil || !Numeric(of):
		return nil, fmt.Errorf("aggregate percentile does not take %v", of)
	case !(fraction >= 0 && fraction <= 1):
		return nil, fmt.Errorf("percentile takes a number from 0 to 1, not %v", fraction)
	}
	return &percentile{numbers: numbersOf(of), fraction: fraction}, nil
}

func (a *percentile) Add(value []byte) {
	if w, ok := a.word(value); ok {
		a.add(a.double(w))
	}
}

func (a *percentile) AddVector(v *mutation.Vector, from, to int) {
	for i := from; i < to; i++ {
		if w, ok := a.at(v, i); ok {
			a.add(a.double(w))
		}
	}
}

func (a *percentile) add(v float64) {
	if math.IsNaN(v) {
		a.poisoned = true
		v = 0
	}
	if a.n++; a.n <= percentileExactMax {
		a.few = append(a.few, v)
		return
	}
	if len(a.few) > 0 {
		a.spill()
	}
	a.count(v)
}

// spill goes over to buckets.
func (a *percentile) spill() {
	if len(a.few) == 0 {
		return
	}
	a.low, a.high = a.few[0], a.few[0]
	for _, held := range a.few {
		a.count(held)
	}
	a.few = a.few[:0]
}

// count puts a value into its bucket.
func (a *percentile) count(v float64) {
	a.low, a.high = math.Min(a.low, v), math.Max(a.high, v)
	a.countIn(bucketOf(v), 1)
}

// countIn puts values into a bucket.
func (a *percentile) countIn(bucket uint64, count int64) {
	if a.pages == nil {
		a.pages = make([]*[pageBuckets]int64, pagesMax)
	}
	at := bucket / pageBuckets
	page := a.pages[at]
	if page == nil {
		page = new([pageBuckets]int64)
		a.pages[at] = page
		a.made = append(a.made, int(at))
	}
	page[bucket%pageBuckets] += count
}

// middle is the middle of a bucket.
func middle(bucket uint64) float64 {
	low, high := doubleOfRank(bucket<<bucketShift), doubleOfRank(bucket<<bucketShift|(1<<bucketShift-1))
	switch {
	case math.IsNaN(low) || math.IsInf(high, 0):
		return high
	case math.IsNaN(high) || math.IsInf(low, 0):
		return low
	case math.Abs(low) < 0x1p-1022 && math.Abs(high) < 0x1p-1022: // zero, and what is next to it
		return 0
	}
	return low/2 + high/2
}

// doubleOfRank is the double whose rank is the number with its highest bit turned.
func doubleOfRank(v uint64) float64 {
	rank := int64(v ^ 1<<63)
	if rank < 0 {
		rank ^= math.MaxInt64
	}
	return math.Float64frombits(uint64(rank))
}

// Result is null of no values.
func (a *percentile) Result() []byte { return a.result(a.fraction) }

func (a *percentile) result(fraction float64) []byte {
	switch {
	case a.n == 0 || a.err != nil:
		return nil
	case a.poisoned:
		return notANumber()
	case a.n <= percentileExactMax:
		return types.AppendDouble(nil, a.exact(fraction))
	}
	return types.AppendDouble(nil, a.sketched(fraction))
}

func (a *percentile) exact(fraction float64) float64 {
	slices.SortFunc(a.few, func(x, y float64) int {
		switch rx, ry := rankDouble(x), rankDouble(y); {
		case rx < ry:
			return -1
		case rx > ry:
			return 1
		}
		return 0
	})
	at := fraction * float64(a.n-1)
	below := int(at)
	low := a.few[below]
	part := at - float64(below)
	if part == 0 || a.few[below+1] == low {
		return low
	}
	return between(low, a.few[below+1], part)
}

// between is the number that lies a part of the way from one to another, without overflow on the way.
func between(low, high, part float64) float64 {
	if way := high - low; !math.IsInf(way, 0) {
		return low + way*part
	}
	return low*(1-part) + high*part
}

func (a *percentile) sketched(fraction float64) float64 {
	switch fraction { // the ends are known
	case 0:
		return a.low
	case 1:
		return a.high
	}
	rank := int64(fraction * float64(a.n-1))
	slices.Sort(a.made)
	for _, at := range a.made {
		for i, count := range a.pages[at] {
			if rank -= count; rank < 0 {
				return min(max(middle(uint64(at)*pageBuckets+uint64(i)), a.low), a.high)
			}
		}
	}
	return a.high
}

func (a *percentile) Reset() {
	a.n, a.few, a.poisoned, a.err = 0, a.few[:0], false, nil
	for _, at := range a.made {
		clear(a.pages[at][:])
	}
}

// Bytes implements Sized.
func (a *percentile) Bytes() int {
	return 8*(cap(a.few)+len(a.pages)+cap(a.made)) + 8*pageBuckets*len(a.made)
}
