package cassandra

import (
	"errors"
	"os"
	"testing"
)

// ForTest starts a node that stops with the test. ESKER_CASSANDRA is Options.Tools; the test command
// sets it. Where it is not set, or a tool is missing, the test is skipped with the reason: the quick
// loop uses no network. With CI=true it starts in any case, and a missing tool is a failure.
func ForTest(t testing.TB, o Options) *Node {
	t.Helper()
	ci := os.Getenv("CI") == "true"
	if o.Tools == "" {
		o.Tools = os.Getenv("ESKER_CASSANDRA")
	}
	if o.Tools == "" && !ci {
		t.Skip("a real Cassandra is started by make test alone, or with ESKER_CASSANDRA set to the folder .tools")
	}
	n, err := Start(t.Context(), o)
	var missing *ErrMissing
	if errors.As(err, &missing) && !ci {
		t.Skip(missing.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}
