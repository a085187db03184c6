package planner

import (
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// insert is INSERT, checked.
type insert struct {
	writer
	partition  []boundTerm // in key order
	clustering []boundTerm // in key order; empty for an INSERT of statics alone
	layout     partition.Layout
	filled     bool // the adopted bucket column is left out
}

func (c *compiler) prepareInsert(stmt *cql.Insert) (*Prepared, error) {
	if stmt.IfNotExists {
		return nil, invalidf("INSERT … IF NOT EXISTS is not supported by this build")
	}
	w, err := c.newWriter(stmt.Into, stmt.Using)
	if err != nil {
		return nil, err
	}
	if len(stmt.Columns) != len(stmt.Values) {
		return nil, invalidf("Unmatched column names/values")
	}
	ins := &insert{writer: *w, partition: make([]boundTerm, len(w.table.PartitionKey)), clustering: make([]boundTerm, len(w.table.Clustering)), layout: w.table.PartitionLayout()}
	for i, name := range stmt.Columns {
		if err := c.insertColumn(ins, name.Text, stmt.Values[i]); err != nil {
			return nil, err
		}
	}
	if err := ins.complete(); err != nil {
		return nil, err
	}
	c.notePartitionMarkers(ins.partition)
	return ins.prepared(c, ins.bindInsert), nil
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

func (ins *insert) bindInsert(values []Value, ctx Context) (*Write, error) {
	m, err := ins.moment(values, ctx)
	if err != nil {
		return nil, err
	}
	if ins.filled {
		// The bucket is that of the very time that is written: now() is another each time it is asked.
		if ctx.row, err = bindClustering(ins.table, ins.clustering, values, ctx); err != nil {
			return nil, err
		}
	}
	key, err := bindPartition(ins.table, ins.layout, ins.partition, values, ctx)
	if err != nil {
		return nil, err
	}
	statics, regulars, err := ins.bindCells(&m, values, ctx)
	if err != nil {
		return nil, err
	}
	out := mutation.Mutation{Table: ins.table.ID, Key: key}
	if len(statics) > 0 {
		out.Static = &mutation.Row{Cells: statics}
	}
	if ins.clustering == nil && len(ins.table.Clustering) > 0 {
		return ins.one(out), nil
	}
	position := ctx.row
	if !ins.filled {
		if position, err = bindClustering(ins.table, ins.clustering, values, ctx); err != nil {
			return nil, err
		}
	}
	out.Rows = []mutation.Row{{Clustering: position, Live: m.liveness(), Cells: regulars}}
	return ins.one(out), ins.guard.check(&out, ctx)
}

// bindPartition binds a whole partition key.
func bindPartition(t *schema.Table, layout partition.Layout, terms []boundTerm, values []Value, ctx Context) (partition.DecoratedKey, error) {
	var few [4][]byte
	parts := few[:0]
	for i, term := range terms {
		v, err := bindKeyValue(t.PartitionKey[i], term, values, ctx)
		if err != nil {
			return partition.DecoratedKey{}, err
		}
		parts = append(parts, v)
	}
	key, err := layout.Encode(parts)
	if err != nil {
		return partition.DecoratedKey{}, invalidf("%v", err)
	}
	return partition.Decorate(key), nil
}

// bindClustering binds clustering values, or a prefix of them, to sortable bytes.
func bindClustering(t *schema.Table, terms []boundTerm, values []Value, ctx Context) ([]byte, error) {
	var few [4][]byte
	parts := few[:0]
	for i, term := range terms {
		v, err := bindKeyValue(t.Clustering[i], term, values, ctx)
		if err != nil {
			return nil, err
		}
		parts = append(parts, v)
	}
	return encodeClustering(t, parts)
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
		return nil, invalidf("Invalid unset value for column %s", col.Name)
	}
	return v, checkKeyValue(col, v)
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
