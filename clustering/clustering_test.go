package clustering

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"pgregory.net/rapid"
)

var columnTypes = []*types.Type{types.Int, types.Timestamp, types.Text, types.Blob, types.Double, types.TimeUUID, types.Boolean, types.Inet}

func genLayout(r *rapid.T, low int) Layout {
	return rapid.SliceOfN(rapid.Custom(func(r *rapid.T) Column {
		return Column{Type: rapid.SampledFrom(columnTypes).Draw(r, "type"), Desc: rapid.Bool().Draw(r, "desc")}
	}), low, 3).Draw(r, "layout")
}

// genValues draws values of the first n columns from few, so that prefixes are often shared.
func genValues(r *rapid.T, l Layout, n int, label string) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		few := [][]byte{{}, {0}, {0, 0xFF}, {1}, {0xFF}, []byte("a"), []byte("ab")}
		switch w := l[i].Type.FixedWidth(); {
		case l[i].Type.Kind() == types.KindDouble:
			few = [][]byte{types.AppendDouble(nil, -1), types.AppendDouble(nil, 0), types.AppendBigint(nil, -1), {}}
		case l[i].Type.Kind() == types.KindTimeUUID:
			few = [][]byte{types.MinTimeUUID(5), types.MaxTimeUUID(5), {}}
		case l[i].Type.Kind() == types.KindInet:
			few = [][]byte{{1, 2, 3, 4}, make([]byte, 16), {}}
		case l[i].Type.Kind() == types.KindText:
			few = [][]byte{{}, []byte("\x00"), []byte("a"), []byte("a\x00"), []byte("ab")}
		case l[i].Type.Kind() == types.KindBoolean:
			few = [][]byte{{}, {0}, {1}} // others equal 1 as booleans but not as keys
		case w > 0:
			few = [][]byte{{}, make([]byte, w), bytes.Repeat([]byte{0xFF}, w), append(make([]byte, w-1), 1)}
		}
		out[i] = rapid.SampledFrom(few).Draw(r, label)
	}
	return out
}

func mustEncode(r *rapid.T, l Layout, values [][]byte) []byte {
	enc, err := l.Encode(values)
	if err != nil {
		r.Fatalf("%v", err)
	}
	return enc
}

// typedCompare orders clusterings column by column by their types, DESC reversed.
func typedCompare(l Layout, a, b [][]byte) int {
	for i := range min(len(a), len(b)) {
		c := l[i].Type.Compare(a[i], b[i])
		if l[i].Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func TestEncodedOrderIsTypedOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := genLayout(r, 1)
		a, b := genValues(r, l, len(l), "a"), genValues(r, l, len(l), "b")
		x, y := mustEncode(r, l, a), mustEncode(r, l, b)
		if got, want := bytes.Compare(x, y), typedCompare(l, a, b); got != want {
			r.Fatalf("%x and %x: bytes %d, types %d", a, b, got, want)
		}
		if !bytes.Equal(x, y) && (bytes.HasPrefix(x, y) || bytes.HasPrefix(y, x)) {
			r.Fatalf("%x begins %x, or the other way", x, y)
		}
	})
}

func TestEncodeRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := genLayout(r, 0)
		values := genValues(r, l, rapid.IntRange(0, len(l)).Draw(r, "columns"), "v")
		got, err := l.Decode(mustEncode(r, l, values))
		if err != nil || len(got) != len(values) {
			r.Fatalf("%x came back as %x, %v", values, got, err)
		}
		for i := range got {
			if got[i] == nil || !bytes.Equal(got[i], values[i]) {
				r.Fatalf("column %d: %x came back as %x", i, values[i], got[i])
			}
		}
	})
}

