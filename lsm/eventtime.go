package lsm

import (
	"math"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// span is event times from low to high, milliseconds since 1970; both are included.
type span struct{ low, high int64 }

// spansOf returns the event times that each of the slices reaches from and to, in the order of the slices.
func spansOf(t *mutation.Table, in clustering.Slices, dst []span) []span {
	for i := range in {
		low, high := timesOf(t, in[i:i+1])
		dst = append(dst, span{low, high})
	}
	return dst
}

// timesOf returns the event times that slices reach from and to, milliseconds; both included.
func timesOf(t *mutation.Table, in clustering.Slices) (low, high int64) {
	low, high = math.MinInt64, math.MaxInt64
	if len(t.Clustering) == 0 || len(in) == 0 {
		return low, high
	}
	from, to := in[0].Start, in[len(in)-1].End
	fromOut, toOut := excludesTime(t, from, clustering.SideAfter), excludesTime(t, to, clustering.SideBefore)
	if t.Clustering[0].Desc {
		from, to, fromOut, toOut = to, from, toOut, fromOut
	}
	if ms, ok := t.EventTime(from.Prefix); ok {
		low = ms
		if fromOut && ms < math.MaxInt64 {
			low++
		}
	}
	if ms, ok := t.EventTime(to.Prefix); ok {
		high = ms
		if toOut && ms > math.MinInt64 {
			high-- // 'before midnight' needs no file that begins with it
		}
	}
	return low, high
}

// excludesTime reports whether a bound leaves out all rows of its millisecond: it is on that side of a prefix that says the
// whole time of its rows, no finer, and nothing else.
func excludesTime(t *mutation.Table, b clustering.Bound, side clustering.Side) bool {
	of := t.Clustering[0].Type
	if b.Side != side || len(b.Prefix) != 1+of.FixedWidth() {
		return false
	}
	switch of.Kind() {
	case types.KindTimestamp:
		return true
	case types.KindBigint, types.KindInt:
		return t.UnitNanos == 0 || t.UnitNanos >= int64(time.Millisecond)
	}
	return false
}

// isNewestFirst reports whether a read of t in that direction goes from later times to earlier ones.
func isNewestFirst(t *mutation.Table, reverse bool) bool {
	return len(t.Clustering) > 0 && t.Clustering[0].Desc != reverse
}
