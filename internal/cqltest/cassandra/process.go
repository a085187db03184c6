package cassandra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const loopback = "127.0.0.1"

// ports are the node's; none is fixed, so that several nodes fit on a machine.
type ports struct{ cql, storage, jmx int }

func (ports) address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// freePorts asks the system for ports nobody listens on. All are held until all are known.
func freePorts() (p ports, err error) {
	for _, port := range []*int{&p.cql, &p.storage, &p.jmx} {
		l, err := net.Listen("tcp", p.address(0))
		if err != nil {
			return ports{}, fmt.Errorf("cassandra: a free port: %w", err)
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return p, nil
}

// answers says whether a CQL server at addr answers the OPTIONS request: the port is open a little
// earlier than the node is ready.
func answers(ctx context.Context, addr string) bool {
	const (
		version, opcodeOptions           = 4, 5
		responseVersion, opcodeSupported = 0x84, 6
		answerTimeMax                    = 5 * time.Second
	)
	ctx, cancel := context.WithTimeout(ctx, answerTimeMax)
	defer cancel()
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	// Closing is what ends a read when the context does.
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if _, err := c.Write([]byte{version, 0, 0, 0, opcodeOptions, 0, 0, 0, 0}); err != nil {
		return false
	}
	var header [9]byte
	_, err = io.ReadFull(c, header[:])
	return err == nil && header[0] == responseVersion && header[4] == opcodeSupported
}

// process is a child with its own process group.
type process struct {
	pid  int
	done chan struct{} // closed when the child has ended
	err  error         // how it ended; set before done is closed

	mu     sync.Mutex
	reaped bool // guarded by mu; from then on the number of the group may be another's
}

// startProcess starts a command whose output goes to the file log.
func startProcess(cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("cassandra: %w", err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own, so that all it starts can be ended; and it dies with a test binary that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// Pdeathsig is about the thread that started the child: it must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		defer out.Close()
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("cassandra: %w", err)
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		p.err = p.wait(cmd)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// wait waits for the child and ends what it left behind in its group. Until the child is reaped the
// system gives the number of its group to nobody else.
func (p *process) wait(cmd *exec.Cmd) error {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.signal(syscall.SIGKILL)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	return cmd.Wait()
}

// stop ends the process group, politely first, and waits for the child.
func (p *process) stop() {
	p.signal(syscall.SIGTERM)
	late := time.NewTimer(stopTimeMax)
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// signal goes to the whole group, unless the child was reaped. A group that is gone is what was wanted.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	if err := syscall.Kill(-p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		panic(fmt.Sprintf("cassandra: process group %d: signal %v: %v", p.pid, s, err))
	}
}
