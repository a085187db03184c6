package sstable

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// summarize makes a batch of the statistics of a row group, if they say all that its rows would: it belongs
// to the partition alone, lies whole in the slices, all of it shows, and every column asked for is known.
func (b *batchSource) summarize(s *span) (bool, error) {
	d := b.walk.d
	g := d.group
	if s.from != 0 || s.to != g.rows || g.flags&(groupAllLive|groupRowDeletions) != groupAllLive || !contains(b.walk.spans.slices, s) {
		return false, nil
	}
	if g.flags&groupEnds != 0 && (b.req.NowSec <= 0 || g.minEnd <= b.req.NowSec) {
		return false, nil
	}
	known, err := d.statistics(s.group)
	if err != nil {
		return false, err
	}
	b.summary.Columns = b.summary.Columns[:0]
	for i := range b.columns {
		c, ok := b.summaryOf(&b.columns[i], known)
		if !ok {
			return false, nil
		}
		b.summary.Columns = append(b.summary.Columns, c)
	}
	return true, b.fillBounds(s)
}

// noneWanted reports whether the statistics of a row group say that no row of it fulfils what is asked for.
func (b *batchSource) noneWanted(s *span) (bool, error) {
	known, err := b.walk.d.statistics(s.group)
	if err != nil {
		return false, err
	}
	for _, w := range b.req.Where {
		for i := range known {
			st := &known[i]
			if st.Column != w.Column || !st.HasRange {
				continue
			}
			physical := b.walk.d.r.columnOf(w.Column).Physical
			if mutation.Rank(physical, st.Max) < w.Low || mutation.Rank(physical, st.Min) > w.High {
				return true, nil
			}
		}
	}
	return false, nil
}

// contains reports whether one of the slices holds all rows of a span.
func contains(in clustering.Slices, s *span) bool {
	i := in.Seek(s.first)
	return i < len(in) && in[i].Start.CompareKey(s.first) < 0 && in[i].End.CompareKey(s.last) > 0
}

// summaryOf finds what is known of a column.
func (b *batchSource) summaryOf(c *wantedColumn, known []ColumnStatistics) (mutation.ColumnSummary, bool) {
	if c.place < 0 {
		return mutation.ColumnSummary{}, true // the file has no value of it
	}
	for i := range known {
		st := &known[i]
		if st.Column != c.ID {
			continue
		}
		out := mutation.ColumnSummary{
			Count: st.Count, HasRange: st.HasRange, Min: st.Min, Max: st.Max, First: st.First, Last: st.Last, SumHigh: st.SumHigh, SumLow: st.SumLow,
		}
		if b.req.Reverse {
			out.First, out.Last = out.Last, out.First
		}
		return out, true
	}
	for i := range b.walk.d.group.chunks {
		if ref := &b.walk.d.group.chunks[i]; ref.role == roleValue && ref.number == uint32(c.ID) {
			return mutation.ColumnSummary{}, false // there are values, and nothing is known of them
		}
	}
	return mutation.ColumnSummary{}, true
}

// fillBounds puts the first and the last row of a span into the clustering vectors.
func (b *batchSource) fillBounds(s *span) error {
	d := b.walk.d
	d.lent.resize(len(d.r.keys.columns), 0)
	vectors := d.lent.clustering
	for k, c := range d.r.keys.columns {
		empty(&vectors[k], c.physical, c.width)
	}
	near, far := s.first, s.last
	if b.req.Reverse {
		near, far = far, near
	}
	for _, key := range [2][]byte{near, far} {
		parts, _, err := d.r.keys.split(nil, nil, key)
		if err != nil {
			return d.corrupt("bounds: %v", err)
		}
		for k := range parts {
			vectors[k].Append(parts[k])
		}
	}
	b.batch = mutation.Batch{Rows: s.to - s.from, Clustering: vectors, Summary: &b.summary}
	return nil
}

// Expand implements mutation.Expander.
func (b *batchSource) Expand() {
	b.again = b.summarized
	b.walk.count.Summarize(-1)
}
