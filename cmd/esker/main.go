// Command esker is the one binary: the server and the tools around it. It knows flags, signals and
// which parts make a whole; everything else is in the packages it puts together.
package main

import (
	"errors"
	"fmt"
	"os"
)

// exitCode ends the program with a code after the command has said why.
type exitCode int

func (exitCode) Error() string { return "" }

// codedError ends the program with its message and a code other than 1.
type codedError struct {
	code  int
	cause error
}

func withCode(code int, cause error) error { return &codedError{code, cause} }

func (e *codedError) Error() string { return e.cause.Error() }

func (e *codedError) Unwrap() error { return e.cause }

func main() {
	err := newRoot().Execute()
	var code exitCode
	var coded *codedError
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	case errors.As(err, &coded):
		fmt.Fprintln(os.Stderr, "esker:", err)
		os.Exit(coded.code)
	default:
		fmt.Fprintln(os.Stderr, "esker:", err)
		os.Exit(1)
	}
}
