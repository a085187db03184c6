package types

import (
	"encoding/hex"
	"errors"
	"testing"
)

// What Apache Cassandra 5.0.5 stored for these literals, or how it refused them.
var literalTests = []struct {
	of    *Type
	class LiteralClass
	text  string
	want  string // hex, or the error
}{
	{ASCII, LitString, "abc", "616263"},
	{Text, LitString, "é", "c3a9"},
	{Text, LitString, "", ""},
	{Blob, LitHex, "0xCAFE", "cafe"},
	{Blob, LitHex, "0x", ""},
	{Blob, LitHex, "0xabc", "cannot parse 'abc' as hex bytes"},
	{Boolean, LitBoolean, "FALSE", "00"},
	{Tinyint, LitInteger, "-5", "fb"},
	{Tinyint, LitInteger, "128", "Unable to make byte from '128'"},
	{Smallint, LitInteger, "40000", "Unable to make short from '40000'"},
	{Int, LitInteger, "3000000000", "Unable to make int from '3000000000'"},
	{Int, LitInteger, "007", "00000007"},
	{Bigint, LitInteger, "99999999999999999999", "Unable to make long from '99999999999999999999'"},
	{Varint, LitInteger, "128", "0080"},
	{Varint, LitInteger, "-128", "80"},
	{Varint, LitInteger, "99999999999999999999", "056bc75e2d630fffff"},
	{Decimal, LitInteger, "5", "0000000005"},
	{Decimal, LitFloat, "-1.50", "00000002ff6a"},
	{Decimal, LitFloat, "1e10", "fffffff601"},
	{Decimal, LitFloat, "NaN", "unable to make BigDecimal from 'NaN'"},
	{Double, LitInteger, "5", "4014000000000000"},
	{Double, LitInteger, "-0", "8000000000000000"},
	{Double, LitFloat, "NaN", "7ff8000000000000"},
	{Double, LitFloat, "-Infinity", "fff0000000000000"},
	{Float, LitFloat, "1.5", "3fc00000"},
	{Float, LitFloat, "NaN", "7fc00000"},
	{UUID, LitUUID, "550e8400-e29b-41d4-a716-446655440000", "550e8400e29b41d4a716446655440000"},
	{TimeUUID, LitUUID, "550e8400-e29b-41d4-a716-446655440000", "TimeUUID supports only version 1 UUIDs"},
	{TimeUUID, LitUUID, "50554D6E-29BB-11E5-B345-FEFF819CDC9F", "50554d6e29bb11e5b345feff819cdc9f"},
	{Inet, LitString, "1.2.3.4", "01020304"},
	{Inet, LitString, "::1", "00000000000000000000000000000001"},
	{Inet, LitString, "::ffff:1.2.3.4", "01020304"},
	{Date, LitString, "2015-02-04", "80004056"},
	{Date, LitString, "2015-2-4", "Unable to coerce '2015-2-4' to a formatted date (long)"},
	{Date, LitString, "2015-02-30", "Unable to coerce '2015-02-30' to a formatted date (long)"},
	{Date, LitInteger, "5", "00000005"},
	{Date, LitInteger, "4294967296", "Unable to make unsigned int (for date) from: '4294967296'"},
	{Time, LitString, "08:12:54.123456789", "00001ae5c31f8915"},
	{Time, LitString, "8:12:54", "00001ae5bbc3bc00"},
	{Time, LitString, "08:12", "(TimeType) Unable to coerce '08:12' to a formatted time (long)"},
	{Time, LitString, "24:00:00", "(TimeType) Unable to coerce '24:00:00' to a formatted time (long)"},
	{Time, LitInteger, "86400000000000", "Unable to make long (for time) from: '86400000000000'"},
	{Timestamp, LitString, "2015-02-04", "0000014b51e2e800"},
	{Timestamp, LitString, "2015-02-04 17:51", "0000014b55b76fa0"},
	{Timestamp, LitString, "2015-02-04 7:5", "0000014b53680160"},
	{Timestamp, LitString, "2015-02-04T17:51:00.123Z", "0000014b55b7701b"},
	{Timestamp, LitString, "2015-02-04T17:51:00.123456789Z", "0000014b55b7701b"},
	{Timestamp, LitString, "2015-02-04 17:51:00+0100", "0000014b55808120"},
	{Timestamp, LitString, "2015-02-04 17:51:00 +01:00", "0000014b55808120"},
	{Timestamp, LitString, "2015-02-04 17:51+01", "0000014b55808120"},
	{Timestamp, LitString, "2015-02-04 24:00", "0000014b57094400"},
	{Timestamp, LitString, "2015-02-30", "0000014bcd7b8800"},
	{Timestamp, LitString, "-12", "fffffffffffffff4"},
	{Timestamp, LitString, "99999999999999999999", "Unable to make long (for date) from: '99999999999999999999'"},
	{Timestamp, LitString, "2015-02-04 ", "Unable to parse a date/time from '2015-02-04 '"},
	{Timestamp, LitString, "2015-02-04 17:51:60", "Unable to parse a date/time from '2015-02-04 17:51:60'"},
	{Timestamp, LitString, "abc", "Unable to parse a date/time from 'abc'"},
	{Timestamp, LitInteger, "5", "0000000000000005"},
	{Duration, LitDuration, "1h30m", "0000fc09d29229e000"},
	{Duration, LitDuration, "-1h30m", "0000fc09d29229dfff"},
	{Duration, LitDuration, "P1Y2M3DT4H5M6S", "1c06fc1ac003cfe800"},
	{Duration, LitDuration, "P2W", "001c00"},
	{Duration, LitDuration, "P0001-02-03T04:05:06", "1c06fc1ac003cfe800"},
	{Duration, LitInteger, "5", "Unable to convert '5' to a duration"},
	{Duration, LitDuration, "30m1h", "Invalid duration. The minutes should be after hours"},
	{Duration, LitDuration, "1h1h", "Invalid duration. The hours are specified multiple times"},
	{Duration, LitDuration, "9999999999mo", "Invalid duration. The total number of months must be less or equal to 2147483647"},
	{Duration, LitDuration, "2562048h", "Invalid duration. The total number of nanoseconds must be less or equal to 2147483647"},
}

