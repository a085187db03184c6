package downsample

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// An average is finite where the sum is beyond a double, of one window or of several.
func TestSumsBeyondADouble(t *testing.T) {
	for _, values := range [][]float64{
		{1.5e308, 1.5e308, 1.5e308, 1.5e308},
		{1.5e308, 1.5e308, -1.5e308, 1.25e308, 1e300},
		{-1.7e308, -1.7e308, -1.7e308, -1.7e308, -1.7e308, 1.7e308},
		{1.5e308, 1.5e308, math.Inf(1), 3},
	} {
		want, n := new(big.Float).SetPrec(400), 0
		v := &mutation.Vector{}
		v.Reset(mutation.PhysicalOf(types.Double))
		for _, x := range values {
			v.Append(types.AppendDouble(nil, x))
			if n++; !math.IsInf(x, 0) { // R32: what is not finite counts as nothing behind the overflow
				want.Add(want, new(big.Float).SetFloat64(x))
			}
		}
		mean, _ := want.Quo(want, new(big.Float).SetInt64(int64(n))).Float64()
		rapid.Check(t, func(t *rapid.T) {
			levels, spans := climb(t, "avg", types.Double, v, n)
			a := stateful(t, "avg", types.Double)
			top := len(levels) - 1
			a.MergeVectors(levels[top].states("avg", types.Double), 0, len(spans[top]))
			if got := types.DecodeFloat64(a.Result()); math.Abs(got-mean) > 1e-12*math.Abs(mean)+1e292 && !math.IsInf(values[2], 0) {
				t.Fatalf("avg of %v is %v, want %v", values, got, mean)
			}
		})
	}
}

// A sum of four levels of many windows stays within the bound of R43.
func TestFloatSumsOfManyWindows(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, of := range []*types.Type{types.Float, types.Double} {
		v := &mutation.Vector{}
		v.Reset(mutation.PhysicalOf(of))
		const n = 50_000
		for range n {
			x := math.Copysign(math.Exp(3*rng.NormFloat64()), rng.NormFloat64()) * 1e6
			if of == types.Float {
				v.Append(types.AppendFloat(nil, float32(x)))
			} else {
				v.Append(types.AppendDouble(nil, x))
			}
		}
		for _, function := range []string{"sum", "avg"} {
			direct := stateful(t, function, of)
			direct.AddVector(v, 0, n)
			below, rows := rung(nil), n
			for level := range 4 {
				r := newRung(t, function, of)
				made := 0
				for at := 0; at < rows; at, made = at+7, made+1 {
					r.up(t, of, func(name string, a Stateful) {
						if level == 0 {
							a.AddVector(v, at, min(rows, at+7))
						} else {
							a.MergeVectors(below.states(name, of), at, min(rows, at+7))
						}
					})
				}
				below, rows = r, made
				merged := stateful(t, function, of)
				merged.MergeVectors(below.states(function, of), 0, rows)
				if err := near(of, function, merged.Result(), direct.Result(), v, n); err != nil {
					t.Errorf("%s of %s, level %d: %v", function, of, level+1, err)
				}
			}
		}
	}
}
