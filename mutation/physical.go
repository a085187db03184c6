package mutation

import "github.com/eskerdb/esker/cql/types"

// PhysicalOf returns how values of a type lie in a vector, and their width there in bytes.
func PhysicalOf(t *types.Type) (Physical, int) {
	switch t.Kind() {
	case types.KindFloat:
		return PhysicalFloat, 4
	case types.KindDouble:
		return PhysicalDouble, 8
	case types.KindTinyint, types.KindBoolean:
		return PhysicalInt, 1
	case types.KindSmallint:
		return PhysicalInt, 2
	case types.KindInt, types.KindDate:
		return PhysicalInt, 4
	case types.KindBigint, types.KindTimestamp, types.KindTime, types.KindCounter:
		return PhysicalInt, 8
	}
	return PhysicalBytes, 0
}
