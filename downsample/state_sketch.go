package downsample

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

const (
	signBit = 1 << 63
	// shiftMax is the shift of keys of zeros alone.
	shiftMax = 63
)

// bucketOf is the bucket of a number.
func bucketOf(v float64) uint64 { return (uint64(rankDouble(v)) ^ signBit) >> bucketShift }

// append appends the state sketch.
func (a *percentile) append(dst []byte) []byte {
	dst = appendHead(dst, a.poisoned, a.n)
	if a.n <= percentileExactMax {
		return appendNumbers(dst, a.few)
	}
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(a.low))
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(a.high))
	slices.Sort(a.made)
	before := 0
	for _, at := range a.made {
		for i, count := range a.pages[at] {
			if count > 0 {
				dst = binary.AppendUvarint(dst, uint64(at*pageBuckets+i-before))
				dst = binary.AppendUvarint(dst, uint64(count))
				before = at*pageBuckets + i
			}
		}
	}
	return dst
}

// appendNumbers appends numbers in the order of their keys, each by its difference.
func appendNumbers(dst []byte, numbers []float64) []byte {
	all := uint64(0)
	keys := make([]uint64, len(numbers))
	for _, v := range numbers {
		all |= math.Float64bits(v) &^ signBit
	}
	shift := min(bits.TrailingZeros64(all), shiftMax)
	for i, v := range numbers {
		b := math.Float64bits(v)
		keys[i] = b&^signBit>>shift<<1 | b>>63
	}
	slices.Sort(keys)
	dst = append(dst, byte(shift))
	before := uint64(0)
	for _, k := range keys {
		dst = binary.AppendUvarint(dst, k-before)
		before = k
	}
	return dst
}

// numbers reads what appendNumbers appends, and calls each for every number.
func (r *stateReader) numbers(n int64, each func(v float64)) {
	shift := int(r.byte())
	if shift > shiftMax {
		r.fail("its shift is too large")
	}
	key, all := uint64(0), uint64(0)
	for range n {
		step := r.uvarint()
		if r.err != nil {
			return
		}
		if key += step; key < step || key>>1 > math.MaxInt64>>shift {
			r.fail("a number is too large")
			return
		}
		b := key>>1<<shift | key<<63
		v := math.Float64frombits(b)
		if v != v {
			r.fail("a number is NaN")
			return
		}
		all |= b &^ signBit
		each(v)
	}
	if min(bits.TrailingZeros64(all), shiftMax) != shift {
		r.fail("its shift is not the one of its numbers")
	}
}

// buckets reads the buckets of n numbers, and calls each for every one of them.
func (r *stateReader) buckets(n int64, each func(bucket uint64, count int64)) (low, high float64) {
	ends := r.take(16)
	if ends == nil {
		return 0, 0
	}
	low = math.Float64frombits(binary.LittleEndian.Uint64(ends))
	high = math.Float64frombits(binary.LittleEndian.Uint64(ends[8:]))
	if !(low <= high) {
		r.fail("its ends are not in order")
		return 0, 0
	}
	left, bucket := uint64(n), uint64(0)
	for first := true; left > 0; first = false {
		step, count := r.uvarint(), r.uvarint()
		switch {
		case r.err != nil:
			return 0, 0
		case step == 0 && !first, step > pagesMax*pageBuckets, count == 0, count > left:
			r.fail("a bucket is not one")
			return 0, 0
		}
		bucket += step
		left -= count
		if bucket > bucketOf(high) || first != (bucket == bucketOf(low)) || (left == 0) != (bucket == bucketOf(high)) {
			r.fail("its buckets are not between its ends")
			return 0, 0
		}
		each(bucket, int64(count))
	}
	return low, high
}

// merge adds a state sketch. Nothing is added of a corrupt one but what stood before the mistake.
func (a *percentile) merge(state []byte) error {
	r := stateReader{rest: state}
	notFinite, n := r.head()
	switch {
	case r.err != nil:
		return r.err
	case n > math.MaxInt64-a.n:
		r.fail("it is of too many numbers")
		return r.err
	case n <= percentileExactMax:
		r.numbers(n, a.add)
	default:
		a.spill()
		low, high := r.buckets(n, a.countIn)
		if r.err != nil {
			return r.err
		}
		if a.n == 0 {
			a.low, a.high = low, high
		}
		a.low, a.high = math.Min(a.low, low), math.Max(a.high, high)
		a.n += n
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("it does not end")
	}
	a.poisoned = a.poisoned || notFinite
	return r.err
}

// MergeVectors implements Stateful.
func (a *percentile) MergeVectors(states []*mutation.Vector, from, to int) {
	for i := from; i < to && a.err == nil; i++ {
		if states[0].Has(i) {
			a.fail(StateSketch, a.merge(bytesAt(states[0], i)))
		}
	}
}

// sketch is the state of that name.
type sketch struct{ percentile }

func (a *sketch) Result() []byte {
	if a.n == 0 || a.err != nil {
		return nil
	}
	return a.append(nil)
}
