package database

import (
	"github.com/eskerdb/esker/internal/memory"
)

// status tells the catalogue about rollups and memory.
type status struct{ d *Database }

// Memory implements catalog.Status.
func (s status) Memory() []memory.Use { return s.d.memoryUses() }
