// Package live runs the esker binary as its users do: it builds it, starts servers as processes of
// their own, ends them gently or not at all gently, and runs the commands beside them.
//
// It knows processes and what they print. It does not know CQL or the protocol: its tests bring those,
// with the drivers and tools that other people wrote. It is for tests only.
package live

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// logLinesMax is how many lines of a server's log are kept for a test that fails.
const logLinesMax = 200

// SignalledCode is the exit code of a process that a signal ended.
const SignalledCode = -1

// build makes the binary once for all tests of a process.
var build struct {
	once sync.Once
	dir  string
	err  error
}

// Root is the directory of the module.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("live: no go.mod above the working directory")
		}
		dir = parent
	}
}

// Binary is the path of the esker program, built from this tree without cgo, or the one that ESKER_BINARY names.
func Binary(tb testing.TB) string {
	tb.Helper()
	if path := os.Getenv("ESKER_BINARY"); path != "" {
		return path
	}
	root := Root(tb)
	build.once.Do(func() {
		if build.dir, build.err = os.MkdirTemp("", "esker-live-"); build.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(build.dir, "esker"), "./cmd/esker")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("go build ./cmd/esker: %w\n%s", err, out)
		}
	})
	if build.err != nil {
		tb.Fatal("live: ", build.err)
	}
	return filepath.Join(build.dir, "esker")
}

// Clean removes the binary. TestMain calls it.
func Clean() error {
	if build.dir == "" {
		return nil
	}
	return os.RemoveAll(build.dir)
}

// Output is what a finished process left.
type Output struct {
	Stdout string
	Stderr string
	Code   int // SignalledCode if a signal ended it
}

// String shows all of it, for a test that fails.
func (o Output) String() string {
	return fmt.Sprintf("exit code %d\n-- stdout\n%s-- stderr\n%s", o.Code, o.Stdout, o.Stderr)
}

// Command is one run of a program to its end.
type Command struct {
	Program string    // default: the esker binary
	Args    []string  // without the program
	Stdin   io.Reader // default: empty
	Dir     string    // working directory. Default: a temporary one of the test
	Env     []string  // added to the environment
}

// Run runs c to its end. A program that cannot be started fails the test; one that fails is a result.
func Run(tb testing.TB, c Command) Output {
	tb.Helper()
	if c.Program == "" {
		c.Program = Binary(tb)
	}
	if c.Dir == "" {
		c.Dir = tb.TempDir()
	}
	cmd := exec.Command(c.Program, c.Args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Dir, c.Stdin, &stdout, &stderr
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatalf("live: %s: %v", c.Program, err)
	}
	return Output{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

// Server is a running esker server.
type Server struct {
	Data string // its data directory
	Addr string // host:port it listens on
	Host string
	Port string

	tb    testing.TB
	cmd   *exec.Cmd
	ready chan string   // one address, once it is ready
	ends  sync.Once     // waits for the process
	gone  chan struct{} // closed when its standard error has ended
	code  int           // set by ends

	mu  sync.Mutex
	log []string // guarded by mu; the last lines of its standard error
}

// Start starts a server on a data directory and a free port and returns when it is ready. It is killed
// at the end of the test if it still runs, and its log is shown if the test failed.
func Start(tb testing.TB, data string, args ...string) *Server {
	tb.Helper()
	return StartAt(tb, data, "127.0.0.1:0", args...)
}

// StartAt is Start at a given address.
func StartAt(tb testing.TB, data, listen string, args ...string) *Server {
	tb.Helper()
	s := Launch(tb, data, listen, args...)
	select {
	case s.Addr = <-s.ready:
	case <-s.gone:
		tb.Fatalf("live: the server on %s ended before it was ready, with code %d:\n%s", data, s.Wait(), s.Log())
	}
	var err error
	if s.Host, s.Port, err = net.SplitHostPort(s.Addr); err != nil {
		tb.Fatalf("live: ready on %q: %v", s.Addr, err)
	}
	return s
}

// Launch is StartAt that does not wait: the server is somewhere in its recovery, and has no Addr.
func Launch(tb testing.TB, data, listen string, args ...string) *Server {
	tb.Helper()
	s := &Server{Data: data, tb: tb, gone: make(chan struct{}), ready: make(chan string, 1)}
	s.cmd = exec.Command(Binary(tb), append([]string{"server", "--data", data, "--listen", listen}, args...)...)
	s.cmd.Dir = tb.TempDir()
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a test that panics leaves no server behind
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go s.read(stderr)
	tb.Cleanup(func() {
		s.Kill()
		if tb.Failed() {
			tb.Logf("log of the server on %s:\n%s", data, s.Log())
		}
	})
	return s
}

// read keeps the log until the process closes it, and tells where the server is ready.
func (s *Server) read(stderr io.Reader) {
	defer close(s.gone)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 16<<20)
	told := false
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "ready on "); ok && !told {
			told = true
			s.ready <- strings.TrimSpace(addr)
		}
		s.mu.Lock()
		s.log = append(s.log, lines.Text())
		s.log = s.log[max(0, len(s.log)-logLinesMax):]
		s.mu.Unlock()
	}
}

// Log is the last lines of the server's standard error.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, "\n")
}

// PID is the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the server with SIGKILL: no destructor runs, nothing is flushed. It returns when the
// process is gone, and may be called again.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // it may have ended by itself
	s.wait()
}

// Terminate asks the server to drain and end, waits for that and returns its exit code.
func (s *Server) Terminate() int {
	s.tb.Helper()
	s.Signal(syscall.SIGTERM)
	return s.wait()
}

// Signal sends a signal and does not wait.
func (s *Server) Signal(sig os.Signal) {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Errorf("live: %v to the server: %v", sig, err)
	}
}

// Wait waits until the server has ended and returns its exit code.
func (s *Server) Wait() int { return s.wait() }

func (s *Server) wait() int {
	s.ends.Do(func() {
		<-s.gone         // Wait closes the pipe: everything must have been read
		_ = s.cmd.Wait() // the exit code says it
		s.code = s.cmd.ProcessState.ExitCode()
	})
	return s.code
}

// Restart kills the server and starts another on the same data directory and the same port, as an
// administrator would: clients find it again.
func (s *Server) Restart() *Server {
	s.tb.Helper()
	s.Kill()
	return StartAt(s.tb, s.Data, s.Addr)
}

// Tool finds a program of the tools' Python environment: in the directory named by ESKER_TOOLS, else
// in .tools/venv/bin of the module. Without it the test is skipped, or with CI=true fails.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	dir := os.Getenv("ESKER_TOOLS")
	if dir == "" {
		dir = filepath.Join(Root(tb), ".tools", "venv", "bin")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		Missing(tb, name+" is not in "+dir+": run .ci/tools.sh (make tools)")
	}
	return path
}

// Missing skips the test for want of something, or with CI=true fails it.
func Missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatal(what)
	}
	tb.Skip(what)
}

// Readings is the directory of the real readings.
func Readings(tb testing.TB) string { return filepath.Join(Root(tb), "testdata", "readings") }
