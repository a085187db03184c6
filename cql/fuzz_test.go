package cql

import (
	"errors"
	"strings"
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

// FuzzObfuscate: whatever stands before it, the password of a statement about a role is not shown.
func FuzzObfuscate(f *testing.F) {
	for _, c := range statements {
		f.Add(c.text)
	}
	for _, text := range []string{"'", `"`, "$$", "/*", "--", "CREATE ROLE r WITH PASSWORD = 'x", "§"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "hunter2") {
			return // what stands there without the statements is shown
		}
		for _, form := range []string{"\nALTER ROLE r WITH PASSWORD = 'hunter2'", "\nCREATE USER u WITH PASSWORD $$hunter2$$ SUPERUSER; SELECT 1"} {
			if shown := Obfuscate(text + form); strings.Contains(shown, "hunter2") {
				t.Fatalf("%q is shown as %q", text+form, shown)
			}
		}
	})
}
