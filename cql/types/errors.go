package types

import (
	"errors"
	"fmt"
)

// ErrWrongClass says that a literal of this class can never be a value of the type. Whoever knows the
// column puts it into Cassandra's words: `Invalid STRING constant (abc) for "temperature" of type double`.
var ErrWrongClass = errors.New("literal is of the wrong class for its type")

// ErrCorrupt says that sortable bytes are not what AppendSortable writes.
var ErrCorrupt = errors.New("sortable bytes are corrupt")

// Invalid is why a type, literal or value is refused, in Cassandra's words, to be shown as it is.
type Invalid string

// Error returns the reason.
func (e Invalid) Error() string { return string(e) }

func invalidf(format string, args ...any) error { return Invalid(fmt.Sprintf(format, args...)) }
