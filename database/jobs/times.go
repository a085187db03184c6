package jobs

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// AllTime is every window there can be.
var AllTime = downsample.Window{Start: math.MinInt64, End: math.MaxInt64}

// Reads is what reading a partition needs of the store at one sequence.
type Reads interface {
	Read(table mutation.TableID, req mutation.ReadRequest) (mutation.PartitionReader, error)
}

// WindowsFrom is a range of about so many windows, whole ones, that begins with the window that holds a time and ends at a limit at the
// latest.
func WindowsFrom(of *downsample.Definition, ms, count, limit int64) downsample.Window {
	windows := of.Windows()
	start, end := windows.BucketOf(ms)
	out := downsample.Window{Start: start, End: limit}
	width := end - start
	if width <= 0 || width > math.MaxInt64/count || end > math.MaxInt64-width*count { // at the ends of time
		return out
	}
	if _, end = windows.BucketOf(start + width*count - 1); end < limit {
		out.End = end
	}
	return out
}

// timed is what TimesOf needs of a table: less than all that the store keeps.
func timed(t *schema.Table) *mutation.Table {
	return &mutation.Table{Clustering: t.ClusteringLayout()[:1], UnitNanos: t.UnitNanos()}
}

// TimesOf is where the rows of a table are whose time lies in a range. The first clustering column of the table is a time.
func TimesOf(t *mutation.Table, over downsample.Window) clustering.Slices {
	out := clustering.Whole()
	desc := t.Clustering[0].Desc
	if at, ok := t.TimeBound(over.Start); ok && over.Start != math.MinInt64 {
		if desc {
			out.End = at
		} else {
			out.Start = at
		}
	}
	if at, ok := t.TimeBound(over.End); ok && over.End != math.MaxInt64 {
		if desc {
			out.Start = at
		} else {
			out.End = at
		}
	}
	return clustering.MakeSlices([]clustering.Slice{out})
}

// EdgeTime is the time of the first row of a partition in a range of time, or of the last one; ok is false if there is none. Rows that
// have expired count: recomputations read them too.
func EdgeTime(view Reads, t *mutation.Table, key partition.DecoratedKey, over downsample.Window, last bool) (ms int64, ok bool, err error) {
	reader, err := view.Read(t.ID, mutation.ReadRequest{
		Key: key, Slices: TimesOf(t, over), Reverse: t.Clustering[0].Desc != last, RowsMax: 1,
	})
	if err != nil {
		return 0, false, err
	}
	defer reader.Close()
	batch, err := reader.Next()
	if err != nil || batch == nil {
		return 0, false, err
	}
	return timeAt(t, batch, 0), true, nil
}

// EachTime calls do for the time of every row of a partition in a range, the earliest first or the latest, until it says false.
func EachTime(view Reads, t *mutation.Table, key partition.DecoratedKey, over downsample.Window, last bool, do func(ms int64) bool) error {
	req := mutation.ReadRequest{Key: key, Slices: TimesOf(t, over), Reverse: t.Clustering[0].Desc != last}
	return eachBatch(view, t.ID, req, func(batch *mutation.Batch) (bool, error) {
		for i := range batch.Rows {
			if !do(timeAt(t, batch, i)) {
				return false, nil
			}
		}
		return true, nil
	})
}

// eachBatch calls do for what a read gives, until it says false or fails.
func eachBatch(view Reads, table mutation.TableID, req mutation.ReadRequest, do func(*mutation.Batch) (more bool, err error)) error {
	reader, err := view.Read(table, req)
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		batch, err := reader.Next()
		if err != nil || batch == nil {
			return err
		}
		if more, err := do(batch); err != nil || !more {
			return err
		}
	}
}

// timeAt is the time of a row of a batch. The empty value lies before all times.
func timeAt(t *mutation.Table, b *mutation.Batch, row int) int64 {
	ms, ok := t.EventTime(t.Clustering[0].Append(nil, b.Clustering[0].AppendValue(nil, row)))
	if !ok {
		return math.MinInt64
	}
	return ms
}
