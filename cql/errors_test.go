package cql

import (
	"errors"
	"strings"
	"testing"
)

// refusals are texts and the whole message of their error, caret line included.
var refusals = []struct{ text, want string }{
	{"", "line 1:0 no viable alternative at input '<EOF>'\n\n^"},
	{";", "line 1:0 no viable alternative at input ';'\n;\n^"},
	{"-- only a comment", "line 1:17 no viable alternative at input '<EOF>'\n-- only a comment\n                 ^"},
	{"FOO BAR", "line 1:0 no viable alternative at input 'FOO'\nFOO BAR\n^"},
	{"CREATE foo", "line 1:7 no viable alternative at input 'foo'\nCREATE foo\n       ^"},
	{"SELECT * FORM t", "line 1:9 mismatched input 'FORM' expecting K_FROM\nSELECT * FORM t\n         ^"},
	{"SELECT FROM t", "line 1:7 no viable alternative at input 'FROM'\nSELECT FROM t\n       ^"},
	{"SELECT * FROM t foo", "line 1:16 mismatched input 'foo' expecting EOF\nSELECT * FROM t foo\n                ^"},
	{"SELECT * FROM t; SELECT", "line 1:17 mismatched input 'SELECT' expecting EOF\nSELECT * FROM t; SELECT\n                 ^"},
	{"SELECT *\n  FROM t WHERE\n\ta ! 1", "line 3:3 no viable alternative at character '!'\n a ! 1\n   ^"},
	{"SELECT * FROM t WHERE a = b", "line 1:26 no viable alternative at input 'b'\nSELECT * FROM t WHERE a = b\n                          ^"},
	{"SELECT * FROM t LIMIT 'x'", "line 1:22 no viable alternative at input 'x' (expecting an integer or a bind marker)\nSELECT * FROM t LIMIT 'x'\n                      ^"},
	{"SELECT 'é', ü FROM t", "line 1:12 no viable alternative at character 'ü'\nSELECT 'é', ü FROM t\n            ^"},
	{"INSERT INTO t (a) VALUES (1", "line 1:27 mismatched input '<EOF>' expecting ')'\nINSERT INTO t (a) VALUES (1\n                           ^"},
	{"UPDATE t SET a = 1", "line 1:18 mismatched input '<EOF>' expecting K_WHERE\nUPDATE t SET a = 1\n                  ^"},
	{"UPDATE t SET a = b + 1 WHERE k = 1", "line 1:17 Only expressions of the form X = X +<value> are supported.\nUPDATE t SET a = b + 1 WHERE k = 1\n                 ^"},
	{"DELETE FROM t USING TTL 5 WHERE a = 1", "line 1:20 mismatched input 'TTL' expecting K_TIMESTAMP\nDELETE FROM t USING TTL 5 WHERE a = 1\n                    ^"},
	{"CREATE TABLE order (a int)", "line 1:13 no viable alternative at input 'order' (a reserved word: as a name it is written \"order\")\nCREATE TABLE order (a int)\n             ^"},
	{"CREATE TABLE t (a int PRIMARY KEY) WITH c 'x'", "line 1:42 mismatched input 'x' expecting '='\nCREATE TABLE t (a int PRIMARY KEY) WITH c 'x'\n                                          ^"},
	{"CREATE TABLE t (a int PRIMARY KEY) WITH c = ?", "line 1:44 bind variables are not supported in the definition of tables and keyspaces\nCREATE TABLE t (a int PRIMARY KEY) WITH c = ?\n                                            ^"},
	{"EXPLAIN EXPLAIN SELECT * FROM t", "line 1:8 no viable alternative at input 'EXPLAIN'\nEXPLAIN EXPLAIN SELECT * FROM t\n        ^"},
	{"SELECT 1dx FROM t", "line 1:7 no viable alternative at input '1dx'\nSELECT 1dx FROM t\n       ^"},
	{"SELECT 'abc", "line 1:7 unterminated string\nSELECT 'abc\n       ^"},
	{"SELECT \"abc", "line 1:7 unterminated quoted name\nSELECT \"abc\n       ^"},
	{"SELECT /* abc", "line 1:7 unterminated comment\nSELECT /* abc\n       ^"},
	{"SELECT $$abc", "line 1:7 unterminated string\nSELECT $$abc\n       ^"},
}

func TestErrorsNameThePlaceAndShowIt(t *testing.T) {
	for _, c := range refusals {
		_, err := Parse(c.text)
		if err == nil {
			t.Errorf("%q is read", c.text)
			continue
		}
		if got := err.Error(); got != c.want {
			t.Errorf("%q\ngot\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
}

func TestErrorsInLongLinesShowAWindow(t *testing.T) {
	text := "SELECT " + strings.Repeat("ab, ", 1000) + "! " + strings.Repeat("xy ", 1000)
	_, err := Parse(text)
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("got %v", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines in %q", len(lines), err)
	}
	shown, caret := []rune(lines[1]), len(lines[2])-1
	if len(shown) != excerptBefore+excerptAfter+2 || shown[0] != '…' || shown[len(shown)-1] != '…' || shown[caret] != '!' {
		t.Errorf("window %q, caret at %d", lines[1], caret)
	}
	if syntax.Pos.Offset != strings.IndexByte(text, '!') {
		t.Errorf("error at %+v", syntax.Pos)
	}
}
