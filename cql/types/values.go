package types

import (
	"encoding/binary"
	"math"
	"math/big"

	"gopkg.in/inf.v0"
)

// AppendTinyint appends a tinyint.
func AppendTinyint(dst []byte, v int8) []byte { return append(dst, byte(v)) }

// AppendSmallint appends a smallint.
func AppendSmallint(dst []byte, v int16) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(v))
}

// AppendInt appends an int.
func AppendInt(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) }

// AppendBigint appends a bigint, or a time in nanoseconds of the day.
func AppendBigint(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

// AppendTimestampMillis appends a timestamp of milliseconds since 1970.
func AppendTimestampMillis(dst []byte, ms int64) []byte { return AppendBigint(dst, ms) }

// AppendDate appends a date of days since 1970-01-01.
func AppendDate(dst []byte, days int32) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(days)^1<<31)
}

// AppendFloat appends a float.
func AppendFloat(dst []byte, v float32) []byte {
	return binary.BigEndian.AppendUint32(dst, math.Float32bits(v))
}

// AppendDouble appends a double.
func AppendDouble(dst []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(v))
}

// AppendBoolean appends a boolean.
func AppendBoolean(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// EncodeInt64 serializes v as an integer-like type: tinyint to bigint, counter, timestamp (milliseconds),
// time (nanoseconds), date (days since 1970) or varint. ok is false if v does not fit or t is no such type.
func EncodeInt64(t *Type, v int64) (value []byte, ok bool) {
	switch t.kind {
	case KindTinyint:
		return AppendTinyint(nil, int8(v)), v == int64(int8(v))
	case KindSmallint:
		return AppendSmallint(nil, int16(v)), v == int64(int16(v))
	case KindInt:
		return AppendInt(nil, int32(v)), v == int64(int32(v))
	case KindDate:
		return AppendDate(nil, int32(v)), v == int64(int32(v))
	case KindTime:
		return AppendBigint(nil, v), v >= 0 && v < nanosPerDay
	case KindBigint, KindCounter, KindTimestamp:
		return AppendBigint(nil, v), true
	case KindVarint:
		return AppendVarint(nil, big.NewInt(v)), true
	}
	return nil, false
}

// DecodeInt64 reads a big endian two's complement integer of up to 8 bytes: tinyint to bigint, counter,
// timestamp, time, small varints. Nothing is 0; of longer values the low 8 bytes count. For dates see DecodeDate.
func DecodeInt64(b []byte) int64 {
	switch len(b) {
	case 0:
		return 0
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 8:
		return int64(binary.BigEndian.Uint64(b))
	}
	v := int64(int8(b[0]))
	for _, c := range b[1:] {
		v = v<<8 | int64(c)
	}
	return v
}

// DecodeDate returns the days since 1970-01-01 of a date; 0 if it does not have 4 bytes.
func DecodeDate(b []byte) int32 {
	if len(b) != 4 {
		return 0
	}
	return int32(binary.BigEndian.Uint32(b) ^ 1<<31)
}

// DecodeFloat64 returns the number in a float or double; 0 for any other length.
func DecodeFloat64(b []byte) float64 {
	switch len(b) {
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	return 0
}

// DecodeBoolean returns whether a boolean is true: any byte but 0.
func DecodeBoolean(b []byte) bool { return len(b) > 0 && b[0] != 0 }

// AppendVarint appends v as a varint, in as few bytes as possible.
func AppendVarint(dst []byte, v *big.Int) []byte {
	if v.Sign() >= 0 {
		if v.BitLen()%8 == 0 {
			dst = append(dst, 0)
		}
		return append(dst, v.Bytes()...)
	}
	// The two's complement of −x is the complement of x−1.
	low := new(big.Int).Not(v)
	if low.BitLen()%8 == 0 {
		dst = append(dst, 0xFF)
	}
	at := len(dst)
	dst = append(dst, low.Bytes()...)
	invertFrom(dst, at)
	return dst
}

// DecodeVarint returns the number of a varint; nothing is 0.
func DecodeVarint(b []byte) *big.Int {
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return v
}

// AppendDecimal appends a decimal.
func AppendDecimal(dst []byte, v *inf.Dec) []byte {
	return AppendVarint(AppendInt(dst, int32(v.Scale())), v.UnscaledBig())
}

// DecodeDecimal returns the number of a decimal; 0 if it has less than 4 bytes.
func DecodeDecimal(b []byte) *inf.Dec {
	if len(b) < 4 {
		return new(inf.Dec)
	}
	return inf.NewDecBig(DecodeVarint(b[4:]), inf.Scale(int32(binary.BigEndian.Uint32(b))))
}
