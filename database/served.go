package database

import (
	"errors"

	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
)

// servedBy is the table that serves a SELECT on another; none if it is the one that is named.
func servedBy(plan *planner.Read) mutation.TableID {
	if plan.Table == plan.Named {
		return mutation.TableID{}
	}
	return plan.Table.ID
}

// manyRows are more than any table has, and few enough to be multiplied by the values of an IN.
const manyRows = 1 << 40

// preferring are estimates by which one table has the fewest rows to read.
type preferring struct {
	planner.Statistics
	id mutation.TableID
}

// Table implements planner.Statistics.
func (p preferring) Table(id mutation.TableID) (planner.TableEstimate, bool) {
	e, _ := p.Statistics.Table(id)
	e.Rows, e.Partitions = manyRows, 1
	if id == p.id {
		e.Rows = 0
	}
	return e, true
}

// servedAgain plans the next page for the table that served the page before: a place in one table is none in another,
// and which copy has the fewest rows to read may change from page to page.
func (d *Database) servedAgain(st *Statement, req *Request, served mutation.TableID) (*Statement, *planner.Read, error) {
	st, err := d.whole(st)
	if err != nil {
		return nil, nil, err
	}
	fresh, err := d.planWith(st.Keyspace, st.Text, st.tree, preferring{estimates{d}, served})
	if err != nil {
		return nil, nil, err
	}
	plan, err := d.bind(fresh, req)
	if err != nil {
		return nil, nil, err
	}
	read, ok := plan.(*planner.Read)
	if !ok || servedBy(read) != served {
		return nil, nil, &planner.InvalidError{Message: "Invalid value for the paging state: the table that served the page before no longer serves this statement; ask again from the first page"}
	}
	return fresh, read, nil
}

// readNow runs a SELECT. If the table that was to serve it has been dropped since it was planned, it is planned again: the
// client may have named another.
func (d *Database) readNow(st *Statement, plan *planner.Read, req *Request) (*Result, error) {
	for {
		result, err := d.read(st, plan, req)
		if !errors.Is(err, lsm.ErrUnknownTable) || !d.changedSince(st) {
			return result, err
		}
		fresh, planErr := d.whole(st)
		if planErr == nil {
			fresh, planErr = d.planTree(st.Keyspace, st.Text, fresh.tree)
		}
		if planErr != nil {
			return nil, planErr
		}
		if !sameColumns(st.Plan.Markers, fresh.Plan.Markers) || !sameColumns(st.Plan.Result, fresh.Plan.Result) {
			return nil, err
		}
		bound, bindErr := d.bind(fresh, req)
		if bindErr != nil {
			return nil, bindErr
		}
		read, ok := bound.(*planner.Read)
		if !ok {
			return nil, err
		}
		st, plan = fresh, read
	}
}

// changedSince reports whether the schema is another than the statement was planned against, once a change that is under
// way is done.
func (d *Database) changedSince(st *Statement) bool {
	d.schemaMu.Lock()
	defer d.schemaMu.Unlock()
	return st.version != d.Schema().Version
}
