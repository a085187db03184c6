package downsample

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// Forms of registers.
const (
	formHashes = 1 // stored: never reuse
	formSome   = 2 // stored: never reuse
	formAll    = 3 // stored: never reuse
)

const (
	hashSize  = 8
	rankBits  = 6
	rankMask  = 1<<rankBits - 1
	ranksEach = 4 // in so many bytes:
	ranksSize = 3
	allSize   = registers / ranksEach * ranksSize
)

// append appends the state registers.
func (a *distinct) append(dst []byte) []byte {
	dst = append(dst, stateVersion)
	if len(a.many) == 0 {
		dst = append(dst, formHashes)
		for _, h := range slices.Sorted(maps.Keys(a.few)) {
			dst = binary.LittleEndian.AppendUint64(dst, h)
		}
		return dst
	}
	start := len(dst)
	dst = append(dst, formSome)
	before := 0
	for i, rank := range a.many {
		if rank > 0 {
			dst = append(binary.AppendUvarint(dst, uint64(i-before)), rank)
			before = i
		}
	}
	if len(dst)-start-1 < allSize {
		return dst
	}
	dst = append(dst[:start], formAll)
	for i := 0; i < registers; i += ranksEach {
		m := a.many[i : i+ranksEach]
		w := uint32(m[0]) | uint32(m[1])<<rankBits | uint32(m[2])<<(2*rankBits) | uint32(m[3])<<(3*rankBits)
		dst = append(dst, byte(w), byte(w>>8), byte(w>>16))
	}
	return dst
}

// merge adds a state registers.
func (a *distinct) merge(state []byte) error {
	r := stateReader{rest: state}
	if r.byte() != stateVersion {
		r.fail("its version is unknown")
		return r.err
	}
	switch form := r.byte(); {
	case r.err != nil:
	case form == formHashes:
		a.mergeHashes(&r)
	case form == formSome:
		a.spill()
		a.mergeSome(&r)
	case form == formAll && len(r.rest) == allSize:
		a.spill()
		a.mergeAll(&r)
	default:
		r.fail("its form is unknown")
	}
	return r.err
}

func (a *distinct) mergeHashes(r *stateReader) {
	if n := len(r.rest) / hashSize; n == 0 || n > distinctExactMax || len(r.rest)%hashSize != 0 {
		r.fail("it has no hash, too many, or parts of one")
		return
	}
	before := uint64(0)
	for first := true; len(r.rest) > 0; first = false {
		h := binary.LittleEndian.Uint64(r.take(hashSize))
		if !first && h <= before {
			r.fail("its hashes are not in order")
			return
		}
		before = h
		a.add(h)
	}
}

func (a *distinct) mergeSome(r *stateReader) {
	if len(r.rest) == 0 || len(r.rest) >= allSize {
		r.fail("it has no register, or too many")
		return
	}
	at := uint64(0)
	for first := true; len(r.rest) > 0; first = false {
		step, rank := r.uvarint(), r.byte()
		if r.err != nil {
			return
		}
		if step == 0 && !first || step >= registers || at+step >= registers || rank == 0 || rank > rankMax {
			r.fail("a register is not one")
			return
		}
		at += step
		a.many[at] = max(a.many[at], rank)
	}
}

func (a *distinct) mergeAll(r *stateReader) {
	some, before := 0, 0 // bytes of the other form
	for i := 0; i < registers; i += ranksEach {
		b := r.take(ranksSize)
		w := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		for k := i; k < i+ranksEach; k++ {
			rank := uint8(w & rankMask)
			if rank > rankMax {
				r.fail("a register is not one")
				return
			}
			if rank > 0 {
				some += len(binary.AppendUvarint(nil, uint64(k-before))) + 1
				before = k
			}
			a.many[k] = max(a.many[k], rank)
			w >>= rankBits
		}
	}
	if some < allSize {
		r.fail("its form is not the shortest")
	}
}

// MergeVectors implements Stateful.
func (a *distinct) MergeVectors(states []*mutation.Vector, from, to int) {
	for i := from; i < to && a.err == nil; i++ {
		if states[0].Has(i) {
			a.fail(StateRegisters, a.merge(bytesAt(states[0], i)))
		}
	}
}

// registerState is the state registers.
type registerState struct{ distinct }

func (a *registerState) Result() []byte {
	if a.err != nil || len(a.many) == 0 && len(a.few) == 0 {
		return nil
	}
	return a.append(nil)
}
