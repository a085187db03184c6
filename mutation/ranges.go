package mutation

import (
	"slices"

	"github.com/eskerdb/esker/clustering"
)

// FlattenRanges returns what ranges delete as sorted, disjoint ranges: at every point the
// deletion that supersedes the others there, and only where it supersedes partition, the
// deletion of the whole partition (R16). Empty ranges vanish. ranges is not changed.
func FlattenRanges(ranges []RangeTombstone, partition Deletion) []RangeTombstone {
	var out []RangeTombstone
	sorted := make([]RangeTombstone, 0, len(ranges))
	for _, r := range ranges {
		if r.Deletion.Supersedes(partition) && r.Slice.Start.Compare(r.Slice.End) < 0 {
			sorted = append(sorted, r)
		}
	}
	if len(sorted) < 2 {
		return append(out, sorted...)
	}
	bounds := make([]clustering.Bound, 0, 2*len(sorted))
	for _, r := range sorted {
		bounds = append(bounds, r.Slice.Start, r.Slice.End)
	}
	slices.SortFunc(bounds, clustering.Bound.Compare)
	slices.SortFunc(sorted, func(a, b RangeTombstone) int { return a.Slice.Start.Compare(b.Slice.Start) })
	var open openRanges
	for i := 0; i+1 < len(bounds); i++ {
		start, end := bounds[i], bounds[i+1]
		if start.Compare(end) == 0 {
			continue
		}
		for len(sorted) > 0 && sorted[0].Slice.Start.Compare(start) <= 0 {
			open.push(sorted[0])
			sorted = sorted[1:]
		}
		if top, ok := open.at(start); ok {
			out = appendRange(out, start, end, top)
		}
	}
	return out
}

// appendRange appends [start, end), or lengthens the last range if it goes on there.
func appendRange(out []RangeTombstone, start, end clustering.Bound, d Deletion) []RangeTombstone {
	if n := len(out); n > 0 && out[n-1].Deletion == d && out[n-1].Slice.End.Compare(start) == 0 {
		out[n-1].Slice.End = end
		return out
	}
	return append(out, RangeTombstone{clustering.Slice{Start: start, End: end}, d})
}

// openRanges is a heap of the ranges that have begun, the one that supersedes on top. Those
// that have ended leave when they come to the top.
type openRanges []RangeTombstone

func (h openRanges) before(i, j int) bool { return h[i].Deletion.Supersedes(h[j].Deletion) }

func (h *openRanges) push(r RangeTombstone) {
	*h = append(*h, r)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if !s.before(i, parent) {
			return
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

func (h *openRanges) pop() {
	s := *h
	last := len(s) - 1
	s[0] = s[last]
	s = s[:last]
	*h = s
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return
		}
		if child+1 < last && s.before(child+1, child) {
			child++
		}
		if !s.before(child, i) {
			return
		}
		s[i], s[child] = s[child], s[i]
		i = child
	}
}

// at returns the deletion that holds from b on.
func (h *openRanges) at(b clustering.Bound) (Deletion, bool) {
	for len(*h) > 0 && (*h)[0].Slice.End.Compare(b) <= 0 {
		h.pop()
	}
	if len(*h) == 0 {
		return Deletion{}, false
	}
	return (*h)[0].Deletion, true
}

// Covering returns the deletion that covers the row: of the partition, or of a range that
// supersedes it. Clusterings may come in any order; RangeCursor is faster for a stream.
func (s *Side) Covering(row []byte) Deletion {
	i, found := slices.BinarySearchFunc(s.Ranges, row, func(r RangeTombstone, row []byte) int {
		return position(r.Slice, row)
	})
	if found {
		return s.Ranges[i].Deletion
	}
	return s.Deletion
}

// position says whether s lies before (-1), over (0) or behind (1) a row.
func position(s clustering.Slice, row []byte) int {
	switch {
	case s.Start.CompareKey(row) > 0:
		return 1
	case s.End.CompareKey(row) > 0:
		return 0
	}
	return -1
}

// RangeCursor looks up the deletion that covers each row of a stream. The zero value covers nothing.
type RangeCursor struct {
	side    *Side
	next    int // ranges before it are passed
	reverse bool
}

// NewRangeCursor returns a cursor over the deletions of side (nil: none) for rows that come
// in clustering order, or in reverse.
func NewRangeCursor(side *Side, reverse bool) RangeCursor {
	return RangeCursor{side: side, reverse: reverse}
}

// isNone reports whether no row can be covered.
func (c *RangeCursor) isNone() bool {
	return c.side == nil || c.side.Deletion.IsNone() && len(c.side.Ranges) == 0
}

// Covering returns the deletion that covers the row. Rows come in the cursor's order.
func (c *RangeCursor) Covering(row []byte) Deletion {
	if c.side == nil {
		return Deletion{}
	}
	ranges := c.side.Ranges
	for c.next < len(ranges) {
		i := c.next
		if c.reverse {
			i = len(ranges) - 1 - i
		}
		order := position(ranges[i].Slice, row)
		if c.reverse {
			order = -order
		}
		if order == 0 {
			return ranges[i].Deletion
		}
		if order > 0 {
			break
		}
		c.next++
	}
	return c.side.Deletion
}

// MergeSides merges what several sources hold beside the rows of one partition. The
// partition deletion hides older statics and ranges (R14, R16). Values are shared.
func MergeSides(law Law, sides ...*Side) Side {
	var out Side
	var ranges []RangeTombstone
	for _, s := range sides {
		if s == nil {
			continue
		}
		out.Deletion = MaxDeletion(out.Deletion, s.Deletion)
		ranges = append(ranges, s.Ranges...)
		if s.Static == nil {
			continue
		}
		if out.Static == nil {
			static := *s.Static
			out.Static = &static
			continue
		}
		MergeRow(law, out.Static, s.Static)
	}
	if out.Static != nil {
		Normalize(law, out.Static)
		ApplyDeletion(law, out.Static, out.Deletion)
		if out.Static.IsEmpty() {
			out.Static = nil
		}
	}
	out.Ranges = FlattenRanges(ranges, out.Deletion)
	return out
}

// IsEmpty reports whether s holds nothing.
func (s *Side) IsEmpty() bool {
	return s.Deletion.IsNone() && s.Static == nil && len(s.Ranges) == 0
}
