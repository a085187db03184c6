package types

import (
	"bytes"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestEncodeInt64(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		v := rapid.OneOf(rapid.Int64Range(-300, 300), rapid.Int64()).Draw(r, "v")
		of := rapid.SampledFrom([]*Type{Tinyint, Smallint, Int, Bigint, Counter, Timestamp, Time, Varint}).Draw(r, "type")
		b, ok := EncodeInt64(of, v)
		limit := new(big.Int).Lsh(big.NewInt(1), uint(max(of.FixedWidth(), 1)*8-1))
		fits := of == Varint || big.NewInt(v).Cmp(limit) < 0 && big.NewInt(v).Cmp(limit.Neg(limit)) >= 0
		if of == Time {
			fits = v >= 0 && v < nanosPerDay
		}
		if ok != fits || ok && (DecodeInt64(b) != v || of.Validate(b) != nil) {
			r.Fatalf("%s %d: %x, %t", of, v, b, ok)
		}
	})
	if _, ok := EncodeInt64(Text, 1); ok {
		t.Error("text took an integer")
	}
	if b, ok := EncodeInt64(Date, -1); !ok || DecodeDate(b) != -1 || DecodeDate(nil) != 0 {
		t.Errorf("the day before 1970: %x", b)
	}
}

func TestNumbersRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d, f, v := rapid.Float64().Draw(r, "double"), rapid.Float32().Draw(r, "float"), big.NewInt(rapid.Int64().Draw(r, "varint"))
		v.Mul(v, v).Mul(v, big.NewInt(rapid.Int64Range(-2, 2).Draw(r, "factor")))
		scale := rapid.Int32().Draw(r, "scale")
		number := AppendDecimal(nil, dec(0, scale).SetUnscaledBig(v))
		if DecodeFloat64(AppendDouble(nil, d)) != d || DecodeFloat64(AppendFloat(nil, f)) != float64(f) ||
			DecodeVarint(AppendVarint(nil, v)).Cmp(v) != 0 || needless(AppendVarint(nil, v)) != 0 {
			r.Fatalf("%v, %v or %s did not come back", d, f, v)
		}
		if got := DecodeDecimal(number); got.UnscaledBig().Cmp(v) != 0 || int32(got.Scale()) != scale {
			r.Fatalf("%s of scale %d is %s", v, scale, got)
		}
	})
}

func TestDurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		v := genValue(r, Duration, "v")
		m, d, n, err := DecodeDuration(v)
		if err != nil || !bytes.Equal(AppendDuration(nil, m, d, n), v) {
			r.Fatalf("%x: %d %d %d, %v", v, m, d, n, err)
		}
		for cut := range v {
			if _, _, _, err := DecodeDuration(v[:cut]); err == nil {
				r.Fatalf("%x cut to %d bytes is a duration", v, cut)
			}
		}
	})
	if got := AppendDuration(nil, math.MinInt32, 0, math.MinInt64); Duration.Validate(got) != nil {
		t.Errorf("the least duration: %v", Duration.Validate(got))
	}
}

// All timeuuids of a millisecond lie between its least and its greatest, and say the millisecond.
func TestTimeUUIDs(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ms := rapid.Int64Range(gregorianMillis, 1<<46).Draw(r, "ms")
		id := AppendTimeUUID(nil, ms, uint16(rapid.IntRange(0, 9999).Draw(r, "ticks")), rapid.Uint64().Draw(r, "node"))
		if got, ok := TimeUUIDMillis(id); !ok || got != ms || TimeUUID.Validate(id) != nil {
			r.Fatalf("%x: %d, %t, want %d", id, got, ok, ms)
		}
		if TimeUUID.Compare(MinTimeUUID(ms), id) > 0 || TimeUUID.Compare(id, MaxTimeUUID(ms)) > 0 || TimeUUID.Compare(MaxTimeUUID(ms), MinTimeUUID(ms+1)) >= 0 {
			r.Fatalf("%x is not between the bounds of %d", id, ms)
		}
	})
	if _, ok := TimeUUIDMillis(make([]byte, 16)); ok {
		t.Error("a UUID of version 0 has a time")
	}
}

func TestSplitCollection(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		of := rapid.SampledFrom(keyTypes[19:]).Draw(r, "type")
		v := genElems(r, of, "v")
		elems, err := of.SplitCollection(v)
		if err != nil || !bytes.Equal(of.AppendCollection(nil, elems), v) {
			r.Fatalf("%s %x: %x, %v", of, v, elems, err)
		}
		if _, err := of.SplitCollection(append(v, 0)); err == nil {
			r.Fatalf("%s: %x with a byte more is split", of, v)
		}
	})
}
