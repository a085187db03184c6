package database

import (
	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/internal/memory"
)

// status tells the catalogue about rollups and memory.
type status struct{ d *Database }

// told are Memory and Served, or functions that tell nothing.
func (o *Options) told() (uses func() []memory.Use, served func() catalog.Served) {
	uses, served = func() []memory.Use { return nil }, func() catalog.Served { return catalog.Served{} }
	if o.Memory != nil {
		uses = o.Memory
	}
	if o.Served != nil {
		served = o.Served
	}
	return uses, served
}

// Served implements catalog.Status.
func (s status) Served() catalog.Served { return s.d.served() }

// Statements implements catalog.Status.
func (s status) Statements() catalog.Statements {
	of := s.d.statements.statistics()
	return catalog.Statements{Kept: of.Kept, Evicted: int64(of.Evicted)}
}

// Memory implements catalog.Status.
func (s status) Memory() []memory.Use { return s.d.memoryUses() }
