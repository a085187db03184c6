package sstable

import (
	"bytes"

	"github.com/eskerdb/esker/internal/invariants"
	"github.com/eskerdb/esker/lsm/encoding"
	"github.com/eskerdb/esker/mutation"
)

// copyRowsMin is how many rows a group needs to be copied: smaller ones are better joined.
const copyRowsMin = groupRowsMax / 2

// appendEncoded appends a block that a file of the same columns yielded as it is encoded there, if that is as good as to encode
// it again; false: it has to be. Checksums are checked.
func (w *Writer) appendEncoded(b *mutation.Block) (bool, error) {
	from, ok := b.Origin.(*blockSource)
	if !ok || b != &from.block {
		return false, nil
	}
	d, s := from.walk.d, &from.span
	if !w.canCopy(d, s) {
		return false, nil
	}
	if w.rows > 0 && bytes.Compare(w.clustering, s.first) >= 0 {
		invariants.Check(false, "table file: row %x after %x", s.first, w.clustering)
	}
	if open := w.group.group.rows; open > 0 {
		if w.rows > 0 && open < copyRowsMin {
			return true, w.evenOut(b)
		}
		if err := w.closeGroup(); err != nil {
			return true, err
		}
	}
	return true, w.copyGroup(d, s)
}

// canCopy reports whether the open group of d can be part of this file as it is.
func (w *Writer) canCopy(d *decoder, s *span) bool {
	g := d.group
	if g.flags&groupPlain == 0 || g.rows < copyRowsMin || s.to-s.from != g.rows || d.r.statistics == nil || d.r.info.Table != w.opts.Table.ID {
		return false
	}
	if w.opts.Effort == encoding.Final && g.flags&groupFinal == 0 {
		return false
	}
	for i := range g.chunks {
		c := &g.chunks[i]
		if roleName(c.role) == "" || c.role == roleValue && !w.has(d.r, mutation.ColumnID(c.number)) {
			return false
		}
	}
	return true
}

// has reports whether the file that is written has a column of r.
func (w *Writer) has(r *Reader, id mutation.ColumnID) bool {
	place := r.place(id)
	if place < 0 {
		return false
	}
	for _, c := range w.group.columns {
		if c.column == r.columns[place] {
			return true
		}
	}
	return false
}

// evenOut makes row groups of at least copyRowsMin rows of those in the open one, which are fewer, and those of a
// block: so a short end of one file does not stay a short group for ever, and what follows can be copied.
func (w *Writer) evenOut(b *mutation.Block) error {
	cut := b.Rows
	if total := w.group.group.rows + b.Rows; total > groupRowsMax {
		cut = total/2 - w.group.group.rows
	}
	for _, r := range []rowRange{{0, cut}, {cut, b.Rows}} {
		if r.from == r.to {
			continue
		}
		if err := w.appendRows(b, r.from, r.to); err != nil {
			return err
		}
		if err := w.closeGroup(); err != nil {
			return err
		}
	}
	return nil
}

// copyGroup appends the open group of d, whose rows are those of the span.
func (w *Writer) copyGroup(d *decoder, s *span) error {
	known, err := d.r.record(d.r.statistics, uint64(s.group))
	if err != nil {
		return err
	}
	cells, err := d.checkGroup(&w.info)
	if err != nil {
		return err
	}
	w.beginRows()
	g := *d.group
	g.offset = w.offset()
	g.bounds = groupBounds{first: s.first, last: s.last}
	w.buffer = append(w.buffer, d.raw...)
	w.statistics.data = append(w.statistics.data, known...)
	w.rows += int64(g.rows)
	w.clustering = append(w.clustering[:0], s.last...)
	w.info.Rows += int64(g.rows)
	w.sizes.add(g.rows, 0)
	w.info.Cells += int64(cells)
	w.info.addTimestamp(g.minTimestamp)
	w.info.addTimestamp(g.maxTimestamp)
	w.info.addEnd(g.minEnd)
	w.info.addEnd(g.maxEnd)
	return w.endGroup(&g)
}

// checkGroup reads the open group whole, checks its checksums, returns how many values it has, and adds its sequences to what is
// known of a file.
func (d *decoder) checkGroup(info *Info) (cells int, err error) {
	if err := d.readWhole(); err != nil {
		return 0, err
	}
	c := d.memory.chunk()
	for i := range d.group.chunks {
		ref := &d.group.chunks[i]
		if err := c.open(d.bytesOf(ref), d.group.rows); err != nil {
			return 0, d.brokenChunk(ref, err)
		}
		switch ref.role {
		case roleValue:
			cells += c.count
		case roleSequence:
			if err := d.decode(c, 0, d.group.rows); err != nil {
				return 0, err
			}
			for _, word := range c.words {
				info.addSequence(word)
			}
		}
	}
	return cells, nil
}
