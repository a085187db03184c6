// Package clustering knows the order of rows within a partition: clustering keys as bytes whose plain order is
// the typed order, points between rows, and slices of a partition.
//
// It does not know partitions, names of columns, values of rows, files or the clock.
package clustering

import (
	"fmt"

	"github.com/eskerdb/esker/cql/types"
)

// KeyBytesMax is how long the values of a clustering may be together, and any one of them.
const KeyBytesMax = 65535

// Column is a clustering column.
type Column struct {
	Type *types.Type
	Desc bool
}

// Layout is the clustering columns of a table in order. A table without them has one row a partition, whose
// clustering is no bytes.
type Layout []Column

// Invalid is why a clustering is refused, in Cassandra's words.
type Invalid string

// Error returns the reason.
func (e Invalid) Error() string { return string(e) }

// Append appends the sortable bytes of one value, which must not be null; of a DESC column inverted.
//
// Every column begins with a marker of 0x01 to 0x03 (package types), inverted 0xFC to 0xFE. So 0xFF never begins
// a column, in either direction: a prefix followed by 0xFF sorts after everything that starts with the prefix.
func (c Column) Append(dst, value []byte) []byte {
	at := len(dst)
	dst = c.Type.AppendSortable(dst, value)
	if c.Desc {
		invert(dst[at:])
	}
	return dst
}

// Decode reads the bytes Append wrote and returns what follows them. The value does not share memory with src.
func (c Column) Decode(src []byte) (value, rest []byte, err error) {
	return c.AppendDecoded([]byte{}, src)
}

// AppendDecoded is Decode into a buffer: it appends the value to dst.
func (c Column) AppendDecoded(dst, src []byte) (out, rest []byte, err error) {
	if c.Desc {
		return c.Type.AppendFromInverted(dst, src)
	}
	return c.Type.AppendFromSortable(dst, src)
}

func invert(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

// Encode returns the sortable bytes of a whole clustering, or of its first columns. Null is refused.
func (l Layout) Encode(values [][]byte) ([]byte, error) {
	size := 4 * len(values)
	for _, v := range values {
		size += min(len(v), KeyBytesMax)
	}
	return l.Append(make([]byte, 0, size), values)
}

// Append is Encode into a buffer: it appends to dst.
func (l Layout) Append(dst []byte, values [][]byte) ([]byte, error) {
	if len(values) > len(l) {
		return nil, fmt.Errorf("clustering has %d columns, not %d", len(l), len(values))
	}
	size := 0
	for _, v := range values {
		if v == nil {
			return nil, Invalid("Invalid null value in a clustering column")
		}
		size += len(v)
	}
	if size > KeyBytesMax {
		return nil, Invalid(fmt.Sprintf("Key length of %d is longer than maximum of %d", size, KeyBytesMax))
	}
	for i, v := range values {
		dst = l[i].Append(dst, v)
	}
	return dst, nil
}

// Decode returns the values of an encoded clustering, or of a prefix of one: as many as are there.
func (l Layout) Decode(enc []byte) ([][]byte, error) {
	values := make([][]byte, 0, len(l))
	rest := enc
	for i := 0; len(rest) > 0; i++ {
		if i == len(l) {
			return nil, fmt.Errorf("clustering 0x%x: %d bytes after its %d columns: %w", enc, len(rest), len(l), types.ErrCorrupt)
		}
		var v []byte
		var err error
		if v, rest, err = l[i].Decode(rest); err != nil {
			return nil, fmt.Errorf("clustering 0x%x: column %d: %w", enc, i+1, err)
		}
		values = append(values, v)
	}
	return values, nil
}

// Text is an encoded clustering, or a prefix of one, as CQL literals: `(1, 'a')`. Bytes it cannot read are in hex.
func (l Layout) Text(enc []byte) string {
	values, err := l.Decode(enc)
	if err != nil {
		return fmt.Sprintf("0x%x", enc)
	}
	out := []byte{'('}
	for i, v := range values {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = l[i].Type.AppendLiteral(out, v)
	}
	return string(append(out, ')'))
}

// FirstTimeMillis is the time in an encoded clustering's first column, in milliseconds since 1970: a timestamp, date,
// timeuuid, or a bigint or int of units of so many nanoseconds; 0: a bigint counts milliseconds, and an int is no time.
// ok is false for other types, empty values and an empty prefix.
func (l Layout) FirstTimeMillis(enc []byte, unitNanos int64) (ms int64, ok bool) {
	if len(l) == 0 || len(enc) == 0 {
		return 0, false
	}
	// The longest of these types has a marker and 16 bytes: more need not be looked at.
	var buf [17]byte
	head := buf[:copy(buf[:], enc)]
	if l[0].Desc {
		invert(head)
	}
	return types.SortableTimeMillis(l[0].Type, head, unitNanos)
}
