package ttl

import (
	"math"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Ends says which rows of a table have ended for good at one moment, beside those of explicit deletions. It is made once for a
// merge and is immutable; Before may be called by several goroutines. Times are those of rows, by their first clustering
// column or, where Position says so, by another, in milliseconds since 1970; rows without such a time end by their TTL and by Columns alone.
type Ends struct {
	// AllBefore: rows of every partition with a time below it go whatever they hold (R42); math.MinInt64: none.
	AllBefore int64
	// Before is the same of one partition, at least AllBefore; nil: AllBefore.
	Before func(key partition.DecoratedKey) int64
	// Position is the clustering column of the times that AllBefore and Before mean, from 0. Those of KeptFrom are always of the first.
	Position int
	// KeptFrom: rows with a time at or above it stay whole although they have ended in any way, because windows of rollups that they
	// belong to are not sealed (R41): it counts before AllBefore, Before and Columns. math.MaxInt64: none has to stay; math.MinInt64:
	// all, and statics as well, which are not concerned else.
	KeptFrom int64
	// Columns hold ends of their rows; each counts on the merged row alone.
	Columns []EndColumn
}

// EndColumn is a column that holds the end of its row as a timestamp, in milliseconds: the row has ended if that is not above Until.
type EndColumn struct {
	Column mutation.ColumnID
	Until  int64
}

// NoEnds is of a table whose rows end by their TTL alone.
var NoEnds = Ends{AllBefore: math.MinInt64, KeptFrom: math.MaxInt64}

// Everyone is the time of the first column below which rows of all partitions go: AllBefore as far as nothing has to stay.
func (e *Ends) Everyone() int64 {
	if e.Position != 0 {
		return math.MinInt64
	}
	return min(e.AllBefore, e.KeptFrom)
}

// Of is the time of the first column below which rows of one partition go.
func (e *Ends) Of(key partition.DecoratedKey) int64 {
	if e.Before == nil || e.Position != 0 {
		return e.Everyone()
	}
	return min(max(e.Before(key), e.AllBefore), e.KeptFrom)
}

// ByTime reports whether rows of any partition may have ended by the time in their first column.
func (e *Ends) ByTime() bool { return e.Position == 0 && e.someBefore() }

func (e *Ends) someBefore() bool {
	return e.KeptFrom != math.MinInt64 && (e.Before != nil || e.AllBefore != math.MinInt64)
}

// ByOther reports whether rows of any partition may have ended by the time in another column of their key.
func (e *Ends) ByOther() bool { return e.Position != 0 && e.someBefore() }

// OfOther is the time in that column below which rows of one partition go, if they need not stay by KeptFrom.
func (e *Ends) OfOther(key partition.DecoratedKey) int64 {
	switch {
	case !e.ByOther():
		return math.MinInt64
	case e.Before == nil:
		return e.AllBefore
	}
	return max(e.Before(key), e.AllBefore)
}

// Keeps reports whether rows of times up to last, the last of them included, may have to stay although they have ended.
func (e *Ends) Keeps(last int64) bool { return e.KeptFrom != math.MaxInt64 && last >= e.KeptFrom }
