package database

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
)

// dirtied are the windows a mutation may change, each once, for EXPLAIN.
func dirtied(m *planner.Mutation, step partition.Bucketing) []downsample.Window {
	if !m.Deletion.IsNone() {
		return []downsample.Window{{Start: math.MinInt64, End: math.MaxInt64}}
	}
	layout, unit := m.Table.ClusteringLayout(), m.Table.UnitNanos()
	var out []downsample.Window
	seen := map[int64]bool{}
	for i := range m.Rows {
		ms, ok := layout.FirstTimeMillis(m.Rows[i].Clustering, unit)
		if !ok {
			continue
		}
		if start, end := step.BucketOf(ms); !seen[start] {
			seen[start] = true
			out = append(out, downsample.Window{Start: start, End: end})
		}
	}
	for i := range m.Ranges {
		out = append(out, rangeWindow(layout, unit, m.Ranges[i].Slice, step))
	}
	return out
}

// rangeWindow is the time a deleted slice covers, widened to whole windows; open where the slice is.
func rangeWindow(layout clustering.Layout, unit int64, s clustering.Slice, step partition.Bucketing) downsample.Window {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	start, okStart := layout.FirstTimeMillis(s.Start.Prefix, unit)
	end, okEnd := layout.FirstTimeMillis(s.End.Prefix, unit)
	if layout[0].Desc {
		start, end, okStart, okEnd = end, start, okEnd, okStart
	}
	if okStart {
		low, _ = step.BucketOf(start)
	}
	if okEnd {
		_, high = step.BucketOf(end)
	}
	return downsample.Window{Start: low, End: high}
}
