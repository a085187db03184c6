package database

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/querytable"
	"github.com/eskerdb/esker/schema"
)

// Defaults of Options.CopyRowsMax and Options.CopyBytesMax.
const (
	CopyRowsMax  = 1_000_000
	CopyBytesMax = 256 << 20
)

// copyWriter computes what one record does to the copies of its tables.
type copyWriter struct {
	store    Store
	nowSec   int64
	rowsMax  int
	bytesMax int
	rows     int  // of base tables, read so far
	bytes    int  // of rows of copies, of the partitions that are done
	view     View // nil until something has to be read

	copies    []*querytable.Projector // of the table of the partition at hand
	followers []*querytable.Follower  // of copies, turned from partition to partition

	lease  *memory.Lease
	leased int // bytes of rows of copies that the lease has
}

func (w *copyWriter) close() {
	if w.view != nil {
		w.view.Close()
	}
}

// newest is the View that reads before writes see: one for the record.
func (w *copyWriter) newest() View {
	if w.view == nil {
		w.view = w.store.Newest()
	}
	return w.view
}

// follow are the mutations of all copies that follow from what a record does to one base partition.
func (w *copyWriter) follow(f *followers, m *planner.Mutation) ([]mutation.Mutation, error) {
	copies := f.copies
	p, err := w.at(copies, m)
	if err != nil {
		return nil, err
	}
	p.appendOnly = f.appendOnly && m.Table.AppendOnly
	moved, err := p.statics(copies)
	if err != nil {
		return nil, err
	}
	known := false
	if !moved {
		if known, err = p.onlyNew(); err != nil {
			return nil, err
		}
	}
	if known {
		err = p.addRows()
	} else {
		err = p.changeRows(moved)
	}
	if err != nil {
		return nil, err
	}
	w.bytes = p.bytesNow()
	if len(p.out) == 1 {
		return p.out[0], nil
	}
	return slices.Concat(p.out...), nil
}

// at begins with what a record does to one base partition.
func (w *copyWriter) at(copies []*querytable.Projector, m *planner.Mutation) (*partitionWriter, error) {
	p := &partitionWriter{copyWriter: w, m: m, law: m.Table.Law(), written: sortedRows(m), out: make([][]mutation.Mutation, len(copies))}
	return p, w.turn(copies, m.Key)
}

// turn makes the followers those of copies, for one base partition.
func (w *copyWriter) turn(copies []*querytable.Projector, key partition.DecoratedKey) error {
	if slices.Equal(w.copies, copies) {
		for _, f := range w.followers {
			if err := f.Turn(key); err != nil {
				return err
			}
		}
		return nil
	}
	w.copies, w.followers = nil, make([]*querytable.Follower, len(copies))
	for i, c := range copies {
		f, err := c.Follow(key, w.nowSec)
		if err != nil {
			return err
		}
		w.followers[i] = f
	}
	w.copies = copies
	return nil
}

// partitionWriter is at work on one base partition.
type partitionWriter struct {
	*copyWriter
	m             *planner.Mutation
	law           mutation.Law
	appendOnly    bool                  // nothing of it can be there
	written       []mutation.Row        // of m, by clustering, each once
	out           [][]mutation.Mutation // of each follower
	before, after *mutation.Row         // the static row, where a copy uses it
}

// statics reads the static row where a copy needs it. moved is true when the record changes it so that every
// row of the partition has to be looked at.
func (p *partitionWriter) statics(copies []*querytable.Projector) (moved bool, err error) {
	if !slices.ContainsFunc(copies, (*querytable.Projector).UsesStatics) {
		return false, nil
	}
	side, _, err := p.newest().Rows(p.m.Mutation.Table, p.m.Key, nil)
	if err != nil {
		return false, err
	}
	// What is read is copied: the record is written when the View is closed.
	if side.Static != nil {
		p.before = side.Static.Clone()
	}
	p.after = p.before
	if p.m.Static == nil && p.m.Deletion.IsNone() {
		return false, nil
	}
	merged := mutation.MergeSides(p.law, &mutation.Side{Deletion: side.Deletion, Static: p.before}, &mutation.Side{Deletion: p.m.Deletion, Static: p.m.Static})
	p.after = merged.Static
	for i, c := range copies {
		if c.PerPartition() {
			if err := p.changeOf(i, nil, nil); err != nil {
				return false, err
			}
			continue
		}
		moved = moved || c.StaticsDiffer(p.before, p.after)
	}
	return moved, nil
}

