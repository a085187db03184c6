package memtable

import (
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// part is one partition. It lies in the arena, its key behind it, and is guarded by the lock of its shard.
type part struct {
	token        partition.Token
	columns      strand // the first; others lie behind it
	minSequence  uint64
	minTimestamp int64  // of data, as the law compares; MaxInt64: none
	side         uint32 // number in shard.sides plus one; 0: nothing beside rows
	keyBytes     uint16
	tombstones   bool  // anything was deleted
	strands      uint8 // how many there are
	tree         ref   // of rows that are not in columns; 0: none
	before       ref   // the partition of the shard made before; 0: none
}

const partBytes = int(unsafe.Sizeof(part{}))

func (p *part) key() []byte { return bytesAt(refOf(p)+ref(partBytes), int(p.keyBytes)) }

func (p *part) decorated() partition.DecoratedKey {
	return partition.DecoratedKey{Token: p.token, Key: p.key()}
}

// newPart makes an empty partition.
func newPart(a *arena, key partition.DecoratedKey) *part {
	r := a.alloc(roundUp(partBytes+len(key.Key), 8), 8)
	p := at[part](r)
	p.token, p.keyBytes = key.Token, uint16(len(key.Key))
	p.minSequence, p.minTimestamp = math.MaxUint64, math.MaxInt64
	copy(p.key(), key.Key)
	return p
}

// beside is what a partition has beside its rows. It is rare, so it lies on the Go heap.
type beside struct {
	static    ref // newest version; 0: none
	deletions []sequencedDeletion
	ranges    []sequencedRange
	deletion  mutation.Deletion // the one that stays of deletions
	rangeSpan clustering.Slice  // from the first start of ranges to the last end, when there are any
	sequence  uint64            // the largest that touched it
	made      atomic.Pointer[mutation.Side]
}

type sequencedDeletion struct {
	sequence uint64
	deletion mutation.Deletion
}

type sequencedRange struct {
	sequence uint64
	mutation.RangeTombstone
}

const (
	besideBytes = 192 // estimates of what it, and a deletion in it, take of the Go heap
	rangeBytes  = 96
)
