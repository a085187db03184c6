package database

import (
	"github.com/eskerdb/esker/internal/memory"
)

// status tells the catalogue about rollups and memory.
type status struct {
	d    *Database
	uses func() []memory.Use
}

// Memory implements catalog.Status.
func (s status) Memory() []memory.Use {
	if s.uses == nil {
		return nil
	}
	return s.uses()
}
