package server

import (
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

// appendColumns describes markers or columns of an answer as the protocol does.
func appendColumns(dst []wire.Column, specs []planner.ColumnSpec) []wire.Column {
	for _, s := range specs {
		dst = append(dst, wire.Column{Keyspace: s.Keyspace, Table: s.Table, Name: s.Name, Type: wireType(s.Type)})
	}
	return dst
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
