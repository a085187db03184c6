package types

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What is shown as JSON is read back as the same value, but for numbers that pass through a double and times of far years.
func TestJSONIsReadBack(t *testing.T) {
	exact := []*Type{
		ASCII, Bigint, Blob, Boolean, Date, Int, Smallint, Text, Time, TimeUUID, Tinyint, UUID, Varint, Duration,
		Frozen(ListOf(Int)), Frozen(SetOf(Text)), Frozen(MapOf(Text, Varint)), Frozen(MapOf(Blob, SetOf(Boolean))), TupleOf(Int, Text, Blob),
		Frozen(MapOf(TupleOf(Text, Date), ListOf(UUID))), TupleOf(TupleOf(Time), ListOf(Tinyint)),
		UDTOf("ks", "address", []string{"street", "Number", `odd "name"`}, []*Type{Text, Int, ListOf(Blob)}),
	}
	rapid.Check(t, func(r *rapid.T) {
		of := rapid.SampledFrom(exact).Draw(r, "type")
		value := genValue(r, of, "value")
		text := string(of.AppendJSON(nil, value))
		if !json.Valid([]byte(text)) {
			r.Fatalf("%s %x is shown as %s", of, value, text)
		}
		if isEmptyWithin(of, value) {
			return // an empty string is not read back by all types
		}
		j, err := ReadJSON(text)
		if err != nil {
			r.Fatalf("%s: %v", text, err)
		}
		got, err := of.FromJSON(j)
		if err != nil {
			r.Fatalf("%s of %s: %v", text, of, err)
		}
		if !bytes.Equal(of.OneForm(got), of.OneForm(value)) {
			r.Fatalf("%s of %s is %x, was %x", text, of, got, value)
		}
	})
}

// isEmptyWithin tells whether a value, or one in it, is the empty value of a type other than strings and bytes.
func isEmptyWithin(of *Type, value []byte) bool {
	if value == nil || of.kind == KindText || of.kind == KindASCII || of.kind == KindBlob {
		return false
	}
	if len(value) == 0 {
		return true
	}
	if len(of.elems) == 0 {
		return false
	}
	elems, _ := of.SplitCollection(value)
	for i, e := range elems {
		if isEmptyWithin(of.elems[i%len(of.elems)], e) {
			return true
		}
	}
	return false
}

// What is shown of a value without null in it is JSON, whatever the value.
func TestJSONIsValid(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		of := genType(r)
		if text := of.AppendJSON(nil, genValue(r, of, "value")); !json.Valid(text) {
			t.Fatalf("%s", text)
		}
	})
}

var jsonTexts = []string{
	`{}`, `[]`, ` [ 1 , -2.5e+3, "a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d", true,false ,null,{"a" :{"b":[[]]}} ] x`, `0`, `-0.0`, `1E5 `,
	`01`, `1.`, `.5`, `-`, `1e`, `+1`, `nul`, `NaN`, `"a`, `"\q"`, `"\u12g4"`, "\"\t\"", `[1,]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1`, `[`, `]`, ``, ` `,
	`"x" y`, `1x`, `truex`, `"\ud83d\u0041"`, `"\ude00\ud83d"`, `"é"`, "\xff", `{"a":1,"a":2}`,
}

// Reading a value agrees with package encoding/json, but that what follows the value is not looked at.
func FuzzReadJSON(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		j, err := ReadJSON(text)
		switch valid := json.Valid([]byte(text)); {
		case err == nil && !json.Valid([]byte(j.text)):
			t.Fatalf("%q was read from %q", j.text, text)
		case err != nil && valid && !strings.Contains(err.Error(), "exceeds the maximum"):
			t.Fatalf("%q: %v", text, err)
		case err != nil:
			return
		}
		if want := ""; j.kind() == jsonString && json.Unmarshal([]byte(j.text), &want) == nil && !strings.ContainsRune(want, '\uFFFD') {
			if got := j.String(); got != want {
				t.Fatalf("%s is %q, want %q", j.text, got, want)
			}
		}
		for _, of := range []*Type{Int, Text, Decimal, Double, Timestamp, Frozen(ListOf(Int)), Frozen(MapOf(Int, ListOf(Text))), TupleOf(Int, Text)} {
			if v, err := of.FromJSON(j); err == nil && v != nil && of.Validate(v) != nil {
				t.Fatalf("%s as %s is %x: %v", j.text, of, v, of.Validate(v))
			}
		}
	})
}

func TestJSONLimits(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for text, want := range map[string]string{
		deep(JSONDepthMax):                   "",
		deep(JSONDepthMax + 1):               "Document nesting depth (1001) exceeds the maximum allowed (1000) at line 1, column 1001",
		strings.Repeat("[", 1<<20):           "Document nesting depth (1001) exceeds the maximum allowed (1000) at line 1, column 1001",
		strings.Repeat("1", JSONNumberMax):   "",
		strings.Repeat("1", JSONNumberMax+1): "Number value length (1001) exceeds the maximum allowed (1000) at line 1, column 1002",
		"[1,\n 2 3]":                         "Unexpected character ('3' (code 51)): was expecting comma to separate Array entries at line 2, column 4",
	} {
		got := ""
		if _, err := ReadJSON(text); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", Shown(text), got, want)
		}
	}
}

// Reading allocates nothing, however long the text.
func TestReadingJSONAllocatesNothing(t *testing.T) {
	text := `{"a": [` + strings.Repeat(`{"x": "y", "z": [1, 2.5e3, null]},`, 10_000) + `true]}`
	if n := testing.AllocsPerRun(2, func() {
		if _, err := ReadJSON(text); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
