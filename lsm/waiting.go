package lsm

import (
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// waiting is the files of windows that a read has not come to, nearest first. It passes over those that no slice of the read
// meets, however many there are, and over those whose rows are all deleted.
type waiting struct {
	order       *fileOrder
	newestFirst bool
	times       []span // of the slices that are not passed, nearest first
	at          int    // in the order: those before are opened or passed
	found       *file  // the nearest, if it is known
	deleted     *deleted
	timesBuf    [4]span
}

// open begins with the slices of a read.
func (w *waiting) open(o *fileOrder, t *mutation.Table, req *mutation.ReadRequest, newestFirst bool) {
	w.order, w.newestFirst, w.times = o, newestFirst, w.timesBuf[:0]
	if len(o.up) == 0 {
		return
	}
	w.times = spansOf(t, req.Slices, w.times)
	if req.Reverse {
		slices.Reverse(w.times)
	}
}

// peek returns the nearest file; nil if none is left.
func (w *waiting) peek() *file {
	for w.found == nil && len(w.times) > 0 {
		f := w.next()
		if f == nil {
			w.times = nil
			return nil
		}
		if w.skip(f) {
			continue
		}
		if w.deleted.covers(f) {
			w.at++
			continue
		}
		w.found = f
	}
	return w.found
}

// next moves to the nearest file that reaches the nearest slice.
func (w *waiting) next() *file {
	files, at := w.order.up, 0
	if w.newestFirst {
		files = w.order.down
		at = w.order.back.next(w.at, ^w.times[0].high)
	} else {
		at = w.order.last.next(w.at, w.times[0].low)
	}
	if at >= len(files) {
		return nil
	}
	w.at = at
	return files[at]
}

// skip passes the slices that neither f nor a file behind it meets. It reports whether f meets none of the others first.
func (w *waiting) skip(f *file) bool {
	of := f.window()
	for len(w.times) > 0 && (w.newestFirst && w.times[0].low > of.last() || !w.newestFirst && w.times[0].high < of.start) {
		w.times = w.times[1:]
	}
	return len(w.times) == 0 || w.times[0].low > of.last() || w.times[0].high < of.start
}

// pop takes the file that peek has returned.
func (w *waiting) pop() {
	w.at++
	w.found = nil
}
