package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// fuzzTimeMax is how long a short round may take in all, building aside.
const fuzzTimeMax = 2 * time.Minute

// target is a fuzz function.
type target struct{ pkg, name string }

// fuzz runs every fuzz target for a while: for each, or less where a round would take longer than most.
func (c *count) fuzz(each, most time.Duration) {
	out, err := exec.Command("go", "test", "-json", "-list=^Fuzz", "./...").Output()
	targets := readTargets(strings.NewReader(string(out)))
	if err != nil && len(targets) == 0 {
		c.fail("fuzz: list of targets", fmt.Sprintf("%s%v", out, err))
		return
	}
	each = fuzzTime(each, most, len(targets))
	for _, t := range targets {
		cmd := exec.Command("go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+each.String(), t.pkg)
		name := fmt.Sprintf("%s %s, %s", t.pkg, t.name, each)
		if out, err := cmd.CombinedOutput(); err != nil && !onlyTimeIsUp(string(out)) {
			c.fail(name, fmt.Sprintf("%s%v", out, err))
			continue
		}
		c.pass(name)
	}
}

// onlyTimeIsUp says whether a target failed by nothing but the end of its time: before Go 1.27 the go
// command now and then reports that as a failure (golang/go#75804). A target that fails by itself is
// reported with the input, and one that hangs as a process that hung.
func onlyTimeIsUp(output string) bool {
	_, rest, failed := strings.Cut(output, "--- FAIL: Fuzz")
	_, rest, more := strings.Cut(rest, "\n")
	return failed && more && strings.HasPrefix(rest, "    context deadline exceeded\nFAIL\n") && !strings.Contains(output, "Failing input")
}

// fuzzTime is the time of one target, so that n fit in most; 0 is no limit.
func fuzzTime(each, most time.Duration, n int) time.Duration {
	if most == 0 || n == 0 {
		return each
	}
	return min(each, most/time.Duration(n)).Truncate(time.Millisecond)
}

// readTargets finds the names in what `go test -json -list` prints. A package that does not build has
// none here; the tests report it.
func readTargets(from io.Reader) []target {
	var out []target
	lines := json.NewDecoder(from)
	for {
		var e event
		if lines.Decode(&e) != nil {
			return out
		}
		if name := strings.TrimSpace(e.Output); e.Action == "output" && strings.HasPrefix(name, "Fuzz") {
			out = append(out, target{e.Package, name})
		}
	}
}
