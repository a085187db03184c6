package exec

import (
	"cmp"
	"math"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
)

// cut divides slices of a partition into parts.
func (s *stitch) cut(key partition.DecoratedKey, in clustering.Slices) error {
	s.parts = s.parts[:0]
	var open []downsample.Window // whole milliseconds of the slices that no level has yet, ascending
	for _, slice := range in {
		if w := wholeTimes(s.layout, slice); w.Start < w.End {
			open = append(open, w)
		}
	}
	if s.layout[0].Desc {
		slices.Reverse(open)
	}
	endless := int64(math.MaxInt64) // from where on some level retains its windows, and makes the store keep all rows for them
	for i := range s.plan.Levels {
		level := s.plan.Levels[i].Table
		windows := s.plan.Levels[i].Windows()
		retained := boundaryFrom(windows, s.src.RetainedFrom(level))
		whole, err := s.src.WholeFrom(level)
		if err != nil {
			return err
		}
		endless = min(endless, max(retained, whole))
		if len(open) == 0 {
			continue
		}
		over := downsample.Window{Start: max(open[0].Start, retained), End: open[len(open)-1].End}
		if over.Start >= over.End {
			continue
		}
		final, err := s.src.FinalParts(level, key, over)
		if err != nil {
			return err
		}
		var taken []downsample.Window
		taken, open = take(open, final, func(w downsample.Window) downsample.Window {
			w.Start = boundaryFrom(windows, max(w.Start, retained))
			if _, end := windows.BucketOf(w.End - 1); end != w.End || end == math.MaxInt64 {
				w.End, _ = windows.BucketOf(w.End)
			}
			return w
		})
		for _, w := range taken {
			s.parts = append(s.parts, part{window: w, from: i, endless: w.Start == boundaryFrom(windows, math.MinInt64+1)})
		}
	}
	s.addRaw(in, endless)
	return nil
}

// boundaryFrom is the first boundary of windows at or behind a time.
func boundaryFrom(windows interface{ BucketOf(int64) (int64, int64) }, ms int64) int64 {
	start, end := windows.BucketOf(ms)
	if start == ms {
		return ms
	}
	return end
}

// take divides ranges into what lies in parts, cut to whole windows, and the rest. All are ascending and disjoint;
// neighbours of what is taken become one.
func take(open, parts []downsample.Window, whole func(downsample.Window) downsample.Window) (taken, rest []downsample.Window) {
	at := 0
	for _, w := range open {
		for ; at < len(parts) && parts[at].End <= w.Start; at++ {
		}
		from := w.Start
		for i := at; i < len(parts) && parts[i].Start < w.End; i++ {
			p := whole(downsample.Window{Start: max(from, parts[i].Start), End: min(w.End, parts[i].End)})
			if p.Start >= p.End {
				continue
			}
			if from < p.Start {
				rest = append(rest, downsample.Window{Start: from, End: p.Start})
			}
			if n := len(taken); n > 0 && taken[n-1].End == p.Start && from == p.Start {
				taken[n-1].End = p.End
			} else {
				taken = append(taken, p)
			}
			from = p.End
		}
		if from < w.End {
			rest = append(rest, downsample.Window{Start: from, End: w.End})
		}
	}
	return taken, rest
}

// addRaw adds what no level has, and puts the parts in the order of the answer.
func (s *stitch) addRaw(in clustering.Slices, endless int64) {
	slices.SortFunc(s.parts, func(a, b part) int { return cmp.Compare(a.window.Start, b.window.Start) })
	s.covered = s.covered[:0]
	from, levels := int64(math.MinInt64), len(s.parts)
	for i := range levels {
		w := s.parts[i].window
		s.covered = append(s.covered, w)
		s.addGap(in, downsample.Window{Start: from, End: w.Start}, endless)
		from = w.End
	}
	s.addGap(in, downsample.Window{Start: from, End: math.MaxInt64}, endless)
	sign := 1
	if !s.ascending {
		sign = -1
	}
	slices.SortStableFunc(s.parts, func(a, b part) int { return sign * cmp.Compare(a.window.Start, b.window.Start) })
}

// addGap adds raw rows between two parts of levels, as far as the slices ask for them.
func (s *stitch) addGap(in clustering.Slices, gap downsample.Window, endless int64) {
	s.addRows(in, downsample.Window{Start: gap.Start, End: min(gap.End, endless)}, rawPlain)
	s.addRows(in, downsample.Window{Start: max(gap.Start, endless), End: gap.End}, rawWhole)
}

