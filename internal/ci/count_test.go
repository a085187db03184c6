package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

const events = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"noise of a test that passes\n"}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: Maven is missing\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:9: 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p","Elapsed":0.5}
{"Action":"skip","Package":"none"}
{"ImportPath":"q [q.test]","Action":"build-output","Output":"q.go:3: undefined: x\n"}
{"ImportPath":"q [q.test]","Action":"build-fail"}
{"Action":"fail","Package":"q","FailedBuild":"q [q.test]"}
{"Action":"output","Package":"r","Output":"exit status 3\n"}
{"Action":"fail","Package":"r"}
`

func TestCount(t *testing.T) {
	var out strings.Builder
	c := count{out: &out}
	c.read(strings.NewReader(events))
	if c.report() {
		t.Error("failures were reported as success")
	}
	got := out.String()
	// p's failed test stands for p; q did not build; r ended without a failed test.
	if !strings.HasSuffix(got, "\n2 passed, 3 failed, 1 skipped\n") {
		t.Errorf("the last line is not the count:\n%s", got)
	}
	for _, want := range []string{"1, want 2", "q.go:3: undefined: x", "exit status 3", "skipped: p TestB: Maven is missing\n", "failed: p TestC\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "noise") {
		t.Errorf("what a passing test said is in:\n%s", got)
	}
}

func TestMissingToolFailsOnlyInCI(t *testing.T) {
	for _, ci := range []bool{false, true} {
		c := count{out: &strings.Builder{}, ci: ci}
		c.missing("gcc")
		if c.report() == ci {
			t.Errorf("CI %v: success %v", ci, !ci)
		}
	}
}

func TestCommandIsOneCheck(t *testing.T) {
	var out strings.Builder
	c := count{out: &out}
	c.command("good", exec.Command("true"))
	c.command("bad", exec.Command("sh", "-c", "echo why; exit 3"))
	if c.passed != 1 || len(c.failed) != 1 || !strings.Contains(out.String(), "why\nexit status 3") {
		t.Errorf("%d passed, failed %q:\n%s", c.passed, c.failed, out.String())
	}
}

func TestTargetsAndTheirTime(t *testing.T) {
	got := readTargets(strings.NewReader(`{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FuzzFrame\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"output","Package":"q","Output":"FuzzRow\n"}
`))
	if len(got) != 2 || got[0] != (target{"p", "FuzzFrame"}) || got[1] != (target{"q", "FuzzRow"}) {
		t.Errorf("targets %v", got)
	}
	for _, c := range []struct {
		n    int
		want time.Duration
	}{{0, 3 * time.Second}, {40, 3 * time.Second}, {80, 1500 * time.Millisecond}} {
		if got := fuzzTime(3*time.Second, 2*time.Minute, c.n); got != c.want {
			t.Errorf("%d targets: %v each, want %v", c.n, got, c.want)
		}
	}
	if got := fuzzTime(time.Minute, 0, 80); got != time.Minute {
		t.Errorf("without a limit: %v", got)
	}
}

func TestOnlyTheEndOfTimeIsForgiven(t *testing.T) {
	const start, end = "fuzz: elapsed: 3s, execs: 9\n--- FAIL: FuzzRow (3.11s)\n", "FAIL\nexit status 1\nFAIL\tp\t3.141s\n"
	for text, want := range map[string]bool{
		start + "    context deadline exceeded\n" + end: true,
		start + "    --- FAIL: FuzzRow (0.00s)\n        row_test.go:9: panic\n    Failing input written to testdata/fuzz\n" + end:   false,
		start + "    context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzRow/1\n" + end:                       false,
		start + "    --- FAIL: FuzzRow (0.00s)\n        row_test.go:9: context deadline exceeded\n    Failing input\n" + end:        false,
		start + "    fuzzing process hung or terminated unexpectedly: exit status 2\n" + end:                                        false,
		"--- FAIL: FuzzRow (0.00s)\n    --- FAIL: FuzzRow/seed#0 (0.00s)\n        row_test.go:9: context deadline exceeded\n" + end: false,
		"p/row.go:3: undefined: x\n" + end: false,
		"":                                 false,
	} {
		if got := onlyTimeIsUp(text); got != want {
			t.Errorf("forgiven %v, want %v:\n%s", got, want, text)
		}
	}
}
