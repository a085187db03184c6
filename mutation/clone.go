package mutation

import (
	"bytes"
	"slices"
)

// Clone copies a row that is valid only until its source moves on.
func (r *Row) Clone() *Row {
	out := *r
	out.Clustering = bytes.Clone(r.Clustering)
	out.Cells = slices.Clone(r.Cells)
	for i := range out.Cells {
		out.Cells[i].Value = bytes.Clone(out.Cells[i].Value)
	}
	return &out
}

// cellBytes is about what a cell takes beside its value.
const cellBytes = 56

// Bytes is about how much memory a row takes.
func (r *Row) Bytes() int {
	n := len(r.Clustering) + cellBytes
	for i := range r.Cells {
		n += len(r.Cells[i].Value) + cellBytes
	}
	return n
}
