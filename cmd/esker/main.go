// Command esker is the one binary: the server and the tools around it. It knows flags, signals and
// which parts make a whole; everything else is in the packages it puts together.
package main

import (
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // zones are known on machines that have no zone files
)

// exitCode ends the program with a code after the command has said why.
type exitCode int

func (exitCode) Error() string { return "" }

func main() {
	err := newRoot().Execute()
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "esker:", err)
		os.Exit(1)
	}
}
