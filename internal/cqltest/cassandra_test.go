package cqltest

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// rewrite makes the run of a harness write its answers into the scripts. What Cassandra answers is right;
// what esker answers is to be read before it is committed.
var rewrite = flag.Bool("rewrite", false, "write the answers into the scripts")

const (
	scriptsDir = "../../testdata/cql"
	plansDir   = "../../testdata/plans"
)

func load(t *testing.T) []*Script {
	t.Helper()
	return loadFrom(t, scriptsDir)
}

func loadFrom(t *testing.T, dir string) []*Script {
	t.Helper()
	scripts, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts) == 0 {
		t.Fatalf("no scripts in %s", dir)
	}
	return scripts
}

// report fails the test for each difference, or rewrites the script.
func report(t *testing.T, s *Script, run *Run) {
	t.Helper()
	var answers [][]string
	if *rewrite && run.Rand == nil {
		run.Answers = &answers
	}
	differences, err := run.Script(s)
	if *rewrite && run.Rand == nil {
		for len(answers) < len(s.Steps) {
			answers = append(answers, nil)
		}
		if err := os.WriteFile(s.Path, []byte(s.Rewrite(answers)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if run.Judge {
		listed, err := LoadDifferences(scriptsDir + "/differences.txt")
		if err != nil {
			t.Fatal(err)
		}
		compared.add(run.Compared, differences, listed)
		differences = listed.Judge(s.Name, differences)
	}
	for _, d := range differences {
		t.Error(d)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// compared is what the scripts that were run on Cassandra came to.
var compared tally

// Cassandra answers the scripts as they say. What was compared is printed at the end, with the differences that are meant and their reasons.
func TestScriptsOnCassandra(t *testing.T) {
	addr := judgeAddr(t)
	t.Cleanup(func() { fmt.Fprint(t.Output(), &compared) })
	for _, s := range load(t) {
		t.Run(s.Name, func(t *testing.T) {
			if s.OnlyEsker != "" {
				compared.skip()
				t.Skipf("only esker: %s", s.OnlyEsker)
			}
			t.Parallel()
			conn, err := Dial(t.Context(), addr, "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			report(t, s, &Run{Target: conn, Judge: true})
		})
	}
}
