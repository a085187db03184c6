package memtable

import (
	"bytes"
	"encoding/binary"
	"math"
	"sync/atomic"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/invariants"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// part is one partition. Its fields are guarded by the lock of its shard.
type part struct {
	key           partition.DecoratedKey
	rows          rowList
	static        ref // newest version; 0: none
	deletions     []sequencedDeletion
	ranges        []sequencedRange
	deletion      mutation.Deletion             // the one that stays of deletions
	rangeSpan     clustering.Slice              // from the first start of ranges to the last end, when there are any
	side          atomic.Pointer[mutation.Side] // of everything so far; nil: to be made
	sideSequence  uint64                        // the largest that touched the side
	minSequence   uint64
	minTimestamp  int64 // of data, as the law compares; MaxInt64: none
	hasTombstones bool
}

type sequencedDeletion struct {
	sequence uint64
	deletion mutation.Deletion
}

type sequencedRange struct {
	sequence uint64
	mutation.RangeTombstone
}

const (
	partBytes  = 320 // estimates of what a partition, a row and a range take beside the arena
	rowBytes   = 10
	rangeBytes = 96
)

// writer applies one mutation. Its shard is locked.
type writer struct {
	table    *mutation.Table
	shard    *shard
	sequence uint64
	overhead int64 // bytes outside the arena
	newRows  int64
}

func (w *writer) apply(m *mutation.Mutation) {
	p := w.part(m.Key)
	p.minSequence = min(p.minSequence, w.sequence)
	if !m.Deletion.IsNone() {
		d := w.stamped(m.Deletion)
		p.deletions = append(p.deletions, sequencedDeletion{w.sequence, d})
		p.deletion = mutation.MaxDeletion(p.deletion, d)
		p.hasTombstones = true
		w.overhead += rangeBytes
	}
	for _, r := range m.Ranges {
		r.Deletion = w.stamped(r.Deletion)
		r.Slice = clustering.Slice{Start: r.Slice.Start.Clone(), End: r.Slice.End.Clone()}
		if len(p.ranges) == 0 {
			p.rangeSpan = r.Slice
		}
		p.rangeSpan = p.rangeSpan.Hull(r.Slice)
		p.ranges = append(p.ranges, sequencedRange{w.sequence, r})
		p.hasTombstones = true
		w.overhead += rangeBytes + int64(len(r.Slice.Start.Prefix)+len(r.Slice.End.Prefix))
	}
	if m.Static != nil {
		p.static = w.version(p, p.static, m.Static)
	}
	if m.Static != nil || len(m.Ranges) > 0 || !m.Deletion.IsNone() {
		p.side.Store(nil)
		p.sideSequence = max(p.sideSequence, w.sequence)
	}
	for i := range m.Rows {
		w.row(p, &m.Rows[i])
	}
}

// stamped gives a deletion of a table under BySequence the record's sequence.
func (w *writer) stamped(d mutation.Deletion) mutation.Deletion {
	if w.table.Law == mutation.BySequence && d.MarkedAt == 0 {
		d.MarkedAt = int64(min(w.sequence, math.MaxInt64))
	}
	return d
}

func (w *writer) part(key partition.DecoratedKey) *part {
	if p := w.shard.parts[string(key.Key)]; p != nil {
		return p
	}
	p := &part{minSequence: math.MaxUint64, minTimestamp: math.MaxInt64}
	p.key = partition.DecoratedKey{Token: key.Token, Key: bytes.Clone(key.Key)}
	w.shard.parts[string(p.key.Key)] = p
	w.shard.recent = append(w.shard.recent, p)
	w.overhead += partBytes + 2*int64(len(key.Key))
	return p
}

func (w *writer) row(p *part, row *mutation.Row) {
	at, found := p.rows.find(w.shard.arena.slabs, row.Clustering)
	if found {
		p.rows.chunks[at.chunk][at.index] = w.version(p, p.rows.at(at), row)
		return
	}
	p.rows.insert(at, w.version(p, 0, row))
	w.newRows++
	w.overhead += rowBytes
}

// version adds a version of a row whose newest version is head, and returns the newest.
func (w *writer) version(p *part, head ref, row *mutation.Row) ref {
	next := *row
	if w.table.Law == mutation.BySequence && next.Sequence == 0 {
		next.Sequence = w.sequence
	}
	p.note(w.table.Law, &next)
	mutation.Normalize(w.table.Law, &next)
	return w.insert(head, &next)
}

// insert puts a version into the chain that begins at head. Each version holds the merge of
// all below it, so those above take the new one in.
func (w *writer) insert(head ref, row *mutation.Row) ref {
	if head == 0 {
		return w.encode(0, w.sequence, row)
	}
	b := bytesAt(w.shard.arena.slabs, head)
	below, sequence := versionBefore(b), versionSequence(b)
	switch {
	case sequence > w.sequence:
		below = w.insert(below, row)
	case sequence < w.sequence:
		below, sequence = head, w.sequence
	}
	old := &w.shard.row
	_, err := mutation.DecodeRow(b[versionHead:], old)
	invariants.Check(err == nil, "memtable: a row it wrote itself: %v", err)
	merged := *old
	mutation.MergeRow(w.table.Law, &merged, row)
	return w.encode(below, sequence, &merged)
}

func (w *writer) encode(below ref, sequence uint64, row *mutation.Row) ref {
	b := binary.LittleEndian.AppendUint64(w.shard.encoding[:0], uint64(below))
	b = binary.LittleEndian.AppendUint64(b, sequence)
	w.shard.encoding = mutation.AppendRow(b, row)
	return w.shard.arena.add(w.shard.encoding)
}

// note updates what is known of the partition by a new row.
func (p *part) note(law mutation.Law, row *mutation.Row) {
	if !row.Deletion.IsNone() {
		p.hasTombstones = true
	}
	if law == mutation.BySequence {
		p.minTimestamp = min(p.minTimestamp, int64(min(row.Sequence, math.MaxInt64)))
		return
	}
	if !row.Live.IsNone() {
		p.minTimestamp = min(p.minTimestamp, row.Live.Timestamp)
	}
	for i := range row.Cells {
		c := &row.Cells[i]
		p.minTimestamp = min(p.minTimestamp, c.Timestamp)
		p.hasTombstones = p.hasTombstones || c.IsTombstone()
	}
}
