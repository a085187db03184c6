package live

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/inf.v0"
)

// goValues are, for each type, values at its edges.
func goValues(d goDriver) map[string][]any {
	huge, _ := new(big.Int).SetString("-"+strings.Repeat("9", 80), 10)
	tiny, _ := new(inf.Dec).SetString("-0.000000000000000000000000000000000001")
	var uuid, timeuuid [16]byte
	copy(uuid[:], "\xde\xad\xbe\xef\x00\x00\x40\x00\x80\x00\x00\x00\x00\x00\x00\x01")
	copy(timeuuid[:], "\x96\x6a\x4e\x00\xb6\x5a\x11\xee\x8f\x01\x01\x02\x03\x04\x05\x06")
	return map[string][]any{
		"ascii":     {"", "plain", "it's"},
		"bigint":    {int64(0), int64(math.MaxInt64), int64(math.MinInt64)},
		"blob":      {[]byte{}, []byte{0, 255, 1}, bytes.Repeat([]byte{7}, 1<<16)},
		"boolean":   {true, false},
		"date":      {time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		"decimal":   {inf.NewDec(0, 0), inf.NewDec(123456789, 3), inf.NewDec(-5, -3), tiny},
		"double":    {0.0, math.Copysign(0, -1), math.NaN(), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64},
		"duration":  {d.duration(0, 0, 0), d.duration(1, 2, 3), d.duration(-1, -2, -3), d.duration(math.MaxInt32, math.MaxInt32, math.MaxInt64)},
		"float":     {float32(0), float32(math.Inf(1)), float32(-1.5), float32(math.SmallestNonzeroFloat32)},
		"inet":      {net.ParseIP("127.0.0.1").To4(), net.ParseIP("2001:db8::1")},
		"int":       {0, math.MaxInt32, math.MinInt32},
		"smallint":  {int16(math.MaxInt16), int16(math.MinInt16)},
		"text":      {"", "grün, 漢字, 🌡", strings.Repeat("long ", 10_000)},
		"time":      {time.Duration(0), 24*time.Hour - 1},
		"timestamp": {time.UnixMilli(0).UTC(), time.UnixMilli(-1).UTC(), time.UnixMilli(1_700_000_000_123).UTC()},
		"timeuuid":  {timeuuid},
		"tinyint":   {int8(127), int8(-128)},
		"uuid":      {uuid, [16]byte{}},
		"varchar":   {"v"},
		"varint":    {big.NewInt(0), big.NewInt(-1), big.NewInt(128), huge},

		"frozen<list<int>>":         {[]int{}, []int{3, -1, 3}},
		"frozen<set<text>>":         {[]string{"a", "grün"}},
		"frozen<map<text, double>>": {map[string]float64{"a": 1, "": math.Inf(1)}},
		"frozen<map<timestamp, frozen<list<frozen<set<bigint>>>>>>": {map[time.Time][][]int64{
			time.UnixMilli(5).UTC(): {{1, 2}, {math.MinInt64}}, time.UnixMilli(-5).UTC(): {}}},
		"frozen<list<frozen<map<uuid, frozen<tuple<int, text>>>>>>": {[]map[[16]byte]struct {
			N int
			S string
		}{{uuid: {1, "one"}, {}: {2, ""}}, {}}},
	}
}

// same compares what was written with what was read: numbers by value, floats by their bits.
func same(a, b any) bool {
	switch a := a.(type) {
	case *big.Int:
		return a.Cmp(b.(*big.Int)) == 0
	case *inf.Dec:
		d := b.(*inf.Dec)
		return a.Cmp(d) == 0 && a.Scale() == d.Scale()
	case float64:
		return math.Float64bits(a) == math.Float64bits(b.(float64)) || a != a && b.(float64) != b.(float64)
	case time.Time:
		return a.Equal(b.(time.Time))
	case net.IP:
		return a.Equal(b.(net.IP))
	case []byte:
		return bytes.Equal(a, b.([]byte))
	case []int:
		return slices.Equal(a, b.([]int))
	case map[time.Time][][]int64: // times as keys differ by their zones
		return fmt.Sprint(a) == fmt.Sprint(b) && len(a) == len(b.(map[time.Time][][]int64))
	}
	return reflect.DeepEqual(a, b)
}

// destination is a pointer that a value like v can be scanned into, and what reads it again.
func destination(v any) (dest any, value func() any) {
	switch v.(type) {
	case *big.Int:
		n := new(big.Int)
		return n, func() any { return n }
	case *inf.Dec:
		d := new(inf.Dec)
		return d, func() any { return d }
	}
	p := reflect.New(reflect.TypeOf(v))
	return p.Interface(), func() any { return p.Elem().Interface() }
}

// goTypes writes and reads every value of every type through prepared statements.
func goTypes(r *goRun, table string) {
	values := goValues(r.d)
	if _, old := r.d.(gocql1); old && r.o.version == 3 { // it does not know the names by which version 3 calls them
		for _, name := range []string{"date", "duration", "smallint", "time", "tinyint"} {
			delete(values, name)
		}
	}
	names := slices.Sorted(mapKeys(values))
	columns := ""
	for i, name := range names {
		columns += fmt.Sprintf(", c%d %s", i, name)
	}
	r.exec("CREATE TABLE k." + table + " (k int PRIMARY KEY, tu frozen<tuple<int, text>>" + columns + ")")
	for c, name := range names {
		for i, v := range values[name] {
			insert := fmt.Sprintf("INSERT INTO k.%s (k, c%d) VALUES (?, ?)", table, c)
			r.must(r.s.exec(insert, i, v), fmt.Sprintf("%s %.80v", name, v))
			dest, value := destination(v)
			r.must(r.s.scan(fmt.Sprintf("SELECT c%d FROM k.%s WHERE k = ?", c, table), []any{i}, dest), fmt.Sprintf("%s %.80v", name, v))
			if !same(v, value()) {
				r.fail("%s: wrote %.80v, read %.80v", name, v, value())
			}
		}
	}
	r.must(r.s.exec("INSERT INTO k."+table+" (k, tu) VALUES (?, (?, ?))", -1, 7, "seven"), "tuple") // gocql binds lone tuples element by element
	var n int
	var s string
	if r.must(r.s.scan("SELECT tu FROM k."+table+" WHERE k = -1", nil, &n, &s), "tuple"); n != 7 || s != "seven" {
		r.fail("a tuple came back as %d, %q", n, s)
	}
}
