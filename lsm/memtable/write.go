package memtable

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// writer applies one mutation. Its shard is locked.
type writer struct {
	memtable *Memtable
	shape    *shape
	shard    *shard
	sequence uint64
}

func (w *writer) apply(m *mutation.Mutation) {
	p := w.part(m.Key)
	p.minSequence = min(p.minSequence, w.sequence)
	if m.Static != nil || len(m.Ranges) > 0 || !m.Deletion.IsNone() {
		w.beside(p, m)
	}
	for i := range m.Rows {
		row := &m.Rows[i]
		if w.shape.law == mutation.BySequence && row.Sequence == 0 {
			stamped := *row
			stamped.Sequence = w.sequence
			row = &stamped
		}
		if !w.intoColumns(p, row, len(m.Rows)-i) {
			w.intoTree(p, row)
		}
	}
}

func (w *writer) part(key partition.DecoratedKey) *part {
	s := w.shard
	if p := s.table.find(key); p != nil {
		return p
	}
	p := newPart(&s.arena, key)
	p.before, s.last = s.last, refOf(p)
	s.table.add(&s.arena, p)
	return p
}

// beside keeps what a mutation says beside rows.
func (w *writer) beside(p *part, m *mutation.Mutation) {
	s := w.shard
	if p.side == 0 {
		s.sides = append(s.sides, new(beside))
		p.side = uint32(len(s.sides))
		w.memtable.heap.Add(besideBytes)
	}
	b := s.sides[p.side-1]
	if !m.Deletion.IsNone() {
		d := w.stamped(m.Deletion)
		b.deletions = append(b.deletions, sequencedDeletion{w.sequence, d})
		b.deletion = mutation.MaxDeletion(b.deletion, d)
		p.tombstones = true
		w.memtable.heap.Add(rangeBytes)
	}
	for _, r := range m.Ranges {
		r.Deletion = w.stamped(r.Deletion)
		r.Slice = clustering.Slice{Start: r.Slice.Start.Clone(), End: r.Slice.End.Clone()}
		if len(b.ranges) == 0 {
			b.rangeSpan = r.Slice
		}
		b.rangeSpan = b.rangeSpan.Hull(r.Slice)
		b.ranges = append(b.ranges, sequencedRange{w.sequence, r})
		p.tombstones = true
		w.memtable.heap.Add(rangeBytes + int64(len(r.Slice.Start.Prefix)+len(r.Slice.End.Prefix)))
	}
	if m.Static != nil {
		static := *m.Static
		if w.shape.law == mutation.BySequence && static.Sequence == 0 {
			static.Sequence = w.sequence
		}
		p.note(w.shape.law, &static)
		b.static = w.version(b.static, &static)
	}
	b.made.Store(nil)
	b.sequence = max(b.sequence, w.sequence)
}

// stamped gives a deletion of a table under BySequence the record's sequence.
func (w *writer) stamped(d mutation.Deletion) mutation.Deletion {
	if w.shape.law == mutation.BySequence && d.MarkedAt == 0 {
		d.MarkedAt = int64(min(w.sequence, math.MaxInt64))
	}
	return d
}

// intoColumns appends a row to the columns of its partition. It is false if the row is not whole, or not behind
// all others of a strand in clustering order and sequence. left is how many rows of the mutation there are still.
func (w *writer) intoColumns(p *part, row *mutation.Row, left int) bool {
	s, a := w.shape, &w.shard.arena
	st, ok := s.whole(row)
	if !ok {
		return false
	}
	var key uint64
	if s.timed {
		ms, ok := s.timeOf(row.Clustering)
		if !ok {
			return false
		}
		key = uint64(ms)
	}
	d, way := w.strand(p, row.Clustering, key)
	if d == nil {
		return false
	}
	if !s.timed {
		key = a.bytesWord(row.Clustering)
	}
	d.direction, d.lastSequence, d.lastKey = way, w.sequence, key
	c := w.chunk(d, left, w.isShort(st))
	if c.capacity == 1 {
		c.clustering = key
	} else {
		*at[uint64](ref(c.clustering) + ref(8*c.place(int(c.rows)))) = key
	}
	c.appendRow(a, s, row, st, w.sequence)
	w.shard.rows++
	if s.law == mutation.BySequence {
		p.minTimestamp = min(p.minTimestamp, int64(min(row.Sequence, math.MaxInt64)))
	} else {
		p.minTimestamp = min(p.minTimestamp, st.timestamp)
	}
	return true
}

// isShort reports whether a chunk of a row with that stamp alone has no need of a tail.
func (w *writer) isShort(st stamp) bool { return st.ttl == 0 && w.shape.law != mutation.BySequence }

// chunk returns the chunk for the next row, one with room. The first of a strand may be short.
func (w *writer) chunk(d *strand, left int, short bool) *chunk {
	a := &w.shard.arena
	if d.newest == 0 {
		c := newChunk(a, w.shape, 1, false, short)
		d.oldest, d.newest = refOf(c), refOf(c)
		return c
	}
	c := at[chunk](d.newest)
	if c.rows < c.capacity {
		return c
	}
	next := newChunk(a, w.shape, chunkRows(int(c.capacity), left), d.direction == downward, false)
	next.tail().before, d.newest = d.newest, refOf(next)
	return next
}

// chunkRows is how many rows the next chunk gets, when so many are known to come: many more than the chunk
// before at first, as a chunk has a price, then as many as all before.
func chunkRows(last, left int) int {
	next := 2 * last
	switch last {
	case 2:
		next = 6
	case 6:
		next = 16
	}
	return min(max(next, min(left, 8), left&^7), chunkRowsMax)
}

// intoTree adds a version of a row to the tree of its partition.
func (w *writer) intoTree(p *part, row *mutation.Row) {
	a := &w.shard.arena
	if p.tree == 0 {
		p.tree = a.alloc(treeBytes, 8)
	}
	p.note(w.shape.law, row)
	t := at[tree](p.tree)
	place, found := t.find(row.Clustering)
	if found {
		t.set(place, w.version(t.at(place), row))
		return
	}
	t.insert(a, place, w.version(0, row), rankOf(row.Clustering))
	w.shard.rows++
}

// note updates what is known of the partition by a new row.
func (p *part) note(law mutation.Law, row *mutation.Row) {
	if !row.Deletion.IsNone() {
		p.tombstones = true
	}
	if law == mutation.BySequence {
		p.minTimestamp = min(p.minTimestamp, int64(min(row.Sequence, math.MaxInt64)))
		return
	}
	if !row.Live.IsNone() {
		p.minTimestamp = min(p.minTimestamp, row.Live.Timestamp)
	}
	for i := range row.Cells {
		reach := row.Cells[i].Reach()
		p.minTimestamp = min(p.minTimestamp, reach.MinTimestamp)
		p.tombstones = p.tombstones || reach.Tombstones > 0
	}
}
