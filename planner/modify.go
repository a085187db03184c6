package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// update is UPDATE, checked.
type update struct {
	writer
	*target
}

func (c *compiler) prepareUpdate(stmt *cql.Update) (*Prepared, error) {
	w, err := c.newWriter(stmt.Table, stmt.Using)
	if err != nil {
		return nil, err
	}
	for _, a := range stmt.Set {
		if err := c.updateColumn(w, a); err != nil {
			return nil, err
		}
	}
	tg, err := c.target("UPDATE", w.table, stmt.Where)
	if err != nil {
		return nil, err
	}
	conditions, err := c.ifClause(w.table, stmt.IfExists, stmt.If)
	if err != nil {
		return nil, err
	}
	if err := tg.requireRows(w.cells, conditions); err != nil {
		return nil, err
	}
	if err := w.checkCounter(conditions != nil); err != nil {
		return nil, err
	}
	if w.table.AppendOnly && !staticsOnly(w.cells) {
		return nil, invalidf("table %s is append_only: its rows cannot be updated", w.table.QualifiedName())
	}
	u := &update{writer: *w, target: tg}
	c.noteTarget(tg)
	if conditions != nil {
		if err := tg.single(); err != nil {
			return nil, err
		}
		return c.targetConditional(w, tg, conditions, u.bindUpdate)
	}
	return u.prepared(c, u.bindUpdate), nil
}

// noteTarget tells drivers the markers of the partition key.
func (c *compiler) noteTarget(tg *target) {
	var key []boundTerm
	for _, ch := range tg.partition {
		if len(ch.terms) != 1 {
			return
		}
		key = append(key, ch.terms[0])
	}
	c.notePartitionMarkers(key)
}

func (c *compiler) updateColumn(w *writer, a cql.Assignment) error {
	set, ok := a.(*cql.SetColumn)
	if !ok {
		return c.partAssignment(w, a)
	}
	col, err := settable(w.table, set.Column.Text)
	if err != nil {
		return err
	}
	if w.table.Counter {
		return c.setCounter(w.table, col, set.Value)
	}
	term, err := c.columnTerm(w.table, col, set.Value)
	if err != nil {
		return err
	}
	if !w.addCell(col, term) {
		return incompatible(col)
	}
	return nil
}

// requireRows checks that the WHERE names whole rows, or nothing but the partition for statics that no condition on rows is on.
func (tg *target) requireRows(cells []assignment, cs *conditions) error {
	if staticsOnly(cells) && !cs.regular() {
		return tg.requirePartition()
	}
	if tg.ranged != nil || tg.several != nil && tg.several.ranged() {
		return invalidf("Slice restrictions are not supported on the clustering columns in UPDATE statements")
	}
	missing := missingChoices(tg.table.Clustering, tg.clustering)
	if tg.several != nil {
		missing = missingChoices(tg.table.Clustering[tg.several.width():], nil)
	}
	if missing != "" {
		return invalidf("Some clustering keys are missing: %s", missing)
	}
	return nil
}

// requirePartition refuses restrictions of rows in a statement that changes statics alone.
func (tg *target) requirePartition() error {
	if !tg.wholePartition() {
		return invalidf("Invalid restrictions on clustering columns since the %s statement modifies only static columns", tg.statement)
	}
	return nil
}

// staticsOnly reports whether there are cells, and all of them static.
func staticsOnly(cells []assignment) bool {
	for _, a := range cells {
		if a.column.Kind != schema.Static {
			return false
		}
	}
	return len(cells) > 0
}

func (u *update) bindUpdate(values []Value, ctx Context) (*Write, error) {
	m, err := u.moment(values, &ctx)
	if err != nil {
		return nil, err
	}
	keys, err := u.keys(values, ctx)
	if err != nil {
		return nil, err
	}
	statics, regulars, err := u.bindCells(&WriteBuffer{}, &m, values, &ctx)
	if err != nil {
		return nil, err
	}
	changes, err := u.bindChanges(&m, values, &ctx)
	if err != nil {
		return nil, err
	}
	var rows []mutation.Row
	if len(regulars)+len(changes.regulars) > 0 {
		positions, err := u.rows(values, ctx)
		if err != nil {
			return nil, err
		}
		if err := checkProduct(len(keys), len(positions)); err != nil {
			return nil, err
		}
		for _, at := range positions {
			rows = append(rows, mutation.Row{Clustering: at, Cells: regulars})
		}
	}
	out := &Write{Table: u.writer.table}
	if len(rows)+len(statics)+len(changes.statics) == 0 {
		return out, nil // every value was unset
	}
	for _, key := range keys {
		mu := mutation.Mutation{Table: u.writer.table.ID, Key: key, Rows: rows}
		if len(statics)+len(changes.statics) > 0 {
			mu.Static = &mutation.Row{Cells: statics}
		}
		if err := u.guard.check(&mu, ctx); err != nil {
			return nil, err
		}
		out.Mutations = append(out.Mutations, Mutation{Table: u.writer.table, Mutation: mu})
		out.changeLast(&changes)
	}
	return out, nil
}
