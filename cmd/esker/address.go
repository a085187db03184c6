package main

import (
	"context"
	"fmt"
	"net"
)

// requireLoopback refuses an address that other machines may reach: there is no login and no encryption.
func requireLoopback(ctx context.Context, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen %s: want HOST:PORT", address)
	}
	if host == "" {
		return exposed(address, "every address of this machine")
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", address, err)
	}
	for _, ip := range ips {
		if ip = ip.Unmap(); !ip.IsLoopback() {
			return exposed(address, ip.String())
		}
	}
	return nil
}

func exposed(address, what string) error {
	return fmt.Errorf("--listen %s: %s is not a loopback address; there is no login and no encryption, so whoever reaches the port"+
		" can read and change everything (--insecure listens there nevertheless)", address, what)
}
