package lsm

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// fileOrder is the files of a table in the orders that reads take them in. It is made when the first
// read of a version asks.
type fileOrder struct {
	once sync.Once
	all  []*file // files of no window: they may hold anything of any time
	up   []*file // files of windows, ascending by start
	down []*file // the same, descending by end
	// Up to each place of up the latest end, of down the earliest start: both are monotonous, and say where
	// a search may begin, also where windows overlap because the size of buckets was altered.
	latest   []int64
	earliest []int64
	sums     fileSums
}

// fileOrder returns the order of t's files.
func (t *tableVersion) fileOrder() *fileOrder {
	o := t.order
	o.once.Do(func() { o.fill(t.files) })
	return o
}

func (o *fileOrder) fill(files []*file) {
	for _, f := range files {
		if f.window() == (window{}) {
			o.all = append(o.all, f)
		} else {
			o.up = append(o.up, f)
		}
	}
	o.down = slices.Clone(o.up)
	slices.SortFunc(o.up, func(a, b *file) int {
		return cmp.Or(cmp.Compare(a.window().start, b.window().start), cmp.Compare(a.number, b.number))
	})
	slices.SortFunc(o.down, func(a, b *file) int {
		return cmp.Or(cmp.Compare(b.window().end, a.window().end), cmp.Compare(a.number, b.number))
	})
	latest, earliest := int64(math.MinInt64), int64(math.MaxInt64)
	for i := range o.up {
		latest, earliest = max(latest, o.up[i].window().end), min(earliest, o.down[i].window().start)
		o.latest, o.earliest = append(o.latest, latest), append(o.earliest, earliest)
	}
}

// within returns the files of windows that may hold times from low to high, newest first or oldest first,
// and some others.
func (o *fileOrder) within(low, high int64, newestFirst bool) []*file {
	if newestFirst {
		from := sort.Search(len(o.down), func(i int) bool { return o.earliest[i] <= high })
		to := sort.Search(len(o.down), func(i int) bool { return o.down[i].window().end <= low })
		return o.down[from:max(from, to)]
	}
	from := sort.Search(len(o.up), func(i int) bool { return o.latest[i] > low })
	to := sort.Search(len(o.up), func(i int) bool { return o.up[i].window().start > high })
	return o.up[from:max(from, to)]
}

// window is the range of event time that all rows of f are in; none if they may be of any.
func (f *file) window() window { return window{f.info.BucketStart, f.info.BucketEnd} }

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
