package server

import (
	"crypto/tls"
	"maps"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/server/wire"
)

// introduced is what a client has said of itself. It is shared and immutable: each step of the handshake makes another one.
type introduced struct {
	stage      string
	user       string
	options    map[string]string // of STARTUP; nil before, and if they are longer than optionBytesMax
	tlsVersion string
	tlsCipher  string
}

// optionBytesMax is how long the options of STARTUP may be that are kept for system_views.clients. Those of drivers are below 1 KiB.
const optionBytesMax = 4 << 10

// Stages of a connection, in Cassandra's words.
const (
	stageEstablished    = "established"
	stageAuthenticating = "authenticating"
	stageIsReady        = "ready"
)

// anonymous is the name of clients where nobody is asked for one.
const anonymous = "anonymous"

// introduction is where a connection keeps what its client has said.
type introduction struct{ of atomic.Pointer[introduced] }

// startup keeps what STARTUP says.
func (i *introduction) startup(options map[string]string, socket net.Conn) {
	said := &introduced{stage: stageAuthenticating, user: anonymous}
	bytes := 0
	for name, value := range options {
		bytes += len(name) + len(value)
	}
	if bytes <= optionBytesMax {
		said.options = maps.Clone(options)
	}
	if secure, ok := socket.(*tls.Conn); ok {
		state := secure.ConnectionState()
		said.tlsVersion, said.tlsCipher = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)
	}
	i.of.Store(said)
}

// ready keeps who the client is; the name is empty where nobody is asked.
func (i *introduction) ready(name string) {
	said := *i.of.Load()
	said.stage = stageIsReady
	if name != "" {
		said.user = name
	}
	i.of.Store(&said)
}

// Served is what the catalogue shows of the connections that are open, and of what they asked for.
func (s *Server) Served() catalog.Served {
	counted := s.Counters()
	out := catalog.Served{Prepared: int64(counted.Requests[wire.OpExecute.String()]), Texts: int64(counted.Requests[wire.OpQuery.String()])}
	s.each(func(c *conn) { out.Clients = append(out.Clients, c.describe()) })
	return out
}

// describe is the connection as the catalogue shows it.
func (c *conn) describe() catalog.Client {
	out := catalog.Client{
		Stage: stageEstablished, User: anonymous, ProtocolVersion: int(c.version.Load()), Keyspace: *c.keyspace.Load(), Requests: int64(c.meter.requests.Load()),
	}
	if at, err := netip.ParseAddrPort(c.socket.RemoteAddr().String()); err == nil {
		out.Address = at
	}
	if said := c.introduction.of.Load(); said != nil {
		out.Stage, out.User, out.Options, out.TLSVersion, out.TLSCipher = said.stage, said.user, said.options, said.tlsVersion, said.tlsCipher
	}
	return out
}
