package database

import (
	"bytes"
	"encoding/binary"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// allow checks the conditions of a write on what is stored. It gives the answer that they do not hold, or gives what is to be
// written the timestamp of this moment: whoever came before had an earlier one.
func (d *Database) allow(source viewSource, plan *planner.Conditional, req *Request) (refused *Result, err error) {
	looked, err := d.look(source, plan, req)
	if err != nil {
		return nil, err
	}
	if !looked.met() {
		return &Result{Kind: ResultRows, Rows: looked.refused()}, nil
	}
	plan.Restamp(d.context(nil).TimestampMicros)
	return nil, nil
}

// granted is the answer that a write with IF took place.
func granted(plan *planner.Conditional) *exec.Result {
	yes := types.AppendElem(nil, types.AppendBoolean(nil, true))
	return &exec.Result{Columns: []planner.ColumnSpec{appliedColumn(plan.Table)}, RowCount: 1, Rows: yes}
}

// appliedColumn tells whether a write with IF took place.
func appliedColumn(t *schema.Table) planner.ColumnSpec {
	return planner.ColumnSpec{Keyspace: t.Keyspace, Table: t.Name, Name: "[applied]", Type: types.Boolean}
}

// looked is what a write with IF has found.
type looked struct {
	plan *planner.Conditional
	rows []lookedRow
}

// lookedRow is a row: its key, clustering (without one: nothing but static content is there), and the columns read. nil is null.
type lookedRow struct {
	clustering []byte // sortable bytes; nil: there is no row
	values     map[*schema.Column][]byte
}

// look reads the rows that are asked.
func (d *Database) look(source viewSource, plan *planner.Conditional, req *Request) (*looked, error) {
	out := &looked{plan: plan}
	if err := out.read(d, source, plan.Rows(), req); err != nil || len(out.rows) > 0 || len(plan.Statics) == 0 {
		return out, err
	}
	if err := out.read(d, source, plan.StaticContent(), req); err != nil || len(out.rows) == 0 {
		return out, err
	}
	if !out.static() {
		out.rows = nil // the partition has other rows
	}
	return out, nil
}

func (l *looked) read(d *Database, source viewSource, read *planner.Read, req *Request) error {
	now := d.clock.Now()
	got, err := exec.Run(source, read, exec.Options{NowSec: req.second(now), Retained: d.retained(source, read.Table, now.UnixMilli()), Memory: req.Memory})
	if err != nil {
		return err
	}
	cells := got.Rows
	for range got.RowCount {
		row := lookedRow{values: map[*schema.Column][]byte{}}
		for i := range read.Output {
			n := int32(binary.BigEndian.Uint32(cells))
			if cells = cells[4:]; n >= 0 {
				row.values[read.Output[i].Expr.(*planner.ColumnExpr).Column] = cells[:n:n]
				cells = cells[n:]
			}
		}
		if err := row.place(l.plan.Table, read.Distinct); err != nil {
			return err
		}
		l.rows = append(l.rows, row)
	}
	return nil
}

// place finds the clustering of a row from its columns.
func (r *lookedRow) place(t *schema.Table, none bool) error {
	parts := make([][]byte, 0, len(t.Clustering))
	for _, col := range t.Clustering {
		v, given := r.values[col]
		none = none || !given
		parts = append(parts, v)
	}
	if none {
		return nil
	}
	at, err := t.ClusteringLayout().Encode(parts)
	r.clustering = append([]byte{}, at...)
	return err
}

// static reports whether there is static content.
func (l *looked) static() bool {
	for _, col := range l.plan.Statics {
		if len(l.rows) > 0 && l.rows[0].values[col] != nil {
			return true
		}
	}
	return false
}

// met reports whether all checks hold.
func (l *looked) met() bool {
	for i := range l.plan.Checks {
		if !l.holds(&l.plan.Checks[i]) {
			return false
		}
	}
	return true
}

func (l *looked) holds(k *planner.Check) bool {
	var row *lookedRow
	for i := range l.rows {
		if r := &l.rows[i]; k.Static || r.clustering != nil && bytes.Equal(r.clustering, k.Clustering) {
			row = r
			break
		}
	}
	there := row != nil
	if k.Static {
		there = l.static()
	}
	if k.Exists != planner.EitherWay {
		return there == (k.Exists == planner.IfExists)
	}
	for i := range k.Conditions {
		var value []byte
		if row != nil {
			value = row.values[k.Conditions[i].Column]
		}
		if !exec.Meets(&k.Conditions[i], value) {
			return false
		}
	}
	return true
}

// refused is the answer that nothing was written: the rows that were looked at, or none.
func (l *looked) refused() *exec.Result {
	out := &exec.Result{Columns: []planner.ColumnSpec{appliedColumn(l.plan.Table)}}
	no := types.AppendElem(nil, types.AppendBoolean(nil, false))
	if len(l.rows) == 0 {
		out.Rows, out.RowCount = no, 1
		return out
	}
	for _, col := range l.plan.Columns {
		out.Columns = append(out.Columns, planner.ColumnSpec{Keyspace: l.plan.Table.Keyspace, Table: l.plan.Table.Name, Name: col.Name, Type: col.Type})
	}
	for i := range l.rows {
		out.Rows = append(out.Rows, no...)
		for _, col := range l.plan.Columns {
			out.Rows = types.AppendElem(out.Rows, l.rows[i].values[col])
		}
		out.RowCount++
	}
	return out
}
