// Package model is the slow, obviously right database: it keeps every operation in a list and answers
// by looking at all of them.
//
// It knows the rules of docs/semantics: which of several versions wins, what deletions cover, what has
// expired. It does not know statements, encodings, files or the code that it judges.
package model

import (
	"bytes"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/schema"
)

// Cell is one value written or deleted; of a multi-cell column an element, or all that it holds.
type Cell struct {
	Column string
	Value  []byte // nil deletes the cell; of a set's member what is not nil

	Path   []byte // of a multi-cell column: the member or key, serialized; nil: the column is cleared
	Before int64  // of what clears a column: what is younger than so many microseconds before stays
}

// Op is one write to one partition. Exactly what is set is done.
type Op struct {
	Key       [][]byte // of the partition
	Timestamp int64    // microseconds
	Now       int64    // seconds: the server's clock
	TTL       int64    // seconds, of what is written; 0: none

	Clustering [][]byte // of the row; nil for statics and for deletions of more than a row
	Insert     bool     // the row lives by itself, as after INSERT
	Cells      []Cell   // of the row; of the partition where they are static

	DeleteRow       bool
	DeletePartition bool
	DeleteRange     *clustering.Slice
}

// Table keeps the operations on a table.
type Table struct {
	schema *schema.Table
	layout clustering.Layout
	ops    []*operation
}

type operation struct {
	Op
	key string // of the partition
	row string // encoded clustering
}

// New is an empty table.
func New(t *schema.Table) *Table { return &Table{schema: t, layout: t.ClusteringLayout()} }

// Apply adds an operation.
func (t *Table) Apply(op Op) error {
	key, err := t.schema.PartitionLayout().Encode(op.Key)
	if err != nil {
		return err
	}
	row, err := t.layout.Encode(op.Clustering)
	if err != nil {
		return err
	}
	t.ops = append(t.ops, &operation{Op: op, key: string(key), row: string(row)})
	return nil
}

// Query asks for rows of one partition.
type Query struct {
	Key     [][]byte
	Slice   clustering.Slice
	Whole   bool // the WHERE names nothing but the partition: statics alone make a row
	Reverse bool
	Limit   int // 0: none
	Now     int64
}

// Value is a live cell. The zero value is null.
type Value struct {
	Bytes     []byte
	Timestamp int64
	TTL       int64 // seconds left; 0: it does not expire

	Elements []Value // of a multi-cell column, whose Bytes are all of it: timestamps and TTLs in its order
}

// Row of an answer. Columns holds statics and regular columns that are not null.
type Row struct {
	Clustering [][]byte // nil if the partition has nothing but statics
	Columns    map[string]Value
}

// Read answers a query.
func (t *Table) Read(q Query) ([]Row, error) {
	key, err := t.schema.PartitionLayout().Encode(q.Key)
	if err != nil {
		return nil, err
	}
	var ops []*operation
	for _, op := range t.ops {
		if op.key == string(key) {
			ops = append(ops, op)
		}
	}
	statics := t.columns(ops, "", true, q.Now)
	concerning := byRow(ops)
	var out []Row
	for _, enc := range rowKeys(ops, q) {
		values, err := t.layout.Decode([]byte(enc))
		if err != nil {
			return nil, err
		}
		columns := t.columns(concerning(enc), enc, false, q.Now)
		if len(columns) == 0 && !lives(concerning(enc), enc, q.Now) {
			continue
		}
		for name, v := range statics {
			columns[name] = v
		}
		out = append(out, Row{Clustering: values, Columns: columns})
	}
	if len(out) == 0 && q.Whole && len(statics) > 0 {
		out = append(out, Row{Columns: statics})
	}
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out, nil
}

// byRow gives the operations that concern a row: those on it, and those that delete more than one.
func byRow(ops []*operation) func(row string) []*operation {
	on := map[string][]*operation{}
	var wide []*operation
	for _, op := range ops {
		if op.Clustering != nil {
			on[op.row] = append(on[op.row], op)
		}
		if op.DeletePartition || op.DeleteRange != nil {
			wide = append(wide, op)
		}
	}
	return func(row string) []*operation { return slices.Concat(on[row], wide) }
}

