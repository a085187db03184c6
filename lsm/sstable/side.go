package sstable

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// Flags of side data; on disk: never reuse.
const (
	sideDeletion   = 1
	sideStatic     = 2
	sideFlagsKnown = 3
)

func appendSide(dst []byte, side *mutation.Side) []byte {
	var flags byte
	if !side.Deletion.IsNone() {
		flags |= sideDeletion
	}
	if side.Static != nil {
		flags |= sideStatic
	}
	dst = append(dst, flags)
	if flags&sideDeletion != 0 {
		dst = appendDeletion(dst, side.Deletion)
	}
	if flags&sideStatic != 0 {
		dst = appendStatic(dst, side.Static)
	}
	dst = binary.AppendUvarint(dst, uint64(len(side.Ranges)))
	for _, r := range side.Ranges {
		dst = clustering.AppendBound(dst, r.Slice.Start)
		dst = clustering.AppendBound(dst, r.Slice.End)
		dst = appendDeletion(dst, r.Deletion)
	}
	return dst
}

func appendDeletion(dst []byte, d mutation.Deletion) []byte {
	return binary.AppendVarint(binary.AppendVarint(dst, d.MarkedAt), d.LocalSec)
}

func (c *cursor) deletion() mutation.Deletion {
	d := mutation.Deletion{MarkedAt: c.varint(), LocalSec: c.varint()}
	if d.IsNone() {
		c.fail()
	}
	return d
}

// Flags of a static row; on disk: never reuse.
const (
	staticLiveness   = 1
	staticDeletion   = 2
	staticComplex    = 4 // a kind in front of every cell
	staticFlagsKnown = 7
)

func appendStatic(dst []byte, row *mutation.Row) []byte {
	dst = binary.AppendUvarint(dst, row.Sequence)
	var flags byte
	if !row.Live.IsNone() {
		flags |= staticLiveness
	}
	if !row.Deletion.IsNone() {
		flags |= staticDeletion
	}
	if slices.ContainsFunc(row.Cells, func(c mutation.Cell) bool { return c.Complex }) {
		flags |= staticComplex
	}
	dst = append(dst, flags)
	if flags&staticLiveness != 0 {
		dst = binary.AppendVarint(dst, row.Live.Timestamp)
		dst = binary.AppendVarint(dst, int64(row.Live.TTL))
		dst = binary.AppendVarint(dst, row.Live.ExpiresAt)
	}
	if flags&staticDeletion != 0 {
		dst = appendDeletion(dst, row.Deletion)
	}
	dst = binary.AppendUvarint(dst, uint64(len(row.Cells)))
	for i := range row.Cells {
		cell := &row.Cells[i]
		dst = binary.AppendUvarint(dst, uint64(cell.Column))
		if flags&staticComplex != 0 {
			dst = append(dst, kindOf(cell))
		}
		if !cell.Complex {
			dst = binary.AppendVarint(dst, cell.Timestamp)
			dst = binary.AppendVarint(dst, int64(cell.TTL))
			dst = binary.AppendVarint(dst, cell.ExpiresAt)
		}
		dst = appendBytes(dst, cell.Value)
	}
	return dst
}

// Kinds of a static cell; on disk: never reuse.
const (
	staticCellSimple  = 0
	staticCellComplex = 1 // of a multi-cell column: its value says all else
)

func kindOf(c *mutation.Cell) byte {
	if c.Complex {
		return staticCellComplex
	}
	return staticCellSimple
}

func (c *cursor) static() *mutation.Row {
	row := &mutation.Row{Sequence: c.uvarint()}
	flags := c.byte()
	if flags&^byte(staticFlagsKnown) != 0 {
		c.fail()
	}
	if flags&staticLiveness != 0 {
		row.Live = mutation.Liveness{Timestamp: c.varint(), TTL: c.ttl(), ExpiresAt: c.varint()}
	}
	if flags&staticDeletion != 0 {
		row.Deletion = c.deletion()
	}
	row.Cells = make([]mutation.Cell, c.count(5))
	for i := range row.Cells {
		row.Cells[i] = c.staticCell(flags)
		if i > 0 && row.Cells[i-1].Column >= row.Cells[i].Column {
			c.fail()
		}
	}
	return row
}

// staticCell reads a cell of a static row with those flags.
func (c *cursor) staticCell(flags byte) mutation.Cell {
	cell := mutation.Cell{Column: mutation.ColumnID(c.upTo(1<<32 - 1))}
	if flags&staticComplex != 0 && c.upTo(staticCellComplex) == staticCellComplex {
		whole, err := mutation.ComplexCell(cell.Column, c.bytes())
		if err != nil {
			c.fail()
		}
		return whole
	}
	cell.Timestamp, cell.TTL, cell.ExpiresAt = c.varint(), c.ttl(), c.varint()
	if cell.Value = c.bytes(); cell.IsTombstone() {
		cell.Value = nil
	}
	return cell
}

func (c *cursor) ttl() int32 {
	v := c.varint()
	if int64(int32(v)) != v {
		c.fail()
	}
	return int32(v)
}

func (c *cursor) bound() clustering.Bound {
	b, rest, err := clustering.DecodeBound(c.src)
	if err != nil {
		c.fail()
		return clustering.Bound{}
	}
	c.src = rest
	return b
}

// decodeSide decodes the side data of one partition. Values are part of src.
func decodeSide(src []byte) (*mutation.Side, error) {
	c := cursor{src: src}
	side := &mutation.Side{}
	flags := c.byte()
	if flags&sideDeletion != 0 {
		side.Deletion = c.deletion()
	}
	if flags&sideStatic != 0 {
		side.Static = c.static()
	}
	if n := c.count(6); n > 0 {
		side.Ranges = make([]mutation.RangeTombstone, n)
	}
	for i := range side.Ranges {
		r := &side.Ranges[i]
		r.Slice = clustering.Slice{Start: c.bound(), End: c.bound()}
		r.Deletion = c.deletion()
	}
	if c.bad || len(c.src) != 0 || flags&^byte(sideFlagsKnown) != 0 {
		return nil, fmt.Errorf("side data does not decode")
	}
	return side, nil
}
