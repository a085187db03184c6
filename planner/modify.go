package planner

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// choice is what WHERE allows a key column to be: one of some values.
type choice struct {
	terms []boundTerm // of = and of IN (…)
	list  *markerTerm // of IN ?
}

// rangeBound is one side of a range over a clustering column.
type rangeBound struct {
	term      boundTerm
	inclusive bool
}

// target is the WHERE of UPDATE and DELETE: partitions, and rows or a range within each.
type target struct {
	table      *schema.Table
	layout     partition.Layout
	partition  []choice
	clustering []choice    // a prefix of the clustering columns
	low, high  *rangeBound // on the clustering column behind the prefix
}

// combinationsMax is how many keys the INs of one UPDATE or DELETE may multiply to.
const combinationsMax = 65_535

// target checks the WHERE of an UPDATE or DELETE.
func (c *compiler) target(t *schema.Table, where []cql.Relation) (*target, error) {
	out := &target{table: t, layout: t.PartitionLayout(), partition: make([]choice, len(t.PartitionKey)), clustering: make([]choice, len(t.Clustering))}
	for _, r := range where {
		if err := c.targetRelation(out, r); err != nil {
			return nil, err
		}
	}
	for i, col := range t.PartitionKey {
		if !out.partition[i].given() {
			return nil, invalidf("Some partition key parts are missing: %s", col.Name)
		}
	}
	return out, out.trimClustering()
}

func (ch *choice) given() bool { return ch.terms != nil || ch.list != nil }

// trimClustering keeps the leading restricted clustering columns and refuses gaps.
func (tg *target) trimClustering() error {
	n := 0
	for n < len(tg.clustering) && tg.clustering[n].given() {
		n++
	}
	for i := n; i < len(tg.clustering); i++ {
		if tg.clustering[i].given() {
			return invalidf("PRIMARY KEY column \"%s\" cannot be restricted as preceding column \"%s\" is not restricted", tg.table.Clustering[i].Name, tg.table.Clustering[n].Name)
		}
	}
	tg.clustering = tg.clustering[:n]
	return nil
}

func (c *compiler) targetRelation(tg *target, r cql.Relation) error {
	switch r := r.(type) {
	case *cql.ColumnRelation:
		return c.targetColumn(tg, r)
	case *cql.InRelation:
		return c.targetIn(tg, r)
	}
	return invalidf("this form of WHERE is not supported in UPDATE and DELETE: name key columns with =, IN, <, <=, > or >=")
}

func (c *compiler) targetColumn(tg *target, r *cql.ColumnRelation) error {
	col, slot, err := tg.slot(r.Column.Text)
	if err != nil {
		return err
	}
	term, err := c.columnTerm(tg.table, col, r.Value)
	if err != nil {
		return err
	}
	if r.Op == cql.OpEqual {
		if slot.given() {
			return invalidf("%s cannot be restricted by more than one relation if it includes an Equal", col.Name)
		}
		slot.terms = []boundTerm{term}
		return nil
	}
	if col.Kind == schema.PartitionKey {
		return invalidf("Only EQ and IN relation are supported on the partition key (unless you use the token() function) for UPDATE and DELETE statements")
	}
	return tg.addRange(col, r.Op, term)
}

// slot is where the restriction of a key column goes.
func (tg *target) slot(name string) (*schema.Column, *choice, error) {
	col := tg.table.Column(name)
	switch {
	case col == nil:
		return nil, nil, undefinedColumn(tg.table, name)
	case col.Kind == schema.PartitionKey:
		return col, &tg.partition[col.Position], nil
	case col.Kind == schema.ClusteringKey:
		return col, &tg.clustering[col.Position], nil
	}
	return nil, nil, invalidf("Non PRIMARY KEY columns found in where clause: %s ", name)
}

func (tg *target) addRange(col *schema.Column, op cql.Operator, term boundTerm) error {
	for i := range col.Position {
		if !tg.clustering[i].given() {
			return invalidf("PRIMARY KEY column \"%s\" cannot be restricted as preceding column \"%s\" is not restricted", col.Name, tg.table.Clustering[i].Name)
		}
	}
	if tg.clustering[col.Position].given() {
		return invalidf("%s cannot be restricted by more than one relation if it includes an Equal", col.Name)
	}
	b := &rangeBound{term: term, inclusive: op == cql.OpLessOrEqual || op == cql.OpGreaterOrEqual}
	side := &tg.low
	switch op {
	case cql.OpLess, cql.OpLessOrEqual:
		side = &tg.high
	case cql.OpGreater, cql.OpGreaterOrEqual:
	default:
		return invalidf("this operator is not supported on column %s in UPDATE and DELETE", col.Name)
	}
	if *side != nil {
		return invalidf("More than one restriction was found for the same bound on %s", col.Name)
	}
	*side = b
	return nil
}

