package downsample

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// value is a value of a type from a literal.
func value(t testing.TB, of *types.Type, text string) []byte {
	class := types.LitInteger
	switch of.Kind() {
	case types.KindFloat, types.KindDouble, types.KindDecimal:
		class = types.LitFloat
	case types.KindText:
		class = types.LitString
	}
	v, err := of.ParseLiteral(types.Literal{Class: class, Text: text})
	if err != nil {
		t.Fatalf("%s %s: %v", of, text, err)
	}
	return v
}

func result(t testing.TB, function string, of *types.Type, texts ...string) string {
	a, err := NewAccumulator(function, of)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		a.Add(value(t, of, text))
		a.Add(nil)
	}
	v := a.Result()
	if v == nil {
		return "null"
	}
	return hex.EncodeToString(v)
}

// The expected bytes are what Apache Cassandra 5.0.5 answered (R32).
func TestFloatSumsAndAverages(t *testing.T) {
	tenths := []string{"0.1", "0.1", "0.1", "0.1", "0.1", "0.1", "0.1", "0.1", "0.1", "0.1"}
	for _, test := range []struct {
		values     []string
		sum, avg   string // double
		sumF, avgF string // float
	}{
		{nil, "0000000000000000", "0000000000000000", "00000000", "00000000"},
		{tenths, "3ff0000000000000", "3fb999999999999a", "3f800000", "3dcccccd"},
		{[]string{"1e16", "1.0", "-1e16"}, "0000000000000000", "0000000000000000", "00000000", "00000000"},
		{[]string{"Infinity", "1.0"}, "7ff0000000000000", "7ff0000000000000", "7f800000", "7f800000"},
		{[]string{"Infinity", "Infinity"}, "7ff0000000000000", "7ff0000000000000", "7f800000", "7f800000"},
		{[]string{"1.0", "Infinity"}, "7ff0000000000000", "7ff0000000000000", "7f800000", "7f800000"},
		{[]string{"-0.0"}, "0000000000000000", "0000000000000000", "00000000", "00000000"},
		{[]string{"3.3", "1.1", "2.2", "1e-9", "1e9"}, "41cdcd65034ccccd", "41a7d78402a3d70a", "4e6e6b28", "4d3ebc20"},
		{[]string{"0.1", "0.2", "0.3", "1e17", "-1e17", "0.7"}, "3fe6666666666666", "3fbddddddddddddd", "3f333333", "3deeeeef"},
	} {
		for _, c := range []struct {
			function string
			of       *types.Type
			want     string
		}{{"sum", types.Double, test.sum}, {"avg", types.Double, test.avg}, {"sum", types.Float, test.sumF}, {"avg", types.Float, test.avgF}} {
			if got := result(t, c.function, c.of, test.values...); got != c.want {
				t.Errorf("%s(%s) of %v: %s, want %s", c.function, c.of, test.values, got, c.want)
			}
		}
	}
}

func TestAggregatesAnswerAsCassandraDoes(t *testing.T) {
	for _, test := range []struct {
		function string
		of       *types.Type
		values   []string
		want     string
	}{
		{"sum", types.Double, []string{"1e308", "1e308"}, "7ff0000000000000"},
		{"avg", types.Double, []string{"1e308", "1e308"}, "7fe1ccf385ebc8a0"},
		{"avg", types.Double, []string{"1e308", "1e308", "-1e308"}, "7fc55c576d815726"},
		{"avg", types.Double, []string{"1.7e308", "1.7e308", "5.0", "0.0001", "123456789.5", "77.0", "-1.23456e307"}, "7fd0aa03c0e147bf"},
		{"avg", types.Double, []string{"-1e308", "-1e308", "1.7976931348623157e308"}, "ffa334d03f285c02"},
		{"sum", types.Int, []string{"2147483647", "1"}, "80000000"},
		{"avg", types.Int, []string{"2147483647", "1"}, "40000000"},
		{"sum", types.Bigint, []string{"9223372036854775807", "9223372036854775805"}, "fffffffffffffffc"},
		{"avg", types.Bigint, []string{"9223372036854775807", "9223372036854775805"}, "7ffffffffffffffe"},
		{"sum", types.Tinyint, []string{"127", "2"}, "81"},
		{"avg", types.Tinyint, []string{"127", "2"}, "40"},
		{"avg", types.Int, []string{"-7", "2"}, "fffffffe"},
		{"avg", types.Int, []string{"9", "-2", "-2"}, "00000001"},
		{"sum", types.Decimal, []string{"1.25", "2"}, "000000020145"},
		{"avg", types.Decimal, []string{"1.25", "2"}, "0000000200a3"},
		{"avg", types.Decimal, []string{"-1.25", "-2"}, "00000002ff5d"},
		{"avg", types.Decimal, []string{"1", "4"}, "0000000003"},
		{"sum", types.Varint, []string{"9223372036854775807", "1"}, "008000000000000000"},
		{"avg", types.Varint, []string{"-7", "2"}, "fe"},
		{"sum", types.Int, nil, "00000000"},
		{"avg", types.Int, nil, "00000000"},
		{"min", types.Int, nil, "null"},
		{"max", types.Double, []string{"NaN", "1.0"}, "7ff8000000000000"},
		{"min", types.Double, []string{"NaN", "1.0"}, "3ff0000000000000"},
		{"min", types.Double, []string{"0.0", "-0.0"}, "8000000000000000"},
		{"max", types.Text, []string{"x", "z", "y"}, "7a"},
		{"count", types.Text, []string{"x", "", "y"}, "0000000000000003"},
		{"first", types.Int, []string{"3", "2"}, "00000003"},
		{"last", types.Int, []string{"3", "2"}, "00000002"},
		{"last", types.Int, nil, "null"},
	} {
		if got := result(t, test.function, test.of, test.values...); got != test.want {
			t.Errorf("%s(%s) of %v: %s, want %s", test.function, test.of, test.values, got, test.want)
		}
	}
}

