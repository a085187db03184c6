package mutation

import (
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/partition"
)

const mutationVersion = 1 // on disk: never reuse

// Flags of an encoded mutation; on disk: never reuse.
const (
	mutationHasDeletion = 1 << 0
	mutationHasStatic   = 1 << 1
	mutationHasRanges   = 1 << 2
	mutationFlagsKnown  = 1<<3 - 1
)

// keyBytesMax bounds what is read back as a partition key, a clustering or a bound. Sortable
// bytes escape some bytes of a clustering, so they may be longer than its values.
const keyBytesMax = 4 * partition.KeyBytesMax

// AppendMutation appends m as the commit log keeps it (docs/formats/commitlog-record.md).
// The table is not part of it: the record names it.
func AppendMutation(dst []byte, m *Mutation) []byte {
	flags := byte(0)
	if !m.Deletion.IsNone() {
		flags |= mutationHasDeletion
	}
	if m.Static != nil {
		flags |= mutationHasStatic
	}
	if len(m.Ranges) > 0 {
		flags |= mutationHasRanges
	}
	common := mutationStamp(m)
	dst = append(dst, mutationVersion, flags)
	dst = appendBytes(dst, m.Key.Key)
	dst = appendStamp(dst, common, 0)
	if flags&mutationHasDeletion != 0 {
		dst = appendDeletion(dst, m.Deletion, common.timestamp)
	}
	if m.Static != nil {
		dst = appendRowBody(dst, m.Static, common, nil)
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.Rows)))
	var before *Row
	for i := range m.Rows {
		dst = appendBytes(dst, m.Rows[i].Clustering)
		dst = appendRowBody(dst, &m.Rows[i], common, before)
		before = &m.Rows[i]
	}
	if flags&mutationHasRanges != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(m.Ranges)))
		for _, r := range m.Ranges {
			dst = clustering.AppendBound(dst, r.Slice.Start)
			dst = clustering.AppendBound(dst, r.Slice.End)
			dst = appendDeletion(dst, r.Deletion, common.timestamp)
		}
	}
	return dst
}

// mutationStamp picks the stamp that is written once.
func mutationStamp(m *Mutation) stamp {
	switch {
	case len(m.Rows) > 0:
		return commonStamp(&m.Rows[0])
	case m.Static != nil:
		return commonStamp(m.Static)
	case len(m.Ranges) > 0:
		return stamp{timestamp: m.Ranges[0].Deletion.MarkedAt, expiresAt: Forever}
	}
	return stamp{timestamp: m.Deletion.MarkedAt, expiresAt: Forever}
}

// DecodeMutation decodes what AppendMutation wrote for a mutation of table, and returns the
// bytes behind it. Keys, clusterings and values are part of src.
func DecodeMutation(src []byte, table TableID) (m Mutation, rest []byte, err error) {
	r := reader{src: src}
	if version := r.byte(); version != mutationVersion {
		return Mutation{}, nil, fmt.Errorf("mutation: version %d: %w", version, ErrCorrupt)
	}
	flags := r.byte()
	if flags&^byte(mutationFlagsKnown) != 0 {
		r.fail()
	}
	m.Table = table
	key := r.key()
	common := r.stamp(0)
	if flags&mutationHasDeletion != 0 {
		m.Deletion = r.deletion(common.timestamp)
	}
	if flags&mutationHasStatic != 0 {
		m.Static = new(Row)
		r.rowBody(m.Static, common, nil, nil)
	}
	r.rows(&m, common)
	if flags&mutationHasRanges != 0 {
		r.ranges(&m, common)
	}
	if r.bad {
		return Mutation{}, nil, fmt.Errorf("mutation: %w", ErrCorrupt)
	}
	m.Key = partition.Decorate(key)
	return m, r.src, nil
}

// key reads the bytes of a partition key, clustering or bound.
func (r *reader) key() []byte {
	b := r.bytes()
	if len(b) > keyBytesMax {
		r.fail()
	}
	return b
}

func (r *reader) rows(m *Mutation, common stamp) {
	// A row takes two bytes at least, a cell mostly three: room for what can be there.
	count := int(r.upTo(uint64(len(r.src) / 2)))
	if count == 0 {
		return
	}
	m.Rows = make([]Row, 0, min(count, len(r.src)/8+1))
	// Other mutations may follow in src: the rows say better than its length how many cells there are.
	cells := make([]Cell, 0, min(4*count, len(r.src)/16+1))
	var last Row // m.Rows may move
	var before *Row
	for range count {
		if r.bad {
			return
		}
		m.Rows = append(m.Rows, Row{Clustering: r.key()})
		row := &m.Rows[len(m.Rows)-1]
		cells = r.rowBody(row, common, before, cells)
		last, before = *row, &last
	}
}

func (r *reader) ranges(m *Mutation, common stamp) {
	count := int(r.upTo(uint64(len(r.src) / 4)))
	for range count {
		if r.bad {
			return
		}
		var t RangeTombstone
		t.Slice = clustering.Slice{Start: r.bound(), End: r.bound()}
		t.Deletion = r.deletion(common.timestamp)
		m.Ranges = append(m.Ranges, t)
	}
}

func (r *reader) bound() clustering.Bound {
	b, rest, err := clustering.DecodeBound(r.src)
	if err != nil || len(b.Prefix) > keyBytesMax {
		r.fail()
		return clustering.Bound{}
	}
	r.src = rest
	return b
}
