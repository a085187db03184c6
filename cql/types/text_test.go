package types

import (
	"bytes"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

// literalClasses are the classes in which a type's own literals are written.
var literalClasses = map[Kind]LiteralClass{
	KindASCII: LitString, KindText: LitString, KindInet: LitString, KindBlob: LitHex, KindBoolean: LitBoolean,
	KindUUID: LitUUID, KindTimeUUID: LitUUID, KindDuration: LitDuration, KindDecimal: LitFloat, KindDouble: LitFloat, KindFloat: LitFloat,
}

// readLiteral reads the text of a scalar's literal as a statement's parser would.
func readLiteral(of *Type, text string) Literal {
	class := literalClasses[of.kind]
	if class == 0 {
		class = LitInteger
	}
	if len(text) > 1 && text[0] == '\'' {
		class, text = LitString, string(bytes.ReplaceAll([]byte(text[1:len(text)-1]), []byte("''"), []byte("'")))
	}
	return Literal{Class: class, Text: text}
}

func TestLiteralRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		of := genType(r)
		v := genValue(r, of, "v")
		if len(of.elems) > 0 || len(v) == 0 && of.kind != KindText && of.kind != KindASCII && of.kind != KindBlob {
			r.Skip("collections have a test of their own; other empty values have no literal")
		}
		text := string(of.AppendLiteral(nil, v))
		got, err := of.ParseLiteral(readLiteral(of, text))
		// A literal names a number, not its bits: needless bytes, odd NaNs and booleans like 0x7F become the usual ones.
		exact := of.kind != KindVarint && of.kind != KindDecimal && of.kind != KindDouble && of.kind != KindFloat && of.kind != KindBoolean
		if err != nil || of.Compare(got, v) != 0 || exact && !bytes.Equal(got, v) {
			r.Fatalf("%s: %x is written %s and read %x, %v", of, v, text, got, err)
		}
		if of.kind == KindDecimal && !bytes.Equal(got[:4], v[:4]) {
			r.Fatalf("%x is written %s and read with another scale, %x", v, text, got)
		}
	})
}

