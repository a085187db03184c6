package types

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func inverted(b []byte) []byte {
	out := bytes.Clone(b)
	invertFrom(out, 0)
	return out
}

// Byte order is typed order; where values are equal but not the same, their order is fixed and their bytes differ.
func TestSortableOrderIsCompare(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		of := genType(r)
		a, b := genValue(r, of, "a"), genValue(r, of, "b")
		x, y := of.AppendSortable(nil, a), of.AppendSortable(nil, b)
		want, got := of.Compare(a, b), bytes.Compare(x, y)
		if want != 0 && got != want && !tied(of, a, b) {
			r.Fatalf("%s: compare(%x, %x) = %d, bytes %x and %x compare %d", of, a, b, want, x, y, got)
		}
		if bytes.Equal(a, b) != (got == 0) {
			r.Fatalf("%s: %x and %x have bytes %x and %x", of, a, b, x, y)
		}
		if bytes.Compare(inverted(x), inverted(y)) != -got {
			r.Fatalf("%s: %x and %x do not invert", of, x, y)
		}
	})
}

// tied reports whether the first difference of two collections or tuples is between elements that compare equal.
func tied(of *Type, a, b []byte) bool {
	x, errX := of.SplitCollection(a)
	y, errY := of.SplitCollection(b)
	if len(of.elems) == 0 || errX != nil || errY != nil {
		return false
	}
	for i := range min(len(x), len(y)) {
		if e := of.elems[i%len(of.elems)]; x[i] != nil && y[i] != nil && !bytes.Equal(x[i], y[i]) {
			return e.Compare(x[i], y[i]) == 0 || tied(e, x[i], y[i])
		}
	}
	return false
}

// No encoding is the beginning of another of its type, and none begins with 0x00 or 0xFF even when inverted.
func TestSortableIsPrefixFree(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		of := genType(r)
		a, b := genValue(r, of, "a"), genValue(r, of, "b")
		x, y := of.AppendSortable(nil, a), of.AppendSortable(nil, b)
		if !bytes.Equal(a, b) && (bytes.HasPrefix(x, y) || bytes.HasPrefix(y, x)) {
			r.Fatalf("%s: %x and %x: one of %x, %x begins the other", of, a, b, x, y)
		}
		if x[0] == 0 || x[0] >= 0x80 {
			r.Fatalf("%s: %x begins with %x", of, a, x[0])
		}
	})
}

func TestSortableRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		of := genType(r)
		a := genValue(r, of, "a")
		tail := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(r, "tail")
		got, rest, err := of.DecodeSortable(append(of.AppendSortable(nil, a), tail...))
		if err != nil || !bytes.Equal(got, a) || got == nil || !bytes.Equal(rest, tail) {
			r.Fatalf("%s: %x came back as %x, rest %x, %v", of, a, got, rest, err)
		}
		got, _, err = of.AppendFromSortable([]byte("before"), of.AppendSortable(nil, a))
		if err != nil || string(got) != "before"+string(a) {
			r.Fatalf("%s: %x was appended as %x, %v", of, a, got, err)
		}
		got, rest, err = of.AppendFromInverted([]byte("before"), append(inverted(of.AppendSortable(nil, a)), tail...))
		if err != nil || string(got) != "before"+string(a) || !bytes.Equal(rest, tail) {
			r.Fatalf("%s: %x inverted was appended as %x, rest %x, %v", of, a, got, rest, err)
		}
	})
}

func TestSortableBytes(t *testing.T) {
	tests := []struct {
		of          *Type
		value, want string
	}{
		{Int, "00000001", "0280000001"},
		{Int, "ffffffff", "027fffffff"},
		{Int, "", "01"},
		{Text, "6100", "026100ff0001"},
		{Double, "fff8000000000000", "030007ffffffffffff"},
		{Varint, "80", "027e8080"},
		{Varint, "0080", "02820080" + "80"},
		{Decimal, "000000010a", "0203" + "8000000000000001" + "0b00" + "80000001" + "81"},
		{TimeUUID, "50554d6e29bb11e5b345feff819cdc9f", "0211e529bb50554d6e33c57e7f011c5c1f"},
		{Frozen(ListOf(Int)), "0000000100000004" + "00000005", "02" + "0280000005" + "00"},
	}
	for _, tt := range tests {
		value, _ := hex.DecodeString(tt.value)
		if got := hex.EncodeToString(tt.of.AppendSortable(nil, value)); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.of, tt.value, got, tt.want)
		}
	}
}

