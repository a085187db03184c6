package cql

import (
	"errors"
	"testing"
)

// FuzzParse: a text is refused with a *SyntaxError, or its canonical text reads back as the same tree.
func FuzzParse(f *testing.F) {
	for _, c := range statements {
		f.Add(c.text)
	}
	for _, c := range refusals {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stmt, err := Parse(text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Pos.Offset < 0 || syntax.Pos.Offset > len(text) || syntax.Message == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		checkRoundTrip(t, stmt)
	})
}