func TestParseLiteral(t *testing.T) {
	for _, tt := range literalTests {
		b, err := tt.of.ParseLiteral(Literal{Class: tt.class, Text: tt.text})
		got := hex.EncodeToString(b)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s %q: %s, want %s", tt.of, tt.text, got, tt.want)
		}
		if err == nil && (b == nil || tt.of.Validate(b) != nil) {
			t.Errorf("%s %q: value %x: %v", tt.of, tt.text, b, tt.of.Validate(b))
		}
	}
}

// Which classes fit which types, as Cassandra decides it; all others are of the wrong class.
func TestLiteralClasses(t *testing.T) {
	fits := map[LiteralClass][]*Type{
		LitString:   {ASCII, Text, Inet, Date, Time, Timestamp},
		LitInteger:  {Bigint, Counter, Date, Decimal, Double, Duration, Float, Int, Smallint, Time, Timestamp, Tinyint, Varint},
		LitFloat:    {Decimal, Double, Float},
		LitBoolean:  {Boolean},
		LitUUID:     {UUID, TimeUUID},
		LitHex:      {Blob},
		LitDuration: {Duration},
	}
	for class := LitString; class <= LitTuple; class++ {
		want := map[*Type]bool{}
		for _, of := range fits[class] {
			want[of] = true
		}
		for _, of := range scalars {
			_, err := of.ParseLiteral(Literal{Class: class, Text: "0"})
			if errors.Is(err, ErrWrongClass) == want[of] {
				t.Errorf("%s, class %d: %v", of, class, err)
			}
		}
	}
	if b, err := Int.ParseLiteral(Literal{Class: LitNull}); b != nil || err != nil {
		t.Errorf("null is %x, %v", b, err)
	}
}

func TestCollectionLiterals(t *testing.T) {
	n := func(text string) Literal { return Literal{Class: LitInteger, Text: text} }
	s := func(text string) Literal { return Literal{Class: LitString, Text: text} }
	tests := []struct {
		of   *Type
		lit  Literal
		want string // as AppendLiteral, or the error
	}{
		{ListOf(Int), Literal{Class: LitList, Elems: []Literal{n("2"), n("1"), n("2")}}, "[2, 1, 2]"},
		{SetOf(Int), Literal{Class: LitSet, Elems: []Literal{n("2"), n("-1"), n("2")}}, "{-1, 2}"},
		{MapOf(Text, Int), Literal{Class: LitMap, Elems: []Literal{s("b"), n("1"), s("a"), n("2"), s("b"), n("3")}}, "{'a': 2, 'b': 3}"},
		{MapOf(Text, Int), Literal{Class: LitSet}, "{}"},
		{TupleOf(Int, Text), Literal{Class: LitTuple, Elems: []Literal{n("1"), {Class: LitNull}}}, "(1, null)"},
		{TupleOf(Int), Literal{Class: LitTuple, Elems: []Literal{n("1"), n("2")}}, "Tuple value contained too many fields (expected 1, got 2)"},
		{ListOf(Int), Literal{Class: LitSet}, ErrWrongClass.Error()},
		{ListOf(Int), n("1"), ErrWrongClass.Error()},
		{ListOf(Int), Literal{Class: LitList, Elems: []Literal{{Class: LitNull}}}, "null is not supported inside collections"},
		{ListOf(Int), Literal{Class: LitList, Elems: []Literal{s("a")}}, "value a is not of type int: " + ErrWrongClass.Error()},
	}
	for _, tt := range tests {
		b, err := tt.of.ParseLiteral(tt.lit)
		got := string(tt.of.AppendLiteral(nil, b))
		if err != nil {
			got = err.Error()
		} else if invalid := tt.of.Validate(b); invalid != nil {
			t.Errorf("%s: %x: %v", tt.of, b, invalid)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.of, got, tt.want)
		}
	}
}

// No text of any class may be more than refused.
func FuzzParseLiteral(f *testing.F) {
	for _, tt := range literalTests {
		f.Add(byte(tt.of.kind), tt.text)
	}
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		for _, of := range scalars {
			if byte(of.kind) != kind {
				continue
			}
			b, err := of.parseScalar(text)
			if err == nil && of.Validate(b) != nil {
				t.Fatalf("%s %q: %x: %v", of, text, b, of.Validate(b))
			}
		}
	})
}
