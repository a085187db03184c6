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
	where, err := reachable(ctx, "listen", listen)
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

// checkWatchExposure refuses metrics that other machines reach: nobody logs in there.
func checkWatchExposure(ctx context.Context, set *settings.Server) error {
	where, err := reachable(ctx, "metrics", set.Metrics.Address)
	if err == nil && where != "" && !set.Network.Insecure {
		err = fmt.Errorf("--metrics %s: %s is not a loopback address, and nobody logs in there, so whoever reaches the port sees what"+
			" the server does (--insecure listens there nevertheless)", set.Metrics.Address, where)
	}
	return err
}

// reachable says where other machines reach the address of a flag; empty: nowhere.
func reachable(ctx context.Context, flag, address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("--%s %s: want HOST:PORT", flag, address)
	}
	if host == "" {
		return "every address of this machine", nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", fmt.Errorf("--%s %s: %w", flag, address, err)
	}
	for _, ip := range ips {
		if ip = ip.Unmap(); !ip.IsLoopback() {
			return ip.String(), nil
		}
	}
	return "", nil
}
