package live

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"gopkg.in/inf.v0"
)

// scalarValues are, for each scalar type of CQL, values at its edges.
func scalarValues() map[string][]any {
	huge, _ := new(big.Int).SetString("-"+strings.Repeat("9", 80), 10)
	tiny, _ := new(inf.Dec).SetString("-0.000000000000000000000000000000000001")
	return map[string][]any{
		"ascii":     {"", "plain", "it's"},
		"bigint":    {int64(0), int64(math.MaxInt64), int64(math.MinInt64)},
		"blob":      {[]byte{}, []byte{0, 255, 1}, bytes.Repeat([]byte{7}, 1<<16)},
		"boolean":   {true, false},
		"date":      {time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		"decimal":   {inf.NewDec(0, 0), inf.NewDec(123456789, 3), inf.NewDec(-5, -3), tiny},
		"double":    {0.0, math.Copysign(0, -1), math.NaN(), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64},
		"duration":  {gocql.Duration{}, gocql.Duration{Months: 1, Days: 2, Nanoseconds: 3}, gocql.Duration{Months: -1, Days: -2, Nanoseconds: -3}},
		"float":     {float32(0), float32(math.Inf(1)), float32(-1.5), float32(math.SmallestNonzeroFloat32)},
		"inet":      {net.ParseIP("127.0.0.1").To4(), net.ParseIP("2001:db8::1")},
		"int":       {0, math.MaxInt32, math.MinInt32},
		"smallint":  {int16(math.MaxInt16), int16(math.MinInt16)},
		"text":      {"", "grün, 漢字, 🌡", strings.Repeat("long ", 10_000)},
		"time":      {time.Duration(0), 24*time.Hour - 1},
		"timestamp": {time.UnixMilli(0).UTC(), time.UnixMilli(-1).UTC(), time.UnixMilli(1_700_000_000_123).UTC()},
		"timeuuid":  {gocql.TimeUUIDWith(139_000_000_000_000_000, 7, []byte{1, 2, 3, 4, 5, 6})},
		"tinyint":   {int8(127), int8(-128)},
		"uuid":      {gocql.UUID{0xde, 0xad, 0xbe, 0xef, 0, 0, 0x40, 0, 0x80, 15: 1}},
		"varchar":   {"v"},
		"varint":    {big.NewInt(0), big.NewInt(-1), big.NewInt(128), huge},
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

func TestGocqlScalars(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	values := scalarValues()
	columns := ""
	for name := range values {
		columns += fmt.Sprintf(", c_%s %s", name, name)
	}
	for _, version := range []int{0, 3, 4} {
		t.Run(fmt.Sprintf("protocol %d", version), func(t *testing.T) {
			s := session(t, server, func(c *gocql.ClusterConfig) { c.ProtoVersion = version })
			run(t, s, strings.Replace(createKeyspace, "KEYSPACE k", "KEYSPACE IF NOT EXISTS k", 1),
				"CREATE TABLE IF NOT EXISTS k.scalars (k int PRIMARY KEY"+columns+")")
			for name, list := range values {
				for i, v := range list {
					if err := s.Query("INSERT INTO k.scalars (k, c_"+name+") VALUES (?, ?)", i, v).Exec(); err != nil {
						t.Errorf("%s %v: %v", name, v, err)
						continue
					}
					dest, value := destination(v)
					if err := s.Query("SELECT c_"+name+" FROM k.scalars WHERE k = ?", i).Scan(dest); err != nil {
						t.Errorf("%s %v: %v", name, v, err)
					} else if !same(v, value()) {
						t.Errorf("%s: wrote %v, read %v", name, v, value())
					}
				}
			}
		})
	}
}

func TestGocqlNullAndUnset(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, "CREATE TABLE k.t (k text, c int, a bigint, b text, PRIMARY KEY (k, c))")
	const insert = "INSERT INTO k.t (k, c, a, b) VALUES (?, ?, ?, ?)"
	read := func() string {
		var a *int64
		var b *string
		if err := s.Query("SELECT a, b FROM k.t WHERE k = 'x' AND c = 1").Scan(&a, &b); err != nil {
			t.Fatal(err)
		}
		text := "null"
		if a != nil {
			text = fmt.Sprint(*a)
		}
		if b == nil {
			return text + " null"
		}
		return text + " " + *b
	}
	for _, step := range []struct {
		a, b any
		want string
	}{
		{int64(1), "one", "1 one"},
		{gocql.UnsetValue, "two", "1 two"},
		{nil, gocql.UnsetValue, "null two"},
		{gocql.UnsetValue, nil, "null null"},
	} {
		if err := s.Query(insert, "x", 1, step.a, step.b).Exec(); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != step.want {
			t.Errorf("after (%v, %v): %s, want %s", step.a, step.b, got, step.want)
		}
	}
	for _, key := range []any{nil, gocql.UnsetValue} {
		if err := s.Query(insert, "x", key, 1, "x").Exec(); err == nil {
			t.Errorf("%v as a key was taken", key)
		}
	}
}
