package downsample

import "math"

// WindowOf is the window of that step, in milliseconds, which holds a time in milliseconds since 1970.
// A window that would reach beyond the integers is cut there.
func WindowOf(ms, stepMillis int64) Window {
	into := ms % stepMillis
	if into < 0 {
		into += stepMillis
	}
	w := Window{Start: ms - into, End: ms - into + stepMillis}
	if w.Start > ms {
		w.Start = math.MinInt64
		w.End = ms + (stepMillis - into)
	}
	if w.End < ms {
		w.End = math.MaxInt64
	}
	return w
}
