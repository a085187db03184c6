package memtable

import (
	"bytes"
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Partition is one partition as the records up to a sequence left it. What it and its runs lend
// is valid until the memtable is freed, or as long as each method says.
type Partition struct {
	table *mutation.Table
	shape *shape
	shard *shard
	part  *part
	upTo  uint64

	columns columnRun // of the first strand; lent by Runs, as the rest
	tree    treeRun
	runs    [2]mutation.Run
}

// Partition returns the partition with that key as of sequence upTo, nil when no record up
// to there touched it. Every record up to upTo must have been applied.
func (m *Memtable) Partition(key partition.DecoratedKey, upTo uint64) *Partition {
	s := m.shard(key.Token)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.table.find(key)
	if p == nil || p.minSequence > upTo {
		return nil
	}
	return &Partition{table: m.table, shape: m.shape, shard: s, part: p, upTo: upTo}
}

// Key returns the key of the partition.
func (p *Partition) Key() partition.DecoratedKey { return p.part.decorated() }

// Side returns what the partition holds beside its rows. It is not to be changed.
func (p *Partition) Side() *mutation.Side {
	p.shard.mu.Lock()
	defer p.shard.mu.Unlock()
	b := p.shard.besideLocked(p.part)
	if b == nil {
		return new(mutation.Side)
	}
	whole := p.upTo >= b.sequence
	if side := b.made.Load(); whole && side != nil {
		return side
	}
	side := b.side(p.table.Law, p.upTo)
	if whole {
		b.made.Store(side)
	}
	return side
}

func (s *shard) besideLocked(p *part) *beside {
	if p.side == 0 {
		return nil
	}
	return s.sides[p.side-1]
}

// side makes what was beside the rows at a sequence. The lock of the shard is held.
func (b *beside) side(law mutation.Law, upTo uint64) *mutation.Side {
	var raw mutation.Side
	for _, d := range b.deletions {
		if d.sequence <= upTo {
			raw.Deletion = mutation.MaxDeletion(raw.Deletion, d.deletion)
		}
	}
	for _, r := range b.ranges {
		if r.sequence <= upTo {
			raw.Ranges = append(raw.Ranges, r.RangeTombstone)
		}
	}
	static := new(mutation.Row)
	if decodeVersion(b.static, upTo, static) {
		raw.Static = static
	}
	side := mutation.MergeSides(law, &raw)
	return &side
}

// Runs returns the rows of the partition: those of each strand of columns, and those in the tree. They are to be had once.
func (p *Partition) Runs() []mutation.Run {
	p.shard.mu.Lock()
	defer p.shard.mu.Unlock()
	runs := p.runs[:0]
	for d, r := &p.part.columns, &p.columns; ; d, r = at[strand](d.next), new(columnRun) {
		if r.openLocked(p, d) {
			runs = append(runs, r)
		}
		if d.next == 0 {
			break
		}
	}
	if p.part.tree != 0 {
		p.tree.partition = p
		p.tree.first, p.tree.last = p.part.treeBounds()
		runs = append(runs, &p.tree)
	}
	return runs
}

func (p *part) treeBounds() (first, last []byte) {
	t := at[tree](p.tree)
	end, _ := t.before(place{t.count, 0})
	return clusteringOf(t.at(place{})), clusteringOf(t.at(end))
}

// MinTimestamp returns a bound below which the partition holds no data: write timestamps,
// sequences under BySequence. It is math.MaxInt64 when there is no data.
func (p *Partition) MinTimestamp() int64 {
	p.shard.mu.Lock()
	defer p.shard.mu.Unlock()
	return p.part.minTimestamp
}

// HasTombstones reports whether anything was ever deleted here: cells, rows, ranges, all.
func (p *Partition) HasTombstones() bool {
	p.shard.mu.Lock()
	defer p.shard.mu.Unlock()
	return p.part.tombstones
}

// MinTimestampOf is Partition.MinTimestamp of a key, whatever the sequence;
// math.MaxInt64 when there is nothing.
func (m *Memtable) MinTimestampOf(key partition.DecoratedKey) int64 {
	s := m.shard(key.Token)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.table.find(key); p != nil {
		return p.minTimestamp
	}
	return math.MaxInt64
}

// Frontier is how far a partition reaches on both sides, whatever the sequence: a row beyond it is new
// (R39c). Readings in time order pass its end, or its beginning where the newest come first.
type Frontier struct {
	HasRows     bool              // any row
	First, Last []byte            // no clustering of one lies outside, when there is any
	HasRanges   bool              // any range tombstone
	Ranges      clustering.Slice  // from the first start of one to the last end, when there are any
	Deletion    mutation.Deletion // of the partition
}

// Frontier returns the frontier of a partition. It is false when there is no such partition.
func (m *Memtable) Frontier(key partition.DecoratedKey) (Frontier, bool) {
	s := m.shard(key.Token)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.table.find(key)
	if p == nil {
		return Frontier{}, false
	}
	var f Frontier
	if b := s.besideLocked(p); b != nil {
		f.Deletion, f.HasRanges, f.Ranges = b.deletion, len(b.ranges) > 0, b.rangeSpan
	}
	if p.tree != 0 {
		f.HasRows = true
		f.First, f.Last = p.treeBounds()
	}
	for d := &p.columns; d.newest != 0; d = at[strand](d.next) {
		f.addRow(m.shape.appendKey(nil, at[chunk](d.oldest).oldestKey()))
		f.addRow(m.shape.appendKey(nil, d.lastKey))
		if d.next == 0 {
			break
		}
	}
	return f, true
}

// addRow moves the frontier so that a row lies within.
func (f *Frontier) addRow(row []byte) {
	if !f.HasRows || bytes.Compare(row, f.First) < 0 {
		f.First = row
	}
	if !f.HasRows || bytes.Compare(row, f.Last) > 0 {
		f.Last = row
	}
	f.HasRows = true
}

// Beyond reports whether a row of that clustering would lie before or behind everything there is.
func (f *Frontier) Beyond(row []byte) bool {
	if f.HasRows && bytes.Compare(row, f.First) >= 0 && bytes.Compare(row, f.Last) <= 0 {
		return false
	}
	return !f.HasRanges || f.Ranges.Start.CompareKey(row) > 0 || f.Ranges.End.CompareKey(row) < 0
}