// onlyNew reports whether the mutation does nothing but add rows that are not there yet: by the promise of an
// append-only table (R39d), or because they lie behind everything of the partition (R39c).
func (p *partitionWriter) onlyNew() (bool, error) {
	m := &p.m.Mutation
	if len(m.Ranges) > 0 || !m.Deletion.IsNone() {
		return false, nil
	}
	if p.appendOnly || len(m.Rows) == 0 {
		return true, nil
	}
	for i := range m.Rows {
		if !m.Rows[i].Deletion.IsNone() {
			return false, nil
		}
	}
	return p.newest().Beyond(m.Table, m.Key, m.Rows)
}

// addRows projects rows that are new.
func (p *partitionWriter) addRows() error {
	for i := range p.written {
		if err := p.change(nil, &p.written[i]); err != nil {
			return err
		}
	}
	return nil
}

// changeRows reads the rows that the mutation may change and projects them before and after.
func (p *partitionWriter) changeRows(moved bool) error {
	touched := touched(&p.m.Mutation)
	if moved {
		touched = clustering.All()
	}
	side, rows, err := p.newest().Rows(p.m.Mutation.Table, p.m.Key, touched)
	if err != nil {
		return err
	}
	covering := mutation.MergeSides(p.law, side, &mutation.Side{Deletion: p.m.Deletion, Ranges: p.m.Ranges})
	written := p.written
	for {
		row, err := rows.Next()
		if err != nil {
			return err
		}
		for len(written) > 0 && (row == nil || bytes.Compare(written[0].Clustering, row.Clustering) < 0) {
			if err := p.change(nil, p.merged(nil, &written[0], &covering)); err != nil {
				return err
			}
			written = written[1:]
		}
		if row == nil {
			return nil
		}
		if p.rows++; p.rows > p.rowsMax || p.bytesNow() > p.bytesMax {
			return p.tooMany(rows, moved)
		}
		if err := p.hold(); err != nil {
			return err
		}
		var added *mutation.Row
		if len(written) > 0 && bytes.Equal(written[0].Clustering, row.Clustering) {
			added, written = &written[0], written[1:]
		}
		if err := p.change(row, p.merged(row, added, &covering)); err != nil {
			return err
		}
	}
}

// merged is a row after the mutation: what was there, what is written, less what is deleted.
func (p *partitionWriter) merged(row, added *mutation.Row, covering *mutation.Side) *mutation.Row {
	var after *mutation.Row
	if row != nil {
		after = row.Clone()
		if added != nil {
			mutation.MergeRow(p.law, after, added)
		}
	} else {
		clone := *added
		after = &clone
		mutation.Normalize(p.law, after)
	}
	mutation.ApplyDeletion(p.law, after, covering.Covering(after.Clustering))
	return after
}

// change hands a row before and after to the copies.
func (p *partitionWriter) change(before, after *mutation.Row) error {
	for i, f := range p.followers {
		if f.PerPartition() {
			continue // statics has seen to it
		}
		if err := p.changeOf(i, before, after); err != nil {
			return err
		}
	}
	return nil
}

func (p *partitionWriter) changeOf(follower int, before, after *mutation.Row) (err error) {
	p.out[follower], err = p.followers[follower].Change(p.out[follower], querytable.Base{Static: p.before, Row: before}, querytable.Base{Static: p.after, Row: after})
	if err != nil {
		return &planner.InvalidError{Message: err.Error()}
	}
	return nil
}

// bytesNow is about how much memory the rows of copies take that the record has so far.
func (p *partitionWriter) bytesNow() int {
	sum := p.bytes
	for _, f := range p.followers {
		sum += f.Bytes()
	}
	return sum
}

