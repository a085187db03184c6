package wire

// Error is the ERROR message.
type Error struct {
	Code    ErrorCode
	Message string
	Detail  ErrorDetail // nil for codes that have none
}

// ErrorDetail is what follows the message for some codes: Unavailable, WriteTimeout, ReadTimeout, ReadFailure,
// WriteFailure, FunctionFailure, AlreadyExists or Unprepared.
type ErrorDetail interface {
	appendDetail(dst []byte) []byte
}

// Unavailable goes with CodeUnavailable.
type Unavailable struct {
	Consistency     Consistency
	Required, Alive int32 // nodes
}

// WriteTimeout goes with CodeWriteTimeout.
type WriteTimeout struct {
	Consistency        Consistency
	Received, BlockFor int32  // nodes
	WriteType          string // SIMPLE, BATCH, UNLOGGED_BATCH, COUNTER, BATCH_LOG, CAS
}

// ReadTimeout goes with CodeReadTimeout.
type ReadTimeout struct {
	Consistency        Consistency
	Received, BlockFor int32 // nodes
	DataPresent        bool
}

// ReadFailure goes with CodeReadFailure, which needs version 4.
type ReadFailure struct {
	Consistency                  Consistency
	Received, BlockFor, Failures int32 // nodes
	DataPresent                  bool
}

// WriteFailure goes with CodeWriteFailure, which needs version 4.
type WriteFailure struct {
	Consistency                  Consistency
	Received, BlockFor, Failures int32 // nodes
	WriteType                    string
}

// FunctionFailure goes with CodeFunctionFailure, which needs version 4.
type FunctionFailure struct {
	Keyspace  string
	Function  string
	Arguments []string // CQL types
}

// AlreadyExists goes with CodeAlreadyExists.
type AlreadyExists struct {
	Keyspace string
	Table    string // empty for a keyspace
}

// Unprepared goes with CodeUnprepared.
type Unprepared struct {
	ID []byte
}

// Opcode returns OpError.
func (*Error) Opcode() Opcode { return OpError }

// forVersion replaces what the client's version does not know by what Cassandra tells it instead.
func (m Error) forVersion(version byte) Error {
	if version >= 4 {
		return m
	}
	switch m.Code {
	case CodeReadFailure:
		d, _ := m.Detail.(ReadFailure)
		m.Code, m.Detail = CodeReadTimeout, ReadTimeout{d.Consistency, d.Received, d.BlockFor, d.DataPresent}
	case CodeWriteFailure:
		d, _ := m.Detail.(WriteFailure)
		m.Code, m.Detail = CodeWriteTimeout, WriteTimeout{d.Consistency, d.Received, d.BlockFor, d.WriteType}
	case CodeFunctionFailure:
		m.Code, m.Detail = CodeInvalid, nil
	}
	return m
}

func (m *Error) appendBody(dst []byte, version byte) []byte {
	sent := m.forVersion(version)
	dst = appendString(AppendInt(dst, int32(sent.Code)), sent.Message)
	empty := emptyDetail(sent.Code)
	if empty == nil {
		return dst
	}
	if sent.Detail == nil { // clients read the detail whatever happens
		sent.Detail = empty
	}
	return sent.Detail.appendDetail(dst)
}

// emptyDetail is nil for codes without a detail.
func emptyDetail(code ErrorCode) ErrorDetail {
	switch code {
	case CodeUnavailable:
		return Unavailable{}
	case CodeWriteTimeout:
		return WriteTimeout{WriteType: "SIMPLE"}
	case CodeReadTimeout:
		return ReadTimeout{}
	case CodeReadFailure:
		return ReadFailure{}
	case CodeWriteFailure:
		return WriteFailure{WriteType: "SIMPLE"}
	case CodeFunctionFailure:
		return FunctionFailure{}
	case CodeAlreadyExists:
		return AlreadyExists{}
	case CodeUnprepared:
		return Unprepared{}
	}
	return nil
}

func appendCounts(dst []byte, level Consistency, counts ...int32) []byte {
	dst = appendShort(dst, int(level))
	for _, n := range counts {
		dst = AppendInt(dst, n)
	}
	return dst
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func (d Unavailable) appendDetail(dst []byte) []byte {
	return appendCounts(dst, d.Consistency, d.Required, d.Alive)
}

func (d WriteTimeout) appendDetail(dst []byte) []byte {
	return appendString(appendCounts(dst, d.Consistency, d.Received, d.BlockFor), d.WriteType)
}

func (d ReadTimeout) appendDetail(dst []byte) []byte {
	return appendBool(appendCounts(dst, d.Consistency, d.Received, d.BlockFor), d.DataPresent)
}

func (d ReadFailure) appendDetail(dst []byte) []byte {
	return appendBool(appendCounts(dst, d.Consistency, d.Received, d.BlockFor, d.Failures), d.DataPresent)
}

func (d WriteFailure) appendDetail(dst []byte) []byte {
	return appendString(appendCounts(dst, d.Consistency, d.Received, d.BlockFor, d.Failures), d.WriteType)
}

func (d FunctionFailure) appendDetail(dst []byte) []byte {
	return appendStringList(appendString(appendString(dst, d.Keyspace), d.Function), d.Arguments)
}

func (d AlreadyExists) appendDetail(dst []byte) []byte {
	return appendString(appendString(dst, d.Keyspace), d.Table)
}

func (d Unprepared) appendDetail(dst []byte) []byte { return appendShortBytes(dst, d.ID) }

func (c *cursor) errorMessage() *Error {
	m := &Error{Code: ErrorCode(c.int()), Message: c.string()}
	switch m.Code {
	case CodeUnavailable:
		m.Detail = Unavailable{c.consistency(), c.int(), c.int()}
	case CodeWriteTimeout:
		m.Detail = WriteTimeout{c.consistency(), c.int(), c.int(), c.string()}
	case CodeReadTimeout:
		m.Detail = ReadTimeout{c.consistency(), c.int(), c.int(), c.byte() != 0}
	case CodeReadFailure:
		m.Detail = ReadFailure{c.consistency(), c.int(), c.int(), c.int(), c.byte() != 0}
	case CodeWriteFailure:
		m.Detail = WriteFailure{c.consistency(), c.int(), c.int(), c.int(), c.string()}
	case CodeFunctionFailure:
		m.Detail = FunctionFailure{c.string(), c.string(), c.stringList()}
	case CodeAlreadyExists:
		m.Detail = AlreadyExists{c.string(), c.string()}
	case CodeUnprepared:
		m.Detail = Unprepared{c.shortBytes()}
	}
	return m
}
