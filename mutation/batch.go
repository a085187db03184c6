package mutation

import (
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/invariants"
)

// BatchBuilder turns merged rows into a Batch. It never looks at the clock: rows that may
// have expired are in the batch, rows that are deleted or were never there are not.
type BatchBuilder struct {
	table    *Table
	metadata bool
	slots    []int // by index of table.Columns: place in Batch.Columns, or notAsked, or skipped
	asked    []Column
	keyKinds []keyKind
	batch    Batch
	alive    []int64
	mortal   bool // some row of alive ends
	columns  []columnBuilder
	cells    []*Cell // of the row being appended, a column asked for each
	key      [][]byte
	words    [][8]byte // values of key that have eight bytes
}

type keyKind struct {
	physical Physical
	width    int
}

// What a column of the table is to the builder, beside a place in the batch.
const (
	notAsked = -1 // counts for the life of the row only
	skipped  = -2 // static: not part of the row
)

// columnBuilder keeps what a vector may or may not need.
type columnBuilder struct {
	timestamps []int64
	ttls       []int32
	ends       []int64
	hasTTL     bool
	hasEnd     bool
}

// NewBatchBuilder returns a builder of batches for req on table. Columns of req that the
// table does not list have no values.
func NewBatchBuilder(table *Table, req *ReadRequest) *BatchBuilder {
	b := &BatchBuilder{table: table, metadata: req.Metadata}
	b.slots = make([]int, len(table.Columns))
	b.asked = make([]Column, len(req.Columns))
	for j, id := range req.Columns {
		b.asked[j] = Column{ID: id, Physical: PhysicalBytes}
	}
	for i, c := range table.Columns {
		b.slots[i] = notAsked
		if c.Static {
			b.slots[i] = skipped
		}
		for j, id := range req.Columns {
			if id == c.ID && !c.Static {
				invariants.Check(b.slots[i] < 0, "column %d of %s is asked for twice", id, table.Name)
				b.slots[i] = j
				b.asked[j] = c
			}
		}
	}
	for _, c := range table.Clustering {
		physical, width := PhysicalOf(c.Type)
		b.keyKinds = append(b.keyKinds, keyKind{physical, width})
	}
	b.words = make([][8]byte, len(b.keyKinds))
	b.cells = make([]*Cell, len(b.asked))
	b.columns = make([]columnBuilder, len(b.asked))
	b.batch.Columns = make([]Vector, len(b.asked))
	b.batch.Clustering = make([]Vector, len(b.keyKinds))
	b.Reset()
	return b
}

// Reset empties the builder and keeps its memory. The batch it lent is no longer valid.
func (b *BatchBuilder) Reset() {
	b.batch.Rows, b.batch.AliveUntil = 0, nil
	b.alive, b.mortal = b.alive[:0], false
	for i, k := range b.keyKinds {
		b.batch.Clustering[i].Reset(k.physical, k.width)
	}
	for i, c := range b.asked {
		b.batch.Columns[i].Reset(c.Physical, c.Width)
		s := &b.columns[i]
		s.timestamps, s.ttls, s.ends = s.timestamps[:0], s.ttls[:0], s.ends[:0]
		s.hasTTL, s.hasEnd = false, false
	}
}

// Len returns how many rows the batch has so far.
func (b *BatchBuilder) Len() int { return b.batch.Rows }

// Full reports whether the batch has BatchRowsMax rows; no more may be appended.
func (b *BatchBuilder) Full() bool { return b.batch.Rows == BatchRowsMax }

// Append appends a merged row, unless nothing of it is or was alive: no marker and no value
// (R9). It fails when the clustering cannot be decoded. row is not kept.
func (b *BatchBuilder) Append(row *Row) error {
	invariants.Check(!b.Full(), "a batch has %d rows at most", BatchRowsMax)
	end, ok := b.collect(row)
	if !ok {
		return nil
	}
	if err := b.decodeKey(row.Clustering); err != nil {
		return fmt.Errorf("%s: row %x: %w", b.table.Name, row.Clustering, err)
	}
	for i, value := range b.key {
		b.batch.Clustering[i].Append(value)
	}
	for i, c := range b.cells {
		b.appendCell(i, c)
	}
	b.alive = append(b.alive, end)
	b.mortal = b.mortal || end != Forever
	b.batch.Rows++
	return nil
}

