package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// cqlshFile is a file like cqlshrc: values by section and name, both in lower case.
type cqlshFile map[[2]string]string

// readCqlshFile reads such a file; one that is not there is empty.
func readCqlshFile(name string) (cqlshFile, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return cqlshFile{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, err := parseCqlshFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// parseCqlshFile reads sections in brackets and lines of name = value or name: value; # and ; begin comments.
func parseCqlshFile(in io.Reader) (cqlshFile, error) {
	out, section := cqlshFile{}, ""
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = strings.ToLower(strings.TrimSpace(line[1 : len(line)-1]))
			continue
		}
		at := strings.IndexAny(line, "=:")
		if at <= 0 || section == "" {
			return nil, fmt.Errorf("line %d: want [section] or name = value", n) // not the line: it may hold a password
		}
		out[[2]string{section, strings.ToLower(strings.TrimSpace(line[:at]))}] = strings.TrimSpace(line[at+1:])
	}
	return out, lines.Err()
}

func (s cqlshFile) get(section, name string) string { return s[[2]string{section, name}] }

// cqlshrc are the files of cqlsh in a directory like ~/.cassandra, and what the environment says.
type cqlshrc struct {
	config, credentials cqlshFile
	home                string
}

// readCqlshrc reads the files that cqlsh would read: ~/.cassandra/cqlshrc, or another one, and the credentials it names.
func readCqlshrc(name string) (*cqlshrc, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // no home, no files in it
	}
	c := &cqlshrc{home: home}
	dir := filepath.Join(home, ".cassandra")
	if name == "" {
		name = filepath.Join(dir, "cqlshrc")
	}
	if c.config, err = readCqlshFile(name); err != nil {
		return nil, err
	}
	credentials := c.path(c.config.get("authentication", "credentials"))
	if credentials == "" {
		credentials = filepath.Join(dir, "credentials")
	}
	c.credentials, err = readCqlshFile(credentials)
	return c, err
}

// path puts the home directory where ~ stands.
func (c *cqlshrc) path(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		return filepath.Join(c.home, rest)
	}
	return name
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// secret is a value of the credentials, in the sections of either release of cqlsh, or of cqlshrc, where it is discouraged.
func (c *cqlshrc) secret(name string) string {
	return first(c.credentials.get("plain_text_auth", name), c.credentials.get("plaintextauthprovider", name), c.config.get("authentication", name))
}

// apply fills in what the command line left open. A certificate of the server is checked with its name, which cqlsh does not do.
func (c *cqlshrc) apply(a *access) {
	name := c.secret("username")
	if a.username == "" && os.Getenv(usernameVariable) == "" {
		a.username = name
	}
	if name != "" && a.username == name && a.password == "" && a.passwordFile == "" && os.Getenv(passwordFileVariable) == "" {
		a.password = c.secret("password")
	}
	switch strings.ToLower(c.config.get("connection", "ssl")) {
	case "1", "yes", "true", "on":
		a.tls = true
	}
	if !a.tls {
		return
	}
	if a.tlsCA == "" {
		a.tlsCA = c.path(first(os.Getenv("SSL_CERTFILE"), c.config.get("certfiles", a.host), c.config.get("ssl", "certfile")))
	}
	if a.tlsCert == "" && a.tlsKey == "" {
		a.tlsCert, a.tlsKey = c.path(c.config.get("ssl", "usercert")), c.path(c.config.get("ssl", "userkey"))
	}
	if strings.EqualFold(first(os.Getenv("SSL_VALIDATE"), c.config.get("ssl", "validate")), "false") {
		a.tlsInsecure = true
	}
}
