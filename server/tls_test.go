package server

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/server/wire"
)

// certified is a certificate for 127.0.0.1 that vouches for itself, and those who believe it.
func certified(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "esker"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// Both versions of TLS serve statements and logins; older ones do not, nor a certificate that the client does not believe.
func TestTLS(t *testing.T) {
	mine, pool := certified(t)
	_, others := certified(t)
	s := start(t, Options{Database: whoami(), Door: Door{
		Logins: roles{"ann": "secret"}, TLS: &tls.Config{Certificates: []tls.Certificate{mine}, MinVersion: tls.VersionTLS12},
	}})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := dial(t, s, client.Options{TLS: &tls.Config{RootCAs: pool, MinVersion: version, MaxVersion: version}, Username: "ann", Password: "secret"})
		a, err := send(t, c, "q").Wait(t.Context())
		if got := textOf(t, a, err); got != "ann" {
			t.Errorf("TLS %x: got %q", version, got)
		}
	}
	for _, refused := range []*tls.Config{
		{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, {RootCAs: others}, {RootCAs: pool, ServerName: "elsewhere"},
	} {
		if _, err := client.Dial(t.Context(), client.Options{Addr: s.Addr().String(), TLS: refused}); err == nil || !strings.Contains(err.Error(), "tls: ") {
			t.Errorf("got %v", err)
		}
	}
}

// Where clients must show a certificate, one that shows none is not served.
func TestClientCertificates(t *testing.T) {
	mine, pool := certified(t)
	other, _ := certified(t)
	ended, events := endings()
	s := start(t, Options{Database: echo(), Events: events, Door: Door{TLS: &tls.Config{
		Certificates: []tls.Certificate{mine}, MinVersion: tls.VersionTLS12, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}}})
	c := dial(t, s, client.Options{TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{mine}}})
	a, err := send(t, c, "q").Wait(t.Context())
	textOf(t, a, err)
	for _, shown := range [][]tls.Certificate{nil, {other}} {
		if _, err := client.Dial(t.Context(), client.Options{Addr: s.Addr().String(), TLS: &tls.Config{RootCAs: pool, Certificates: shown}}); err == nil {
			t.Error("a client without a certificate came in")
		}
		if stranger := (*StrangerError)(nil); !errors.As(<-ended, &stranger) || !strings.Contains(stranger.Message, "certificate") {
			t.Errorf("it ended with %v", stranger)
		}
	}
}

// A client in the clear is told in the clear, and one that speaks TLS to a plain port finds out; the log says which.
func TestClientsThatSpeakTheOtherLanguage(t *testing.T) {
	mine, pool := certified(t)
	ended, events := endings()
	secure := start(t, Options{Database: echo(), Events: events, Door: Door{TLS: &tls.Config{Certificates: []tls.Certificate{mine}, MinVersion: tls.VersionTLS12}}})
	for _, version := range []byte{3, 4, 5, 0x42} {
		r := dialRaw(t, secure)
		r.ask(version, 7, &wire.Options{})
		r.expectError(0, wire.CodeProtocol, "this port speaks TLS alone: connect with TLS")
		r.expectEnd()
		_ = r.socket.Close() // it is not lingered for
		if cause := <-ended; !errors.Is(cause, errTLSPort) {
			t.Errorf("version %d: it ended with %v", version, cause)
		}
	}
	plain := start(t, Options{Database: echo(), Events: events})
	_, err := client.Dial(t.Context(), client.Options{Addr: plain.Addr().String(), TLS: &tls.Config{RootCAs: pool}})
	if record := (tls.RecordHeaderError{}); !errors.As(err, &record) {
		t.Errorf("got %v", err)
	}
	if cause := <-ended; !errors.Is(cause, errPlainPort) {
		t.Errorf("it ended with %v", cause)
	}
}

// Whoever connects and says nothing, or half a hello, is sent away in time.
func TestHandshakesThatAreNeverFinished(t *testing.T) {
	mine, _ := certified(t)
	ended, events := endings()
	s := start(t, Options{
		Database: echo(), Events: events, Door: Door{TLS: &tls.Config{Certificates: []tls.Certificate{mine}}},
		Clock: clock.NewManual(time.Unix(1, 0)), // every deadline has passed
	})
	for _, said := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		socket, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		_, _ = socket.Write([]byte(said)) // it may be gone already
		if stranger := (*StrangerError)(nil); !errors.As(<-ended, &stranger) || !strings.Contains(stranger.Message, errStartup.Message) {
			t.Errorf("it ended with %v", stranger)
		}
	}
}

// A server that drains says goodbye over TLS too, and lets what was read be answered.
func TestDrainOverTLS(t *testing.T) {
	mine, pool := certified(t)
	s := start(t, Options{Database: echo(), Door: Door{TLS: &tls.Config{Certificates: []tls.Certificate{mine}}}})
	socket, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	r := &raw{t: t, socket: socket, frames: wire.NewResponseReader(bufio.NewReader(socket))}
	r.ready()
	done := make(chan error)
	go func() { done <- s.Shutdown(t.Context()) }()
	if _, err := socket.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("it ended with %v", err)
	}
	_ = socket.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
