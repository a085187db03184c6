package ttl

import (
	"math"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Ends says which rows of a table have ended for good at one moment, beside those of explicit deletions. It is made once for a
// merge and is immutable; Before may be called by several goroutines. Times are those of rows, by their first clustering
// column, in milliseconds since 1970.
type Ends struct {
	// AllBefore: rows of every partition with a time below it go whatever they hold (R42); math.MinInt64: none.
	AllBefore int64
	// Before is the same of one partition, at least AllBefore; nil: AllBefore.
	Before func(key partition.DecoratedKey) int64
	// KeptFrom: rows with a time at or above it stay whole although they have expired, because windows of rollups that they
	// belong to are not sealed (R41); math.MaxInt64: none has to stay. Statics are not concerned.
	KeptFrom int64
	// Column holds the end of its row as a timestamp, in milliseconds; 0: no column does. It counts on the merged row alone.
	Column mutation.ColumnID
}

// NoEnds is of a table whose rows end by their TTL alone.
var NoEnds = Ends{AllBefore: math.MinInt64, KeptFrom: math.MaxInt64}
