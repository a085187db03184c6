package memtable

import (
	"unsafe"

	"github.com/eskerdb/esker/mutation"
)

// chunk is rows of one partition as columns, in an arena. Behind the head lie its tail, unless it is short, a
// word a column, and then the number of values of each. Rows go up from the first place, or down from the last: so they always lie in
// clustering order. A row never changes once it is counted in rows; bitmaps do, with rows that come later.
//
// A series holds something of each row: one value as long as all rows have the same, then a place of words.
type chunk struct {
	capacity   uint16
	rows       uint16
	live       counted // rows that have a marker
	varying    uint8   // series that are places
	how        uint8
	clustering uint64 // place of words; of a chunk of one row the word itself
	sequences  uint64 // series: of the records
	timestamps uint64 // series
	ends       uint64 // series
}

// tail is what a chunk of one row mostly can do without: all of it is 0.
type tail struct {
	before   ref    // the chunk that was filled before
	ttls     uint64 // series
	own      uint64 // series: sequences of rows, law BySequence
	liveBits ref    // bitmap; 0: not needed yet
}

const (
	chunkHead = int(unsafe.Sizeof(chunk{}))
	chunkTail = int(unsafe.Sizeof(tail{}))
)

// Series, as bits of chunk.varying.
const (
	varySequences = 1 << iota
	varyTimestamps
	varyEnds
	varyTTLs
	varyOwn
)

// What a chunk is, as bits of chunk.how.
const (
	isDownward = 1 << iota
	isShort
)

var noTail tail // never written to

// tail returns the tail; one of zeros if the chunk is short.
func (c *chunk) tail() *tail {
	if c.how&isShort != 0 {
		return &noTail
	}
	return (*tail)(unsafe.Add(unsafe.Pointer(c), chunkHead))
}

// columns returns where the words of columns begin.
func (c *chunk) columns() unsafe.Pointer {
	if c.how&isShort != 0 {
		return unsafe.Add(unsafe.Pointer(c), chunkHead)
	}
	return unsafe.Add(unsafe.Pointer(c), chunkHead+chunkTail)
}

// chunkRowsMax is how many rows a chunk has at most.
const chunkRowsMax = mutation.BatchRowsMax

// counted is how many rows of a chunk have something. As long as it is not scattered, those are the first to
// have come, and the bitmap is not in use.
type counted uint16

const scattered counted = 1 << 15

func (n counted) count() int { return int(n &^ scattered) }

// column returns the word of column i: a place of a bitmap and the words of values, 0 if there is none; of a
// chunk of one row the value.
func (c *chunk) column(i int) *uint64 {
	return (*uint64)(unsafe.Add(c.columns(), 8*i))
}

// values returns how many values column i has.
func (c *chunk) values(s *shape, i int) *counted {
	return (*counted)(unsafe.Add(c.columns(), 8*len(s.columns)+2*i))
}

// place returns where the row lies that came as number i.
func (c *chunk) place(i int) int {
	if c.how&isDownward != 0 {
		return int(c.capacity) - 1 - i
	}
	return i
}

// bitmapWords is how many words a bitmap of the chunk has.
func (c *chunk) bitmapWords() int { return (int(c.capacity) + 63) / 64 }

// oldestKey returns the clustering word of the row that came first.
func (c *chunk) oldestKey() uint64 {
	if c.capacity == 1 {
		return c.clustering
	}
	return *at[uint64](ref(c.clustering) + ref(8*c.place(0)))
}

// newChunk makes an empty chunk. One that is short has one row, no TTL and no sequence of its own.
func newChunk(a *arena, s *shape, capacity int, downward, short bool) *chunk {
	size, how := s.chunkBytes, uint8(0)
	if short {
		size, how = size-chunkTail, isShort
	}
	c := at[chunk](a.alloc(size, 8))
	if downward {
		how |= isDownward
	}
	c.capacity, c.how = uint16(capacity), how
	if capacity > 1 {
		c.clustering = uint64(a.alloc(8*capacity, 8))
	}
	return c
}

