package jobs

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"sync"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
)

// coverBytesMax bounds the memory of a Cover. What it does not know is marked again, which costs a row of the table of marks.
const coverBytesMax = 32 << 20

// coverEntryBytes is what a map takes for one entry, at its emptiest.
const coverEntryBytes = 112

// Cover knows of partitions which windows a writer need not mark, because an uncleared mark covers them and no recomputation has
// pinned its View since. It may forget anything at any time: the truth is the table of marks. Of a partition it knows two ranges, one
// where writes come now and one where something else is loaded.
type Cover struct {
	seeds [2]maphash.Seed
	most  int // partitions

	mu     sync.RWMutex
	ranges map[coverKey]*[2]downsample.Window // guarded by mu; the first range is the one that was added to last
}

// coverKey identifies a rollup and a partition by 128 bits of a seeded hash.
type coverKey [2]uint64

func newCover(bytesMax int64) *Cover {
	return &Cover{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, most: int(max(bytesMax/coverEntryBytes, 1)),
		ranges: map[coverKey]*[2]downsample.Window{},
	}
}

func (c *Cover) key(rollup mutation.TableID, base []byte) coverKey {
	return coverKey{
		maphash.Bytes(c.seeds[0], base) ^ binary.LittleEndian.Uint64(rollup[:]),
		maphash.Bytes(c.seeds[1], base) ^ binary.LittleEndian.Uint64(rollup[8:]),
	}
}

// Has reports whether all windows that hold the times from first to last need no mark.
func (c *Cover) Has(rollup mutation.TableID, base []byte, first, last int64) bool {
	k := c.key(rollup, base)
	c.mu.RLock()
	defer c.mu.RUnlock()
	known := c.ranges[k]
	return known != nil && (known[0].Start <= first && last < known[0].End || known[1].Start <= first && last < known[1].End)
}

// Reaches reports whether what is covered ends at a time or goes on behind it: a mark from there on continues another.
func (c *Cover) Reaches(rollup mutation.TableID, base []byte, at int64) bool {
	k := c.key(rollup, base)
	c.mu.RLock()
	defer c.mu.RUnlock()
	known := c.ranges[k]
	return known != nil && (known[0].Start < at && at <= known[0].End || known[1].Start < at && at <= known[1].End)
}

// add knows of a mark that was written. One of an unbounded range is answered soon: to know it would only hide the others.
func (c *Cover) add(m *Mark) {
	if m.Window.Start == math.MinInt64 || m.Window.End == math.MaxInt64 {
		return
	}
	k := c.key(m.Rollup, m.Base.Key)
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.ranges[k]
	if known == nil {
		c.makeRoomLocked()
		c.ranges[k] = &[2]downsample.Window{m.Window}
		return
	}
	for i := range known {
		if w := &known[i]; w.Start < w.End && m.Window.Start <= w.End && w.Start <= m.Window.End {
			w.Start, w.End = min(w.Start, m.Window.Start), max(w.End, m.Window.End)
			known[0], known[i] = known[i], known[0]
			return
		}
	}
	known[1], known[0] = known[0], m.Window
}

// makeRoomLocked forgets partitions, whichever, until there is room for one.
func (c *Cover) makeRoomLocked() {
	for k := range c.ranges {
		if len(c.ranges) < c.most {
			return
		}
		delete(c.ranges, k)
	}
}

// drop forgets the range of a mark: a recomputation is about to pin its View.
func (c *Cover) drop(m *Mark) {
	k := c.key(m.Rollup, m.Base.Key)
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.ranges[k]
	if known == nil {
		return
	}
	for i := range known {
		w := &known[i]
		switch {
		case m.Window.End <= w.Start || w.End <= m.Window.Start:
		case m.Window.End < w.End: // of two parts that are left, the newer
			w.Start = m.Window.End
		default:
			w.End = max(w.Start, m.Window.Start)
		}
	}
	if known[0].Start >= known[0].End && known[1].Start >= known[1].End {
		delete(c.ranges, k)
	}
}
