package live

import (
	"strings"
	"testing"
)

// python runs a program of testdata against a server with the stock driver. It prints a line for each check.
func python(t *testing.T, program string) {
	t.Helper()
	server := Start(t, dataDir(t))
	out := Run(t, Command{
		Program: Tool(t, "python"),
		Args:    []string{source(t, "python", program), server.Host, server.Port},
	})
	if out.Code != 0 || !strings.HasSuffix(out.Stdout, "done\n") {
		t.Fatal(out)
	}
	t.Logf("%d checks", strings.Count(out.Stdout, "ok "))
}

func TestPythonDriver(t *testing.T) {
	t.Parallel()
	python(t, "driver.py")
}

// Metadata, events, warnings, pages, routing keys and statements that are prepared while copies and indexes come and go.
func TestPythonDriverAndCopies(t *testing.T) {
	t.Parallel()
	python(t, "copies.py")
}
