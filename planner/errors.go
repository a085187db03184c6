package planner

import (
	"fmt"
	"strings"
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

// FunctionError is a function that failed (0x1400).
type FunctionError struct {
	Keyspace, Function string
	Arguments          []string // CQL types
	Reason             string
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("execution of '%s.%s[%s]' failed: %s", e.Keyspace, e.Function, strings.Join(e.Arguments, ", "), e.Reason)
}

// ExistsError is a CREATE of what is there (0x2400). Table is empty for a keyspace.
type ExistsError struct{ Keyspace, Table string }

func (e *ExistsError) Error() string {
	if e.Table == "" {
		return fmt.Sprintf("Cannot add existing keyspace \"%s\"", e.Keyspace)
	}
	return fmt.Sprintf("Cannot add already existing table \"%s\" to keyspace \"%s\"", e.Table, e.Keyspace)
}
