// Command ci runs the project's checks and counts them: build, lint, tests with the race detector, and
// a short round of every fuzz target. Its last line is `N passed, N failed, N skipped`.
//
// It knows the go command and the shape of its output. It does not know what is tested.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
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
	c := count{out: os.Stdout, ci: os.Getenv("CI") == "true"}
	switch os.Args[1] {
	case "test":
		c.command("build", exec.Command("make", "--no-print-directory", "build"))
		c.command("lint: gofmt, vet, staticcheck", exec.Command(".ci/lint.sh"))
		c.tests()
		c.fuzz(*each, fuzzTimeMax)
	case "fuzz":
		c.fuzz(*each, 0)
	default:
		fmt.Fprintf(os.Stderr, "ci: unknown command %q\n", os.Args[1])
		os.Exit(2)
	}
	if !c.report() {
		os.Exit(1)
	}
}
