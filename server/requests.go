package server

import (
	"fmt"
	"runtime/debug"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

// answer carries out the statement of a task. What breaks a promise inside the program ends this
// request alone: what was acknowledged before is in the commit log.
func (w *worker) answer(t task) (a wire.Answer) {
	c := t.conn
	defer func() {
		if v := recover(); v != nil {
			c.server.events.panicked(c.socket.RemoteAddr(), v, debug.Stack())
			a = wire.Answer{Message: &wire.Error{Code: wire.CodeServer, Message: "internal error; the server's log says more"}}
		}
	}()
	m, err := w.decoder.Decode(t.frame)
	if err == nil {
		a, err = w.execute(t, m)
	}
	if err == nil {
		return a
	}
	refusal := errorMessage(err)
	if refusal.Code == wire.CodeServer {
		c.server.events.failed(c.socket.RemoteAddr(), err)
	}
	return wire.Answer{Message: refusal}
}

// parseFactor is how many times its length a text takes while it is parsed and planned.
const parseFactor = 16

// textBytes is how long the texts in a request are that must be parsed.
func textBytes(m wire.Request) int64 {
	switch m := m.(type) {
	case *wire.Query:
		return int64(len(m.Text))
	case *wire.Prepare:
		return int64(len(m.Text))
	case *wire.Batch:
		n := int64(0)
		for i := range m.Entries {
			n += int64(len(m.Entries[i].Text))
		}
		return n
	}
	return 0
}

func (w *worker) execute(t task, m wire.Request) (wire.Answer, error) {
	c, db := t.conn, t.conn.server.database
	if err := t.lease.Grow(parseFactor * textBytes(m)); err != nil {
		return wire.Answer{}, err
	}
	switch m := m.(type) {
	case *wire.Query:
		st, err := db.Parse(*c.keyspace.Load(), string(m.Text))
		if err != nil {
			return wire.Answer{}, err
		}
		return w.run(t, st, &m.Params)
	case *wire.Execute:
		st := db.Prepared(m.ID)
		if st == nil {
			return wire.Answer{}, &unpreparedError{id: m.ID}
		}
		return w.run(t, st, &m.Params)
	case *wire.Prepare:
		st, err := db.Prepare(*c.keyspace.Load(), string(m.Text))
		if err != nil {
			return wire.Answer{}, err
		}
		return wire.Answer{Message: prepared(st)}, nil
	case *wire.Batch:
		return w.batch(c, m)
	}
	return wire.Answer{}, fmt.Errorf("server: %s is no statement", m.Opcode())
}

// run executes one statement with the parameters of its message.
func (w *worker) run(t task, st *database.Statement, p *wire.QueryParams) (wire.Answer, error) {
	c := t.conn
	w.values = appendValues(w.values[:0], p.Values)
	req := database.Request{User: c.login.user, Values: w.values, PageSize: max(int(p.PageSize), 0), PagingState: p.PagingState, Memory: t.lease}
	if len(p.Names) > 0 {
		req.Names = p.Names
	}
	if p.HasTimestamp {
		req.Timestamp = &p.DefaultTimestamp
	}
	result, err := c.server.database.Execute(st, req)
	if err != nil {
		return wire.Answer{}, err
	}
	if result.Kind == database.ResultKeyspace {
		c.keyspace.Store(&result.Keyspace)
	}
	m, err := message(result, p.SkipMetadata && !st.Plan.Conditional) // the columns of an answer to IF depend on what was found
	return wire.Answer{Message: m, Warnings: result.Warnings}, err
}

// batch runs the statements of a BATCH, texts and prepared ones. LOGGED and UNLOGGED are the same
// here: both are one record.
func (w *worker) batch(c *conn, m *wire.Batch) (wire.Answer, error) {
	if m.Kind == wire.BatchCounter {
		return wire.Answer{}, &planner.InvalidError{Message: "Cannot include non-counter statement in a counter batch: this build has no counters"}
	}
	w.values, w.entries = w.values[:0], w.entries[:0]
	for i := range m.Entries {
		e := &m.Entries[i]
		st, err := child(c, e)
		if err != nil {
			return wire.Answer{}, err
		}
		from := len(w.values)
		// If the append moves the values, entries before keep the old memory, which nobody changes.
		w.values = appendValues(w.values, e.Values)
		w.entries = append(w.entries, database.BatchEntry{Statement: st, Values: w.values[from:len(w.values):len(w.values)]})
	}
	req := database.Request{User: c.login.user}
	if m.HasTimestamp {
		req.Timestamp = &m.DefaultTimestamp
	}
	result, err := c.server.database.Batch(w.entries, req)
	if err != nil {
		return wire.Answer{}, err
	}
	answer, err := message(result, false)
	return wire.Answer{Message: answer, Warnings: result.Warnings}, err
}

// child is the statement of one entry of a batch.
func child(c *conn, e *wire.BatchEntry) (*database.Statement, error) {
	if e.ID == nil {
		return c.server.database.Parse(*c.keyspace.Load(), string(e.Text))
	}
	if st := c.server.database.Prepared(e.ID); st != nil {
		return st, nil
	}
	return nil, &unpreparedError{id: e.ID}
}

func appendValues(dst []planner.Value, src []wire.Value) []planner.Value {
	for _, v := range src {
		switch {
		case v.IsNull():
			dst = append(dst, planner.Value{})
		case v.IsUnset():
			dst = append(dst, planner.Value{Unset: true})
		case v.Bytes == nil: // the empty value, which is not null
			dst = append(dst, planner.Value{Bytes: []byte{}})
		default:
			dst = append(dst, planner.Value{Bytes: v.Bytes})
		}
	}
	return dst
}

// message is the RESULT that tells a result.
func message(r *database.Result, skipMetadata bool) (wire.Response, error) {
	switch r.Kind {
	case database.ResultVoid:
		return &wire.Void{}, nil
	case database.ResultKeyspace:
		return &wire.SetKeyspace{Keyspace: r.Keyspace}, nil
	case database.ResultSchemaChange:
		return &wire.SchemaResult{SchemaChange: schemaChange(r.Change)}, nil
	case database.ResultRows:
		rows := &wire.Rows{RowCount: int32(r.Rows.RowCount), Content: r.Rows.Rows}
		rows.Metadata = wire.Metadata{PagingState: r.PagingState, Skip: skipMetadata, Count: len(r.Rows.Columns)}
		if !skipMetadata {
			rows.Metadata.Columns = columns(r.Rows.Columns)
		}
		return rows, nil
	}
	return nil, fmt.Errorf("server: result of kind %d is unknown", r.Kind)
}

func prepared(st *database.Statement) *wire.Prepared {
	return &wire.Prepared{
		ID: st.ID[:], Binds: columns(st.Plan.Markers), KeyBinds: st.Plan.PartitionKeyIndexes, Result: columns(st.Plan.Result),
	}
}
