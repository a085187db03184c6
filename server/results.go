package server

import (
	"fmt"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/server/wire"
)

// message is the RESULT that tells a result. It is valid until the desk is used again.
func (d *desk) message(r *database.Result, skipMetadata bool) (wire.Response, error) {
	switch r.Kind {
	case database.ResultVoid:
		return &wire.Void{}, nil
	case database.ResultKeyspace:
		return &wire.SetKeyspace{Keyspace: r.Keyspace}, nil
	case database.ResultSchemaChange:
		return &wire.SchemaResult{SchemaChange: schemaChange(r.Change)}, nil
	case database.ResultRows:
		d.rows = wire.Rows{RowCount: int32(r.Rows.RowCount), Content: r.Rows.Rows}
		d.rows.Metadata = wire.Metadata{PagingState: r.PagingState, Skip: skipMetadata, Count: len(r.Rows.Columns)}
		if !skipMetadata {
			d.columns = appendColumns(d.columns[:0], r.Rows.Columns)
			d.rows.Metadata.Columns = d.columns
		}
		return &d.rows, nil
	}
	return nil, fmt.Errorf("server: result of kind %d is unknown", r.Kind)
}

func prepared(st *database.Statement) *wire.Prepared {
	return &wire.Prepared{
		ID: st.ID[:], ResultID: st.ResultID[:], Binds: appendColumns(nil, st.Plan.Markers), KeyBinds: st.Plan.PartitionKeyIndexes,
		Result: appendColumns(nil, st.Plan.Result),
	}
}
