package cqltest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// badInput is a text that is too much of something, and what the answer says; "" for one that is carried out.
type badInput struct{ name, text, want string }

// bigText is how long the texts are: as long as they may be, or in an ordinary run so long that what grows with them is seen.
func bigText() int {
	if os.Getenv("ESKER_SOAK") != "" {
		return 16<<20 - 1000
	}
	return 256 << 10
}

const insertText, insertList = "INSERT INTO t (k, te) VALUES (1, ", "INSERT INTO t (k, l) VALUES (1, "

func repeat(n int, item string) string { return strings.Repeat(item, n) }

// nested are brackets, types, calls and operators that are deeper than anyone writes.
func nested() []badInput {
	const deep = 1000
	return []badInput{
		{"lists", insertList + repeat(deep, "[") + repeat(deep, "]") + ")", "line 1:287 brackets nest deeper than 256"},
		{"lists without end", insertList + repeat(bigText(), "["), "line 1:287 brackets nest deeper than 256"},
		{"maps", insertList + repeat(deep, "{1:") + "1" + repeat(deep, "}") + ")", "brackets nest deeper than 256"},
		{"tuples", insertList + repeat(deep, "(") + "1" + repeat(deep, ")") + ")", "brackets nest deeper than 256"},
		{"types", "CREATE TABLE x (k int PRIMARY KEY, v " + repeat(deep, "frozen<list<") + "int" + repeat(2*deep, ">") + ")", "type nests deeper than 256"},
		{"hints", "SELECT " + repeat(deep, "(int)") + "k FROM t", "term nests deeper than 256"},
		{"calls", "SELECT " + repeat(deep, "to_json(") + "k" + repeat(deep, ")") + " FROM t", "brackets nest deeper than 256"},
		{"signs", "SELECT " + repeat(deep, "- ") + "k FROM t", "term nests deeper than 256"},
		{"batches", repeat(deep, "BEGIN BATCH "), "line 1:12 "},
		{"JSON", "INSERT INTO t JSON '{\"k\": 1, \"l\": " + repeat(deep+1, "[") + repeat(deep+1, "]") + "}'", "Document nesting depth (1001) exceeds the maximum allowed (1000) at line 1, column "},
		{"JSON without end", "INSERT INTO t JSON '" + repeat(bigText(), "[") + "'", "Document nesting depth (1001)"},
		{"JSON in strings", "INSERT INTO t (k, l) VALUES (1, from_json('" + repeat(300, `"[`) + "'))", "Error decoding JSON string: Unexpected end-of-input"},
	}
}

// manyColumns are more than a table may have, and with ESKER_SOAK as many as the protocol can count.
func manyColumns() string {
	n := 11_000
	if os.Getenv("ESKER_SOAK") != "" {
		n = 65_534
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ", c%d int", i)
	}
	return b.String()
}

// many are texts of more items than anyone writes.
func many() []badInput {
	const most = 65536
	return []badInput{
		{"bytes", "SELECT k FROM t" + repeat(16<<20, " "), "line 1:0 statement has 16777231 bytes, more than 16777216"},
		{"tokens", "INSERT INTO t (k, te) VALUES (" + repeat(1<<20, ","), "statement has more than 1048576 tokens"},
		{"markers", "SELECT k FROM t WHERE k IN (?" + repeat(most-1, ",?") + ")", "statement has more than 65535 bind markers"},
		{"columns of a table", "CREATE TABLE w (k int PRIMARY KEY" + manyColumns() + ")", "columns; the most is 10000"},
		{"columns of INSERT", "INSERT INTO t (k" + repeat(most, ",k") + ") VALUES (1)", "Unmatched column names/values"},
		{"duplicates of INSERT", "INSERT INTO t (k" + repeat(most, ",k") + ") VALUES (1" + repeat(most, ",1") + ")", "The column names contains duplicates"},
		{"fields of JSON", `INSERT INTO t JSON '{"k": 1` + repeat(most, `,"te": "x"`) + `}'`, ""},
		{"unknown fields of JSON", `INSERT INTO t JSON '{"k": 1` + repeat(most, `,"x": 1`) + `}'`, "JSON values map contains unrecognized column: x"},
		{"statements of a batch", "BEGIN BATCH " + repeat(5000, "INSERT INTO t (k, te) VALUES (1, 'a');"), "mismatched input '<EOF>' expecting "},
		{"terms", "SELECT k" + repeat(most, "+k") + " FROM t", "term nests deeper than 256"},
	}
}

