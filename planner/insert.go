package planner

import (
	"bytes"
	"strings"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// insert is INSERT, checked.
type insert struct {
	writer
	partition  []boundTerm       // in key order
	clustering []boundTerm       // in key order; empty for an INSERT of statics alone
	layout     partition.Layout  // of the partition key
	order      clustering.Layout // of the clustering
	filled     bool              // the adopted bucket column is left out
}

func (c *compiler) prepareInsert(stmt *cql.Insert) (*Prepared, error) {
	if stmt.JSON != nil {
		return c.prepareInsertJSON(stmt)
	}
	w, err := c.newWriter(stmt.Into, stmt.Using)
	if err != nil {
		return nil, err
	}
	if w.table.Counter {
		return nil, errCounterInsert
	}
	if len(stmt.Columns) != len(stmt.Values) {
		return nil, invalidf("Unmatched column names/values")
	}
	ins := newInsert(w)
	for i, name := range stmt.Columns {
		if err := c.insertColumn(ins, name.Text, stmt.Values[i]); err != nil {
			return nil, err
		}
	}
	if err := ins.complete(); err != nil {
		return nil, err
	}
	c.notePartitionMarkers(ins.partition)
	if stmt.IfNotExists {
		return c.insertIfAbsent(ins)
	}
	return ins.preparedInto(c, ins.bindInto), nil
}

func newInsert(w *writer) *insert {
	return &insert{
		writer: *w, partition: make([]boundTerm, len(w.table.PartitionKey)), clustering: make([]boundTerm, len(w.table.Clustering)),
		layout: w.table.PartitionLayout(), order: w.table.ClusteringLayout(),
	}
}

func (c *compiler) insertColumn(ins *insert, name string, value cql.Term) error {
	col := ins.table.Column(name)
	if col == nil {
		return undefinedColumn(ins.table, name)
	}
	term, err := c.columnTerm(ins.table, col, value)
	if err != nil {
		return err
	}
	return ins.set(col, term)
}

// set gives a column its value, once.
func (ins *insert) set(col *schema.Column, term boundTerm) error {
	switch col.Kind {
	case schema.PartitionKey:
		return setOnce(&ins.partition[col.Position], term)
	case schema.ClusteringKey:
		return setOnce(&ins.clustering[col.Position], term)
	}
	if !ins.addCell(col, term) {
		return invalidf("The column names contains duplicates")
	}
	return nil
}

func setOnce(slot *boundTerm, term boundTerm) error {
	if *slot != nil {
		return invalidf("The column names contains duplicates")
	}
	*slot = term
	return nil
}

// complete checks that the whole primary key is given; an INSERT of statics alone needs no clustering.
func (ins *insert) complete() error {
	ins.fillBucket()
	if missing := missingNames(ins.table.PartitionKey, ins.partition); missing != "" {
		return invalidf("Some partition key parts are missing: %s", missing)
	}
	missing := missingNames(ins.table.Clustering, ins.clustering)
	if missing == "" {
		return nil
	}
	given := false
	for _, t := range ins.clustering {
		given = given || t != nil
	}
	if given || !staticsOnly(ins.cells) {
		return invalidf("Some clustering keys are missing: %s", missing)
	}
	ins.clustering = nil
	return nil
}

func missingNames(columns []*schema.Column, given []boundTerm) string {
	var out []string
	for i, c := range columns {
		if given[i] == nil {
			out = append(out, c.Name)
		}
	}
	return strings.Join(out, ", ")
}

// notePartitionMarkers tells drivers which markers make up the partition key, if markers alone do.
func (c *compiler) notePartitionMarkers(key []boundTerm) {
	indexes := make([]uint16, len(key))
	for i, t := range key {
		m, ok := t.(*markerTerm)
		if !ok {
			return
		}
		indexes[i] = uint16(m.index)
	}
	c.partitionIndexes = indexes
}

// bindInto binds the row, or the statics, of one INSERT.
func (ins *insert) bindInto(b *WriteBuffer, values []Value, ctx *Context) error {
	m, err := ins.moment(values, ctx)
	if err != nil {
		return err
	}
	var position []byte
	if ins.filled {
		// The bucket is that of the very time that is written: now() is another each time it is asked.
		if position, err = ins.bindClustering(b, values, ctx); err != nil {
			return err
		}
		own := *ctx
		own.row, ctx = position, &own
	}
	key, err := ins.bindPartition(b, values, ctx)
	if err != nil {
		return err
	}
	statics, regulars, err := ins.bindCells(b, &m, values, ctx)
	if err != nil {
		return err
	}
	alone := ins.clustering == nil && len(ins.table.Clustering) > 0 // statics alone
	if !alone && !ins.filled {
		if position, err = ins.bindClustering(b, values, ctx); err != nil {
			return err
		}
	}
	if !alone {
		if err := ins.guard.checkRow(key, position, ctx); err != nil {
			return err
		}
	}
	if len(statics) > 0 {
		b.open = -1 // one mutation has one static row
	}
	out := b.of(ins.table, key)
	if len(statics) > 0 {
		b.addStatic(out, mutation.Row{Cells: statics})
	}
	if !alone {
		b.addRow(out, mutation.Row{Clustering: position, Live: m.liveness(), Cells: regulars})
	}
	return nil
}

// bindPartition binds the whole partition key.
func (ins *insert) bindPartition(b *WriteBuffer, values []Value, ctx *Context) ([]byte, error) {
	var few [4][]byte
	parts, err := bindKeyValues(few[:0], ins.table.PartitionKey, ins.partition, values, ctx)
	if err != nil {
		return nil, err
	}
	from := len(b.keys)
	key, keys, err := ins.layout.Append(b.keys, parts)
	if err != nil {
		return nil, invalidf("%v", err)
	}
	if b.keys = keys; b.open >= 0 && len(keys) > from {
		if last := b.write.Mutations[len(b.write.Mutations)-1].Key.Key; bytes.Equal(last, key) {
			b.keys = keys[:from]
			return last, nil
		}
	}
	return key, nil
}

// bindClustering binds the clustering values to sortable bytes.
func (ins *insert) bindClustering(b *WriteBuffer, values []Value, ctx *Context) ([]byte, error) {
	if len(ins.clustering) == 0 {
		return []byte{}, nil
	}
	var few [4][]byte
	parts, err := bindKeyValues(few[:0], ins.table.Clustering, ins.clustering, values, ctx)
	if err != nil {
		return nil, err
	}
	from := len(b.keys)
	keys, err := ins.order.Append(b.keys, parts)
	if err != nil {
		return nil, invalidf("%v", err)
	}
	b.keys = keys
	return keys[from:len(keys):len(keys)], nil
}

func bindKeyValues(dst [][]byte, columns []*schema.Column, terms []boundTerm, values []Value, ctx *Context) ([][]byte, error) {
	for i, term := range terms {
		v, unset, err := bindTerm(term, values, ctx)
		if err == nil && unset {
			err = unsetKey(columns[i])
		}
		if err == nil {
			err = checkKeyValue(columns[i], v)
		}
		if err != nil {
			return nil, err
		}
		dst = append(dst, v)
	}
	return dst, nil
}

func encodeClustering(t *schema.Table, parts [][]byte) ([]byte, error) {
	out, err := t.ClusteringLayout().Encode(parts)
	if err != nil {
		return nil, invalidf("%v", err)
	}
	return out, nil
}

// bindKeyValue binds a value of a key column: neither null nor unset nor too long.
func bindKeyValue(col *schema.Column, term boundTerm, values []Value, ctx Context) ([]byte, error) {
	v, unset, err := term.bind(values, ctx)
	if err != nil {
		return nil, err
	}
	if unset {
		return nil, unsetKey(col)
	}
	return v, checkKeyValue(col, v)
}

func unsetKey(col *schema.Column) error {
	return invalidf("Invalid unset value for column %s", col.Name)
}

func checkKeyValue(col *schema.Column, v []byte) error {
	if v == nil {
		return invalidf("Invalid null value in condition for column %s", col.Name)
	}
	if len(v) > clusteringBytesMax {
		return invalidf("Key length of %d is longer than maximum of %d", len(v), clusteringBytesMax)
	}
	return nil
}