// leaseBytes is the step in which memory is leased; statements that change less lease none.
const leaseBytes = 64 << 10

// hold leases what the rows of copies take: all statements together have as much as one may have.
func (p *partitionWriter) hold() error {
	for p.bytesNow()-p.leased > leaseBytes {
		if err := p.lease.Grow(leaseBytes); err != nil {
			return err
		}
		p.leased += leaseBytes
	}
	return nil
}

// tooMany counts the rest of the partition for the error.
func (p *partitionWriter) tooMany(rest mutation.RowSource, moved bool) error {
	for {
		row, err := rest.Next()
		if err != nil {
			return err
		}
		if row == nil {
			return p.tooManyRows(moved)
		}
		p.rows++
	}
}

// tooManyRows refuses a statement whose copies would change by more than one record should hold.
func (p *partitionWriter) tooManyRows(static bool) error {
	limit := fmt.Sprintf("the most for one statement is %d (--copy-rows-max)", p.rowsMax)
	if p.rows <= p.rowsMax {
		limit = fmt.Sprintf("their changes take more than %d MiB, the most for one statement (an eighth of --memory)", p.bytesMax>>20)
	}
	t, what := p.m.Table, "take a part at a time, such as "+narrower(p.m.Table)
	if static {
		what = "raise the limit, or drop the query tables and create them after the change"
	}
	return &planner.InvalidError{Message: fmt.Sprintf("this statement changes %d rows of %s in its query tables, and %s: %s", p.rows, t.QualifiedName(), limit, what)}
}

// narrower is a DELETE of a part of a partition.
func narrower(t *schema.Table) string {
	var where []string
	for _, c := range t.PartitionKey {
		where = append(where, c.Name+" = ?")
	}
	if len(t.Clustering) > 0 {
		where = append(where, t.Clustering[0].Name+" >= ?", t.Clustering[0].Name+" < ?")
	}
	return "DELETE FROM " + t.QualifiedName() + " WHERE " + strings.Join(where, " AND ")
}

// tooLarge says of a record that does not fit the log because of its copies what to do.
func tooLarge(err error, record []planner.Mutation, copies []mutation.Mutation) error {
	if !errors.Is(err, lsm.ErrTooLarge) || len(copies) == 0 {
		return err
	}
	rows := 0
	for i := range copies {
		rows += len(copies[i].Rows)
	}
	t := record[0].Table
	return &planner.InvalidError{Message: fmt.Sprintf(
		"this statement changes %d rows in the query tables of %s, more than one record of the log holds: take a part at a time, such as %s (%v)",
		rows, t.QualifiedName(), narrower(t), err)}
}

// touched are the slices of a partition that a mutation may change.
func touched(m *mutation.Mutation) clustering.Slices {
	if !m.Deletion.IsNone() {
		return clustering.All()
	}
	slices := make([]clustering.Slice, 0, len(m.Rows)+len(m.Ranges))
	for i := range m.Rows {
		slices = append(slices, clustering.Slice{Start: clustering.Before(m.Rows[i].Clustering), End: clustering.After(m.Rows[i].Clustering)})
	}
	for i := range m.Ranges {
		slices = append(slices, m.Ranges[i].Slice)
	}
	return clustering.MakeSlices(slices)
}

// sortedRows are the rows of a mutation by clustering, those of one clustering merged: as they are where
// they are so already.
func sortedRows(m *planner.Mutation) []mutation.Row {
	rows, sorted := m.Rows, true
	for i := 1; i < len(rows) && sorted; i++ {
		sorted = bytes.Compare(rows[i-1].Clustering, rows[i].Clustering) < 0
	}
	if sorted {
		return rows
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b mutation.Row) int { return bytes.Compare(a.Clustering, b.Clustering) })
	n := 0
	for i := 1; i < len(rows); i++ {
		if bytes.Equal(rows[n].Clustering, rows[i].Clustering) {
			mutation.MergeRow(m.Table.Law(), &rows[n], &rows[i])
			continue
		}
		n++
		rows[n] = rows[i]
	}
	return rows[:n+1]
}
