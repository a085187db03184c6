package database

import (
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
)

// Estimated is a store that can tell about how much a table holds, within microseconds.
type Estimated interface {
	Estimate(table mutation.TableID) (lsm.Estimate, bool)
	// FilesEstimate is Estimate without memtables.
	FilesEstimate(table mutation.TableID) (lsm.Estimate, bool)
}

// estimates implements planner.Statistics over the store.
type estimates struct{ d *Database }

// Table implements planner.Statistics.
func (e estimates) Table(id mutation.TableID) (planner.TableEstimate, bool) {
	store, ok := e.d.store.(Estimated)
	if !ok {
		return planner.TableEstimate{}, false
	}
	have, found := store.Estimate(id)
	return planner.TableEstimate{
		Rows: have.Rows, Partitions: have.Partitions, Bytes: have.Bytes, FromMillis: have.From, ToMillis: have.To, Timed: have.Timed,
	}, found
}
