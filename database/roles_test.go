package database

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/eskerdb/esker/database/auth"
)

// authWorld is a world whose database asks who clients are, with a superuser root and the password "r00t".
func authWorld(t *testing.T, texts ...string) *world {
	t.Helper()
	w := newWorld(t, texts...)
	if err := w.db.CreateSuperuser("root", "r00t"); err != nil {
		t.Fatal(err)
	}
	w.auth = true
	w.reopen()
	return w
}

func (w *world) login(name, password string) (*auth.User, error) {
	return w.db.Login(w.t.Context(), name, password)
}

// A superuser that was created logs in, after a restart and after a crash too, and nobody else does.
func TestLogin(t *testing.T) {
	w := authWorld(t)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, weather := range []func(){func() {}, w.reopen, func() { w.crash(rng) }} {
		weather()
		for range 2 { // the second time from memory
			u, err := w.login("root", "r00t")
			if err != nil || u.Name != "root" {
				t.Fatal(u, err)
			}
		}
		for name, password := range map[string]string{"root": "root", "": "", "nobody": "r00t"} {
			_, err := w.login(name, password)
			var refused *auth.CredentialsError
			if want := "Provided username " + name + " and/or password are incorrect"; !errors.As(err, &refused) || err.Error() != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := w.db.CreateSuperuser("root", "other"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.login("root", "r00t"); err == nil {
		t.Error("the password of before is remembered")
	}
	if _, err := w.login("root", "other"); err != nil {
		t.Error(err)
	}
}
