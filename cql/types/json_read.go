package types

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of JSON texts, those of the reader in Cassandra.
const (
	// JSONDepthMax is how deep arrays and objects may be nested.
	JSONDepthMax = 1000
	// JSONNumberMax is how many characters a number may have.
	JSONNumberMax = 1000
)

// JSON is a value of a JSON text that was read and found to be well formed. It is a piece of that text: reading allocates nothing, and
// what is nested is looked at when it is asked for.
type JSON struct {
	text string
	name bool // text is that of a string itself: the name of a field
}

// jsonKind is what a JSON value is.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBoolean
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// ReadJSON reads the first value of a text. What follows it is not looked at, as in Cassandra. The error is an Invalid that names line and
// column.
func ReadJSON(text string) (JSON, error) {
	s := jsonScanner{text: text}
	s.blanks()
	if s.at == len(text) {
		return JSON{}, invalidf("No content to map due to end-of-input")
	}
	from := s.at
	if err := s.value(0); err != nil {
		return JSON{}, err
	}
	if c := s.peek(); text[from] != '"' && text[from] != '[' && text[from] != '{' && s.at < len(text) && !isJSONBlank(c) {
		return JSON{}, s.unexpected("Expected space separating root-level values")
	}
	return JSON{text: text[from:s.at]}, nil
}

// IsNull reports whether the value is null.
func (j JSON) IsNull() bool { return j.kind() == jsonNull }

// IsObject reports whether the value has fields.
func (j JSON) IsObject() bool { return j.kind() == jsonObject }

func (j JSON) kind() jsonKind {
	if j.name {
		return jsonString
	}
	switch j.text[0] {
	case '"':
		return jsonString
	case '[':
		return jsonArray
	case '{':
		return jsonObject
	case 't', 'f':
		return jsonBoolean
	case 'n':
		return jsonNull
	}
	return jsonNumber
}

// EachField visits the fields of an object in the order of the text, those of one name too.
func (j JSON) EachField(visit func(name string, value JSON) error) error {
	return j.each('}', func(s *jsonScanner) error {
		name := jsonText(s.take())
		s.blanks()
		s.at++ // the colon
		s.blanks()
		return visit(name, JSON{text: s.take()})
	})
}

func (j JSON) eachElement(visit func(JSON) error) error {
	return j.each(']', func(s *jsonScanner) error { return visit(JSON{text: s.take()}) })
}

// each calls item at the beginning of every item of an array or object.
func (j JSON) each(end byte, item func(*jsonScanner) error) error {
	s := jsonScanner{text: j.text, at: 1}
	for s.blanks(); s.peek() != end; s.blanks() {
		if s.peek() == ',' {
			s.at++
			s.blanks()
		}
		if err := item(&s); err != nil {
			return err
		}
	}
	return nil
}

// String is the text of a string, and of all others what was written.
func (j JSON) String() string {
	if j.name || j.kind() != jsonString {
		return j.text
	}
	return jsonText(j.text)
}

// jsonScanner goes through a JSON text.
type jsonScanner struct {
	text string
	at   int
}

// take passes a value that is known to be well formed.
func (s *jsonScanner) take() string {
	from := s.at
	_ = s.value(0) // it was read before
	return s.text[from:s.at]
}

// peek is the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func isJSONBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (s *jsonScanner) blanks() {
	for isJSONBlank(s.peek()) {
		s.at++
	}
}

// value passes a value.
func (s *jsonScanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '"':
		return s.quoted()
	case c == '[':
		return s.array(depth + 1)
	case c == '{':
		return s.object(depth + 1)
	case c == '-' || isDigit(c):
		return s.number()
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf:
		return s.word()
	}
	return s.unexpected("expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
}

func (s *jsonScanner) word() error {
	from := s.at
	for c := s.peek(); c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c >= utf8.RuneSelf; c = s.peek() {
		s.at++
	}
	switch word := s.text[from:s.at]; word {
	case "true", "false", "null":
		return nil
	case "NaN", "Infinity", "INF":
		return s.errorf("Non-standard token '%s': write it as a string", word)
	default:
		return s.errorf("Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", Shown(word))
	}
}

// array passes an array that begins here.
func (s *jsonScanner) array(depth int) error {
	if err := s.open(depth); err != nil || s.closed(']') {
		return err
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		if done, err := s.next(']', "Array"); done || err != nil {
			return err
		}
	}
}

// object passes an object that begins here.
func (s *jsonScanner) object(depth int) error {
	if err := s.open(depth); err != nil || s.closed('}') {
		return err
	}
	for {
		if s.peek() != '"' {
			return s.unexpected("was expecting double-quote to start field name")
		}
		if err := s.quoted(); err != nil {
			return err
		}
		s.blanks()
		if s.peek() != ':' {
			return s.unexpected("was expecting a colon to separate field name and value")
		}
		s.at++
		s.blanks()
		if err := s.value(depth); err != nil {
			return err
		}
		if done, err := s.next('}', "Object"); done || err != nil {
			return err
		}
	}
}

