package memtable

import (
	"bytes"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// treeRun is the rows of a partition that lie in its tree. It implements mutation.Run.
type treeRun struct {
	partition   *Partition
	first, last []byte
}

// Bounds implements mutation.Run. Rows count whatever their sequence.
func (r *treeRun) Bounds() (first, last []byte) { return r.first, r.last }

// Batches implements mutation.Run.
func (r *treeRun) Batches(*mutation.ReadRequest) mutation.BatchSource { return nil }

// Blocks implements mutation.Run.
func (r *treeRun) Blocks() mutation.BlockSource { return nil }

// Rows implements mutation.Run: each row is the merge of its versions up to the sequence. What the side of the
// partition deletes is not taken away.
func (r *treeRun) Rows(slices clustering.Slices, reverse bool) mutation.RowSource {
	return &treeRows{partition: r.partition, slices: slices, reverse: reverse, want: rowsFirst}
}

const (
	rowsFirst = 16 // how many rows the first look takes; each next takes four times as many
	rowsMost  = 256
)

// treeRows reads a tree in pieces: it holds the lock while it collects references, not
// while it decodes.
type treeRows struct {
	partition *Partition
	slices    clustering.Slices
	reverse   bool
	slice     int    // how many slices are done
	last      []byte // the last row collected from the current slice; nil: none
	refs      []ref  // collected; those before next are done
	next      int
	want      int
	row       mutation.Row
}

// Next implements mutation.RowSource.
func (r *treeRows) Next() (*mutation.Row, error) {
	for {
		for r.next < len(r.refs) {
			head := r.refs[r.next]
			r.next++
			if decodeVersion(head, r.partition.upTo, &r.row) {
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
func (r *treeRows) collect() {
	s := r.partition.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	t := at[tree](r.partition.part.tree)
	from, to := r.spanLocked(t)
	r.refs, r.next = r.refs[:0], 0
	for from != to && len(r.refs) < r.want {
		if r.reverse {
			to, _ = t.before(to)
			r.refs = append(r.refs, t.at(to))
		} else {
			r.refs = append(r.refs, t.at(from))
			from = t.next(from)
		}
	}
	if from == to {
		r.slice++
		r.last = nil
		return
	}
	r.last = clusteringOf(r.refs[len(r.refs)-1])
	r.want = min(4*r.want, rowsMost)
}

// spanLocked returns what is left of the current slice: from the first place to behind the last.
func (r *treeRows) spanLocked(t *tree) (from, to place) {
	slice := r.slices[r.slice]
	if r.reverse {
		slice = r.slices[len(r.slices)-1-r.slice]
	}
	from = t.search(func(c []byte) bool { return slice.Start.CompareKey(c) < 0 })
	to = t.search(func(c []byte) bool { return slice.End.CompareKey(c) < 0 })
	if r.last != nil && r.reverse {
		to = t.search(func(c []byte) bool { return bytes.Compare(c, r.last) >= 0 })
	}
	if r.last != nil && !r.reverse {
		from = t.search(func(c []byte) bool { return bytes.Compare(c, r.last) > 0 })
	}
	if to.leaf < from.leaf || to.leaf == from.leaf && to.index < from.index {
		to = from // an empty slice
	}
	return from, to
}