func (s *stitch) addRows(in clustering.Slices, w downsample.Window, from int) {
	if w.Start >= w.End {
		return
	}
	if rows := in.Intersect(clustering.Slices{timeSlice(s.layout, w)}); len(rows) > 0 {
		s.parts = append(s.parts, part{window: w, from: from, slices: rows})
	}
}

// timeSlice is the rows whose first clustering column is a time in the window. At the ends of the integers it is open, and
// includes rows without a time.
func timeSlice(layout clustering.Layout, w downsample.Window) clustering.Slice {
	column, out := layout[0], clustering.Whole()
	low, high := &out.Start, &out.End
	if column.Desc {
		low, high = high, low
	}
	latest := *high
	set := func(to *clustering.Bound, ms int64) {
		first, ok := types.FirstAt(column.Type, ms, 0)
		switch {
		case !ok && ms > 0: // behind every value
			*to = latest
			return
		case !ok:
			first = timeValue(column.Type, ms, false)
		}
		if *to = clustering.Before(column.Append(nil, first)); column.Desc {
			to.Side = clustering.SideAfter
		}
	}
	if w.Start != math.MinInt64 {
		set(low, w.Start)
	}
	if w.End != math.MaxInt64 {
		set(high, w.End)
	}
	return out
}

const dayMillis = 86_400_000

// timeValue is a time as a value of a clustering column, or the nearest that there is: the first of its millisecond, or the last.
func timeValue(of *types.Type, ms int64, last bool) []byte {
	switch of.Kind() {
	case types.KindTimeUUID:
		ms = min(max(ms, types.TimeUUIDMillisMin), types.TimeUUIDMillisMax)
		if last {
			return types.MaxTimeUUID(ms)
		}
		return types.MinTimeUUID(ms)
	case types.KindDate:
		ms = min(max(ms, math.MinInt32*dayMillis), math.MaxInt32*dayMillis)
	}
	return planner.TimeAs(of, ms)
}

// wholeTimes are the milliseconds of which every row that there may be lies in the slice, but the least of all, which rows
// without a time lie beside. It is empty if there is none.
func wholeTimes(layout clustering.Layout, s clustering.Slice) downsample.Window {
	low, high := s.Start, s.End
	if layout[0].Desc {
		low, high = high, low
	}
	out := downsample.Window{Start: math.MinInt64 + 1, End: math.MaxInt64}
	if ms, whole, ok := boundTime(layout, low, (low.Side == clustering.SideAfter) == layout[0].Desc, false); ok {
		out.Start = max(out.Start, ms)
		if !whole {
			out.Start = after(layout[0].Type, ms)
		}
	}
	if len(high.Prefix) > 0 {
		ms, whole, ok := boundTime(layout, high, (high.Side == clustering.SideAfter) != layout[0].Desc, true)
		switch {
		case !ok:
			out.End = math.MinInt64 // below every time
		case whole:
			out.End = after(layout[0].Type, ms)
		default:
			out.End = ms
		}
	}
	return out
}

// after is the first millisecond behind those that a value of a millisecond stands for.
func after(of *types.Type, ms int64) int64 {
	unit := int64(1)
	if of.Kind() == types.KindDate {
		unit = dayMillis
	}
	if ms > math.MaxInt64-unit {
		return math.MaxInt64
	}
	return ms + unit
}

// boundTime is the millisecond at which a bound lies, and whether all its rows lie on the side of the bound that is asked
// for; inclusive says that those of the very value do. ok is false where the bound has no time.
func boundTime(layout clustering.Layout, b clustering.Bound, inclusive, upper bool) (ms int64, whole, ok bool) {
	values, err := layout.Decode(b.Prefix)
	if err != nil || len(values) == 0 || len(values[0]) == 0 {
		return 0, false, false
	}
	of := layout[0].Type
	ms = planner.MillisOf(of, values[0])
	if of.Kind() != types.KindTimeUUID {
		return ms, inclusive && len(values) == 1, true
	}
	// One millisecond has many; a bound beyond the outermost of them leaves none out.
	order := of.Compare(values[0], types.MinTimeUUID(ms))
	if upper {
		order = -of.Compare(values[0], types.MaxTimeUUID(ms))
	}
	return ms, order < 0 || order == 0 && inclusive && len(values) == 1, true
}
