package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/eskerdb/esker/client"
)

// TestMain runs the command itself where a test asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("ESKER_TEST_COMMAND") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "ESKER_TEST_COMMAND=1")
	return cmd
}

// process is a running `esker server`.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
	rest    sync.WaitGroup
	log     bytes.Buffer // complete after wait
	before  string       // the log until the server was ready
}

func startServer(t *testing.T, args ...string) *process {
	t.Helper()
	return started(t, command(t, append([]string{"server", "--listen", "127.0.0.1:0"}, args...)...))
}

// stop sends a signal and returns the exit code.
func (p *process) stop(s os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	p.rest.Wait()
	_ = p.cmd.Wait() // the exit code says it
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) run(statements ...string) [][]byte {
	p.t.Helper()
	c, err := client.Dial(p.t.Context(), client.Options{Addr: p.address})
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	var row [][]byte
	for _, text := range statements {
		result, err := c.Query(p.t.Context(), text)
		if err != nil {
			p.t.Fatalf("%s: %v", text, err)
		}
		if row, err = result.Next(p.t.Context()); err != nil {
			p.t.Fatalf("%s: %v", text, err)
		}
	}
	return row
}

// What was written is there after a stop by either signal, and after a kill.
func TestRowsSurviveTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := startServer(t, "--data", dir)
	p.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE ks.t (k text PRIMARY KEY, v text)", "INSERT INTO ks.t (k, v) VALUES ('a', 'first')")
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: exit %d: %s", code, p.log.String())
	}
	p = startServer(t, "--data", dir)
	if row := p.run("SELECT v FROM ks.t WHERE k = 'a'"); len(row) != 1 || string(row[0]) != "first" {
		t.Errorf("after SIGTERM: %q", row)
	}
	p.run("INSERT INTO ks.t (k, v) VALUES ('b', 'second')")
	p.stop(syscall.SIGKILL)
	p = startServer(t, "--data", dir)
	if row := p.run("SELECT v FROM ks.t WHERE k = 'b'"); len(row) != 1 || string(row[0]) != "second" {
		t.Errorf("after SIGKILL: %q", row)
	}
	if code := p.stop(syscall.SIGINT); code != 0 {
		t.Errorf("SIGINT: exit %d: %s", code, p.log.String())
	}
}

// refused runs the command, which must fail with one line, and returns it.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	cmd := command(t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code says it
	if code := cmd.ProcessState.ExitCode(); code != 1 || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, stdout.String(), stderr.String())
	}
	return stderr.String()
}

func TestSecondServerOnADirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, "--data", dir)
	line := refused(t, "server", "--data", dir, "--listen", p.address)
	if !strings.Contains(line, dir) || !strings.Contains(line, "in use") || !strings.Contains(line, strconv.Itoa(p.cmd.Process.Pid)) {
		t.Errorf("got %q", line)
	}
	line = refused(t, "server", "--data", t.TempDir(), "--listen", p.address)
	if !strings.Contains(line, p.address) || !strings.Contains(line, "in use") {
		t.Errorf("got %q", line)
	}
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
}

func TestDirectoriesThatAreNotSoundAreRefused(t *testing.T) {
	foreign := t.TempDir()
	for _, name := range manifestFiles(t) {
		if err := os.WriteFile(filepath.Join(foreign, name), []byte("this is something else entirely, and long enough to look at"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{foreign, file} {
		if line := refused(t, "server", "--data", dir, "--listen", "127.0.0.1:0"); !strings.Contains(line, dir) {
			t.Errorf("got %q", line)
		}
	}
}

// manifestFiles are the names of the small files of a new data directory that say what it is.
func manifestFiles(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	p := startServer(t, "--data", dir)
	p.stop(syscall.SIGTERM)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && e.Name() != "LOCK" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestFlagsThatCannotBeAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"--listen", "0.0.0.0:0"}, {"--listen", ":0"}, {"--listen", "[::]:0"}, {"--listen", "192.0.2.1:0"}, {"--listen", "localhost"},
		{"--log-mode", "never"}, {"--log-level", "loud"}, {"--guardrail", "nonsense=1"},
		{"--guardrail", "tombstone_warn_threshold=many"}, {"--guardrail", "tombstone_warn_threshold=200000"}, {"--nonsense"}, {"argument"},
	} {
		line := refused(t, append([]string{"server", "--data", t.TempDir()}, args...)...)
		if !strings.HasPrefix(line, "esker: ") || !strings.Contains(line, strings.Trim(args[len(args)-1], "-")) {
			t.Errorf("%q: %q", args, line)
		}
	}
}

// Guardrails of the command line warn and fail, with the codes and texts that a client sees.
func TestGuardrailsReachTheClient(t *testing.T) {
	p := startServer(t, "--data", t.TempDir(), "--guardrail", "tombstone_warn_threshold=2", "--guardrail", "tombstone_failure_threshold=3")
	p.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE ks.t (k int, c int, PRIMARY KEY (k, c))")
	if row := p.run("SELECT value FROM system_views.settings WHERE name = 'tombstone_failure_threshold'"); len(row) != 1 || string(row[0]) != "3" {
		t.Errorf("settings: %q", row)
	}
	c, err := client.Dial(t.Context(), client.Options{Addr: p.address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for deleted := 1; deleted <= 4; deleted++ {
		p.run("DELETE FROM ks.t WHERE k = 1 AND c = " + strconv.Itoa(deleted))
		r, err := c.Query(t.Context(), "SELECT * FROM ks.t WHERE k = 1")
		var refused *client.Error
		switch deleted {
		case 4:
			if !errors.As(err, &refused) || refused.Code != 0x1300 || !strings.HasPrefix(refused.Message, "table ks.t: this read passed 4 tombstones, at last in partition k = 1, above tombstone_failure_threshold 3: ") {
				t.Errorf("%d: %v", deleted, err)
			}
		case 3:
			if err != nil || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "table ks.t: this read passed 3 tombstones") {
				t.Errorf("%d: %v, %v", deleted, r, err)
			}
		default:
			if err != nil || len(r.Warnings) != 0 {
				t.Errorf("%d: %v, %v", deleted, r, err)
			}
		}
	}
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
}

func TestInsecureListensEverywhere(t *testing.T) {
	p := startServer(t, "--data", t.TempDir(), "--listen", "0.0.0.0:0", "--insecure", "--log-mode", "periodic", "--log-level", "debug")
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
}

func TestVersion(t *testing.T) {
	out, err := command(t, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "esker ") || !strings.Contains(string(out), "\ncommit ") || !strings.Contains(string(out), "\ngo") {
		t.Errorf("%q, %v", out, err)
	}
}
