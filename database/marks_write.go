package database

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// markedRollup is a rollup that writes mark: one that is declared on the base table itself. Those above it are marked when its own
// windows are recomputed.
type markedRollup struct {
	table *schema.Table
	tally *jobs.Tally
	tree  []markedLevel  // itself, and the rollups declared on it and on those
	times mutation.Table // the base, for the times of its rows

	// edge is the window that was the first open one when it was asked for last.
	edge atomic.Pointer[downsample.Window]
}

// markedLevel is a rollup of a tree.
type markedLevel struct {
	table *schema.Table
	tally *jobs.Tally
	below []*jobs.Tally // of the levels below it: what is sealed there reaches it no more
}

// sealed is until where late rows do not change the level.
func (l *markedLevel) sealed() int64 {
	out := l.tally.Sealed()
	for _, t := range l.below {
		out = max(out, t.Sealed())
	}
	return out
}

// sealed is until where windows of some level of the tree are sealed.
func (m *markedRollup) sealed() int64 {
	out := int64(math.MinInt64)
	for i := range m.tree {
		out = max(out, m.tree[i].tally.Sealed())
	}
	return out
}

// markedRollups are what writes of a base table mark.
func (d *Database) markedRollups(s *schema.Snapshot, base *schema.Table) ([]*markedRollup, error) {
	var out []*markedRollup
	for _, r := range s.RollupsOf(base) {
		m := &markedRollup{table: r, times: mutation.Table{Clustering: base.ClusteringLayout(), UnitNanos: base.UnitNanos()}}
		if err := d.addLevel(s, m, r, nil); err != nil {
			return nil, err
		}
		m.tally = m.tree[0].tally
		out = append(out, m)
	}
	return out, nil
}

// addLevel adds a rollup and those declared on it to a tree.
func (d *Database) addLevel(s *schema.Snapshot, m *markedRollup, r *schema.Table, below []*jobs.Tally) error {
	tally, err := d.rollups.Tally(&jobs.Rollup{Table: r})
	if err != nil {
		return err
	}
	m.tree = append(m.tree, markedLevel{r, tally, below})
	for _, child := range s.RollupsOf(r) {
		if err := d.addLevel(s, m, child, append(slices.Clone(below), tally)); err != nil {
			return err
		}
	}
	return nil
}

// closedUntil is until where windows have closed.
func (m *markedRollup) closedUntil(nowMillis int64) int64 {
	at := nowMillis - m.table.Rollup.GraceMillis
	if w := m.edge.Load(); w != nil && w.Start <= at && at < w.End {
		return w.Start
	}
	start, end := m.table.Rollup.Windows().BucketOf(at)
	m.edge.Store(&downsample.Window{Start: start, End: end})
	return start
}

// marks are the dirty marks of one record, and what it is to be told of windows that stay as they are.
type marks struct {
	d         *Database
	nowMillis int64
	mutations []mutation.Mutation
	entries   []jobs.Mark
	due       bool // a window that is marked has closed
	sealed    []sealedRows
	floors    *floors // nil: no static column changes that a retention looks at

	times []int64 // of rows, ascending; kept between mutations
}

// sealedRows counts what a record changes in sealed windows.
type sealedRows struct {
	level *markedLevel
	rows  int
}

// written tells the scheduler which marks are applied, and at which sequence. The caller still holds marksMu: whoever takes that
// alone finds them in his View, and writes that leave out their own marks come behind these in the log.
func (m *marks) written(sequence uint64) {
	for i := range m.entries {
		m.d.rollups.Marked(m.entries[i], sequence)
	}
	m.d.rollups.Wrote()
	if m.due {
		m.d.rollups.Poke()
	}
}

// warnings tell of rows that rollups do not follow any more.
func (m *marks) warnings() []string {
	var out []string
	for _, s := range m.sealed {
		out = append(out, fmt.Sprintf("rollup %s: %d rows older than %s are sealed: they change the rows of %s alone, the rollup stays as it is",
			s.level.table.QualifiedName(), s.rows, time.UnixMilli(s.level.sealed()).UTC().Format("2006-01-02T15:04Z"), s.level.table.Rollup.BaseTable()))
	}
	return out
}

// markMutations are the dirty marks that the record needs (law 7): of the windows that a write may have changed, those which no uncleared
// mark covers, or whose marks a recomputation has pinned its View of. The caller holds marksMu shared.
func (d *Database) markMutations(w *writing, record []planner.Mutation) (*marks, error) {
	out := &w.marks
	*out = marks{d: d, nowMillis: d.clock.Now().UnixMilli(), mutations: out.mutations[:0], entries: out.entries[:0], times: out.times}
	s := d.Schema()
	for len(record) > 0 {
		first := &record[0]
		n := 1 // rows of one partition mostly come one after the other
		for n < len(record) && record[n].Mutation.Table == first.Mutation.Table && record[n].Key.Equal(first.Key) {
			n++
		}
		f := d.projectors.of(s, first.Table)
		if f.err != nil {
			return nil, f.err
		}
		for _, r := range f.marked {
			if err := out.follow(r, record[:n]); err != nil {
				return nil, err
			}
		}
		record = record[n:]
	}
	return out, nil
}

