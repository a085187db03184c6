package memtable

import (
	"fmt"
	"sync"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// blocks yields the rows of columns a chunk at a time. Values of fixed width are not copied.
type blocks struct {
	run   *columnRun
	next  int // how many chunks are done
	block mutation.Block
	made  *made // nil: at the end
}

// made is the memory for what does not lie in the arena as a vector needs it. It goes from reader to reader.
type made struct {
	piece      piece
	keys       []mutation.Vector
	columns    []mutation.Vector
	timestamps []int64
	ends       []int64
	ttls       []int32
	sequences  []uint64
	value      []byte
	extras     []extras   // of columns
	reversed   [][]uint64 // words of clustering and columns, turned around
}

var madeBefore = sync.Pool{New: func() any { return new(made) }}

// newMade returns memory for so many columns.
func newMade(clustering, columns int) *made {
	m := madeBefore.Get().(*made)
	m.keys = longer(m.keys, clustering)
	m.columns, m.extras = longer(m.columns, columns), longer(m.extras, columns)
	m.reversed = longer(m.reversed, clustering+columns)
	return m
}

func longer[T any](s []T, n int) []T {
	s = s[:cap(s)]
	if len(s) < n {
		s = append(s, make([]T, n-len(s))...)
	}
	return s[:n]
}

// keptBytesMax is how much memory of byte strings waits for the next reader.
const keptBytesMax = 1 << 20

// free lets another reader have the memory.
func (m *made) free() {
	size := 0
	for _, vectors := range [][]mutation.Vector{m.keys, m.columns} {
		for i := range vectors {
			vectors[i].Words = nil // of an arena
			size += cap(vectors[i].Data)
		}
	}
	m.piece.forget()
	if size <= keptBytesMax {
		madeBefore.Put(m)
	}
}

// Next implements mutation.BlockSource.
func (b *blocks) Next() (*mutation.Block, error) {
	if b.made == nil {
		return nil, nil
	}
	if b.next == b.run.count() {
		b.made.free()
		b.made = nil
		return nil, nil
	}
	s, p, m := b.run.partition.shape, &b.made.piece, b.made
	newer := b.next
	if b.run.upward {
		newer = b.run.count() - 1 - b.next
	}
	p.load(b.run.partition, b.run.chunks[newer])
	b.next++
	b.block = mutation.Block{Rows: p.rows, Live: p.live}
	b.block.Timestamps, m.timestamps = p.timestamps.ints(p.rows, m.timestamps)
	if !p.allForever() {
		b.block.ExpiresAt, m.ends = p.ends.ints(p.rows, m.ends)
	}
	if p.ttls.words != nil || p.ttls.same != 0 {
		m.ttls = p.appendTTLs(m.ttls[:0], 0, p.rows)
		b.block.TTLs = m.ttls
	}
	if s.law == mutation.BySequence {
		b.block.Sequences, m.sequences = p.own.unsigned(p.rows, m.sequences)
	}
	for k := range s.columns {
		m.fillColumn(&m.columns[k], s.columns[k], &p.columns[k], 0, p.rows)
	}
	if err := m.fillKeys(s, p, 0, p.rows); err != nil {
		return nil, fmt.Errorf("memtable of %s: %w", b.run.partition.table.Name, err)
	}
	b.block.Columns, b.block.Clustering = m.columns, m.keys
	return &b.block, nil
}

// unsigned returns the words of n rows; buffer is for those that are all the same.
func (s *series) unsigned(n int, buffer []uint64) (words, kept []uint64) {
	if s.words != nil {
		return s.words[:n], buffer
	}
	buffer = buffer[:0]
	for range n {
		buffer = append(buffer, s.same)
	}
	return buffer, buffer
}

// ints is unsigned for integers.
func (s *series) ints(n int, buffer []int64) (words, kept []int64) {
	if s.words != nil {
		return asInts(s.words[:n]), buffer
	}
	buffer = buffer[:0]
	for range n {
		buffer = append(buffer, int64(s.same))
	}
	return buffer, buffer
}

// appendTTLs appends the TTLs of rows.
func (p *piece) appendTTLs(dst []int32, from, to int) []int32 {
	for i := from; i < to; i++ {
		dst = append(dst, int32(p.ttls.at(i)))
	}
	return dst
}

// fillColumn makes v the values of rows [from, to) of a column; the words of v are not its own.
func (m *made) fillColumn(v *mutation.Vector, c mutation.Column, values *pieceColumn, from, to int) {
	v.Physical, v.Width, v.Words = c.Physical, c.Width, nil
	v.Present = nil
	switch {
	case values.words == nil:
		v.Present = zeros[:(to-from+63)/64]
	case values.present != nil:
		v.Present = values.present // of a batch, replaced by the caller
	}
	if c.Physical != mutation.PhysicalBytes {
		if v.Words = zeros[:to-from]; values.words != nil {
			v.Words = values.words[from:to]
		}
		return
	}
	v.Width = 0
	v.Data, v.Offsets = v.Data[:0], append(v.Offsets[:0], 0)
	var buf [8]byte
	for i := from; i < to; i++ {
		if values.has(i) {
			v.Data = append(v.Data, bytesOf(values.words[i], &buf)...)
		}
		v.Offsets = append(v.Offsets, uint32(len(v.Data)))
	}
}

// fillKeys makes m.keys the clustering of rows [from, to).
func (m *made) fillKeys(s *shape, p *piece, from, to int) error {
	if s.timed {
		v := &m.keys[0]
		v.Physical, v.Width, v.Words = mutation.PhysicalInt, 8, p.keys[from:to]
		return nil
	}
	for k, c := range s.clustering {
		m.keys[k].Reset(mutation.PhysicalOf(c.Type))
	}
	var buf [8]byte
	for i := from; i < to; i++ {
		if err := m.appendKey(s.clustering, bytesOf(p.keys[i], &buf)); err != nil {
			return err
		}
	}
	return nil
}

// appendKey appends the columns of a clustering.
func (m *made) appendKey(layout clustering.Layout, key []byte) error {
	rest := key
	for k, c := range layout {
		if len(rest) == 0 {
			return fmt.Errorf("clustering 0x%x ends after %d columns: %w", key, k, mutation.ErrCorrupt)
		}
		var err error
		if m.value, rest, err = c.AppendDecoded(m.value[:0], rest); err != nil {
			return fmt.Errorf("clustering 0x%x: %w", key, err)
		}
		m.keys[k].Append(m.value)
	}
	if len(rest) != 0 {
		return fmt.Errorf("clustering 0x%x goes on after %d columns: %w", key, len(layout), mutation.ErrCorrupt)
	}
	return nil
}
