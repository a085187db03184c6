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
	descending bool // of the first column: rows that come in time order go down
	columns    []mutation.Column
	chunkBytes [2]int // of the head of a chunk, with its columns; in front of and behind the counts
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
	s.chunkBytes[0] = chunkHead + 8*len(s.columns)
	s.chunkBytes[1] = s.chunkBytes[0] + roundUp(2*len(s.columns), 8)
	return s
}

// timedBytes is how long a bigint or timestamp is as sortable bytes: a marker and the value.
const timedBytes = 9

// timeOf returns the value of a clustering of a timed table. It is false for the empty value.
func (s *shape) timeOf(key []byte) (int64, bool) {
	if len(key) != timedBytes {
		return 0, false
	}
	var head [timedBytes]byte
	copy(head[:], key)
	if s.descending {
		for i := range head {
			head[i] = ^head[i]
		}
	}
	return types.SortableTimeMillis(s.clustering[0].Type, head[:])
}

// appendKey appends the clustering that a word of a chunk stands for.
func (s *shape) appendKey(dst []byte, w uint64) []byte {
	var buf [8]byte
	if !s.timed {
		return append(dst, bytesOf(w, &buf)...)
	}
	binary.BigEndian.PutUint64(buf[:], w)
	return s.clustering[0].Append(dst, buf[:])
}

// compareKey compares the clustering of a word with another one.
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

// whole returns the stamp of a row that can lie in columns: nothing deletes, the marker and all cells
// have one stamp, and every value has the width of its column.
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
		if c.Timestamp != st.timestamp || c.TTL != st.ttl || c.ExpiresAt != st.expiresAt {
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
