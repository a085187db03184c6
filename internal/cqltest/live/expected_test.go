package live

import (
	"os"
	"path/filepath"
	"testing"
)

// TestExpectedValues: the values that tests of package database expect are what the scripts beside them compute.
func TestExpectedValues(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"zones", "nab"} {
		path := filepath.Join(Root(t), "database", "testdata", name)
		want, err := os.ReadFile(path + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		out := Run(t, Command{Program: Tool(t, "python"), Args: []string{path + ".py"}})
		if out.Code != 0 || out.Stdout != string(want) {
			t.Errorf("%s.py ends with %d; its %d bytes are not the %d of %s.txt; it says %s", name, out.Code, len(out.Stdout), len(want), name, out.Stderr)
		}
	}
}
