// Package settings is the table of what `esker server` can be told, and finds out what it is told: a flag
// wins over an environment variable, that over the file, that over the default.
//
// It is given the words of each and opens no file, reads no environment and starts nothing.
package settings

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/server"
)

// Server is what `esker server` is told.
type Server struct {
	Data        string // data directory
	Memory      int64  // bytes the process may take; 0: a part of the machine's
	CopyRowsMax int    // rows with query tables that one statement may change
	Guardrails  database.Guardrails
	CommitLog   CommitLog
	Network     Network
	Superuser   Superuser
	Log         Log
	Metrics     Metrics
	DrainFor    time.Duration // how long requests in flight hold up a stop
}

// CommitLog is when writes are synced.
type CommitLog struct {
	Mode     string        // group, batch or periodic
	Period   time.Duration // of periodic
	BytesMax int64         // beyond it tables are flushed
}

// Network is where CQL clients connect, and what they may take.
type Network struct {
	Host     string
	Port     int
	Insecure bool // other machines may connect without a login
	Limits   server.Limits
	Door     server.Door // but for logins and certificates

	Authenticator, Authorizer string // classes of Cassandra
	Encrypted                 bool   // TLS is wanted; it is spoken when there is a certificate
	TLS                       TLS
}

// TLS names the files by which a server shows who it is. All empty: it speaks none.
type TLS struct {
	Cert, Key string // PEM
	ClientCA  string // PEM; empty: clients need no certificate
}

// Auth reports whether clients must log in.
func (n *Network) Auth() bool { return n.Authenticator == passwordAuthenticator }

// Superuser is the role that a start makes if authentication is on and there is no superuser.
type Superuser struct {
	Name         string // empty: none is made
	PasswordFile string
}

// Address is host and port in one text.
func (n *Network) Address() string { return net.JoinHostPort(n.Host, strconv.Itoa(n.Port)) }

// Log is what goes to stderr.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // text or json
}

// Metrics is the port of metrics and health.
type Metrics struct {
	Address  string // host:port; empty: there is none
	Profiles bool   // Go's profiles are there too
}

// Sources are the words given. Functions and File may be nil.
type Sources struct {
	Flag     func(name string) []string               // what a flag was given, in order; nil: nothing
	Variable func(name string) (text string, ok bool) // as os.LookupEnv
	File     *File
}

// Value is a setting with where its value is from.
type Value struct {
	Name, Text string
	Kind       string // of the value: one of the words of docs/configuration.md
	Origin     string // like "flag --memory", "variable ESKER_MEMORY", "esker.yaml:7" or "default"
}

// Resolve finds the value of every setting, in the order of the table. The error names every value that cannot be,
// with its place, a line each.
func Resolve(from Sources) (*Server, []Value, error) {
	s := &Server{Guardrails: database.DefaultGuardrails()}
	values := make([]Value, 0, len(table))
	problems := unclaimed(from)
	for i := range table {
		row := &table[i]
		text, origin, err := row.find(from)
		if err == nil {
			if err = row.bind.set(s, text); err != nil {
				err = fmt.Errorf("%s: %w", place(row, origin, text), err)
			}
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		values = append(values, Value{Name: row.Name, Text: row.bind.get(s), Kind: row.bind.kind, Origin: origin})
	}
	if len(problems) == 0 {
		problems = check(s)
	}
	return s, values, errors.Join(problems...)
}

// place says whose value a text is.
func place(row *Setting, origin, text string) string {
	if what, ok := strings.CutPrefix(origin, "flag "); ok {
		return what + " " + text
	}
	if what, ok := strings.CutPrefix(origin, "variable "); ok {
		return what + "=" + text
	}
	return fmt.Sprintf("%s: %s: %s", origin, row.Name, text)
}

// find is the text of a setting that wins, and where it is from.
func (row *Setting) find(from Sources) (text, origin string, err error) {
	if from.Flag != nil && row.Flag != "" {
		if text, ok, err := row.last(from.Flag(row.Flag)); err != nil || ok {
			return text, "flag --" + row.Flag, wrap("--"+row.Flag, err)
		}
	}
	if from.Variable != nil {
		if given, ok := from.Variable(row.Variable()); ok {
			if text, ok, err := row.last([]string{given}); err != nil || ok {
				return text, "variable " + row.Variable(), wrap(row.Variable(), err)
			}
		}
	}
	if from.File != nil {
		if e, ok := from.File.values[row.Name]; ok {
			return e.text, fmt.Sprintf("%s:%d", from.File.name, e.line), nil
		}
	}
	return row.Default, "default", nil
}

func wrap(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %w", place, err)
}

// last is what the last text says of the setting; ok is false if none says anything.
func (row *Setting) last(texts []string) (text string, ok bool, err error) {
	for _, given := range slices.Backward(row.split(texts)) {
		if row.part == nil {
			return given, true, nil
		}
		if text, ok, err := row.part(given); ok || err != nil {
			return text, ok, err
		}
	}
	return "", false, nil
}

// split divides the texts of a flag that takes several values.
func (row *Setting) split(texts []string) []string {
	if row.Flag != guardrailFlag {
		return texts
	}
	var out []string
	for _, t := range texts {
		out = append(out, strings.Split(t, ",")...)
	}
	return out
}

// unclaimed refuses what is given to the flag of guardrails and is none.
func unclaimed(from Sources) (problems []error) {
	row := &Setting{Flag: guardrailFlag}
	try := func(place string, texts []string) {
		for _, t := range row.split(texts) {
			g := database.DefaultGuardrails()
			name, _, _ := strings.Cut(t, "=")
			if err := g.Set(t); err != nil && find(name) == nil {
				problems = append(problems, fmt.Errorf("%s: %w", place, err))
			}
		}
	}
	if from.Flag != nil {
		try("--"+guardrailFlag, from.Flag(guardrailFlag))
	}
	if from.Variable != nil {
		if text, ok := from.Variable(row.Variable()); ok {
			try(row.Variable(), []string{text})
		}
	}
	return problems
}

// check refuses settings that cannot be together.
func check(s *Server) []error {
	var problems []error
	if err := s.Guardrails.Check(); err != nil {
		problems = append(problems, err)
	}
	return append(problems, s.Network.check(&s.Superuser)...)
}

// check refuses half of a certificate, of a login or of a superuser.
func (n *Network) check(first *Superuser) (problems []error) {
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{n.Auth() != (n.Authorizer == cassandraAuthorizer), "authenticator " + n.Authenticator + " and authorizer " + n.Authorizer +
			": PasswordAuthenticator and CassandraAuthorizer come together; --auth means both"},
		{n.TLS.Cert == "" && n.TLS.Key != "", "tls_key needs tls_cert: the file with the certificate"},
		{n.TLS.Cert != "" && n.TLS.Key == "", "tls_cert needs tls_key: the file with the certificate's private key"},
		{n.TLS.Cert == "" && n.TLS.ClientCA != "", "tls_client_ca needs tls_cert and tls_key: clients show certificates over TLS alone"},
		{n.TLS.Cert == "" && n.Encrypted, "client_encryption_options.enabled needs tls_cert and tls_key, the certificate and its private key as PEM"},
		{(first.Name == "") != (first.PasswordFile == ""), "superuser and superuser_password_file belong together"},
	} {
		if c.wrong {
			problems = append(problems, errors.New(c.text))
		}
	}
	return problems
}
