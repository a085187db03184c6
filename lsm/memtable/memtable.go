// Package memtable keeps the newest writes of one table in memory until they are flushed.
//
// It knows partitions, rows and the sequences of the records they came in, so that a view
// at sequence S sees exactly the records up to S. It does not know the commit log, files,
// the clock, or when to flush.
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
	table       *mutation.Table
	epoch       uint64
	shards      [shardCount]shard
	bytes       atomic.Int64
	rows        atomic.Int64
	minSequence atomic.Uint64 // MaxUint64 while empty
	maxSequence atomic.Uint64
}

// New returns an empty memtable of table. epoch is what the commit log calls it.
func New(table *mutation.Table, epoch uint64) *Memtable {
	m := &Memtable{table: table, epoch: epoch}
	m.minSequence.Store(math.MaxUint64)
	for i := range m.shards {
		m.shards[i].parts = map[string]*part{}
	}
	return m
}

// shard holds the partitions of a range of tokens.
type shard struct {
	mu       sync.RWMutex     // never held while another lock is taken
	parts    map[string]*part // by partition key; guarded by mu
	arena    arena            // guarded by mu; the bytes in it never change
	sorted   []*part          // by (token, key), all but recent; guarded by mu, replaced whole
	recent   []*part          // since sorted was made; guarded by mu
	row      mutation.Row     // for decoding while writing; guarded by mu
	encoding []byte           // for encoding; guarded by mu
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

// Bytes estimates the memory in use.
func (m *Memtable) Bytes() int64 { return m.bytes.Load() }

// Rows returns how many different rows there are, statics not counted.
func (m *Memtable) Rows() int64 { return m.rows.Load() }

// MinSequence returns the smallest sequence applied, 0 when nothing was.
func (m *Memtable) MinSequence() uint64 {
	if s := m.minSequence.Load(); s != math.MaxUint64 {
		return s
	}
	return 0
}

// MaxSequence returns the largest sequence applied, 0 when nothing was.
func (m *Memtable) MaxSequence() uint64 { return m.maxSequence.Load() }

// Free gives the memory back. Nothing may use the memtable, or what it lent, afterwards.
func (m *Memtable) Free() {
	for i := range m.shards {
		m.shards[i].free()
	}
	m.bytes.Store(0)
}

func (s *shard) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts, s.sorted, s.recent = nil, nil, nil
	s.arena = arena{}
}

// Apply adds what m says, as part of the record with that sequence. It copies what it
// keeps. A mutation may be applied in any order of sequences. In a table whose law is
// BySequence, rows without a sequence get the record's, and so do deletions of ranges and of
// the partition whose MarkedAt is 0.
func (m *Memtable) Apply(mu *mutation.Mutation, sequence uint64) {
	s := m.shard(mu.Key.Token)
	w := writer{table: m.table, shard: s, sequence: sequence}
	s.mu.Lock()
	before := s.arena.bytes
	w.apply(mu)
	grown := w.overhead + s.arena.bytes - before
	s.mu.Unlock()
	m.bytes.Add(grown)
	m.rows.Add(w.newRows)
	lower(&m.minSequence, sequence)
	raise(&m.maxSequence, sequence)
}

func lower(a *atomic.Uint64, v uint64) {
	for old := a.Load(); v < old && !a.CompareAndSwap(old, v); old = a.Load() {
	}
}

func raise(a *atomic.Uint64, v uint64) {
	for old := a.Load(); v > old && !a.CompareAndSwap(old, v); old = a.Load() {
	}
}
