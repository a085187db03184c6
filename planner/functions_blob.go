package planner

import "github.com/eskerdb/esker/cql/types"

// blobTypes are the types with functions to and from blob.
var blobTypes = []*types.Type{
	types.ASCII, types.Bigint, types.Boolean, types.Counter, types.Date, types.Decimal, types.Double, types.Duration,
	types.Float, types.Inet, types.Int, types.Smallint, types.Text, types.Time, types.Timestamp, types.TimeUUID,
	types.Tinyint, types.UUID, types.Varint,
}

func addBlobFunctions(into functionTable) {
	for _, t := range blobTypes {
		names := []string{t.String()}
		if t == types.Text {
			names = append(names, "varchar")
		}
		for _, n := range names {
			into.add(overload{args: []*types.Type{t}, result: types.Blob, eval: func(args [][]byte) ([]byte, error) { return args[0], nil }},
				n+"asblob", n+"_as_blob")
			for _, name := range []string{"blobas" + n, "blob_as_" + n} {
				into.add(overload{args: []*types.Type{types.Blob}, result: t, eval: fromBlob(name, t)}, name)
			}
		}
	}
}

func fromBlob(name string, t *types.Type) func(args [][]byte) ([]byte, error) {
	return func(args [][]byte) ([]byte, error) {
		if args[0] == nil {
			return nil, nil
		}
		if err := t.Validate(args[0]); err != nil {
			return nil, invalidf("In call to function system.%s, value 0x%x is not a valid binary representation for type %s", name, args[0], t)
		}
		return args[0], nil
	}
}
