package exec

import (
	"slices"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/schema"
)

// ServedMax is how many ranges of time LevelStats tells apart.
const ServedMax = 8

// LevelStats counts what a page took from a rollup.
type LevelStats struct {
	Table  *schema.Table
	Rows   int64               // of the rollup, read
	Served []downsample.Window // in some partition: ascending, disjoint; at most ServedMax
	More   bool                // there are further ranges
}

// serve adds a range; nothing if it is empty.
func (l *LevelStats) serve(w downsample.Window) {
	if w.Start >= w.End {
		return
	}
	from := 0
	for from < len(l.Served) && l.Served[from].End < w.Start {
		from++
	}
	to := from
	for ; to < len(l.Served) && l.Served[to].Start <= w.End; to++ {
		w = hull(w, l.Served[to])
	}
	if to == from && len(l.Served) == ServedMax {
		l.More = true
		return
	}
	l.Served = slices.Replace(l.Served, from, to, w)
}

// hull is the smallest window that holds all of them.
func hull(w downsample.Window, more ...downsample.Window) downsample.Window {
	for _, o := range more {
		w.Start, w.End = min(w.Start, o.Start), max(w.End, o.End)
	}
	return w
}
