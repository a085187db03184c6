package mutation

import (
	"encoding/binary"
	"math"

	"github.com/eskerdb/esker/clustering"
)

// reader consumes encoded bytes. After the first thing that does not fit it is bad and
// yields zeros, so that a decoder can look once at the end.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) fail() {
	r.src, r.bad = nil, true
}

func (r *reader) byte() byte {
	if len(r.src) == 0 {
		r.fail()
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	if len(r.src) > 0 && r.src[0] < 0x80 {
		b := r.src[0]
		r.src = r.src[1:]
		return uint64(b)
	}
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.src = r.src[n:]
	return v
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// upTo reads an unsigned number of at most most.
func (r *reader) upTo(most uint64) uint64 {
	v := r.uvarint()
	if v > most {
		r.fail()
		return 0
	}
	return v
}

// bytes reads a length and that many bytes. They are part of the source.
func (r *reader) bytes() []byte { return r.take(r.uvarint()) }

// take reads n bytes. They are part of the source.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.src)) {
		r.fail()
		return nil
	}
	out := r.src[:n:n]
	r.src = r.src[n:]
	return out
}

// end reads an end of life: Forever is stored as 0, everything else as itself.
func (r *reader) end() int64 {
	v := r.upTo(math.MaxInt64 - 1)
	if v == 0 {
		return Forever
	}
	return int64(v)
}

func appendEnd(dst []byte, end int64) []byte {
	if end == Forever {
		return append(dst, 0)
	}
	return binary.AppendUvarint(dst, uint64(end))
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func (r *reader) bound() clustering.Bound {
	b, rest, err := clustering.DecodeBound(r.src)
	if err != nil || len(b.Prefix) > keyBytesMax {
		r.fail()
		return clustering.Bound{}
	}
	r.src = rest
	return b
}
