package generate

import (
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql"
)

// A seed always makes the same program, another seed another, and nearly all of its statements can be read: what cannot is made wrong on purpose.
func TestProgramsAreRepeatedAndCanBeRead(t *testing.T) {
	statements, read := 0, 0
	for seed := range uint64(40) {
		program := Program(seed, All())
		if !slices.Equal(program, Program(seed, All())) {
			t.Fatalf("seed %d makes two programs", seed)
		}
		if slices.Equal(program, Program(seed+1, All())) {
			t.Fatalf("seeds %d and %d make the same", seed, seed+1)
		}
		for _, s := range program {
			if s.Text == "" {
				continue
			}
			statements++
			if _, err := cql.Parse(s.Text); err == nil {
				read++
			}
		}
	}
	if read*100 < statements*88 {
		t.Errorf("%d of %d statements can be read", read, statements)
	}
}

// Without a feature no statement has it.
func TestFeaturesAreLeftOut(t *testing.T) {
	for seed := range uint64(40) {
		for _, s := range Program(seed, Features{}) {
			text := strings.ToLower(s.Text)
			for _, word := range []string{"counter batch", " json ", "create type", "vector<", " if exists"} {
				if strings.Contains(text, word) && !strings.Contains(text, "drop if exists") {
					t.Fatalf("seed %d: %s", seed, s.Text)
				}
			}
		}
	}
}

// Tokens are the statement when they are joined, and pieces mean the same.
func TestPiecesAreTheStatement(t *testing.T) {
	for seed := range uint64(10) {
		for _, s := range Program(seed, All()) {
			if got := strings.Join(Tokens(s.Text), ""); got != s.Text {
				t.Fatalf("%s\n%s", s.Text, got)
			}
			once, err := cql.Parse(s.Text)
			if err != nil {
				continue
			}
			again, err := cql.Parse(strings.Join(Pieces(s.Text), " "))
			if err != nil || cql.Format(again) != cql.Format(once) {
				t.Fatalf("%s\n%q: %v", s.Text, Pieces(s.Text), err)
			}
		}
	}
}
