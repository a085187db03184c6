package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/eskerdb/esker/server/wire"
)

const (
	// tlsHandshake is the first byte of whoever speaks TLS.
	tlsHandshake = 0x16
	// versionBitsMax is the largest version byte by which a client that speaks CQL in the clear is recognised: drivers
	// begin with 0x41 and 0x42 too.
	versionBitsMax = 0x4f
)

// errPlainPort is of a client that speaks TLS to a port that does not.
var errPlainPort = &StrangerError{"the client speaks TLS, and this port does not: give the server a certificate, or the client no TLS"}

// errTLSPort is of a client that does not speak TLS to a port that does.
var errTLSPort = &StrangerError{"the client does not speak TLS, and this port speaks nothing else"}

// explain says more of a frame that could not be read if it was none at all.
func (e *entrance) explain(err error) error {
	if _, secure := e.Conn.(*tls.Conn); !secure && e.first == tlsHandshake && !e.ready {
		return errPlainPort
	}
	return err
}

// encrypt agrees with the client on TLS if that is what the port speaks.
func (e *entrance) encrypt() error {
	secure, ok := e.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	err := secure.Handshake()
	if err == nil {
		return nil
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && record.RecordHeader[0] <= versionBitsMax && record.RecordHeader[0] != tlsHandshake {
		tellPlain(record.Conn)
		return errTLSPort
	}
	if err = e.late(err); departure(err) == nil {
		return err
	}
	return &StrangerError{"TLS: " + err.Error()}
}

// tellPlain tells a client in the clear that it must speak TLS, in the language it speaks.
func tellPlain(socket net.Conn) {
	out, err := wire.AppendAnswer(nil, wire.Header{Version: wire.VersionMax}, wire.Answer{Message: &wire.Error{
		Code: wire.CodeProtocol, Message: "this port speaks TLS alone: connect with TLS",
	}}, wire.CompressionNone)
	if err == nil {
		_, _ = socket.Write(out) // a client that is gone misses nothing
	}
}

// closeWrite tells the client that nothing more will come. It is false where the socket cannot do so.
func (e *entrance) closeWrite() bool {
	socket := e.Conn
	if secure, ok := socket.(*tls.Conn); ok {
		_ = secure.CloseWrite() // a goodbye; it fails where the client speaks no TLS
		socket = secure.NetConn()
	}
	tcp, ok := socket.(*net.TCPConn)
	return ok && tcp.CloseWrite() == nil
}

// discard reads what comes on the socket, encrypted or not, and forgets it.
func (e *entrance) discard(until time.Time, bytesMax int64) {
	socket := e.Conn
	if secure, ok := socket.(*tls.Conn); ok {
		socket = secure.NetConn()
	}
	if socket.SetReadDeadline(until) == nil {
		_, _ = io.CopyN(io.Discard, socket, bytesMax) // what it says is of no interest any more
	}
}
