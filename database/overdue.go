package database

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
	"github.com/eskerdb/esker/ttl"
)

// overdue is what files of a table in one range of event time have past its end.
type overdue struct {
	start, end  int64 // milliseconds since 1970, half open; both 0: files of no range
	rows, bytes int64 // of the files, with what has not ended in them
	since       int64 // the first row ended then, in milliseconds since 1970; about
	blocker     string
}

// overdueOf is what of a table is past its end and still in files, by range of event time and by why it is there. A store that cannot
// describe its files has nothing to tell.
func (d *Database) overdueOf(t *schema.Table, now time.Time) ([]overdue, error) {
	store, ok := d.store.(Maintained)
	if !ok {
		return nil, nil
	}
	files, err := store.FileStatistics(t.ID)
	if errors.Is(err, lsm.ErrUnknownTable) {
		return nil, nil // it was dropped a moment ago
	}
	if err != nil {
		return nil, err
	}
	x := overdueFinder{d: d, table: t, ends: d.ends(t.ID, now), nowMillis: now.UnixMilli()}
	var out []overdue
	for i := range files {
		found := x.of(&files[i].Info)
		if found == nil {
			continue
		}
		same := slices.IndexFunc(out, func(o overdue) bool {
			return o.start == found.start && o.end == found.end && o.blocker == found.blocker
		})
		if same < 0 {
			out = append(out, *found)
			continue
		}
		o := &out[same]
		o.rows, o.bytes, o.since = o.rows+found.rows, o.bytes+found.bytes, min(o.since, found.since)
	}
	slices.SortStableFunc(out, func(a, b overdue) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	return out, nil
}

// overdueFinder looks at files of one table.
type overdueFinder struct {
	d         *Database
	table     *schema.Table
	ends      ttl.Ends
	nowMillis int64
}

// of is what a file has past its end; nil: nothing, as far as can be told without reading it.
func (x *overdueFinder) of(f *sstable.Info) *overdue {
	out := &overdue{start: f.BucketStart, end: f.BucketEnd, rows: f.Rows, bytes: f.Bytes}
	ranged := f.BucketStart != f.BucketEnd
	cut := x.cut(f)
	nowSec := x.nowMillis / 1000
	switch {
	case ranged && f.BucketEnd <= cut:
		out.since, out.blocker = x.since(f.BucketEnd-1, cut), x.waits(ranged, f.BucketEnd)
	case f.MaxAliveUntil <= nowSec && f.MaxAliveUntil > 0 && f.Rows > 0:
		out.since, out.blocker = f.MaxAliveUntil*1000, x.waits(ranged, f.BucketEnd)
	case ranged && f.BucketStart < cut:
		out.since, out.blocker = x.since(f.BucketStart, cut), "bucket is not over: rows from "+minuteText(cut)+" on have not ended"
		if x.ends.Before != nil {
			out.blocker += ", and a retention policy may keep partitions longer"
		}
	case !ranged && cut != math.MinInt64:
		out.since, out.blocker = x.since(cut-1, cut), "rows are in files of no time bucket, and those that have ended go when such a file is merged"
	case f.MinExpiresAt <= nowSec:
		out.since, out.blocker = f.MinExpiresAt*1000, "rows in the same files have not ended: those that have go when the files are merged"
	default:
		return nil
	}
	return out
}

// cut is the time below which rows of a file have ended, as far as its first and its last partition tell.
func (x *overdueFinder) cut(f *sstable.Info) int64 {
	cut := x.ends.AllBefore
	if x.ends.Before != nil && f.Partitions > 0 {
		cut = max(cut, min(x.ends.Before(f.FirstKey), x.ends.Before(f.LastKey)))
	}
	return cut
}

// since is when rows of a time ended, where those below cut have by now.
func (x *overdueFinder) since(rowMillis, cut int64) int64 { return rowMillis + x.nowMillis + 1 - cut }

// waits says what rows wait for that have all ended; the last of them lies before end.
func (x *overdueFinder) waits(ranged bool, end int64) string {
	if ranged && !x.ends.Keeps(end-1) || x.ends.KeptFrom == math.MaxInt64 {
		return "compaction pending"
	}
	view := x.d.store.View()
	defer view.Close()
	for _, r := range x.d.Schema().LevelsOf(x.table) {
		state, err := rollupState(view, r)
		switch {
		case err != nil || ranged && state.SealedUntil >= end:
			continue
		case state.SealedUntil == math.MinInt64:
			return "waits for windows of rollup " + r.QualifiedName() + " to be sealed: none is yet"
		}
		return fmt.Sprintf("waits for windows of rollup %s to be sealed: they are until %s", r.QualifiedName(), minuteText(state.SealedUntil))
	}
	return "compaction pending"
}

// minuteText is a time as warnings have it.
func minuteText(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04Z") }

// text names a table, and the range.
func (o *overdue) text(t *schema.Table) string {
	if o.start == o.end {
		return t.QualifiedName()
	}
	return t.QualifiedName() + " " + minuteText(o.start) + " to " + minuteText(o.end)
}

// explainRetention answers EXPLAIN RETENTION of a table, of its rollups and copies too.
func (d *Database) explainRetention(st *Statement, plan *planner.ExplainRetention) (*Result, error) {
	s := d.Schema()
	tables := []*schema.Table{plan.Table}
	if plan.Table.Kind == schema.Base {
		tables = slices.Concat(tables, s.LevelsOf(plan.Table), s.CopiesOf(plan.Table))
	}
	rows := adminRows{result: &exec.Result{Columns: st.Plan.Result}}
	for _, t := range tables {
		list, err := d.overdueOf(t, d.clock.Now())
		if err != nil {
			return nil, fmt.Errorf("EXPLAIN RETENTION %s: %w", t.QualifiedName(), err)
		}
		for i := range list {
			o := &list[i]
			rows.add(o.text(t), o.bytes, instant(o.since), o.blocker)
		}
	}
	return &Result{Kind: ResultRows, Rows: rows.result}, nil
}
