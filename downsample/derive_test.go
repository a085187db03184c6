package downsample

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
)

// A result derived from another accumulator is that of its own, of values, of rows of rollups, and of both.
func TestDerivedResultsAreTheirOwn(t *testing.T) {
	kinds := []*types.Type{types.Tinyint, types.Int, types.Bigint, types.Varint, types.Float, types.Double, types.Decimal, types.Text}
	derived := 0
	for _, of := range kinds {
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.IntRange(0, 40).Draw(t, "rows")
			v := drawVector(t, of, n)
			function := rapid.SampledFrom(mergeable).Draw(t, "function")
			if _, ok := Needs(function, of); !ok || MostKnowing(function, of) == function {
				return
			}
			from, own := stateful(t, MostKnowing(function, of), of), stateful(t, function, of)
			got, ok := Derive(from, function, of, 0.9)
			if !ok {
				t.Fatalf("%s of %s is not derived from %s", function, of, MostKnowing(function, of))
			}
			derived++
			levels, spans := climb(t, MostKnowing(function, of), of, v, n)
			lower, lowerSpans := climb(t, function, of, v, n)
			for range 2 {
				from.Reset()
				own.Reset()
				if rapid.Bool().Draw(t, "raw") {
					from.AddVector(v, 0, n)
					own.AddVector(v, 0, n)
				} else {
					mix(t, MostKnowing(function, of), of, from, v, n, levels, spans)
					mix(t, function, of, own, v, n, lower, lowerSpans)
				}
				if err := agree(of, function, got.Result(), own.Result(), v, n); err != nil {
					t.Fatalf("%s of %s: %v", function, of, err)
				}
				if again := got.Result(); !bytes.Equal(again, got.Result()) {
					t.Fatalf("%s of %s: a second Result is another", function, of)
				}
			}
		})
	}
	if derived < 50 {
		t.Errorf("%d results were derived", derived)
	}
	if _, ok := Derive(stateful(t, "avg", types.Double), "min", types.Double, 0); ok {
		t.Error("a minimum is derived from an average")
	}
}

// Of values alone a derived sum is R32's, bit for bit.
func TestADerivedSumIsSelects(t *testing.T) {
	for _, of := range []*types.Type{types.Float, types.Double, types.Bigint} {
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.IntRange(0, 40).Draw(t, "rows")
			v := drawVector(t, of, n)
			from := stateful(t, "avg", of)
			sum, _ := Derive(from, "sum", of, 0)
			direct, _ := NewAccumulator("sum", of)
			cut := rapid.IntRange(0, n).Draw(t, "cut")
			from.AddVector(v, 0, cut)
			from.AddVector(v, cut, n)
			direct.AddVector(v, 0, n)
			if got, want := sum.Result(), direct.Result(); !bytes.Equal(got, want) {
				t.Fatalf("%x, want %x", got, want)
			}
		})
	}
}