// decodeKey puts the values of a clustering into b.key.
func (b *BatchBuilder) decodeKey(encoded []byte) error {
	b.key = b.key[:0]
	for i, c := range b.table.Clustering {
		if len(encoded) == 0 {
			return fmt.Errorf("clustering ends after %d columns: %w", i, ErrCorrupt)
		}
		if decodeInt64(c, encoded, &b.words[i]) {
			b.key, encoded = append(b.key, b.words[i][:]), encoded[sortableInt64Bytes:]
			continue
		}
		value, rest, err := c.Decode(encoded)
		if err != nil {
			return err
		}
		b.key, encoded = append(b.key, value), rest
	}
	if len(encoded) != 0 {
		return fmt.Errorf("clustering goes on after %d columns: %w", len(b.key), ErrCorrupt)
	}
	return nil
}

// sortableInt64Bytes is how long a bigint or timestamp is in sortable bytes: a marker and the value.
const sortableInt64Bytes = 9

// decodeInt64 is Decode for what clustering columns mostly are, without its allocations. It
// is false for all else.
func decodeInt64(c clustering.Column, encoded []byte, value *[8]byte) bool {
	if kind := c.Type.Kind(); kind != types.KindTimestamp && kind != types.KindBigint || len(encoded) < sortableInt64Bytes {
		return false
	}
	var head [sortableInt64Bytes]byte
	copy(head[:], encoded)
	if c.Desc {
		for i := range head {
			head[i] = ^head[i]
		}
	}
	v, ok := types.SortableInt64(c.Type, head[:])
	binary.BigEndian.PutUint64(value[:], uint64(v))
	return ok
}

// collect finds the cells asked for and how long the row shows. It is false when it never does.
func (b *BatchBuilder) collect(row *Row) (aliveUntil int64, ok bool) {
	aliveUntil, ok = row.Live.ExpiresAt, !row.Live.IsNone()
	sequenced := b.table.Law == BySequence
	if sequenced && (!ok || !row.Deletion.IsNone()) {
		return 0, false
	}
	clear(b.cells)
	columns, slot := b.table.Columns, 0
	for i := range row.Cells {
		c := &row.Cells[i]
		for slot < len(columns) && columns[slot].ID < c.Column {
			slot++
		}
		if slot == len(columns) {
			break
		}
		if columns[slot].ID != c.Column || b.slots[slot] == skipped || c.IsTombstone() {
			continue
		}
		if !sequenced {
			aliveUntil, ok = max(aliveUntil, c.ExpiresAt), ok || c.ExpiresAt != 0 // 0: nothing of a multi-cell column lives
		}
		if j := b.slots[slot]; j >= 0 {
			b.cells[j] = c
		}
	}
	return aliveUntil, ok
}

// appendCell appends to column i the cell, nil when the row has none.
func (b *BatchBuilder) appendCell(i int, c *Cell) {
	v, s := &b.batch.Columns[i], &b.columns[i]
	if c == nil {
		v.AppendAbsent()
		s.ends = append(s.ends, Forever)
		if b.metadata {
			s.timestamps, s.ttls = append(s.timestamps, 0), append(s.ttls, 0)
		}
		return
	}
	v.Append(c.Value)
	s.ends = append(s.ends, c.ExpiresAt)
	s.hasEnd = s.hasEnd || c.ExpiresAt != Forever
	if b.metadata {
		s.timestamps, s.ttls = append(s.timestamps, c.Timestamp), append(s.ttls, c.TTL)
		s.hasTTL = s.hasTTL || c.TTL != 0
	}
}

// Batch returns what was appended, valid until Reset; nil when there is no row.
func (b *BatchBuilder) Batch() *Batch {
	if b.batch.Rows == 0 {
		return nil
	}
	b.batch.AliveUntil = nil
	if b.mortal {
		b.batch.AliveUntil = b.alive
	}
	for i := range b.columns {
		v, s := &b.batch.Columns[i], &b.columns[i]
		v.Timestamps, v.TTLs, v.ExpiresAt = nil, nil, nil
		if b.metadata {
			v.Timestamps = s.timestamps
		}
		if s.hasTTL {
			v.TTLs = s.ttls
		}
		if s.hasEnd {
			v.ExpiresAt = s.ends
		}
	}
	return &b.batch
}
