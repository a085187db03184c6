package planner

import (
	"math"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// counterTimestampMax bounds the timestamps that clients give to counters, so that there are always greater ones.
const counterTimestampMax = math.MaxInt64 / 2

var errCounterInsert = invalidf("INSERT statements are not allowed on counter tables, use UPDATE instead")

// Increment adds to a counter. What it writes is the sum, above the one that it adds to: replayed or merged once more it is still that
// sum. A counter that was deleted stays so, as in Cassandra (org.apache.cassandra.db.rows.Cells.resolveCounter).
type Increment struct {
	By        int64 // the sum wraps at 64 bits, as in Cassandra
	Timestamp int64 // microseconds; the cell's, unless what is stored is not older
}

// Cell implements Operation.
func (i *Increment) Cell(column mutation.ColumnID, stored *mutation.Cell) (mutation.Cell, bool, error) {
	out := mutation.Cell{Column: column, Timestamp: min(i.Timestamp, counterTimestampMax), ExpiresAt: mutation.Forever}
	sum := i.By
	if stored != nil {
		if stored.IsTombstone() {
			return out, false, nil
		}
		out.Timestamp = max(out.Timestamp, stored.Timestamp+1)
		sum += types.DecodeInt64(stored.Value)
	}
	out.Value = types.AppendBigint(nil, sum)
	return out, true, nil
}

func (i *Increment) restamp(micros int64) { i.Timestamp = micros }

// counterDeletion deletes a counter for good, whatever the timestamp of its last increment.
type counterDeletion struct {
	timestamp int64 // microseconds
	nowSec    int64
}

// Cell implements Operation.
func (d *counterDeletion) Cell(column mutation.ColumnID, stored *mutation.Cell) (mutation.Cell, bool, error) {
	out := mutation.Cell{Column: column, Timestamp: min(d.timestamp, counterTimestampMax), ExpiresAt: max(d.nowSec, 1)}
	if stored != nil {
		out.Timestamp = max(out.Timestamp, stored.Timestamp)
	}
	return out, true, nil
}

func (d *counterDeletion) restamp(micros int64) { d.timestamp = micros }

// incrementTerm is `c = c + value` or, negated, `c = c - value`.
type incrementTerm struct {
	by      boundTerm
	negated bool
}

func (t *incrementTerm) bind(m *moment, values []Value, ctx *Context) (Operation, error) {
	v, unset, err := bindTerm(t.by, values, ctx)
	switch {
	case err != nil || unset:
		return nil, err
	case len(v) != 8:
		return nil, invalidf("Invalid null value for counter increment")
	}
	by := types.DecodeInt64(v)
	if t.negated {
		if by == math.MinInt64 {
			return nil, invalidf("The negation of %d overflows supported counter precision (signed 8 bytes integer)", by)
		}
		by = -by
	}
	return &Increment{By: by, Timestamp: m.timestamp}, nil
}

type counterDeletionTerm struct{}

func (counterDeletionTerm) bind(m *moment, _ []Value, _ *Context) (Operation, error) {
	return &counterDeletion{timestamp: m.timestamp, nowSec: m.nowSec}, nil
}

// addToCounter is `c = c + value` of a counter.
func (c *compiler) addToCounter(w *writer, col *schema.Column, add *cql.AddToColumn) error {
	if add.Kind == cql.AddPrepend {
		return invalidf("Invalid operation (%s) for non list column %s", sum(col, add), col.Name)
	}
	by, err := c.counterTerm(w.table, col, add.Value)
	if err != nil {
		return err
	}
	w.addChange(col, &incrementTerm{by: by, negated: add.Kind == cql.AddSubtract})
	return nil
}

// setCounter refuses `c = value`.
func (c *compiler) setCounter(t *schema.Table, col *schema.Column, value cql.Term) error {
	if _, err := c.counterTerm(t, col, value); err != nil {
		return err
	}
	return invalidf("Cannot set the value of counter column %s (counters can only be incremented/decremented, not set)", col.Name)
}

func (c *compiler) counterTerm(t *schema.Table, col *schema.Column, value cql.Term) (boundTerm, error) {
	if l, ok := value.(*cql.Literal); ok && l.Class == cql.LiteralNull {
		return nil, invalidf("Invalid null value for counter increment/decrement")
	}
	return c.columnTerm(t, col, value)
}

// checkCounter refuses what no write to a counter table may say.
func (w *writer) checkCounter(conditional bool) error {
	switch {
	case !w.table.Counter:
		return nil
	case conditional:
		return invalidf("Conditional updates are not supported on counter tables")
	case w.timestamp != nil:
		return invalidf("Cannot provide custom timestamp for counter updates")
	case w.ttl != nil:
		return invalidf("Cannot provide custom TTL for counter updates")
	}
	return nil
}
