package planner

import (
	"math"
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
	"github.com/eskerdb/esker/ttl"
)

// ValueBytesMax is how long one value may be.
const ValueBytesMax = 256 << 20

// clusteringBytesMax is how long one clustering value may be, as in Cassandra.
const clusteringBytesMax = 65535

// writer is what INSERT, UPDATE and DELETE have in common: a table, USING, and cells.
type writer struct {
	table     *schema.Table
	timestamp boundTerm // nil without USING TIMESTAMP
	ttl       boundTerm // nil without USING TTL
	cells     []assignment
	statics   bool      // some of cells are of static columns
	guard     *rowGuard // nil: the table takes rows of any time
}

// assignment is the new value of a static or regular column.
type assignment struct {
	column *schema.Column
	value  boundTerm
	parts  []part     // what is done to a multi-cell column, in the order written; value is nil then
	change changeTerm // what becomes of the column by what is stored, instead of value
}

// moment is what USING and the clock make of a write.
type moment struct {
	timestamp int64 // microseconds
	nowSec    int64
	ttl       int32 // 0: none
	expiresAt int64 // Forever without a TTL
}

func (c *compiler) newWriter(name cql.QualifiedName, using cql.Using) (*writer, error) {
	t, err := c.table(name)
	if err != nil {
		return nil, err
	}
	if err := writable(t); err != nil {
		return nil, err
	}
	w := &writer{table: t, guard: rowGuardOf(t)}
	if using.Timestamp != nil {
		if w.timestamp, err = c.term(using.Timestamp, c.spec(t, "[timestamp]", types.Bigint)); err != nil {
			return nil, err
		}
	}
	if using.TTL != nil {
		if w.ttl, err = c.term(using.TTL, c.spec(t, "[ttl]", types.Int)); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (c *compiler) spec(t *schema.Table, name string, of *types.Type) ColumnSpec {
	return ColumnSpec{Keyspace: t.Keyspace, Table: t.Name, Name: name, Type: of}
}

// columnTerm checks a term against the column that receives it.
func (c *compiler) columnTerm(t *schema.Table, col *schema.Column, term cql.Term) (boundTerm, error) {
	return c.term(term, c.spec(t, col.Name, col.Type))
}

func undefinedColumn(t *schema.Table, name string) error {
	return invalidf("Undefined column name %s in table %s", name, t.QualifiedName())
}

// moment reads USING TIMESTAMP and USING TTL (R19, R20).
func (w *writer) moment(values []Value, ctx *Context) (moment, error) {
	m := moment{timestamp: ctx.TimestampMicros, nowSec: ctx.NowSec, ttl: w.table.Options.DefaultTTLSec, expiresAt: mutation.Forever}
	var err error
	if m.timestamp, err = usingTimestamp(w.timestamp, values, ctx); err != nil {
		return m, err
	}
	if w.ttl != nil {
		v, unset, err := bindTerm(w.ttl, values, ctx)
		if err != nil {
			return m, err
		}
		if !unset {
			m.ttl = 0
			if len(v) == 4 {
				m.ttl = int32(types.DecodeInt64(v))
			}
		}
	}
	if m.ttl != 0 {
		end, err := ttl.ExpiresAt(ctx.NowSec, m.ttl)
		if err != nil {
			return m, invalidf("%v", err)
		}
		m.expiresAt = end
	}
	return m, nil
}

// usingTimestamp is the timestamp of USING TIMESTAMP, or of the context where there is none.
func usingTimestamp(term boundTerm, values []Value, ctx *Context) (int64, error) {
	if term == nil {
		return ctx.TimestampMicros, nil
	}
	v, unset, err := bindTerm(term, values, ctx)
	if err != nil || unset {
		return ctx.TimestampMicros, err
	}
	if len(v) != 8 {
		return 0, invalidf("Invalid null value of timestamp")
	}
	micros := types.DecodeInt64(v)
	if micros == math.MinInt64 {
		return 0, invalidf("Out of bound timestamp, must be in [%d, %d]", int64(math.MinInt64+1), int64(math.MaxInt64))
	}
	return micros, nil
}

// liveness is the row marker an INSERT writes.
func (m *moment) liveness() mutation.Liveness {
	return mutation.Liveness{Timestamp: m.timestamp, TTL: m.ttl, ExpiresAt: m.expiresAt}
}

// deletion is a deletion at this moment; its local time is at least 1 (R21).
func (m *moment) deletion() mutation.Deletion {
	return mutation.Deletion{MarkedAt: m.timestamp, LocalSec: max(m.nowSec, 1)}
}

// cell is a value, or for null a tombstone (R18).
func (m *moment) cell(col *schema.Column, value []byte) mutation.Cell {
	if value == nil {
		return mutation.Cell{Column: col.ID, Timestamp: m.timestamp, ExpiresAt: max(m.nowSec, 1)}
	}
	return mutation.Cell{Column: col.ID, Timestamp: m.timestamp, TTL: m.ttl, ExpiresAt: m.expiresAt, Value: value}
}

// bindCells makes the static and the regular cells of a write, each ascending by column.
func (w *writer) bindCells(b *WriteBuffer, m *moment, values []Value, ctx *Context) (statics, regulars []mutation.Cell, err error) {
	if w.statics {
		if statics, err = w.bindKind(b, schema.Static, m, values, ctx); err != nil {
			return nil, nil, err
		}
	}
	regulars, err = w.bindKind(b, schema.Regular, m, values, ctx)
	return statics, regulars, err
}

// bindKind makes the cells of one kind of columns.
func (w *writer) bindKind(b *WriteBuffer, kind schema.ColumnKind, m *moment, values []Value, ctx *Context) ([]mutation.Cell, error) {
	from := len(b.cells)
	b.cells = slices.Grow(b.cells, len(w.cells))
	for i := range w.cells {
		a := &w.cells[i]
		if a.column.Kind != kind || a.changes() {
			continue
		}
		if a.parts != nil {
			cell, ok, err := a.bindParts(m, values, ctx)
			if err != nil {
				return nil, err
			}
			if ok {
				b.cells = append(b.cells, cell)
			}
			continue
		}
		v, unset, err := bindTerm(a.value, values, ctx)
		if err != nil {
			return nil, err
		}
		if unset {
			continue
		}
		if len(v) > ValueBytesMax {
			return nil, tooLong(a.column, v)
		}
		b.cells = append(b.cells, m.cell(a.column, v))
	}
	return b.cellsFrom(from), nil
}

// tooLong refuses a value of more than ValueBytesMax.
func tooLong(col *schema.Column, v []byte) error {
	return invalidf("value of column %s is %d bytes long; the most is %d", col.Name, len(v), ValueBytesMax)
}

// addCell adds the whole new value of a column. It is false for a column that has one already.
func (w *writer) addCell(col *schema.Column, value boundTerm) bool {
	if col.Type.Multicell() {
		return w.setPart(col, part{op: partOverwrite, value: value})
	}
	return w.addAssignment(assignment{column: col, value: value})
}

// addAssignment keeps assignments in the order of column numbers. It is false for a column that has one already.
func (w *writer) addAssignment(new assignment) bool {
	at := len(w.cells)
	for i, a := range w.cells {
		if a.column == new.column {
			return false
		}
		if a.column.ID > new.column.ID && i < at {
			at = i
		}
	}
	w.statics = w.statics || new.column.Kind == schema.Static
	w.cells = slices.Insert(w.cells, at, new)
	return true
}

// prepared wraps a writer's bind function.
func (w *writer) prepared(c *compiler, bind func(values []Value, ctx Context) (*Write, error)) *Prepared {
	return &Prepared{
		Keyspace:            w.table.Keyspace,
		PartitionKeyIndexes: c.partitionIndexes,
		Counter:             w.table.Counter,
		bind:                func(values []Value, ctx Context) (Plan, error) { return bind(values, ctx) },
	}
}

// preparedInto wraps a bind function that binds into a buffer.
func (w *writer) preparedInto(c *compiler, into func(b *WriteBuffer, values []Value, ctx *Context) error) *Prepared {
	return &Prepared{Keyspace: w.table.Keyspace, PartitionKeyIndexes: c.partitionIndexes, bind: bindFresh(into), into: into}
}

// bindFresh binds into a buffer of its own.
func bindFresh(into func(b *WriteBuffer, values []Value, ctx *Context) error) func(values []Value, ctx Context) (Plan, error) {
	return func(values []Value, ctx Context) (Plan, error) {
		var b WriteBuffer
		b.Reset()
		if err := into(&b, values, &ctx); err != nil {
			return nil, err
		}
		return b.Write(), nil
	}
}
