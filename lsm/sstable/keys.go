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
	values, err := k.layout.Decode(key)
	if err != nil {
		return dst, err
	}
	if len(values) != len(k.columns) {
		return dst, fmt.Errorf("clustering of %d columns where %d belong", len(values), len(k.columns))
	}
	return append(dst, values...), nil
}

// append appends the sortable bytes of the value of column i.
func (k *keyCodec) append(dst []byte, i int, value []byte) []byte {
	return k.layout[i].Append(dst, value)
}
