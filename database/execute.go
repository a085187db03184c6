package database

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/database/tracing"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/planner"
)

// Request is what comes with a statement from a client.
type Request struct {
	Values      []planner.Value
	Names       []string       // of the values, when they are bound by name; else nil
	PageSize    int            // rows a page; 0: everything at once
	PagingState []byte         // of the page before; nil for the first
	Timestamp   *int64         // the client's default write timestamp, microseconds; nil: the server's
	NowSeconds  *int64         // the client's moment of expiry, seconds since 1970 (version 5); nil: the server's
	User        *auth.User     // who asks; nil: nobody is asked who he is, and everything is permitted
	Memory      *memory.Lease  // what the answer takes is taken from here; nil: it is not counted
	Trace       *tracing.Trace // what is done is noted in it; nil: nobody traces
	Batch       cql.BatchKind  // of a BATCH; 0: logged
	Buffer      []byte         // what it has room for holds the rows of the answer, if they fit: the caller's again when he is done with the Result
}

// ResultKind says what a Result holds.
type ResultKind uint8

const (
	ResultVoid         ResultKind = 1
	ResultRows         ResultKind = 2
	ResultKeyspace     ResultKind = 3
	ResultSchemaChange ResultKind = 4
)

// Result is the answer to a statement.
type Result struct {
	Kind        ResultKind
	Rows        *exec.Result // of ResultRows; its State is not authenticated: PagingState is
	PagingState []byte       // nil: no more pages
	Keyspace    string       // of ResultKeyspace
	Change      Change       // of ResultSchemaChange
	Warnings    []string
}

// Execute binds and runs one statement. A write is durable by the mode of the log, and visible, when it returns.
func (d *Database) Execute(st *Statement, req Request) (*Result, error) {
	return d.awaited(d.Begin(st, req))
}

// carryOut runs a plan that is no write.
func (d *Database) carryOut(st *Statement, plan planner.Plan, req Request) (*Result, error) {
	switch plan := plan.(type) {
	case *planner.Read:
		return d.readNow(st, plan, &req)
	case *planner.Alter:
		return d.alter(st, req.User)
	case *planner.Truncate:
		return d.truncate(plan)
	case *planner.Use:
		return &Result{Kind: ResultKeyspace, Keyspace: plan.Keyspace}, nil
	case *planner.Describe:
		return d.describe(st, plan)
	case *planner.Explain:
		return d.explain(st, plan, &req)
	case *planner.ExplainRetention:
		return d.explainRetention(st, plan)
	case *planner.CheckCopy:
		return d.checkCopy(st, plan)
	case *planner.CheckRollup:
		return d.checkRollup(st, plan)
	case *planner.RefreshRollup:
		return d.refresh(plan)
	case *planner.RebuildCopy:
		return d.rebuild(plan)
	case *planner.Admin:
		return d.admin(st, plan)
	case *planner.Roles:
		return d.changeRoles(plan, st.Plan.Result, req.User)
	}
	return nil, fmt.Errorf("database: plan %T is unknown", plan)
}

// bind makes a plan of a statement and the request's values.
func (d *Database) bind(st *Statement, req *Request) (planner.Plan, error) {
	values, err := arrange(st.Plan.Markers, req)
	if err != nil {
		return nil, err
	}
	return st.Plan.Bind(values, d.contextOf(req))
}

// arrange puts values bound by name into the order of the markers and checks their number.
func arrange(markers []planner.ColumnSpec, req *Request) ([]planner.Value, error) {
	if req.Names == nil {
		if len(req.Values) != len(markers) {
			return nil, wrongAmount(len(markers), len(req.Values))
		}
		return req.Values, nil
	}
	if len(req.Names) != len(req.Values) {
		return nil, &planner.InvalidError{Message: fmt.Sprintf("%d names are given for %d values", len(req.Names), len(req.Values))}
	}
	at := make(map[string]int, len(req.Names))
	for i, name := range req.Names {
		at[name] = i
	}
	out := make([]planner.Value, len(markers))
	for i, m := range markers {
		if j, ok := at[m.Name]; ok {
			out[i] = req.Values[j]
		} else {
			out[i].Unset = true
		}
	}
	return out, nil
}

func wrongAmount(want, have int) error {
	return &planner.InvalidError{Message: fmt.Sprintf("Invalid amount of bind variables: expected %d, got %d", want, have)}
}

// context is the moment a statement is bound at.
func (d *Database) context(clientTimestamp *int64) planner.Context {
	now := d.clock.Now()
	ctx := planner.Context{NowSec: now.Unix(), NowMillis: now.UnixMilli(), NowTicks: d.nextTick, Random: randomUUID}
	ctx.Statistics = estimates{d}
	if clientTimestamp != nil {
		ctx.TimestampMicros = *clientTimestamp
	} else {
		ctx.TimestampMicros = d.stamps.next(ctx.NowMillis * 1000)
	}
	return ctx
}

// BatchEntry is a statement of a BATCH of the protocol.
type BatchEntry struct {
	Statement *Statement
	Values    []planner.Value
}

// BatchStatementsMax is how many statements a BATCH may have.
const BatchStatementsMax = 65_535

// Batch runs several writes as one atomic record. Of req it takes all but the values, names and pages. They share one timestamp unless they set their own (R23).
// They are durable and visible when it returns, as in Execute.
func (d *Database) Batch(entries []BatchEntry, req Request) (*Result, error) {
	return d.awaited(d.BeginBatch(entries, req))
}

// bindBatch binds the entries of a batch into one write, or makes one plan of them if one has IF.
func (d *Database) bindBatch(w *writing, entries []BatchEntry, req *Request) (*planner.Conditional, error) {
	if len(entries) > BatchStatementsMax {
		return nil, &planner.InvalidError{Message: fmt.Sprintf("a batch has %d statements; the most is %d", len(entries), BatchStatementsMax)}
	}
	of := planner.BatchOf{Kind: cmp.Or(req.Batch, cql.BatchLogged)}
	for i := range entries {
		of.Add(entries[i].Statement.Plan)
	}
	if err := of.Check(); err != nil {
		return nil, err
	}
	w.context = d.contextOf(req)
	var plans []planner.Plan // nil: none of them has IF
	if slices.ContainsFunc(entries, func(e BatchEntry) bool { return e.Statement.Plan.Conditional }) {
		plans = make([]planner.Plan, len(entries))
	}
	for i := range entries {
		e := &entries[i]
		if have, want := len(e.Values), len(e.Statement.Plan.Markers); have != want {
			return nil, wrongAmount(want, have)
		}
		var err error
		if plans != nil {
			plans[i], err = e.Statement.Plan.Bind(e.Values, w.context)
		} else if plan, failed := e.Statement.Plan.BindInto(&w.WriteBuffer, e.Values, &w.context); plan != nil {
			err = &planner.InvalidError{Message: "Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed."}
		} else {
			err = failed
		}
		if err != nil {
			return nil, err
		}
	}
	if plans == nil {
		return nil, nil
	}
	return planner.JoinConditional(plans)
}
