package cql

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/eskerdb/esker/cql/types"
)

// tokenKind is the class of a token. participle keeps negative numbers for itself; -1 is the end.
type tokenKind = lexer.TokenType

const (
	tokenEnd        tokenKind = lexer.EOF
	tokenIdent      tokenKind = 1  // value in lower case
	tokenQuoted     tokenKind = 2  // value with its quotes, so that it never equals a keyword
	tokenUnreserved tokenKind = 3  // value in upper case
	tokenReserved   tokenKind = 4  // value in upper case
	tokenString     tokenKind = 5  // value with its quotes
	tokenInteger    tokenKind = 6  // digits only: a minus is a token of its own
	tokenFloat      tokenKind = 7  //
	tokenBoolean    tokenKind = 8  // value in lower case
	tokenUUID       tokenKind = 9  //
	tokenBlob       tokenKind = 10 //
	tokenDuration   tokenKind = 11 //
	tokenSign       tokenKind = 12 // punctuation and operators
)

// tokenNames are the names by which the grammar asks for a class of tokens.
func tokenNames() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{
		"EOF": tokenEnd, "Ident": tokenIdent, "Quoted": tokenQuoted, "Unreserved": tokenUnreserved,
		"Reserved": tokenReserved, "String": tokenString, "Integer": tokenInteger, "Float": tokenFloat,
		"Boolean": tokenBoolean, "UUID": tokenUUID, "Blob": tokenBlob, "Duration": tokenDuration, "Sign": tokenSign,
	}
}

// isName tells whether the token can name something.
func isName(t *lexer.Token) bool {
	return t.Type == tokenIdent || t.Type == tokenUnreserved || t.Type == tokenQuoted
}

// nameText is the name that a token stands for.
func nameText(t *lexer.Token) string {
	switch t.Type {
	case tokenQuoted:
		return unquote(t.Value, `"`)
	case tokenUnreserved, tokenReserved:
		return strings.ToLower(t.Value)
	}
	return t.Value
}

// stringText is the content of a string token.
func stringText(t *lexer.Token) string {
	if strings.HasPrefix(t.Value, "$$") {
		return t.Value[2 : len(t.Value)-2]
	}
	return unquote(t.Value, "'")
}

func unquote(text, quote string) string {
	inner := text[1 : len(text)-1]
	if !strings.Contains(inner, quote) {
		return inner
	}
	return strings.ReplaceAll(inner, quote+quote, quote)
}

// QuoteString writes s as a string literal.
func QuoteString(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// QuoteIdentifier writes a name so that it reads back as itself: bare where that is possible, else in double quotes.
func QuoteIdentifier(name string) string { return types.QuoteName(name) }

func isLower(c byte) bool  { return c >= 'a' && c <= 'z' }
func isLetter(c byte) bool { return isLower(c | 0x20) }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }
func isHex(c byte) bool    { return isDigit(c) || (c|0x20 >= 'a' && c|0x20 <= 'f') }
