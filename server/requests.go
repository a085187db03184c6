package server

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/tracing"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

// request is a statement that is carried out.
type request struct {
	conn   *conn
	desk   *desk
	header wire.Header
	begun  time.Duration // since the server began
	since  uint64        // the turn of the leader that carries it out
	ahead  bool          // more requests are there to be read
	ticket database.Ticket
	trace  *tracing.Trace // nil: nobody traces
}

// carryOut answers a request.
func (r *request) carryOut(f wire.Frame) {
	c, d := r.conn, r.desk
	c.meter.begun()
	answer := r.answer(f)
	if r.ticket.Waits() && isLarge(answer) {
		answer = r.settled(answer)
	}
	if r.ticket.Waits() {
		c.answers.hold(r, answer)
		d.lease.Free()
	} else {
		c.meter.answered(r.header.Opcode, answer.Message, c.server.now()-r.begun)
		err := c.answers.add(r.header, answer, c.server.limits.UnreadBytesMax, true)
		d.lease.Free()
		c.server.slots.leave(1)
		if err != nil {
			c.fail(err)
		}
	}
	d.trim(len(f.Body))
}

// answer carries out the statement. What breaks a promise inside the program ends this request alone: what was
// acknowledged before is in the commit log.
func (r *request) answer(f wire.Frame) (a wire.Answer) {
	c := r.conn
	defer func() {
		if v := recover(); v != nil {
			c.server.events.panicked(c.socket.RemoteAddr(), v, debug.Stack())
			a = wire.Answer{Message: &wire.Error{Code: wire.CodeServer, Message: "internal error; the server's log says more"}}
			r.ticket = database.Ticket{}
		}
	}()
	err := r.desk.lease.Grow((workFactor - 1) * int64(len(f.Body)))
	if err == nil {
		a, err = r.decode(f)
	}
	if err != nil {
		return c.refusal(err)
	}
	return a
}

// heldRowsBytesMax is how many bytes of rows an answer may have that is held until its write is durable: nothing counts them.
const heldRowsBytesMax = 1 << 10

// isLarge reports whether an answer is too large to be held. Those to writes with IF have rows.
func isLarge(a wire.Answer) bool {
	rows, ok := a.Message.(*wire.Rows)
	return ok && len(rows.Content) > heldRowsBytesMax
}

// settled waits for the write of a request, whose memory stays reserved meanwhile, and returns the answer that is due then.
func (r *request) settled(answer wire.Answer) wire.Answer {
	c := r.conn
	c.passOn(r.since)
	err := c.server.database.Await(r.ticket)
	r.ticket = database.Ticket{}
	if err != nil {
		return c.refusal(err)
	}
	return answer
}

// refusal is the answer that tells of err.
func (c *conn) refusal(err error) wire.Answer {
	refusal := errorMessage(err)
	if refusal.Code == wire.CodeServer {
		c.server.events.failed(c.socket.RemoteAddr(), err)
	}
	return wire.Answer{Message: refusal}
}

