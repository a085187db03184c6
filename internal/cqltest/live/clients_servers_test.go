package live

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
)

// hasFlag says whether `esker server` knows a flag.
func hasFlag(t *testing.T, flag string) bool {
	return strings.Contains(Run(t, Command{Args: []string{"server", "--help"}}).Stdout, flag)
}

// hasConditions says whether the server carries out IF.
func hasConditions(t *testing.T) bool {
	server := Start(t, dataDir(t))
	defer server.Kill()
	conn := dial(t, server, client.Options{})
	execute(t, conn, createKeyspace, "CREATE TABLE k.t (k int PRIMARY KEY)")
	_, err := conn.Query(context.Background(), "INSERT INTO k.t (k) VALUES (1) IF NOT EXISTS")
	return err == nil
}

// startTLS starts a server that speaks TLS with a certificate of a CA that only this test has.
func (k *task) startTLS(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	ca, caKey := certificate(t, dir, "ca", nil, nil)
	certificate(t, dir, "server", ca, caKey)
	k.ca = filepath.Join(dir, "ca.pem")
	k.server = Start(t, dataDir(t), "--tls-cert", filepath.Join(dir, "server.pem"), "--tls-key", filepath.Join(dir, "server.key"))
}

// startLogin starts a server that asks for a name and a password.
func (k *task) startLogin(t *testing.T) {
	t.Helper()
	k.user, k.password = "operator", "correct horse"
	data := dataDir(t)
	out := Run(t, Command{Args: []string{"admin", "create-superuser", k.user, "--data", data}, Stdin: strings.NewReader(k.password + "\n")})
	if out.Code != 0 {
		t.Fatal(out)
	}
	k.server = Start(t, data, "--auth")
}

// certificate writes NAME.pem and NAME.key: a CA, or if ca is given a certificate for localhost that it signs.
func certificate(t *testing.T, dir, name string, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(name))), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(4_000_000_000, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if ca == nil {
		form.IsCA, form.BasicConstraintsValid, form.KeyUsage = true, true, x509.KeyUsageCertSign
		ca, caKey = form, key
	}
	der, err := x509.CreateCertificate(rand.Reader, form, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}
