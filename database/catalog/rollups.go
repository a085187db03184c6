package catalog

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// RollupSight is what the database knows of rollups.
type RollupSight interface {
	// Rollup tells how far a rollup has come.
	Rollup(t *schema.Table) Rollup
	// RollupWindows are windows that a rollup has rows of, or its source, in a range of time [from, to) of window starts, by start
	// and partition: not more than a reader may look at, the newest of each partition.
	RollupWindows(t *schema.Table, fromMillis, toMillis int64) ([]RollupWindow, error)
}

// Rollup is how far a rollup has come. Times are in milliseconds since 1970; of those that are math.MinInt64 there is none.
type Rollup struct {
	FinalUntilMillis int64   // the windows that end at or before it are final
	DirtyWindows     int64   // closed, and to be recomputed; a range of them counts as one
	LagSeconds       float64 // how long the one has been waiting that waits longest
	LastError        string  // of the last recomputation; empty: it went well

	State             string   // live, building or paused
	Built             float64  // share of the time of the base that is computed, about
	BuiltFromMillis   int64    // windows that start below it are still to be computed; none: none are
	SealedUntilMillis int64    // the windows that end at or before it are sealed
	LeftSeconds       float64  // until all is computed, about; 0: not known, or nothing is left
	Refreshed         *float64 // share of a REFRESH that is done; nil: there is none under way
	Waiting           int64    // marks that stand, those of open windows too
	// Since the start:
	RowsComputed      int64 // written by recomputations
	WindowsBackfilled int64
	Marks             int64 // written by statements
	LateRows          int64 // written when their window had closed
	LateSealed        int64 // rows and deletions that came when their window was sealed
	LateExpired       int64 // rows past their retention when they were written
}

// RollupWindow is one window of a rollup in one partition.
type RollupWindow struct {
	StartMillis int64 // since 1970
	Partition   string
	State       string // open, dirty, final or sealed
}

func isRollup(t *schema.Table) bool { return t.Rollup != nil }

func (s *Source) rollupRow(t *schema.Table) values {
	of := s.catalog.status.Rollup(t)
	row := values{
		"keyspace_name": text(t.Keyspace), "rollup_name": text(t.Name), "source": text(t.Rollup.Source),
		"step": stepDuration(t.Rollup.Windows()), "dirty_windows": bigint(of.DirtyWindows), "lag_seconds": number(of.LagSeconds),
	}
	row.time("final_until", of.FinalUntilMillis)
	if of.LastError != "" {
		row["last_error"] = text(of.LastError)
	}
	return row
}

func (s *Source) rollupProgressRow(t *schema.Table) values {
	of := s.catalog.status.Rollup(t)
	row := values{
		"keyspace_name": text(t.Keyspace), "rollup_name": text(t.Name), "state": text(of.State), "built": number(of.Built),
		"marks_waiting": bigint(of.Waiting), "marks_written": bigint(of.Marks),
		"rows_computed": bigint(of.RowsComputed), "windows_backfilled": bigint(of.WindowsBackfilled),
		"late_rows": bigint(of.LateRows), "late_sealed": bigint(of.LateSealed), "late_expired": bigint(of.LateExpired),
	}
	row.time("built_from", of.BuiltFromMillis)
	row.time("sealed_until", of.SealedUntilMillis)
	if of.LeftSeconds > 0 {
		row["eta_seconds"] = number(of.LeftSeconds)
	}
	if of.Refreshed != nil {
		row["refreshed"] = number(*of.Refreshed)
	}
	return row
}

// time sets a column to a time in milliseconds since 1970; math.MinInt64 and math.MaxInt64 are null.
func (v values) time(column string, ms int64) {
	if ms != math.MinInt64 && ms != math.MaxInt64 {
		v[column] = types.AppendTimestampMillis(nil, ms)
	}
}

func (s *Source) rollupWindows(t *schema.Table, req *mutation.ReadRequest) (int, func(int) values, error) {
	if t.Rollup == nil {
		return 0, nil, nil
	}
	from, to := timesWanted(req.Slices, s.schema.Table("system_views", "rollup_windows").ClusteringLayout(), t.Name)
	list, err := s.catalog.status.RollupWindows(t, from, to)
	if err != nil {
		return 0, nil, err
	}
	return len(list), func(i int) values {
		w := &list[i]
		return values{
			"window_start": types.AppendTimestampMillis(nil, w.StartMillis), "partition": text(w.Partition), "state": text(w.State),
		}
	}, nil
}

// timesWanted is a range of the second clustering column, a timestamp, that holds all rows of the slices whose first one is a name.
func timesWanted(slices clustering.Slices, layout clustering.Layout, name string) (from, to int64) {
	of := clustering.RowSlice(layout[0].Append(nil, text(name)))
	within := slices.Intersect(clustering.Slices{of}).Span()
	from, to = math.MinInt64, math.MaxInt64
	if ms, ok := timeBehind(within.Start.Prefix, of.Start.Prefix, layout[1]); ok {
		from = ms
	}
	if ms, ok := timeBehind(within.End.Prefix, of.Start.Prefix, layout[1]); ok && ms < math.MaxInt64 {
		to = ms + 1
	}
	return from, to
}

// timeBehind decodes the column behind a prefix; false: there is nothing behind it.
func timeBehind(key, prefix []byte, column clustering.Column) (ms int64, ok bool) {
	if len(key) <= len(prefix) {
		return 0, false
	}
	value, _, err := column.Decode(key[len(prefix):])
	if err != nil || len(value) != 8 {
		return 0, false
	}
	return types.DecodeInt64(value), true
}
