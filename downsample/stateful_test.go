package downsample

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gopkg.in/inf.v0"
	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// mergeable are the aggregates that can be merged, of every type that takes them.
var mergeable = []string{
	"count", "sum", "avg", "min", "max", "first", "last", "stddev", "stddev_pop", "percentile", "median", "distinct",
	StateRows, StateExactSum, StateWideSum, StateEmpty, StateMoments, StateSketch, StateRegisters,
}

// failer is a test, of the library or of rapid.
type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func stateful(t failer, function string, of *types.Type) Stateful {
	fraction := 0.0
	if function == "percentile" {
		fraction = 0.9
	}
	a, err := NewStateful(function, of, fraction)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// rung is a run of rows of one level: its columns by name.
type rung map[string]*mutation.Vector

// newRung has a column for everything that a function needs, at any level.
func newRung(t failer, function string, of *types.Type) rung {
	out := rung{}
	var add func(name string)
	add = func(name string) {
		if out[name] != nil {
			return
		}
		typ, err := StateType(name, of)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = &mutation.Vector{}
		out[name].Reset(mutation.PhysicalOf(typ))
		needs, ok := Needs(name, of)
		if !ok {
			t.Fatalf("%s of %v needs what cannot be merged", name, of)
		}
		for _, n := range needs {
			add(n)
		}
	}
	needs, _ := Needs(function, of)
	for _, n := range needs {
		add(n)
	}
	return out
}

// states are the columns that a function is merged from.
func (r rung) states(function string, of *types.Type) []*mutation.Vector {
	needs, _ := Needs(function, of)
	out := make([]*mutation.Vector, len(needs))
	for i, n := range needs {
		out[i] = r[n]
	}
	return out
}

// up adds a row computed by feed to the columns.
func (r rung) up(t failer, of *types.Type, feed func(name string, a Stateful)) {
	for name, v := range r {
		a := stateful(t, name, of)
		feed(name, a)
		got := a.Result()
		if err := a.Err(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got == nil {
			v.AppendAbsent()
		} else {
			v.Append(got)
		}
	}
}

// cuts are where a run of n is cut into windows.
func cuts(t *rapid.T, n int) []int {
	out := []int{0}
	for at := 0; at < n; {
		at = min(n, at+rapid.IntRange(1, max(1, n/2+1)).Draw(t, "window"))
		out = append(out, at)
	}
	return out
}

// span are rows [from, to) of the values that a row of a rung stands for.
type span struct{ from, to int }

// climb computes levels of rungs over the values, and the spans of values that their rows stand for.
func climb(t *rapid.T, function string, of *types.Type, v *mutation.Vector, n int) (levels []rung, spans [][]span) {
	for level := range rapid.IntRange(1, 4).Draw(t, "levels") {
		r := newRung(t, function, of)
		var over []span
		below := n
		if level > 0 {
			below = len(spans[level-1])
		}
		ends := cuts(t, below)
		for i := range len(ends) - 1 {
			from, to := ends[i], ends[i+1]
			r.up(t, of, func(name string, a Stateful) {
				if level == 0 {
					a.AddVector(v, from, to)
				} else {
					a.MergeVectors(levels[level-1].states(name, of), from, to)
				}
			})
			if level > 0 {
				from, to = spans[level-1][from].from, spans[level-1][to-1].to
			}
			over = append(over, span{from, to})
		}
		levels, spans = append(levels, r), append(spans, over)
	}
	return levels, spans
}

// mix adds all values to an accumulator, each part of them raw or by a row of any level.
func mix(t *rapid.T, function string, of *types.Type, a Stateful, v *mutation.Vector, n int, levels []rung, spans [][]span) {
	for at := 0; at < n; {
		level := rapid.IntRange(-1, len(levels)-1).Draw(t, "level")
		found := -1
		if level >= 0 {
			found = slices.IndexFunc(spans[level], func(s span) bool { return s.from == at })
		}
		if found < 0 {
			to := n
			for _, over := range spans { // up to the next row of any level
				for _, s := range over {
					if s.from > at {
						to = min(to, s.from)
					}
				}
			}
			a.AddVector(v, at, to)
			at = to
			continue
		}
		to := found + 1
		if to < len(spans[level]) && rapid.Bool().Draw(t, "two") {
			to++
		}
		a.MergeVectors(levels[level].states(function, of), found, to)
		at = spans[level][to-1].to
	}
}

// near compares a sum or an average of floats with R32's.
func near(of *types.Type, function string, got, want []byte, v *mutation.Vector, n int) error {
	g, w := types.DecodeFloat64(got), types.DecodeFloat64(want)
	absolute, numbers, finite := 0.0, 0.0, true
	for i := range n {
		if !v.Has(i) || len(bytesAt(v, i)) == 0 {
			continue
		}
		numbers++
		if x := types.DecodeFloat64(bytesAt(v, i)); math.IsInf(x, 0) || math.IsNaN(x) {
			finite = false
		} else {
			absolute += math.Abs(x)
		}
	}
	bound := 1e-12 * absolute
	if function == "avg" {
		bound /= max(numbers, 1)
	}
	switch {
	case g == w, math.IsInf(absolute, 1):
		return nil // else the bound is void
	case !finite:
		if !math.IsNaN(g) || !math.IsNaN(w) {
			return fmt.Errorf("%v, want %v", g, w)
		}
		return nil
	}
	if of.Kind() == types.KindFloat { // both are rounded to a float
		if up := math.Nextafter32(float32(w), float32(g)); math.Abs(g-w) <= bound || float32(g) == up {
			return nil
		}
	} else if math.Abs(g-w) <= bound {
		return nil
	}
	return fmt.Errorf("%v, want %v ± %v", g, w, bound)
}

// meanOf is the true average of decimals at the scale of their sum.
func meanOf(v *mutation.Vector, n int) []byte {
	sum, numbers := new(inf.Dec), int64(0)
	for i := range n {
		if v.Has(i) && len(bytesAt(v, i)) > 0 {
			sum.Add(sum, types.DecodeDecimal(bytesAt(v, i)))
			numbers++
		}
	}
	if numbers == 0 {
		return types.AppendDecimal(nil, sum)
	}
	return types.AppendDecimal(nil, new(inf.Dec).QuoRound(sum, inf.NewDec(numbers, 0), sum.Scale(), inf.RoundHalfEven))
}

// agree compares a merged result with that of all values.
func agree(of *types.Type, function string, got, want []byte, v *mutation.Vector, n int) error {
	floats := of.Kind() == types.KindFloat || of.Kind() == types.KindDouble
	switch {
	case function == StateWideSum && of.Kind() == types.KindDouble:
		return nil // of sums beyond a double alone: TestSumsBeyondADouble
	case floats && (function == "sum" || function == "avg") || function == StateWideSum:
		if (got == nil) != (want == nil) {
			return fmt.Errorf("%x, want %x", got, want)
		}
		if function == StateWideSum {
			of = types.Double // no rounding to a float
		}
		return near(of, function, got, want, v, n)
	case function == "avg" && of.Kind() == types.KindDecimal:
		if !bytes.Equal(got, want) { // of values alone: Cassandra's
			want = meanOf(v, n)
		}
	}
	if (got == nil) != (want == nil) || !bytes.Equal(got, want) {
		return fmt.Errorf("%x, want %x", got, want)
	}
	return nil
}

// Whatever windows the values are cut into, over however many levels, the merged result is that of all values.
func TestMergedWindowsAreTheWhole(t *testing.T) {
	kinds := []*types.Type{
		types.Tinyint, types.Smallint, types.Int, types.Bigint, types.Counter, types.Varint, types.Float, types.Double, types.Decimal,
		types.Date, types.Timestamp, types.Text, types.Boolean, types.Blob,
	}
	for _, of := range kinds {
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.IntRange(0, 40).Draw(t, "rows")
			v := drawVector(t, of, n)
			first := rapid.IntRange(0, 3).Draw(t, "first function")
			for i := first; i < len(mergeable); i += 4 {
				if _, ok := Needs(mergeable[i], of); ok {
					wholeOfWindows(t, mergeable[i], of, v, n)
				}
			}
		})
	}
}

