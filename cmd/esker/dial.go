package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/client"
)

// Variables of the environment that stand for flags that are not given.
const (
	usernameVariable     = "ESKER_USERNAME"
	passwordFileVariable = "ESKER_PASSWORD_FILE"
)

// access is how a command reaches a server and says who it is. What comes from files and terminals is read by options.
type access struct {
	host string
	port uint16

	username, password, passwordFile string

	tls                    bool
	tlsCA, tlsCert, tlsKey string // files
	tlsServerName          string
	tlsInsecure            bool
}

// addFlags adds the flags of a command, and of those below it.
func (a *access) addFlags(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.host, "host", "127.0.0.1", "server's host")
	flags.Uint16Var(&a.port, "port", 9042, "server's port")
	a.addSecurityFlags(cmd)
}

func (a *access) addSecurityFlags(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVarP(&a.username, "username", "u", "", "`NAME` to log in as; without a password it is asked for (or "+usernameVariable+")")
	flags.StringVarP(&a.password, "password", "p", "", "`PASSWORD`; others on this machine can see it, so rather a file")
	flags.StringVar(&a.passwordFile, "password-file", "", "`FILE` with the password (or "+passwordFileVariable+")")
	flags.BoolVar(&a.tls, "tls", false, "encrypt; the server's certificate is checked")
	flags.StringVar(&a.tlsCA, "tls-ca", "", "`FILE` with the certificates that vouch for the server's (default the system's)")
	flags.StringVar(&a.tlsServerName, "tls-server-name", "", "`NAME` that the server's certificate must have (default the host)")
	flags.StringVar(&a.tlsCert, "tls-cert", "", "`FILE` with a certificate of ours, for a server that wants one")
	flags.StringVar(&a.tlsKey, "tls-key", "", "`FILE` with its private key")
	flags.BoolVar(&a.tlsInsecure, "tls-insecure", false, "do not check the server's certificate: whoever is in between can read and change everything")
}

// options are those of a connection. It asks for a password where there is a name alone.
func (a *access) options() (client.Options, error) {
	return a.optionsOf(net.JoinHostPort(a.host, strconv.Itoa(int(a.port))))
}

// optionsOf are options for a server at host:port, whatever the flags say of it.
func (a *access) optionsOf(addr string) (client.Options, error) {
	o := client.Options{Addr: addr}
	var err error
	if o.TLS, err = a.config(); err != nil {
		return o, err
	}
	o.Username = a.username
	if o.Username == "" {
		o.Username = os.Getenv(usernameVariable)
	}
	if o.Username == "" {
		if a.password != "" || a.passwordFile != "" {
			return o, errors.New("there is a password and no name: give -u NAME")
		}
		return o, nil
	}
	o.Password, err = a.secret(o.Username)
	return o, err
}

// secret is the password of a name.
func (a *access) secret(name string) (string, error) {
	file := a.passwordFile
	switch {
	case a.password != "" && file != "":
		return "", errors.New("-p and --password-file exclude each other")
	case a.password != "":
		return a.password, nil
	case file == "":
		file = os.Getenv(passwordFileVariable)
	}
	if file != "" {
		return secretOf(file)
	}
	secret, err := readSecret("Password of " + name + ": ")
	if errors.Is(err, errNoTerminal) {
		return "", fmt.Errorf("there is no password for %s, and no terminal to ask for it: give --password-file FILE", name)
	}
	return secret, err
}

// secretOf reads a file with a password; the end of its line is none of it.
func secretOf(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" || strings.ContainsAny(secret, "\n\x00") {
		return "", fmt.Errorf("password: %s must hold one line that is not empty", file)
	}
	return secret, nil
}

// config is nil for a connection in the clear. A flag that says how to encrypt says that.
func (a *access) config() (*tls.Config, error) {
	if !a.tls && a.tlsCA == "" && a.tlsCert == "" && a.tlsKey == "" && a.tlsServerName == "" && !a.tlsInsecure {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.tlsServerName, InsecureSkipVerify: a.tlsInsecure}
	if a.tlsCA != "" {
		var err error
		if config.RootCAs, err = readCAs(a.tlsCA); err != nil {
			return nil, fmt.Errorf("--tls-ca: %w", err)
		}
	}
	if (a.tlsCert == "") != (a.tlsKey == "") {
		return nil, errors.New("--tls-cert and --tls-key belong together")
	}
	if a.tlsCert != "" {
		pair, err := tls.LoadX509KeyPair(a.tlsCert, a.tlsKey)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", a.tlsCert, a.tlsKey, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
