package planner

import (
	"bytes"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// WriteBuffer is memory that writes are bound into, one statement or several that become one record. The write it holds, and all that
// belongs to it, is valid until Reset; values and, of partition keys of one column, the key stay where the caller has them.
// Rows of one partition that come one after the other become one mutation. The zero value is empty.
type WriteBuffer struct {
	write   Write
	rows    []mutation.Row // of all mutations that were bound here; what is in use is never moved
	open    int            // where in rows those of the last mutation begin, which go on to the end; −1: it takes no more
	statics []mutation.Row
	cells   []mutation.Cell
	keys    []byte
}

// writeCellsKept is how many cells a buffer may have room for and be kept. One of more is given back.
const writeCellsKept = 64 << 10

// Reset empties the buffer. It keeps memory for the next write.
func (b *WriteBuffer) Reset() {
	if cap(b.cells) > writeCellsKept {
		*b = WriteBuffer{}
	}
	b.write = Write{Mutations: b.write.Mutations[:0]}
	b.rows, b.open, b.statics, b.cells, b.keys = b.rows[:0], -1, b.statics[:0], b.cells[:0], b.keys[:0]
}

// Write is what was bound since Reset.
func (b *WriteBuffer) Write() *Write { return &b.write }

// Add adds a write that was bound elsewhere.
func (b *WriteBuffer) Add(w *Write) {
	b.table(w.Table)
	b.write.ReadsFirst = b.write.ReadsFirst || w.ReadsFirst
	for _, c := range w.Changes {
		c.Mutation += len(b.write.Mutations)
		b.write.Changes = append(b.write.Changes, c)
	}
	b.write.Mutations = append(b.write.Mutations, w.Mutations...)
	b.write.Warnings = append(b.write.Warnings, w.Warnings...)
	b.open = -1
}

func (b *WriteBuffer) table(t *schema.Table) {
	if b.write.Table == nil {
		b.write.Table = t
	}
}

// of returns the mutation for a partition: the last one if it takes more rows and is of the same, else a new one.
func (b *WriteBuffer) of(t *schema.Table, key []byte) *mutation.Mutation {
	ms := b.write.Mutations
	if n := len(ms); n > 0 && b.open >= 0 && ms[n-1].Table == t && bytes.Equal(ms[n-1].Key.Key, key) {
		return &ms[n-1].Mutation
	}
	b.table(t)
	b.open = len(b.rows)
	ms = append(ms, Mutation{Table: t, Mutation: mutation.Mutation{Table: t.ID, Key: partition.Decorate(key)}})
	b.write.Mutations = ms
	return &ms[len(ms)-1].Mutation
}

// addRow adds a row to what of has returned last.
func (b *WriteBuffer) addRow(m *mutation.Mutation, row mutation.Row) {
	b.rows = append(b.rows, row)
	m.Rows = b.rows[b.open:len(b.rows):len(b.rows)]
}

// addStatic adds a static row to what of has returned last. It has none.
func (b *WriteBuffer) addStatic(m *mutation.Mutation, row mutation.Row) {
	b.statics = append(b.statics, row)
	m.Static = &b.statics[len(b.statics)-1]
}

// cellsFrom are the cells that were added since there were so many.
func (b *WriteBuffer) cellsFrom(from int) []mutation.Cell {
	return b.cells[from:len(b.cells):len(b.cells)]
}