// wholeOfWindows merges windows of all sizes and levels, twice with one accumulator.
func wholeOfWindows(t *rapid.T, function string, of *types.Type, v *mutation.Vector, n int) {
	direct, merged := stateful(t, function, of), stateful(t, function, of)
	direct.AddVector(v, 0, n)
	want := direct.Result()
	levels, spans := climb(t, function, of, v, n)
	for range 2 {
		merged.Reset()
		mix(t, function, of, merged, v, n, levels, spans)
		got := merged.Result()
		if err := merged.Err(); err != nil {
			t.Fatal(err)
		}
		if err := agree(of, function, got, want, v, n); err != nil {
			t.Fatalf("%s of %s: %v", function, of, err)
		}
		if again := merged.Result(); !bytes.Equal(again, got) {
			t.Fatalf("%s of %s: a second Result is another", function, of)
		}
	}
}

// Of values alone a Stateful is the accumulator of SELECT.
func TestStatefulOfValuesIsTheAccumulator(t *testing.T) {
	kinds := []*types.Type{types.Int, types.Bigint, types.Varint, types.Float, types.Double, types.Decimal, types.Text}
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom(kinds).Draw(t, "type")
		function := rapid.SampledFrom(Functions).Draw(t, "function")
		direct, err := NewAccumulator(function, of)
		if _, ok := Needs(function, of); !ok || err != nil {
			return
		}
		merged := stateful(t, function, of)
		n := rapid.IntRange(0, 40).Draw(t, "rows")
		v := drawVector(t, of, n)
		cut := rapid.IntRange(0, n).Draw(t, "cut")
		direct.AddVector(v, 0, n)
		merged.AddVector(v, 0, cut)
		for i := cut; i < n; i++ {
			if v.Has(i) {
				merged.Add(append([]byte{}, bytesAt(v, i)...))
			}
		}
		if got, want := merged.Result(), direct.Result(); !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Fatalf("%s of %s: %x, want %x", function, of, got, want)
		}
	})
}

