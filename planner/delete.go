package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// deletion is DELETE, checked. What it deletes follows from its columns and its WHERE (R15).
type deletion struct {
	writer // cells are the columns to delete, with null as their value
	*target
}

func (c *compiler) prepareDelete(stmt *cql.Delete) (*Prepared, error) {
	w, err := c.newWriter(stmt.From, stmt.Using)
	if err != nil {
		return nil, err
	}
	for _, tg := range stmt.Targets {
		if err := c.deleteColumn(w, tg); err != nil {
			return nil, err
		}
	}
	tg, err := c.target("DELETE", w.table, stmt.Where)
	if err != nil {
		return nil, err
	}
	conditions, err := c.ifClause(w.table, stmt.IfExists, stmt.If)
	if err != nil {
		return nil, err
	}
	if err := w.checkCounter(conditions != nil); err != nil {
		return nil, err
	}
	d := &deletion{writer: *w, target: tg}
	c.noteTarget(tg)
	if conditions != nil {
		if err := tg.single(); err != nil {
			return nil, err
		}
		if err := tg.requireRow(w.cells, conditions); err != nil {
			return nil, err
		}
		return c.targetConditional(w, tg, conditions, d.bindDelete)
	}
	if err := requireDeletable(tg, w.cells); err != nil {
		return nil, err
	}
	return d.prepared(c, d.bindDelete), nil
}

func (c *compiler) deleteColumn(w *writer, tg cql.DeleteTarget) error {
	col := w.table.Column(tg.Column.Text)
	if col == nil {
		return undefinedColumn(w.table, tg.Column.Text)
	}
	if col.Kind == schema.PartitionKey || col.Kind == schema.ClusteringKey {
		return invalidf("Invalid identifier %s for deletion (should not be a PRIMARY KEY part)", col.Name)
	}
	if w.table.Counter && tg.Key == nil && tg.Field == nil {
		w.addChange(col, counterDeletionTerm{})
		return nil
	}
	if tg.Key != nil || tg.Field != nil || col.Type.Multicell() {
		p, err := c.deletedPart(w.table, col, tg)
		if err != nil {
			return err
		}
		w.erasePart(col, p)
		return nil
	}
	w.addCell(col, constant(nil)) // naming a column twice deletes it once
	return nil
}

// requireDeletable refuses deleting single columns of a range of rows, and of append-only tables
// whatever names a row: their copies are written without reading what was there (R39d).
func requireDeletable(tg *target, cells []assignment) error {
	if staticsOnly(cells) {
		return tg.requirePartition()
	}
	if len(cells) > 0 && !tg.whole() {
		return invalidf("Range deletions are not supported for specific columns")
	}
	if tg.table.AppendOnly && (len(cells) > 0 || tg.whole() && !tg.wholePartition()) {
		return invalidf("table %s is append_only: its rows cannot be deleted one by one", tg.table.QualifiedName())
	}
	return nil
}

func (d *deletion) bindDelete(values []Value, ctx Context) (*Write, error) {
	m, err := d.moment(values, &ctx)
	if err != nil {
		return nil, err
	}
	keys, err := d.keys(values, ctx)
	if err != nil {
		return nil, err
	}
	changes, err := d.bindChanges(&m, values, &ctx)
	if err != nil {
		return nil, err
	}
	content, err := d.content(&m, &changes, values, ctx)
	if err != nil {
		return nil, err
	}
	if err := checkProduct(len(keys), max(len(content.Rows), len(content.Ranges))); err != nil {
		return nil, err
	}
	out := &Write{Table: d.writer.table, ReadsFirst: d.writer.table.Counter}
	if content.Deletion.IsNone() && content.Static == nil && len(content.Rows) == 0 && len(content.Ranges) == 0 {
		return out, nil // an empty range
	}
	for _, key := range keys {
		content.Key = key
		out.Mutations = append(out.Mutations, Mutation{Table: d.writer.table, Mutation: content})
		out.changeLast(&changes)
	}
	return out, nil
}

// content is what the DELETE does in each of its partitions.
func (d *deletion) content(m *moment, changes *changes, values []Value, ctx Context) (mutation.Mutation, error) {
	out := mutation.Mutation{Table: d.writer.table.ID}
	switch {
	case len(d.cells) > 0:
		return out, d.cellContent(&out, m, changes, values, ctx)
	case d.wholePartition():
		out.Deletion = m.deletion()
	case d.whole():
		positions, err := d.rows(values, ctx)
		if err != nil {
			return out, err
		}
		for _, at := range positions {
			out.Rows = append(out.Rows, mutation.Row{Clustering: at, Deletion: m.deletion()})
		}
	default:
		slices, err := d.slices(values, ctx)
		if err != nil {
			return out, err
		}
		for _, s := range slices {
			if !s.IsEmpty() {
				out.Ranges = append(out.Ranges, mutation.RangeTombstone{Slice: s, Deletion: m.deletion()})
			}
		}
	}
	return out, nil
}

func (d *deletion) cellContent(out *mutation.Mutation, m *moment, changes *changes, values []Value, ctx Context) error {
	statics, regulars, err := d.bindCells(&WriteBuffer{}, m, values, &ctx)
	if err != nil {
		return err
	}
	if len(statics)+len(changes.statics) > 0 {
		out.Static = &mutation.Row{Cells: statics}
	}
	if len(regulars)+len(changes.regulars) == 0 {
		return nil
	}
	positions, err := d.rows(values, ctx)
	if err != nil {
		return err
	}
	for _, at := range positions {
		out.Rows = append(out.Rows, mutation.Row{Clustering: at, Cells: regulars})
	}
	return nil
}
