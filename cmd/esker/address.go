package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/eskerdb/esker/cmd/esker/settings"
)

// checkExposure refuses an address that other machines reach where nobody must log in, and warns of passwords in the clear.
func checkExposure(ctx context.Context, n *settings.Network, logger *slog.Logger) error {
	listen := n.Address()
	where, err := reachable(ctx, listen)
	switch {
	case err != nil || where == "":
		return err
	case !n.Auth() && !n.Insecure:
		return fmt.Errorf("--listen %s: %s is not a loopback address, and nobody must log in, so whoever reaches the port can read and"+
			" change everything (--auth asks for a login; --insecure listens there nevertheless)", listen, where)
	case !n.Auth():
		logger.Warn("INSECURE: whoever reaches this port can read and change everything; nobody must log in", "listen", listen, "reachable", where)
	case n.TLS.Cert == "":
		logger.Warn("INSECURE: passwords and data travel in the clear; give --tls-cert and --tls-key", "listen", listen, "reachable", where)
	}
	return nil
}

// reachable says where other machines reach an address; empty: nowhere.
func reachable(ctx context.Context, address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("--listen %s: want HOST:PORT", address)
	}
	if host == "" {
		return "every address of this machine", nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", fmt.Errorf("--listen %s: %w", address, err)
	}
	for _, ip := range ips {
		if ip = ip.Unmap(); !ip.IsLoopback() {
			return ip.String(), nil
		}
	}
	return "", nil
}
