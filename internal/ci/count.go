package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// count is what passed, failed and was skipped so far.
type count struct {
	passed  int
	failed  []string // name, then output
	skipped []string // name and reason
}

// event is one line of `go test -json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// lint counts the lint scripts as one check.
func (c *count) lint() {
	cmd := exec.Command(".ci/lint.sh")
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.fail("lint", string(out))
		return
	}
	fmt.Println("ok    lint: gofmt, vet, staticcheck")
	c.passed++
}

func (c *count) fail(name, output string) {
	c.failed = append(c.failed, name+"\n"+output)
	fmt.Printf("FAIL  %s\n%s\n", name, output)
}

// tests runs all tests of the module with the race detector, if there is a C compiler for it.
func (c *count) tests() {
	args := []string{"test", "-json", "-count=1", "-timeout=40m"}
	if _, err := exec.LookPath("gcc"); err == nil {
		args = append(args, "-race")
	} else {
		c.skip("race detector: no C compiler")
	}
	cmd := exec.Command("go", append(args, "./...")...)
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

func (c *count) skip(what string) {
	if os.Getenv("CI") == "true" {
		c.fail(what, "with CI=true nothing may be skipped")
		return
	}
	c.skipped = append(c.skipped, what)
}

// read counts the events of `go test -json` and prints a line a package.
func (c *count) read(from io.Reader) {
	outputs := map[string]*strings.Builder{}
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Print(string(line)) // a build error is plain text
			} else {
				c.take(&e, outputs)
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *count) take(e *event, outputs map[string]*strings.Builder) {
	name := e.Package
	if e.Test != "" {
		name += " " + e.Test
	}
	switch e.Action {
	case "output":
		b := outputs[name]
		if b == nil {
			b = &strings.Builder{}
			outputs[name] = b
		}
		b.WriteString(e.Output)
		if strings.HasPrefix(strings.TrimSpace(e.Output), "sample ") {
			fmt.Printf("      %s\n", strings.TrimSpace(e.Output))
		}
		return
	case "pass":
		if e.Test == "" {
			fmt.Printf("ok    %s (%.1f s)\n", e.Package, e.Elapsed)
		} else {
			c.passed++
		}
	case "fail":
		text := ""
		if b := outputs[name]; b != nil {
			text = b.String()
		}
		c.fail(name, text)
	case "skip":
		if e.Test != "" {
			c.skipped = append(c.skipped, name+": "+reason(outputs[name]))
		}
	default:
		return
	}
	delete(outputs, name)
}

// reason is what a skipped test said.
func reason(b *strings.Builder) string {
	if b == nil {
		return "no reason given"
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if at := strings.Index(line, ".go:"); at >= 0 {
			if _, text, ok := strings.Cut(line[at+4:], ": "); ok {
				return text
			}
		}
	}
	return "no reason given"
}

// fuzz runs every fuzz target for a while.
func (c *count) fuzz(each time.Duration) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}|{{.ImportPath}}|{{range .TestGoFiles}}{{.}} {{end}}{{range .XTestGoFiles}}{{.}} {{end}}", "./...").Output()
	if err != nil {
		c.fail("fuzz", err.Error())
		return
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		parts := strings.Split(line, "|")
		for _, target := range targets(parts[0], strings.Fields(parts[2])) {
			c.fuzzOne(parts[1], target, each)
		}
	}
}

// targets are the names of the fuzz functions in test files.
func targets(dir string, files []string) []string {
	var out []string
	for _, f := range files {
		text, err := os.ReadFile(dir + "/" + f)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			if rest, ok := strings.CutPrefix(line, "func Fuzz"); ok {
				name, _, _ := strings.Cut(rest, "(")
				out = append(out, "Fuzz"+name)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (c *count) fuzzOne(pkg, target string, each time.Duration) {
	cmd := exec.Command("go", "test", "-run=^$", "-fuzz=^"+target+"$", "-fuzztime="+each.String(), pkg)
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.fail(pkg+" "+target, string(out))
		return
	}
	c.passed++
	fmt.Printf("ok    %s %s, %s\n", pkg, target, each)
}

// report prints what was skipped and failed, then the count, and ends the program.
func (c *count) report() {
	for _, s := range c.skipped {
		fmt.Println("skipped:", s)
	}
	for _, f := range c.failed {
		name, _, _ := strings.Cut(f, "\n")
		fmt.Println("failed:", name)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", c.passed, len(c.failed), len(c.skipped))
	if len(c.failed) > 0 {
		os.Exit(1)
	}
}
