package partition

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"pgregory.net/rapid"
)

// The tokens are what Apache Cassandra 5.0.5 answered to SELECT token(key).
func TestTokenOf(t *testing.T) {
	tests := []struct {
		key  string
		want Token
	}{
		{"52", 3846318681772828433},
		{"fdfc", 1303527732165823493},
		{"072182", -670969111987178150},
		{"654f163f", 4058830921118046706},
		{"5f0f9a621d", 7381444897475805718},
		{"729566c74d10", -2170946467601798820},
		{"037c4d7bbb0407", -6974987335264184522},
		{"d1e2c64981855ad8", -4132021706464057862},
		{"681d0d86d1e91e0016", 6384713232616732693},
		{"7939cb6694d2c422acd2", -3450078704448414189},
		{"08a0072939487f6999eb9d", 6663577945681553624},
		{"18a44784045d87f3c67cf227", -6952655352662501420},
		{"46e995af5a25367951baa2ff6c", -2083287663721054794},
		{"d471c483f15fb90badb37c5821b6", -9041622184213548924},
		{"d95526a41a9504680b4e7c8b763a1b", -4609262231938979137},
		{"1d49d4955c8486216325253fec738dd7", 7767254098675646348},
		{"a9e28bf921119c160f0702448615bbda08", 7707932395816820265},
		{"40e9a1d007f033c2823061bdd0eaa59f8e4da6430105220d0b29688b734b8e", -315335188320215529},
		{"a0f3ca9936e8461f10d77c96ea80a7a665f606f6a63b7f3dfd2567c18979e4d6", -4610849154318137878},
		{"0f26686d9bf2fb26c901ff354cde1607ee294b39f32b7c7822ba64f84ab43ca0c6", 6760709578574109289},
		{"", math.MinInt64},
	}
	for _, tt := range tests {
		key, err := hex.DecodeString(tt.key)
		if err != nil {
			t.Fatal(err)
		}
		if got := TokenOf(key); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.key, got, tt.want)
		}
	}
}

func TestDecoratedKeyOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		gen := rapid.Custom(func(r *rapid.T) DecoratedKey {
			return DecoratedKey{Token: Token(rapid.Int64Range(-1, 1).Draw(r, "token")), Key: rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(r, "key")}
		})
		a, b := gen.Draw(r, "a"), gen.Draw(r, "b")
		want := bytes.Compare(a.Key, b.Key)
		if a.Token != b.Token {
			want = 1
			if a.Token < b.Token {
				want = -1
			}
		}
		if a.Compare(b) != want || b.Compare(a) != -want || a.Equal(b) != (want == 0) {
			r.Fatalf("%s and %s: %d, want %d", a, b, a.Compare(b), want)
		}
	})
}

func TestLayoutBytes(t *testing.T) {
	two := Layout{types.Text, types.Int}
	key, err := two.Encode([][]byte{[]byte("ab"), {0, 0, 0, 7}})
	if want := "0002616200" + "00040000000700"; err != nil || hex.EncodeToString(key) != want {
		t.Errorf("%x, %v, want %s", key, err, want)
	}
	if key, err = (Layout{types.Text}).Encode([][]byte{[]byte("ab")}); err != nil || string(key) != "ab" {
		t.Errorf("%x, %v", key, err)
	}
}

func TestLayoutRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		values := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 4).Draw(r, "values")
		if len(values) == 1 && len(values[0]) == 0 {
			values[0] = []byte{1}
		}
		l := make(Layout, len(values))
		key, err := l.Encode(values)
		if err != nil {
			r.Fatal(err)
		}
		got, err := l.Decode(key)
		if err != nil || len(got) != len(values) {
			r.Fatalf("%x, %v", got, err)
		}
		for i := range got {
			if got[i] == nil || !bytes.Equal(got[i], values[i]) {
				r.Fatalf("column %d: %x came back as %x", i, values[i], got[i])
			}
		}
	})
}

func TestLayoutRefusals(t *testing.T) {
	one, two := Layout{types.Blob}, Layout{types.Blob, types.Blob}
	tests := []struct {
		name   string
		layout Layout
		values [][]byte
		want   string
	}{
		{"empty", one, [][]byte{{}}, "Key may not be empty"},
		{"null", one, [][]byte{nil}, "Invalid null value in a partition key column"},
		{"at the limit", one, [][]byte{make([]byte, KeyBytesMax)}, ""},
		{"one past it", one, [][]byte{make([]byte, KeyBytesMax+1)}, "Key length of 65536 is longer than maximum of 65535"},
		{"composite of empty values", two, [][]byte{{}, {}}, ""},
		{"composite with null", two, [][]byte{{1}, nil}, "Invalid null value in a partition key column"},
		{"composite at the limit", two, [][]byte{make([]byte, KeyBytesMax-6), {}}, ""},
		{"composite one past it", two, [][]byte{make([]byte, KeyBytesMax-6), {1}}, "Key length of 65536 is longer than maximum of 65535"},
		{"too few", two, [][]byte{{1}}, "partition key has 2 columns, not 1"},
	}
	for _, tt := range tests {
		_, err := tt.layout.Encode(tt.values)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if reason := Invalid(""); tt.want != "" && tt.name != "too few" && !errors.As(err, &reason) {
			t.Errorf("%s: %T is not Invalid", tt.name, err)
		}
	}
}

// What decodes encodes back to the same key, or is refused as a key.
func FuzzLayoutDecode(f *testing.F) {
	f.Add(byte(2), []byte{0, 1, 'a', 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, n byte, key []byte) {
		l := make(Layout, 1+n%4)
		values, err := l.Decode(key)
		if err != nil {
			return
		}
		again, err := l.Encode(values)
		if reason := Invalid(""); err != nil && !errors.As(err, &reason) || err == nil && !bytes.Equal(again, key) {
			t.Fatalf("%x decodes to %x, which encodes to %x, %v", key, values, again, err)
		}
	})
}
