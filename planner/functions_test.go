package planner

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql/types"
)

// constantOf binds `SELECT term` and returns the value, as text, and its type.
func constantOf(t *testing.T, term string) (string, error) {
	t.Helper()
	r, err := bindRead(t, "SELECT "+term+" FROM t")
	if err != nil {
		return "", err
	}
	c, ok := r.Output[0].Expr.(*ConstExpr)
	if !ok {
		t.Fatalf("%s is not a constant but %T", term, r.Output[0].Expr)
	}
	return string(c.Of.AppendLiteral(nil, c.Value)) + " " + c.Of.String(), nil
}

// The answers are those of Apache Cassandra 5.0.5, but for floors of times before 1970, which it refuses, and for
// time_bucket, which it does not have. The functions of the moment are checked against the test's own moment.
func TestFunctionsAnswerAsCassandraDoes(t *testing.T) {
	for _, test := range []struct{ term, want string }{
		{"toTimestamp((timeuuid)50554d6e-29bb-11e5-b345-feff819cdc9f)", "'2015-07-14T00:00:18.805Z' timestamp"},
		{"to_date((timeuuid)50554d6e-29bb-11e5-b345-feff819cdc9f)", "'2015-07-14' date"},
		{"toUnixTimestamp((timestamp)5)", "5 bigint"},
		{"minTimeuuid(1000)", "1419d680-1dd2-11b2-8080-808080808080 timeuuid"},
		{"max_timeuuid('2020-01-01')", "a747e70f-2c29-11ea-7f7f-7f7f7f7f7f7f timeuuid"},
		{"blobAsInt(0x00000001)", "1 int"},
		{"int_as_blob(1)", "0x00000001 blob"},
		{"blobAsInt(null)", "null int"},
		{"floor((timestamp)3600001, 1h)", "'1970-01-01T01:00:00.000Z' timestamp"},
		{"floor((timestamp)3600001, 0s)", "'1970-01-01T01:00:00.001Z' timestamp"},
		{"floor((timestamp)'1970-03-31', 1mo)", "'1970-03-01T00:00:00.000Z' timestamp"},
		{"floor((timestamp)'2024-02-29', 1mo, (timestamp)'2023-01-31')", "'2024-02-29T00:00:00.000Z' timestamp"},
		{"floor((timestamp)3600001, 1h, 5)", "'1970-01-01T00:00:00.005Z' timestamp"},
		{"floor((timestamp)'1969-12-31T23:59:59Z', 1h)", "'1969-12-31T23:00:00.000Z' timestamp"},
		{"floor((date)'2020-01-02', 2d)", "'2020-01-01' date"},
		{"floor((time)'10:11:12', 1h)", "'10:00:00.000000000' time"},
		{"time_bucket((timestamp)3600001, 30m)", "'1970-01-01T01:00:00.000Z' timestamp"},
		{"cast((double)1e10 as text)", "'1.0E10' text"},
		{"cast((double)0.5 as text)", "'0.5' text"},
		{"cast((float)1.1 as double)", "1.100000023841858 double"},
		{"cast((double)3e10 as int)", "2147483647 int"},
		{"cast((double)70000 as smallint)", "4464 smallint"},
		{"cast((bigint)5000000000 as int)", "705032704 int"},
		{"cast((float)1.1 as decimal)", "1.1 decimal"},
		{"cast((double)1e25 as varint)", "9223372036854775807 varint"},
		{"cast((timestamp)3600001 as text)", "'1970-01-01T01:00:00.001Z' text"},
		{"cast((date)'2020-01-02' as text)", "'2020-01-02' text"},
		{"cast((time)'10:11:12' as text)", "'10:11:12.000000000' text"},
		{"cast((timestamp)3600001 as date)", "'1970-01-01' date"},
		{"currentTimestamp()", "'1970-01-01T00:16:40.000Z' timestamp"},
		{"currentDate()", "'1970-01-01' date"},
		{"token((int)2)", "-3248873570005575792 bigint"},
		{"uuid()", "01020300-0000-4000-8000-000000000000 uuid"},
	} {
		got, err := constantOf(t, test.term)
		if err != nil {
			t.Errorf("%s: %v", test.term, err)
			continue
		}
		if got != test.want {
			t.Errorf("%s = %s, want %s", test.term, got, test.want)
		}
	}
}

func TestFunctionRefusals(t *testing.T) {
	for _, test := range []struct{ term, refusal string }{
		{"floor((timestamp)5, -1h)", "Negative durations are not supported by the floor function"},
		{"floor((timestamp)5, 1h, 100)", "The floor function starting time is greater than the provided time"},
		{"floor((date)'2020-01-02', 1h)", "The floor on date values cannot be computed for the 1h duration as precision is below 1 day"},
		{"blobAsInt(0x01)", "In call to function system.blobasint, value 0x01 is not a valid binary representation for type int"},
		{"toDate(?)", "Ambiguous call to function todate (can be matched by following signatures: system.todate : (timestamp) -> date, system.todate : (timeuuid) -> date): use type casts to disambiguate"},
		{"toDate((int)5)", "Invalid call to function todate, none of its type signatures match (known type signatures: system.todate : (timestamp) -> date, system.todate : (timeuuid) -> date)"},
		{"ks.min(v)", "Unknown function 'ks.min'"},
	} {
		_, err := constantOf(t, test.term)
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Message != test.refusal {
			t.Errorf("%s\n got %v\nwant %s", test.term, err, test.refusal)
		}
	}
}

// A function of the moment is a valid value of its type, and a new one each time.
func TestNowIsATimeUUID(t *testing.T) {
	now := families["now"].overloads[0]
	of, eval := now.result, now.moment
	n := byte(0)
	ctx := Context{NowTicks: func() int64 { n++; return 12345*ticksPerMilli + int64(n) }, Random: func() [16]byte { return [16]byte{n, 0x80, n} }}
	a, b := eval(ctx), eval(ctx)
	ms, ok := types.TimeUUIDMillis(a)
	if of.Validate(a) != nil || !ok || ms != 12345 || string(a) == string(b) {
		t.Fatalf("%x, %x at %d", a, b, ms)
	}
}

// What docs/cql.md tells of the functions is all of them: names in the spelling with words apart, and the pattern of blobs.
func TestEveryFunctionIsInTheReference(t *testing.T) {
	text, err := os.ReadFile("../docs/cql.md")
	if err != nil {
		t.Fatal(err)
	}
	apart := map[string]string{
		"totimestamp": "to_timestamp", "todate": "to_date", "tounixtimestamp": "to_unix_timestamp", "mintimeuuid": "min_timeuuid",
		"maxtimeuuid": "max_timeuuid", "currenttimestamp": "current_timestamp", "currentdate": "current_date", "currenttime": "current_time",
		"currenttimeuuid": "current_timeuuid", "tojson": "to_json", "fromjson": "from_json",
	}
	for name := range families {
		if strings.HasPrefix(name, "_") || strings.HasPrefix(name, castPrefix) || strings.Contains(name, "blob") {
			continue
		}
		if a := apart[name]; a != "" {
			name = a
		}
		if !strings.Contains(string(text), "`"+name) && !strings.Contains(string(text), " `"+name+"`") {
			t.Errorf("docs/cql.md does not name %s", name)
		}
	}
}
