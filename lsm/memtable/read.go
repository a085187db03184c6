package memtable

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/invariants"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Partition is one partition as the records up to a sequence left it.
type Partition struct {
	law   mutation.Law
	shard *shard
	part  *part
	upTo  uint64
}

// Partition returns the partition with that key as of sequence upTo, nil when no record up
// to there touched it. Every record up to upTo must have been applied.
func (m *Memtable) Partition(key partition.DecoratedKey, upTo uint64) *Partition {
	s := m.shard(key.Token)
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := s.parts[string(key.Key)]
	if p == nil || p.minSequence > upTo {
		return nil
	}
	return &Partition{law: m.table.Law, shard: s, part: p, upTo: upTo}
}

// Key returns the key of the partition.
func (p *Partition) Key() partition.DecoratedKey { return p.part.key }

// Side returns what the partition holds beside its rows. It is not to be changed.
func (p *Partition) Side() *mutation.Side {
	p.shard.mu.RLock()
	defer p.shard.mu.RUnlock()
	whole := p.upTo >= p.part.sideSequence
	if side := p.part.side.Load(); whole && side != nil {
		return side
	}
	side := p.makeSideLocked()
	if whole {
		p.part.side.Store(side) // writers are locked out: it is still the whole
	}
	return side
}

func (p *Partition) makeSideLocked() *mutation.Side {
	var raw mutation.Side
	for _, d := range p.part.deletions {
		if d.sequence <= p.upTo {
			raw.Deletion = mutation.MaxDeletion(raw.Deletion, d.deletion)
		}
	}
	for _, r := range p.part.ranges {
		if r.sequence <= p.upTo {
			raw.Ranges = append(raw.Ranges, r.RangeTombstone)
		}
	}
	static := new(mutation.Row)
	if decodeVersion(p.shard.arena.slabs, p.part.static, p.upTo, static) {
		raw.Static = static
	}
	side := mutation.MergeSides(p.law, &raw)
	return &side
}

// decodeVersion decodes the newest version up to sequence upTo of the row whose newest is
// at r. It is false when there is none.
func decodeVersion(slabs [][]byte, r ref, upTo uint64, row *mutation.Row) bool {
	for r != 0 {
		b := bytesAt(slabs, r)
		if versionSequence(b) > upTo {
			r = versionBefore(b)
			continue
		}
		_, err := mutation.DecodeRow(b[versionHead:], row)
		invariants.Check(err == nil, "memtable: a row it wrote itself: %v", err)
		return true
	}
	return false
}

// Bounds returns the first and last clustering of any row, whatever its sequence. Both are
// nil when there is no row.
func (p *Partition) Bounds() (first, last []byte) {
	p.shard.mu.RLock()
	defer p.shard.mu.RUnlock()
	return p.part.boundsLocked(p.shard)
}

func (p *part) boundsLocked(s *shard) (first, last []byte) {
	if p.rows.rows == 0 {
		return nil, nil
	}
	end, _ := p.rows.before(place{len(p.rows.chunks), 0})
	return clusteringOf(s.arena.slabs, p.rows.at(place{})), clusteringOf(s.arena.slabs, p.rows.at(end))
}

// MinTimestamp returns a bound below which the partition holds no data: write timestamps,
// sequences under BySequence. It is math.MaxInt64 when there is no data.
func (p *Partition) MinTimestamp() int64 {
	p.shard.mu.RLock()
	defer p.shard.mu.RUnlock()
	return p.part.minTimestamp
}

// HasTombstones reports whether anything was ever deleted here: cells, rows, ranges, all.
func (p *Partition) HasTombstones() bool {
	p.shard.mu.RLock()
	defer p.shard.mu.RUnlock()
	return p.part.hasTombstones
}

// MinTimestampOf is Partition.MinTimestamp of a key, whatever the sequence;
// math.MaxInt64 when there is nothing.
func (m *Memtable) MinTimestampOf(key partition.DecoratedKey) int64 {
	s := m.shard(key.Token)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if p := s.parts[string(key.Key)]; p != nil {
		return p.minTimestamp
	}
	return math.MaxInt64
}

// Frontier is how far a partition reaches on both sides, whatever the sequence: a row beyond it is new
// (R39c). Readings in time order pass its end, or its beginning where the newest come first.
type Frontier struct {
	HasRows       bool              // any row
	First, Last   []byte            // smallest and largest clustering of one, when there is any
	HasRanges     bool              // any range tombstone
	Ranges        clustering.Slice  // from the first start of one to the last end, when there is any
	HasTombstones bool              // anything was deleted: cells, rows, ranges, all
	Deletion      mutation.Deletion // of the partition
}

// Frontier returns the frontier of a partition. It is false when there is no such partition.
func (m *Memtable) Frontier(key partition.DecoratedKey) (Frontier, bool) {
	s := m.shard(key.Token)
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := s.parts[string(key.Key)]
	if p == nil {
		return Frontier{}, false
	}
	f := Frontier{HasTombstones: p.hasTombstones, Deletion: p.deletion}
	f.HasRanges, f.Ranges = len(p.ranges) > 0, p.rangeSpan
	f.First, f.Last = p.boundsLocked(s)
	f.HasRows = p.rows.rows > 0
	return f, true
}

// Beyond reports whether a row of that clustering would lie before or behind everything there is.
func (f *Frontier) Beyond(row []byte) bool {
	if f.HasRows && bytes.Compare(row, f.First) >= 0 && bytes.Compare(row, f.Last) <= 0 {
		return false
	}
	return !f.HasRanges || f.Ranges.Start.CompareKey(row) > 0 || f.Ranges.End.CompareKey(row) < 0
}

