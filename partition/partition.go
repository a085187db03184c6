// Package partition knows partition keys: their bytes, their token, the order of partitions, ranges of
// tokens, and the time buckets by which a partition's rows are split.
//
// Keys and tokens are Cassandra's, bit for bit, because drivers compute them too. The package does not know
// tables, clusterings, files or the clock.
package partition

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/cql/types"
)

// KeyBytesMax is how long a serialized partition key may be, and a component of it.
const KeyBytesMax = 65535

// DecoratedKey is a partition key with its token.
type DecoratedKey struct {
	Token Token
	Key   []byte
}

// Decorate computes the token of a key.
func Decorate(key []byte) DecoratedKey { return DecoratedKey{Token: TokenOf(key), Key: key} }

// Compare orders partitions: by token, then by the bytes of the key.
func (k DecoratedKey) Compare(o DecoratedKey) int {
	if c := cmp.Compare(k.Token, o.Token); c != 0 {
		return c
	}
	return bytes.Compare(k.Key, o.Key)
}

// Equal reports whether both are the same key.
func (k DecoratedKey) Equal(o DecoratedKey) bool {
	return k.Token == o.Token && bytes.Equal(k.Key, o.Key)
}

// String is the token and the key in hex, for logs and tests: `-7@0xcafe`.
func (k DecoratedKey) String() string { return fmt.Sprintf("%d@0x%x", int64(k.Token), k.Key) }

// Invalid is why a partition key is refused, in Cassandra's words.
type Invalid string

// Error returns the reason.
func (e Invalid) Error() string { return string(e) }

// Layout is the types of the columns of a partition key.
type Layout []*types.Type

// Encode serializes the values of all columns: of a single column its bytes, of several
// each as its length in two bytes, its bytes and a zero. The key of a single column shares memory with its value.
func (l Layout) Encode(values [][]byte) ([]byte, error) {
	key, _, err := l.Append(nil, values)
	return key, err
}

// Append is Encode into a buffer: the key of several columns is appended to dst, that of a single one still shares memory with its value.
func (l Layout) Append(dst []byte, values [][]byte) (key, out []byte, err error) {
	if len(values) != len(l) {
		return nil, dst, fmt.Errorf("partition key has %d columns, not %d", len(l), len(values))
	}
	size := 0
	for _, v := range values {
		if v == nil {
			return nil, dst, Invalid("Invalid null value in a partition key column")
		}
		size += len(v)
	}
	if len(l) == 1 {
		if size == 0 {
			return nil, dst, Invalid("Key may not be empty")
		}
		return values[0], dst, checkLength(size)
	}
	size += 3 * len(values)
	if err := checkLength(size); err != nil {
		return nil, dst, err
	}
	from := len(dst)
	dst = slices.Grow(dst, size)
	for _, v := range values {
		dst = append(append(binary.BigEndian.AppendUint16(dst, uint16(len(v))), v...), 0)
	}
	return dst[from:len(dst):len(dst)], dst, nil
}

func checkLength(n int) error {
	if n > KeyBytesMax {
		return Invalid(fmt.Sprintf("Key length of %d is longer than maximum of %d", n, KeyBytesMax))
	}
	return nil
}

// Decode returns the values of a key, which share its memory. It does not validate them.
func (l Layout) Decode(key []byte) ([][]byte, error) {
	if len(l) == 1 {
		return [][]byte{key}, nil
	}
	values := make([][]byte, len(l))
	rest := key
	for i := range l {
		if len(rest) < 3 {
			return nil, fmt.Errorf("partition key 0x%x: column %d of %d is missing", key, i+1, len(l))
		}
		n := int(binary.BigEndian.Uint16(rest))
		if len(rest) < 3+n || rest[2+n] != 0 {
			return nil, fmt.Errorf("partition key 0x%x: column %d of %d does not end where it says", key, i+1, len(l))
		}
		values[i], rest = rest[2:2+n:2+n], rest[3+n:]
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("partition key 0x%x: %d bytes after its %d columns", key, len(rest), len(l))
	}
	return values, nil
}
