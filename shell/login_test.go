package shell

import (
	"context"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/server"
)

// roles are names and their passwords.
type roles map[string]string

func (r roles) Login(_ context.Context, name, password string) (*auth.User, error) {
	if want, ok := r[name]; !ok || want != password {
		return nil, &auth.CredentialsError{Message: "Provided username " + name + " and/or password are incorrect"}
	}
	return &auth.User{Name: name}, nil
}

// LOGIN goes on as somebody else, in the same keyspace, or stays who it was.
func TestLOGIN(t *testing.T) {
	addr := serveDoor(t, server.Door{Logins: roles{"ann": "secret", "it's bob": "o'pen"}})
	asked := 0
	o := Options{
		Server: client.Options{Username: "ann", Password: "secret"},
		Secret: func(string) (string, error) { asked++; return "o'pen", nil },
	}
	script := schemaText + `LOGIN 'it''s bob' 'o''pen';
SELECT v FROM t WHERE name = 'a';
LOGIN "it's bob"
LOGIN ann wrong;
SELECT n FROM t WHERE name = 'a';
LOGIN
LOGIN 'open
LOGIN a b c
`
	code, out, complaints := run(t, addr, o, script)
	if code != exitStatement || asked != 1 || strings.Count(out, "(1 rows)") != 2 {
		t.Errorf("exit %d, asked %d times\n%s\n%s", code, asked, out, complaints)
	}
	for _, want := range []string{"Provided username ann and/or password are incorrect", "LOGIN takes a name, and a password", "LOGIN takes a name and a password"} {
		if !strings.Contains(complaints, want) {
			t.Errorf("no complaint %q in %s", want, complaints)
		}
	}
	o.Server.Password = "wrong"
	if code, _, complaints := run(t, addr, o, "SELECT key FROM system.local;"); code != exitConnection || !strings.Contains(complaints, "incorrect") {
		t.Errorf("exit %d: %s", code, complaints)
	}
}

// Lines with passwords are not kept.
func TestSecretsStayOutOfTheHistory(t *testing.T) {
	for line, secret := range map[string]bool{
		"login ann secret": true, "  LOGIN ann 'x';": true, "CREATE ROLE r WITH password = 'x'": true, "ALTER USER u WITH HASHED PASSWORD 'x';": true,
		"SELECT * FROM logins": false, "LIST ROLES": false, "": false,
	} {
		if tellsSecret(line) != secret {
			t.Errorf("%q", line)
		}
	}
}
