package memtable

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// ref is the address of something in an arena, where the garbage collector does not look. 0 is none.
type ref uint64

// at returns what lies at r. It is valid until the memtable is freed.
//
//go:nocheckptr
func at[T any](r ref) *T { return (*T)(unsafe.Add(unsafe.Pointer(nil), uintptr(r))) }

// refOf is the opposite of at.
func refOf[T any](p *T) ref { return ref(uintptr(unsafe.Pointer(p))) }

// wordsAt returns n words at r.
func wordsAt(r ref, n int) []uint64 { return unsafe.Slice(at[uint64](r), n) }

// bytesAt returns n bytes at r.
func bytesAt(r ref, n int) []byte { return unsafe.Slice(at[byte](r), n) }

const (
	regionBytesMin = 64 << 10 // of what is mapped at once
	regionBytesMax = 4 << 20
	spanBytesMin   = 1 << 10 // of what a shard takes at once
	spanBytesMax   = 256 << 10
	pageBytes      = 4 << 10
)

// pool is the memory of a memtable. Shards take spans of it.
type pool struct {
	mu      sync.Mutex // may be taken while a shard is locked
	regions [][]byte   // guarded by mu
	next    ref        // free memory of a region; guarded by mu
	left    int        // bytes there; guarded by mu
	bytes   atomic.Int64
}

// take returns size bytes, zero, aligned to a cache line.
func (p *pool) take(size int) (ref, int) {
	size = roundUp(size, 64)
	p.bytes.Add(int64(size))
	p.mu.Lock()
	defer p.mu.Unlock()
	if size > regionBytesMax/4 {
		return p.mapLocked(size), size
	}
	if size > p.left {
		p.left = regionBytesMin
		for p.left < size || p.left < regionBytesMax && p.left <= int(p.bytes.Load())/4 {
			p.left *= 2
		}
		p.next = p.mapLocked(p.left)
	}
	r := p.next
	p.next += ref(size)
	p.left -= size
	return r, size
}

func (p *pool) mapLocked(size int) ref {
	region := newRegion(roundUp(size, pageBytes))
	p.regions = append(p.regions, region)
	return refOf(&region[0])
}

func (p *pool) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, region := range p.regions {
		freeRegion(region)
	}
	p.regions, p.next, p.left = nil, 0, 0
	p.bytes.Store(0)
}

// roundUp returns the next multiple of a power of two.
func roundUp(n, to int) int { return (n + to - 1) &^ (to - 1) }

const (
	blockClasses   = 28 // of two to the number words
	versionClasses = 64 // of versionStep bytes each
	versionStep    = 16
	versionReused  = 1024 // bytes of the largest version whose memory is used again
)

// arena is the memory of a shard. What readers look at without the lock of the shard never moves or changes.
type arena struct {
	pool     *pool
	next     ref // free memory
	left     int // bytes there
	bytes    int // taken from the pool
	blocks   [blockClasses]ref
	versions [versionClasses + 1]ref
}

// alloc returns size bytes aligned to align, a power of two up to 8. They are zero.
func (a *arena) alloc(size, align int) ref {
	skip := int(-a.next) & (align - 1)
	if size+skip > a.left {
		return a.refill(size)
	}
	r := a.next + ref(skip)
	a.next += ref(size + skip)
	a.left -= size + skip
	return r
}

// refill is alloc where the span is at its end.
func (a *arena) refill(size int) ref {
	if size > spanBytesMax/8 {
		r, taken := a.pool.take(size)
		a.bytes += taken
		return r
	}
	if !a.reuse(size) {
		span := spanBytesMin
		for span < size || span < spanBytesMax && span <= a.bytes/16 {
			span *= 2
		}
		a.next, a.left = a.pool.take(span)
		a.bytes += a.left
	}
	r := a.next
	a.next += ref(size)
	a.left -= size
	return r
}

// reuse makes a block that was freed the span, if there is a large one: a table of partitions that grew leaves
// one of half its size.
func (a *arena) reuse(size int) bool {
	for class := blockClasses - 1; 8<<class >= max(size, spanBytesMin); class-- {
		if a.blocks[class] != 0 {
			a.next, a.left = a.block(class), 8<<class
			return true
		}
	}
	return false
}

// block returns two to the number class words, zero. They are for what nobody reads without the lock of the shard.
func (a *arena) block(class int) ref {
	r := a.blocks[class]
	if r == 0 {
		return a.alloc(8<<class, 8)
	}
	words := wordsAt(r, 1<<class)
	a.blocks[class] = ref(words[0])
	clear(words)
	return r
}

// freeBlock takes a block back.
func (a *arena) freeBlock(r ref, class int) {
	*at[ref](r) = a.blocks[class]
	a.blocks[class] = r
}

// version returns memory for a version of so many bytes.
func (a *arena) version(size int) ref {
	class := (size + versionStep - 1) / versionStep
	if size > versionReused {
		return a.alloc(size, 8)
	}
	if r := a.versions[class]; r != 0 {
		a.versions[class] = *at[ref](r)
		return r
	}
	return a.alloc(class*versionStep, 8)
}

// freeVersion takes back the memory of a version that nobody can be reading.
func (a *arena) freeVersion(r ref, size int) {
	if size > versionReused {
		return
	}
	class := (size + versionStep - 1) / versionStep
	*at[ref](r) = a.versions[class]
	a.versions[class] = r
}
