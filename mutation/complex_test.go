package mutation

import (
	"encoding/binary"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawComplex draws a Complex over few paths and times, so that versions meet.
func drawComplex(t *rapid.T, name string) *Complex {
	c := &Complex{}
	if rapid.Bool().Draw(t, name+" deleted") {
		c.Deletion = Deletion{MarkedAt: rapid.Int64Range(-2, 6).Draw(t, "marked"), LocalSec: rapid.Int64Range(1, 3).Draw(t, "local")}
	}
	paths := rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 0, 5, rapid.ID[int]).Draw(t, name+" paths")
	slices.Sort(paths)
	for _, p := range paths {
		e := Element{Path: binary.BigEndian.AppendUint16(nil, uint16(p)), Timestamp: rapid.Int64Range(-2, 8).Draw(t, "ts")}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			e.ExpiresAt, e.Value = Forever, []byte(rapid.StringN(0, 2, -1).Draw(t, "value"))
		case 1:
			e.TTL, e.ExpiresAt, e.Value = rapid.Int32Range(1, 3).Draw(t, "ttl"), rapid.Int64Range(1, 5).Draw(t, "end"), []byte(rapid.StringN(0, 2, -1).Draw(t, "value"))
		default:
			e.ExpiresAt = rapid.Int64Range(1, 5).Draw(t, "local")
		}
		if !c.Deletion.Deletes(e.Timestamp) {
			c.Elements = append(c.Elements, e)
		}
	}
	return c
}

// sameComplex compares by encoding: a nil slice is an empty one.
func sameComplex(a, b *Complex) bool {
	return reflect.DeepEqual(AppendComplex(nil, a), AppendComplex(nil, b))
}

func TestComplexMergeIsASemilattice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawComplex(t, "a"), drawComplex(t, "b"), drawComplex(t, "c")
		merge := func(x, y *Complex) *Complex {
			out := &Complex{}
			out.Merge(x, y)
			return out
		}
		if !sameComplex(merge(a, b), merge(b, a)) {
			t.Fatal("not commutative")
		}
		if !sameComplex(merge(merge(a, b), c), merge(a, merge(b, c))) {
			t.Fatal("not associative")
		}
		if !sameComplex(merge(a, a), a) {
			t.Fatal("not idempotent")
		}
	})
}

func TestComplexIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawComplex(t, "a")
		encoded := AppendComplex(nil, a)
		var back Complex
		if err := back.Decode(encoded); err != nil {
			t.Fatal(err)
		}
		if !sameComplex(a, &back) {
			t.Fatalf("%v came back as %v", a, back)
		}
		for i := range encoded {
			if err := back.Decode(encoded[:i]); err == nil {
				t.Fatalf("%d of %d bytes were taken", i, len(encoded))
			}
		}
	})
}
