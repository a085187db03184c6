package memtable

import (
	"slices"
	"sort"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

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
	shard    int   // the next to look into
	parts    []ref // of the shard before, those not yet yielded
	current  partition.DecoratedKey
}

// Next implements mutation.KeyIterator.
func (k *keys) Next() (*partition.DecoratedKey, error) {
	for len(k.parts) == 0 {
		if k.shard == shardCount || k.inside.After(firstOf(k.shard)) {
			return nil, nil
		}
		k.parts = k.memtable.shards[k.shard].keys(k.inside, k.upTo, k.memtable)
		k.shard++
	}
	k.current, k.parts = at[part](k.parts[0]).decorated(), k.parts[1:]
	return &k.current, nil
}

// Close implements mutation.KeyIterator.
func (k *keys) Close() { k.parts, k.shard = nil, shardCount }

// keys returns the shard's partitions inside a range, sorted.
func (s *shard) keys(inside partition.Range, upTo uint64, m *Memtable) []ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	if grown := s.sortLocked(); grown > 0 {
		m.heap.Add(8 * int64(grown))
	}
	first := inside.First()
	from := sort.Search(len(s.sorted), func(i int) bool { return at[part](s.sorted[i]).token >= first })
	var out []ref
	for _, r := range s.sorted[from:] {
		p := at[part](r)
		if inside.After(p.token) {
			break
		}
		if p.minSequence <= upTo {
			out = append(out, r)
		}
	}
	return out
}

// sortLocked brings the partitions made lately into the sorted list, and returns how many they are.
func (s *shard) sortLocked() int {
	added := s.table.used - len(s.sorted)
	if added == 0 {
		return 0
	}
	recent := make([]ref, 0, added)
	for r := s.last; len(recent) < added; r = at[part](r).before {
		recent = append(recent, r)
	}
	compare := func(a, b ref) int { return at[part](a).decorated().Compare(at[part](b).decorated()) }
	slices.SortFunc(recent, compare)
	merged := make([]ref, 0, s.table.used)
	old := s.sorted
	for _, r := range recent {
		for len(old) > 0 && compare(old[0], r) < 0 {
			merged, old = append(merged, old[0]), old[1:]
		}
		merged = append(merged, r)
	}
	s.sorted = append(merged, old...)
	return added
}
