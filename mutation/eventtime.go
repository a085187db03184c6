package mutation

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
)

// EventTime is when the row with an encoded clustering happened, by its first column: milliseconds since 1970, cut at the ends of the
// integers. It never falls as clusterings ascend in time. ok is false if the column is no time, and for an empty value or prefix.
func (t *Table) EventTime(key []byte) (ms int64, ok bool) {
	return t.Clustering.FirstTimeMillis(key, t.UnitNanos)
}

// TimeBound is the point between the rows that happened before a millisecond and those that happened then or later: in ascending order
// it lies behind the former, in descending order before them. Rows without event time lie on the side of the former.
// ok is false if the first clustering column is no time.
func (t *Table) TimeBound(ms int64) (at clustering.Bound, ok bool) {
	if len(t.Clustering) == 0 {
		return at, false
	}
	var first []byte // sortable bytes of the first value at or behind ms; nil: there is none
	column := t.Clustering[0]
	switch of := column.Type; of.Kind() {
	case types.KindTimestamp:
		first = column.Append(nil, types.AppendTimestampMillis(nil, ms))
	case types.KindBigint, types.KindInt:
		if of.Kind() == types.KindInt && t.UnitNanos <= 0 {
			return at, false
		}
		first = integerFrom(column, ms, t.UnitNanos)
	case types.KindDate:
		first = integerFrom(column, ms, dayNanos)
	case types.KindTimeUUID:
		first = timeUUIDFrom(column, ms)
	default:
		return at, false
	}
	switch {
	case first == nil && column.Desc:
		return clustering.Before(nil), true
	case first == nil:
		return clustering.After(nil), true
	case column.Desc:
		return clustering.After(first), true
	}
	return clustering.Before(first), true
}

const dayNanos = 86_400_000_000_000

// integerFrom encodes the first value of an integer column, in units of so many nanoseconds, at or behind a millisecond; nil if there
// is none.
func integerFrom(column clustering.Column, ms, unitNanos int64) []byte {
	v, ok := types.MillisUnit(ms, unitNanos)
	if !ok {
		return nil
	}
	if column.Type.Kind() == types.KindBigint {
		return column.Append(nil, types.AppendBigint(nil, v))
	}
	if v > math.MaxInt32 {
		return nil
	}
	narrow := int32(max(v, math.MinInt32))
	if column.Type.Kind() == types.KindDate {
		return column.Append(nil, types.AppendDate(nil, narrow))
	}
	return column.Append(nil, types.AppendInt(nil, narrow))
}

// Times that a timeuuid can have: 60 bits of 100 ns since 1582.
const (
	timeUUIDMinMillis = -12_219_292_800_000
	timeUUIDMaxMillis = timeUUIDMinMillis + (1<<60-1)/10_000
)

// timeUUIDFrom is the sortable start of all timeuuids of that millisecond; nil if it lies behind all.
func timeUUIDFrom(column clustering.Column, ms int64) []byte {
	const timeBytes = 1 + 8 // a marker and the time; what follows tells those of one time apart
	if ms > timeUUIDMaxMillis {
		return nil
	}
	return column.Append(nil, types.MinTimeUUID(max(ms, timeUUIDMinMillis)))[:timeBytes]
}