// follow marks what mutations of one partition change in a rollup. Static columns change none: no rollup reads them.
func (m *marks) follow(r *markedRollup, ms []planner.Mutation) error {
	for i := range ms {
		if !ms[i].Deletion.IsNone() {
			return m.follows(r, &ms[i], downsample.Window{Start: math.MinInt64, End: math.MaxInt64}) // a mark of everything covers the rows beside it
		}
	}
	first, last := span(ms)
	if first != nil {
		if err := m.followRows(r, ms, first, last); err != nil {
			return err
		}
	}
	for i := range ms {
		for j := range ms[i].Ranges {
			if err := m.follows(r, &ms[i], rangeWindow(r.times.Clustering, r.times.UnitNanos, ms[i].Ranges[j].Slice, r.table.Rollup.Windows())); err != nil {
				return err
			}
		}
	}
	return nil
}

// span are the least and the greatest clustering of the rows of mutations; nil: there are no rows.
func span(ms []planner.Mutation) (first, last []byte) {
	for i := range ms {
		for j := range ms[i].Rows {
			at := ms[i].Rows[j].Clustering
			if first == nil || bytes.Compare(at, first) < 0 {
				first = at
			}
			if last == nil || bytes.Compare(at, last) > 0 {
				last = at
			}
		}
	}
	return first, last
}

// followRows marks the windows of rows, the least and the greatest clustering of which are given.
func (m *marks) followRows(r *markedRollup, ms []planner.Mutation, least, greatest []byte) error {
	first, ok := r.times.EventTime(least)
	last, okLast := r.times.EventTime(greatest)
	if r.times.Clustering[0].Desc {
		first, last = last, first
	}
	closed := max(r.closedUntil(m.nowMillis), r.sealed()) // after a longer grace, or with the clock set back, windows may be sealed and open
	if ok && okLast && first >= closed && m.d.rollups.Cover.Has(r.table.ID, ms[0].Key.Key, first, last) {
		return nil // the common case: rows of now, in a window that is marked
	}
	m.times = m.times[:0]
	for i := range ms {
		for j := range ms[i].Rows {
			if at, ok := r.times.EventTime(ms[i].Rows[j].Clustering); ok {
				m.times = append(m.times, at)
			}
		}
	}
	slices.Sort(m.times)
	return m.markTimes(r, &ms[0], m.stillCounting(r, closed), closed)
}

// stillCounting are the times whose windows may change, and counts the others: rows that came late.
func (m *marks) stillCounting(r *markedRollup, closed int64) []int64 {
	times := m.times
	if len(times) == 0 || times[0] >= closed {
		return times
	}
	from, _ := slices.BinarySearch(times, closed)
	r.tally.LateRows.Add(int64(from))
	for i := range r.tree {
		if n, _ := slices.BinarySearch(times, r.tree[i].sealed()); n > 0 {
			m.leaveSealed(&r.tree[i], n)
		}
	}
	n, _ := slices.BinarySearch(times, r.tally.Sealed())
	return times[n:]
}

// leaveSealed counts rows whose windows are sealed.
func (m *marks) leaveSealed(level *markedLevel, rows int) {
	level.tally.LateSealed.Add(int64(rows))
	for i := range m.sealed {
		if m.sealed[i].level == level {
			m.sealed[i].rows += rows
			return
		}
	}
	m.sealed = append(m.sealed, sealedRows{level, rows})
}

// blockLevel is that of partition.Bucketing.RangeOf for 64 windows: how far a mark goes beyond what was written.
const blockLevel = 3

// markTimes marks the windows of times, which ascend: one range of each block of 64 windows. Where a window is still open, or where
// the mark continues another one, it goes on to the end of the block: the rows that follow are covered by it.
func (m *marks) markTimes(r *markedRollup, at *planner.Mutation, times []int64, closed int64) error {
	windows, cover := r.table.Rollup.Windows(), m.d.rollups.Cover
	for len(times) > 0 {
		_, blockEnd, ok := windows.RangeOf(times[0], blockLevel)
		if !ok {
			_, blockEnd = windows.BucketOf(times[0])
		}
		n, _ := slices.BinarySearch(times, blockEnd)
		n = max(n, 1) // the last block includes its end
		first, last := times[0], times[n-1]
		times = times[n:]
		if cover.Has(r.table.ID, at.Key.Key, first, last) {
			continue
		}
		var w downsample.Window
		w.Start, _ = windows.BucketOf(first)
		w.Start = max(w.Start, r.tally.Sealed())
		if _, w.End = windows.BucketOf(last); w.End > closed || cover.Reaches(r.table.ID, at.Key.Key, w.Start) {
			w.End = blockEnd
		}
		m.due = m.due || w.Start < closed
		if err := m.add(r, at, w); err != nil {
			return err
		}
	}
	return nil
}

// follows marks a range of windows that a deletion changes, as far as they are not sealed.
func (m *marks) follows(r *markedRollup, at *planner.Mutation, w downsample.Window) error {
	for i := range r.tree {
		if r.tree[i].sealed() > w.Start {
			m.leaveSealed(&r.tree[i], 1)
		}
	}
	w.Start = max(w.Start, r.tally.Sealed())
	if w.Start >= w.End || m.d.rollups.Cover.Has(r.table.ID, at.Key.Key, w.Start, w.End-1) {
		return nil
	}
	m.due = m.due || w.Start < r.closedUntil(m.nowMillis)
	return m.add(r, at, w)
}

func (m *marks) add(r *markedRollup, at *planner.Mutation, w downsample.Window) error {
	mark := jobs.Mark{Rollup: r.table.ID, Base: at.Key, Window: w}
	encoded, err := markMutation(mark)
	if err != nil {
		return err
	}
	r.tally.Marks.Add(1)
	m.mutations = append(m.mutations, encoded)
	m.entries = append(m.entries, mark)
	return nil
}
