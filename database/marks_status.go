package database

import (
	"cmp"

	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/mutation"
)

// status tells the catalogue about rollups and memory.
type status struct {
	d    *Database
	uses func() []memory.Use
}

// Rollup implements catalog.Status.
func (s status) Rollup(id mutation.TableID) (dirtyWindows int64, lastError string) {
	for _, ru := range (rollupStore{s.d}).Rollups() {
		if ru.Table.ID != id {
			continue
		}
		of, err := s.d.rollups.Status(&ru)
		if err = cmp.Or(err, of.LastError); err != nil {
			lastError = err.Error()
		}
		return of.DirtyWindows, lastError
	}
	return 0, ""
}

// Memory implements catalog.Status.
func (s status) Memory() []memory.Use {
	if s.uses == nil {
		return nil
	}
	return s.uses()
}
