package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/eskerdb/esker/cmd/esker/settings"
	"github.com/eskerdb/esker/internal/clock"
)

// certificates are what a server shows, read again when the files change.
type certificates struct {
	files   settings.TLS
	logger  *slog.Logger
	current atomic.Pointer[tls.Config]
	until   atomic.Int64 // seconds since 1970 when the current one ends
	seen    string       // what the files were when they were read last; of load, then of watch alone

	asked  chan struct{} // to read them again; of capacity 1
	cancel func()
	join   sync.WaitGroup
}

// lookEvery is how often the files are looked at.
const lookEvery = 5 * time.Second

// loadCertificates reads the files for the first time; nil without files.
func loadCertificates(files settings.TLS, logger *slog.Logger) (*certificates, error) {
	if files == (settings.TLS{}) {
		return nil, nil
	}
	c := &certificates{files: files, logger: logger, asked: make(chan struct{}, 1)}
	c.seen = c.look()
	config, until, err := loadTLS(files)
	if err != nil {
		return nil, err
	}
	if (clock.System{}).Now().After(until) {
		logger.Warn("the certificate has ended; clients that look will refuse it", "file", files.Cert, "ended", until)
	}
	c.current.Store(config)
	c.until.Store(until.Unix())
	return c, nil
}

// ends is when the certificate ends, in seconds since 1970; without one it is 0.
func (c *certificates) ends() int64 {
	if c == nil {
		return 0
	}
	return c.until.Load()
}

// config is for the listener: each connection gets what holds when it comes.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	}
}

// loadTLS reads the files; until is when the certificate ends.
func loadTLS(f settings.TLS) (config *tls.Config, until time.Time, err error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, until, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", f.Cert, f.Key, err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, until, fmt.Errorf("--tls-cert %s: %w", f.Cert, err)
	}
	config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if f.ClientCA != "" {
		if config.ClientCAs, err = readCAs(f.ClientCA); err != nil {
			return nil, until, fmt.Errorf("--tls-client-ca: %w", err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, leaf.NotAfter, nil
}

// readCAs reads the certificates of authorities.
func readCAs(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: there is no certificate in it; it must be PEM", name)
	}
	return pool, nil
}

// look is a text that differs when the files do.
func (c *certificates) look() string {
	text := ""
	for _, name := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		info, err := os.Stat(name)
		if err != nil {
			text += err.Error() + "\n"
			continue
		}
		text += fmt.Sprintln(info.ModTime().UnixNano(), info.Size(), inodeOf(info))
	}
	return text
}

func inodeOf(info os.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}

// reload reads the files again. Those that are no good change nothing.
func (c *certificates) reload() {
	config, until, err := loadTLS(c.files)
	if err == nil && (clock.System{}).Now().After(until) {
		err = fmt.Errorf("--tls-cert %s: it ended on %s", c.files.Cert, until.UTC().Format(time.RFC3339))
	}
	if err != nil {
		c.logger.Error("the certificate was not changed; the one before is still shown", "cause", err)
		return
	}
	c.current.Store(config)
	c.until.Store(until.Unix())
	c.logger.Info("the certificate was read again; new connections get it", "file", c.files.Cert, "ends", until)
}

// start watches the files until stop.
func (c *certificates) start() {
	if c == nil {
		return
	}
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(context.Background())
	c.join.Go(func() { c.watch(ctx) })
}

// stop ends what start began.
func (c *certificates) stop() {
	if c != nil {
		c.cancel()
		c.join.Wait()
	}
}

// readAgain asks for the files to be read again, whether they have changed or not.
func (c *certificates) readAgain() {
	if c == nil {
		return
	}
	select {
	case c.asked <- struct{}{}:
	default: // it was asked already
	}
}

// watch reads the files again when it is asked and when they have changed, until ctx ends.
func (c *certificates) watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.asked:
			c.seen = c.look()
			c.reload()
		case <-ticker.C:
			c.reloadIfChanged()
		}
	}
}

// reloadIfChanged reads the files if they are others than those read last.
func (c *certificates) reloadIfChanged() {
	if now := c.look(); now != c.seen {
		c.seen = now
		c.reload()
	}
}
