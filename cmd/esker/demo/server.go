package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// server is the esker server as a child process.
type server struct {
	cmd  *exec.Cmd
	addr string
	// metrics is host:port of the metrics.
	metrics string
	done    chan struct{} // closed when its standard error has ended
}

// startServer starts a server and returns when it is ready.
func startServer(ctx context.Context, program, data, listen string, flags ...string) (*server, error) {
	args := append([]string{"server", "--data", data, "--listen", listen, "--metrics", "127.0.0.1:0"}, flags...)
	s := &server{cmd: exec.Command(program, args...), done: make(chan struct{})}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	logs, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	var last []string
	go func() {
		defer close(s.done)
		lines := bufio.NewScanner(logs)
		for lines.Scan() {
			if addr, ok := strings.CutPrefix(lines.Text(), "ready on "); ok {
				ready <- addr
				continue
			}
			if addr, ok := strings.CutPrefix(lines.Text(), "metrics on "); ok {
				s.metrics = addr // before ready is sent
			}
			last = append(last, lines.Text())
			last = last[max(0, len(last)-10):]
		}
	}()
	select {
	case s.addr = <-ready:
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("the server ended before it was ready:\n%s", strings.Join(last, "\n"))
	case <-ctx.Done():
		s.stop()
		return nil, ctx.Err()
	}
}

func (s *server) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(s.addr)
	return host, port
}

// stop asks the server to drain and waits for it.
func (s *server) stop() {
	s.signal(syscall.SIGTERM)
}

// kill ends the server as a power failure would, as far as the process is concerned.
func (s *server) kill() { s.signal(syscall.SIGKILL) }

func (s *server) signal(sig os.Signal) {
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
	<-s.done
	_ = s.cmd.Wait() // how it ended is known: by our signal, or before it
}
