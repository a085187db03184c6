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
	state, err := d.openState(st, plan, req.PagingState)
	if err != nil {
		return nil, err
	}
	guard := d.guard(plan)
	warnings, err := guard.before(req.PageSize)
	if err != nil {
		return nil, err
	}
	d.reads <- struct{}{}
	defer func() { <-d.reads }()
	source := d.source(plan.Table)
	defer source.Close()
	rows, err := exec.Run(source, plan, exec.Options{
		NowSec: d.clock.Now().Unix(), PageSize: req.PageSize, State: state, RowsBytesMax: pageBytes(req.PageSize), Memory: req.Memory,
		Statistics: &guard.cost, IndexStatistics: &guard.index, Check: guard.check,
	})
	if err != nil {
		return nil, err
	}
	warnings = slices.Concat(plan.Warnings, d.buildWarning(plan.Table), warnings, guard.after(&rows.Stats))
	return &Result{Kind: ResultRows, Rows: rows, PagingState: d.sealState(st, plan, rows.State), Warnings: warnings}, nil
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
}

func (d *Database) source(t *schema.Table) readSource {
	if t.Kind == schema.Virtual {
		return catalogSource{d.catalog.Source(d.Schema())}
	}
	return viewSource{d, d.store.View()}
}

type viewSource struct {
	d    *Database
	view View
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

type catalogSource struct{ exec.Source }

func (catalogSource) Close() {}

// A paging state on the wire is a MAC of statement and state, then the state: it survives a restart,
// and a forged one, or one of another statement, is refused.
const stateMACBytes = 16

func (d *Database) stateMAC(st *Statement, plan *planner.Read, state []byte) []byte {
	mac := hmac.New(sha256.New, d.node.PagingSecret[:])
	mac.Write(st.ID[:])
	if plan.Table != plan.Named {
		mac.Write(plan.Table.ID[:])
	}
	mac.Write(state)
	return mac.Sum(nil)[:stateMACBytes]
}

func (d *Database) sealState(st *Statement, plan *planner.Read, state []byte) []byte {
	if state == nil {
		return nil
	}
	return append(d.stateMAC(st, plan, state), state...)
}

func (d *Database) openState(st *Statement, plan *planner.Read, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	if len(sealed) < stateMACBytes || !hmac.Equal(sealed[:stateMACBytes], d.stateMAC(st, plan, sealed[stateMACBytes:])) {
		return nil, &planner.InvalidError{Message: "Invalid value for the paging state"}
	}
	return sealed[stateMACBytes:], nil
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
