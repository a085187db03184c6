package types

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Values have one form exactly if they are equal, and it is one of them.
func TestEqualValuesHaveOneForm(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		of := genType(r)
		a, b := genValue(r, of, "a"), genValue(r, of, "b")
		x, y := of.OneForm(a), of.OneForm(b)
		if of.Compare(a, x) != 0 || !bytes.Equal(of.OneForm(x), x) {
			r.Fatalf("%s: %x has the form %x", of, a, x)
		}
		if err := of.Validate(x); err != nil && of.Validate(a) == nil {
			r.Fatalf("%s: the form %x of %x: %v", of, x, a, err)
		}
		if equal := of.Compare(a, b) == 0; equal != bytes.Equal(x, y) {
			r.Fatalf("%s: %x and %x, equal: %v, have the forms %x and %x", of, a, b, equal, x, y)
		}
		if !of.HasForms() && of.Compare(a, b) == 0 && !bytes.Equal(a, b) {
			r.Fatalf("%s has forms: %x and %x", of, a, b)
		}
	})
}

func TestForms(t *testing.T) {
	tuple := TupleOf(Decimal, Int)
	for _, c := range []struct {
		of   *Type
		a, b []byte
	}{
		{Decimal, []byte{0, 0, 0, 1, 10}, []byte{0, 0, 0, 2, 100}},
		{Decimal, []byte{0, 0, 0, 5, 0}, []byte{0, 0, 0, 0, 0}},
		{Decimal, []byte{0, 0, 0, 1, 0xF6}, []byte{0, 0, 0, 0, 0xFF}},
		{Decimal, []byte{0x80, 0, 0, 0, 10}, []byte{0x80, 0, 0, 0, 0, 10}}, // the least scale
		{Varint, []byte{0, 0, 1}, []byte{1}},
		{Varint, []byte{0xFF, 0xFE}, []byte{0xFE}},
		{Boolean, []byte{1}, []byte{7}},
		{Double, []byte{0x7F, 0xF8, 0, 0, 0, 0, 0, 0}, []byte{0xFF, 0xF8, 0, 0, 0, 0, 0, 1}},
		{Float, []byte{0x7F, 0xC0, 0, 0}, []byte{0xFF, 0xC0, 0, 1}},
		{tuple, AppendElem(AppendElem(nil, []byte{0, 0, 0, 1, 10}), nil), AppendElem(nil, []byte{0, 0, 0, 0, 1})},
	} {
		if c.of.Compare(c.a, c.b) != 0 || !bytes.Equal(c.of.OneForm(c.a), c.of.OneForm(c.b)) {
			t.Errorf("%s: %x has the form %x, %x has %x", c.of, c.a, c.of.OneForm(c.a), c.b, c.of.OneForm(c.b))
		}
	}
}
