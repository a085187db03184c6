package cql

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Passwords are hidden, and what is none stays.
func TestObfuscate(t *testing.T) {
	for text, want := range map[string]string{
		`SELECT * FROM t WHERE k = 'a'`:                                          ``,
		`CREATE TABLE users (password text PRIMARY KEY, role text)`:              ``,
		`GRANT SELECT ON KEYSPACE k TO r`:                                        ``,
		`CREATE ROLE 'name' WITH LOGIN = true AND SUPERUSER = false`:             ``,
		`CREATE ROLE r WITH PASSWORD = ?`:                                        `CREATE ROLE r WITH PASSWORD = ******`,
		`SELECT * FROM users WHERE password = ? AND k = 'x'`:                     ``,
		`CREATE ROLE IF NOT EXISTS r WITH PASSWORD = 's' AND LOGIN = true`:       `CREATE ROLE IF NOT EXISTS r WITH PASSWORD = ****** AND LOGIN = true`,
		`create role r with password='it''s' and login=true; SELECT 's' FROM t;`: `create role r with password=****** and login=true; SELECT 's' FROM t;`,
		`ALTER ROLE r WITH HASHED PASSWORD = $$s' ;$$;`:                          `ALTER ROLE r WITH HASHED PASSWORD = ******;`,
		`CREATE USER u WITH PASSWORD 's' SUPERUSER`:                              `CREATE USER u WITH PASSWORD ****** SUPERUSER`,
		`ALTER ROLE r WITH PASSWORD = /* new: */ 's'`:                            `ALTER ROLE r WITH PASSWORD = ******`,
		"ALTER ROLE r WITH -- the password is s\n PASSWORD = 's'":                "ALTER ROLE r WITH ******",
		`/* password s */ SELECT * FROM t`:                                       `******`,
		`/* all of it */ SELECT * FROM t`:                                        ``,
		`CREATE ROLE r WITH PASSWORD = s3cret!x AND LOGIN = true`:                `CREATE ROLE r WITH PASSWORD = ****** AND LOGIN = true`,
		`CREATE ROLE r WITH PASSWORD = "s"`:                                      `CREATE ROLE r WITH PASSWORD = ******`,
		`CREATE ROLE r WITH PASSWORD = 's AND LOGIN = true; CREATE`:              `CREATE ROLE r WITH ******`,
		`CREATE ROLE r WITH PASWORD = 's'`:                                       `CREATE ROLE r WITH ******= ******`,
		`CREAT ROLE r WITH PASSWORD = 's'`:                                       `CREAT ROLE r WITH PASSWORD = ******`,
		`CREAT ROLE r WITH PASSWORD = 's`:                                        `CREAT ROLE r WITH ******`,
		`CREATE ROLE r PASSWORD 's'`:                                             `CREATE ROLE r PASSWORD ******`,
		`EXPLAIN CREATE ROLE r WITH PASSWORD = 's'`:                              `EXPLAIN CREATE ROLE r WITH PASSWORD = ******`,
		`INSERT INTO audit (q) VALUES ('CREATE ROLE r WITH PASSWORD = ''s''')`:   `INSERT INTO audit (q) VALUES (******`,
		`UPDATE users SET password = 's' WHERE k = 1`:                            `UPDATE users SET password = ****** WHERE k = 1`,
		`CREATE ROLE r WITH PASSWORD = 's' § LOGIN`:                              `CREATE ROLE r WITH PASSWORD = ****** LOGIN`,
	} {
		if want == "" {
			want = text
		}
		if got := Obfuscate(text); got != want && got != strings.Replace(want, "******=", "****** =", 1) {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// Whatever is around it, a password in quotes behind the word PASSWORD is not shown, neither by Obfuscate nor in an error.
func TestObfuscateHidesInAnyText(t *testing.T) {
	const secret = "hunter2secret"
	pieces := rapid.SampledFrom([]string{
		"CREATE", "ROLE", "USER", "r", "WITH", "AND", ";", "=", "'", "\"", "$$", "/*", "*/", "--", "\n", " ", "LOGIN", "true", "§", "(", "1", "BEGIN", "'x'", "é",
	})
	forms := rapid.SampledFrom([]string{
		"PASSWORD = '%'", "PASSWORD='%'", "HASHED PASSWORD = $$%$$", "password '%'", "PASSWORD = \"%\"", "PASSWORD = %", "PASSWORD\n=\t'a''%'",
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := rapid.SliceOfN(pieces, 0, 8).Draw(t, "before"), rapid.SliceOfN(pieces, 0, 8).Draw(t, "after")
		if rapid.Bool().Draw(t, "role") {
			before = append(before, ";", "ALTER", "ROLE", "r", "WITH")
		}
		text := strings.Join(before, " ") + " " + strings.Replace(forms.Draw(t, "form"), "%", secret, 1) + " " + strings.Join(after, " ")
		shown := Obfuscate(text)
		if strings.Contains(shown, secret) {
			t.Fatalf("%s\nis shown as\n%s", text, shown)
		}
		if again := Obfuscate(shown); strings.Contains(again, secret) {
			t.Fatalf("%s\nis shown as\n%s", shown, again)
		}
		if _, err := Parse(text); err != nil && strings.Contains(err.Error(), secret) {
			t.Fatalf("%s\nis answered by\n%v", text, err)
		}
	})
}
