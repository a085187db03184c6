package sstable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/eskerdb/esker/lsm/encoding"
)

// Roles of chunks; on disk: never reuse.
const (
	roleClustering     = 1
	roleTimestamp      = 2
	roleTTL            = 3
	roleEnd            = 4
	roleLiveness       = 5
	roleSequence       = 6
	roleDeletionMarked = 7
	roleDeletionLocal  = 8
	roleAlive          = 9
	roleValue          = 16
	roleTombstone      = 17
	roleCellTimestamp  = 18
	roleCellTTL        = 19
	roleCellEnd        = 20
)

// Flags of a chunk; on disk: never reuse.
const (
	chunkPresence = 3      // bits of encoding.Presence
	chunkNone     = 0 << 2 // values: none
	chunkWords    = 1 << 2
	chunkBytes    = 2 << 2
	chunkValues   = 3 << 2
)

// checksumBytes follow what they cover.
const checksumBytes = 4

var (
	errChecksum  = errors.New("checksum differs")
	errWrongKind = errors.New("no values of its kind")
)

// chunk is a column of a row group, whose values are decoded when they are asked for.
type chunk struct {
	rows    int
	present []uint64 // nil: every row
	ranks   []uint16 // present rows before each word of present
	count   int      // of present rows
	kind    byte     // chunkNone, chunkWords or chunkBytes
	source  []byte   // the encoded values, lent by the decoder

	lo, hi  int      // places of the values that are decoded
	words   []uint64 // theirs
	offsets []uint32
	data    []byte
}

// chunkBody checks the checksum of a chunk and returns what it covers.
func chunkBody(src []byte) ([]byte, error) {
	if len(src) < 1+checksumBytes {
		return nil, fmt.Errorf("%d bytes", len(src))
	}
	body := src[:len(src)-checksumBytes]
	if binary.LittleEndian.Uint32(src[len(body):]) != checksum(body) {
		return nil, errChecksum
	}
	return body, nil
}

// open checks src, a whole chunk, and decodes which rows are present. It keeps src.
func (c *chunk) open(src []byte, rows int) error {
	body, err := chunkBody(src)
	if err != nil {
		return err
	}
	return c.openBody(body, rows)
}

func (c *chunk) openBody(body []byte, rows int) error {
	flags := body[0]
	if flags&^(chunkPresence|chunkValues) != 0 || flags&chunkValues == chunkValues {
		return fmt.Errorf("flags %#x", flags)
	}
	c.rows, c.kind, c.lo, c.hi = rows, flags&chunkValues, 0, 0
	c.words, c.offsets, c.data = c.words[:0], c.offsets[:0], c.data[:0]
	var err error
	c.present, c.count, c.source, err = encoding.DecodePresence(c.present, encoding.Presence(flags&chunkPresence), body[1:], rows)
	if err != nil {
		return err
	}
	if c.kind == chunkNone && len(c.source) != 0 {
		return fmt.Errorf("%d bytes behind the presence", len(c.source))
	}
	c.rank()
	return nil
}

// decode decodes the values of rows [from, to), unless that is done. Who comes again for others gets all.
func (c *chunk) decode(from, to int) (err error) {
	if c == nil || c.kind == chunkNone {
		return nil
	}
	lo, hi := c.place(from), c.placeEnd(to)
	if lo >= c.lo && hi <= c.hi || lo == hi {
		return nil
	}
	lo, hi = lo/decodeValues*decodeValues, min((hi+decodeValues-1)/decodeValues*decodeValues, c.count)
	if c.hi > 0 {
		lo, hi = 0, c.count
	}
	c.lo, c.hi = 0, 0
	if c.kind == chunkBytes {
		c.offsets, c.data, err = encoding.DecodeBytesRange(c.offsets, c.data, c.source, c.count, lo, hi)
	} else {
		c.words, err = encoding.DecodeWordsRange(c.words[:0], c.source, c.count, lo, hi)
	}
	if err == nil {
		c.lo, c.hi = lo, hi
	}
	return err
}

// decodeValues is how many values lie together in most encodings: less is not decoded.
const decodeValues = 128

// rank counts the present rows before each word, so that the value of any row is found at once.
func (c *chunk) rank() {
	c.ranks = c.ranks[:0]
	sum := 0
	for _, w := range c.present {
		c.ranks = append(c.ranks, uint16(sum))
		sum += bits.OnesCount64(w)
	}
}

// has reports whether row i has a value. A nil chunk has none.
func (c *chunk) has(i int) bool {
	return c != nil && (c.present == nil || c.present[i/64]&(1<<(i%64)) != 0)
}

// place is where the value of row i is among those of present rows.
func (c *chunk) place(i int) int {
	if c.present == nil {
		return i
	}
	return int(c.ranks[i/64]) + bits.OnesCount64(c.present[i/64]&(1<<(i%64)-1))
}

// placeEnd is place of row i, or behind the last value if there is no such row.
func (c *chunk) placeEnd(i int) int {
	if i == c.rows {
		return c.count
	}
	return c.place(i)
}

// word returns the word of row i, or otherwise if it has none. It is decoded.
func (c *chunk) word(i int, otherwise int64) int64 {
	if !c.has(i) {
		return otherwise
	}
	return int64(c.words[c.place(i)-c.lo])
}

// bytes returns the serialized value of row i, which has one. It is decoded and of bytes.
func (c *chunk) bytes(i int) []byte {
	p := c.place(i) - c.lo
	return c.data[c.offsets[p]:c.offsets[p+1]]
}

// appendValue appends the serialized value of row i, which has one. It is decoded.
func (c *chunk) appendValue(dst []byte, i, width int) []byte {
	if c.kind == chunkBytes {
		return append(dst, c.bytes(i)...)
	}
	w := c.words[c.place(i)-c.lo]
	switch width {
	case 8:
		return binary.BigEndian.AppendUint64(dst, w)
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(w))
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(w))
	}
	return append(dst, byte(w))
}
