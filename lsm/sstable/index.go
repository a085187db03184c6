package sstable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"sort"

	"github.com/eskerdb/esker/partition"
)

const signBit = 1 << 63

// inverted maps tokens to unsigned numbers in the same order.
func inverted(t partition.Token) uint64 { return uint64(t) ^ signBit }

// position is a place in the rows of a file: the number of a row group times groupRowsMax, and a row in it.
type position uint64

func (p position) group() int { return int(p / groupRowsMax) }
func (p position) row() int   { return int(p % groupRowsMax) }

// indexEntry is what the index says of a partition beside its key. It has no rows if start is end.
type indexEntry struct {
	start, end position
	side       uint64 // number of its side data
	hasSide    bool
}

// indexBuilder collects the partitions of one block, in (token, key) order.
type indexBuilder struct {
	tokens []uint64
	keys   []byte
	ends   []uint64 // of keys
	starts []uint64 // positions; of the last partitions, which have no rows yet, they are not known
	sides  []uint64 // side data written before
}

func (b *indexBuilder) add(key partition.DecoratedKey, side uint64) {
	b.tokens = append(b.tokens, inverted(key.Token))
	b.keys = append(b.keys, key.Key...)
	b.ends = append(b.ends, uint64(len(b.keys)))
	b.sides = append(b.sides, side)
}

// begins notes that the rows of the last partition begin there. Those before it that have none end where they begin.
func (b *indexBuilder) begins(at position) {
	for len(b.starts) < len(b.tokens) {
		b.starts = append(b.starts, uint64(at))
	}
}

func (b *indexBuilder) bytes() int { return len(b.keys) + 4*len(b.ends) }

// appendTo appends the block. The rows and the side data that follow are of partitions of the next one.
func (b *indexBuilder) appendTo(dst []byte, end position, side uint64) []byte {
	b.begins(end)
	n := len(b.tokens)
	first := b.tokens[0]
	shift := bits.LeadingZeros64(b.tokens[n-1] - first)
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.LittleEndian.AppendUint64(dst, first)
	dst = append(dst, byte(shift))
	for _, t := range b.tokens {
		dst = append(dst, hintOf(t, first, shift))
	}
	prefix, size := b.common()
	dst = appendBytes(dst, prefix)
	dst = binary.AppendUvarint(dst, uint64(size))
	from := uint64(0)
	suffixes := make([]byte, 0, len(b.keys))
	excess := make([]uint64, n)
	for i, to := range b.ends {
		suffixes = append(suffixes, b.keys[int(from)+len(prefix):to]...)
		excess[i] = uint64(len(suffixes) - (i+1)*size)
		from = to
	}
	dst = appendColumn(dst, excess)
	dst = appendColumn(dst, append(b.starts, uint64(end)))
	dst = appendColumn(dst, append(b.sides, side))
	return append(dst, suffixes...)
}

// common returns how all keys begin, and how long at least the rest of each is.
func (b *indexBuilder) common() (prefix []byte, size int) {
	prefix = b.keys[:b.ends[0]]
	least, from := b.ends[0], uint64(0)
	for _, to := range b.ends {
		key := b.keys[from:to]
		n := 0
		for n < len(prefix) && n < len(key) && prefix[n] == key[n] {
			n++
		}
		prefix, least, from = prefix[:n], min(least, to-from), to
	}
	return prefix, int(least) - len(prefix)
}

func (b *indexBuilder) reset() {
	b.tokens, b.keys, b.ends = b.tokens[:0], b.keys[:0], b.ends[:0]
	b.starts, b.sides = b.starts[:0], b.sides[:0]
}

// hintOf returns where a token lies among those of its block, in 256ths.
func hintOf(token, first uint64, shift int) byte { return byte((token - first) << shift >> 56) }

// indexBlock is a block of the partition index, searched where it lies.
type indexBlock struct {
	src    []byte
	n      int
	first  uint64 // token of the first partition, with the sign bit inverted
	shift  int
	hints  []byte // a byte a partition
	prefix []byte // of all keys
	size   int    // of the rest of each key, at least
	excess column // of the ends of keys beyond what size says
	starts column // one more than partitions: a partition ends where the next begins
	sides  column // so, too
	keys   []byte
}

func decodeIndexBlock(src []byte) (indexBlock, error) {
	c := cursor{src: src}
	x := indexBlock{src: src, n: c.upTo(len(src))}
	if head := c.take(9); head != nil {
		x.first, x.shift = binary.LittleEndian.Uint64(head), int(head[8])
	}
	x.hints = c.take(x.n)
	x.prefix = c.bytes()
	x.size = c.upTo(partition.KeyBytesMax)
	x.excess = c.column(src, x.n)
	x.starts, x.sides = c.column(src, x.n+1), c.column(src, x.n+1)
	x.keys = c.src
	if c.bad || x.n == 0 || x.shift > 64 {
		return x, fmt.Errorf("index of %d partitions does not decode", x.n)
	}
	room := len(x.keys) - x.n*x.size
	if room < 0 || !x.excess.ascends(src, x.n, uint64(room)) || x.excess.at(src, x.n-1) != uint64(room) {
		return x, fmt.Errorf("keys of %d partitions do not fit in %d bytes", x.n, len(x.keys))
	}
	const most = 1 << 62
	if !x.starts.ascends(src, x.n+1, most) || !x.sides.ascends(src, x.n+1, most) {
		return x, fmt.Errorf("index of %d partitions: out of order", x.n)
	}
	for i := 1; i < x.n; i++ {
		if x.hints[i-1] > x.hints[i] {
			return x, fmt.Errorf("index of %d partitions: out of order", x.n)
		}
	}
	return x, nil
}

// suffix returns what key i has behind the prefix.
func (x *indexBlock) suffix(i int) []byte {
	from := 0
	if i > 0 {
		from = i*x.size + int(x.excess.at(x.src, i-1))
	}
	return x.keys[from : (i+1)*x.size+int(x.excess.at(x.src, i))]
}

// appendKey appends key i.
func (x *indexBlock) appendKey(dst []byte, i int) []byte {
	return append(append(dst, x.prefix...), x.suffix(i)...)
}

// search returns the place of a partition.
func (x *indexBlock) search(token uint64, key []byte) (int, bool) {
	if token < x.first || (token-x.first)>>(64-x.shift) != 0 || !bytes.HasPrefix(key, x.prefix) {
		return 0, false
	}
	hint, rest := hintOf(token, x.first, x.shift), key[len(x.prefix):]
	i := bytes.IndexByte(x.hints, hint)
	for ; i >= 0 && i < x.n && x.hints[i] == hint; i++ {
		if bytes.Equal(x.suffix(i), rest) {
			return i, true
		}
	}
	return 0, false
}

// seek returns the place of the first partition whose token, with the sign bit inverted, is not below token.
func (x *indexBlock) seek(token uint64) int {
	var key []byte
	return sort.Search(x.n, func(i int) bool {
		key = x.appendKey(key[:0], i)
		return inverted(partition.TokenOf(key)) >= token
	})
}

func (x *indexBlock) entry(i int) indexEntry {
	e := indexEntry{
		start: position(x.starts.at(x.src, i)), end: position(x.starts.at(x.src, i+1)),
		side: x.sides.at(x.src, i),
	}
	e.hasSide = x.sides.at(x.src, i+1) > e.side
	return e
}
