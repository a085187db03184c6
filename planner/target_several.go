package planner

import (
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// severalAtOnce reports whether a relation is of several columns at once.
func severalAtOnce(r cql.Relation) bool {
	switch r.(type) {
	case *cql.TupleRelation, *cql.TupleInRelation:
		return true
	}
	return false
}

// targetSeveral checks a WHERE with relations of several columns at once: what it says of clustering columns is read as in a SELECT.
func (c *compiler) targetSeveral(tg *target, where []cql.Relation) error {
	var rows []cql.Relation
	for _, r := range where {
		ofRows := severalAtOnce(r)
		switch r := r.(type) {
		case *cql.ColumnRelation:
			col, _, err := tg.slot(r.Column.Text)
			if err != nil {
				return err
			}
			ofRows = col.Kind == schema.ClusteringKey
		case *cql.InRelation:
			col, _, err := tg.slot(r.Column.Text)
			if err != nil {
				return err
			}
			ofRows = col.Kind == schema.ClusteringKey
		}
		if ofRows {
			rows = append(rows, r)
		} else if err := c.targetRelation(tg, r); err != nil {
			return err
		}
	}
	w, err := c.where(tg.table, tg.table, rows)
	if err != nil {
		return err
	}
	if tg.several, err = w.access(); err != nil {
		return err
	}
	return tg.several.requireServed()
}

// requireServed refuses what slices do not say: the key of a row has no gaps.
func (a *access) requireServed() error {
	if a.tupleGap != "" {
		return invalidf("%s", a.tupleGap)
	}
	if len(a.filters) == 0 {
		return nil
	}
	ended := -1
	if n := len(a.parts); n > 0 && a.parts[n-1].ranged() {
		ended = a.parts[n-1].first
	}
	return invalidf("%s", a.gap(a.filters[0].Position, a.width(), ended))
}

// width is how many clustering columns are restricted, from the first on.
func (a *access) width() int {
	if len(a.parts) == 0 {
		return 0
	}
	last := &a.parts[len(a.parts)-1]
	if last.single != nil {
		return last.first + 1
	}
	width := 0
	for _, tr := range last.tuple {
		width = max(width, tr.width)
	}
	return last.first + width
}

// ranged reports whether the rows are those of a range, by its last part.
func (a *access) ranged() bool {
	return len(a.parts) > 0 && a.parts[len(a.parts)-1].ranged()
}

// one reports whether the part names one row, or prefix of rows.
func (p *clusteringPart) one() bool {
	if p.single != nil {
		return p.single.one()
	}
	return p.tuple[0].list == nil && len(p.tuple[0].tuples) == 1
}

// bindRows are the encoded clusterings, or prefixes of them, that = and IN name.
func (a *access) bindRows(values []Value, ctx Context) ([][]byte, error) {
	out := [][]byte{nil}
	var err error
	for i := range a.parts {
		if out, err = a.multiply(out, &a.parts[i], values, ctx); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// severalSlices are the ranges of rows, in the order of the table.
func (tg *target) severalSlices(values []Value, ctx Context) ([]clustering.Slice, error) {
	out, err := tg.several.bindSlices(values, ctx)
	return slices.Clone([]clustering.Slice(out)), err
}
