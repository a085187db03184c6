package database

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// RowsBytesMax is how many bytes the rows of one page may take; a page ends before it would grow over.
const RowsBytesMax = 16 << 20

// read runs a SELECT on one pinned View.
func (d *Database) read(st *Statement, plan *planner.Read, req *Request) (*Result, error) {
	state, served, err := d.openState(st, req.PagingState)
	if err != nil {
		return nil, err
	}
	if state != nil && served != servedBy(plan) {
		if st, plan, err = d.servedAgain(st, req, served); err != nil {
			return nil, err
		}
	}
	guard := d.guard(plan)
	warnings, err := guard.before(req.PageSize)
	if err != nil {
		return nil, err
	}
	d.reads <- struct{}{}
	defer func() { <-d.reads }()
	source := d.sourceOf(plan)
	defer source.Close()
	now := d.clock.Now()
	traceRead(req.Trace, plan)
	rows, err := exec.Run(source, plan, exec.Options{
		NowSec: req.second(now), Retained: d.retained(source, plan.Table, now.UnixMilli()), PageSize: req.PageSize, State: state, RowsBytesMax: pageBytes(req.PageSize), Memory: req.Memory, Buffer: req.Buffer,
		Statistics: &guard.cost, IndexStatistics: &guard.index, LevelStatistics: &guard.levels, Check: guard.check,
	})
	if err != nil {
		return nil, err
	}
	warnings = slices.Concat(plan.Warnings, d.buildWarning(plan.Table), levelWarnings(rows.Stats.Levels), warnings, guard.after(&rows.Stats))
	traceRows(req.Trace, plan, rows, guard)
	guard.free()
	return &Result{Kind: ResultRows, Rows: rows, PagingState: d.sealState(st, servedBy(plan), rows.State), Warnings: warnings}, nil
}

// pageBytes bounds paged answers; an unpaged one was asked for whole.
func pageBytes(pageSize int) int {
	if pageSize > 0 {
		return RowsBytesMax
	}
	return 0
}

// readSource is where a Read finds its rows: a pinned View, or the catalogue.
type readSource interface {
	exec.Source
	Close()
	pinned() View             // nil: the catalogue
	before() *schema.Snapshot // the schema from before the View was pinned; nil: the catalogue
}

func (d *Database) source(t *schema.Table) readSource {
	if t.Kind == schema.Virtual {
		return catalogSource{d.catalog.Source(d.Schema())}
	}
	before := d.Schema() // first: a TRUNCATE makes a table forget what has ended of the rows that it removes
	return viewSource{d, d.store.View(), before}
}

type viewSource struct {
	d      *Database
	view   View
	schema *schema.Snapshot
}

func (s viewSource) Read(t *schema.Table, req mutation.ReadRequest) (mutation.PartitionReader, error) {
	rows, err := s.view.Read(t.ID, req)
	if err != nil {
		return nil, err
	}
	return s.d.noteRead(t, req.Key, rows), nil
}

func (s viewSource) Keys(t *schema.Table, r partition.Range) (mutation.KeyIterator, error) {
	return s.view.Keys(t.ID, r)
}

func (s viewSource) Close() { s.view.Close() }

func (s viewSource) pinned() View { return s.view }

func (s viewSource) before() *schema.Snapshot { return s.schema }

type catalogSource struct{ exec.Source }

func (catalogSource) Close() {}

func (catalogSource) pinned() View { return nil }

func (catalogSource) before() *schema.Snapshot { return nil }

// A paging state on the wire is a MAC of statement and state, then the state: it survives a restart,
// and a forged one, or one of another statement, is refused.
const stateMACBytes = 16

func (d *Database) stateMAC(st *Statement, state []byte) []byte {
	id := st.ID
	if st.tree == nil { // Parse knew its shape
		id = statementID(st.Keyspace, st.Text)
	}
	mac := hmac.New(sha256.New, d.node.PagingSecret[:])
	mac.Write(id[:])
	mac.Write(state)
	return mac.Sum(nil)[:stateMACBytes]
}

// servedState is what a state begins with that is of another table than the statement names; the id of that table follows.
const servedState = 0xff // on the wire: never reuse; no state of exec begins with it

func (d *Database) sealState(st *Statement, served mutation.TableID, state []byte) []byte {
	if state == nil {
		return nil
	}
	if served != (mutation.TableID{}) {
		state = slices.Concat([]byte{servedState}, served[:], state)
	}
	return append(d.stateMAC(st, state), state...)
}

// openState is a state that came back, and the table that served the page before: none if it was the one that is named.
func (d *Database) openState(st *Statement, sealed []byte) (state []byte, served mutation.TableID, err error) {
	if sealed == nil {
		return nil, served, nil
	}
	if len(sealed) < stateMACBytes || !hmac.Equal(sealed[:stateMACBytes], d.stateMAC(st, sealed[stateMACBytes:])) {
		return nil, served, &planner.InvalidError{Message: "Invalid value for the paging state"}
	}
	state = sealed[stateMACBytes:]
	if len(state) > len(served) && state[0] == servedState {
		state = state[1+copy(served[:], state[1:]):]
	}
	return state, served, nil
}

// tableEmpty reports whether a table holds no partition at all.
func tableEmpty(view View, id mutation.TableID) (bool, error) {
	keys, err := view.Keys(id, partition.Range{})
	if err != nil {
		return false, err
	}
	defer keys.Close()
	key, err := keys.Next()
	return key == nil, err
}
