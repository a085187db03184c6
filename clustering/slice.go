package clustering

import (
	"slices"
	"sort"
	"strings"
)

// Slice is the rows between two points, in clustering order. It is empty unless Start lies before End.
type Slice struct{ Start, End Bound }

// IsEmpty reports whether no row can be in the slice.
func (s Slice) IsEmpty() bool { return s.Start.Compare(s.End) >= 0 }

// Contains reports whether the row with that clustering is in the slice.
func (s Slice) Contains(key []byte) bool {
	return s.Start.CompareKey(key) < 0 && s.End.CompareKey(key) > 0
}

// Intersect is what is in both slices; it may be empty.
func (s Slice) Intersect(o Slice) Slice {
	if o.Start.Compare(s.Start) > 0 {
		s.Start = o.Start
	}
	if o.End.Compare(s.End) < 0 {
		s.End = o.End
	}
	return s
}

// Hull is the smallest slice that holds both, and what lies between them.
func (s Slice) Hull(o Slice) Slice {
	if o.Start.Compare(s.Start) < 0 {
		s.Start = o.Start
	}
	if o.End.Compare(s.End) > 0 {
		s.End = o.End
	}
	return s
}

// Row returns the prefix if the slice is exactly what starts with it: one row where the prefix is a full clustering.
func (s Slice) Row() (prefix []byte, ok bool) {
	if s.Start.Side == SideAfter || s.End.Side != SideAfter || string(s.Start.Prefix) != string(s.End.Prefix) {
		return nil, false
	}
	return s.Start.Prefix, true
}

// String is the slice with its prefixes in hex: `[<0x02aa >0x02bb]`.
func (s Slice) String() string { return "[" + s.Start.String() + " " + s.End.String() + "]" }

// Whole is the slice of every row.
func Whole() Slice { return Slice{Start: Before(nil), End: After(nil)} }

// RowSlice is the slice of what starts with prefix: one row if it is a full clustering.
func RowSlice(prefix []byte) Slice { return Slice{Start: Before(prefix), End: After(prefix)} }

// Slices are slices in ascending order of which none is empty and none touches the next. Make them with MakeSlices.
// Nil is no rows at all.
type Slices []Slice

// All is every row of a partition.
func All() Slices { return Slices{Whole()} }

// MakeSlices brings slices of any order into form: empty ones go, those that overlap or touch become one.
func MakeSlices(in []Slice) Slices {
	out := make(Slices, 0, len(in))
	for _, s := range in {
		if !s.IsEmpty() {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Slice) int { return a.Start.Compare(b.Start) })
	n := 0
	for _, s := range out {
		if n > 0 && s.Start.Compare(out[n-1].End) <= 0 {
			if s.End.Compare(out[n-1].End) > 0 {
				out[n-1].End = s.End
			}
			continue
		}
		out[n] = s
		n++
	}
	return out[:n:n]
}

// IsAll reports whether every row is in them.
func (ss Slices) IsAll() bool {
	return len(ss) == 1 && ss[0].Start.Compare(Before(nil)) == 0 && ss[0].End.Compare(After(nil)) == 0
}

// Contains reports whether the row with that clustering is in one of them.
func (ss Slices) Contains(key []byte) bool {
	i := ss.Seek(key)
	return i < len(ss) && ss[i].Start.CompareKey(key) < 0
}

// Seek returns the index of the first slice that ends after the row with that clustering; len(ss) if none does.
func (ss Slices) Seek(key []byte) int {
	return sort.Search(len(ss), func(i int) bool { return ss[i].End.CompareKey(key) > 0 })
}

// SeekReverse returns the index of the last slice that starts before the row with that clustering; −1 if none does.
func (ss Slices) SeekReverse(key []byte) int {
	return sort.Search(len(ss), func(i int) bool { return ss[i].Start.CompareKey(key) > 0 }) - 1
}

// Overlaps reports whether a slice has rows in common with them.
func (ss Slices) Overlaps(s Slice) bool {
	if s.IsEmpty() {
		return false
	}
	i := sort.Search(len(ss), func(i int) bool { return ss[i].End.Compare(s.Start) > 0 })
	return i < len(ss) && ss[i].Start.Compare(s.End) < 0
}

// Intersect is what is in both.
func (ss Slices) Intersect(o Slices) Slices {
	var out Slices
	for i, j := 0, 0; i < len(ss) && j < len(o); {
		if both := ss[i].Intersect(o[j]); !both.IsEmpty() {
			out = append(out, both)
		}
		if ss[i].End.Compare(o[j].End) < 0 {
			i++
		} else {
			j++
		}
	}
	return out
}

// Span is the one slice from the first point to the last; empty for no slices.
func (ss Slices) Span() Slice {
	if len(ss) == 0 {
		return Slice{}
	}
	return Slice{Start: ss[0].Start, End: ss[len(ss)-1].End}
}

// From are the parts of the slices that lie after the point, or before it if reverse: what is left of a read
// that has come so far.
func (ss Slices) From(b Bound, reverse bool) Slices {
	if reverse {
		return ss.Intersect(Slices{{Start: Before(nil), End: b}})
	}
	return ss.Intersect(Slices{{Start: b, End: After(nil)}})
}

// String is the slices one after the other: `[<0x02aa >0x02aa] [<0x02bb >0x]`; of none `[]`.
func (ss Slices) String() string {
	if len(ss) == 0 {
		return "[]"
	}
	parts := make([]string, len(ss))
	for i, s := range ss {
		parts[i] = s.String()
	}
	return strings.Join(parts, " ")
}
