package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// packageTimeMax ends the tests of a package that hang.
const packageTimeMax = 20 * time.Minute

// count is what passed, failed and was skipped so far.
type count struct {
	out     io.Writer
	ci      bool // a missing tool is a failure
	passed  int
	failed  []string // names
	skipped []string // name and reason
}

// event is one line of `go test -json`.
type event struct {
	Action      string
	Package     string
	Test        string
	Output      string
	Elapsed     float64
	ImportPath  string // of what was built
	FailedBuild string // the ImportPath whose failure failed this package
}

func (c *count) pass(what string) {
	c.passed++
	fmt.Fprintln(c.out, "ok   ", what)
}

func (c *count) fail(name, output string) {
	c.failed = append(c.failed, name)
	fmt.Fprintf(c.out, "FAIL  %s\n%s\n", name, strings.TrimRight(output, "\n"))
}

// missing is a check that cannot be done for want of a tool.
func (c *count) missing(what string) {
	if c.ci {
		c.fail(what, "with CI=true a missing tool is a failure")
		return
	}
	c.skipped = append(c.skipped, what)
}

// command counts a command as one check.
func (c *count) command(name string, cmd *exec.Cmd) {
	if out, err := cmd.CombinedOutput(); err != nil {
		c.fail(name, fmt.Sprintf("%s%v", out, err))
		return
	}
	c.pass(name)
}

// tests runs all tests of the module with the race detector, if there is a C compiler for it.
func (c *count) tests() {
	args := []string{"test", "-json", "-count=1", "-timeout=" + packageTimeMax.String()}
	cmd := exec.Command("go")
	if _, err := exec.LookPath("gcc"); err == nil {
		args = append(args, "-race")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	} else {
		c.missing("race detector: no C compiler (gcc)")
	}
	cmd.Args = append(append(cmd.Args, args...), "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.fail("go test", err.Error())
		return
	}
	if err := cmd.Start(); err != nil {
		c.fail("go test", err.Error())
		return
	}
	before := len(c.failed)
	c.read(out)
	if err := cmd.Wait(); err != nil && len(c.failed) == before {
		c.fail("go test", err.Error())
	}
}

// run is the reading of one stream of events.
type run struct {
	*count
	outputs map[string]*strings.Builder // of a test or package that has not ended, or of a build
	broken  map[string]bool             // packages with a failed test
}

// read counts the events of `go test -json` and prints a line a package.
func (c *count) read(from io.Reader) {
	r := run{count: c, outputs: map[string]*strings.Builder{}, broken: map[string]bool{}}
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &e) != nil:
			c.out.Write(line) // not of the test's making: a message of the go command
		default:
			r.take(&e)
		}
		if err != nil {
			return
		}
	}
}

func (r *run) take(e *event) {
	name := e.Package
	if e.Test != "" {
		name += " " + e.Test
	}
	switch e.Action {
	case "output":
		r.keep(name, e.Output)
		if text := strings.TrimSpace(e.Output); strings.HasPrefix(text, "sample ") {
			fmt.Fprintln(r.out, "     ", text)
		}
		return
	case "build-output":
		r.keep(e.ImportPath, e.Output)
		return
	case "pass":
		if e.Test == "" {
			fmt.Fprintf(r.out, "ok    %s (%.1f s)\n", e.Package, e.Elapsed)
		} else {
			r.passed++
		}
	case "fail":
		r.takeFailure(e, name)
	case "skip":
		if e.Test != "" {
			r.skipped = append(r.skipped, name+": "+reason(r.text(name)))
		}
	default:
		return
	}
	delete(r.outputs, name)
}

// takeFailure counts a failed test, or a package that failed without one: it did not build or ended early.
func (r *run) takeFailure(e *event, name string) {
	if e.Test == "" && r.broken[e.Package] {
		fmt.Fprintf(r.out, "FAIL  %s (%.1f s)\n", e.Package, e.Elapsed)
		return
	}
	r.broken[e.Package] = true
	r.fail(name, r.text(e.FailedBuild)+r.text(name))
}

func (r *run) keep(name, output string) {
	b := r.outputs[name]
	if b == nil {
		b = &strings.Builder{}
		r.outputs[name] = b
	}
	b.WriteString(output)
}

func (r *run) text(name string) string {
	if b := r.outputs[name]; b != nil {
		return b.String()
	}
	return ""
}

// reason is what a skipped test said.
func reason(output string) string {
	for _, line := range strings.Split(output, "\n") {
		if at := strings.Index(line, ".go:"); at >= 0 {
			if _, text, ok := strings.Cut(line[at+4:], ": "); ok {
				return text
			}
		}
	}
	return "no reason given"
}

// report prints what was skipped and failed, then the count, and says whether all is well.
func (c *count) report() bool {
	for _, s := range c.skipped {
		fmt.Fprintln(c.out, "skipped:", s)
	}
	for _, f := range c.failed {
		fmt.Fprintln(c.out, "failed:", f)
	}
	fmt.Fprintf(c.out, "%d passed, %d failed, %d skipped\n", c.passed, len(c.failed), len(c.skipped))
	return len(c.failed) == 0
}
