package wire

import "fmt"

// ErrorCode is the number in an ERROR message.
type ErrorCode int32

// Error codes of the protocol.
const (
	CodeServer          ErrorCode = 0x0000
	CodeProtocol        ErrorCode = 0x000A
	CodeBadCredentials  ErrorCode = 0x0100
	CodeUnavailable     ErrorCode = 0x1000
	CodeOverloaded      ErrorCode = 0x1001
	CodeBootstrapping   ErrorCode = 0x1002
	CodeTruncate        ErrorCode = 0x1003
	CodeWriteTimeout    ErrorCode = 0x1100
	CodeReadTimeout     ErrorCode = 0x1200
	CodeReadFailure     ErrorCode = 0x1300
	CodeFunctionFailure ErrorCode = 0x1400
	CodeWriteFailure    ErrorCode = 0x1500
	CodeCASUnknown      ErrorCode = 0x1700
	CodeSyntax          ErrorCode = 0x2000
	CodeUnauthorized    ErrorCode = 0x2100
	CodeInvalid         ErrorCode = 0x2200
	CodeConfig          ErrorCode = 0x2300
	CodeAlreadyExists   ErrorCode = 0x2400
	CodeUnprepared      ErrorCode = 0x2500
)

var codeNames = map[ErrorCode]string{
	CodeServer: "server error", CodeProtocol: "protocol error", CodeBadCredentials: "bad credentials",
	CodeUnavailable: "unavailable", CodeOverloaded: "overloaded", CodeBootstrapping: "is bootstrapping",
	CodeTruncate: "truncate error", CodeWriteTimeout: "write timeout", CodeReadTimeout: "read timeout",
	CodeReadFailure: "read failure", CodeFunctionFailure: "function failure", CodeWriteFailure: "write failure",
	CodeCASUnknown: "outcome of a conditional write unknown", CodeSyntax: "syntax error", CodeUnauthorized: "unauthorized", CodeInvalid: "invalid request",
	CodeConfig: "configuration error", CodeAlreadyExists: "already exists", CodeUnprepared: "unprepared",
}

// String returns the name of the code in lower case.
func (c ErrorCode) String() string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("error 0x%04X", int32(c))
}

// ProtocolError is what every decoder of this package returns for bytes that break the protocol.
type ProtocolError struct {
	Code    ErrorCode // CodeProtocol, or CodeInvalid for what is well formed and not allowed
	Message string
	Stream  int16 // where the answer goes if the header was read; else 0
	Fatal   bool  // the connection must end, for the next frame cannot be found
}

// Error returns the message as it is sent.
func (e *ProtocolError) Error() string { return e.Message }

// Response returns the ERROR message that tells the client.
func (e *ProtocolError) Response() *Error { return &Error{Code: e.Code, Message: e.Message} }

func fatalf(format string, args ...any) *ProtocolError {
	return &ProtocolError{Code: CodeProtocol, Message: fmt.Sprintf(format, args...), Fatal: true}
}

func protocolf(format string, args ...any) *ProtocolError {
	return &ProtocolError{Code: CodeProtocol, Message: fmt.Sprintf(format, args...)}
}

func invalidf(format string, args ...any) *ProtocolError {
	return &ProtocolError{Code: CodeInvalid, Message: fmt.Sprintf(format, args...)}
}
