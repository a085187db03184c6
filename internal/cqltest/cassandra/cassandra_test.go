package cassandra

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

func TestNodeAnswersCQLAndStops(t *testing.T) {
	n := ForTest(t, Options{})
	host, port, err := net.SplitHostPort(n.Addr())
	if err != nil || host != "127.0.0.1" || port == "0" {
		t.Fatalf("Addr %q: %v", n.Addr(), err)
	}
	cluster := gocql.NewCluster(n.Addr())
	cluster.DisableInitialHostLookup = true
	session, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var version string
	if err := session.Query("SELECT release_version FROM system.local").Scan(&version); err != nil || version != Version {
		t.Errorf("release_version %q, want %q: %v", version, Version, err)
	}
	if out, err := n.Nodetool(t.Context(), "info"); err != nil || !strings.Contains(out, "Native Transport active: true") {
		t.Errorf("nodetool info: %v\n%s", err, out)
	}
	session.Close()
	if err := errors.Join(n.Stop(), n.Stop()); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(-n.process.pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process group after Stop: %v", err)
	}
	if _, err := os.Stat(n.Dir()); !os.IsNotExist(err) {
		t.Errorf("the folder of the node after Stop: %v", err)
	}
}

func TestMissingToolsAreNamed(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	missing := func() string {
		t.Helper()
		_, err := Start(t.Context(), Options{Tools: t.TempDir()})
		var e *ErrMissing
		if !errors.As(err, &e) {
			t.Fatalf("Start without tools: %v", err)
		}
		return e.Tool
	}
	if got := missing(); got != "Java 17" {
		t.Errorf("without java: %q is missing", got)
	}
	script(t, bin, "java", `echo 'openjdk version "21.0.1"' >&2`)
	if got := missing(); got != "Java 17" {
		t.Errorf("with Java 21: %q is missing", got)
	}
	script(t, bin, "java", `echo 'openjdk version "17.0.1"' >&2`)
	if got := missing(); got != "Maven" {
		t.Errorf("without mvn: %q is missing", got)
	}
}

func TestNodeThatDiesIsReported(t *testing.T) {
	bin, tools := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin)
	script(t, bin, "java", `case $1 in -version) echo 'version "17.0.1"';; *) echo 'no room at the inn'; exit 3;; esac`)
	if err := os.MkdirAll(filepath.Join(tools, "cassandra", "lib-"+Version), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Tools: tools, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no room at the inn") {
		t.Errorf("Start of a node that dies: %v", err)
	}
}

// A group that is gone is not signalled: its number may be another's by then.
func TestStopAfterTheEndSignalsNobody(t *testing.T) {
	p, err := startProcess(exec.Command("sh", "-c", "tail -f /dev/null & exit 0"), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.done
	if !p.reaped || p.err != nil {
		t.Fatalf("reaped %v, %v", p.reaped, p.err)
	}
	p.pid = syscall.Getpgrp() // as if the number had been given to this test's group
	p.stop()
}

func TestCancelledStartEndsTheNode(t *testing.T) {
	bin, tools, dir := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	ready := filepath.Join(dir, "ready")
	if err := syscall.Mkfifo(ready, 0o600); err != nil {
		t.Fatal(err)
	}
	script(t, bin, "java", `case $1 in -version) echo 'version "17.0.1"';; *) echo up > '`+ready+`'; exec tail -f /dev/null;; esac`)
	if err := os.MkdirAll(filepath.Join(tools, "cassandra", "lib-"+Version), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := Start(ctx, Options{Tools: tools, Dir: dir})
		ended <- err
	}()
	if _, err := os.ReadFile(ready); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Start whose context ended: %v", err)
	}
}

func script(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}