func TestEncodeRefusals(t *testing.T) {
	l := Layout{{Type: types.Text}, {Type: types.Text, Desc: true}}
	half := bytes.Repeat([]byte("a"), KeyBytesMax/2)
	tests := []struct {
		name   string
		values [][]byte
		want   string
	}{
		{"no column", nil, ""},
		{"empty values", [][]byte{{}, {}}, ""},
		{"at the limit", [][]byte{half, append(half, 'a')}, ""},
		{"one past it", [][]byte{half, append(half, 'a', 'a')}, "Key length of 65536 is longer than maximum of 65535"},
		{"null", [][]byte{half, nil}, "Invalid null value in a clustering column"},
		{"too many", [][]byte{{}, {}, {}}, "clustering has 2 columns, not 3"},
	}
	for _, tt := range tests {
		enc, err := l.Encode(tt.values)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if err == nil && enc == nil {
			t.Errorf("%s: nil instead of no bytes", tt.name)
		}
	}
}

func TestDecodeRefusesMoreColumns(t *testing.T) {
	two, err := Layout{{Type: types.Int}, {Type: types.Int}}.Encode([][]byte{{}, {}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Layout{{Type: types.Int}}).Decode(two); !errors.Is(err, types.ErrCorrupt) {
		t.Errorf("two columns read as one: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	l := Layout{{Type: types.Timestamp, Desc: true}, {Type: types.Text}, {Type: types.Blob, Desc: true}, {Type: types.Decimal, Desc: true}}
	enc, err := l.Encode([][]byte{make([]byte, 8), []byte("a\x00"), {0, 1}, {0, 0, 0, 1, 5}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(enc)
	f.Fuzz(func(t *testing.T, src []byte) {
		l.Text(src)
		values, err := l.Decode(src)
		if err != nil {
			return
		}
		again, err := l.Encode(values)
		if err == nil && !bytes.Equal(again, src) {
			t.Fatalf("%x decodes to %x, which encodes to %x", src, values, again)
		}
	})
}

func TestText(t *testing.T) {
	l := Layout{{Type: types.Timestamp, Desc: true}, {Type: types.Text}}
	enc, err := l.Encode([][]byte{types.AppendTimestampMillis(nil, 0), []byte("it's")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := l.Text(enc), "('1970-01-01T00:00:00.000Z', 'it''s')"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := l.Text([]byte{0xFF}); !strings.HasPrefix(got, "0x") {
		t.Errorf("broken bytes: %s", got)
	}
}

func TestFirstTimeMillis(t *testing.T) {
	const at = int64(-1423072260123)
	for _, of := range []*types.Type{types.Timestamp, types.Bigint, types.TimeUUID} {
		value := types.AppendBigint(nil, at)
		if of == types.TimeUUID {
			value = types.MinTimeUUID(at)
		}
		for _, desc := range []bool{false, true} {
			l := Layout{{Type: of, Desc: desc}, {Type: types.Text}}
			enc, err := l.Encode([][]byte{value, []byte("tail")})
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := l.FirstTimeMillis(enc, 0); got != at || !ok {
				t.Errorf("%s desc %t: %d, %t", of, desc, got, ok)
			}
		}
	}
	if _, ok := (Layout{{Type: types.Timestamp}}).FirstTimeMillis(nil, 0); ok {
		t.Error("a time without bytes")
	}
	if _, ok := (Layout{}).FirstTimeMillis(nil, 0); ok {
		t.Error("a time without columns")
	}
}

// Reading a clustering of ordinary columns into a buffer costs no memory, in either direction.
func TestAppendDecodedDoesNotAllocate(t *testing.T) {
	for _, c := range []Column{{Type: types.Timestamp}, {Type: types.Timestamp, Desc: true}, {Type: types.UUID, Desc: true}, {Type: types.Text}} {
		enc := c.Append(nil, bytes.Repeat([]byte{'a'}, max(c.Type.FixedWidth(), 4)))
		buf := make([]byte, 0, 64)
		if n := testing.AllocsPerRun(100, func() {
			if _, _, err := c.AppendDecoded(buf, enc); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s desc %t: %v allocations", c.Type, c.Desc, n)
		}
	}
}
