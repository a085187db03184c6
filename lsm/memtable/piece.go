package memtable

import (
	"math"
	"sort"
	"unsafe"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// columnRun is the rows of a strand. It implements mutation.Run.
type columnRun struct {
	partition   *Partition
	chunks      []visible // those looked up so far, the newest first
	upward      bool      // new rows come last in clustering order
	first, last []byte
	buffer      [10]visible // of chunks: they need no more for a thousand rows
	bounds      [2 * timedBytes]byte
}

// visible is a chunk and how many of its rows the records up to a sequence wrote: those that came first.
type visible struct {
	chunk *chunk
	rows  int
}

// openLocked finds the newest chunk of a strand with rows of records up to p.upTo. It is false if there is none.
func (r *columnRun) openLocked(p *Partition, d *strand) bool {
	var newest visible
	for c := d.newest; c != 0 && newest.rows == 0; c = at[chunk](c).tail().before {
		newest = visible{at[chunk](c), at[chunk](c).upTo(p.upTo)}
	}
	if newest.rows == 0 {
		return false
	}
	r.partition, r.upward = p, d.direction != downward
	r.chunks = append(r.buffer[:0], newest)
	oldest := visible{at[chunk](d.oldest), 1}
	bounds := p.shape.appendKey(r.bounds[:0], oldest.first())
	n := len(bounds)
	if r.upward {
		bounds = p.shape.appendKey(bounds, newest.last())
		r.first, r.last = bounds[:n:n], bounds[n:]
	} else {
		bounds = p.shape.appendKey(bounds, newest.first())
		r.last, r.first = bounds[:n:n], bounds[n:]
	}
	return true
}

// chunk returns the chunk that is i older than the newest, and whether there is one. All that is needed for
// it was written before the run was opened.
func (r *columnRun) chunk(i int) (visible, bool) {
	for i >= len(r.chunks) {
		before := r.chunks[len(r.chunks)-1].chunk.tail().before
		if before == 0 {
			return visible{}, false
		}
		c := at[chunk](before)
		r.chunks = append(r.chunks, visible{c, int(c.capacity)})
	}
	return r.chunks[i], true
}

// count returns how many chunks there are.
func (r *columnRun) count() int {
	for n := len(r.chunks); ; n *= 2 {
		if _, more := r.chunk(n); !more {
			return len(r.chunks)
		}
	}
}

// upTo returns how many rows records up to a sequence wrote: as sequences do not descend, those that came first.
func (c *chunk) upTo(sequence uint64) int {
	if c.varying&varySequences == 0 {
		if c.sequences > sequence {
			return 0
		}
		return int(c.rows)
	}
	words := wordsAt(ref(c.sequences), int(c.capacity))
	return sort.Search(int(c.rows), func(i int) bool { return words[c.place(i)] > sequence })
}

// keys returns the clustering words of all places.
func (c *chunk) keys() []uint64 {
	if c.capacity == 1 {
		return unsafe.Slice(&c.clustering, 1)
	}
	return wordsAt(ref(c.clustering), int(c.capacity))
}

// piece is the rows of a chunk that a reader sees. What it holds was copied, or never changes.
type piece struct {
	rows       int
	keys       []uint64
	timestamps series
	ends       series
	ttls       series
	own        series
	live       []uint64 // bitmap; nil: all rows
	columns    []pieceColumn
	liveBuffer []uint64
}

// series is a word a row, or one for all.
type series struct {
	words []uint64 // nil: all are same
	same  uint64
}

func (s *series) at(i int) uint64 {
	if s.words == nil {
		return s.same
	}
	return s.words[i]
}

// pieceColumn is the values of a column.
type pieceColumn struct {
	words   []uint64 // nil: no row has a value
	present []uint64 // nil: all rows have one, or none
	buffer  []uint64
}

// has reports whether row i has a value.
func (c *pieceColumn) has(i int) bool {
	return c.words != nil && (c.present == nil || c.present[i/64]&(1<<(i%64)) != 0)
}

// load makes p the rows of a chunk. Other writers wait while it does, not while the rows are read.
func (p *piece) load(from *Partition, v visible) {
	s, c, t := from.shape, v.chunk, v.chunk.tail()
	from.shard.mu.Lock()
	defer from.shard.mu.Unlock()
	low, high := c.span(v.rows)
	p.rows, p.keys = v.rows, c.keys()[low:high]
	p.timestamps = c.series(c.timestamps, varyTimestamps, low, high)
	p.ends = c.series(c.ends, varyEnds, low, high)
	p.ttls = c.series(t.ttls, varyTTLs, low, high)
	p.own = c.series(t.own, varyOwn, low, high)
	p.live, p.liveBuffer = c.present(c.live, func() []uint64 { return wordsAt(t.liveBits, c.bitmapWords()) }, v.rows, p.liveBuffer)
	p.columns = longer(p.columns, len(s.columns))
	for i := range p.columns {
		column := &p.columns[i]
		column.words, column.present = nil, nil
		n, place := *c.values(s, i), *c.column(i)
		if n == 0 {
			continue
		}
		if c.capacity == 1 {
			column.words = unsafe.Slice(c.column(i), 1)
			continue
		}
		bitmap := c.bitmapWords()
		column.present, column.buffer = c.present(n, func() []uint64 { return wordsAt(ref(place), bitmap) }, v.rows, column.buffer)
		if column.present == nil || countOnes(column.present) > 0 {
			column.words = wordsAt(ref(place)+ref(8*bitmap), int(c.capacity))[low:high]
		}
	}
}

func (c *chunk) series(s uint64, bit uint8, low, high int) series {
	if c.varying&bit == 0 {
		return series{same: s}
	}
	return series{words: wordsAt(ref(s), int(c.capacity))[low:high]}
}

// present returns which of the first rows to have come have what n counts, as a bitmap of those rows in
// clustering order; nil if all have.
func (c *chunk) present(n counted, bitmap func() []uint64, rows int, buffer []uint64) (bits, kept []uint64) {
	if n.count() >= rows && n&scattered == 0 || n.count() == int(c.rows) {
		return nil, buffer
	}
	words := (rows + 63) / 64
	if cap(buffer) < words {
		buffer = make([]uint64, words, chunkRowsMax/64)
	}
	buffer = buffer[:words]
	clear(buffer)
	if n&scattered == 0 {
		if c.how&isDownward != 0 {
			setOnes(buffer, rows-n.count(), rows)
		} else {
			setOnes(buffer, 0, n.count())
		}
		return buffer, buffer
	}
	from, _ := c.span(rows)
	all := bitmap()
	for k := range buffer {
		buffer[k] = bitsAt(all, from+64*k, min(64, rows-64*k))
	}
	if countOnes(buffer) == rows {
		return nil, buffer
	}
	return buffer, buffer
}

// forget lets go of what lies in an arena.
func (p *piece) forget() {
	p.rows, p.keys = 0, nil
	p.timestamps, p.ends, p.ttls, p.own = series{}, series{}, series{}, series{}
	for i := range p.columns {
		p.columns[i].words = nil
	}
}

// find returns which rows lie in a slice.
func (p *piece) find(s *shape, slice clustering.Slice) (from, to int) {
	from = sort.Search(p.rows, func(i int) bool { return s.compareBound(p.keys[i], slice.Start) > 0 })
	to = sort.Search(p.rows, func(i int) bool { return s.compareBound(p.keys[i], slice.End) > 0 })
	return from, max(from, to)
}

// zeros are the words of a column without values.
var zeros [chunkRowsMax]uint64

func asInts(words []uint64) []int64 {
	if len(words) == 0 {
		return nil
	}
	return unsafe.Slice((*int64)(unsafe.Pointer(&words[0])), len(words))
}

// end is when row i ends.
func (p *piece) end(i int) int64 { return int64(p.ends.at(i)) }

// isLive reports whether row i has a marker.
func (p *piece) isLive(i int) bool { return p.live == nil || p.live[i/64]&(1<<(i%64)) != 0 }

// allForever reports whether no row ends.
func (p *piece) allForever() bool { return p.ends.words == nil && int64(p.ends.same) == math.MaxInt64 }

// Bounds implements mutation.Run.
func (r *columnRun) Bounds() (first, last []byte) { return r.first, r.last }

// Rows implements mutation.Run. A row, its clustering and its values are valid until the next call.
func (r *columnRun) Rows(within clustering.Slices, reverse bool) mutation.RowSource {
	return &columnRows{walk: walk{run: r, piece: new(piece), slices: within, reverse: reverse}}
}

// Batches implements mutation.Run.
func (r *columnRun) Batches(req *mutation.ReadRequest) mutation.BatchSource {
	return newBatches(r, req)
}

// Blocks implements mutation.Run.
func (r *columnRun) Blocks() mutation.BlockSource {
	s := r.partition.shape
	return &blocks{run: r, made: newMade(len(s.clustering), len(s.columns))}
}
