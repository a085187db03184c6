package lsm

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// fileOrder is the files of a table in the orders that reads take them in. It is made when the first
// read of a version asks.
type fileOrder struct {
	once sync.Once
	all  []*file // files of no window: they may hold anything of any time
	up   []*file // files of windows, ascending by start
	down []*file // the same, descending by end
	// What of the windows in up is last, and how far those in down go back: a search finds the next that meets a time, also where
	// windows overlap because the step of buckets was altered, or because adjacent ones were joined.
	last maxTree // the last millisecond
	back maxTree // ^start
	sums fileSums
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
	o.last = newMaxTree(len(o.up), func(i int) int64 { return o.up[i].window().last() })
	o.back = newMaxTree(len(o.down), func(i int) int64 { return ^o.down[i].window().start })
}

// each calls fn with the files of windows that may hold times from low to high, oldest first.
func (o *fileOrder) each(low, high int64, fn func(*file)) {
	times := [1]span{{low, high}}
	w := waiting{order: o, times: times[:]}
	for f := w.peek(); f != nil; f = w.peek() {
		fn(f)
		w.pop()
	}
}

// window is the range of event time that all rows of f are in; none if they may be of any.
func (f *file) window() window { return window{f.info.BucketStart, f.info.BucketEnd} }

// maxTree finds the next of many numbers that is at least so large: each node is the larger of the two below it.
type maxTree []int64

func newMaxTree(n int, at func(i int) int64) maxTree {
	leaves := 1
	for leaves < n {
		leaves *= 2
	}
	t := make(maxTree, 2*leaves)
	for i := range leaves {
		if t[leaves+i] = math.MinInt64; i < n {
			t[leaves+i] = at(i)
		}
	}
	for i := leaves - 1; i > 0; i-- {
		t[i] = max(t[2*i], t[2*i+1])
	}
	return t
}

// next returns the first place from i on whose number is at least limit; where there is none, a place behind all.
func (t maxTree) next(i int, limit int64) int {
	leaves := len(t) / 2
	if i >= leaves {
		return leaves
	}
	for i += leaves; t[i] < limit; i++ {
		for i&1 == 1 {
			if i >>= 1; i == 0 {
				return leaves
			}
		}
	}
	for i < leaves {
		if i *= 2; t[i] < limit {
			i++
		}
	}
	return i - leaves
}
