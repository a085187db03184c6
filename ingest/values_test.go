package ingest

import (
	"bytes"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
	"pgregory.net/rapid"
)

func TestDecimalsAreReadAsStrconvDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`-?[0-9]{0,12}(\.[0-9]{0,12})?`),
			rapid.Map(rapid.Float64(), func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }),
			rapid.StringMatching(`[-+0-9.eE]{0,8}`),
		).Draw(t, "text")
		want, err := strconv.ParseFloat(text, 64)
		got, ok := parseDecimalFloat([]byte(text))
		if ok && (err != nil || math.Float64bits(got) != math.Float64bits(want)) {
			t.Fatalf("%q is read as %v; strconv reads %v, %v", text, got, want, err)
		}
	})
	for _, text := range []string{"21.5", "-0.1", "0", "9007199254740992", "1000.25", ".5", "5."} {
		if _, ok := parseDecimalFloat([]byte(text)); !ok {
			t.Errorf("%q takes the slow way", text)
		}
	}
}

func TestIntegersAreReadAsStrconvDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.Map(rapid.Int64(), func(v int64) string { return strconv.FormatInt(v, 10) }),
			rapid.StringMatching(`[-+]?[0-9]{0,22}`),
			rapid.SampledFrom([]string{"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551616"}),
			rapid.StringMatching(`[-+0-9 x]{0,4}`),
		).Draw(t, "text")
		want, err := strconv.ParseInt(text, 10, 64)
		got, ok := parseInteger([]byte(text))
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("%q is read as %d, %v; strconv reads %d, %v", text, got, ok, want, err)
		}
	})
}

func TestTimesAreReadAsTimeParseDoes(t *testing.T) {
	layouts := []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05.000-0700", "2006-01-02T15:04", "2006-01-02",
		"2006-01-02T15:04:05.999999999Z07:00"}
	first := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix()
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "zone"))
		at := time.Unix(rapid.Int64Range(first, last).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(zone)
		layout := rapid.SampledFrom(layouts).Draw(t, "layout")
		text := at.Format(layout)
		want, err := time.Parse(layout, text)
		if err != nil {
			return // years that have five digits or a sign in that zone
		}
		ms, _, ok := parseISO([]byte(text))
		if !ok || ms != want.UnixMilli() {
			t.Fatalf("%q is read as %d, %v, want %d", text, ms, ok, want.UnixMilli())
		}
	})
}

func TestDaysThatAreNot(t *testing.T) {
	for _, text := range []string{"2023-02-29", "2100-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-04-31", "2024-1-1",
		"2024-01-01 24:30", "2024-01-01 10:60", "2024-01-01 10:00:60", "2024-01-01 10:00:00.", "2024-01-01 10:00:00 +25", "2024-01-01x", ""} {
		if ms, _, ok := parseISO([]byte(text)); ok {
			t.Errorf("%q is read as %d", text, ms)
		}
	}
	if ms, _, ok := parseISO([]byte("2024-02-29")); !ok || ms != 1709164800000 {
		t.Errorf("2024-02-29 is read as %d, %v", ms, ok)
	}
}

func FuzzTime(f *testing.F) {
	for _, seed := range []string{"2015-02-02 14:19:00", "2024-02-29T23:59:59.123456Z", "1700000000", "1700000000.25", "2024-01-01+0100", "-1"} {
		f.Add([]byte(seed))
	}
	times, err := newTimeFormat(Format{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ms, ok := times.parse(b)
		want, err := types.Timestamp.ParseLiteral(types.Literal{Class: types.LitString, Text: string(b)})
		if err == nil && len(want) == 8 && (!ok || types.DecodeInt64(want) != ms) {
			t.Fatalf("%q is read as %d, %v; Cassandra reads %d", b, ms, ok, types.DecodeInt64(want))
		}
	})
}

