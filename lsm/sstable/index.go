package sstable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/eskerdb/esker/partition"
)

const (
	indexEntryBytes = 8 + 4 + 4 + 4 // token, end of key, row group, segment
	indexHeadBytes  = 8
	noGroup         = 1<<32 - 1
	signBit         = 1 << 63
)

// index is the partition index, searched where it lies.
type index struct {
	n        int
	tokens   []byte
	keyEnds  []byte
	groups   []byte
	segments []byte
	keys     []byte
}

// indexBuilder collects partitions in (token, key) order.
type indexBuilder struct {
	tokens   []byte
	keyEnds  []byte
	groups   []byte
	segments []byte
	keys     []byte
	n        int
}

func (b *indexBuilder) add(key partition.DecoratedKey) {
	b.tokens = binary.LittleEndian.AppendUint64(b.tokens, uint64(key.Token)^signBit)
	b.keys = append(b.keys, key.Key...)
	b.keyEnds = binary.LittleEndian.AppendUint32(b.keyEnds, uint32(len(b.keys)))
	b.groups = binary.LittleEndian.AppendUint32(b.groups, noGroup)
	b.segments = binary.LittleEndian.AppendUint32(b.segments, 0)
	b.n++
}

// begins notes where the rows of the last partition begin.
func (b *indexBuilder) begins(group, segment int) {
	binary.LittleEndian.PutUint32(b.groups[4*(b.n-1):], uint32(group))
	binary.LittleEndian.PutUint32(b.segments[4*(b.n-1):], uint32(segment))
}

func (b *indexBuilder) appendTo(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(b.n))
	for _, part := range [][]byte{b.tokens, b.keyEnds, b.groups, b.segments, b.keys} {
		dst = append(dst, part...)
	}
	return dst
}

// decodeIndex checks that keys are in order, which every search relies upon.
func decodeIndex(src []byte) (*index, error) {
	if len(src) < indexHeadBytes {
		return nil, fmt.Errorf("partition index of %d bytes", len(src))
	}
	n := binary.LittleEndian.Uint64(src)
	src = src[indexHeadBytes:]
	if n > uint64(len(src)/indexEntryBytes) {
		return nil, fmt.Errorf("partition index: %d partitions in %d bytes", n, len(src))
	}
	x := &index{n: int(n)}
	x.tokens, src = src[:8*n], src[8*n:]
	x.keyEnds, src = src[:4*n], src[4*n:]
	x.groups, src = src[:4*n], src[4*n:]
	x.segments, x.keys = src[:4*n], src[4*n:]
	before := uint32(0)
	for i := range x.n {
		end := binary.LittleEndian.Uint32(x.keyEnds[4*i:])
		if end < before || uint64(end) > uint64(len(x.keys)) {
			return nil, fmt.Errorf("partition index: key %d", i)
		}
		before = end
	}
	if uint64(before) != uint64(len(x.keys)) {
		return nil, fmt.Errorf("partition index: %d bytes behind the keys", uint64(len(x.keys))-uint64(before))
	}
	for i := 1; i < x.n; i++ {
		if x.compare(i-1, x.token(i), x.key(i)) >= 0 {
			return nil, fmt.Errorf("partition index: key %d is not above the one before", i)
		}
	}
	return x, nil
}

// token returns a token with its sign bit inverted.
func (x *index) token(i int) uint64 { return binary.LittleEndian.Uint64(x.tokens[8*i:]) }

func (x *index) key(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = binary.LittleEndian.Uint32(x.keyEnds[4*(i-1):])
	}
	end := binary.LittleEndian.Uint32(x.keyEnds[4*i:])
	return x.keys[start:end:end]
}

// begin returns where the rows of a partition begin; ok is false if it has none.
func (x *index) begin(i int) (group, segment int, ok bool) {
	g := binary.LittleEndian.Uint32(x.groups[4*i:])
	return int(g), int(binary.LittleEndian.Uint32(x.segments[4*i:])), g != noGroup
}

func (x *index) compare(i int, token uint64, key []byte) int {
	switch own := x.token(i); {
	case own < token:
		return -1
	case own > token:
		return 1
	}
	return bytes.Compare(x.key(i), key)
}

// search returns the place of the first partition not below token and key, and whether it is that one.
func (x *index) search(token int64, key []byte) (int, bool) {
	t := uint64(token) ^ signBit
	i := sort.Search(x.n, func(i int) bool { return x.compare(i, t, key) >= 0 })
	return i, i < x.n && x.compare(i, t, key) == 0
}
