package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// errCrowded ends a connection that is not ready, in favour of a new one.
var errCrowded = &StrangerError{"too many connections are not ready for statements, and most of them are of this address"}

// errTooManyOfAddress refuses a connection; the number stands before it.
var errTooManyOfAddress = errors.New("connections of this address are open, the most allowed")

// visitors counts connections by the addresses they come from, and which of them are not ready for statements.
type visitors struct {
	unreadyMax    int
	perAddressMax int // 0: no limit

	mu        sync.Mutex                // held for a moment only
	unready   int                       // guarded by mu; of all addresses
	addresses map[netip.Prefix]*visitor // guarded by mu; those with connections
}

// visitor is an address with connections. Its fields are guarded by visitors.mu.
type visitor struct {
	open    int
	unready []*conn // oldest first
}

func newVisitors(d *Door) *visitors {
	return &visitors{unreadyMax: d.UnreadyMax, perAddressMax: d.PerAddressMax, addresses: map[netip.Prefix]*visitor{}}
}

// enter counts a new connection. An error refuses it; crowded, if there is one, must make room for it.
func (v *visitors) enter(c *conn) (crowded *conn, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := v.addresses[c.from]
	if at == nil {
		at = &visitor{}
	}
	if v.perAddressMax > 0 && at.open >= v.perAddressMax {
		return nil, fmt.Errorf("%d %w", v.perAddressMax, errTooManyOfAddress)
	}
	if v.unready >= v.unreadyMax {
		crowded = v.crowded()
		v.served(crowded)
	}
	v.addresses[c.from] = at
	at.open++
	at.unready = append(at.unready, c)
	v.unready++
	return crowded, nil
}

// crowded is the oldest connection that is not ready, of the address that has most of them. The caller holds mu.
func (v *visitors) crowded() *conn {
	var most *visitor
	for _, at := range v.addresses {
		if most == nil || len(at.unready) > len(most.unready) {
			most = at
		}
	}
	return most.unready[0]
}

// ready says that a connection is ready for statements.
func (v *visitors) ready(c *conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.served(c)
}

// served takes a connection out of those that are not ready, if it is there. The caller holds mu.
func (v *visitors) served(c *conn) {
	at := v.addresses[c.from]
	if at == nil {
		return
	}
	if i := slices.Index(at.unready, c); i >= 0 {
		at.unready = slices.Delete(at.unready, i, i+1)
		v.unready--
	}
}

// leave forgets a connection that enter took.
func (v *visitors) leave(c *conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.served(c)
	at := v.addresses[c.from]
	if at.open--; at.open == 0 {
		delete(v.addresses, c.from)
	}
}

// prefixOf is what stands for a client: its address, of IPv6 the network it may choose addresses in.
func prefixOf(remote net.Addr) netip.Prefix {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	const networkBits = 64
	at := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := at.BitLen()
	if at.Is6() {
		bits = networkBits
	}
	prefix, err := at.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
