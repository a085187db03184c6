// Package client is a small client of the CQL native protocol: one connection with many requests in flight, prepared
// statements, batches, paging, warnings, USE, TLS and login. It knows how requests and answers find each other; it does
// not know CQL, what the bytes of a value mean, other nodes or pools of connections.
package client

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/eskerdb/esker/server/wire"
)

const (
	inFlightDefault = 128
	inFlightMax     = 1 << 15 // streams are int16 and not negative
	pageRowsDefault = 5000
	// answerBytesMax is the default limit of an answer: servers may send longer frames than they accept.
	answerBytesMax = 256 << 20
)

// Options say where to connect and how. Only Addr is needed.
type Options struct {
	// Addr is host:port.
	Addr string
	// Username and Password answer a server that asks for a login.
	Username string
	Password string
	// TLS is nil for a plain connection. Its ServerName defaults to Addr's host.
	TLS *tls.Config
	// Compression of bodies. Default none.
	Compression wire.Compression
	// Keyspace to USE at once; exactly as it is named, without quotes. Default none.
	Keyspace string
	// ProtocolVersion, from 3 to 5. Default is the highest that the server speaks.
	ProtocolVersion byte
	// InFlight is how many requests may wait for their answers. Default 128, at most 32768.
	InFlight int
	// AnswerBytesMax limits the body of an answer. Default 256 MiB.
	AnswerBytesMax int
	// Events is called with each event, if set, and makes the connection register for all of them. It runs on the
	// goroutine that reads answers: it must not block, nor wait for a call on this connection, nor close it.
	Events func(*wire.Event)
	// DialContext replaces the network. Default net.Dialer.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (o Options) withDefaults() Options {
	if o.InFlight <= 0 {
		o.InFlight = inFlightDefault
	}
	o.InFlight = min(o.InFlight, inFlightMax)
	if o.AnswerBytesMax <= 0 {
		o.AnswerBytesMax = answerBytesMax
	}
	if o.DialContext == nil {
		o.DialContext = new(net.Dialer).DialContext
	}
	return o
}

// RequestOptions go with one statement or batch.
type RequestOptions struct {
	// Consistency. Default LOCAL_ONE; ANY cannot be asked for.
	Consistency wire.Consistency
	// SerialConsistency of a conditional write: wire.Serial or wire.LocalSerial. Default none, by which servers mean SERIAL.
	SerialConsistency wire.Consistency
	// PageSize in rows. Default 5000; negative means everything at once.
	PageSize int32
	// PagingState of an earlier result from which to go on. Default none.
	PagingState []byte
	// HasTimestamp makes Timestamp, in microseconds, the time of the write. Default is the server's clock.
	HasTimestamp bool
	Timestamp    int64
	// Keyspace to run a text in instead of the connection's; exactly as it is named, without quotes. It needs version 5.
	Keyspace string
	// HasNow makes NowSeconds, in seconds since 1970, the moment by which TTLs have ended. It needs version 5. Default
	// is the server's clock.
	HasNow     bool
	NowSeconds uint32
	// SkipMetadata leaves the columns out of an EXECUTE's answer: those of the statement are taken, which are out of
	// date if the table was altered since it was prepared.
	SkipMetadata bool
	// Trace asks the server to trace the request.
	Trace bool
}

func (o RequestOptions) consistency() wire.Consistency {
	if o.Consistency == 0 {
		return wire.LocalOne
	}
	return o.Consistency
}

func (o RequestOptions) tail() wire.Tail {
	t := wire.Tail{
		SerialConsistency: o.SerialConsistency,
		HasTimestamp:      o.HasTimestamp, DefaultTimestamp: o.Timestamp,
		HasNow: o.HasNow, NowSeconds: o.NowSeconds,
	}
	if o.Keyspace != "" {
		t.Keyspace = []byte(o.Keyspace)
	}
	return t
}

func (o RequestOptions) params(values []wire.Value) wire.QueryParams {
	p := wire.QueryParams{
		Consistency:  o.consistency(),
		SkipMetadata: o.SkipMetadata,
		PageSize:     o.PageSize,
		PagingState:  o.PagingState,
		Values:       values,
		Tail:         o.tail(),
	}
	if p.PageSize == 0 {
		p.PageSize = pageRowsDefault
	}
	return p
}