// put sets a series for the next row.
func (c *chunk) put(a *arena, series *uint64, bit uint8, v uint64) {
	if c.varying&bit == 0 {
		if *series == v {
			return
		}
		if c.rows == 0 {
			*series = v
			return
		}
		c.vary(a, series, bit)
	}
	*at[uint64](ref(*series) + ref(8*c.place(int(c.rows)))) = v
}

// vary gives a series a word a row.
func (c *chunk) vary(a *arena, series *uint64, bit uint8) {
	words := wordsAt(a.alloc(8*int(c.capacity), 8), int(c.capacity))
	from, to := c.span(int(c.rows))
	for i := from; i < to; i++ {
		words[i] = *series
	}
	*series = uint64(refOf(&words[0]))
	c.varying |= bit
}

// span returns where the first n rows to have come lie.
func (c *chunk) span(n int) (from, to int) {
	if c.how&isDownward != 0 {
		return int(c.capacity) - n, int(c.capacity)
	}
	return 0, n
}

// mark notes that the next row has what n counts; bitmap is where that is noted once it must be.
func (c *chunk) mark(n *counted, bitmap func() []uint64) {
	if n.count() == int(c.rows) && *n&scattered == 0 {
		*n++
		return
	}
	words := bitmap()
	if *n&scattered == 0 {
		from, to := c.span(n.count())
		setOnes(words, from, to)
		*n |= scattered
	}
	i := c.place(int(c.rows))
	words[i/64] |= 1 << (i % 64)
	*n++
}

// appendRow adds a row that comes behind all others, and has the stamp.
func (c *chunk) appendRow(a *arena, s *shape, row *mutation.Row, st stamp, sequence uint64) {
	c.put(a, &c.sequences, varySequences, sequence)
	c.put(a, &c.timestamps, varyTimestamps, uint64(st.timestamp))
	c.put(a, &c.ends, varyEnds, uint64(st.expiresAt))
	if c.how&isShort == 0 {
		t := c.tail()
		c.put(a, &t.ttls, varyTTLs, uint64(st.ttl))
		if s.law == mutation.BySequence {
			c.put(a, &t.own, varyOwn, row.Sequence)
		}
	}
	if !row.Live.IsNone() {
		if c.live.count() == int(c.rows) && c.live&scattered == 0 {
			c.live++
		} else {
			c.mark(&c.live, func() []uint64 { return c.liveWords(a) })
		}
	}
	k := 0
	for i := range row.Cells {
		cell := &row.Cells[i]
		for s.columns[k].ID != cell.Column {
			k++
		}
		c.setValue(a, s, k, cell.Value)
	}
	c.rows++
}

// liveWords returns the bitmap of rows with a marker, made when it is first needed.
func (c *chunk) liveWords(a *arena) []uint64 {
	t := c.tail()
	if t.liveBits == 0 {
		t.liveBits = a.alloc(8*c.bitmapWords(), 8)
	}
	return wordsAt(t.liveBits, c.bitmapWords())
}

// setValue gives the next row a value of column k.
func (c *chunk) setValue(a *arena, s *shape, k int, value []byte) {
	column, n := c.column(k), c.values(s, k)
	physical := s.columns[k].Physical
	if c.capacity == 1 {
		*n = 1
		if physical == mutation.PhysicalBytes {
			*column = a.bytesWord(value)
		} else {
			*column = mutation.WordOf(physical, value)
		}
		return
	}
	bitmap := c.bitmapWords()
	if *column == 0 {
		*column = uint64(a.alloc(8*(bitmap+int(c.capacity)), 8))
	}
	i := c.place(int(c.rows))
	words := ref(*column) + ref(8*bitmap)
	var w uint64
	switch {
	case physical != mutation.PhysicalBytes:
		w = mutation.WordOf(physical, value)
	case len(value) <= inlineBytesMax:
		w = inline(value)
	default:
		// What a sensor says of its state seldom changes: the same bytes are kept once.
		if c.rows > 0 {
			w = *at[uint64](words + ref(8*c.place(int(c.rows)-1)))
		}
		if w == 0 || !sameBytes(w, value) {
			w = a.bytesWord(value)
		}
	}
	*at[uint64](words + ref(8*i)) = w
	if n.count() == int(c.rows) && *n&scattered == 0 {
		*n++
		return
	}
	c.mark(n, func() []uint64 { return wordsAt(ref(*column), bitmap) })
}
