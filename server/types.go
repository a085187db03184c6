package server

import (
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

// columns describes markers or columns of an answer as the protocol does.
func columns(specs []planner.ColumnSpec) []wire.Column {
	out := make([]wire.Column, len(specs))
	for i, s := range specs {
		out[i] = wire.Column{Keyspace: s.Keyspace, Table: s.Table, Name: s.Name, Type: wireType(s.Type)}
	}
	return out
}

// wireType describes a type as the protocol does. The numbers of kinds are the protocol's.
func wireType(t *types.Type) wire.Type {
	out := wire.Type{ID: wire.TypeID(t.Kind())}
	for _, e := range t.Elems() {
		out.Elems = append(out.Elems, wireType(e))
	}
	if t.Kind() == types.KindUDT {
		keyspace, name := t.UDTName()
		out.UDT = &wire.UDT{Keyspace: keyspace, Name: name, Fields: t.Fields()}
	}
	return out
}