// An empty value of a number counts and is the least, but is not summed.
func TestEmptyValues(t *testing.T) {
	for function, want := range map[string]string{"count": "0000000000000002", "sum": "00000005", "avg": "00000005", "min": "", "max": "00000005"} {
		a, err := NewAccumulator(function, types.Int)
		if err != nil {
			t.Fatal(err)
		}
		a.Add([]byte{})
		a.Add(types.AppendInt(nil, 5))
		if got := a.Result(); got == nil || hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, want %s", function, got, want)
		}
	}
}

func TestAggregatesRefuseTypes(t *testing.T) {
	for _, test := range []struct {
		function string
		of       *types.Type
	}{{"sum", types.Text}, {"avg", types.Timestamp}, {"median", types.Text}, {"percentile", types.Int}, {"rate", types.Int}, {"mode", types.Int}, {"min", nil}} {
		if _, err := NewAccumulator(test.function, test.of); err == nil {
			t.Errorf("%s(%v) was accepted", test.function, test.of)
		}
	}
}

// drawVector draws a vector of a type, with absent and, if bytes, empty values.
func drawVector(t *rapid.T, of *types.Type, rows int) *mutation.Vector {
	v := &mutation.Vector{}
	physical, width := mutation.PhysicalOf(of)
	v.Reset(physical, width)
	for range rows {
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			v.AppendAbsent()
		case 1:
			if rapid.IntRange(0, 20).Draw(t, "empty") == 0 {
				v.Append([]byte{})
				continue
			}
			fallthrough
		default:
			v.Append(drawValue(t, of))
		}
	}
	return v
}

func drawValue(t *rapid.T, of *types.Type) []byte {
	switch of.Kind() {
	case types.KindBoolean:
		return types.AppendBoolean(nil, rapid.Bool().Draw(t, "boolean"))
	case types.KindFloat:
		return types.AppendFloat(nil, rapid.Float32().Draw(t, "float"))
	case types.KindDouble:
		return types.AppendDouble(nil, rapid.SampledFrom([]float64{0.1, -3.7, 1e17, math.Inf(1), math.NaN(), math.Copysign(0, -1), 0, 1e308}).Draw(t, "double"))
	case types.KindText, types.KindVarint:
		return rapid.SliceOfN(rapid.Byte(), 1, 4).Draw(t, "bytes")
	case types.KindDecimal:
		return append(types.AppendInt(nil, rapid.Int32Range(-3, 3).Draw(t, "scale")), byte(rapid.IntRange(0, 255).Draw(t, "unscaled")))
	}
	return rapid.SliceOfN(rapid.Byte(), of.FixedWidth(), of.FixedWidth()).Draw(t, "integer")
}

// Adding a vector in pieces is adding its values one by one.
func TestVectorsAddAsTheirValuesDo(t *testing.T) {
	kinds := []*types.Type{types.Tinyint, types.Int, types.Bigint, types.Date, types.Timestamp, types.Float, types.Double, types.Text, types.Varint, types.Decimal}
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom(kinds).Draw(t, "type")
		function := rapid.SampledFrom(Functions).Draw(t, "function")
		byVector, err := NewAccumulator(function, of)
		if err != nil {
			return
		}
		byValue, _ := NewAccumulator(function, of)
		for range 2 {
			byVector.Reset()
			byValue.Reset()
			for range rapid.IntRange(0, 3).Draw(t, "vectors") {
				rows := rapid.IntRange(0, 70).Draw(t, "rows")
				v := drawVector(t, of, rows)
				cut := rapid.IntRange(0, rows).Draw(t, "cut")
				byVector.AddVector(v, 0, cut)
				byVector.AddVector(v, cut, rows)
				for i := range rows {
					if v.Has(i) {
						byValue.Add(v.AppendValue([]byte{}, i))
					}
				}
			}
			got, want := byVector.Result(), byValue.Result()
			if (got == nil) != (want == nil) || !bytes.Equal(got, want) {
				t.Fatalf("%s(%s): %x by vectors, %x by values", function, of, got, want)
			}
		}
	})
}

func TestWindowsHoldTheirTimesAndTouch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64().Draw(t, "ms")
		step := rapid.Int64Range(1, 1<<40).Draw(t, "step")
		w := WindowOf(ms, step)
		if w.Start > ms || w.End < ms || w.End == ms && ms != math.MaxInt64 {
			t.Fatalf("window %v does not hold %d", w, ms)
		}
		if whole := w.Start != math.MinInt64 && w.End != math.MaxInt64; whole && (w.End-w.Start != step || w.Start%step != 0) {
			t.Fatalf("window %v is not one of step %d", w, step)
		}
	})
	for _, test := range []struct{ ms, start int64 }{{0, 0}, {3_599_999, 0}, {3_600_000, 3_600_000}, {-1, -3_600_000}} {
		if w := WindowOf(test.ms, 3_600_000); w.Start != test.start || w.End != test.start+3_600_000 {
			t.Errorf("window of %d: %v", test.ms, w)
		}
	}
}
