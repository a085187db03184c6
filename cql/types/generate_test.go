package types

import (
	"math"
	"math/big"

	"gopkg.in/inf.v0"
	"pgregory.net/rapid"
)

// keyTypes are types a key column can have, some nested.
var keyTypes = []*Type{
	ASCII, Bigint, Blob, Boolean, Date, Decimal, Double, Float, Inet, Int, Smallint, Text, Time, Timestamp, TimeUUID,
	Tinyint, UUID, Varint, Duration,
	Frozen(ListOf(Int)), Frozen(SetOf(Text)), Frozen(MapOf(Text, Decimal)), TupleOf(Int, Text, Blob),
	Frozen(MapOf(Varint, ListOf(Double))), TupleOf(TupleOf(Inet), ListOf(Tinyint)),
	UDTOf("ks", "address", []string{"street", "number"}, []*Type{Text, Int}),
}

// genValue draws valid values of t, often near to one another and often of odd shape.
func genValue(r *rapid.T, t *Type, label string) []byte {
	if t.AllowsEmpty() && rapid.IntRange(0, 15).Draw(r, label+" empty") == 0 {
		return []byte{}
	}
	switch t.kind {
	case KindASCII:
		return []byte(rapid.StringOfN(rapid.RuneFrom([]rune("\x00\x01ab")), 0, 4, -1).Draw(r, label))
	case KindText:
		return []byte(rapid.StringOfN(rapid.RuneFrom([]rune("\x00\x01aé世\U0010FFFF")), 0, 4, -1).Draw(r, label))
	case KindBlob:
		return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 0x7F, 0xFE, 0xFF}), 0, 4).Draw(r, label)
	case KindInet:
		n := rapid.SampledFrom([]int{4, 16}).Draw(r, label+" length")
		return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0xFF}), n, n).Draw(r, label)
	case KindUUID, KindTimeUUID:
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x10, 0x40, 0x7F, 0x80, 0xFF}), uuidBytes, uuidBytes).Draw(r, label)
		if t.kind == KindTimeUUID || rapid.Bool().Draw(r, label+" timed") {
			b[6] = b[6]&0xF | 0x10
		}
		return b
	case KindVarint:
		return genVarint(r, label)
	case KindDecimal:
		scale := rapid.OneOf(rapid.Int32Range(-4, 4), rapid.Int32()).Draw(r, label+" scale")
		return append(AppendInt(nil, scale), genVarint(r, label)...)
	case KindDuration:
		sign := rapid.SampledFrom([]int64{-1, 1}).Draw(r, label+" sign")
		part := rapid.Int64Range(0, math.MaxInt32)
		return AppendDuration(nil, int32(sign*part.Draw(r, label+" months")), int32(sign*part.Draw(r, label+" days")),
			sign*rapid.Int64Range(0, math.MaxInt64).Draw(r, label+" nanos"))
	case KindFloat, KindDouble:
		return genFloat(r, t, label)
	case KindTime:
		return AppendBigint(nil, rapid.Int64Range(0, nanosPerDay-1).Draw(r, label))
	}
	if len(t.elems) > 0 {
		return genElems(r, t, label)
	}
	w := t.FixedWidth()
	return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x7F, 0x80, 0xFF}), w, w).Draw(r, label)
}

func genVarint(r *rapid.T, label string) []byte {
	v := rapid.OneOf(rapid.Int64Range(-1100, 1100), rapid.Int64()).Draw(r, label)
	n := big.NewInt(v)
	if rapid.IntRange(0, 3).Draw(r, label+" big") == 0 {
		n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(rapid.Int64Range(0, 400).Draw(r, label+" zeros")), nil))
	}
	needless := signBytes(rapid.IntRange(0, 2).Draw(r, label+" needless"), n.Sign() < 0)
	return AppendVarint(needless, n)
}

func genFloat(r *rapid.T, t *Type, label string) []byte {
	v := rapid.OneOf(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1)}), rapid.Float64()).Draw(r, label)
	nan := rapid.IntRange(0, 9).Draw(r, label+" nan")
	if t.kind == KindFloat {
		bits := map[int]uint32{0: 0x7FC00000, 1: 0xFFC00000, 2: 0xFFFFFFFF}[nan]
		if bits != 0 {
			return AppendInt(nil, int32(bits))
		}
		return AppendFloat(nil, float32(v))
	}
	bits := map[int]uint64{0: 0x7FF8000000000000, 1: 0xFFF8000000000000, 2: 0xFFF0000000000001}[nan]
	if bits != 0 {
		return AppendBigint(nil, int64(bits))
	}
	return AppendDouble(nil, v)
}

func genElems(r *rapid.T, t *Type, label string) []byte {
	n := rapid.IntRange(0, 3).Draw(r, label+" count")
	if t.kind == KindMap {
		n *= 2
	}
	if !t.IsCollection() {
		n = rapid.IntRange(1, len(t.elems)).Draw(r, label+" parts")
	}
	if t.kind == KindUDT { // shorter ones are TestShorterValuesOfUserTypes's
		n = len(t.elems)
	}
	elems := make([][]byte, n)
	for i := range elems {
		if !t.IsCollection() && rapid.IntRange(0, 5).Draw(r, label+" null") == 0 {
			continue
		}
		elems[i] = genValue(r, t.elems[i%len(t.elems)], label)
	}
	return t.AppendCollection(nil, t.InOrder(elems))
}

func genType(r *rapid.T) *Type { return rapid.SampledFrom(keyTypes).Draw(r, "type") }

func dec(unscaled int64, scale int32) *inf.Dec { return inf.NewDec(unscaled, inf.Scale(scale)) }
