package client

import (
	"errors"
	"fmt"

	"github.com/eskerdb/esker/server/wire"
)

var (
	// ErrClosed is the cause of calls that Close ended or that came after it.
	ErrClosed = errors.New("connection is closed")
	// ErrLost is among the causes of calls that ended with their connection. Whether the server carried them out is
	// not known.
	ErrLost = errors.New("connection lost")
)

// Error is what the server answered.
type Error struct {
	Code    wire.ErrorCode
	Message string
	Detail  wire.ErrorDetail // nil for most codes
}

// Error returns the name of the code and the message.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }
