package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
)

const hashOfCost14 = "$2a$14$JSJEMFm6GeaW9XxT5JIheuEtPvat6i7uKbnTcxX3c1wshIIsGyUtG"

// Hashes are those of bcrypt whose cost is bounded, and passwords no longer than it looks at.
func TestHashes(t *testing.T) {
	for hash, want := range map[string]bool{
		hashOfCost14: true, strings.Replace(hashOfCost14, "$14$", "$10$", 1): true,
		strings.Replace(hashOfCost14, "$14$", "$15$", 1): false, strings.Replace(hashOfCost14, "$14$", "$99$", 1): false,
		"": false, "x": false, hashOfCost14 + "x": false, hashOfCost14[:59]: false,
	} {
		if err := CheckHash(hash); (err == nil) != want {
			t.Errorf("%q: %v", hash, err)
		}
	}
	if _, err := Hash(strings.Repeat("x", PasswordBytesMax)); err != nil {
		t.Error(err)
	}
	if _, err := Hash(strings.Repeat("x", PasswordBytesMax+1)); err == nil {
		t.Error("a password is cut off in silence")
	}
}

// A password is verified once by bcrypt: then it is known, for that hash alone, and as many as verifiedMax.
func TestVerifiedPasswordsAreRemembered(t *testing.T) {
	hash, err := Hash("secret")
	if err != nil {
		t.Fatal(err)
	}
	p := NewPasswords()
	if ok, err := p.Verify(t.Context(), "ann", hash, "secret"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for len(p.turns) < cap(p.turns) {
		p.turns <- struct{}{} // others are at it
	}
	if ok, err := p.Verify(t.Context(), "ann", hash, "secret"); !ok || err != nil {
		t.Fatal("known, and it waits:", ok, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range [][3]string{{"ann", hash, "other"}, {"ann", hashOfCost14, "secret"}, {"bob", hash, "secret"}, {"ann", "", "secret"}} {
		if ok, err := p.Verify(ended, c[0], c[1], c[2]); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("%v: %t, %v", c, ok, err)
		}
	}
	for range verifiedMax + 10 {
		p.remember(GeneratedPassword(), verifiedPassword{})
	}
	if n := len(p.verified); n != verifiedMax {
		t.Errorf("%d are remembered", n)
	}
}

// Generated passwords differ, and are strings that need no quoting.
func TestGeneratedPasswords(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		password := GeneratedPassword()
		if len(password) != generatedLength || seen[password] || strings.ContainsAny(password, "'\" \\$;") {
			t.Errorf("%q", password)
		}
		seen[password] = true
	}
}