// large are values that are too large for what they are for.
func large() []badInput {
	key, long := repeat(65536, "k"), repeat(100_000, "9")
	return []badInput{
		{"partition key", "INSERT INTO key (k, c) VALUES ('" + key + "', 'c')", "Key length of 65536 is longer than maximum of 65535"},
		{"clustering key", "INSERT INTO key (k, c) VALUES ('k', '" + key + "')", "Key length of 65536 is longer than maximum of 65535"},
		{"key of a SELECT", "SELECT c FROM key WHERE k = '" + key + "'", "Key length of 65536 is longer than maximum of 65535"},
		{"key of JSON", `INSERT INTO key JSON '{"k": "` + key + `", "c": "c"}'`, "Key length of 65536 is longer than maximum of 65535"},
		{"largest key", "INSERT INTO key (k, c) VALUES ('" + key[1:] + "', 'c')", ""},
		{"int", "INSERT INTO t (k) VALUES (" + long + ")", "Unable to make int from '999"},
		{"varint", "INSERT INTO t (k, vi) VALUES (1, " + long + ")", "unable to make int from '999"},
		{"decimal", "INSERT INTO t (k, de) VALUES (1, 0." + long + ")", "unable to make BigDecimal from '0.999"},
		{"exponent", "INSERT INTO t (k, de) VALUES (1, 1e" + long + ")", "unable to make BigDecimal from '1e999"},
		{"JSON number", `INSERT INTO t JSON '{"k": ` + long + `}'`, "Number value length (100000) exceeds the maximum allowed (1000)"},
		{"limit", "SELECT k FROM t LIMIT 99999999999", "Unable to make int from '99999999999'"},
		{"timestamp", "INSERT INTO t (k) VALUES (1) USING TIMESTAMP 9223372036854775808", "Unable to make long from '9223372036854775808'"},
		{"TTL", "INSERT INTO t (k) VALUES (1) USING TTL 630720001", "ttl is too large"},
		{"hex", "INSERT INTO t (k, bl) VALUES (1, 0x" + repeat(bigText()|1, "a") + ")", "cannot parse 'aaa"},
		{"time", "INSERT INTO t (k, ts) VALUES (1, '" + long + "')", "Unable to make long (for date) from: '999"},
		{"zone", "INSERT INTO t (k, ts) VALUES (1, '2026-01-01 10:00 " + repeat(100_000, "Z") + "')", "Unable to parse a date/time from '2026"},
		{"address", "INSERT INTO t (k, ine) VALUES (1, '" + repeat(100_000, "1.") + "')", "Unable to make inet address from '1.1"},
		{"name", "CREATE TABLE " + repeat(bigText(), "x") + " (k int PRIMARY KEY)", "xxx"},
		{"unknown column", "SELECT " + repeat(bigText(), "x") + " FROM t", "Undefined column name xxx"},
		{"unknown function", "SELECT " + repeat(bigText(), "x") + "(k) FROM t", "nknown function 'xxx"},
	}
}

