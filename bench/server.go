package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is an esker server as a process of its own.
type Server struct {
	Addr string // host:port it listens on

	cmd   *exec.Cmd
	ended chan struct{} // closed when its standard error has ended
}

// StartServer starts program as a server on a data directory and a free port, and returns when it is ready.
// It ends with this process, if not before.
func StartServer(ctx context.Context, program, data string, memoryBytes int64) (*Server, error) {
	s := &Server{ended: make(chan struct{})}
	s.cmd = exec.Command(program, "server", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "warn", "--memory", strconv.FormatInt(memoryBytes, 10))
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	logs, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("bench: a server: %w", err)
	}
	ready := make(chan string, 1)
	var last []string // read once ended is closed
	go func() {
		defer close(s.ended)
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			if addr, ok := strings.CutPrefix(lines.Text(), "ready on "); ok && len(ready) == 0 {
				ready <- addr
				continue
			}
			last = append(last, lines.Text())
			last = last[max(0, len(last)-10):]
		}
	}()
	select {
	case s.Addr = <-ready:
		return s, nil
	case <-s.ended:
		return nil, errors.Join(fmt.Errorf("bench: the server ended before it was ready:\n%s", strings.Join(last, "\n")), s.cmd.Wait())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), s.Stop())
	}
}

// PID is the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Stop asks the server to flush and end, and waits for it.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return s.cmd.Wait()
}

// usage is what processor time a process took between two moments; an unknown one takes none.
type usage struct {
	pid     int
	started time.Duration
}

func startUsage(pid int) usage {
	cpu, err := cpuTimeOf(pid)
	if err != nil {
		return usage{}
	}
	return usage{pid: pid, started: cpu}
}

// spent is the processor time since the start, false if it cannot be known.
func (u usage) spent() (time.Duration, bool) {
	if u.pid == 0 {
		return 0, false
	}
	cpu, err := cpuTimeOf(u.pid)
	return cpu - u.started, err == nil
}
