package types

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestCompareIsAnOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		of := genType(r)
		a, b, c := genValue(r, of, "a"), genValue(r, of, "b"), genValue(r, of, "c")
		if of.Compare(a, a) != 0 || of.Compare(a, b) != -of.Compare(b, a) {
			r.Fatalf("%s: %x and %x", of, a, b)
		}
		if of.Compare(a, b) <= 0 && of.Compare(b, c) <= 0 && of.Compare(a, c) > 0 {
			r.Fatalf("%s: %x, %x, %x is a circle", of, a, b, c)
		}
	})
}

// Compare must not fail on bytes that no client may send but a broken file may hold.
func FuzzCompareAndText(f *testing.F) {
	f.Add(byte(0), []byte("a"), []byte("b"))
	f.Fuzz(func(t *testing.T, which byte, a, b []byte) {
		of := keyTypes[int(which)%len(keyTypes)]
		if of.Compare(a, b) != -of.Compare(b, a) {
			t.Fatalf("%s: %x and %x", of, a, b)
		}
		of.AppendText(nil, a, TextOptions{})
		if of.Validate(a) == nil && a != nil {
			got, _, err := of.DecodeSortable(of.AppendSortable(nil, a))
			if err != nil || !bytes.Equal(got, a) {
				t.Fatalf("%s: valid %x comes back as %x, %v", of, a, got, err)
			}
		}
	})
}

// The order of each list is Cassandra's.
func TestCompareOrder(t *testing.T) {
	uuid := func(s string) []byte {
		b, ok := parseUUID(s)
		if !ok {
			t.Fatal(s)
		}
		return b
	}
	tests := []struct {
		of     *Type
		values [][]byte
	}{
		{Int, [][]byte{{}, AppendInt(nil, math.MinInt32), AppendInt(nil, -1), AppendInt(nil, 0), AppendInt(nil, 1)}},
		{Double, [][]byte{{}, AppendDouble(nil, math.Inf(-1)), AppendDouble(nil, -1), AppendDouble(nil, math.Copysign(0, -1)),
			AppendDouble(nil, 0), AppendDouble(nil, 1), AppendDouble(nil, math.Inf(1)), AppendDouble(nil, math.NaN())}},
		{Date, [][]byte{AppendDate(nil, -1), AppendDate(nil, 0), AppendDate(nil, 1)}},
		{Inet, [][]byte{{}, {1, 2, 3, 4}, append([]byte{1, 2, 3, 4}, make([]byte, 12)...), {9, 0, 0, 0}}},
		{Decimal, [][]byte{AppendDecimal(nil, dec(-1, -2000000000)), AppendDecimal(nil, dec(-15, 1)), AppendDecimal(nil, dec(0, 9)),
			AppendDecimal(nil, dec(1, 2000000000)), AppendDecimal(nil, dec(99, 2)), AppendDecimal(nil, dec(1, 0)), AppendDecimal(nil, dec(101, 2))}},
		{UUID, [][]byte{
			uuid("00000000-0000-0000-0000-000000000000"),
			uuid("ffffffff-0000-1000-8000-000000000000"), // version 1: by time
			uuid("00000000-0001-1000-8000-000000000000"),
			uuid("00000000-0001-1000-ff00-000000000000"), // then by unsigned bytes
			uuid("00000000-0000-4000-8000-000000000000"), // by version first
			uuid("10000000-0000-4000-8000-000000000000"),
		}},
		{TimeUUID, [][]byte{
			uuid("ffffffff-0000-1000-8000-000000000000"),
			uuid("00000000-0001-1000-8080-000000000000"), // bytes after the time are signed
			uuid("00000000-0001-1000-8000-000000000000"),
			uuid("00000000-0001-1000-0000-000000000000"),
		}},
	}
	for _, tt := range tests {
		for i := 1; i < len(tt.values); i++ {
			if tt.of.Compare(tt.values[i-1], tt.values[i]) >= 0 {
				t.Errorf("%s: %x is not before %x", tt.of, tt.values[i-1], tt.values[i])
			}
		}
	}
}

func TestCompareEqualDecimals(t *testing.T) {
	if Decimal.Compare(AppendDecimal(nil, dec(10, 1)), AppendDecimal(nil, dec(100, 2))) != 0 {
		t.Error("1.0 and 1.00 are not equal")
	}
}