func (c *compiler) targetIn(tg *target, r *cql.InRelation) error {
	col, slot, err := tg.slot(r.Column.Text)
	if err != nil {
		return err
	}
	if r.Negated || slot.given() {
		return invalidf("%s cannot be restricted by more than one relation if it includes an Equal", col.Name)
	}
	if r.Marker != nil {
		slot.list = c.marker(r.Marker, inSpec(c.spec(tg.table, col.Name, col.Type)))
		return nil
	}
	slot.terms = []boundTerm{}
	for _, v := range r.Values {
		term, err := c.columnTerm(tg.table, col, v)
		if err != nil {
			return err
		}
		slot.terms = append(slot.terms, term)
	}
	return nil
}

// values are the values a choice allows, in the order given.
func (ch *choice) values(col *schema.Column, values []Value, ctx Context) ([][]byte, error) {
	var out [][]byte
	if ch.list != nil {
		v, unset, err := ch.list.bind(values, ctx)
		if err != nil {
			return nil, err
		}
		if v == nil || unset {
			return nil, invalidf("Invalid null value for column %s", col.Name)
		}
		elems, err := ch.list.spec.Type.SplitCollection(v)
		if err != nil {
			return nil, invalidf("%v", err)
		}
		for _, e := range elems {
			if err := checkKeyValue(col, e); err != nil {
				return nil, err
			}
		}
		return elems, nil
	}
	for _, t := range ch.terms {
		v, err := bindKeyValue(col, t, values, ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// combine multiplies the choices of several columns.
func combine(columns []*schema.Column, choices []choice, values []Value, ctx Context) ([][][]byte, error) {
	out := [][][]byte{nil}
	for i := range choices {
		options, err := choices[i].values(columns[i], values, ctx)
		if err != nil {
			return nil, err
		}
		if len(out)*len(options) > combinationsMax {
			return nil, invalidf("the IN restrictions of this statement multiply to more than %d keys", combinationsMax)
		}
		next := make([][][]byte, 0, len(out)*len(options))
		for _, head := range out {
			for _, v := range options {
				next = append(next, append(head[:len(head):len(head)], v))
			}
		}
		out = next
	}
	return out, nil
}

// keys are the partitions the target names.
func (tg *target) keys(values []Value, ctx Context) ([]partition.DecoratedKey, error) {
	combinations, err := combine(tg.table.PartitionKey, tg.partition, values, ctx)
	if err != nil {
		return nil, err
	}
	out := make([]partition.DecoratedKey, len(combinations))
	for i, parts := range combinations {
		key, err := tg.layout.Encode(parts)
		if err != nil {
			return nil, invalidf("%v", err)
		}
		out[i] = partition.Decorate(key)
	}
	return out, nil
}

// rows are the encoded clusterings, or prefixes of clusterings, that the target names.
func (tg *target) rows(values []Value, ctx Context) ([][]byte, error) {
	combinations, err := combine(tg.table.Clustering, tg.clustering, values, ctx)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(combinations))
	for i, parts := range combinations {
		if out[i], err = encodeClustering(tg.table, parts); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// whole reports whether the target names whole rows, not ranges of them.
func (tg *target) whole() bool {
	return len(tg.clustering) == len(tg.table.Clustering) && tg.low == nil && tg.high == nil
}

// slices are the ranges of clusterings the target names: one for each prefix.
func (tg *target) slices(values []Value, ctx Context) ([]clustering.Slice, error) {
	prefixes, err := tg.rows(values, ctx)
	if err != nil {
		return nil, err
	}
	out := make([]clustering.Slice, len(prefixes))
	for i, prefix := range prefixes {
		s := clustering.Slice{Start: clustering.Before(prefix), End: clustering.After(prefix)}
		if tg.low != nil || tg.high != nil {
			if s, err = tg.rangeSlice(prefix, s, values, ctx); err != nil {
				return nil, err
			}
		}
		out[i] = s
	}
	return out, nil
}

// rangeSlice narrows a prefix by the range on the next column, whose order may be DESC.
func (tg *target) rangeSlice(prefix []byte, s clustering.Slice, values []Value, ctx Context) (clustering.Slice, error) {
	col := tg.table.Clustering[len(tg.clustering)]
	bound := func(b *rangeBound) ([]byte, error) {
		v, err := bindKeyValue(col, b.term, values, ctx)
		if err != nil {
			return nil, err
		}
		return tg.table.ClusteringLayout()[len(tg.clustering)].Append(prefix[:len(prefix):len(prefix)], v), nil
	}
	first, last := tg.low, tg.high
	if col.Desc {
		first, last = last, first
	}
	if first != nil {
		at, err := bound(first)
		if err != nil {
			return s, err
		}
		if s.Start = clustering.After(at); first.inclusive {
			s.Start = clustering.Before(at)
		}
	}
	if last != nil {
		at, err := bound(last)
		if err != nil {
			return s, err
		}
		if s.End = clustering.Before(at); last.inclusive {
			s.End = clustering.After(at)
		}
	}
	return s, nil
}

// update is UPDATE, checked.
type update struct {
	writer
	*target
}

func (c *compiler) prepareUpdate(stmt *cql.Update) (*Prepared, error) {
	if stmt.IfExists || len(stmt.If) > 0 {
		return nil, invalidf("UPDATE … IF is not supported by this build")
	}
	w, err := c.newWriter(stmt.Table, stmt.Using)
	if err != nil {
		return nil, err
	}
	for _, a := range stmt.Set {
		if err := c.updateColumn(w, a); err != nil {
			return nil, err
		}
	}
	tg, err := c.target(w.table, stmt.Where)
	if err != nil {
		return nil, err
	}
	if err := tg.requireRows(w.cells); err != nil {
		return nil, err
	}
	u := &update{writer: *w, target: tg}
	c.noteTarget(tg)
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
		return invalidf("this build sets whole columns: SET column = value")
	}
	col := w.table.Column(set.Column.Text)
	if col == nil {
		return undefinedColumn(w.table, set.Column.Text)
	}
	if col.Kind == schema.PartitionKey || col.Kind == schema.ClusteringKey {
		return invalidf("PRIMARY KEY part %s found in SET part", col.Name)
	}
	term, err := c.columnTerm(w.table, col, set.Value)
	if err != nil {
		return err
	}
	return w.addCell(col, term)
}

// requireRows checks that the WHERE names whole rows, or nothing but the partition for statics.
func (tg *target) requireRows(cells []assignment) error {
	regular := false
	for _, a := range cells {
		regular = regular || a.column.Kind == schema.Regular
	}
	if !regular && len(tg.clustering) == 0 && tg.low == nil && tg.high == nil {
		return nil
	}
	if tg.low != nil || tg.high != nil {
		return invalidf("Slice restrictions are not supported on the clustering columns in UPDATE statements")
	}
	if len(tg.clustering) < len(tg.table.Clustering) {
		return invalidf("Some clustering keys are missing: %s", tg.table.Clustering[len(tg.clustering)].Name)
	}
	return nil
}

func (u *update) bindUpdate(values []Value, ctx Context) (*Write, error) {
	m, err := u.moment(values, ctx)
	if err != nil {
		return nil, err
	}
	keys, err := u.keys(values, ctx)
	if err != nil {
		return nil, err
	}
	statics, regulars, err := u.bindCells(&m, values, ctx)
	if err != nil {
		return nil, err
	}
	var rows []mutation.Row
	if len(regulars) > 0 {
		positions, err := u.rows(values, ctx)
		if err != nil {
			return nil, err
		}
		for _, at := range positions {
			rows = append(rows, mutation.Row{Clustering: at, Cells: regulars})
		}
	}
	out := &Write{Table: u.writer.table}
	for _, key := range keys {
		mu := mutation.Mutation{Table: u.writer.table.ID, Key: key, Rows: rows}
		if len(statics) > 0 {
			mu.Static = &mutation.Row{Cells: statics}
		}
		out.Mutations = append(out.Mutations, Mutation{Table: u.writer.table, Mutation: mu})
	}
	return out, nil
}
