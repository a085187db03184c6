package mutation

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/partition"
)

// Column is a static or regular column as a store sees it.
type Column struct {
	ID       ColumnID
	Physical Physical
	Width    int // bytes a value for fixed-width kinds
	Static   bool
	Complex  bool // multi-cell: its cells are Complex
}

// Table is what a store needs to know of a table: no names but for errors.
type Table struct {
	ID         TableID
	Name       string // "keyspace.table", for errors and listings
	Law        Law
	Clustering clustering.Layout
	Columns    []Column            // ascending by ID; cells of columns not listed (dropped) are skipped
	GCGraceSec int64               // how long explicit deletions are kept (R42)
	Bucket     partition.Bucketing // how new files are split by event time; the zero value: not bucketed
	// UnitNanos is what one unit of a first clustering column of type bigint or int stands for, nanoseconds;
	// 0: a bigint counts milliseconds, and an int is no time.
	UnitNanos int64
	// KeepExpired keeps rows and cells on disk when they have expired, because rollups still read them (R41).
	KeepExpired bool
}

// ReadRequest asks for rows of one partition.
type ReadRequest struct {
	Key      partition.DecoratedKey
	Slices   clustering.Slices
	Reverse  bool       // rows in reverse clustering order
	Columns  []ColumnID // regular columns wanted, each once; Batch.Columns has this order
	Metadata bool       // fill Timestamps and TTLs of vectors
	RowsMax  int        // a hint: the caller will stop after so many rows; 0: none
	NowSec   int64      // a hint: rows that have ended by then (AliveUntil <= NowSec) may be left out; 0: none may
	// Where is a hint: rows that do not fulfil all of it may be left out.
	Where []Between
	// Summaries allows batches with a Summary instead of rows; the reader implements Expander.
	Summaries bool
	// Statistics counts what the read costs; nil: nobody asks.
	Statistics *ReadStatistics
}

// PartitionReader yields the rows of one partition as batches.
type PartitionReader interface {
	// Side is what the partition holds beside its rows, merged from all sources, statics included.
	Side() *Side
	// Next returns the next batch, valid until the next call or Close; the end is nil, nil.
	Next() (*Batch, error)
	// Close releases what the reader holds. It may be called at any time.
	Close()
}

// KeyIterator yields partition keys in (token, key) order, each once; the end is nil, nil.
// A key may turn out to have nothing left alive.
type KeyIterator interface {
	Next() (*partition.DecoratedKey, error)
	Close()
}