func (r *request) decode(f wire.Frame) (wire.Answer, error) {
	m, err := r.desk.decoder.Decode(f)
	if err != nil {
		return wire.Answer{}, err
	}
	if f.Header.Flags&wire.FlagTracing != 0 {
		return r.traced(m)
	}
	return r.execute(m)
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

func (r *request) execute(m wire.Request) (wire.Answer, error) {
	c, db := r.conn, r.conn.server.database
	if texts := textBytes(m); texts > 0 {
		if err := r.desk.lease.Grow(parseFactor * texts); err != nil {
			return wire.Answer{}, err
		}
	}
	switch m := m.(type) {
	case *wire.Query:
		if r.trace != nil {
			r.trace.Step("Parsing and planning %d bytes", len(m.Text))
		}
		st, err := db.Parse(c.keyspaceFor(m.Params.Keyspace), string(m.Text))
		if err != nil {
			return wire.Answer{}, err
		}
		return r.run(st, &m.Params, nil)
	case *wire.Execute:
		st := db.Prepared(m.ID)
		if st == nil {
			return wire.Answer{}, &unpreparedError{id: m.ID}
		}
		if r.trace != nil {
			r.trace.Step("Found the prepared statement: %s", cql.Obfuscate(st.Text))
		}
		return r.run(st, &m.Params, m)
	case *wire.Prepare:
		if r.trace != nil {
			r.trace.Step("Parsing and planning %d bytes", len(m.Text))
		}
		st, err := db.Prepare(c.keyspaceFor(m.Keyspace), string(m.Text))
		if err != nil {
			return wire.Answer{}, err
		}
		r.trace.Step("Keeping the statement as %x", st.ID)
		return wire.Answer{Message: prepared(st)}, nil
	case *wire.Batch:
		return r.batch(m)
	}
	return wire.Answer{}, fmt.Errorf("server: %s is no statement", m.Opcode())
}

// keyspaceFor is the one that a request names, or else the connection's.
func (c *conn) keyspaceFor(named []byte) string {
	if named != nil {
		return string(named)
	}
	return *c.keyspace.Load()
}

// end puts what a request ends with into req.
func end(req *database.Request, t *wire.Tail) {
	if t.HasTimestamp {
		req.Timestamp = &t.DefaultTimestamp
	}
	if t.HasNow {
		now := int64(t.NowSeconds)
		req.NowSeconds = &now
	}
}

// run executes one statement with the parameters of its message, which is execute if it was prepared.
func (r *request) run(st *database.Statement, p *wire.QueryParams, execute *wire.Execute) (wire.Answer, error) {
	c, d := r.conn, r.desk
	d.values = appendValues(d.values[:0], p.Values)
	req := database.Request{User: c.login.user, Values: d.values, PageSize: max(int(p.PageSize), 0), PagingState: p.PagingState, Memory: &d.lease, Buffer: d.content}
	if len(p.Names) > 0 {
		req.Names = p.Names
	}
	req.Trace = r.trace
	if r.trace != nil {
		r.trace.Step("Binding %d values", len(p.Values))
	}
	end(&req, &p.Tail)
	result, err := r.begin(st, req)
	if err != nil {
		return wire.Answer{}, err
	}
	if st.Kind == database.KindRead && result.Kind == database.ResultRows {
		d.content = result.Rows.Rows[:0] // other answers may not be ours to write over
	}
	if result.Kind == database.ResultKeyspace {
		c.keyspace.Store(&result.Keyspace)
	}
	knows := execute == nil || execute.ResultID == nil || string(execute.ResultID) == string(st.ResultID[:])
	m, err := d.message(result, p.SkipMetadata && knows && !st.Plan.Conditional) // the columns of an answer to IF depend on what was found
	if !knows && !st.Plan.Conditional {
		d.rows.Metadata.ChangedID = st.ResultID[:]
	}
	return wire.Answer{Message: m, Warnings: result.Warnings}, err
}

// begin executes a statement on this goroutine, which leads on only if that is sure not to take long.
func (r *request) begin(st *database.Statement, req database.Request) (result *database.Result, err error) {
	s := r.conn.server
	switch st.Kind {
	case database.KindLong:
		r.conn.passOn(r.since)
		if !s.long.enter(r.conn.down) {
			return nil, errGone
		}
		defer s.long.leave(1)
	case database.KindRead:
		if readers := s.readers.Add(1); r.ahead && readers < s.processors {
			r.conn.passOn(r.since)
		}
		defer s.readers.Add(-1)
	}
	result, r.ticket, err = s.database.Begin(st, req)
	return result, err
}

// batchKinds are the kinds of a BATCH of the protocol.
var batchKinds = [...]cql.BatchKind{wire.BatchLogged: cql.BatchLogged, wire.BatchUnlogged: cql.BatchUnlogged, wire.BatchCounter: cql.BatchCounter}

// batch runs the statements of a BATCH, texts and prepared ones. LOGGED and UNLOGGED are the same
// here: both are one record.
func (r *request) batch(m *wire.Batch) (wire.Answer, error) {
	c, d := r.conn, r.desk
	d.values, d.entries = d.values[:0], d.entries[:0]
	var st *database.Statement
	for i := range m.Entries {
		e := &m.Entries[i]
		if i == 0 || e.ID == nil || !bytes.Equal(e.ID, m.Entries[i-1].ID) { // mostly all are the same
			var err error
			if st, err = child(c, m.Keyspace, e); err != nil {
				return wire.Answer{}, err
			}
		}
		from := len(d.values)
		// If the append moves the values, entries before keep the old memory, which nobody changes.
		d.values = appendValues(d.values, e.Values)
		d.entries = append(d.entries, database.BatchEntry{Statement: st, Values: d.values[from:len(d.values):len(d.values)]})
	}
	req := database.Request{User: c.login.user, Memory: &d.lease, Batch: batchKinds[m.Kind]}
	req.Trace = r.trace
	if r.trace != nil {
		r.trace.Step("Binding the values of %d statements", len(d.entries))
	}
	end(&req, &m.Tail)
	result, ticket, err := c.server.database.BeginBatch(d.entries, req)
	if err != nil {
		return wire.Answer{}, err
	}
	r.ticket = ticket
	answer, err := d.message(result, false)
	return wire.Answer{Message: answer, Warnings: result.Warnings}, err
}

// child is the statement of one entry of a batch.
func child(c *conn, keyspace []byte, e *wire.BatchEntry) (*database.Statement, error) {
	if e.ID == nil {
		return c.server.database.Parse(c.keyspaceFor(keyspace), string(e.Text))
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
