package planner

import (
	"fmt"
	"strings"

	"github.com/eskerdb/esker/cql/types"
)

// InvalidError is a statement that is well formed but cannot be carried out (0x2200).
type InvalidError struct{ Message string }

func (e *InvalidError) Error() string { return e.Message }

func invalidf(format string, args ...any) error {
	return &InvalidError{Message: fmt.Sprintf(format, args...)}
}

// ConfigError is a CREATE or ALTER with an option that cannot be (0x2300).
type ConfigError struct{ Message string }

func (e *ConfigError) Error() string { return e.Message }

// FunctionError is a built-in function that failed on the values it was given (0x1400).
type FunctionError struct {
	Keyspace, Function string
	Arguments          []string // CQL types
	Message            string
}

func (e *FunctionError) Error() string { return e.Message }

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
