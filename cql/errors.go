package cql

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// SyntaxError says where a text stops being CQL.
type SyntaxError struct {
	Pos     Pos
	Message string // without the place: "mismatched input 'x' expecting FROM"
	Excerpt string // the line of the text, cut to a window around the place
	Caret   int    // characters of Excerpt before the place

	hidden       bool // the text holds a password and is not shown
	unterminated bool // the text ends inside a string, a quoted name or a comment
}

// Error is three lines: `line 1:14 message` as Cassandra writes it, the line of the text, and a caret under the place.
// It is the message alone where the place is not known, because the text had been read already, and the first line alone where the text is
// not to be shown.
func (e *SyntaxError) Error() string {
	if e.Pos.Line == 0 {
		return e.Message
	}
	if e.hidden {
		return fmt.Sprintf("line %d:%d %s", e.Pos.Line, e.Pos.Column, e.Message)
	}
	return fmt.Sprintf("line %d:%d %s\n%s\n%s^", e.Pos.Line, e.Pos.Column, e.Message, e.Excerpt, strings.Repeat(" ", e.Caret))
}

// withoutSecrets is the error of a text that holds a password: errors are logged. The text is not shown, nor what stands where it is hidden.
func (e *SyntaxError) withoutSecrets(text string) *SyntaxError {
	spans := secrets(text)
	if len(spans) == 0 {
		return e
	}
	out := *e
	out.Excerpt, out.Caret, out.hidden = "", 0, true
	for _, s := range spans {
		if e.Pos.Offset >= s.from && e.Pos.Offset < s.to {
			out.Message = "no viable alternative at input '" + hiddenText + "'"
		}
	}
	return &out
}

const (
	excerptBefore = 60 // characters kept before the place
	excerptAfter  = 40 // characters kept from the place on
	quoteMax      = 60 // characters of the text that a message repeats
)

func errorAt(text string, pos Pos, format string, args ...any) *SyntaxError {
	e := &SyntaxError{Pos: pos, Message: fmt.Sprintf(format, args...)}
	at := min(max(pos.Offset, 0), len(text))
	// Only the neighbourhood is looked at: a line may be as long as the text.
	before := text[max(0, at-(excerptBefore+1)*utf8.UTFMax):at]
	before = lastChars(before[strings.LastIndexByte(before, '\n')+1:], excerptBefore)
	after := text[at:min(len(text), at+(excerptAfter+1)*utf8.UTFMax)]
	if i := strings.IndexByte(after, '\n'); i >= 0 {
		after = after[:i]
	}
	shown := firstChars(strings.TrimSuffix(after, "\r"), excerptAfter)
	e.Excerpt = printable(before) + printable(shown)
	e.Caret = utf8.RuneCountInString(printable(before))
	return e
}

// lastChars keeps the last n characters, with … for what went before.
func lastChars(text string, n int) string {
	at := len(text)
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	if at == 0 {
		return text
	}
	return "…" + text[at:]
}

// firstChars keeps the first n characters, with … for what follows.
func firstChars(text string, n int) string {
	at := 0
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	if at == len(text) {
		return text
	}
	return text[:at] + "…"
}

// excerpt is a piece of the text fit for a message.
func excerpt(text string) string { return printable(firstChars(text, quoteMax)) }

// printable puts a space for what would move the caret, and the replacement character for what is not UTF-8.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		if r == utf8.RuneError {
			return utf8.RuneError
		}
		return ' '
	}, text)
}

func position(p lexer.Position) Pos { return Pos{Offset: p.Offset, Line: p.Line, Column: p.Column} }

// syntaxError turns an error of the grammar into Cassandra's words.
func syntaxError(text string, err error) *SyntaxError {
	var own *SyntaxError
	if errors.As(err, &own) {
		return own
	}
	var unexpected *participle.UnexpectedTokenError
	if errors.As(err, &unexpected) {
		_, expected, _ := strings.Cut(unexpected.Message(), " (expected ")
		return unexpectedToken(text, &unexpected.Unexpected, firstExpected(expected))
	}
	var placed participle.Error
	if errors.As(err, &placed) {
		return errorAt(text, position(placed.Position()), "%s", placed.Message())
	}
	return errorAt(text, Pos{Line: 1}, "%s", err.Error())
}

func unexpectedToken(text string, t *lexer.Token, expected string) *SyntaxError {
	input := sourceOf(text, t)
	if expected == "" {
		return errorAt(text, position(t.Pos), "no viable alternative at input '%s'", input)
	}
	if expected == "a name" && t.Type == tokenReserved {
		return errorAt(text, position(t.Pos), "no viable alternative at input '%s' (a reserved word: as a name it is written \"%s\")",
			input, strings.ToLower(input))
	}
	switch {
	case strings.HasPrefix(expected, "a ") || strings.HasPrefix(expected, "an "):
		return errorAt(text, position(t.Pos), "no viable alternative at input '%s' (expecting %s)", input, expected)
	case isLetter(expected[0]) && expected != "EOF":
		expected = "K_" + expected // as Cassandra's grammar names its keywords
	}
	return errorAt(text, position(t.Pos), "mismatched input '%s' expecting %s", input, expected)
}

// sourceOf is a token as the text has it.
func sourceOf(text string, t *lexer.Token) string {
	if t.Type == tokenEnd {
		return "<EOF>"
	}
	end := t.Pos.Offset + len(t.Value)
	if t.Value == "TABLE" && !strings.EqualFold(text[t.Pos.Offset:min(end, len(text))], t.Value) {
		end = t.Pos.Offset + len("COLUMNFAMILY")
	}
	source := text[t.Pos.Offset:min(end, len(text))]
	if t.Type == tokenString {
		source = literalOf(t).Text // without quotes, as Cassandra shows it
	}
	return excerpt(source)
}

// expectedWords names the productions and tokens that an error may ask for.
var expectedWords = map[string]string{
	"name": "a name", "qualified": "a name", "type": "a type", "typeNode": "a type",
	"integerOrMarker": "an integer or a bind marker",
	"<string>":        "a string", "<integer>": "an integer", "<duration>": "a duration",
}

// firstExpected takes from the grammar's description of what it expected the first token, in the words of a message;
// nothing where several could follow.
func firstExpected(description string) string {
	if rest, ok := strings.CutPrefix(description, `"`); ok {
		word, _, _ := strings.Cut(rest, `"`)
		if word != "" && isLetter(word[0]) {
			return word
		}
		return "'" + word + "'"
	}
	word, _, _ := strings.Cut(description, " ")
	return expectedWords[strings.Trim(word, ")+*?")]
}
