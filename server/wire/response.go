package wire

// Response is a message of a server: *Error, *Ready, *Authenticate, *AuthChallenge, *AuthSuccess, *Supported, *Event or
// a result: *Void, *Rows, *SetKeyspace, *Prepared, *SchemaResult.
type Response interface {
	// Opcode is the message's number in the header.
	Opcode() Opcode
	appendBody(dst []byte, version byte) []byte
}

// Ready answers STARTUP and REGISTER.
type Ready struct{}

// Authenticate answers STARTUP when a login is needed.
type Authenticate struct {
	Class string // the authenticator's Java class, by which drivers choose their side
}

// AuthChallenge is a step of the login.
type AuthChallenge struct {
	Token []byte // nil is null
}

// AuthSuccess ends the login.
type AuthSuccess struct {
	Token []byte // nil is null
}

// Supported answers OPTIONS.
type Supported struct {
	Options map[string][]string
}

// Void is the result without content.
type Void struct{}

// SetKeyspace is the result of USE.
type SetKeyspace struct {
	Keyspace string
}

// SchemaResult is the result of DDL.
type SchemaResult struct {
	SchemaChange
}

// Opcode returns OpReady.
func (*Ready) Opcode() Opcode { return OpReady }

// Opcode returns OpAuthenticate.
func (*Authenticate) Opcode() Opcode { return OpAuthenticate }

// Opcode returns OpAuthChallenge.
func (*AuthChallenge) Opcode() Opcode { return OpAuthChallenge }

// Opcode returns OpAuthSuccess.
func (*AuthSuccess) Opcode() Opcode { return OpAuthSuccess }

// Opcode returns OpSupported.
func (*Supported) Opcode() Opcode { return OpSupported }

// Opcode returns OpResult.
func (*Void) Opcode() Opcode { return OpResult }

// Opcode returns OpResult.
func (*SetKeyspace) Opcode() Opcode { return OpResult }

// Opcode returns OpResult.
func (*SchemaResult) Opcode() Opcode { return OpResult }

func (*Ready) appendBody(dst []byte, _ byte) []byte          { return dst }
func (m *Authenticate) appendBody(dst []byte, _ byte) []byte { return appendString(dst, m.Class) }
func (m *AuthChallenge) appendBody(dst []byte, _ byte) []byte {
	return appendNullable(dst, m.Token)
}
func (m *AuthSuccess) appendBody(dst []byte, _ byte) []byte { return appendNullable(dst, m.Token) }
func (m *Supported) appendBody(dst []byte, _ byte) []byte {
	return appendStringMultimap(dst, m.Options)
}
func (*Void) appendBody(dst []byte, _ byte) []byte { return AppendInt(dst, resultVoid) }
func (m *SetKeyspace) appendBody(dst []byte, _ byte) []byte {
	return appendString(AppendInt(dst, resultSetKeyspace), m.Keyspace)
}
func (m *SchemaResult) appendBody(dst []byte, version byte) []byte {
	return m.append(AppendInt(dst, resultSchemaChange), version)
}

// Answer is a response with what stands before it in the body.
type Answer struct {
	TracingID [16]byte // zero if the request was not traced
	Warnings  []string // from version 4; older clients do not get them
	Message   Response
}

// AppendAnswer appends a whole frame. Of h it reads Version and Stream. It fails only if the body is longer than 2 GiB.
func AppendAnswer(dst []byte, h Header, a Answer, compression Compression) ([]byte, error) {
	start := len(dst)
	header := Header{Version: h.Version, Response: true, Stream: h.Stream, Opcode: a.Message.Opcode()}
	if a.TracingID != [16]byte{} {
		header.Flags |= FlagTracing
	}
	if len(a.Warnings) > 0 && h.Version >= 4 {
		header.Flags |= FlagWarning
	}
	dst = AppendHeader(dst, header)
	if header.Flags&FlagTracing != 0 {
		dst = append(dst, a.TracingID[:]...)
	}
	if header.Flags&FlagWarning != 0 {
		dst = appendStringList(dst, a.Warnings[:min(len(a.Warnings), shortMax)])
	}
	return finishFrame(a.Message.appendBody(dst, h.Version), start, compression)
}

// AppendVoid is AppendAnswer of a Void without anything before it: what writes are answered, and so always the same.
func AppendVoid(dst []byte, h Header) []byte {
	return append(dst, h.Version|directionBit, 0, byte(uint16(h.Stream)>>8), byte(h.Stream), byte(OpResult), 0, 0, 0, 4, 0, 0, 0, byte(resultVoid))
}

// DecodeAnswer reads the response in f. Tokens, ids, paging states and the content of rows are slices of f.Body; all
// else is copied. An error is a *ProtocolError.
func DecodeAnswer(f Frame) (Answer, error) {
	var a Answer
	c := newCursor(f.Body)
	if f.Header.Flags&FlagTracing != 0 {
		a.TracingID = c.uuid()
	}
	if f.Header.Flags&FlagWarning != 0 {
		a.Warnings = c.stringList()
	}
	if f.Header.Flags&FlagCustomPayload != 0 {
		c.skipBytesMap()
	}
	a.Message = c.response(f.Header)
	if err := c.failure(f.Header); err != nil {
		return Answer{}, err
	}
	return a, nil
}

func (c *cursor) response(h Header) Response {
	switch h.Opcode {
	case OpError:
		return c.errorMessage(h.Version)
	case OpReady:
		return &Ready{}
	case OpAuthenticate:
		return &Authenticate{Class: c.string()}
	case OpAuthChallenge:
		return &AuthChallenge{Token: c.bytes()}
	case OpAuthSuccess:
		return &AuthSuccess{Token: c.bytes()}
	case OpSupported:
		return &Supported{Options: c.stringMultimap()}
	case OpResult:
		return c.result(h.Version)
	case OpEvent:
		m := &Event{}
		m.decode(c)
		return m
	}
	c.fail(protocolf("not a response"))
	return nil
}

func (c *cursor) result(version byte) Response {
	switch kind := c.int(); kind {
	case resultVoid:
		return &Void{}
	case resultRows:
		return c.rows()
	case resultSetKeyspace:
		return &SetKeyspace{Keyspace: c.string()}
	case resultPrepared:
		return c.prepared(version)
	case resultSchemaChange:
		m := &SchemaResult{}
		m.decode(c)
		return m
	default:
		c.fail(protocolf("unknown kind of result %d", kind))
		return nil
	}
}
