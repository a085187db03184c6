// Package memtable keeps the newest writes of one table in memory until they are flushed.
//
// It knows partitions, rows and the sequences of the records they came in, so that a view
// at sequence S sees exactly the records up to S. It does not know the commit log, files,
// the clock, or when to flush.
//
// All but rare things lie outside of the Go heap, without pointers that the garbage collector
// would follow. Rows that come in clustering order and are written whole lie in columns, in the
// form that a flush and most reads want; all others lie in a tree, as versions.
package memtable

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// shardCount is how many parts a memtable has, each with a lock. A shard holds a range of
// tokens, so that walking the keys in order sorts one shard at a time. A power of two.
const (
	shardBits  = 6
	shardCount = 1 << shardBits
)

// Memtable holds writes of one table and epoch. All methods may be called at once by many
// goroutines, but for Free.
type Memtable struct {
	table  *mutation.Table
	shape  *shape
	epoch  uint64
	shards [shardCount]shard
	pool   pool
	heap   atomic.Int64  // bytes of the Go heap
	oldest atomic.Uint64 // no reader asks for less
}

// New returns an empty memtable of table. epoch is what the commit log calls it.
func New(table *mutation.Table, epoch uint64) *Memtable {
	m := &Memtable{table: table, shape: newShape(table), epoch: epoch}
	for i := range m.shards {
		m.shards[i].arena.pool = &m.pool
		m.shards[i].minSequence = math.MaxUint64
		m.shards[i].times = noTimes
	}
	return m
}

// shard holds the partitions of a range of tokens.
type shard struct {
	mu          sync.Mutex   // no lock but that of the pool is taken while it is held
	table       table        // guarded by mu
	arena       arena        // guarded by mu; what readers were lent of it never changes
	last        ref          // the partition made last; guarded by mu
	sides       []*beside    // guarded by mu
	sorted      []ref        // of partitions by (token, key), but for those made later; guarded by mu
	rows        int64        // guarded by mu
	minSequence uint64       // MaxUint64 while empty; guarded by mu
	maxSequence uint64       // guarded by mu
	times       timeRange    // of all rows; guarded by mu
	row         mutation.Row // for decoding while writing; guarded by mu
	encoding    []byte       // for encoding; guarded by mu
}

func (m *Memtable) shard(token partition.Token) *shard { return &m.shards[shardOf(token)] }

// shardOf returns the number of the shard that a token belongs to.
func shardOf(token partition.Token) int {
	return int((uint64(token) ^ 1<<63) >> (64 - shardBits))
}

// firstOf returns the least token of a shard.
func firstOf(shard int) partition.Token {
	return partition.Token(uint64(shard)<<(64-shardBits) ^ 1<<63)
}

// Epoch returns the epoch given to New.
func (m *Memtable) Epoch() uint64 { return m.epoch }

// Table returns the table given to New.
func (m *Memtable) Table() *mutation.Table { return m.table }

// Bytes returns how much memory is in use, room that waits for rows included.
func (m *Memtable) Bytes() int64 { return m.pool.bytes.Load() + m.heap.Load() }

// Rows returns how many rows there are, statics not counted. A row that lies both in columns and in the tree of
// its partition counts twice.
func (m *Memtable) Rows() int64 {
	var rows int64
	m.each(func(s *shard) { rows += s.rows })
	return rows
}

// Partitions returns how many partitions there are.
func (m *Memtable) Partitions() int64 {
	var partitions int64
	m.each(func(s *shard) { partitions += int64(s.table.used) })
	return partitions
}

// MinSequence returns the smallest sequence applied, 0 when nothing was.
func (m *Memtable) MinSequence() uint64 {
	least := uint64(math.MaxUint64)
	m.each(func(s *shard) { least = min(least, s.minSequence) })
	if least == math.MaxUint64 {
		return 0
	}
	return least
}

// MaxSequence returns the largest sequence applied, 0 when nothing was.
func (m *Memtable) MaxSequence() uint64 {
	largest := uint64(0)
	m.each(func(s *shard) { largest = max(largest, s.maxSequence) })
	return largest
}

// each calls fn for the shards, locked.
func (m *Memtable) each(fn func(*shard)) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		fn(s)
		s.mu.Unlock()
	}
}

// SetOldest says that no reader, of now or later, asks for less than sequence. Versions of rows that were
// overwritten by then are forgotten when their rows are written again. A smaller sequence than before changes
// nothing.
func (m *Memtable) SetOldest(sequence uint64) {
	for old := m.oldest.Load(); sequence > old && !m.oldest.CompareAndSwap(old, sequence); old = m.oldest.Load() {
	}
}

// Free gives the memory back. Nothing may use the memtable, or what it lent, afterwards.
func (m *Memtable) Free() {
	m.each((*shard).freeLocked)
	m.pool.free()
	m.heap.Store(0)
}

func (s *shard) freeLocked() {
	s.table, s.arena, s.last = table{}, arena{pool: s.arena.pool}, 0
	s.sides, s.sorted, s.encoding, s.row = nil, nil, nil, mutation.Row{}
}

// Apply adds what m says, as part of the record with that sequence. It copies what it
// keeps. A mutation may be applied in any order of sequences. In a table whose law is
// BySequence, rows without a sequence get the record's, and so do deletions of ranges and of
// the partition whose MarkedAt is 0.
func (m *Memtable) Apply(mu *mutation.Mutation, sequence uint64) {
	s := m.shard(mu.Key.Token)
	w := writer{memtable: m, shape: m.shape, shard: s, sequence: sequence}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times.note(m.table, mu)
	w.apply(mu)
	s.minSequence, s.maxSequence = min(s.minSequence, sequence), max(s.maxSequence, sequence)
}
