package cql

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"
)

// Limits of one statement. Beyond them Parse answers a *SyntaxError.
const (
	// StatementBytesMax bounds the text of one statement, in bytes.
	StatementBytesMax = 16 << 20
	// TokensMax bounds the tokens of one statement: a token takes far more memory than its text.
	TokensMax = 1 << 20
	// NestingDepthMax bounds how deep brackets, types and operators nest.
	NestingDepthMax = 256
	// MarkersMax bounds the bind markers of one statement; the protocol counts them in 16 bits.
	MarkersMax = 65535
)

// definition gives the grammar its tokens. It is stateless.
type definition struct{}

func (definition) Symbols() map[string]lexer.TokenType { return tokenNames() }

func (definition) Lex(_ string, r io.Reader) (lexer.Lexer, error) {
	text, err := io.ReadAll(io.LimitReader(r, StatementBytesMax+1))
	if err != nil {
		return nil, err
	}
	return newScanner(string(text)), nil
}

// scanner cuts a text into tokens, leaving out white space and comments.
type scanner struct {
	text   string
	at     int // of the next byte
	line   int // of at, from 1
	start  int // where the line of at begins
	extra  int // continuation bytes between start and at, which are no characters of their own
	depth  int // open brackets
	tokens int // cut so far
}

func newScanner(text string) *scanner { return &scanner{text: text, line: 1} }

func (s *scanner) pos() lexer.Position {
	return lexer.Position{Offset: s.at, Line: s.line, Column: s.at - s.start - s.extra}
}

// Next answers the next token, a *SyntaxError where there is none.
func (s *scanner) Next() (lexer.Token, error) {
	if err := s.skip(); err != nil {
		return lexer.Token{}, err
	}
	t := lexer.Token{Type: tokenEnd, Pos: s.pos()}
	if s.at >= len(s.text) {
		return t, nil
	}
	if s.tokens++; s.tokens > TokensMax {
		return t, errorAt(s.text, position(t.Pos), "statement has more than %d tokens", TokensMax)
	}
	var err error
	switch c := s.text[s.at]; {
	case isDigit(c):
		t.Type, t.Value, err = s.number()
	case isLetter(c):
		t.Type, t.Value = s.word()
	case c == '\'':
		t.Type = tokenString
		t.Value, err = s.quoted("'", "unterminated string")
	case c == '"':
		t.Type = tokenQuoted
		t.Value, err = s.quoted(`"`, "unterminated quoted name")
	case strings.HasPrefix(s.text[s.at:], "$$"):
		t.Type = tokenString
		t.Value, err = s.dollars()
	default:
		t.Type = tokenSign
		t.Value, err = s.sign()
	}
	return t, err
}

// skip passes white space and comments.
func (s *scanner) skip() error {
	for s.at < len(s.text) {
		switch rest := s.text[s.at:]; {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n':
			s.advance(1)
		case strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "//"):
			n := strings.IndexAny(rest, "\r\n")
			if n < 0 {
				n = len(rest)
			}
			s.advance(n)
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return s.unterminated("unterminated comment")
			}
			s.advance(n + 4)
		default:
			return nil
		}
	}
	return nil
}

// advance passes n bytes that may hold line ends or characters beyond ASCII.
func (s *scanner) advance(n int) {
	for end := s.at + n; s.at < end; s.at++ {
		switch c := s.text[s.at]; {
		case c == '\n':
			s.line++
			s.start, s.extra = s.at+1, 0
		case !utf8.RuneStart(c):
			s.extra++
		}
	}
}

// take passes n bytes and answers them.
func (s *scanner) take(n int) string {
	text := s.text[s.at : s.at+n]
	s.advance(n)
	return text
}

func (s *scanner) unterminated(message string) error {
	err := errorAt(s.text, position(s.pos()), "%s", message)
	err.unterminated = true
	return err
}

// quoted cuts a text between quotes, in which the doubled quote stands for one.
func (s *scanner) quoted(quote, message string) (string, error) {
	for n := s.at + 1; ; {
		i := strings.Index(s.text[n:], quote)
		if i < 0 {
			return "", s.unterminated(message)
		}
		n += i + 1
		if strings.HasPrefix(s.text[n:], quote) {
			n++
			continue
		}
		return s.take(n - s.at), nil
	}
}

func (s *scanner) dollars() (string, error) {
	n := strings.Index(s.text[s.at+2:], "$$")
	if n < 0 {
		return "", s.unterminated("unterminated string")
	}
	return s.take(n + 4), nil
}

// word cuts a keyword, a name, a boolean, or one of the literals that begin with a letter.
func (s *scanner) word() (tokenKind, string) {
	rest := s.text[s.at:]
	if n := uuidLen(rest); n > 0 {
		return tokenUUID, s.take(n)
	}
	n := 1
	for n < len(rest) && isWord(rest[n]) {
		n++
	}
	if rest[0] == 'P' {
		if d := isoDurationLen(rest, n); d > 0 {
			return tokenDuration, s.take(d)
		}
	}
	s.at += n // letters, digits and underscores: no line end among them
	return classify(rest[:n])
}

// classify tells what an unquoted word is.
func classify(word string) (tokenKind, string) {
	if len(word) <= keywordBytesMax {
		var lower [keywordBytesMax]byte
		for i := range len(word) {
			lower[i] = word[i]
			if c := word[i]; c >= 'A' && c <= 'Z' {
				lower[i] = c + 'a' - 'A'
			}
		}
		key := lower[:len(word)]
		if k, ok := keywords[string(key)]; ok {
			return k.kind, k.text
		}
		switch string(key) {
		case "true":
			return tokenBoolean, "true"
		case "false":
			return tokenBoolean, "false"
		}
	}
	return tokenIdent, strings.ToLower(word)
}

// twoByteSigns are tried before the single bytes of oneByteSigns.
var twoByteSigns = []string{"<=", ">=", "!=", "+=", "-="}

const oneByteSigns = "()[]{}<>,;:.?=+-*/%"

func (s *scanner) sign() (string, error) {
	rest := s.text[s.at:]
	for _, two := range twoByteSigns {
		if strings.HasPrefix(rest, two) {
			return s.take(2), nil
		}
	}
	if strings.IndexByte(oneByteSigns, rest[0]) < 0 {
		_, size := utf8.DecodeRuneInString(rest)
		return "", errorAt(s.text, position(s.pos()), "no viable alternative at character '%s'", printable(rest[:size]))
	}
	switch rest[0] {
	case '(', '[', '{':
		if s.depth++; s.depth > NestingDepthMax {
			return "", errorAt(s.text, position(s.pos()), "brackets nest deeper than %d", NestingDepthMax)
		}
	case ')', ']', '}':
		s.depth--
	}
	return s.take(1), nil
}
