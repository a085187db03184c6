package wire

import "fmt"

// Request is a message of a client: *Startup, *Options, *AuthResponse, *Register, *Query, *Prepare, *Execute or *Batch.
type Request interface {
	// Opcode is the message's number in the header.
	Opcode() Opcode
	// appendBody fails for what the format cannot hold.
	appendBody(dst []byte, version byte) ([]byte, error)
}

// Startup opens a connection.
type Startup struct {
	Options map[string]string // CQL_VERSION, COMPRESSION, DRIVER_NAME …
}

// Options asks for the values that Startup can have.
type Options struct{}

// AuthResponse is a step of the login.
type AuthResponse struct {
	Token []byte // nil is null
}

// Register asks for events.
type Register struct {
	Events []EventType
}

// Prepare asks for the id of a statement.
type Prepare struct {
	Text     []byte
	Keyspace []byte // the one to prepare in instead of the connection's; nil if absent; from version 5
}

// prepareKeyspace is the flag of a PREPARE that names its keyspace.
const prepareKeyspace int32 = 0x01

// Opcode returns OpStartup.
func (*Startup) Opcode() Opcode { return OpStartup }

// Opcode returns OpOptions.
func (*Options) Opcode() Opcode { return OpOptions }

// Opcode returns OpAuthResponse.
func (*AuthResponse) Opcode() Opcode { return OpAuthResponse }

// Opcode returns OpRegister.
func (*Register) Opcode() Opcode { return OpRegister }

// Opcode returns OpPrepare.
func (*Prepare) Opcode() Opcode { return OpPrepare }

func (m *Startup) appendBody(dst []byte, _ byte) ([]byte, error) {
	for k, v := range m.Options {
		if len(k) > shortMax || len(v) > shortMax {
			return nil, fmt.Errorf("startup: option %.40q is longer than %d bytes", k, shortMax)
		}
	}
	return appendStringMap(dst, m.Options), nil
}

func (*Options) appendBody(dst []byte, _ byte) ([]byte, error) { return dst, nil }

func (m *AuthResponse) appendBody(dst []byte, _ byte) ([]byte, error) {
	return appendNullable(dst, m.Token), nil
}

func (m *Register) appendBody(dst []byte, _ byte) ([]byte, error) {
	dst = appendShort(dst, len(m.Events))
	for _, e := range m.Events {
		dst = appendString(dst, string(e))
	}
	return dst, nil
}

func (m *Prepare) appendBody(dst []byte, version byte) ([]byte, error) {
	dst, err := appendLongString(dst, m.Text)
	switch {
	case err != nil:
		return nil, err
	case m.Keyspace == nil && version < 5:
		return dst, nil
	case m.Keyspace == nil:
		return AppendInt(dst, 0), nil
	case version < 5:
		return nil, fmt.Errorf("prepare: a keyspace of its own needs protocol version 5")
	case len(m.Keyspace) > shortMax:
		return nil, fmt.Errorf("prepare: keyspace of %d bytes exceeds the maximum of %d", len(m.Keyspace), shortMax)
	}
	return appendShortBytes(AppendInt(dst, prepareKeyspace), m.Keyspace), nil
}

func (m *Prepare) decode(c *cursor, version byte) {
	m.Text, m.Keyspace = c.longString(), nil
	if version >= 5 && c.int()&prepareKeyspace != 0 {
		m.Keyspace = c.take(c.short(), "keyspace")
	}
}

func (m *Register) decode(c *cursor) {
	m.Events = m.Events[:0]
	for _, name := range c.stringList() {
		e := EventType(name)
		if !e.Valid() {
			c.fail(protocolf("unknown event type %q", name))
			return
		}
		m.Events = append(m.Events, e)
	}
}

// AppendRequest appends a whole frame. Of h it reads Version, Stream and FlagTracing. An error says which part of the
// request the format cannot hold; dst is then unchanged but for its spare capacity.
func AppendRequest(dst []byte, h Header, m Request, compression Compression) ([]byte, error) {
	start := len(dst)
	op := m.Opcode()
	dst = AppendHeader(dst, Header{Version: h.Version, Flags: h.Flags & FlagTracing, Stream: h.Stream, Opcode: op})
	dst, err := m.appendBody(dst, h.Version)
	if err != nil {
		return nil, err
	}
	if op == OpStartup || op == OpOptions {
		compression = CompressionNone // nothing is agreed on yet
	}
	return finishFrame(dst, start, compression)
}

// RequestDecoder decodes requests into structs of its own, so that a steady stream of QUERY, EXECUTE and BATCH costs no
// memory. It is not safe for concurrent use.
type RequestDecoder struct {
	startup  Startup
	options  Options
	auth     AuthResponse
	register Register
	query    Query
	prepare  Prepare
	execute  Execute
	batch    Batch
}

// Decode reads the request in f. The result is valid until the next call, and no longer than f.Body. An error is a
// *ProtocolError that carries the stream of f; the connection can go on after it.
func (d *RequestDecoder) Decode(f Frame) (Request, error) {
	c := newCursor(f.Body)
	if f.Header.Flags&FlagCustomPayload != 0 && f.Header.Version >= 4 {
		c.skipBytesMap()
	}
	m := d.message(&c, f.Header)
	if m == nil {
		c.fail(protocolf("not a request"))
	}
	if err := c.failure(f.Header); err != nil {
		return nil, err
	}
	return m, nil
}

func (d *RequestDecoder) message(c *cursor, h Header) Request {
	switch h.Opcode {
	case OpStartup:
		d.startup.Options = c.stringMap()
		return &d.startup
	case OpOptions:
		return &d.options
	case OpAuthResponse:
		d.auth.Token = c.bytes()
		return &d.auth
	case OpRegister:
		d.register.decode(c)
		return &d.register
	case OpPrepare:
		d.prepare.decode(c, h.Version)
		return &d.prepare
	case OpQuery:
		d.query.decode(c, h.Version)
		return &d.query
	case OpExecute:
		d.execute.decode(c, h.Version)
		return &d.execute
	case OpBatch:
		d.batch.decode(c, h.Version)
		return &d.batch
	}
	return nil
}
