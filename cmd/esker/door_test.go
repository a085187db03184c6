package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cmd/esker/settings"
)

// writeCertificate puts a certificate for 127.0.0.1 and its key into a directory, and returns both files.
func writeCertificate(t *testing.T, dir, name string, until time.Time) settings.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := settings.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }

func secretFile(t *testing.T, secret string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(name, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A superuser made in a stopped directory logs in over TLS, with every tool; nobody else does, and no secret is in the log.
func TestAnEncryptedServerWithALogin(t *testing.T) {
	dir, secret := filepath.Join(t.TempDir(), "data"), secretFile(t, "open sesame\n")
	files := writeCertificate(t, t.TempDir(), "esker", tomorrow())
	if code, out, text := said(t, "admin", "create-superuser", "ann", "--data", dir, "--password-file", secret); code != 0 || !strings.HasPrefix(out, "ann is a superuser") {
		t.Fatalf("exit %d, %q, %q", code, out, text)
	}
	p := startServer(t, "--data", dir, "--auth", "--tls-cert", files.Cert, "--tls-key", files.Key)
	host, port, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	reach := []string{"--host", host, "--port", port, "--tls-ca", files.Cert, "-u", "ann", "--password-file", secret}
	if code, out, text := said(t, append([]string{"admin", "tablestats", "--output", "json"}, reach...)...); code != 0 || !strings.HasPrefix(out, "[") {
		t.Errorf("admin: exit %d, %q, %q", code, out, text)
	}
	const script = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}; CREATE TABLE ks.t (k int PRIMARY KEY)"
	if code, _, text := said(t, append([]string{"shell", host, port, "-e", script}, reach[4:]...)...); code != 0 {
		t.Errorf("shell: exit %d, %q", code, text)
	}
	csv := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(csv, []byte("k\n1\n2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, text := said(t, append([]string{"ingest", "--checkpoint", csv + ".checkpoint", "ks.t", csv}, reach...)...); code != 0 {
		t.Errorf("ingest: exit %d, %q", code, text)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if code, _, text := said(t, append([]string{"backup", "create", backup}, reach...)...); code != 0 {
		t.Errorf("backup: exit %d, %q", code, text)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{append([]string{"admin", "tablestats", "-p", "open says me", "-u", "ann", "--tls-ca", files.Cert}, reach[:4]...), "Provided username ann and/or password are incorrect"},
		{append([]string{"admin", "tablestats", "-u", "ann", "--tls-ca", files.Cert}, reach[:4]...), "no terminal"},
		{append([]string{"admin", "tablestats", "--tls-ca", files.Cert}, reach[:4]...), "user name"},
		{append([]string{"admin", "tablestats"}, reach[:4]...), "this port speaks TLS alone"},
		{append([]string{"admin", "tablestats", "--tls"}, reach[:4]...), "certificate"},
	} {
		if code, out, text := said(t, c.args...); code != 1 || out != "" || !strings.Contains(text, c.want) || strings.Contains(text, "open") {
			t.Errorf("%q: exit %d, %q, %q", c.args, code, out, text)
		}
	}
	if line := refused(t, "admin", "create-superuser", "bob", "--data", dir, "--password-file", secret); !strings.Contains(line, strconv.Itoa(p.cmd.Process.Pid)) {
		t.Errorf("got %q", line)
	}
	if code := p.stop(syscall.SIGTERM); code != 0 || strings.Contains(p.log.String(), "open s") || !strings.Contains(p.log.String(), "login refused") ||
		!strings.Contains(p.log.String(), "user=ann") || !strings.Contains(p.log.String(), "does not speak TLS") {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
}

// The environment makes the first superuser, once.
func TestTheEnvironmentMakesTheFirstSuperuser(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("ESKER_SUPERUSER", "ann")
	t.Setenv("ESKER_SUPERUSER_PASSWORD_FILE", secretFile(t, "first"))
	login := func(p *process, password string) error {
		c, err := client.Dial(t.Context(), client.Options{Addr: p.address, Username: "ann", Password: password})
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	p := startServer(t, "--data", dir, "--auth")
	if err := login(p, "first"); err != nil {
		t.Error(err)
	}
	p.stop(syscall.SIGTERM)
	t.Setenv("ESKER_SUPERUSER_PASSWORD_FILE", secretFile(t, "second"))
	p = startServer(t, "--data", dir, "--auth")
	if err := login(p, "first"); err != nil {
		t.Errorf("after a restart with another password: %v", err)
	}
	if err := login(p, "second"); err == nil {
		t.Error("the environment changed the password of a superuser that there is")
	}
	p.stop(syscall.SIGTERM)
	t.Setenv("ESKER_SUPERUSER_PASSWORD_FILE", filepath.Join(dir, "nothing"))
	if line := refused(t, "server", "--data", t.TempDir(), "--auth", "--listen", "127.0.0.1:0"); !strings.Contains(line, "superuser_password_file") {
		t.Errorf("got %q", line)
	}
}

// Without a login other machines may not connect; with one and without TLS that is said loudly.
func TestExposure(t *testing.T) {
	for _, c := range []struct {
		listen              string
		auth, tls, insecure bool
		refused, warned     bool
	}{
		{listen: "127.0.0.1"}, {listen: "::1"}, {listen: "localhost"}, {listen: "127.0.0.1", auth: true}, {listen: "::ffff:127.0.0.1"},
		{listen: "0.0.0.0", refused: true}, {listen: "", refused: true}, {listen: "::", refused: true}, {listen: "192.0.2.1", tls: true, refused: true},
		{listen: "::ffff:192.0.2.1", refused: true}, {listen: "0.0.0.0", insecure: true, warned: true}, {listen: "0.0.0.0", auth: true, warned: true},
		{listen: "0.0.0.0", auth: true, tls: true},
	} {
		n := &settings.Network{Host: c.listen, Port: 9042, Insecure: c.insecure, Authenticator: "AllowAllAuthenticator"}
		if c.auth {
			n.Authenticator = "PasswordAuthenticator"
		}
		if c.tls {
			n.TLS.Cert = "cert.pem"
		}
		var log bytes.Buffer
		err := checkExposure(t.Context(), n, slog.New(slog.NewTextHandler(&log, nil)))
		if (err != nil) != c.refused || strings.Contains(log.String(), "INSECURE") != c.warned {
			t.Errorf("%+v: %v, %q", c, err, log.String())
		}
	}
}

// shown is the name in the certificate that a server shows.
func (p *process) shown() string {
	p.t.Helper()
	socket, err := tls.Dial("tcp", p.address, &tls.Config{InsecureSkipVerify: true}) // it is only looked at
	if err != nil {
		p.t.Fatal(err)
	}
	defer socket.Close()
	return socket.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// New certificates are shown without a restart; one that is no good changes nothing and is reported.
func TestCertificatesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	files := writeCertificate(t, dir, "first", tomorrow())
	var log bytes.Buffer
	c, err := loadCertificates(files, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	name := func() string { return c.current.Load().Certificates[0].Leaf.Subject.CommonName }
	c.reloadIfChanged()
	if name() != "first" || log.Len() != 0 {
		t.Errorf("nothing changed: %s, %q", name(), log.String())
	}
	writeCertificate(t, dir, "second", tomorrow())
	c.reloadIfChanged()
	if name() != "second" {
		t.Errorf("shows %s", name())
	}
	for what, spoil := range map[string]func(){
		"half a file": func() { _ = os.WriteFile(files.Cert, []byte("-----BEGIN CERTIFICATE-----\n"), 0o600) },
		"another key": func() {
			other := writeCertificate(t, t.TempDir(), "x", tomorrow())
			_ = os.Rename(other.Key, files.Key)
		},
		"no file":       func() { _ = os.Remove(files.Key) },
		"one that ends": func() { writeCertificate(t, dir, "old", time.Now().Add(-time.Hour)) },
	} {
		writeCertificate(t, dir, "second", tomorrow())
		c.reloadIfChanged()
		log.Reset()
		spoil()
		c.reloadIfChanged()
		c.reloadIfChanged()
		if name() != "second" || strings.Count(log.String(), "not changed") != 1 {
			t.Errorf("%s: %s, %q", what, name(), log.String())
		}
	}
	if shown := c.current.Load().Certificates[0].Leaf.NotAfter.Unix(); c.ends() != shown || (*certificates)(nil).ends() != 0 {
		t.Errorf("it ends at %d, the metric says %d", shown, c.ends())
	}
	if config, err := c.config().GetConfigForClient(nil); err != nil || config.MinVersion != tls.VersionTLS12 {
		t.Errorf("%v, %v", config, err)
	}
}

// SIGHUP makes a running server read its certificate at once; who is connected stays so.
func TestSIGHUPReadsTheCertificate(t *testing.T) {
	dir := t.TempDir()
	files := writeCertificate(t, dir, "first", tomorrow())
	p := startServer(t, "--data", t.TempDir(), "--tls-cert", files.Cert, "--tls-key", files.Key)
	pool, err := readCAs(files.Cert)
	if err != nil {
		t.Fatal(err)
	}
	stays, err := client.Dial(t.Context(), client.Options{Addr: p.address, TLS: &tls.Config{RootCAs: pool}})
	if err != nil {
		t.Fatal(err)
	}
	defer stays.Close()
	if got := p.shown(); got != "first" {
		t.Errorf("shows %s", got)
	}
	writeCertificate(t, dir, "second", tomorrow())
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for p.shown() != "second" { // the signal is handled soon
		if t.Context().Err() != nil {
			t.Fatal("it goes on with the first")
		}
	}
	if _, err := stays.Query(context.Background(), "SELECT key FROM system.local"); err != nil {
		t.Error(err)
	}
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
}

func TestFilesThatAreNoCertificates(t *testing.T) {
	files := writeCertificate(t, t.TempDir(), "x", tomorrow())
	nothing := filepath.Join(t.TempDir(), "nothing")
	for _, f := range []settings.TLS{
		{Cert: nothing, Key: files.Key}, {Cert: files.Cert, Key: nothing}, {Cert: files.Key, Key: files.Cert},
		{Cert: files.Cert, Key: files.Key, ClientCA: nothing}, {Cert: files.Cert, Key: files.Key, ClientCA: files.Key},
	} {
		if c, err := loadCertificates(f, slog.New(slog.DiscardHandler)); err == nil || c != nil || !strings.Contains(err.Error(), "tls-") {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// A flood of strangers takes so many lines of the log and no more; the next line says how many are missing.
func TestAFloodDoesNotFillTheLog(t *testing.T) {
	var q quota
	at, lines := time.Unix(1e9, 0), 0
	for range 1000 {
		if _, ok := q.take(at); ok {
			lines++
		}
	}
	if missing, ok := q.take(at.Add(quotaSpan)); lines != quotaLines || !ok || missing != 1000-quotaLines {
		t.Errorf("%d lines, then one (%t) that misses %d", lines, ok, missing)
	}
	if missing, ok := q.take(at.Add(quotaSpan)); !ok || missing != 0 {
		t.Errorf("%d are missing, %t", missing, ok)
	}
	if got := shortened(fmt.Sprint(make([]int, 1000))); len([]rune(got)) != 129 {
		t.Errorf("%d letters of a long name", len(got))
	}
}
