package types

import "math"

// TimeMillis is the time that a timestamp, date, timeuuid, bigint or int holds, in milliseconds since 1970, cut at the ends of the
// integers. unitNanos is what one of a bigint or int stands for; 0: a bigint counts milliseconds, and an int is no time. ok is
// false for other types, null and the empty value.
func TimeMillis(t *Type, value []byte, unitNanos int64) (ms int64, ok bool) {
	if t.kind == KindTimeUUID {
		return TimeUUIDMillis(value)
	}
	if len(value) == 0 || len(value) != t.FixedWidth() {
		return 0, false
	}
	switch t.kind {
	case KindTimestamp:
		return DecodeInt64(value), true
	case KindDate:
		return int64(DecodeDate(value)) * millisPerDay, true
	case KindBigint, KindInt:
		return UnitMillis(DecodeInt64(value), unitNanos), t.kind == KindBigint || unitNanos > 0
	}
	return 0, false
}

// FirstAt is the least value of such a type whose TimeMillis is ms or later, in the order of the type, and not the empty value. ok
// is false if no value has such a time, or every one.
func FirstAt(t *Type, ms, unitNanos int64) (value []byte, ok bool) {
	switch t.kind {
	case KindTimestamp:
		return AppendBigint(nil, ms), true
	case KindTimeUUID:
		ok := ms > gregorianMillis && ms-gregorianMillis <= ticksMask/ticksPerMilli
		return MinTimeUUID(ms), ok
	case KindDate:
		day := ms / millisPerDay
		if ms%millisPerDay > 0 {
			day++
		}
		return AppendDate(nil, int32(day)), day >= math.MinInt32 && day <= math.MaxInt32
	case KindBigint:
		v, ok := MillisUnit(ms, unitNanos)
		return AppendBigint(nil, v), ok
	case KindInt:
		v, ok := MillisUnit(ms, unitNanos)
		return AppendInt(nil, int32(v)), ok && unitNanos > 0 && v >= math.MinInt32 && v <= math.MaxInt32
	}
	return nil, false
}
