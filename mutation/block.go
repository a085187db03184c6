package mutation

import "github.com/eskerdb/esker/clustering"

// Block is rows of one partition in clustering order, as columns. Each row is the whole of one
// INSERT or UPDATE: its marker and its cells share one timestamp, TTL and end, and nothing in it
// deletes. Flush and compaction move such rows without looking at them one by one.
type Block struct {
	Rows       int
	Clustering []Vector // a vector a clustering column, as in Batch
	Timestamps []int64  // write timestamps, microseconds
	TTLs       []int32  // seconds; nil: none
	ExpiresAt  []int64  // seconds since 1970; nil: all Forever
	Live       []uint64 // bit i%64 of word i/64 is set where row i has a marker; nil: every row has
	Sequences  []uint64 // law BySequence: sequences of the rows; nil under ByTimestamp
	Columns    []Vector // a vector a regular column of the table, in the order of Table.Columns, statics left out
	Origin     any      // what a source says of its own blocks to those who know it, such as how a file has encoded them; nil: nothing
}

// BlockSource yields blocks in clustering order. A block is valid until the next call; the end is nil, nil.
type BlockSource interface {
	Next() (*Block, error)
}

// BatchSource yields batches, each valid until the next call or Close; the end is nil, nil.
type BatchSource interface {
	Next() (*Batch, error)
	Close()
}

// Run is rows of one partition that one source holds, each clustering once.
type Run interface {
	// Bounds returns the clustering of the first and the last row, row deletions included.
	Bounds() (first, last []byte)
	// Rows yields the rows inside slices with all cells and deletions, in clustering order or in reverse.
	Rows(slices clustering.Slices, reverse bool) RowSource
	// Batches yields the rows of the request that are not deleted, as vectors. It is right only
	// where no other source has rows or deletions in between. nil: only Rows can be had.
	Batches(req *ReadRequest) BatchSource
	// Blocks yields all rows. nil: something in the run is no part of a Block, only Rows can be had.
	Blocks() BlockSource
}
