package database

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// LeftoverStore is a store that tells what it still has of what has ended.
type LeftoverStore interface {
	// Leftovers tells what of a table is on the disk, or in memory, though it has ended, and why.
	Leftovers(table mutation.TableID) ([]lsm.Leftover, error)
}

// overdue is what a table has past its end in one range of event time, for one reason.
type overdue struct {
	start, end  int64 // milliseconds since 1970, half open; both 0: of any time
	rows, bytes int64 // that have ended, about
	since       int64 // from when on, in milliseconds since 1970, about; math.MaxInt64: not known
	blocker     string
}

// overdueOf is what of a table is past its end and still there, by range of event time and by why. A store that cannot tell has
// nothing to say.
func (d *Database) overdueOf(t *schema.Table) ([]overdue, error) {
	store, ok := d.store.(LeftoverStore)
	if !ok {
		return nil, nil
	}
	list, err := store.Leftovers(t.ID)
	if errors.Is(err, lsm.ErrUnknownTable) {
		return nil, nil // it was dropped a moment ago
	}
	if err != nil {
		return nil, err
	}
	nowMillis := d.clock.Now().UnixMilli()
	var out []overdue
	for i := range list {
		l := &list[i]
		found := overdue{start: l.Start, end: l.End, rows: l.Rows, bytes: l.Bytes, since: overdueSince(l, nowMillis), blocker: d.blockerText(t, l)}
		if l.EndedRows > 0 && l.EndedRows < l.Rows {
			found.rows, found.bytes = l.EndedRows, int64(float64(l.Bytes)*float64(l.EndedRows)/float64(l.Rows))
		}
		same := slices.IndexFunc(out, func(o overdue) bool {
			return o.start == found.start && o.end == found.end && o.blocker == found.blocker
		})
		if same < 0 {
			out = append(out, found)
			continue
		}
		o := &out[same]
		o.rows, o.bytes, o.since = o.rows+found.rows, o.bytes+found.bytes, min(o.since, found.since)
	}
	return out, nil
}

// overdueSince is when the last row ended, or, while some have not, when the first did.
func overdueSince(l *lsm.Leftover, nowMillis int64) int64 {
	since := l.EndMillis
	if since > nowMillis && since != math.MaxInt64 && l.Start != l.End {
		since -= l.End - 1 - l.Start
	}
	if since > nowMillis {
		return math.MaxInt64
	}
	return since
}

// blockerText says what a leftover waits for.
func (d *Database) blockerText(t *schema.Table, l *lsm.Leftover) string {
	switch l.Blocker {
	case lsm.BlockedByRollups:
		return d.unsealedText(t, l)
	case lsm.BlockedByOthers:
		return "rows that have not ended are in the same file"
	case lsm.BlockedByGrace:
		return "deletions beside it wait for gc_grace_seconds"
	case lsm.BlockedByOlder:
		return "may hide older rows in other files, and goes with them"
	case lsm.BlockedByMerge:
		return "compaction takes it now"
	case lsm.BlockedByReader:
		return "removed; a read or a backup that began before still holds the file"
	case lsm.BlockedByMemtable:
		return "in memory and in the commit log until it is flushed"
	}
	return "compaction pending"
}

// unsealedText names the rollup that is furthest behind.
func (d *Database) unsealedText(t *schema.Table, l *lsm.Leftover) string {
	view := d.store.View()
	defer view.Close()
	for _, r := range d.Schema().LevelsOf(t) {
		state, err := rollupState(view, r)
		switch {
		case err != nil || state.SealedUntil > l.KeptFrom:
			continue
		case state.SealedUntil == math.MinInt64:
			return "waits for windows of rollup " + r.QualifiedName() + " to be sealed: none is yet"
		}
		return fmt.Sprintf("waits for windows of rollup %s to be sealed: they are until %s", r.QualifiedName(), minuteText(state.SealedUntil))
	}
	return "waits for windows of rollups to be sealed"
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
		list, err := d.overdueOf(t)
		if err != nil {
			return nil, fmt.Errorf("EXPLAIN RETENTION %s: %w", t.QualifiedName(), err)
		}
		for i := range list {
			o := &list[i]
			since := noInstant
			if o.since != math.MaxInt64 {
				since = instant(o.since)
			}
			rows.add(o.text(t), o.bytes, since, o.blocker)
		}
	}
	return &Result{Kind: ResultRows, Rows: rows.result}, nil
}
