package sstable

import (
	"sync"
	"sync/atomic"
)

// Cache keeps blocks of what files say of themselves in memory: parts of the index, the directory, statistics and
// side data. All files of a store share one. Its methods may be called from several goroutines at once.
//
// Who finds a block in memory takes no lock: every file has a slot a block. The lock is for those who
// had to read one from the file, and for files that are closed. What goes is chosen as by a clock: the hand passes over
// blocks used since it last came by.
type Cache struct {
	limit        int64
	hits, misses [cacheStripes]counter

	mu    sync.Mutex // nothing is read from a file under it
	bytes int64      // of blocks; guarded by mu
	fixed int64      // bytes of what open files always need; guarded by mu
	ring  []*cached  // guarded by mu
	hand  int        // guarded by mu; place in ring
}

const (
	cacheStripes  = 8
	cacheOverhead = 256 // bytes about, of a block decoded and its places here
)

// counter lies alone on its cache line, so that cores do not wait for each other to count.
type counter struct {
	n atomic.Uint64
	_ [56]byte
}

// cached is what the cache knows of a block.
type cached struct {
	owner  slotted
	number int         // of the block in its owner
	bytes  int64       // with overhead
	at     int         // place in the ring; guarded by Cache.mu
	used   atomic.Bool // since the hand last passed
}

// slotted has the slots of the blocks of a file.
type slotted interface {
	empty(number int) // called with Cache.mu held
}

// NewCache returns an empty cache of at most limitBytes.
func NewCache(limitBytes int64) *Cache { return &Cache{limit: limitBytes} }

// CacheStatistics says how a cache does.
type CacheStatistics struct {
	LimitBytes int64
	Bytes      int64 // of all blocks, with what keeping them costs, and of what open files always need
	Blocks     int
	Hits       uint64 // blocks found in memory
	Misses     uint64 // blocks read from files
}

// Statistics returns how the cache does.
func (c *Cache) Statistics() CacheStatistics {
	c.mu.Lock()
	out := CacheStatistics{LimitBytes: c.limit, Bytes: c.bytes + c.fixed, Blocks: len(c.ring)}
	c.mu.Unlock()
	for i := range cacheStripes {
		out.Hits += c.hits[i].n.Load()
		out.Misses += c.misses[i].n.Load()
	}
	return out
}

// touch notes that a block was found.
func (c *Cache) touch(e *cached) {
	c.hits[e.number%cacheStripes].n.Add(1)
	if !e.used.Load() { // a store alone would make cores fight for the line
		e.used.Store(true)
	}
}

func (c *Cache) missed(number int) { c.misses[number%cacheStripes].n.Add(1) }

// admitLocked makes room for a block and takes it in. It is false if there is no room even without all others.
func (c *Cache) admitLocked(e *cached) bool {
	if c.fixed+e.bytes > c.limit {
		return false
	}
	c.evictLocked(c.limit - e.bytes)
	// Just behind the hand, which reaches it last. Who is there moves to the end.
	last := len(c.ring)
	c.ring = append(c.ring, e)
	c.ring[last], c.ring[c.hand] = c.ring[c.hand], e
	c.ring[last].at, e.at = last, c.hand
	c.hand++
	c.bytes += e.bytes
	return true
}

// evictLocked drops blocks until there are at most so many bytes, or no blocks any more.
func (c *Cache) evictLocked(most int64) {
	for c.fixed+c.bytes > most && len(c.ring) > 0 {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		old := c.ring[c.hand]
		if old.used.Swap(false) {
			c.hand++
			continue
		}
		old.owner.empty(old.number)
		c.removeLocked(old)
	}
}

// reserve accounts for what a file that is opened always needs; with a negative number, for one that is closed. It goes before
// blocks: where files need more than the limit, none is kept.
func (c *Cache) reserve(bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed += bytes
	c.evictLocked(c.limit)
}

// removeLocked forgets a block whose slot is empty.
func (c *Cache) removeLocked(e *cached) {
	last := len(c.ring) - 1
	c.ring[e.at] = c.ring[last]
	c.ring[e.at].at = e.at
	c.ring[last] = nil
	c.ring = c.ring[:last]
	c.hand = min(c.hand, last)
	c.bytes -= e.bytes
}
