package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eskerdb/esker/shell"
)

// home makes a directory the home of this test, with files in ~/.cassandra.
func home(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	for _, name := range []string{"SSL_CERTFILE", "SSL_VALIDATE", usernameVariable, passwordFileVariable} {
		t.Setenv(name, "")
	}
	if err := os.MkdirAll(filepath.Join(dir, ".cassandra"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, ".cassandra", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The shell connects as the files of cqlsh say, where the command line says nothing.
func TestTheShellReadsWhatCqlshReads(t *testing.T) {
	const rc = `; a comment
[connection]
hostname = db.example
port: 9142
[authentication]
username = ann
password = from the file
keyspace = iot
# another
`
	for _, c := range []struct {
		name        string
		rc          string
		credentials string
		access      access
		args        []string
		want        string // address user password keyspace
	}{
		{"nothing", "", "", access{}, nil, "127.0.0.1:9042   "},
		{"file", rc, "", access{}, nil, "db.example:9142 ann from the file iot"},
		{"credentials", rc, "[plain_text_auth]\nusername = bob\npassword = pa=ss#w;rd\n", access{}, nil, "db.example:9142 bob pa=ss#w;rd iot"},
		{"newer credentials", rc, "[PlainTextAuthProvider]\nusername = bob\npassword = secret\n", access{}, nil, "db.example:9142 bob secret iot"},
		{"arguments", rc, "", access{username: "carl", password: "x"}, []string{"::1", "1234"}, "[::1]:1234 carl x iot"},
		{"a name alone", rc, "", access{username: "ann"}, nil, "db.example:9142 ann from the file iot"},
		{"a password alone", rc, "", access{password: "x"}, nil, "db.example:9142 ann x iot"},
	} {
		home(t, map[string]string{"cqlshrc": c.rc, "credentials": c.credentials})
		var o shell.Options
		if err := c.access.connect(&o, c.args, ""); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := strings.Join([]string{o.Server.Addr, o.Server.Username, o.Server.Password, o.Server.Keyspace}, " "); got != c.want || o.Server.TLS != nil {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestTheShellReadsHowCqlshEncrypts(t *testing.T) {
	files := writeCertificate(t, t.TempDir(), "x", tomorrow())
	ssl := "[connection]\nssl = true\n[ssl]\ncertfile = " + files.Cert + "\n"
	for _, c := range []struct {
		name, rc, variable string
		roots, insecure    bool
		shown              int
		wrong              string
	}{
		{name: "certfile", rc: ssl, roots: true},
		{name: "no ssl", rc: strings.Replace(ssl, "ssl = true", "ssl = false", 1)},
		{name: "own certificate", rc: ssl + "usercert = " + files.Cert + "\nuserkey = " + files.Key + "\n", roots: true, shown: 1},
		{name: "half of one", rc: ssl + "usercert = " + files.Cert + "\n", wrong: "belong together"},
		{name: "not validated", rc: ssl + "validate = false\n", roots: true, insecure: true},
		{name: "by host", rc: "[connection]\nssl = on\n[certfiles]\n127.0.0.1 = " + files.Cert + "\n", roots: true},
		{name: "system's", rc: "[connection]\nssl = 1\n"},
		{name: "no such file", rc: "[connection]\nssl = yes\n[ssl]\ncertfile = ~/nothing\n", wrong: "nothing"},
		{name: "not a file of settings", rc: "password hunter2\n", wrong: "line 1"},
	} {
		home(t, map[string]string{"cqlshrc": c.rc})
		var o shell.Options
		err := (&access{}).connect(&o, nil, "")
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if c.name == "no ssl" {
			if err != nil || o.Server.TLS != nil {
				t.Errorf("%s: %v, %v", c.name, o.Server.TLS, err)
			}
			continue
		}
		if err != nil || o.Server.TLS == nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if config := o.Server.TLS; (config.RootCAs != nil) != c.roots || config.InsecureSkipVerify != c.insecure || len(config.Certificates) != c.shown {
			t.Errorf("%s: %+v", c.name, config)
		}
	}
}

// A password comes from one place, and what is wrong is said without it.
func TestWherePasswordsComeFrom(t *testing.T) {
	home(t, nil)
	file := secretFile(t, "from a file\r\n")
	for _, c := range []struct {
		name             string
		access           access
		user, file       string // of the environment
		wantUser, secret string
		wrong            string
	}{
		{name: "nothing"},
		{name: "flag", access: access{username: "ann", password: "x y"}, wantUser: "ann", secret: "x y"},
		{name: "file", access: access{username: "ann", passwordFile: file}, wantUser: "ann", secret: "from a file"},
		{name: "environment", user: "bob", file: file, wantUser: "bob", secret: "from a file"},
		{name: "flag over environment", access: access{username: "ann", password: "x"}, user: "bob", file: file, wantUser: "ann", secret: "x"},
		{name: "both", access: access{username: "ann", password: "hunter2", passwordFile: file}, wrong: "exclude each other"},
		{name: "no name", access: access{password: "hunter2"}, wrong: "no name"},
		{name: "empty file", access: access{username: "ann", passwordFile: secretFile(t, "\n")}, wrong: "one line"},
		{name: "two lines", access: access{username: "ann", passwordFile: secretFile(t, "hunter2\nhunter2\n")}, wrong: "one line"},
		{name: "no file", access: access{username: "ann", passwordFile: file + "x"}, wrong: "password: open"},
	} {
		t.Setenv(usernameVariable, c.user)
		t.Setenv(passwordFileVariable, c.file)
		o, err := c.access.options()
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || o.Username != c.wantUser || o.Password != c.secret {
			t.Errorf("%s: %q, %q, %v", c.name, o.Username, o.Password, err)
		}
	}
}
