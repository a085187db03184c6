package mutation

import (
	"encoding/binary"
	"math"
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

// What goes back to the pool refers to nothing, also where less is in use than was before.
func TestForgottenComplexesReferToNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Complex
		for range 3 {
			encoded := AppendComplex(nil, drawComplex(t, "c"))
			if err := c.Decode(encoded[:len(encoded)-rapid.IntRange(0, 1).Draw(t, "cut")]); err == nil {
				c.Delete(Deletion{MarkedAt: rapid.Int64Range(-2, 8).Draw(t, "deleted"), LocalSec: 1})
			}
			if rapid.Bool().Draw(t, "forget") {
				c.Forget()
			}
		}
		c.Forget()
		for _, e := range c.Elements[:cap(c.Elements)] {
			if e.Path != nil || e.Value != nil {
				t.Fatalf("%v is still there", e)
			}
		}
	})
}

// FuzzComplexDecode: whatever the bytes are, they are refused or mean one thing.
func FuzzComplexDecode(f *testing.F) {
	for seed := range 20 {
		c := rapid.Custom(func(t *rapid.T) *Complex { return drawComplex(t, "seed") }).Example(seed)
		f.Add(AppendComplex(nil, c))
	}
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{0, 1, 0, 0, 0, 0, cellComplex, 0})
	f.Fuzz(func(t *testing.T, src []byte) {
		var c, back Complex
		if c.Decode(src) != nil {
			return
		}
		if len(c.Elements) > len(src)/3 {
			t.Fatalf("%d elements of %d bytes", len(c.Elements), len(src))
		}
		if err := back.Decode(AppendComplex(nil, &c)); err != nil || !sameComplex(&c, &back) {
			t.Fatalf("%v came back as %v, %v", c, back, err)
		}
		cell, err := ComplexCell(1, src)
		if want := c.Cell(1, nil); err != nil || cell.Timestamp != want.Timestamp || cell.ExpiresAt != want.ExpiresAt {
			t.Fatalf("%v as a cell is %v, %v", c, cell, err)
		}
	})
}

// Bytes that do not decode win, in either order: whoever reads them says so.
func TestBrokenMultiCellValuesStay(t *testing.T) {
	good := (&Complex{Deletion: Deletion{MarkedAt: 9, LocalSec: 1}}).Cell(1, nil)
	bad := Cell{Column: 1, Complex: true, Timestamp: 3, Value: []byte{0xff}}
	worse := Cell{Column: 1, Complex: true, Timestamp: 3, Value: []byte{0xff, 1}}
	for _, c := range []struct{ a, b, want Cell }{{good, bad, bad}, {bad, good, bad}, {bad, worse, worse}, {worse, bad, worse}} {
		if got := mergeComplex(&c.a, &c.b); cellString(got) != cellString(c.want) {
			t.Errorf("%s and %s merge to %s", cellString(c.a), cellString(c.b), cellString(got))
		}
	}
	if left, any := bad.without(Deletion{MarkedAt: 2, LocalSec: 1}); !any || cellString(left) != cellString(bad) {
		t.Errorf("an older deletion leaves %v", left)
	}
	if reach := bad.Reach(); reach.MinTimestamp != math.MinInt64 {
		t.Errorf("what is not known reaches back to %d", reach.MinTimestamp)
	}
}
