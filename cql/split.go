package cql

import (
	"errors"

	"github.com/alecthomas/participle/v2/lexer"
)

// Fragment is one statement of a script.
type Fragment struct {
	Pos
	Text     string // from the first token to the semicolon, which is left out
	Complete bool   // a semicolon ended it; only the last fragment can lack one
}

// Split cuts a script into statements at the semicolons outside strings, quoted names, comments and batches.
// It checks no syntax: what Parse would refuse is cut all the same. Empty statements are left out. The last
// fragment is not complete if no semicolon ends it: a shell goes on reading, a script's end makes it a statement.
// A script that ends inside a comment after its last statement yields a last fragment of that comment's beginning.
func Split(script string) []Fragment {
	s := splitter{scan: newScanner(script)}
	for s.next() {
		continue
	}
	return s.fragments
}

// splitter gathers tokens into fragments.
type splitter struct {
	scan      *scanner
	fragments []Fragment
	start     lexer.Position // of the fragment's first token
	open      bool           // a fragment has begun
	batch     bool           // between BEGIN and APPLY BATCH
	last      string         // value of the token before
}

// next takes one token, and tells whether there may be more.
func (s *splitter) next() bool {
	s.scan.depth, s.scan.tokens = 0, 0 // the limits are those of one statement, and Parse's affair
	t, err := s.scan.Next()
	if err != nil {
		return s.wrong(err)
	}
	if t.Type == tokenEnd {
		s.end(len(s.scan.text), false)
		return false
	}
	s.take(&t)
	return true
}

func (s *splitter) take(t *lexer.Token) {
	if t.Value == ";" && !s.batch {
		s.end(t.Pos.Offset, true)
		return
	}
	if !s.open {
		s.open, s.start = true, t.Pos
		s.batch = t.Value == "BEGIN"
	}
	if t.Value == "BATCH" && s.last == "APPLY" {
		s.batch = false
	}
	s.last = t.Value
}

// end closes the fragment that is open, if any.
func (s *splitter) end(at int, complete bool) {
	if s.open {
		s.fragments = append(s.fragments, Fragment{
			Pos: position(s.start), Text: s.scan.text[s.start.Offset:at], Complete: complete,
		})
	}
	s.open, s.batch, s.last = false, false, ""
}

// wrong goes on after what is no token; a text that never ends takes the rest of the script.
func (s *splitter) wrong(err error) bool {
	if !s.open {
		s.open, s.start = true, s.scan.pos()
	}
	var syntax *SyntaxError
	if errors.As(err, &syntax) && syntax.unterminated {
		s.end(len(s.scan.text), false)
		return false
	}
	s.scan.advance(1)
	s.last = ""
	return true
}