// open passes the bracket that begins an array or object.
func (s *jsonScanner) open(depth int) error {
	if depth > JSONDepthMax {
		return s.errorf("Document nesting depth (%d) exceeds the maximum allowed (%d)", depth, JSONDepthMax)
	}
	s.at++
	s.blanks()
	return nil
}

// closed passes the bracket that ends an empty array or object.
func (s *jsonScanner) closed(end byte) bool {
	if s.peek() != end {
		return false
	}
	s.at++
	return true
}

// next passes what stands behind an item: a comma, or the end.
func (s *jsonScanner) next(end byte, of string) (done bool, err error) {
	s.blanks()
	if s.closed(end) {
		return true, nil
	}
	if s.at == len(s.text) {
		return true, s.errorf("Unexpected end-of-input: expected close marker for %s", of)
	}
	if s.peek() != ',' {
		return true, s.unexpected("was expecting comma to separate " + of + " entries")
	}
	s.at++
	s.blanks()
	return false, nil
}

// quoted passes a string.
func (s *jsonScanner) quoted() error {
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return nil
		case c < ' ':
			return s.errorf("Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c)
		case c == '\\':
			s.at++
			if err := s.escape(); err != nil {
				return err
			}
		}
	}
	return s.errorf("Unexpected end-of-input: was expecting closing quote for a string value")
}

// escape looks at what follows a backslash, and stops at the last byte of it.
func (s *jsonScanner) escape() error {
	switch c := s.peek(); {
	case s.at == len(s.text):
		return nil // quoted says so
	case c == 'u':
		for range 4 {
			s.at++
			if _, ok := hexDigit(s.peek()); !ok {
				return s.unexpected("expected a hex-digit for character escape sequence")
			}
		}
		return nil
	case jsonEscapes[c] == 0:
		r, _ := utf8.DecodeRuneInString(s.text[s.at:])
		return s.errorf("Unrecognized character escape '%c' (code %d)", r, r)
	}
	return nil
}

// jsonEscapes is what stands for a byte behind a backslash.
var jsonEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func hexDigit(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// number passes a number.
func (s *jsonScanner) number() error {
	from := s.at
	if s.peek() == '-' {
		s.at++
	}
	first := s.peek()
	if !isDigit(first) {
		return s.unexpected("in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value")
	}
	s.at++
	if first == '0' && isDigit(s.peek()) {
		return s.errorf("Invalid numeric value: Leading zeroes not allowed")
	}
	s.digits()
	if s.peek() == '.' {
		s.at++
		if s.digits() == 0 {
			return s.unexpected("in numeric value: Decimal point not followed by a digit")
		}
	}
	if s.peek()|0x20 == 'e' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if s.digits() == 0 {
			return s.unexpected("in numeric value: Exponent indicator not followed by a digit")
		}
	}
	if n := s.at - from; n > JSONNumberMax {
		return s.errorf("Number value length (%d) exceeds the maximum allowed (%d)", n, JSONNumberMax)
	}
	return nil
}

func (s *jsonScanner) digits() int {
	n := digitsLen(s.text[s.at:])
	s.at += n
	return n
}

// unexpected is the error at the byte where the scanner stands.
func (s *jsonScanner) unexpected(what string) error {
	if s.at >= len(s.text) {
		return s.errorf("Unexpected end-of-input: %s", what)
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.at:])
	return s.errorf("Unexpected character ('%c' (code %d)): %s", r, r, what)
}

func (s *jsonScanner) errorf(format string, args ...any) error {
	before := s.text[:min(s.at, len(s.text))]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return invalidf("%s at line %d, column %d", fmt.Sprintf(format, args...), line, column)
}

// shownMax is how many bytes of a value are shown in an error.
const shownMax = 200

// Shown is a text as errors show it: of a long one the beginning.
func Shown(s string) string {
	if len(s) <= shownMax {
		return s
	}
	cut := shownMax
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// jsonText is the text of a string that is written in quotes. Half of a surrogate pair alone is a question mark, as Java writes it.
func jsonText(quoted string) string {
	inner := quoted[1 : len(quoted)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	out := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		if inner[i] != '\\' {
			out = append(out, inner[i])
			continue
		}
		i++
		if inner[i] != 'u' {
			out = append(out, jsonEscapes[inner[i]])
			continue
		}
		r := hexRune(inner[i+1:])
		i += 4
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if strings.HasPrefix(inner[i+1:], `\u`) {
				pair = utf16.DecodeRune(r, hexRune(inner[i+3:]))
			}
			if r = pair; r == utf8.RuneError {
				r = '?'
			} else {
				i += 6
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// hexRune reads four digits.
func hexRune(s string) (r rune) {
	for i := range 4 {
		d, _ := hexDigit(s[i])
		r = r<<4 | rune(d)
	}
	return r
}
