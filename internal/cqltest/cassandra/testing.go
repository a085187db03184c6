package cassandra

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// ForTest starts a node that stops with the test. ESKER_CASSANDRA is Options.Tools; the test command
// sets it. Where it is not set, or a tool is missing, the test is skipped with the reason: the quick
// loop uses no network. With CI=true it starts in any case, and a missing tool is a failure.
func ForTest(t testing.TB, o Options) *Node {
	t.Helper()
	n := start(t, o)
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func start(t testing.TB, o Options) *Node {
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
	return n
}

// shared is the node of all tests of a process that need no other.
var shared struct {
	mu   sync.Mutex
	node *Node // guarded by mu; nil until a test asks
}

// Shared is ForTest for a node with the default options that all tests of a process use: the first that asks starts it, and
// StopShared stops it. Their keyspaces must have names of their own.
func Shared(t testing.TB) *Node {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.node == nil {
		shared.node = start(t, Options{})
	}
	return shared.node
}

// StopShared stops what Shared started, if anything. It is for TestMain.
func StopShared() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.node == nil {
		return nil
	}
	return shared.node.Stop()
}