// rowKeys are the rows that were ever written in a slice, in the order asked for.
func rowKeys(ops []*operation, q Query) []string {
	var out []string
	for _, op := range ops {
		if op.Clustering != nil && q.Slice.Contains([]byte(op.row)) {
			out = append(out, op.row)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if q.Reverse {
		slices.Reverse(out)
	}
	return out
}

// deletedUpTo is the latest timestamp at which a row was deleted, by itself, in a range or with its
// partition; statics only with it (R11 to R14). ok is false if it never was.
func deletedUpTo(ops []*operation, row string, static bool) (at int64, ok bool) {
	for _, op := range ops {
		covers := op.DeletePartition ||
			!static && op.DeleteRow && op.row == row ||
			!static && op.DeleteRange != nil && op.DeleteRange.Contains([]byte(row))
		if covers && (!ok || op.Timestamp > at) {
			at, ok = op.Timestamp, true
		}
	}
	return at, ok
}

// columns are the live cells of a row, or the statics of the partition.
func (t *Table) columns(ops []*operation, row string, static bool, now int64) map[string]Value {
	out := map[string]Value{}
	of := t.schema.Regulars
	if static {
		of = t.schema.Statics
	}
	deleted, any := deletedUpTo(ops, row, static)
	for _, column := range of {
		if t.schema.Multicell(column) {
			if v, ok := multi(column, ops, row, static, now); ok {
				out[column.Name] = v
			}
			continue
		}
		var best *version
		for _, op := range ops {
			if !static && (op.Clustering == nil || op.row != row) {
				continue
			}
			for _, cell := range op.Cells {
				if cell.Column != column.Name || any && op.Timestamp <= deleted {
					continue
				}
				if v := versionOf(op, cell); best == nil || v.beats(best) {
					best = v
				}
			}
		}
		if best == nil || best.deletion || best.expires && best.end <= now {
			continue
		}
		value := Value{Bytes: best.value, Timestamp: best.timestamp}
		if best.expires {
			value.TTL = best.end - now
		}
		out[column.Name] = value
	}
	return out
}

// lives reports whether a row lives by itself: its latest INSERT that no deletion covers has not expired (R8 to R10).
func lives(ops []*operation, row string, now int64) bool {
	deleted, any := deletedUpTo(ops, row, false)
	var best *version
	for _, op := range ops {
		if !op.Insert || op.Clustering == nil || op.row != row || any && op.Timestamp <= deleted {
			continue
		}
		v := versionOf(op, Cell{Value: []byte{}})
		later := best == nil || v.timestamp > best.timestamp
		tie := best != nil && v.timestamp == best.timestamp
		if later || tie && (v.expires && !best.expires || v.expires && best.expires && v.end > best.end) {
			best = v
		}
	}
	return best != nil && (!best.expires || best.end > now)
}

// version is one version of a cell.
type version struct {
	timestamp int64
	deletion  bool
	expires   bool
	end       int64 // seconds: of an expiring one when it ends, of a deletion when it was made
	value     []byte
}

func versionOf(op *operation, cell Cell) *version {
	v := &version{timestamp: op.Timestamp, value: cell.Value}
	switch {
	case cell.Value == nil:
		v.deletion, v.end = true, op.Now
	case op.TTL > 0:
		v.expires, v.end = true, op.Now+op.TTL
	}
	return v
}

// beats reports whether v wins over o (R1 to R5).
func (v *version) beats(o *version) bool {
	if v.timestamp != o.timestamp {
		return v.timestamp > o.timestamp
	}
	if special, other := v.deletion || v.expires, o.deletion || o.expires; special != other {
		return special
	}
	if v.deletion != o.deletion {
		return v.deletion
	}
	if (v.deletion || v.expires) && v.end != o.end {
		return v.end > o.end
	}
	return bytes.Compare(v.value, o.value) > 0
}
