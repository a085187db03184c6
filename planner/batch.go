package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// prepareBatch prepares BEGIN BATCH … APPLY BATCH: its statements share the markers' numbering,
// and the batch's timestamp where they name none (R23).
func (c *compiler) prepareBatch(stmt *cql.Batch) (*Prepared, error) {
	var timestamp boundTerm
	var err error
	if stmt.Using.Timestamp != nil {
		if timestamp, err = c.term(stmt.Using.Timestamp, ColumnSpec{Name: "[timestamp]", Type: types.Bigint}); err != nil {
			return nil, err
		}
	}
	children := make([]*Prepared, len(stmt.Statements))
	keyspace := c.keyspace
	conditional := slices.ContainsFunc(stmt.Statements, hasCondition)
	if conditional && timestamp != nil {
		return nil, invalidf("Cannot provide custom timestamp for conditional BATCH")
	}
	for i, s := range stmt.Statements {
		if timestamp != nil && ownTimestamp(s) {
			return nil, invalidf("Timestamp must be set either on BATCH or individual statements")
		}
		if children[i], err = c.prepare(s); err != nil {
			return nil, err
		}
		keyspace = children[i].Keyspace
	}
	c.partitionIndexes = nil
	of := BatchOf{Kind: stmt.Kind, Timestamp: timestamp != nil}
	for _, child := range children {
		of.Add(child)
	}
	if err := of.Check(); err != nil {
		return nil, err
	}
	if conditional {
		return conditionalBatch(keyspace, children), nil
	}
	into := func(b *WriteBuffer, values []Value, ctx *Context) error {
		return bindBatch(b, children, timestamp, values, ctx)
	}
	return &Prepared{Keyspace: keyspace, bind: bindFresh(into), into: into}, nil
}

func ownTimestamp(s cql.Statement) bool {
	switch s := s.(type) {
	case *cql.Insert:
		return s.Using.Timestamp != nil
	case *cql.Update:
		return s.Using.Timestamp != nil
	case *cql.Delete:
		return s.Using.Timestamp != nil
	}
	return false
}

func bindBatch(b *WriteBuffer, children []*Prepared, timestamp boundTerm, values []Value, ctx *Context) error {
	own := *ctx
	var err error
	if own.TimestampMicros, err = usingTimestamp(timestamp, values, ctx); err != nil {
		return err
	}
	for _, child := range children {
		plan, err := child.BindInto(b, values, &own)
		if err != nil {
			return err
		}
		if plan != nil {
			return errNotBatched
		}
	}
	return nil
}

// Tables are the tables a write touches, each once.
func (w *Write) Tables() []*schema.Table {
	var out []*schema.Table
	seen := map[*schema.Table]bool{}
	for i := range w.Mutations {
		if t := w.Mutations[i].Table; !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	return out
}
