package planner

import (
	"fmt"
	"strings"

	"github.com/eskerdb/esker/cql/types"
)

// InvalidError is a statement that is well formed but cannot be carried out (0x2200).
type InvalidError struct{ Message string }

func (e *InvalidError) Error() string { return short(e.Message) }

// messageMax is how many bytes the message of an error may have: it may repeat what a client has written.
const messageMax = 2000

// short is a message without its middle, if it is long.
func short(message string) string {
	if len(message) <= messageMax {
		return message
	}
	return strings.ToValidUTF8(message[:messageMax*3/4], "") + " … " + strings.ToValidUTF8(message[len(message)-messageMax/5:], "")
}

func invalidf(format string, args ...any) error {
	return &InvalidError{Message: fmt.Sprintf(format, args...)}
}

// ConfigError is a CREATE or ALTER with an option that cannot be (0x2300).
type ConfigError struct{ Message string }

func (e *ConfigError) Error() string { return short(e.Message) }

// FunctionError is a built-in function that failed on the values it was given (0x1400).
type FunctionError struct {
	Keyspace, Function string
	Arguments          []string // CQL types
	Message            string
}

func (e *FunctionError) Error() string { return short(e.Message) }

// functionFailed is the failure of a function that is called by its name.
func functionFailed(name string, args []*types.Type, reason string) error {
	e := failedOn(name, args)
	e.Message = fmt.Sprintf("execution of 'system.%s[%s]' failed: %s", name, strings.Join(e.Arguments, ", "), reason)
	return e
}

func failedOn(name string, args []*types.Type) *FunctionError {
	e := &FunctionError{Keyspace: "system", Function: name}
	for _, a := range args {
		e.Arguments = append(e.Arguments, a.String())
	}
	return e
}

// ExistsError is a CREATE of what is there (0x2400). Table is empty for a keyspace.
type ExistsError struct{ Keyspace, Table string }

func (e *ExistsError) Error() string {
	if e.Table == "" {
		return fmt.Sprintf("Cannot add existing keyspace \"%s\"", e.Keyspace)
	}
	return fmt.Sprintf("Cannot add already existing table \"%s\" to keyspace \"%s\"", e.Table, e.Keyspace)
}
