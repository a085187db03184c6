package sstable

import (
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// keyCodec takes clustering keys apart into columns and puts them together again.
type keyCodec struct {
	layout  clustering.Layout
	columns []keyColumn
}

// keyColumn is how a clustering column lies in a vector.
type keyColumn struct {
	physical mutation.Physical
	width    int
}

func newKeyCodec(layout clustering.Layout) *keyCodec {
	k := &keyCodec{layout: layout, columns: make([]keyColumn, len(layout))}
	for i, c := range layout {
		k.columns[i].physical, k.columns[i].width = mutation.PhysicalOf(c.Type)
	}
	return k
}

// split appends the serialized value of each column of a sortable key.
func (k *keyCodec) split(dst [][]byte, key []byte) ([][]byte, error) {
	rest := key
	for i, c := range k.layout {
		if len(rest) == 0 {
			return dst, fmt.Errorf("clustering of %d columns where %d belong", i, len(k.layout))
		}
		value, after, err := c.Decode(rest)
		if err != nil {
			return dst, fmt.Errorf("clustering column %d: %w", i+1, err)
		}
		dst, rest = append(dst, value), after
	}
	if len(rest) != 0 {
		return dst, fmt.Errorf("%d bytes behind the clustering", len(rest))
	}
	return dst, nil
}

// append appends the sortable bytes of the value of column i.
func (k *keyCodec) append(dst []byte, i int, value []byte) []byte {
	return k.layout[i].Append(dst, value)
}
