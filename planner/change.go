package planner

import (
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// Change is a cell of a Write that follows from what is stored: an increment of a counter, an item of a list. Whoever carries out
// the write reads the row before, under the latch of its partition (R44).
type Change struct {
	Mutation int // number of the mutation in the Write; changes are ascending by it
	Row      int // number of the row in the mutation; InStatic: its static row
	Column   *schema.Column
	To       Operation
}

// InStatic is the Row of a Change of a static column.
const InStatic = -1

// Operation makes a cell out of the one that is stored. It may be that of several changes.
type Operation interface {
	// Cell is what is written. stored is what the row has in the column, less what deletions of more than the column hide; nil:
	// nothing, nor a tombstone. It is false if nothing is written.
	Cell(column mutation.ColumnID, stored *mutation.Cell) (cell mutation.Cell, written bool, err error)
	// restamp gives what is written the timestamp of the moment it takes place, in microseconds.
	restamp(micros int64)
}

// changeTerm is what a statement does to a column, of which Operation is with values. A nil Operation does nothing.
type changeTerm interface {
	bind(m *moment, values []Value, ctx *Context) (Operation, error)
}

// change is what is done to one column, bound.
type change struct {
	column *schema.Column
	to     Operation
}

// changes are those of one statement: the same in each of its rows.
type changes struct {
	statics, regulars []change
}

func (c *changes) any() bool { return len(c.statics)+len(c.regulars) > 0 }

// bindChanges binds what a statement does to what is stored.
func (w *writer) bindChanges(m *moment, values []Value, ctx *Context) (out changes, err error) {
	for i := range w.cells {
		a := &w.cells[i]
		if !a.changes() {
			continue
		}
		to, err := a.bindChange(m, values, ctx)
		if err != nil {
			return out, err
		}
		switch {
		case to == nil:
		case a.column.Kind == schema.Static:
			out.statics = append(out.statics, change{a.column, to})
		default:
			out.regulars = append(out.regulars, change{a.column, to})
		}
	}
	return out, nil
}

// changes reports whether what becomes of the column follows from what is stored.
func (a *assignment) changes() bool { return a.change != nil || a.parts != nil && a.readsFirst() }

func (a *assignment) bindChange(m *moment, values []Value, ctx *Context) (Operation, error) {
	if a.change != nil {
		return a.change.bind(m, values, ctx)
	}
	return a.bindList(m, values, ctx)
}

// addChange keeps changes among the assignments, in the order of column numbers. A column may have several.
func (w *writer) addChange(col *schema.Column, to changeTerm) {
	at := len(w.cells)
	for at > 0 && w.cells[at-1].column.ID > col.ID {
		at--
	}
	w.statics = w.statics || col.Kind == schema.Static
	w.cells = slices.Insert(w.cells, at, assignment{column: col, change: to})
}

// changeLast adds changes of the last mutation: of its static row, and of all its rows.
func (w *Write) changeLast(c *changes) {
	if !c.any() {
		return
	}
	last := len(w.Mutations) - 1
	w.ReadsFirst = true
	for _, one := range c.statics {
		w.Changes = append(w.Changes, Change{last, InStatic, one.column, one.to})
	}
	for row := range w.Mutations[last].Rows {
		for _, one := range c.regulars {
			w.Changes = append(w.Changes, Change{last, row, one.column, one.to})
		}
	}
}

// Settle puts what the changes come to into the rows they are of, and takes out what writes nothing then. stored is the row of a
// mutation, or its static row, as it is stored; it is changed to what the write makes of its counters: of several increments each sees
// the one before. Of a list all changes see what was stored, as in Cassandra, which reads before the first of them.
func (w *Write) Settle(stored func(m *Mutation, row int) *mutation.Row) error {
	mine := -1
	for i := range w.Changes {
		c := &w.Changes[i]
		m := &w.Mutations[c.Mutation]
		if c.Mutation > mine { // mutations of one statement share their rows
			mine, m.Rows = c.Mutation, slices.Clone(m.Rows)
			if m.Static != nil {
				static := *m.Static
				m.Static = &static
			}
		}
		row := m.Static
		if c.Row != InStatic {
			row = &m.Rows[c.Row]
		}
		have := stored(m, c.Row)
		cell, written, err := c.To.Cell(c.Column.ID, cellOf(have, c.Column.ID))
		if err != nil {
			return err
		}
		if !written {
			continue
		}
		alone := mutation.Row{Cells: []mutation.Cell{cell}}
		mutation.MergeRow(mutation.ByTimestamp, row, &alone)
		if !cell.Complex {
			mutation.MergeRow(mutation.ByTimestamp, have, &alone)
		}
	}
	w.Changes = nil
	w.clean()
	return nil
}

// cellOf is the cell of a column in a row; nil: it has none.
func cellOf(row *mutation.Row, column mutation.ColumnID) *mutation.Cell {
	for i := range row.Cells {
		if c := &row.Cells[i]; c.Column == column {
			return c
		}
	}
	return nil
}

// clean takes out rows and mutations that do nothing.
func (w *Write) clean() {
	w.Mutations = slices.DeleteFunc(w.Mutations, func(m Mutation) bool {
		return m.Deletion.IsNone() && len(m.Ranges) == 0 && (m.Static == nil || m.Static.IsEmpty()) && !slices.ContainsFunc(m.Rows, fullRow)
	})
	for i := range w.Mutations {
		m := &w.Mutations[i]
		if m.Static != nil && m.Static.IsEmpty() {
			m.Static = nil
		}
		if slices.ContainsFunc(m.Rows, emptyRow) {
			m.Rows = slices.DeleteFunc(slices.Clone(m.Rows), emptyRow)
		}
	}
}

func emptyRow(r mutation.Row) bool { return r.IsEmpty() }

func fullRow(r mutation.Row) bool { return !r.IsEmpty() }
