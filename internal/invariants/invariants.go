// Package invariants stops the program where a promise inside it is broken. Bytes from outside are
// never checked with it: they give errors.
package invariants

import "fmt"

// Check panics with the message when cond is false. It is always on, so it must be cheap.
func Check(cond bool, format string, args ...any) {
	if !cond {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}
