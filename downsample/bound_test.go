package downsample

import (
	"math"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// A bound allows what lies within 1e-12 · Σ|x|, and nothing beyond.
func TestBounds(t *testing.T) {
	double := func(v float64) []byte { return types.AppendDouble(nil, v) }
	for _, test := range []struct {
		function string
		of       *types.Type
		values   []string
		x, y     []byte
		want     bool
	}{
		{"sum", types.Double, []string{"1000", "-1000"}, double(0), double(1.9e-9), true},
		{"sum", types.Double, []string{"1000", "-1000"}, double(0), double(2.1e-9), false},
		{"avg", types.Double, []string{"1000", "-1000"}, double(0), double(0.9e-9), true},
		{"avg", types.Double, []string{"1000", "-1000"}, double(0), double(1.1e-9), false},
		{"sum", types.Double, []string{"1", "NaN"}, double(math.NaN()), double(math.Copysign(math.NaN(), -1)), true},
		{"sum", types.Double, []string{"1", "NaN"}, double(math.NaN()), double(1), false},
		{"sum", types.Double, []string{"1e308", "1e308"}, double(math.Inf(1)), double(5), true},
		{"sum", types.Double, nil, nil, double(0), false},
		{"sum", types.Float, []string{"1"}, types.AppendFloat(nil, 1), types.AppendFloat(nil, math.Nextafter32(1, 2)), true},
		{"sum", types.Float, []string{"1"}, types.AppendFloat(nil, 1), types.AppendFloat(nil, 1.000001), false},
		{StateWideSum, types.Float, []string{"1"}, double(1), double(1 + 1e-13), true},
		{StateWideSum, types.Float, []string{"1"}, double(1), double(1 + 1e-11), false},
		{"avg", types.Decimal, []string{"1", "4"}, value(t, types.Decimal, "2"), value(t, types.Decimal, "3"), true}, // 2.5 is rounded once, or with each
		{"avg", types.Decimal, []string{"1", "4"}, value(t, types.Decimal, "3"), value(t, types.Decimal, "4"), false},
	} {
		b, v := NewBound(test.function, test.of), &mutation.Vector{}
		v.Reset(mutation.PhysicalOf(test.of))
		for _, text := range test.values {
			v.Append(value(t, test.of, text))
		}
		v.AppendAbsent()
		b.AddVector(v, 0, len(test.values)+1)
		if got := b.Allows(test.x, test.y); got != test.want {
			t.Errorf("%s of %v: %x and %x: %v", test.function, test.values, test.x, test.y, got)
		}
		b.Reset()
		if len(test.values) > 0 && test.of.Kind() == types.KindDouble && test.function == "sum" && b.Allows(double(0), double(1e-9)) {
			t.Errorf("%s: a bound of nothing allows", test.function)
		}
	}
	for _, function := range []string{"count", "min", "stddev", "median", StateMoments, StateEmpty} {
		if NewBound(function, types.Double) != nil {
			t.Errorf("%s has a bound", function)
		}
	}
	if NewBound("avg", types.Int) != nil || NewBound("sum", types.Decimal) != nil || NewBound("count", nil) != nil {
		t.Error("whole numbers have a bound")
	}
}
