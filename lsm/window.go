package lsm

import (
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
