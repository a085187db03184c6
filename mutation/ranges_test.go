package mutation

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
)

func sliceOf(from, to int) clustering.Slice {
	return clustering.Slice{Start: clustering.Before(keyOf(from)), End: clustering.Before(keyOf(to))}
}

func TestRangesAreThePointwiseMaximum(t *testing.T) { // R16
	rapid.Check(t, func(t *rapid.T) {
		raw, whole := genRanges(t), genDeletion(t, "partition")
		flat := FlattenRanges(raw, whole)
		for i, r := range flat {
			if r.Slice.Start.Compare(r.Slice.End) >= 0 || i > 0 && flat[i-1].Slice.End.Compare(r.Slice.Start) > 0 {
				t.Fatalf("range %d is empty or overlaps: %v", i, flat)
			}
			if !r.Deletion.Supersedes(whole) {
				t.Fatalf("range %d is superseded by the partition: %v", i, r)
			}
		}
		side := &Side{Deletion: whole, Ranges: flat}
		forward, backward := NewRangeCursor(side, false), NewRangeCursor(side, true)
		for n := range keysMax + 1 {
			if got, want := forward.Covering(keyOf(n)), naiveCovering(raw, whole, keyOf(n)); got != want {
				t.Fatalf("forward at %d: %v, want %v", n, got, want)
			}
			if got, want := side.Covering(keyOf(n)), naiveCovering(raw, whole, keyOf(n)); got != want {
				t.Fatalf("at %d: %v, want %v", n, got, want)
			}
			n = keysMax - n
			if got, want := backward.Covering(keyOf(n)), naiveCovering(raw, whole, keyOf(n)); got != want {
				t.Fatalf("backward at %d: %v, want %v", n, got, want)
			}
		}
	})
}

func naiveCovering(raw []RangeTombstone, whole Deletion, key []byte) Deletion {
	best := whole
	for _, r := range raw {
		if r.Slice.Start.CompareKey(key) < 0 && r.Slice.End.CompareKey(key) > 0 && r.Deletion.Supersedes(best) {
			best = r.Deletion
		}
	}
	return best
}

func TestRangeBounds(t *testing.T) { // R15
	key := keyOf(3)
	for _, c := range []struct {
		name   string
		slice  clustering.Slice
		covers []int
	}{
		{"prefix", clustering.Slice{Start: clustering.Before(key), End: clustering.After(key)}, []int{3}},
		{"> 3", clustering.Slice{Start: clustering.After(key), End: clustering.After(nil)}, []int{4, 5, 6}},
		{">= 3", clustering.Slice{Start: clustering.Before(key), End: clustering.After(nil)}, []int{3, 4, 5, 6}},
		{"< 3", clustering.Slice{Start: clustering.Before(nil), End: clustering.Before(key)}, []int{0, 1, 2}},
		{"<= 3", clustering.Slice{Start: clustering.Before(nil), End: clustering.After(key)}, []int{0, 1, 2, 3}},
	} {
		side := MergeSides(ByTimestamp, &Side{Ranges: []RangeTombstone{{c.slice, Deletion{1, 1}}}})
		var covered []int
		for n := range keysMax + 1 {
			if !side.Covering(keyOf(n)).IsNone() {
				covered = append(covered, n)
			}
		}
		if len(covered) != len(c.covers) || covered[0] != c.covers[0] {
			t.Errorf("%s covers %v, want %v", c.name, covered, c.covers)
		}
	}
}
