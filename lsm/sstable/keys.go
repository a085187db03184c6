package sstable

import (
	"bytes"
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

// split appends the serialized value of each column of a sortable key to dst. The values lie in data, which is returned, too.
func (k *keyCodec) split(dst [][]byte, data, key []byte) ([][]byte, []byte, error) {
	rest := key
	for i, c := range k.layout {
		if len(rest) == 0 {
			return dst, data, fmt.Errorf("clustering of %d columns where %d belong", i, len(k.layout))
		}
		at := len(data)
		var err error
		if data, rest, err = c.AppendDecoded(data, rest); err != nil {
			return dst, data, fmt.Errorf("clustering column %d: %w", i+1, err)
		}
		dst = append(dst, data[at:])
	}
	if len(rest) != 0 {
		return dst, data, fmt.Errorf("%d bytes behind the clustering", len(rest))
	}
	return dst, data, nil
}

// appendRow appends the sortable key of row i of the vectors, which all rows have a value in.
func (k *keyCodec) appendRow(dst []byte, vectors []mutation.Vector, i int) []byte {
	for n := range vectors {
		v := &vectors[n]
		if v.Physical == mutation.PhysicalBytes {
			dst = k.append(dst, n, v.Data[v.Offsets[i]:v.Offsets[i+1]])
			continue
		}
		var value [8]byte
		dst = k.append(dst, n, v.AppendValue(value[:0], i))
	}
	return dst
}

// isSingleWord reports whether keys are a single column of eight bytes, whose words have the order of the keys.
func (k *keyCodec) isSingleWord() bool {
	return len(k.columns) == 1 && k.columns[0].physical == mutation.PhysicalInt && k.columns[0].width == 8
}

// disorder returns the first of rows [from, to) that is not above the one before; -1: there is none.
func (k *keyCodec) disorder(vectors []mutation.Vector, from, to int) int {
	if k.isSingleWord() && vectors[0].Physical == mutation.PhysicalInt {
		flip := uint64(0)
		if k.layout[0].Desc {
			flip = ^flip
		}
		words := vectors[0].Words[from:to]
		for i := 1; i < len(words); i++ {
			if int64(words[i-1]^flip) >= int64(words[i]^flip) {
				return from + i
			}
		}
		return -1
	}
	var last, key []byte
	for i := from; i < to; i++ {
		if key = k.appendRow(key[:0], vectors, i); i > from && bytes.Compare(last, key) >= 0 {
			return i
		}
		last, key = key, last
	}
	return -1
}

// append appends the sortable bytes of the value of column i.
func (k *keyCodec) append(dst []byte, i int, value []byte) []byte {
	return k.layout[i].Append(dst, value)
}