func TestText(t *testing.T) {
	value := func(of *Type, class LiteralClass, text string) []byte {
		b, err := of.ParseLiteral(Literal{Class: class, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	at := value(Timestamp, LitString, "2015-02-04 17:51:00")
	tests := []struct {
		of            *Type
		value         []byte
		text, literal string
	}{
		{Int, nil, "null", "null"},
		{Int, []byte{}, "", "''"},
		{Int, []byte{1}, "0x01", "0x01"},
		{Text, []byte("it's"), "it's", "'it''s'"},
		{Blob, []byte{0xCA, 0xFE}, "0xcafe", "0xcafe"},
		{Boolean, []byte{1}, "True", "true"},
		{Timestamp, at, "2015-02-04 17:51:00.000000+0000", "'2015-02-04T17:51:00.000Z'"},
		{Timestamp, AppendTimestampMillis(nil, 1<<60), "1152921504606846976", "1152921504606846976"},
		{Date, AppendDate(nil, 16470), "2015-02-04", "'2015-02-04'"},
		{Date, AppendDate(nil, 1<<31-1), "4294967295", "4294967295"},
		{Time, AppendBigint(nil, 29574123456789), "08:12:54.123456789", "'08:12:54.123456789'"},
		{Duration, AppendDuration(nil, 14, 3, 14706007008009), "1y2mo3d4h5m6s7ms8us9ns", "1y2mo3d4h5m6s7ms8us9ns"},
		{Duration, AppendDuration(nil, -1, 0, -1), "-1mo1ns", "-1mo1ns"},
		{Duration, AppendDuration(nil, 0, 0, 0), "", "0s"},
		{Double, AppendDouble(nil, 20), "20", "20"},
		{Double, AppendDouble(nil, 0.1), "0.1", "0.1"},
		{Double, AppendDouble(nil, 1e300), "1e+300", "1e+300"},
		{Float, AppendFloat(nil, 0.1), "0.1", "0.1"},
		{Decimal, AppendDecimal(nil, dec(150, 2)), "1.50", "1.50"},
		{Decimal, AppendDecimal(nil, dec(-5, 3)), "-0.005", "-0.005"},
		{Decimal, AppendDecimal(nil, dec(123, -5)), "1.23E+7", "1.23E+7"},
		{Decimal, AppendDecimal(nil, dec(1, 7)), "1E-7", "1E-7"},
		{Decimal, AppendDecimal(nil, dec(1, 2000000000)), "1E-2000000000", "1E-2000000000"},
		{UUID, value(UUID, LitUUID, "550E8400-e29b-41d4-a716-446655440000"), "550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"},
		{Inet, []byte{1, 2, 3, 4}, "1.2.3.4", "'1.2.3.4'"},
		{Frozen(SetOf(Text)), SetOf(Text).AppendCollection(nil, [][]byte{[]byte("a"), []byte("b'")}), "{'a', 'b'''}", "{'a', 'b'''}"},
		{ListOf(Timestamp), ListOf(Timestamp).AppendCollection(nil, [][]byte{at}), "['2015-02-04 17:51:00.000000+0000']", "['2015-02-04T17:51:00.000Z']"},
		{MapOf(Int, Boolean), MapOf(Int, Boolean).AppendCollection(nil, [][]byte{AppendInt(nil, 1), {0}}), "{1: False}", "{1: false}"},
		{TupleOf(Int, Date), TupleOf(Int, Date).AppendCollection(nil, [][]byte{nil, AppendDate(nil, 0)}), "(null, 1970-01-01)", "(null, '1970-01-01')"},
		{UDTOf("k", "u", []string{"a", "B"}, []*Type{Int, Int}), AppendElem(nil, AppendInt(nil, 1)), "{a: 1, B: null}", `{a: 1, "B": null}`},
	}
	for _, tt := range tests {
		if got := string(tt.of.AppendText(nil, tt.value, TextOptions{})); got != tt.text {
			t.Errorf("%s %x: shown %q, want %q", tt.of, tt.value, got, tt.text)
		}
		if got := string(tt.of.AppendLiteral(nil, tt.value)); got != tt.literal {
			t.Errorf("%s %x: literal %q, want %q", tt.of, tt.value, got, tt.literal)
		}
	}
	if got := string(Double.AppendText(nil, AppendDouble(nil, 1.0/3), TextOptions{DoubleDigits: 5})); got != "0.33333" {
		t.Errorf("a third in five digits: %s", got)
	}
}

// The refusals are Apache Cassandra 5.0.5's.
func TestValidate(t *testing.T) {
	tests := []struct {
		of         *Type
		value, err string
	}{
		{Int, "", ""}, {Int, "0000", "Expected 4 or 0 byte int (2)"},
		{Bigint, "00", "Expected 8 or 0 byte long (1)"},
		{Smallint, "", "Expected 2 bytes for a smallint (0)"},
		{Tinyint, "", "Expected 1 byte for a tinyint (0)"},
		{Boolean, "0000", "Expected 1 or 0 byte value (2)"},
		{Float, "00", "Expected 4 or 0 byte value for a float (1)"},
		{Double, "00", "Expected 8 or 0 byte value for a double (1)"},
		{Timestamp, "00", "Expected 8 or 0 byte long for date (1)"},
		{Date, "", "Expected 4 byte long for date (0)"},
		{Time, "", "Expected 8 byte long for time (0)"}, {Time, "ffffffffffffffff", ""},
		{UUID, "00", "UUID should be 16 or 0 bytes (1)"},
		{TimeUUID, "00000000000000000000000000000000", "Invalid version for TimeUUID type: 0x0"},
		{Decimal, "000000", "Expected 0 or at least 4 bytes (3)"}, {Decimal, "00000000", ""},
		{Inet, "ffff", "Expected 4 or 16 byte inetaddress; got ffff"}, {Inet, "", ""},
		{ASCII, "c3a9", "Invalid byte for ascii: -61"},
		{Text, "61ff", "String didn't validate. Byte 1 is 0xff, which is not UTF-8 there"}, {Text, "c3a9", ""},
		{Duration, "0000", "Expected at least 3 bytes for a duration (2)"},
		{Duration, "000002", ""}, {Duration, "010002", "The duration months, days and nanoseconds must be all of the same sign (-1, 0, 1)"},
		{Duration, "f1000000000000", "The duration months must be a 32 bits integer but was: 2147483648"},
		{ListOf(Int), "00000001000000040000000f", ""}, {ListOf(Int), "0000000100000003000000", "Expected 4 or 0 byte int (3)"},
		{ListOf(Int), "ffffffff", "The data cannot be deserialized as a list"}, {ListOf(Int), "7fffffff", "Not enough bytes to read a list"},
		{ListOf(Int), "00000000ff", "Unexpected extraneous bytes after list value"},
		{MapOf(Int, Int), "00000001ffffffffffffffff", "Null value read when not allowed"},
		{TupleOf(Int, Text), "00000004000000ff000000016100", "Invalid remaining data after end of tuple value"},
		{TupleOf(Int, Text), "ffffffff", ""}, {TupleOf(Int, Text), "fffffffe", "Not enough bytes to read 0th component"},
	}
	for _, tt := range tests {
		b, err := hex.DecodeString(tt.value)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := tt.of.Validate(b); err != nil {
			got = err.Error()
		}
		if got != tt.err {
			t.Errorf("%s %s: %q, want %q", tt.of, tt.value, got, tt.err)
		}
		if tt.of.Validate(nil) != nil {
			t.Errorf("%s: null is refused", tt.of)
		}
	}
	for _, of := range scalars {
		if of.AllowsEmpty() != (of.Validate([]byte{}) == nil) {
			t.Errorf("%s: AllowsEmpty and Validate disagree", of)
		}
	}
}
