package cql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alecthomas/participle/v2/lexer"
	"pgregory.net/rapid"
)

func shapeOf(text string) (string, []Cut, bool) {
	key, cuts, ok := Shape(text, nil, nil)
	return string(key), cuts, ok
}

func TestShape(t *testing.T) {
	for text, want := range map[string]string{
		"INSERT INTO t (k, v) VALUES ('it''s', -1.5)":                                      "INSERT INTO t (k, v) VALUES (S, F) it's -1.5",
		"UPDATE t SET v=v-1, w = -2 WHERE k=0xcafe":                                        "UPDATE t SET v=v-I, w = I WHERE k=B 1 -2 0xcafe",
		"DELETE FROM \"a'b\" WHERE k = 550e8400-e29b-41d4-a716-446655440000 AND d = 1h30m": "DELETE FROM \"a'b\" WHERE k = U AND d = D 550e8400-e29b-41d4-a716-446655440000 1h30m",
		"SELECT true, null, nan, t1 FROM t LIMIT 10;":                                      "SELECT true, null, nan, t1 FROM t LIMIT I; 10",
		"": "",
	} {
		key, cuts, ok := shapeOf(text)
		for class, letter := range map[LiteralClass]string{LiteralString: "S", LiteralInteger: "I", LiteralFloat: "F", LiteralUUID: "U", LiteralBlob: "B", LiteralDuration: "D"} {
			key = strings.ReplaceAll(key, string([]byte{shapeMark, byte(class)}), letter)
		}
		for _, c := range cuts {
			key += " " + c.Text
		}
		if !ok || key != want {
			t.Errorf("%s\n got %s, %v\nwant %s", text, key, ok, want)
		}
	}
	long := strings.Repeat("x", ShapeBytesMax)
	for _, text := range []string{
		"SELECT ?", "SELECT :a", "SELECT 1 -- 2", "SELECT 1 // 2", "SELECT 1 /* 2 */", "SELECT $$a$$", "SELECT 'a", `SELECT "a`, "SELECT 1a", "SELECT P1D", "SELECT \x01\x02", "SELECT é",
		"SELECT (-0xab", "SELECT " + long, "'" + strings.Repeat("1,", ShapeLiteralsMax+1),
	} {
		if key, _, ok := shapeOf(text); ok {
			t.Errorf("%.40s has the shape %.40q", text, key)
		}
	}
	if _, cuts, ok := shapeOf("SELECT '" + long + "'"); !ok || len(cuts) != 1 {
		t.Error("a long literal counts for the shape")
	}
}

// isCut tells which tokens Shape cuts out.
func isCut(t lexer.Token) bool {
	switch t.Type {
	case tokenString, tokenInteger, tokenFloat, tokenUUID, tokenBlob, tokenDuration:
		return true
	}
	return false
}

// checkShape: what Shape cuts out of a text are the literals that the scanner finds, and the rest is the text between them.
func checkShape(t interface{ Fatalf(string, ...any) }, text string) {
	key, cuts, ok := shapeOf(text)
	if !ok {
		return
	}
	rest, at := "", 0
	for s := newScanner(text); ; {
		token, err := s.Next()
		if err != nil || token.EOF() {
			if err != nil && len(cuts) > 0 {
				break // Parse refuses it, so that nothing is learned of it
			}
			if rest += text[at:]; len(cuts) > 0 || rest != key {
				t.Fatalf("%q: the shape is %q, and %v are left; the tokens give %q", text, key, cuts, rest)
			}
			return
		}
		if !isCut(token) {
			continue
		}
		if len(cuts) == 0 {
			t.Fatalf("%q: the token %v was not cut out", text, token)
		}
		c, l := cuts[0], literalOf(&token)
		if c.Offset == token.Pos.Offset-1 && text[c.Offset] == '-' {
			l.Text, l.Offset = "-"+l.Text, c.Offset
		}
		if c != (Cut{l.Class, l.Text, l.Offset}) {
			t.Fatalf("%q: %v was cut out for the token %v", text, c, token)
		}
		rest += text[at:c.Offset] + string([]byte{shapeMark, byte(c.Class)})
		at, cuts = s.at, cuts[1:]
	}
}

func FuzzShape(f *testing.F) {
	for _, c := range statements {
		f.Add(c.text)
	}
	for _, c := range refusals {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkShape(t, text) })
}

// Texts that differ in what is written in literals have one shape, and the same tokens otherwise.
func TestShapesAreOfTokens(t *testing.T) {
	pieces := []string{"a", "P", "pt", "'x'", "''", "'it''s'", "1", "1.5", "1e5", "0xab", "1h", "-", "--", "(", ",", "=", " ", "\n", ".", "..", `"n"`, "e5", "550e8400-e29b-41d4-a716-446655440000",
		"true", "null", "$$", "?", "/", "*", "µs", "x'", "abcdef01", "+"}
	rapid.Check(t, func(t *rapid.T) {
		checkShape(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(t, "pieces"), ""))
		one, other := rapid.Int64().Draw(t, "one"), rapid.Int64().Draw(t, "other")
		text := func(n int64) string { return fmt.Sprintf("INSERT INTO t (a, b) VALUES (%d, '%d')", n, n) }
		a, cuts, _ := shapeOf(text(one))
		if b, _, ok := shapeOf(text(other)); !ok || a != b || cuts[0].Text != fmt.Sprint(one) {
			t.Fatalf("%q and %q", a, b)
		}
	})
}
