package clustering

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/cql/types"
)

// Side says on which side of all that starts with a prefix a Bound lies.
type Side uint8

const (
	// SideBefore is just before everything that starts with the prefix.
	SideBefore Side = 1 // stored: never reuse
	// SideAfter is just after everything that starts with the prefix.
	SideAfter Side = 2 // stored: never reuse
)

// Bound is a point between rows, never on one: just before or just after everything whose clustering starts with
// Prefix, the encoding of none to all columns. The zero value is Before(nil): before every row.
type Bound struct {
	Prefix []byte
	Side   Side
}

// Before is the point just before everything that starts with prefix. Before(nil) is before every row.
func Before(prefix []byte) Bound { return Bound{Prefix: prefix, Side: SideBefore} }

// After is the point just after everything that starts with prefix. After(nil) is after every row.
func After(prefix []byte) Bound { return Bound{Prefix: prefix, Side: SideAfter} }

// Compare orders bounds by where they lie. Bounds of one place are equal.
func (b Bound) Compare(o Bound) int {
	n := min(len(b.Prefix), len(o.Prefix))
	if c := bytes.Compare(b.Prefix[:n], o.Prefix[:n]); c != 0 {
		return c
	}
	// One prefix starts with the other, or they are the same. The shorter one lies outside of all that starts
	// with it, so its side decides; columns are self-delimiting, so this is not an accident of bytes.
	switch {
	case len(b.Prefix) == len(o.Prefix):
		return cmp.Compare(b.side(), o.side())
	case len(b.Prefix) < len(o.Prefix):
		return b.side()
	default:
		return -o.side()
	}
}

// CompareKey is −1 if the point lies before the row with that full clustering, +1 if it lies after it.
func (b Bound) CompareKey(key []byte) int {
	n := min(len(b.Prefix), len(key))
	if c := bytes.Compare(b.Prefix[:n], key[:n]); c != 0 {
		return c
	}
	if len(b.Prefix) > len(key) {
		return 1
	}
	return b.side()
}

func (b Bound) side() int {
	if b.Side == SideAfter {
		return 1
	}
	return -1
}

// AppendBytes appends bytes whose plain order among each other and among full clusterings is that of Compare and
// CompareKey: the prefix, and 0xFF if the point lies after it. The prefix itself equals the clustering of a row
// that it names whole, so such a Before ties with its row: a tie must be read as before.
func (b Bound) AppendBytes(dst []byte) []byte {
	dst = append(dst, b.Prefix...)
	if b.Side == SideAfter {
		dst = append(dst, 0xFF)
	}
	return dst
}

// Clone is a copy that shares no memory.
func (b Bound) Clone() Bound { return Bound{Prefix: bytes.Clone(b.Prefix), Side: b.Side} }

// String is the point with its prefix in hex: `<0x02ff` before, `>0x02ff` after.
func (b Bound) String() string {
	if b.Side == SideAfter {
		return fmt.Sprintf(">0x%x", b.Prefix)
	}
	return fmt.Sprintf("<0x%x", b.Prefix)
}

// AppendBound appends the stored form of a bound: the side, the length of the prefix, the prefix.
func AppendBound(dst []byte, b Bound) []byte {
	side := SideBefore
	if b.Side == SideAfter {
		side = SideAfter
	}
	dst = binary.AppendUvarint(append(dst, byte(side)), uint64(len(b.Prefix)))
	return append(dst, b.Prefix...)
}

// DecodeBound reads what AppendBound wrote. The prefix shares memory with src.
func DecodeBound(src []byte) (b Bound, rest []byte, err error) {
	if len(src) == 0 || src[0] != byte(SideBefore) && src[0] != byte(SideAfter) {
		return Bound{}, nil, fmt.Errorf("clustering bound: side: %w", types.ErrCorrupt)
	}
	n, used := binary.Uvarint(src[1:])
	rest = src[1+max(used, 0):]
	if used <= 0 || n > uint64(len(rest)) {
		return Bound{}, nil, fmt.Errorf("clustering bound: length: %w", types.ErrCorrupt)
	}
	return Bound{Prefix: rest[:n:n], Side: Side(src[0])}, rest[n:], nil
}