// The same beyond the limits of exactness, over four levels of uneven windows.
func TestMergedSketchesOfManyValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{999, 1000, 1001, 2500, 30_000} {
		v := &mutation.Vector{}
		v.Reset(mutation.PhysicalOf(types.Double))
		values := make([]float64, n)
		for i := range values {
			values[i] = math.Copysign(math.Exp(10*rng.NormFloat64()), rng.NormFloat64())
			v.Append(types.AppendDouble(nil, values[i]))
		}
		sorted := slices.Clone(values)
		slices.Sort(sorted)
		for _, function := range []string{"percentile", "median", "distinct", "stddev", StateSketch, StateRegisters, StateMoments} {
			direct := stateful(t, function, types.Double)
			direct.AddVector(v, 0, n)
			want := direct.Result()
			below, rows := rung(nil), n
			for level := range 4 {
				r := newRung(t, function, types.Double)
				made := 0
				for at := 0; at < rows; made++ {
					to := min(rows, at+1+rng.IntN(40))
					r.up(t, types.Double, func(name string, a Stateful) {
						if level == 0 {
							a.AddVector(v, at, to)
						} else {
							a.MergeVectors(below.states(name, types.Double), at, to)
						}
					})
					at = to
				}
				below, rows = r, made
				merged := stateful(t, function, types.Double)
				merged.MergeVectors(below.states(function, types.Double), 0, rows)
				if got := merged.Result(); !bytes.Equal(got, want) {
					t.Errorf("%s of %d values, level %d: %x, want %x", function, n, level+1, got, want)
				}
				inBounds(t, function, merged.Result(), sorted, level)
			}
		}
	}
}

// inBounds checks an estimate against the exact answer: 1/128 of a percentile, four standard errors of a count.
func inBounds(t *testing.T, function string, got []byte, sorted []float64, level int) {
	n := len(sorted)
	switch function {
	case "percentile", "median":
		p := map[string]float64{"percentile": 0.9, "median": 0.5}[function]
		at := p * float64(n-1)
		low, high := sorted[int(at)], sorted[min(n-1, int(at)+1)]
		g := types.DecodeFloat64(got)
		exact := n <= percentileExactMax
		if exact && (g < low || g > high) || !exact && math.Abs(g-low) > math.Abs(low)/128 {
			t.Errorf("level %d: %s of %d values is %v, want %v", level+1, function, n, g, low)
		}
	case "distinct":
		g := types.DecodeInt64(got)
		if exact := n <= distinctExactMax; exact && g != int64(n) || math.Abs(float64(g)/float64(n)-1) > 4*0.0081 {
			t.Errorf("level %d: distinct of %d values is %d", level+1, n, g)
		}
	}
}

func TestNeedsAndTypesOfStates(t *testing.T) {
	for _, test := range []struct {
		function string
		of       *types.Type
		want     string
	}{
		{"count", nil, "[rows]"},
		{"count", types.Text, "[count]"},
		{"sum", types.Int, "[sum]"},
		{"sum", types.Float, "[wide_sum]"},
		{"avg", types.Int, "[exact_sum count empty]"},
		{"avg", types.Float, "[wide_sum count empty]"},
		{"avg", types.Double, "[sum wide_sum count empty]"},
		{"avg", types.Decimal, "[sum count empty]"},
		{"stddev", types.Int, "[moments]"},
		{"median", types.Int, "[sketch]"},
		{"percentile", types.Int, "[sketch]"},
		{"distinct", types.Text, "[registers]"},
		{StateMoments, types.Int, "[moments]"},
		{StateRows, nil, "[rows]"},
		{"sum", types.Text, "[]"},
		{"rate", types.Int, "[]"},
		{"delta", types.Int, "[]"},
		{"mode", types.Int, "[]"},
		{StateExactSum, types.Double, "[]"},
		{StateWideSum, types.Int, "[]"},
		{StateSketch, types.Text, "[]"},
	} {
		needs, ok := Needs(test.function, test.of)
		if got := fmt.Sprint(needs); got != test.want || ok != (len(needs) > 0) {
			t.Errorf("%s(%v) needs %s, want %s", test.function, test.of, got, test.want)
		}
	}
	for _, test := range []struct {
		state    string
		of, want *types.Type
	}{
		{StateRows, nil, types.Bigint}, {StateExactSum, types.Int, types.Bigint}, {StateExactSum, types.Bigint, types.Varint},
		{StateWideSum, types.Float, types.Double}, {StateSketch, types.Decimal, types.Blob}, {StateRegisters, types.Text, types.Blob},
		{"sum", types.Float, types.Float},
	} {
		if got, err := StateType(test.state, test.of); err != nil || !got.Equal(test.want) {
			t.Errorf("%s(%v) is a %v, want %v", test.state, test.of, got, test.want)
		}
	}
}