// wrong are signs and strings that are none.
func wrong() []badInput {
	return []badInput{
		{"sign", "SELECT § FROM t", "line 1:7 no viable alternative at character '§'"},
		{"sign in the second line", "SELECT\n  \\n FROM t", "line 2:2 no viable alternative at character '\\'"},
		{"NUL", "SELECT \x00 FROM t", "line 1:7 no viable alternative at character"},
		{"byte that begins no character", "SELECT \xff FROM t", "line 1:7 no viable alternative at character"},
		{"string that is no UTF-8", insertText + "'a\xffb')", "String didn't validate. Byte 1 is 0xff, which is not UTF-8"},
		{"name that is no UTF-8", "SELECT \"a\xffb\" FROM t", "a"},
		{"JSON that is no UTF-8", "INSERT INTO t JSON '{\"k\": 1, \"te\": \"\xff\"}'", "String didn't validate"},
		{"half a character", insertText + "'\xe2\x82')", "String didn't validate"},
		{"open string", insertText + "'" + repeat(bigText(), "x"), "line 1:33 unterminated string"},
		{"open dollars", insertText + "$$" + repeat(bigText(), "x"), "line 1:33 unterminated string"},
		{"open name", `SELECT "` + repeat(bigText(), "x"), "line 1:7 unterminated quoted name"},
		{"open comment", "SELECT k /* " + repeat(bigText(), "x"), "line 1:9 unterminated comment"},
		{"escape of JSON", `INSERT INTO t JSON '{"k": 1, "te": "\q"}'`, "Unrecognized character escape 'q' (code 113) at line 1, column "},
		{"escape of JSON cut off", `INSERT INTO t JSON '{"k": 1, "te": "\u12"}'`, "expected a hex-digit for character escape sequence"},
		{"nothing", "", "line 1:0 no viable alternative at input '<EOF>'"},
		{"blanks", repeat(bigText()/2, " \n"), "no viable alternative at input '<EOF>'"},
		{"semicolons", repeat(1000, ";"), "line 1:0 no viable alternative at input ';'"},
	}
}

// Too much of anything gets one short answer that says what and where, and leaves nothing behind.
func TestBadInput(t *testing.T) {
	e := open(t, Options{})
	for _, text := range []string{
		"CREATE KEYSPACE bad WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}", "USE bad",
		"CREATE TABLE t (k int PRIMARY KEY, te text, l frozen<list<int>>, vi varint, de decimal, bl blob, ts timestamp, ine inet)",
		"CREATE TABLE key (k text, c text, PRIMARY KEY (k, c))",
	} {
		if _, err := e.Query(text, 0); err != nil {
			t.Fatal(err)
		}
	}
	inputs := append(append(append(nested(), many()...), large()...), wrong()...)
	var before, after runtime.MemStats
	for round := range 2 {
		if round == 1 { // what is made once is made
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		for _, in := range inputs {
			if wrong := badAnswer(e, in); wrong != "" && round == 0 {
				t.Errorf("%s: %s", in.name, wrong)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(inputs)
	const mostLeft = 4 << 20
	if left := int64(after.HeapAlloc) - int64(before.HeapAlloc); left > mostLeft {
		t.Errorf("%d bytes are left behind", left)
	}
}

// badAnswer says what is wrong with the answer to a text.
func badAnswer(e *Embedded, in badInput) string {
	const answerMax = 2000 // bytes of a message
	_, err := e.Query(in.text, 0)
	var refused *Refusal
	switch {
	case in.want == "" && err == nil:
		return ""
	case err == nil:
		return "carried out"
	case !errors.As(err, &refused), in.want == "":
		return err.Error()
	case !slices.Contains([]int{0x1400, 0x2000, 0x2200, 0x2300}, refused.Code):
		return fmt.Sprintf("code %04x: %v", refused.Code, err)
	case refused.Code == 0x2000 && !strings.HasPrefix(refused.Message, "line "):
		return "no place in " + refused.Message
	case len(refused.Message) > answerMax:
		return fmt.Sprintf("the answer has %d bytes: %.300s", len(refused.Message), refused.Message)
	case !strings.Contains(refused.Message, in.want):
		return fmt.Sprintf("%.300q, want %.200q", refused.Message, in.want)
	}
	return ""
}
