package cql

import "strings"

// Limits of texts that have a shape.
const (
	// ShapeBytesMax bounds the text without its literals, in bytes.
	ShapeBytesMax = 4 << 10
	// ShapeLiteralsMax bounds how many literals are cut out.
	ShapeLiteralsMax = 256
)

// Cut is a literal that was cut out of a text: a *Literal of its tree with Class, Text and Offset is the same.
type Cut struct {
	Class  LiteralClass
	Text   string
	Offset int
}

// shapeMark and the class stand in a shape for a literal. No statement has such bytes outside of quotes, and Shape gives none a shape.
const shapeMark = 0x01

// What a byte at the beginning of a token means to Shape.
const (
	shapeOther   = iota // white space, a sign: it belongs to the shape as it is
	shapeWord           // a letter
	shapeDigit          // of a literal
	shapeString         // a quote of a string
	shapeName           // a quote of a name
	shapeMinus          // a sign, the sign of a number, or a comment
	shapeRefused        // rare enough to be left to Parse: a marker, a comment, a string between dollars, a byte that is none of the language
)

var shapeBytes = func() (of [256]byte) {
	for i := range of {
		switch c := byte(i); {
		case isLetter(c):
			of[i] = shapeWord
		case isDigit(c):
			of[i] = shapeDigit
		case c == '\'':
			of[i] = shapeString
		case c == '"':
			of[i] = shapeName
		case c == '-':
			of[i] = shapeMinus
		case c == '?' || c == ':' || c == '/' || c != ' ' && c != '\t' && c != '\r' && c != '\n' && strings.IndexByte(oneByteSigns, c) < 0 && c != '!':
			of[i] = shapeRefused
		}
	}
	return of
}()

// shaper cuts the literals out of a text.
type shaper struct {
	text     string
	at       int
	copied   int  // of the text, into key
	before   byte // the last byte that was no white space, 0 at first
	key      []byte
	literals []Cut
}

// Shape appends the text of a statement without its literals to key, and the literals to literals. Texts of one shape have the
// same tokens but for what is written in literals, which are of the same classes. ok is false for a text that it does not look at
// closely: one with markers or comments, a long one, or one that is no statement.
func Shape(text string, key []byte, literals []Cut) (shape []byte, cut []Cut, ok bool) {
	if len(text) > StatementBytesMax {
		return key, literals, false
	}
	s := shaper{text: text, key: key, literals: literals}
	for s.at < len(text) {
		c := text[s.at]
		ok := true
		switch shapeBytes[c] {
		case shapeOther:
			s.at++
			if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
				continue
			}
		case shapeWord:
			ok = s.word()
		case shapeDigit:
			ok = s.number(s.at)
		case shapeString:
			ok = s.quoted()
		case shapeName:
			ok = s.name()
		case shapeMinus:
			ok = s.minus()
		default:
			ok = false
		}
		if !ok || len(s.key) > len(key)+ShapeBytesMax || len(s.literals) > len(literals)+ShapeLiteralsMax {
			return key, literals, false
		}
		s.before = text[s.at-1]
	}
	s.key = append(s.key, text[s.copied:]...)
	return s.key, s.literals, len(s.key) <= len(key)+ShapeBytesMax
}

// cut takes the text from a place up to s.at out as a literal.
func (s *shaper) cut(from int, class LiteralClass, text string) {
	s.key = append(append(s.key, s.text[s.copied:from]...), shapeMark, byte(class))
	s.copied = s.at
	s.literals = append(s.literals, Cut{class, text, from})
}

func (s *shaper) word() bool {
	rest := s.text[s.at:]
	if n := uuidLen(rest); n > 0 {
		from := s.at
		s.at += n
		s.cut(from, LiteralUUID, rest[:n])
		return true
	}
	n := 1
	for n < len(rest) && isWord(rest[n]) {
		n++
	}
	s.at += n
	return rest[0] != 'P' || isoDurationLen(rest, n) == 0
}

// number cuts the number at s.at, which is written from a place on that may hold its sign.
func (s *shaper) number(from int) bool {
	rest := s.text[s.at:]
	kind, n := numberLen(rest)
	if n < len(rest) && isWord(rest[n]) {
		return false
	}
	s.at += n
	class := LiteralInteger
	switch kind {
	case tokenFloat:
		class = LiteralFloat
	case tokenUUID:
		class = LiteralUUID
	case tokenBlob:
		class = LiteralBlob
	case tokenDuration:
		class = LiteralDuration
	}
	if (class == LiteralUUID || class == LiteralBlob) && from < s.at-n {
		return false // it has no sign
	}
	s.cut(from, class, s.text[from:s.at])
	return true
}

// minus passes a minus, or cuts the number that it is the sign of: where no value stands before it.
func (s *shaper) minus() bool {
	from := s.at
	s.at++
	if s.at == len(s.text) {
		return true
	}
	switch c := s.text[s.at]; {
	case c == '-':
		return false // a comment
	case isDigit(c) && (s.before == '(' || s.before == ',' || s.before == '='):
		return s.number(from)
	}
	return true
}

func (s *shaper) quoted() bool {
	from := s.at
	for s.at++; ; s.at++ {
		i := strings.IndexByte(s.text[s.at:], '\'')
		if i < 0 {
			return false
		}
		if s.at += i + 1; s.at == len(s.text) || s.text[s.at] != '\'' {
			s.cut(from, LiteralString, unquote(s.text[from:s.at], "'"))
			return true
		}
	}
}

func (s *shaper) name() bool {
	for s.at++; ; s.at++ {
		i := strings.IndexByte(s.text[s.at:], '"')
		if i < 0 {
			return false
		}
		if s.at += i + 1; s.at == len(s.text) || s.text[s.at] != '"' {
			return true
		}
	}
}
