package mutation

import (
	"bytes"
	"encoding/binary"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/partition"
)

const mutationsVersion = 2 // on disk: never reuse

// Flags of an encoded mutation; on disk: never reuse.
const (
	mutationHasDeletion   = 1 << 0
	mutationHasStatic     = 1 << 1
	mutationHasRanges     = 1 << 2
	mutationHasCount      = 1 << 3 // of rows; else there is one
	mutationSameTimestamp = 1 << 4 // as the context's
	mutationSameLife      = 1 << 5 // as the context's
	mutationSameKey       = 1 << 6 // as the context's
	mutationFlagsKnown    = 1<<7 - 1
)

// keyBytesMax bounds what is read back as a partition key, a clustering or a bound. Sortable
// bytes escape some bytes of a clustering, so they may be longer than its values.
const keyBytesMax = 4 * partition.KeyBytesMax

// alikeBytesMax is how long bytes may be of which a part is taken from others. What a decoder must
// put together from parts is bounded by it.
const alikeBytesMax = 64

// context is what a mutation is coded against: the end of the one before.
type context struct {
	stamp      stamp
	key        []byte
	clustering []byte // of the last row
	cells      []Cell // of the last row
}

func newContext() context { return context{stamp: stamp{expiresAt: Forever}} }

// Encoder writes mutations of one table as the commit log keeps them
// (docs/formats/commitlog-record.md), each coded against the one before. The zero value is
// ready. The mutations must not change while it is used.
type Encoder struct {
	context
	started bool
}

// Append appends m, in front of the first one the version. The table is not part of it: the
// record names it.
func (e *Encoder) Append(dst []byte, m *Mutation) []byte {
	if !e.started {
		e.context, e.started = newContext(), true
		dst = append(dst, mutationsVersion)
	}
	common := mutationStamp(m, e.stamp)
	flags := e.flags(m, common)
	dst = append(dst, flags)
	if flags&mutationSameKey == 0 {
		dst = appendAlike(dst, m.Key.Key, e.key)
		e.key = m.Key.Key
	}
	if flags&mutationSameTimestamp == 0 {
		dst = binary.AppendVarint(dst, common.timestamp-e.stamp.timestamp)
	}
	if flags&mutationSameLife == 0 {
		dst = appendEnd(binary.AppendUvarint(dst, uint64(common.ttl)), common.expiresAt)
	}
	e.stamp = common
	if flags&mutationHasDeletion != 0 {
		dst = appendDeletion(dst, m.Deletion, common.timestamp)
	}
	if m.Static != nil {
		flags := rowFlags(m.Static, common)
		dst = appendRowBody(append(dst, flags), m.Static, common, flags, nil)
	}
	if flags&mutationHasCount != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(m.Rows)))
	}
	for i := range m.Rows {
		dst = e.appendRow(dst, &m.Rows[i])
	}
	if flags&mutationHasRanges != 0 {
		dst = e.appendRanges(dst, m.Ranges)
	}
	return dst
}

func (e *Encoder) flags(m *Mutation, common stamp) byte {
	var flags byte
	if !m.Deletion.IsNone() {
		flags |= mutationHasDeletion
	}
	if m.Static != nil {
		flags |= mutationHasStatic
	}
	if len(m.Ranges) > 0 {
		flags |= mutationHasRanges
	}
	if len(m.Rows) != 1 {
		flags |= mutationHasCount
	}
	if common.timestamp == e.stamp.timestamp {
		flags |= mutationSameTimestamp
	}
	if common.ttl == e.stamp.ttl && common.expiresAt == e.stamp.expiresAt {
		flags |= mutationSameLife
	}
	if bytes.Equal(m.Key.Key, e.key) {
		flags |= mutationSameKey
	}
	return flags
}

// mutationStamp picks the stamp that is written once. What has none of its own keeps the one
// before.
func mutationStamp(m *Mutation, before stamp) stamp {
	switch {
	case len(m.Rows) > 0:
		return commonStamp(&m.Rows[0])
	case m.Static != nil:
		return commonStamp(m.Static)
	case len(m.Ranges) > 0:
		before.timestamp = m.Ranges[0].Deletion.MarkedAt
	case !m.Deletion.IsNone():
		before.timestamp = m.Deletion.MarkedAt
	}
	return before
}

// appendRow appends a row against the one before, and makes it the one before.
func (e *Encoder) appendRow(dst []byte, row *Row) []byte {
	own := commonStamp(row)
	flags := rowFlags(row, own)
	if own != e.stamp {
		flags |= rowStampOwn
	}
	if sameColumns(row.Cells, e.cells) {
		flags |= rowSameColumns
	}
	if bytes.Equal(row.Clustering, e.clustering) {
		flags |= rowSameClustering
	}
	dst = append(dst, flags)
	if flags&rowSameClustering == 0 {
		dst = appendAlike(dst, row.Clustering, e.clustering)
		e.clustering = row.Clustering
	}
	if flags&rowStampOwn != 0 {
		dst = appendStamp(dst, own, e.stamp.timestamp)
		e.stamp = own
	}
	dst = appendRowBody(dst, row, own, flags, e.cells)
	e.cells = row.Cells
	return dst
}

func sameColumns(a, b []Cell) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Column != b[i].Column {
			return false
		}
	}
	return true
}

func (e *Encoder) appendRanges(dst []byte, ranges []RangeTombstone) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ranges)))
	for _, r := range ranges {
		dst = clustering.AppendBound(dst, r.Slice.Start)
		dst = clustering.AppendBound(dst, r.Slice.End)
		dst = appendDeletion(dst, r.Deletion, e.stamp.timestamp)
	}
	return dst
}

// appendAlike appends b against other bytes.
func appendAlike(dst, b, other []byte) []byte {
	if len(b) == len(other) {
		shared := sharedPrefix(b, other)
		if shared > 0 && (shared == len(b) || len(b) <= alikeBytesMax) {
			return append(binary.AppendUvarint(dst, uint64(shared)<<1|1), b[shared:]...)
		}
	}
	return append(binary.AppendUvarint(dst, uint64(len(b))<<1), b...)
}

// sharedPrefix returns how many bytes a and b, of one length, begin with in common.
func sharedPrefix(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}
