package cql

import (
	"strings"
	"testing"

	"github.com/alecthomas/participle/v2/lexer"
)

func tokens(t *testing.T, text string) []lexer.Token {
	t.Helper()
	all, err := lexer.ConsumeAll(newScanner(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return all[:len(all)-1]
}

func TestTokensHaveTheirClass(t *testing.T) {
	for text, want := range map[string]struct {
		kind  tokenKind
		value string
	}{
		"Abc_1": {tokenIdent, "abc_1"}, `"A""b"`: {tokenQuoted, `"A""b"`}, "select": {tokenReserved, "SELECT"}, "Key": {tokenUnreserved, "KEY"},
		"ColumnFamily": {tokenReserved, "TABLE"}, "'a''b'": {tokenString, "'a''b'"}, "$$a'b$$": {tokenString, "$$a'b$$"},
		"12": {tokenInteger, "12"}, "1.": {tokenFloat, "1."}, "1.5": {tokenFloat, "1.5"}, "1e5": {tokenFloat, "1e5"}, "1.5E-3": {tokenFloat, "1.5E-3"},
		"TRUE": {tokenBoolean, "true"}, "0xCafe": {tokenBlob, "0xCafe"}, "0x": {tokenBlob, "0x"},
		"550e8400-e29b-41d4-a716-446655440000": {tokenUUID, "550e8400-e29b-41d4-a716-446655440000"},
		"abcdef01-e29b-41d4-a716-446655440000": {tokenUUID, "abcdef01-e29b-41d4-a716-446655440000"},
		"1h30m":                                {tokenDuration, "1h30m"}, "1mo2d": {tokenDuration, "1mo2d"}, "10us": {tokenDuration, "10us"}, "10µs": {tokenDuration, "10µs"},
		"1Y2MO3W4D5H6M7S8MS9US10NS": {tokenDuration, "1Y2MO3W4D5H6M7S8MS9US10NS"},
		"P1Y2M10DT2H30M":            {tokenDuration, "P1Y2M10DT2H30M"}, "PT5M": {tokenDuration, "PT5M"}, "P2W": {tokenDuration, "P2W"},
		"P0001-03-02T00:10:00": {tokenDuration, "P0001-03-02T00:10:00"}, "p1y": {tokenIdent, "p1y"}, "P": {tokenIdent, "p"}, "PT": {tokenIdent, "pt"},
		"P1Y_": {tokenIdent, "p1y_"}, "P1M2Y": {tokenIdent, "p1m2y"}, "<=": {tokenSign, "<="}, "?": {tokenSign, "?"},
		"a_word_longer_than_any_keyword": {tokenIdent, "a_word_longer_than_any_keyword"},
	} {
		got := tokens(t, text)
		if len(got) != 1 || got[0].Type != want.kind || got[0].Value != want.value {
			t.Errorf("%s is %v, want %d %q", text, got, want.kind, want.value)
		}
	}
}

func TestTokensAreCutWithoutSpaces(t *testing.T) {
	for text, want := range map[string]string{
		"a=1": "a = 1", "a>=-1": "a >= - 1", "b<2.5": "b < 2.5", "map<int,list<int>>": "MAP < INT , LIST < INT > >", "a+=1": "a += 1", ")WITH": ") WITH",
		"a--b\n-c": "a - c", "a/b": "a / b", "a/*x*/b//c\r\nd": "a b d", "1..2": "1 . . 2", "a$$b$$": "a $$b$$", "a-1": "a - 1",
	} {
		var values []string
		for _, token := range tokens(t, text) {
			values = append(values, token.Value)
		}
		if got := strings.Join(values, " "); got != want {
			t.Errorf("%s is cut into %s, want %s", text, got, want)
		}
	}
}

// FuzzLexer: any text ends in an error or in tokens that lie in the text one after the other.
func FuzzLexer(f *testing.F) {
	for _, c := range statements {
		f.Add(c.text)
	}
	for _, c := range refusals {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at := 0
		for s := newScanner(text); ; {
			token, err := s.Next()
			if err != nil || token.EOF() {
				return
			}
			if token.Pos.Offset < at || s.at <= token.Pos.Offset || s.at > len(text) || token.Value == "" {
				t.Fatalf("token %#v after %d, scanner at %d of %d", token, at, s.at, len(text))
			}
			if before := text[:token.Pos.Offset]; token.Pos.Line != 1+strings.Count(before, "\n") {
				t.Fatalf("token %#v is in line %d", token, 1+strings.Count(before, "\n"))
			}
			at = s.at
		}
	})
}
