package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// secure serves a second directory over TLS to those who have a password, and shows who comes in and who does not.
func (d *demo) secure(ctx context.Context) error {
	d.title("TLS and a password: another server, a certificate made for an hour")
	dir, err := os.MkdirTemp(filepath.Dir(d.Data), "esker-demo-secure-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	certificate, key, pool, err := d.throwAway(dir)
	if err != nil {
		return err
	}
	secret := rand.Text()
	file, data := filepath.Join(dir, "password"), filepath.Join(dir, "data")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	d.say("$ esker admin create-superuser ann --data ./secure --password-file password")
	if _, err := d.command(ctx, "admin", "create-superuser", "ann", "--data", data, "--password-file", file); err != nil {
		return err
	}
	d.say("$ esker server --data ./secure --auth --tls-cert cert.pem --tls-key key.pem")
	s, err := startServer(ctx, d.Program, data, "127.0.0.1:0", "--auth", "--tls-cert", certificate, "--tls-key", key)
	if err != nil {
		return err
	}
	defer s.stop()
	d.turnedAway(ctx, s.addr, pool)
	return d.letIn(ctx, client.Options{Addr: s.addr, TLS: &tls.Config{RootCAs: pool}, Username: "ann", Password: secret})
}

// letIn comes in as the superuser, makes a role that may only read, and tries what that may do.
func (d *demo) letIn(ctx context.Context, o client.Options) error {
	conn, err := client.Dial(ctx, o)
	if err != nil {
		return err
	}
	defer conn.Close()
	secret := rand.Text()
	for _, text := range []string{
		"CREATE KEYSPACE home WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE home.readings (sensor text, ts timestamp, value double, PRIMARY KEY (sensor, ts))",
		"INSERT INTO home.readings (sensor, ts, value) VALUES ('attic', '2026-01-01', 20.5)",
		"CREATE ROLE viewer WITH PASSWORD = '" + secret + "' AND LOGIN = true",
		"GRANT SELECT ON KEYSPACE home TO viewer",
	} {
		d.say("ann@cqlsh> %s;", strings.ReplaceAll(text, secret, "******"))
		if _, err := conn.Query(ctx, text); err != nil {
			return err
		}
	}
	o.Username, o.Password = "viewer", secret
	viewer, err := client.Dial(ctx, o)
	if err != nil {
		return err
	}
	defer viewer.Close()
	result, err := viewer.Query(ctx, "SELECT value FROM home.readings")
	if err != nil {
		return err
	}
	row, err := result.Next(ctx)
	if err != nil {
		return err
	}
	if len(row) != 1 {
		return errors.New("the viewer gets no row")
	}
	d.check("the viewer reads", types.DecodeFloat64(row[0]), 20.5)
	_, err = viewer.Query(ctx, "DELETE FROM home.readings WHERE sensor = 'attic'")
	var refused *client.Error
	errors.As(err, &refused)
	d.check("and deletes nothing", refused != nil && refused.Code == wire.CodeUnauthorized, true)
	return nil
}

// turnedAway tries what must not work.
func (d *demo) turnedAway(ctx context.Context, addr string, pool *x509.CertPool) {
	why := func(o client.Options) string {
		o.Addr = addr
		conn, err := client.Dial(ctx, o)
		var refused *client.Error
		var untrusted *tls.CertificateVerificationError
		switch {
		case err == nil:
			_ = conn.Close() // it is wrong that there is one
			return "came in"
		case errors.As(err, &refused) && refused.Code == wire.CodeBadCredentials:
			return "bad credentials"
		case errors.As(err, &refused):
			return refused.Message
		case errors.As(err, &untrusted):
			return "the certificate is not believed"
		}
		return err.Error()
	}
	d.check("without TLS", why(client.Options{Username: "ann", Password: "guess"}), "this port speaks TLS alone: connect with TLS")
	d.check("TLS, but nobody vouches for the certificate", why(client.Options{TLS: &tls.Config{}}), "the certificate is not believed")
	d.check("TLS and a wrong password", why(client.Options{TLS: &tls.Config{RootCAs: pool}, Username: "ann", Password: "guess"}), "bad credentials")
}

// throwAway makes a certificate for 127.0.0.1 that vouches for itself, and returns its files and those who believe it.
func (d *demo) throwAway(dir string) (certificate, key string, pool *x509.CertPool, err error) {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", nil, err
	}
	now := d.Clock.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "esker demo"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		return "", "", nil, err
	}
	hidden, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return "", "", nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certificate, key, pool = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	err = errors.Join(os.WriteFile(certificate, text, 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: hidden}), 0o600))
	return certificate, key, pool, err
}