// Rows yields the rows inside slices, each the merge of its versions up to the sequence.
// What the side of the partition deletes is not taken away. A row is valid until the next
// call; its clustering and values for as long as the memtable.
func (p *Partition) Rows(slices clustering.Slices, reverse bool) mutation.RowSource {
	return &rows{partition: p, slices: slices, reverse: reverse, want: rowsFirst}
}

const (
	rowsFirst = 16 // how many rows the first look takes; each next takes four times as many
	rowsMost  = 256
)

// rows reads a partition in pieces: it holds the lock while it collects references, not
// while it decodes.
type rows struct {
	partition *Partition
	slices    clustering.Slices
	reverse   bool
	slice     int    // how many slices are done
	last      []byte // the last row collected from the current slice; nil: none
	refs      []ref  // collected; those before next are done
	next      int
	slabs     [][]byte
	want      int
	row       mutation.Row
}

// Next implements mutation.RowSource.
func (r *rows) Next() (*mutation.Row, error) {
	for {
		for r.next < len(r.refs) {
			at := r.refs[r.next]
			r.next++
			if decodeVersion(r.slabs, at, r.partition.upTo, &r.row) {
				return &r.row, nil
			}
		}
		if r.slice == len(r.slices) {
			return nil, nil
		}
		r.collect()
	}
}

// collect takes the next references of the current slice, and goes to the next slice when
// there are no more.
func (r *rows) collect() {
	s := r.partition.shard
	s.mu.RLock()
	defer s.mu.RUnlock()
	r.slabs = s.arena.slabs
	list := &r.partition.part.rows
	from, to := r.spanLocked(list)
	r.refs, r.next = r.refs[:0], 0
	for from != to && len(r.refs) < r.want {
		if r.reverse {
			to, _ = list.before(to)
			r.refs = append(r.refs, list.at(to))
		} else {
			r.refs = append(r.refs, list.at(from))
			from = list.next(from)
		}
	}
	if from == to {
		r.slice++
		r.last = nil
		return
	}
	r.last = clusteringOf(r.slabs, r.refs[len(r.refs)-1])
	r.want = min(4*r.want, rowsMost)
}

// spanLocked returns what is left of the current slice: from the first place to behind the last.
func (r *rows) spanLocked(list *rowList) (from, to place) {
	slice := r.slices[r.slice]
	if r.reverse {
		slice = r.slices[len(r.slices)-1-r.slice]
	}
	from = list.search(r.slabs, func(c []byte) bool { return slice.Start.CompareKey(c) < 0 })
	to = list.search(r.slabs, func(c []byte) bool { return slice.End.CompareKey(c) < 0 })
	if r.last != nil && r.reverse {
		to = list.search(r.slabs, func(c []byte) bool { return bytes.Compare(c, r.last) >= 0 })
	}
	if r.last != nil && !r.reverse {
		from = list.search(r.slabs, func(c []byte) bool { return bytes.Compare(c, r.last) > 0 })
	}
	if to.chunk < from.chunk || to.chunk == from.chunk && to.index < from.index {
		to = from // an empty slice
	}
	return from, to
}

// Keys yields the keys of partitions inside r that a record up to upTo touched.
func (m *Memtable) Keys(r partition.Range, upTo uint64) mutation.KeyIterator {
	k := &keys{memtable: m, inside: r, upTo: upTo}
	if r.IsEmpty() {
		k.shard = shardCount
		return k
	}
	k.shard = shardOf(r.First())
	return k
}

type keys struct {
	memtable *Memtable
	inside   partition.Range
	upTo     uint64
	shard    int // the next to look into
	keys     []partition.DecoratedKey
	current  partition.DecoratedKey
}

// Next implements mutation.KeyIterator.
func (k *keys) Next() (*partition.DecoratedKey, error) {
	for len(k.keys) == 0 {
		if k.shard == shardCount || k.inside.After(firstOf(k.shard)) {
			return nil, nil
		}
		k.keys = k.memtable.shards[k.shard].keys(k.inside, k.upTo, k.keys)
		k.shard++
	}
	k.current, k.keys = k.keys[0], k.keys[1:]
	return &k.current, nil
}

// Close implements mutation.KeyIterator.
func (k *keys) Close() { k.keys, k.shard = nil, shardCount }

// keys returns the keys of the shard's partitions, sorted.
func (s *shard) keys(inside partition.Range, upTo uint64, out []partition.DecoratedKey) []partition.DecoratedKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sortLocked()
	first := inside.First()
	from, _ := slices.BinarySearchFunc(s.sorted, first, func(p *part, t partition.Token) int {
		return cmp.Compare(p.key.Token, t)
	})
	for _, p := range s.sorted[from:] {
		if inside.After(p.key.Token) {
			break
		}
		if p.minSequence <= upTo {
			out = append(out, p.key)
		}
	}
	return out
}

// sortLocked brings the recent partitions into the sorted list.
func (s *shard) sortLocked() {
	if len(s.recent) == 0 {
		return
	}
	compare := func(a, b *part) int { return a.key.Compare(b.key) }
	slices.SortFunc(s.recent, compare)
	merged := make([]*part, 0, len(s.sorted)+len(s.recent))
	old := s.sorted
	for _, p := range s.recent {
		for len(old) > 0 && compare(old[0], p) < 0 {
			merged, old = append(merged, old[0]), old[1:]
		}
		merged = append(merged, p)
	}
	s.sorted, s.recent = append(merged, old...), nil
}
