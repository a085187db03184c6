package partition

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

var edgeTokens = rapid.SampledFrom([]Token{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, 2, 3, math.MaxInt64 - 1, math.MaxInt64})

func genRange(r *rapid.T, label string) Range {
	return Range{
		Start: edgeTokens.Draw(r, label+" start"), End: edgeTokens.Draw(r, label+" end"),
		HasStart: rapid.Bool().Draw(r, label), HasEnd: rapid.Bool().Draw(r, label),
		ExclStart: rapid.Bool().Draw(r, label), ExclEnd: rapid.Bool().Draw(r, label),
	}
}

// contains says the definition in other words.
func contains(g Range, t Token) bool {
	low := !g.HasStart || t > g.Start || t == g.Start && !g.ExclStart
	high := !g.HasEnd || t < g.End || t == g.End && !g.ExclEnd
	return low && high
}

func TestRange(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b, at := genRange(r, "a"), genRange(r, "b"), edgeTokens.Draw(r, "token")
		if a.Contains(at) != contains(a, at) {
			r.Fatalf("%d in %s", at, a)
		}
		if a.Intersect(b).Contains(at) != (contains(a, at) && contains(b, at)) {
			r.Fatalf("%d in %s and %s: %s", at, a, b, a.Intersect(b))
		}
		if contains(a, at) && (a.IsEmpty() || at < a.First()) {
			r.Fatalf("%d is in %s, which says it is empty or begins at %d", at, a, a.First())
		}
		if !a.IsEmpty() && !contains(a, a.First()) {
			r.Fatalf("%s is not empty but does not hold its first, %d", a, a.First())
		}
		if a.Before(at) && at < math.MaxInt64 && contains(a, at) || a.After(at) && contains(a, at) {
			r.Fatalf("%d before or after %s, yet in it", at, a)
		}
	})
}

func TestRangeString(t *testing.T) {
	if got := (Range{}).String(); got != "[-∞, ∞]" {
		t.Error(got)
	}
	if got := (Range{Start: -5, HasStart: true, ExclStart: true, End: 7, HasEnd: true}).String(); got != "(-5, 7]" {
		t.Error(got)
	}
	if !(Range{}).Contains(math.MinInt64) || !(Range{}).Contains(math.MaxInt64) {
		t.Error("the zero range must hold everything")
	}
}
