package sstable

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Verify reads the whole file and checks what reading a part of it does not: the checksum of every block and chunk, that each
// decodes, that together they are the file, that partitions and rows are in order, where and as many as the
// metadata says, and that statistics are those of the rows. It returns the first thing wrong. What the cache has is not trusted.
func (r *Reader) Verify() error {
	v := verifier{r: r, d: r.newDecoder()}
	v.d.number, v.d.ahead = -1, readAhead{} // what is in memory already says nothing of the file
	defer v.d.release()
	for _, check := range []func() error{v.layout, v.profile, v.index, v.end} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// VerifyAll is Verify that goes on: behind the first thing wrong it checks every row group by itself, and
// reports each error once. It returns whether the file is sound.
func (r *Reader) VerifyAll(report func(error)) bool {
	first := r.Verify()
	if first == nil {
		return true
	}
	report(first)
	known := map[string]bool{first.Error(): true}
	v := verifier{r: r, d: r.newDecoder()}
	defer v.d.release()
	for n := range r.groupCount() {
		v.d.number = -1
		if err := v.open(n); err != nil && !known[err.Error()] {
			known[err.Error()] = true
			report(err)
		}
	}
	return false
}

// verifier goes through the partitions of a file and their rows.
type verifier struct {
	r          *Reader
	d          *decoder
	partitions int64
	rows       int64
	sides      uint64
	at         position // behind the rows so far
	key        partition.DecoratedKey
	sizes      map[string]int64 // rows of the partitions of the profile that are still to come
	last       []byte           // clustering of the last row of the partition
}

// layout checks that row groups and blocks lie back to back from the header to the sections, and reads all blocks.
func (v *verifier) layout() error {
	r := v.r
	var blocks extents
	err := verifyBlocks(r.contents, r.index, &blocks, func(b *indexBlock) (uint64, int) { return b.first, b.n })
	if err == nil {
		err = verifyBlocks(r.contents, r.directory, &blocks, func(b *directoryBlock) (uint64, int) { return b.first, b.n })
	}
	for _, p := range []*paged[recordBlock]{r.contents.side, r.statistics} {
		if err == nil && p != nil {
			err = verifyBlocks(r.contents, p, &blocks, func(b *recordBlock) (uint64, int) { return b.first, b.n })
		}
	}
	if err == nil {
		err = r.verifyMarks()
	}
	if err != nil {
		return err
	}
	if r.skipped {
		return nil // what belongs to it, a newer program knows
	}
	var g group
	for n := range r.groupCount() {
		if err := r.group(n, &g); err != nil {
			return err
		}
		blocks.add(g.offset, g.length)
	}
	if gap, ok := blocks.tile(headerBytes, r.rowsEnd); !ok {
		return r.corrupt(int64(gap), "bytes that belong to nothing, or to two things", nil)
	}
	return nil
}

// verifyBlocks reads all blocks of a section and checks that they begin as the fences say and have as many entries.
func verifyBlocks[T any](f *contents, p *paged[T], found *extents, of func(*T) (first uint64, n int)) error {
	total := uint64(0)
	for i := range p.firsts {
		block, err := p.read(f, i)
		if err != nil {
			return err
		}
		first, n := of(block)
		if first != p.firsts[i] {
			return f.corrupt(int64(p.offsets[i]), p.what(i)+" does not begin as its fence says", nil)
		}
		total += uint64(n)
		found.add(p.offsets[i], uint64(p.lengths[i]))
	}
	if total != p.total {
		return f.corrupt(int64(f.rowsEnd), fmt.Sprintf("%s of %d entries has %d", p.name, p.total, total), nil)
	}
	return nil
}

// verifyMarks checks what the fences of the directory say of the row groups of each block.
func (f *contents) verifyMarks() error {
	for b := range f.directory.firsts {
		block, err := f.directory.peek(f, b)
		if err != nil {
			return err
		}
		first, _ := block.bounds(0)
		want := directoryFence{minTimestamp: block.minTimestamp.signed(block.src, 0), key: first.first}
		for i := range block.n {
			want.minTimestamp = min(want.minTimestamp, block.minTimestamp.signed(block.src, i))
			want.maxAlive = max(want.maxAlive, block.maxAlive.signed(block.src, i))
		}
		if got := &f.groupMarks[b]; got.minTimestamp != want.minTimestamp || got.maxAlive != want.maxAlive || !bytes.Equal(got.key, want.key) {
			return f.corrupt(int64(f.directory.offsets[b]), f.directory.what(b)+" has other row groups than its fence says", nil)
		}
	}
	return nil
}

// extents are parts of a file.
type extents [][2]uint64 // begin and end

func (e *extents) add(offset, length uint64) { *e = append(*e, [2]uint64{offset, offset + length}) }

// tile reports whether the parts lie back to back from one offset to the other, or where they do not.
func (e extents) tile(from, to uint64) (uint64, bool) {
	slices.SortFunc(e, func(a, b [2]uint64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for _, part := range e {
		if part[0] != from {
			return from, false
		}
		from = part[1]
	}
	return from, from == to
}

// index checks all partitions in the order of the file, and the rows of each.
func (v *verifier) index() error {
	x := v.r.contents.index
	for b := range x.firsts {
		block, err := x.read(v.r.contents, b)
		if err != nil {
			return err
		}
		for i := range block.n {
			key := partition.Decorate(block.appendKey(nil, i))
			if found, ok := block.search(inverted(key.Token), key.Key); !ok || found != i || v.partitions > 0 && v.key.Compare(key) >= 0 {
				return v.corruptIndex(b, "key %d is not where it belongs", i)
			}
			v.key = key
			v.partitions++
			before := v.rows
			if err := v.partition(b, block.entry(i)); err != nil {
				return err
			}
			if err := v.size(v.rows - before); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *verifier) corruptIndex(block int, format string, args ...any) error {
	x := v.r.contents.index
	return v.r.corrupt(int64(x.offsets[block]), x.what(block)+": "+fmt.Sprintf(format, args...), nil)
}

// partition checks the side data and the rows of a partition.
func (v *verifier) partition(block int, e indexEntry) error {
	if err := v.r.checkEntry(block, e); err != nil {
		return err
	}
	if e.side != v.sides {
		return v.corruptIndex(block, "side data %d where %d follows", e.side, v.sides)
	}
	if e.hasSide {
		v.sides++
		if _, err := v.r.sideOf(&e); err != nil {
			return err
		}
	}
	if e.start == e.end {
		return nil
	}
	if e.start != v.at {
		return v.corruptIndex(block, "rows from %d on where those from %d on follow", e.start, v.at)
	}
	p := Partition{r: v.r, at: e}
	v.last = nil
	for g := e.start.group(); g <= e.lastGroup(); g++ {
		if err := v.span(&p, g); err != nil {
			return err
		}
	}
	return nil
}

// span checks the rows that a partition has in a row group.
func (v *verifier) span(p *Partition, number int) error {
	if err := v.open(number); err != nil {
		return err
	}
	if from, to := p.at.start, p.at.end; number == from.group() && number == to.group() && to.row() <= v.d.group.rows {
		// It may lie between others; then the rows alone know its bounds.
		p.first = bytes.Clone(v.d.clustering(from.row()))
		p.last = bytes.Clone(v.d.clustering(to.row() - 1))
	}
	s, err := p.spanOf(number)
	if err != nil {
		return err
	}
	if b := &v.d.group.bounds; v.d.group.flags&groupShared != 0 && (bytes.Compare(s.first, b.low) < 0 || bytes.Compare(s.last, b.high) > 0) {
		return v.d.corrupt("rows %d to %d lie beyond the bounds of all that the directory has", s.from, s.to)
	}
	for i := s.from; i < s.to; i++ {
		key := v.d.clustering(i)
		if v.last != nil && bytes.Compare(v.last, key) >= 0 {
			return v.d.corrupt("row %d is not above the one before", i)
		}
		if i == s.from && !bytes.Equal(key, s.first) || i == s.to-1 && !bytes.Equal(key, s.last) {
			return v.d.corrupt("row %d is not the bound that the directory has", i)
		}
		v.last = append(v.last[:0], key...)
		if v.last == nil {
			v.last = []byte{} // of a table without clustering
		}
	}
	v.rows += int64(s.to - s.from)
	v.at = position(number*groupRowsMax + s.to)
	if s.to == v.d.group.rows {
		v.at = position((number + 1) * groupRowsMax)
	}
	return nil
}

// open turns to a row group and checks all of it, unless that is done.
func (v *verifier) open(number int) error {
	d := v.d
	if d.number == number {
		return nil
	}
	if err := d.open(number); err != nil {
		return err
	}
	if err := d.verifyChunks(); err != nil {
		return err
	}
	if err := d.verifyStatistics(); err != nil {
		return err
	}
	return d.verifyEntry()
}

// verifyChunks decodes all chunks of the open group, also those that no column of the table asks for.
func (d *decoder) verifyChunks() error {
	if err := d.readWhole(); err != nil {
		return err
	}
	var c chunk
	for i := range d.group.chunks {
		ref := &d.group.chunks[i]
		src := d.bytesOf(ref)
		_, err := chunkBody(src)
		if err == nil && roleName(ref.role) != "" { // what an unknown role means, a newer program knows
			if err = c.open(src, d.group.rows); err == nil {
				err = c.decode(0, d.group.rows)
			}
		}
		if err != nil {
			return d.brokenChunk(ref, err)
		}
	}
	return d.loadAll()
}

// verifyStatistics computes the statistics of the open group again, as far as the table still has its columns.
func (d *decoder) verifyStatistics() error {
	d.wantSystem(roleAlive)
	if err := d.fetch(); err != nil {
		return err
	}
	if err := d.decodeAll(0, d.group.rows); err != nil {
		return err
	}
	if d.r.statistics == nil {
		return nil
	}
	for k, column := range d.r.columns {
		var stored GroupStatistics
		if err := d.r.columnStatistics(d.number, column.ID, &stored); err != nil {
			return err
		}
		if want, known := d.statisticsOf(k); known != stored.Known || known && want != stored.Column {
			return d.corrupt("column %d has other values than its statistics say", column.ID)
		}
	}
	return nil
}

// verifyEntry checks that the directory says no less of the open group than its rows hold. All of it is decoded.
func (d *decoder) verifyEntry() error {
	g, held := d.group, newInfo()
	var row mutation.Row
	var data []byte
	live := true
	for i := range g.rows {
		var err error
		if data, err = d.row(i, &row, data[:0]); err != nil {
			return err
		}
		held.addRow(&row)
		held.addComplex(&row)
		if err := d.verifyComplex(&row); err != nil {
			return err
		}
		live = live && !row.Live.IsNone()
		if d.endOf(i) > g.maxAlive {
			return d.corrupt("row %d shows longer than the directory says", i)
		}
	}
	has := func(flag byte) bool { return g.flags&flag != 0 }
	if held.MinTimestamp < g.minTimestamp || held.MaxTimestamp > g.maxTimestamp || held.MinExpiresAt < g.minEnd || held.MaxExpiresAt > g.maxEnd {
		return d.corrupt("timestamps or ends beyond those that the directory has")
	}
	if has(groupAllLive) && !live || held.HasRowDeletions && !has(groupRowDeletions) || held.HasCellTombstones && !has(groupTombstones) ||
		held.HasExpiring && !has(groupEnds) || has(groupPlain) && (held.HasRowDeletions || held.HasCellTombstones) {
		return d.corrupt("flags %#x are not those of its rows", g.flags)
	}
	return nil
}

// verifyComplex checks that cells of multi-cell columns decode and say of themselves what is in them.
func (d *decoder) verifyComplex(row *mutation.Row) error {
	for k := range row.Cells {
		c := &row.Cells[k]
		if !c.Complex {
			continue
		}
		whole, err := mutation.ComplexCell(c.Column, c.Value)
		if err != nil {
			return d.corrupt("row %x: column %d: %v", row.Clustering, c.Column, err)
		}
		if whole.Timestamp != c.Timestamp || whole.TTL != c.TTL || whole.ExpiresAt != c.ExpiresAt {
			return d.corrupt("row %x: column %d has other elements than its timestamp %d and end %d say", row.Clustering, c.Column, c.Timestamp, c.ExpiresAt)
		}
	}
	return nil
}

// endOf returns when a row of the open group ends as it is stored; 0 if it never shows.
func (d *decoder) endOf(i int) int64 {
	return d.system[roleAlive].word(i, d.system[roleEnd].word(i, mutation.Forever))
}

// statisticsOf computes the statistics of Reader.columns[k]; known is false if there are none to be had.
func (d *decoder) statisticsOf(k int) (s ColumnStatistics, known bool) {
	column, values := d.r.columns[k], d.columns[k].values
	if values == nil || values.kind != chunkWords || column.Physical == mutation.PhysicalBytes {
		return s, false
	}
	s.Column = column.ID
	for i := range d.group.rows {
		if values.has(i) && d.endOf(i) != 0 {
			s.add(uint64(values.word(i, 0)), column.Physical)
		}
	}
	if !s.HasRange {
		s.Min, s.Max, s.SumLow, s.SumHigh = 0, 0, 0, 0 // what is not known is not stored
	}
	return s, true
}

// end checks what the metadata says of the whole.
func (v *verifier) end() error {
	r := v.r
	if v.at != position(r.groupCount()*groupRowsMax) || v.sides != r.contents.side.total {
		return r.corrupt(int64(r.rowsEnd), "row groups or side data of no partition", nil)
	}
	if v.partitions != r.info.Partitions || v.rows != r.info.Rows {
		return r.corrupt(int64(r.rowsEnd), fmt.Sprintf("%d partitions and %d rows, the metadata has %d and %d",
			v.partitions, v.rows, r.info.Partitions, r.info.Rows), nil)
	}
	if len(v.sizes) > 0 {
		return r.corrupt(int64(r.contents.profile.offset), "profile of partitions that are not there", nil)
	}
	if v.partitions > 0 && !v.key.Equal(r.info.LastKey) {
		return r.corrupt(int64(r.rowsEnd), "another last key than the metadata has", nil)
	}
	return nil
}
