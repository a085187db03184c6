package wire

import "net/netip"

// writeTypeCAS is the type of a conditional write.
const writeTypeCAS = "CAS"

// Error is the ERROR message.
type Error struct {
	Code    ErrorCode
	Message string
	Detail  ErrorDetail // nil for codes that have none
}

// ErrorDetail is what follows the message for some codes: Unavailable, WriteTimeout, ReadTimeout, ReadFailure,
// WriteFailure, FunctionFailure, CASUnknown, AlreadyExists or Unprepared.
type ErrorDetail interface {
	appendDetail(dst []byte, version byte) []byte
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
	Contentions        uint16 // of a CAS; from version 5
}

// ReadTimeout goes with CodeReadTimeout.
type ReadTimeout struct {
	Consistency        Consistency
	Received, BlockFor int32 // nodes
	DataPresent        bool
}

// ReasonTombstones is the code of a read that passed too many deletions.
const ReasonTombstones uint16 = 0x0001

// FailureReason is why a node failed.
type FailureReason struct {
	Node netip.Addr
	Code uint16 // 0 is unknown
}

// ReadFailure goes with CodeReadFailure, which needs version 4.
type ReadFailure struct {
	Consistency                  Consistency
	Received, BlockFor, Failures int32 // nodes
	DataPresent                  bool
	Reasons                      []FailureReason // of the failures; from version 5, which sends no other number of them
}

// WriteFailure goes with CodeWriteFailure, which needs version 4.
type WriteFailure struct {
	Consistency                  Consistency
	Received, BlockFor, Failures int32 // nodes
	WriteType                    string
	Reasons                      []FailureReason // as in ReadFailure
}

// CASUnknown goes with CodeCASUnknown, which needs version 5.
type CASUnknown struct {
	Consistency        Consistency
	Received, BlockFor int32 // nodes
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
	if d, ok := m.Detail.(CASUnknown); ok && version < 5 {
		m.Code, m.Detail = CodeWriteTimeout, WriteTimeout{d.Consistency, d.Received, d.BlockFor, "CAS", 0}
	}
	if version >= 4 {
		return m
	}
	switch m.Code {
	case CodeReadFailure:
		d, _ := m.Detail.(ReadFailure)
		m.Code, m.Detail = CodeReadTimeout, ReadTimeout{d.Consistency, d.Received, d.BlockFor, d.DataPresent}
	case CodeWriteFailure:
		d, _ := m.Detail.(WriteFailure)
		m.Code, m.Detail = CodeWriteTimeout, WriteTimeout{d.Consistency, d.Received, d.BlockFor, d.WriteType, 0}
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
	return sent.Detail.appendDetail(dst, version)
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
	case CodeCASUnknown:
		return CASUnknown{}
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

// appendFailures appends how many nodes failed, from version 5 on with their addresses and reasons.
func appendFailures(dst []byte, version byte, failures int32, reasons []FailureReason) []byte {
	if version < 5 {
		return AppendInt(dst, failures)
	}
	dst = AppendInt(dst, int32(len(reasons)))
	for _, r := range reasons {
		raw := r.Node.Unmap().AsSlice()
		dst = appendShort(append(append(dst, byte(len(raw))), raw...), int(r.Code))
	}
	return dst
}

func (d Unavailable) appendDetail(dst []byte, _ byte) []byte {
	return appendCounts(dst, d.Consistency, d.Required, d.Alive)
}

func (d WriteTimeout) appendDetail(dst []byte, version byte) []byte {
	dst = appendString(appendCounts(dst, d.Consistency, d.Received, d.BlockFor), d.WriteType)
	if version >= 5 && d.WriteType == writeTypeCAS {
		dst = appendShort(dst, int(d.Contentions))
	}
	return dst
}

func (d ReadTimeout) appendDetail(dst []byte, _ byte) []byte {
	return appendBool(appendCounts(dst, d.Consistency, d.Received, d.BlockFor), d.DataPresent)
}

func (d ReadFailure) appendDetail(dst []byte, version byte) []byte {
	dst = appendCounts(dst, d.Consistency, d.Received, d.BlockFor)
	return appendBool(appendFailures(dst, version, d.Failures, d.Reasons), d.DataPresent)
}

func (d WriteFailure) appendDetail(dst []byte, version byte) []byte {
	dst = appendCounts(dst, d.Consistency, d.Received, d.BlockFor)
	return appendString(appendFailures(dst, version, d.Failures, d.Reasons), d.WriteType)
}

func (d CASUnknown) appendDetail(dst []byte, _ byte) []byte {
	return appendCounts(dst, d.Consistency, d.Received, d.BlockFor)
}

func (d FunctionFailure) appendDetail(dst []byte, _ byte) []byte {
	return appendStringList(appendString(appendString(dst, d.Keyspace), d.Function), d.Arguments)
}

func (d AlreadyExists) appendDetail(dst []byte, _ byte) []byte {
	return appendString(appendString(dst, d.Keyspace), d.Table)
}

func (d Unprepared) appendDetail(dst []byte, _ byte) []byte { return appendShortBytes(dst, d.ID) }

func (c *cursor) errorMessage(version byte) *Error {
	m := &Error{Code: ErrorCode(c.int()), Message: c.string()}
	switch m.Code {
	case CodeUnavailable:
		m.Detail = Unavailable{c.consistency(), c.int(), c.int()}
	case CodeWriteTimeout:
		d := WriteTimeout{Consistency: c.consistency(), Received: c.int(), BlockFor: c.int(), WriteType: c.string()}
		if version >= 5 && d.WriteType == writeTypeCAS {
			d.Contentions = uint16(c.short())
		}
		m.Detail = d
	case CodeReadTimeout:
		m.Detail = ReadTimeout{c.consistency(), c.int(), c.int(), c.byte() != 0}
	case CodeReadFailure:
		d := ReadFailure{Consistency: c.consistency(), Received: c.int(), BlockFor: c.int()}
		d.Failures, d.Reasons = c.failures(version)
		d.DataPresent = c.byte() != 0
		m.Detail = d
	case CodeWriteFailure:
		d := WriteFailure{Consistency: c.consistency(), Received: c.int(), BlockFor: c.int()}
		d.Failures, d.Reasons = c.failures(version)
		d.WriteType = c.string()
		m.Detail = d
	case CodeFunctionFailure:
		m.Detail = FunctionFailure{c.string(), c.string(), c.stringList()}
	case CodeCASUnknown:
		m.Detail = CASUnknown{c.consistency(), c.int(), c.int()}
	case CodeAlreadyExists:
		m.Detail = AlreadyExists{c.string(), c.string()}
	case CodeUnprepared:
		m.Detail = Unprepared{c.shortBytes()}
	}
	return m
}

func (c *cursor) failures(version byte) (int32, []FailureReason) {
	n := c.int()
	if version < 5 {
		return n, nil
	}
	var reasons []FailureReason // grows with what is there, not with n
	for i := int32(0); i < n && c.err == nil; i++ {
		reasons = append(reasons, FailureReason{Node: c.inetaddr(), Code: uint16(c.short())})
	}
	return int32(len(reasons)), reasons
}
