package clustering

import (
	"bytes"
	"cmp"
	"slices"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"pgregory.net/rapid"
)

var sliceLayout = Layout{{Type: types.Tinyint, Desc: true}, {Type: types.Text}}

// genBound draws a bound on none, one or two of the columns of sliceLayout.
func genBound(r *rapid.T, label string) (Bound, [][]byte) {
	values := genValues(r, sliceLayout, rapid.IntRange(0, 2).Draw(r, label+" columns"), label)
	prefix := mustEncode(r, sliceLayout, values)
	if rapid.Bool().Draw(r, label+" after") {
		return After(prefix), values
	}
	return Before(prefix), values
}

func genKey(r *rapid.T, label string) ([]byte, [][]byte) {
	values := genValues(r, sliceLayout, 2, label)
	return mustEncode(r, sliceLayout, values), values
}

func genSlices(r *rapid.T, label string) []Slice {
	return rapid.SliceOfN(rapid.Custom(func(r *rapid.T) Slice {
		start, _ := genBound(r, "start")
		end, _ := genBound(r, "end")
		return Slice{Start: start, End: end}
	}), 0, 4).Draw(r, label)
}

// A bound lies before or after all that starts with its prefix, as the types order it.
func TestBoundAgainstKeys(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b, prefix := genBound(r, "bound")
		key, values := genKey(r, "key")
		want := typedCompare(sliceLayout, prefix, values)
		if want == 0 {
			want = b.side()
		}
		if got := b.CompareKey(key); got != want {
			r.Fatalf("%s and %x: %d, want %d", b, values, got, want)
		}
		if got := bytes.Compare(b.AppendBytes(nil), key); got != want && !(got == 0 && b.Side == SideBefore) {
			r.Fatalf("%s and %x as bytes: %d, want %d", b, key, got, want)
		}
	})
}

// Bounds are ordered as the keys between them say, and as their bytes.
func TestBoundOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, _ := genBound(r, "a")
		b, _ := genBound(r, "b")
		c := a.Compare(b)
		if c != -b.Compare(a) || c != bytes.Compare(a.AppendBytes(nil), b.AppendBytes(nil)) {
			r.Fatalf("%s and %s: %d", a, b, c)
		}
		key, _ := genKey(r, "key")
		if c <= 0 && cmp.Compare(a.CompareKey(key), 0) > b.CompareKey(key) {
			r.Fatalf("%x is before %s but after %s, which is not later", key, a, b)
		}
	})
}

func TestBoundRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b, _ := genBound(r, "bound")
		got, rest, err := DecodeBound(append(AppendBound(nil, b), 7))
		if err != nil || got.Compare(b) != 0 || got.Side != b.Side || len(rest) != 1 {
			r.Fatalf("%s came back as %s, rest %x, %v", b, got, rest, err)
		}
	})
}

func FuzzDecodeBound(f *testing.F) {
	f.Add(AppendBound(nil, After([]byte{2, 1})))
	f.Fuzz(func(t *testing.T, src []byte) {
		if b, rest, err := DecodeBound(src); err == nil {
			if again, _, err := DecodeBound(AppendBound(nil, b)); err != nil || again.Compare(b) != 0 || len(rest) > len(src) {
				t.Fatalf("%x: %s, then %s, %v", src, b, again, err)
			}
		}
	})
}

// MakeSlices keeps every row and leaves slices that are sorted and apart.
func TestMakeSlices(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		in := genSlices(r, "slices")
		out := MakeSlices(in)
		for i, s := range out {
			if s.IsEmpty() || i > 0 && out[i-1].End.Compare(s.Start) >= 0 {
				r.Fatalf("%v became %s", in, out)
			}
		}
		key, _ := genKey(r, "key")
		want := slices.ContainsFunc(in, func(s Slice) bool { return s.Contains(key) })
		if out.Contains(key) != want {
			r.Fatalf("%x in %v: %t, in %s: %t", key, in, want, out, !want)
		}
	})
}

func TestSlicesIntersect(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b := MakeSlices(genSlices(r, "a")), MakeSlices(genSlices(r, "b"))
		both := a.Intersect(b)
		if MakeSlices(both).String() != both.String() {
			r.Fatalf("%s is not in form", both)
		}
		key, _ := genKey(r, "key")
		if both.Contains(key) != (a.Contains(key) && b.Contains(key)) {
			r.Fatalf("%x: %s and %s gave %s", key, a, b, both)
		}
		if len(b) > 0 && a.Overlaps(b[0]) != (len(a.Intersect(b[:1])) > 0) {
			r.Fatalf("overlap of %s and %s", a, b[0])
		}
	})
}

func TestSlicesSeek(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ss := MakeSlices(genSlices(r, "slices"))
		key, _ := genKey(r, "key")
		forward := slices.IndexFunc(ss, func(s Slice) bool { return s.End.CompareKey(key) > 0 })
		if forward < 0 {
			forward = len(ss)
		}
		backward := -1
		for i, s := range ss {
			if s.Start.CompareKey(key) < 0 {
				backward = i
			}
		}
		if ss.Seek(key) != forward || ss.SeekReverse(key) != backward {
			r.Fatalf("%x in %s: %d and %d, want %d and %d", key, ss, ss.Seek(key), ss.SeekReverse(key), forward, backward)
		}
	})
}

// From and its reverse share the slices out: each row is on one side of the point.
func TestSlicesFrom(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ss := MakeSlices(genSlices(r, "slices"))
		at, _ := genBound(r, "at")
		key, _ := genKey(r, "key")
		later, earlier := ss.From(at, false).Contains(key), ss.From(at, true).Contains(key)
		if later != (ss.Contains(key) && at.CompareKey(key) < 0) || earlier != (ss.Contains(key) && at.CompareKey(key) > 0) {
			r.Fatalf("%x of %s at %s: later %t, earlier %t", key, ss, at, later, earlier)
		}
	})
}

func TestSliceRow(t *testing.T) {
	prefix := []byte{2, 0x80}
	if got, ok := RowSlice(prefix).Row(); !ok || !bytes.Equal(got, prefix) {
		t.Errorf("%x, %t", got, ok)
	}
	for _, s := range []Slice{{Start: After(prefix), End: After(prefix)}, {Start: Before(nil), End: After(prefix)}} {
		if _, ok := s.Row(); ok {
			t.Errorf("%s is one row", s)
		}
	}
}

func TestZeroValues(t *testing.T) {
	var b Bound
	if b.Compare(Before(nil)) != 0 || !(Slice{}).IsEmpty() || !Slices(nil).Span().IsEmpty() {
		t.Error("zero values are not before everything, or not empty")
	}
	if !All().IsAll() || !All().Contains(nil) || Slices(nil).Contains(nil) {
		t.Error("All must hold the row of a table without clustering")
	}
	if got := (Slices{RowSlice([]byte{2}), {Start: After([]byte{3}), End: After(nil)}}).String(); got != "[<0x02 >0x02] [>0x03 >0x]" {
		t.Error(got)
	}
}
