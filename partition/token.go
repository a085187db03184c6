package partition

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Token places a partition on the ring.
type Token int64

// TokenMin is the token of no key but the empty one, which no table can hold.
const TokenMin Token = math.MinInt64

const (
	c1 = 0x87c37b91114253d5
	c2 = 0x4cf5ad432745937f
)

// TokenOf is the token Cassandra's Murmur3Partitioner gives a partition key: the first half of the 128-bit
// hash, with Cassandra's sign extension of the last bytes, which differs from the published algorithm.
func TokenOf(key []byte) Token {
	if len(key) == 0 {
		return TokenMin
	}
	h := murmur3(key)
	if h == math.MinInt64 {
		return math.MaxInt64 // the least token is kept for "before everything"
	}
	return Token(h)
}

func murmur3(key []byte) int64 {
	var h1, h2 uint64
	tail := key
	for ; len(tail) >= 16; tail = tail[16:] {
		h1 ^= mix1(binary.LittleEndian.Uint64(tail))
		h1 = (bits.RotateLeft64(h1, 27)+h2)*5 + 0x52dce729
		h2 ^= mix2(binary.LittleEndian.Uint64(tail[8:]))
		h2 = (bits.RotateLeft64(h2, 31)+h1)*5 + 0x38495ab5
	}
	// Bytes of the tail are signed in Cassandra: one of 0x80 or more flips all bits above it.
	if len(tail) > 8 {
		h2 ^= mix2(signedTail(tail[8:]))
	}
	if len(tail) > 0 {
		h1 ^= mix1(signedTail(tail[:min(len(tail), 8)]))
	}
	n := uint64(len(key))
	h1, h2 = h1^n, h2^n
	h1 += h2
	h2 += h1
	return int64(finish(h1) + finish(h2))
}

func signedTail(tail []byte) uint64 {
	var k uint64
	for i, c := range tail {
		k ^= uint64(int64(int8(c))) << (8 * i)
	}
	return k
}

func mix1(k uint64) uint64 { return bits.RotateLeft64(k*c1, 31) * c2 }

func mix2(k uint64) uint64 { return bits.RotateLeft64(k*c2, 33) * c1 }

func finish(k uint64) uint64 {
	k = (k ^ k>>33) * 0xff51afd7ed558ccd
	k = (k ^ k>>33) * 0xc4ceb9fe1a85ec53
	return k ^ k>>33
}