func TestTimeFormats(t *testing.T) {
	for _, c := range []struct {
		format Format
		text   string
		want   string // empty: refused
	}{
		{Format{}, "1700000000000", "2023-11-14T22:13:20Z"},
		{Format{TimeUnit: "s"}, "1700000000", "2023-11-14T22:13:20Z"},
		{Format{TimeUnit: "us"}, "-1", "1969-12-31T23:59:59.999Z"},
		{Format{TimeUnit: "ns"}, "1700000000123456789", "2023-11-14T22:13:20.123Z"},
		{Format{TimeUnit: "s"}, "9223372036854775807", ""},
		{Format{TimeFormat: "unix", TimeUnit: "s"}, "1700000000.25", "2023-11-14T22:13:20.25Z"},
		{Format{TimeFormat: "unix", TimeUnit: "s"}, "-1.5", "1969-12-31T23:59:58.5Z"},
		{Format{TimeFormat: "unix"}, "2023-11-14", ""},
		{Format{Zone: "Europe/Berlin"}, "2023-07-01 12:00:00", "2023-07-01T10:00:00Z"},
		{Format{Zone: "Europe/Berlin"}, "2023-01-01 12:00", "2023-01-01T11:00:00Z"},
		{Format{Zone: "Europe/Berlin"}, "2023-01-01 12:00Z", "2023-01-01T12:00:00Z"},
		{Format{TimeFormat: "02.01.2006 15:04"}, "14.11.2023 22:13", "2023-11-14T22:13:00Z"},
		{Format{TimeFormat: "%d/%m/%Y %H:%M:%S.%f"}, "14/11/2023 22:13:20.5", "2023-11-14T22:13:20.5Z"},
		{Format{TimeFormat: "%d %b %Y %I:%M %p", Zone: "America/New_York"}, "14 Nov 2023 05:13 PM", "2023-11-14T22:13:00Z"},
	} {
		times, err := newTimeFormat(c.format)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if ms, ok := times.parse([]byte(c.text)); ok {
			got = time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
		}
		if got != c.want {
			t.Errorf("%q as %+v: %q, want %q", c.text, c.format, got, c.want)
		}
	}
	for _, f := range []Format{{TimeFormat: "%Q"}, {TimeFormat: "%"}, {TimeFormat: "%Y1"}, {TimeFormat: "soon"}, {TimeUnit: "min"}, {Zone: "Mars/Olympus"}} {
		if _, err := newTimeFormat(f); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}

// Fields are read as the literals of CQL that say the same.
func TestFieldsBecomeValues(t *testing.T) {
	times, err := newTimeFormat(Format{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		typ     *types.Type
		field   string
		class   types.LiteralClass
		literal string // empty: refused
	}{
		{types.Double, "21.5", types.LitFloat, "21.5"}, {types.Double, " 1e-3 ", types.LitFloat, "0.001"}, {types.Double, "nan", types.LitFloat, "NaN"},
		{types.Double, "-inf", types.LitFloat, "-Infinity"}, {types.Double, "0x1", 0, ""}, {types.Double, "1,5", 0, ""},
		{types.Float, "0.1", types.LitFloat, "0.1"}, {types.Int, "-7", types.LitInteger, "-7"}, {types.Int, "2147483648", 0, ""}, {types.Int, "1.0", 0, ""},
		{types.Tinyint, "-128", types.LitInteger, "-128"}, {types.Tinyint, "128", 0, ""}, {types.Smallint, "32767", types.LitInteger, "32767"},
		{types.Smallint, "32768", 0, ""}, {types.Bigint, "9223372036854775807", types.LitInteger, "9223372036854775807"},
		{types.Boolean, "1", types.LitBoolean, "true"}, {types.Boolean, "False", types.LitBoolean, "false"}, {types.Boolean, "2", 0, ""},
		{types.Text, " é ", types.LitString, " é "}, {types.Text, "\xff", 0, ""}, {types.ASCII, "é", 0, ""}, {types.ASCII, "e", types.LitString, "e"},
		{types.Blob, "0xCAFE", types.LitHex, "0xcafe"}, {types.Blob, "CAFE", 0, ""}, {types.Inet, "::1", types.LitString, "::1"},
		{types.Date, "2024-02-29", types.LitString, "2024-02-29"}, {types.Time, "10:00:00", types.LitString, "10:00:00"},
		{types.UUID, "123e4567-e89b-12d3-a456-426614174000", types.LitUUID, "123e4567-e89b-12d3-a456-426614174000"},
		{types.Varint, "123456789012345678901234567890", types.LitInteger, "123456789012345678901234567890"},
		{types.Decimal, "1.50", types.LitFloat, "1.50"}, {types.Duration, "1h30m", types.LitDuration, "1h30m"},
		{types.Timestamp, "2024-01-01 00:00", types.LitString, "2024-01-01 00:00"}, {types.Timestamp, "yesterday", 0, ""},
	} {
		got, err := converter{c.typ, times}.append(nil, []byte(c.field))
		if c.literal == "" {
			if err == nil {
				t.Errorf("%s: %q is read as %x", c.typ, c.field, got)
			}
			continue
		}
		want, wrong := c.typ.ParseLiteral(types.Literal{Class: c.class, Text: c.literal})
		if err != nil || wrong != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %q is read as %x, %v, want %x, %v", c.typ, c.field, got, err, want, wrong)
		}
	}
}

func BenchmarkTime(b *testing.B) {
	text := []byte("2015-02-02 14:19:00")
	for b.Loop() {
		if _, _, ok := parseISO(text); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	times, err := newTimeFormat(Format{})
	if err != nil {
		b.Fatal(err)
	}
	l := &layout{targets: []int{0, 1, 2, 3}, partition: []int{0}}
	for _, t := range []*types.Type{types.Text, types.Timestamp, types.Double, types.Int} {
		l.columns = append(l.columns, column{name: t.String(), typ: t})
		l.converters = append(l.converters, converter{t, times})
		l.blank = append(l.blank, wire.Unset)
	}
	c := &chunk{file: &input{layout: l}, text: bytes.Repeat([]byte("dev0001,2015-02-02 14:19:00,21.5,99\n"), 1000)}
	g := newGrouper()
	for b.Loop() {
		c.parse(',')
		g.group(c)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}