// A few bytes must not claim many digits.
func TestSortableDecimalClaims(t *testing.T) {
	src, _ := hex.DecodeString("0203" + "8000000000000001" + "0b00" + "ffffffff" + "81")
	if _, _, err := Decimal.DecodeSortable(src); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("1 with two billion decimals: %v", err)
	}
	digits := append([]byte{0, 0, 0, 0, 0x7F}, bytes.Repeat([]byte{0xFF}, 65530)...)
	got, _, err := Decimal.DecodeSortable(Decimal.AppendSortable(nil, digits))
	if err != nil || !bytes.Equal(got, digits) {
		t.Fatalf("the longest decimal of a key: %v", err)
	}
}

// What decodes encodes back to the same bytes: there is one encoding a value.
func FuzzDecodeSortable(f *testing.F) {
	for i, of := range keyTypes {
		f.Add(byte(i), of.AppendSortable(nil, []byte{0, 0, 0, 1, 0, 0, 0, 1, 5}))
	}
	f.Add(byte(5), Decimal.AppendSortable(nil, []byte{0, 0, 0, 1, 10}))
	f.Fuzz(func(t *testing.T, which byte, src []byte) {
		of := keyTypes[int(which)%len(keyTypes)]
		value, rest, err := of.DecodeSortable(src)
		if err != nil {
			return
		}
		again := of.AppendSortable(nil, value)
		if back, _, err := of.AppendFromInverted(nil, inverted(src)); err != nil || !bytes.Equal(back, value) {
			t.Fatalf("%s: %x decodes to %x, inverted to %x, %v", of, src, value, back, err)
		}
		if !bytes.Equal(append(again, rest...), src) {
			t.Fatalf("%s: %x decodes to %x, which encodes to %x", of, src, value, again)
		}
	})
}

func TestSortableTimeMillis(t *testing.T) {
	const at = 1423072260123 // 2015-02-04T17:51:00.123Z
	tests := []struct {
		of    *Type
		value []byte
		want  int64
		ok    bool
		unit  int64
	}{
		{Bigint, AppendBigint(nil, at), at * 1000, true, 1e9},
		{Bigint, AppendBigint(nil, -at), -at * 1000, true, 1e9},
		{Bigint, AppendBigint(nil, at), at, true, 1e6},
		{Bigint, AppendBigint(nil, -1), -1, true, 1e3},
		{Bigint, AppendBigint(nil, 1_999_999), 1, true, 1},
		{Bigint, AppendBigint(nil, math.MaxInt64), math.MaxInt64, true, 1e9},
		{Bigint, AppendBigint(nil, math.MinInt64), math.MinInt64, true, 1e9},
		{Int, AppendInt(nil, -5), -5000, true, 1e9},
		{Int, AppendInt(nil, 5), 5, false, 0},
		{Timestamp, AppendTimestampMillis(nil, at), at, true, 1e9}, // has its own unit
		{Timestamp, AppendTimestampMillis(nil, at), at, true, 0},
		{Timestamp, AppendTimestampMillis(nil, -1), -1, true, 0},
		{Bigint, AppendBigint(nil, at), at, true, 0},
		{Date, AppendDate(nil, -1), -24 * 60 * 60 * 1000, true, 0},
		{TimeUUID, MaxTimeUUID(at), at, true, 0},
		{TimeUUID, MinTimeUUID(-1), -1, true, 0},
		{Timestamp, []byte{}, 0, false, 0},
		{Text, []byte("2015-02-04"), 0, false, 0},
		{Double, AppendDouble(nil, 1), 0, false, 0},
	}
	for _, tt := range tests {
		if got, ok := SortableTimeMillis(tt.of, tt.of.AppendSortable(nil, tt.value), tt.unit); got != tt.want || ok != tt.ok {
			t.Errorf("%s %x: %d, %t, want %d, %t", tt.of, tt.value, got, ok, tt.want, tt.ok)
		}
	}
}
