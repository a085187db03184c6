package lsm

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// window is a range of event time [start, end), milliseconds since 1970; the zero value is none.
// A file of one window has rows of that event time only, and nothing beside rows.
type window struct{ start, end int64 }

// isBucketed reports whether new files of t are split by event time.
func isBucketed(t *mutation.Table) bool { return !t.Bucket.IsNone() }

// windowOf returns the window of a row; none when its event time is not known.
func windowOf(t *mutation.Table, row []byte) window {
	if !isBucketed(t) {
		return window{}
	}
	millis, ok := t.Clustering.FirstTimeMillis(row)
	if !ok {
		return window{}
	}
	start, end := t.Bucket.BucketOf(millis)
	return window{start, end}
}

// touches reports whether a slice may hold rows of the window. Bounds that say nothing of time
// touch every window.
func (w window) touches(l clustering.Layout, s clustering.Slice) bool {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	from, to := s.Start, s.End
	if len(l) > 0 && l[0].Desc {
		from, to = to, from
	}
	if ms, ok := l.FirstTimeMillis(from.Prefix); ok {
		low = ms
	}
	if ms, ok := l.FirstTimeMillis(to.Prefix); ok {
		high = ms
	}
	return (low < w.end || w.end == math.MaxInt64) && high >= w.start
}
