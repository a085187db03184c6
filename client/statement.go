package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/eskerdb/esker/server/wire"
)

// Statement is a prepared statement. It is not changed after Prepare, and it is good for every connection to the same
// server.
type Statement struct {
	Text     string
	Keyspace string // that PrepareIn named
	ID       []byte
	ResultID []byte        // of Result; from version 5
	Binds    []wire.Column // a bind marker each: its name and type
	KeyBinds []uint16      // for each partition key column its bind marker; empty if not all are bound
	Result   []wire.Column // empty for what is not a SELECT
}

// BatchEntry is one statement of a batch: Statement, or if that is nil Text.
type BatchEntry struct {
	Text      string
	Statement *Statement
	Values    []wire.Value
}

// Prepare asks the server for a statement.
func (c *Conn) Prepare(ctx context.Context, text string) (*Statement, error) {
	return c.PrepareIn(ctx, "", text)
}

// PrepareIn asks the server for a statement in a keyspace, which is named exactly, without quotes. The empty name is the
// connection's keyspace; any other needs version 5.
func (c *Conn) PrepareIn(ctx context.Context, keyspace, text string) (*Statement, error) {
	m := &wire.Prepare{Text: []byte(text)}
	if keyspace != "" {
		m.Keyspace = []byte(keyspace)
	}
	answer, err := c.roundTrip(ctx, m, false)
	if err != nil {
		return nil, err
	}
	p, ok := answer.Message.(*wire.Prepared)
	if !ok {
		return nil, fmt.Errorf("PREPARE was answered by %s", answer.Message.Opcode())
	}
	return &Statement{
		Text: text, Keyspace: keyspace, ID: p.ID, ResultID: p.ResultID, Binds: p.Binds, KeyBinds: p.KeyBinds, Result: p.Result,
	}, nil
}

// Query runs a statement's text with the default options.
func (c *Conn) Query(ctx context.Context, text string, values ...wire.Value) (*Result, error) {
	return c.QueryWith(ctx, text, values, RequestOptions{})
}

// QueryWith runs a statement's text. values are used until the last page is read.
func (c *Conn) QueryWith(ctx context.Context, text string, values []wire.Value, o RequestOptions) (*Result, error) {
	m := &wire.Query{Text: []byte(text), Params: o.params(values)}
	m.Params.SkipMetadata = false // there is nothing to take the columns from
	return newResult(ctx, nil, func(ctx context.Context, state []byte) (wire.Answer, error) {
		if state != nil {
			m.Params.PagingState = state
		}
		return c.roundTrip(ctx, m, o.Trace)
	})
}

// Execute runs a prepared statement; if the server has forgotten it, it is prepared again. values are used until the
// last page is read.
func (c *Conn) Execute(ctx context.Context, s *Statement, values []wire.Value, o RequestOptions) (*Result, error) {
	m := &wire.Execute{ID: s.ID, ResultID: s.ResultID, Params: o.params(values)}
	return newResult(ctx, s.Result, func(ctx context.Context, state []byte) (wire.Answer, error) {
		if state != nil {
			m.Params.PagingState = state
		}
		answer, err := c.roundTrip(ctx, m, o.Trace)
		if forgotten(err) == nil {
			return answer, err
		}
		if err := c.prepareAgain(ctx, s); err != nil {
			return wire.Answer{}, err
		}
		return c.roundTrip(ctx, m, o.Trace)
	})
}

// SendExecute puts an execution on its way without waiting for its answer, as Send does. A forgotten statement is for
// the caller to prepare again: the call ends with an *Error of wire.CodeUnprepared.
func (c *Conn) SendExecute(ctx context.Context, s *Statement, values []wire.Value, o RequestOptions) (*Call, error) {
	return c.send(ctx, &wire.Execute{ID: s.ID, ResultID: s.ResultID, Params: o.params(values)}, o.Trace)
}

// Batch runs statements together; those that the server has forgotten are prepared again. Of o, paging does not count.
func (c *Conn) Batch(ctx context.Context, kind wire.BatchKind, entries []BatchEntry, o RequestOptions) (*Result, error) {
	m := batchOf(kind, entries, o)
	return newResult(ctx, nil, func(ctx context.Context, _ []byte) (wire.Answer, error) {
		// The server names one forgotten statement at a time, so there are at most as many rounds as statements.
		for round := 0; ; round++ {
			answer, err := c.roundTrip(ctx, m, o.Trace)
			id := forgotten(err)
			if id == nil || round >= len(entries) {
				return answer, err
			}
			s := statementOf(entries, id)
			if s == nil {
				return answer, err
			}
			if err := c.prepareAgain(ctx, s); err != nil {
				return wire.Answer{}, err
			}
		}
	})
}

// SendBatch puts a batch on its way without waiting for its answer, as Send does.
func (c *Conn) SendBatch(ctx context.Context, kind wire.BatchKind, entries []BatchEntry, o RequestOptions) (*Call, error) {
	return c.send(ctx, batchOf(kind, entries, o), o.Trace)
}

func batchOf(kind wire.BatchKind, entries []BatchEntry, o RequestOptions) *wire.Batch {
	m := &wire.Batch{
		Kind:        kind,
		Consistency: o.consistency(),
		Entries:     make([]wire.BatchEntry, len(entries)),
		Tail:        o.tail(),
	}
	for i, e := range entries {
		m.Entries[i] = wire.BatchEntry{Values: e.Values}
		if e.Statement != nil {
			m.Entries[i].ID = e.Statement.ID
		} else {
			m.Entries[i].Text = []byte(e.Text)
		}
	}
	return m
}

// forgotten returns the id that err says the server does not know, or nil.
func forgotten(err error) []byte {
	var e *Error
	if !errors.As(err, &e) || e.Code != wire.CodeUnprepared {
		return nil
	}
	detail, _ := e.Detail.(wire.Unprepared)
	return detail.ID
}

func statementOf(entries []BatchEntry, id []byte) *Statement {
	for _, e := range entries {
		if e.Statement != nil && bytes.Equal(e.Statement.ID, id) {
			return e.Statement
		}
	}
	return nil
}

// prepareAgain makes the server know s. Another id than before means that the text now means something else, as after
// USE, and the values do not fit any more.
func (c *Conn) prepareAgain(ctx context.Context, s *Statement) error {
	again, err := c.PrepareIn(ctx, s.Keyspace, s.Text)
	if err != nil {
		return fmt.Errorf("prepare again: %w", err)
	}
	if !bytes.Equal(again.ID, s.ID) {
		return fmt.Errorf("statement %x is forgotten and its text now means another, %x", s.ID, again.ID)
	}
	return nil
}
