package memtable

import (
	"encoding/binary"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// shape is what the rows of a table look like in columns. It never changes.
type shape struct {
	law        mutation.Law
	clustering clustering.Layout
	timed      bool // the clustering is one bigint or timestamp and lies as its value, else as sortable bytes
	timedHead  byte // the first of those bytes; the others are the value, each bit flipped that is set in timedFlip
	timedFlip  uint64
	descending bool // of the first column: rows that come in time order go down
	columns    []mutation.Column
	chunkBytes int // of a chunk, but for what its columns refer to
}

func newShape(t *mutation.Table) *shape {
	s := &shape{law: t.Law, clustering: t.Clustering}
	for _, c := range t.Columns {
		if !c.Static {
			s.columns = append(s.columns, c)
		}
	}
	if len(t.Clustering) > 0 {
		s.descending = t.Clustering[0].Desc
	}
	if len(t.Clustering) == 1 {
		kind := t.Clustering[0].Type.Kind()
		s.timed = kind == types.KindBigint || kind == types.KindTimestamp
	}
	if s.timed {
		zero := s.clustering[0].Append(nil, make([]byte, 8))
		s.timedHead, s.timedFlip = zero[0], binary.BigEndian.Uint64(zero[1:])
	}
	s.chunkBytes = chunkHead + chunkTail + roundUp(10*len(s.columns), 8)
	return s
}

// timedBytes is how long a bigint or timestamp is as sortable bytes: a marker and the value.
const timedBytes = 9

// timeOf returns the value of a clustering of a timed table. It is false for the empty value.
func (s *shape) timeOf(key []byte) (int64, bool) {
	if len(key) != timedBytes || key[0] != s.timedHead {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(key[1:]) ^ s.timedFlip), true
}

// appendKey appends the clustering that a word of a chunk stands for.
func (s *shape) appendKey(dst []byte, w uint64) []byte {
	if s.timed {
		return binary.BigEndian.AppendUint64(append(dst, s.timedHead), w^s.timedFlip)
	}
	var buf [8]byte
	return append(dst, bytesOf(w, &buf)...)
}

// compareBound is -1 if the row with the clustering of a word lies before a point, +1 if it lies after it.
func (s *shape) compareBound(w uint64, b clustering.Bound) int {
	var buf [timedBytes]byte
	if s.timed {
		return -b.CompareKey(s.appendKey(buf[:0], w))
	}
	return -b.CompareKey(bytesOf(w, (*[8]byte)(buf[:8])))
}

// stamp is what the marker and all cells of a whole row have in common.
type stamp struct {
	timestamp int64
	ttl       int32
	expiresAt int64
}

// whole returns the stamp of a row that can lie in columns: nothing deletes, no cell is of a multi-cell column, the marker
// and all cells have one stamp, and every value has the width of its column.
func (s *shape) whole(row *mutation.Row) (stamp, bool) {
	st := stamp{row.Live.Timestamp, row.Live.TTL, row.Live.ExpiresAt}
	if row.Live.IsNone() {
		if len(row.Cells) == 0 {
			return st, false
		}
		c := &row.Cells[0]
		if c.IsTombstone() {
			return st, false
		}
		st = stamp{c.Timestamp, c.TTL, c.ExpiresAt}
	}
	if !row.Deletion.IsNone() || row.Sequence != 0 && s.law != mutation.BySequence {
		return st, false
	}
	columns, k := s.columns, 0
	for i := range row.Cells {
		c := &row.Cells[i]
		if c.Complex || c.Timestamp != st.timestamp || c.TTL != st.ttl || c.ExpiresAt != st.expiresAt {
			return st, false
		}
		for k < len(columns) && columns[k].ID < c.Column {
			k++
		}
		if k == len(columns) || columns[k].ID != c.Column || columns[k].Width != len(c.Value) && columns[k].Physical != mutation.PhysicalBytes {
			return st, false
		}
	}
	return st, st.ttl != 0 || st.expiresAt == mutation.Forever || len(row.Cells) == 0
}
