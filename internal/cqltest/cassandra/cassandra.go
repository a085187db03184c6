// Package cassandra starts a real Apache Cassandra 5.0.5 for tests: one node on 127.0.0.1 and free ports.
//
// It knows how to fetch the jars, configure the node, and wait until it answers CQL. It does not know
// what is asked of the node.
package cassandra

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Version is the release of Apache Cassandra that is started.
const Version = "5.0.5"

// Limits of a start and a stop.
const (
	startTimeMax = 120 * time.Second // from launch until the node answers
	stopTimeMax  = 30 * time.Second  // from SIGTERM to SIGKILL
	launchesMax  = 3                 // a free port may be taken before the node binds it
	pollEvery    = 250 * time.Millisecond
)

// Options say how a node is started. The zero value is ready for use.
type Options struct {
	// Tools is the folder that keeps the jars, in its folder cassandra. Default: .tools beside go.mod.
	Tools string
	// Dir is the folder for data, configuration and log; it is left when the node stops.
	// Default: a temporary folder, removed when the node stops.
	Dir string
	// Heap is the size of the Java heap. Default 1G.
	Heap string
	// Sync is commitlog_sync: periodic, batch or group. Default periodic.
	Sync string
	// Authenticator and Authorizer name Cassandra's classes. Default: everybody may do everything.
	Authenticator, Authorizer string
	// Yaml is appended to cassandra.yaml.
	Yaml string
}

// ErrMissing says that a program is missing that a node needs.
type ErrMissing struct {
	Tool string // as a user knows it: Java 17, Maven
}

func (e *ErrMissing) Error() string {
	return "cassandra " + Version + ": " + e.Tool + " is missing (make tools)"
}

// Node is a running Cassandra. Stop it.
type Node struct {
	opts  Options
	dir   string
	ours  bool // dir was made here
	jars  string
	ports ports

	process *process
	stop    sync.Once
	stopErr error // set by stop
}

// Start starts a node and returns when it answers CQL. The first start fetches about 66 MB of jars with
// Maven. The error is *ErrMissing where Java 17 or Maven is not there. When ctx ends before the node
// answers, the start ends; afterwards ctx has no effect.
func Start(ctx context.Context, o Options) (*Node, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	if err := needJava(ctx); err != nil {
		return nil, err
	}
	jars, err := fetchJars(ctx, filepath.Join(o.Tools, "cassandra"))
	if err != nil {
		return nil, err
	}
	n := &Node{opts: o, dir: o.Dir, jars: jars}
	if n.dir == "" {
		if n.dir, err = os.MkdirTemp("", "cassandra-"); err != nil {
			return nil, fmt.Errorf("cassandra: %w", err)
		}
		n.ours = true
	}
	if err := n.launch(ctx); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

func (o *Options) setDefaults() error {
	if o.Heap == "" {
		o.Heap = "1G"
	}
	if o.Sync == "" {
		o.Sync = "periodic"
	}
	if o.Authenticator == "" {
		o.Authenticator = "AllowAllAuthenticator"
	}
	if o.Authorizer == "" {
		o.Authorizer = "AllowAllAuthorizer"
	}
	if o.Tools == "" {
		root, err := moduleRoot()
		if err != nil {
			return err
		}
		o.Tools = filepath.Join(root, ".tools")
	}
	// The node gets these as its own: they must not hang on where a test happens to run.
	for _, dir := range []*string{&o.Tools, &o.Dir} {
		if *dir == "" {
			continue
		}
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return fmt.Errorf("cassandra: %w", err)
		}
		*dir = abs
	}
	return nil
}

// moduleRoot is the nearest folder upwards that holds go.mod.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cassandra: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("cassandra: no go.mod in %s or above: set Options.Tools", start)
		}
	}
}

// launch starts the process and waits for its answer, again with other ports if one was taken meanwhile.
func (n *Node) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeMax)
	defer cancel()
	for try := 1; ; try++ {
		var err error
		if n.ports, err = freePorts(); err != nil {
			return err
		}
		if err := n.writeConfiguration(); err != nil {
			return err
		}
		if n.process, err = startProcess(n.javaCommand(), n.stdoutLog()); err != nil {
			return err
		}
		err = n.awaitAnswer(ctx)
		if err == nil {
			return nil
		}
		if try == launchesMax || !errors.Is(err, errPortTaken) {
			return err
		}
	}
}

var errPortTaken = errors.New("a port was taken meanwhile")

func (n *Node) awaitAnswer(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if answers(ctx, n.Addr()) {
			return nil
		}
		select {
		case <-tick.C:
		case <-n.process.done:
			text := tail(n.stdoutLog()) + tail(n.systemLog())
			if strings.Contains(text, "Address already in use") || strings.Contains(text, "in use by another process") {
				return fmt.Errorf("cassandra: %w\n%s", errPortTaken, text)
			}
			return fmt.Errorf("cassandra stopped while starting: %v\n%s", n.process.err, text)
		case <-ctx.Done():
			return fmt.Errorf("cassandra did not answer on %s: %w\n%s", n.Addr(), ctx.Err(), tail(n.systemLog()))
		}
	}
}

// Addr is host:port of the CQL port.
func (n *Node) Addr() string { return n.ports.address(n.ports.cql) }

// Dir is the folder with the node's data, conf and log.
func (n *Node) Dir() string { return n.dir }

// PID is that of the Java process, to tell its processor time.
func (n *Node) PID() int { return n.process.pid }

// Stop ends the node and every process it started, and removes its folder if Start made it. Further
// calls return what the first one did.
func (n *Node) Stop() error {
	n.stop.Do(func() {
		if n.process != nil {
			n.process.stop()
		}
		if n.ours {
			n.stopErr = os.RemoveAll(n.dir)
		}
	})
	return n.stopErr
}

// Nodetool runs a command of nodetool on the node and returns what it printed.
func (n *Node) Nodetool(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "java", n.nodetoolArguments(args)...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("nodetool %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// tail is the end of a log, for an error message; empty if there is none.
func tail(name string) string {
	const bytesMax = 2000
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-bytesMax):])
}
