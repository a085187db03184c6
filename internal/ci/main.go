// Command ci runs the project's checks and counts them: lint, tests with the race detector, and a
// short round of every fuzz target. Its last line is `N passed, N failed, N skipped`.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: ci test | fuzz")
		os.Exit(2)
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	each := flags.Duration("each", 3*time.Second, "how long each fuzz target runs")
	if err := flags.Parse(os.Args[2:]); err != nil {
		os.Exit(2)
	}
	var c count
	switch os.Args[1] {
	case "test":
		c.lint()
		c.tests()
		c.fuzz(*each)
	case "fuzz":
		c.fuzz(*each)
	default:
		fmt.Fprintf(os.Stderr, "ci: unknown command %q\n", os.Args[1])
		os.Exit(2)
	}
	c.report()
}
