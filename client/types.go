package client

import (
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// customScalars are the types that older protocol versions describe by their Java class.
var customScalars = map[string]*types.Type{
	"org.apache.cassandra.db.marshal.SimpleDateType": types.Date,
	"org.apache.cassandra.db.marshal.TimeType":       types.Time,
	"org.apache.cassandra.db.marshal.ShortType":      types.Smallint,
	"org.apache.cassandra.db.marshal.ByteType":       types.Tinyint,
	"org.apache.cassandra.db.marshal.DurationType":   types.Duration,
	// What an aggregate of Cassandra answers for a timeuuid.
	"org.apache.cassandra.db.marshal.LegacyTimeUUIDType": types.TimeUUID,
}

var scalars = map[wire.TypeID]*types.Type{
	wire.TypeASCII: types.ASCII, wire.TypeBigint: types.Bigint, wire.TypeBlob: types.Blob, wire.TypeBoolean: types.Boolean,
	wire.TypeCounter: types.Counter, wire.TypeDecimal: types.Decimal, wire.TypeDouble: types.Double, wire.TypeFloat: types.Float,
	wire.TypeInt: types.Int, wire.TypeTimestamp: types.Timestamp, wire.TypeUUID: types.UUID, wire.TypeVarchar: types.Text,
	wire.TypeVarint: types.Varint, wire.TypeTimeUUID: types.TimeUUID, wire.TypeInet: types.Inet, wire.TypeDate: types.Date,
	wire.TypeTime: types.Time, wire.TypeSmallint: types.Smallint, wire.TypeTinyint: types.Tinyint, wire.TypeDuration: types.Duration,
}

// TypeOf is the CQL type of a column as the protocol describes it.
func TypeOf(t wire.Type) (*types.Type, error) {
	if s := scalars[t.ID]; s != nil {
		return s, nil
	}
	if s := customScalars[t.Custom]; s != nil && t.ID == wire.TypeCustom {
		return s, nil
	}
	elems := make([]*types.Type, len(t.Elems))
	for i, e := range t.Elems {
		of, err := TypeOf(e)
		if err != nil {
			return nil, err
		}
		elems[i] = of
	}
	switch {
	case t.ID == wire.TypeList && len(elems) == 1:
		return types.ListOf(elems[0]), nil
	case t.ID == wire.TypeSet && len(elems) == 1:
		return types.SetOf(elems[0]), nil
	case t.ID == wire.TypeMap && len(elems) == 2:
		return types.MapOf(elems[0], elems[1]), nil
	case t.ID == wire.TypeTuple:
		return types.TupleOf(elems...), nil
	case t.ID == wire.TypeUDT && t.UDT != nil:
		return types.UDTOf(t.UDT.Keyspace, t.UDT.Name, t.UDT.Fields, elems), nil
	}
	return nil, fmt.Errorf("column type %#x %s is unknown", uint16(t.ID), t.Custom)
}
