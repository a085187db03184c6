// Package mutation holds what a write leaves behind: cells, rows, deletions, the
// vectors they travel in, and the one law by which any two versions of a row merge.
//
// It knows values as serialized bytes, write timestamps and ends of life. It does not
// know the clock, the schema, names of columns, files or connections.
package mutation

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/partition"
)

// TableID is the identity of a table for life: a random UUID. A table that is dropped
// and created again has another one.
type TableID [16]byte

// ColumnID numbers a static or regular column within its table. A number is never used
// again, so the cells of a dropped column can never show up under a new one.
type ColumnID uint32

// Forever is the end of what does not end by itself, in seconds since 1970.
const Forever int64 = math.MaxInt64

// Law is how versions of one row merge.
type Law uint8

const (
	// ByTimestamp merges cell by cell after Cassandra's rules (R1 to R17).
	ByTimestamp Law = 1 // on disk: never reuse
	// BySequence keeps the version of the row with the highest Sequence, whole. At equal
	// sequences the deletion wins. Copies, rollup rows and dirty marks merge so (R39b, law 7).
	BySequence Law = 2 // on disk: never reuse
)

// Deletion hides what was written at or before MarkedAt (R11). The zero value is no deletion.
type Deletion struct {
	MarkedAt int64 // write timestamp, microseconds since 1970; may be negative
	LocalSec int64 // server time of the deletion in seconds, at least 1; 0 means no deletion
}

// IsNone reports whether there is no deletion.
func (d Deletion) IsNone() bool { return d.LocalSec == 0 }

// Liveness is the row marker that INSERT writes and UPDATE does not (R9). The zero value
// is no liveness.
type Liveness struct {
	Timestamp int64 // write timestamp, microseconds
	TTL       int32 // seconds; 0 when it does not expire
	ExpiresAt int64 // seconds since 1970, Forever when it does not expire; 0 means no liveness
}

// IsNone reports whether the row has no marker.
func (l Liveness) IsNone() bool { return l.ExpiresAt == 0 }

// Cell is one version of one column's value.
//
//	live       TTL 0, ExpiresAt Forever
//	expiring   TTL > 0, ExpiresAt when it ends
//	tombstone  TTL 0, ExpiresAt the server time of the deletion (LocalDeletionTime); Value nil
//	complex    Value is an encoded Complex, the rest as Complex.Cell says; it is never a tombstone
type Cell struct {
	Column    ColumnID
	Complex   bool   // the column is multi-cell
	Timestamp int64  // write timestamp, microseconds
	TTL       int32  // seconds
	ExpiresAt int64  // seconds since 1970, at least 1
	Value     []byte // as on the wire; an empty value is not null
}

// IsTombstone reports whether the cell deletes and does nothing else.
func (c *Cell) IsTombstone() bool { return c.TTL == 0 && c.ExpiresAt != Forever && !c.Complex }

// Row is one version of a row, or the merge of several.
type Row struct {
	Clustering []byte   // sortable bytes of package clustering; empty for a static row or a table without clustering
	Sequence   uint64   // law BySequence only: 0 until the store stamps the record's, or explicit
	Live       Liveness // under BySequence: ExpiresAt alone decides how long the row shows (R39a)
	Deletion   Deletion // deletes the row's older content; MarkedAt is unused under BySequence
	Cells      []Cell   // ascending by Column, one a column
}

// RangeTombstone deletes every row inside Slice that is not newer than Deletion.
type RangeTombstone struct {
	Slice    clustering.Slice
	Deletion Deletion
}

// Mutation is what one statement does to one partition of one table.
type Mutation struct {
	Table    TableID
	Key      partition.DecoratedKey
	Deletion Deletion         // of the whole partition, statics included (R14)
	Static   *Row             // nil when no static column is touched
	Rows     []Row            // any order; a clustering may occur more than once
	Ranges   []RangeTombstone // any order, may overlap
}

// Side is what a partition holds beside its rows. It is small and read with every slice.
type Side struct {
	Deletion Deletion
	Static   *Row
	Ranges   []RangeTombstone // as Ranges.Flatten leaves them: sorted, disjoint, none superseded by Deletion
}

// RowSource yields the rows of one partition in clustering order, or in reverse if it was
// opened so, each clustering at most once. The row is valid until the next call; the end is nil, nil.
type RowSource interface {
	Next() (*Row, error)
}
