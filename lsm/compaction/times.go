package compaction

import (
	"sort"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// BlockTimes tells the event times of the rows of a block, in milliseconds since 1970.
type BlockTimes struct {
	table *mutation.Table
	words []uint64 // units since 1970; nil: times are taken from keys
	unit  int64    // nanoseconds; 0: a millisecond
	block *mutation.Block
	key   []byte
	value []byte
}

// Reset turns to a block of a table.
func (b *BlockTimes) Reset(table *mutation.Table, block *mutation.Block) {
	b.table, b.block, b.words, b.unit = table, block, nil, 0
	v := &block.Clustering[0]
	if v.Physical != mutation.PhysicalInt {
		return
	}
	switch kind := table.Clustering[0].Type.Kind(); {
	case kind == types.KindTimestamp:
		b.words = v.Words
	case kind == types.KindBigint || kind == types.KindInt && table.UnitNanos > 0:
		b.words, b.unit = v.Words, table.UnitNanos
	}
}

// At returns the event time of row i; false if it has none.
func (b *BlockTimes) At(i int) (int64, bool) {
	if b.words != nil {
		return types.UnitMillis(int64(b.words[i]), b.unit), true
	}
	b.value = b.block.Clustering[0].AppendValue(b.value[:0], i)
	b.key = b.table.Clustering[0].Append(b.key[:0], b.value)
	return b.table.EventTime(b.key)
}

// Same returns the first row behind from whose time does not lie between low and high, both included. Rows without time lie together.
func (b *BlockTimes) Same(from, to int, low, high int64, timed bool) int {
	in := func(i int) bool {
		ms, ok := b.At(i)
		return ok == timed && (!ok || ms >= low && ms <= high)
	}
	if in(to - 1) {
		return to
	}
	return from + 1 + sort.Search(to-from-1, func(i int) bool { return !in(from + 1 + i) })
}
