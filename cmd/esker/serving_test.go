package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// systemd is the socket that systemd would hear a service on.
type systemd struct {
	t      *testing.T
	socket *net.UnixConn
	path   string
}

func newSystemd(t *testing.T) *systemd {
	t.Helper()
	dir, err := os.MkdirTemp("", "n") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &systemd{t: t, socket: socket, path: path}
}

// hear waits for a message that begins with what is wanted; watchdogs in between are counted.
func (s *systemd) hear(want string) (watchdogs int) {
	s.t.Helper()
	buffer := make([]byte, 4096)
	for {
		n, err := s.socket.Read(buffer)
		if err != nil {
			s.t.Fatal(err)
		}
		got := string(buffer[:n])
		switch {
		case strings.HasPrefix(got, want):
			return watchdogs
		case got == "WATCHDOG=1":
			watchdogs++
		default:
			s.t.Fatalf("systemd hears %q, not %q", got, want)
		}
	}
}

// systemd hears of the start, of reloads, that the server is alive, and of the stop. A reload changes the level of the log.
func TestSystemdHearsOfTheServer(t *testing.T) {
	system := newSystemd(t)
	t.Setenv("NOTIFY_SOCKET", system.path)
	t.Setenv("WATCHDOG_USEC", "20000")
	file := filepath.Join(t.TempDir(), "esker.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log_level: warn\n")
	p := startServer(t, "--data", t.TempDir(), "--config", file)
	system.hear("READY=1")
	reload := func(text string) {
		write(text)
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		system.hear("RELOADING=1\nMONOTONIC_USEC=")
		system.hear("READY=1")
	}
	reload("log_level: debug\ncopy_rows_max: 7\n")
	reload("log_level: loud\n") // changes nothing
	system.hear("WATCHDOG=1")
	p.run("SELECT * FROM system.local")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	system.hear("STOPPING=1")
	p.rest.Wait()
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
	log := p.log.String()
	for _, want := range []string{"level=DEBUG", "take a restart", "names=copy_rows_max", "settings are as they were", "want debug, info, warn or error"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q: %s", want, log)
		}
	}
	if strings.Contains(log, "msg=serving") {
		t.Errorf("the log began at the wrong level: %s", log)
	}
}

// A server serves on the socket that it was given.
func TestSocketActivation(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	address := listener.Addr().String()
	if err := listener.Close(); err != nil { // the file keeps it open
		t.Fatal(err)
	}
	inner := command(t, "server", "--listen", "127.0.0.1:1", "--data", t.TempDir())
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`}, inner.Args...)...)
	cmd.Env, cmd.ExtraFiles = inner.Env, []*os.File{socket}
	p := started(t, cmd)
	if p.address != address {
		t.Errorf("it serves on %s, not on %s", p.address, address)
	}
	p.run("SELECT * FROM system.local")
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
}

// A log of JSON is a line an event, but for the line that scripts wait for.
func TestLogOfJSON(t *testing.T) {
	p := startServer(t, "--data", t.TempDir(), "--log-format", "json", "--log-level", "debug", "--drain-timeout", "10s")
	p.run("SELECT * FROM system.local")
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
	messages := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(p.log.String()))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ready on ") {
			continue
		}
		var event struct{ Time, Level, Msg, Client string }
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil || event.Time == "" || event.Level == "" {
			t.Errorf("%q: %v", lines.Text(), err)
		}
		messages[event.Msg] = true
		if _, err := netip.ParseAddrPort(event.Client); err != nil && strings.HasPrefix(event.Msg, "connection ") {
			t.Errorf("%q: %v", lines.Text(), err)
		}
	}
	for _, want := range []string{"serving", "connection opened", "connection closed", "stopped"} {
		if !messages[want] {
			t.Errorf("there is no %q in %s", want, p.log.String())
		}
	}
}

// Flags, variables and the file reach the server and `esker config print` alike; a file with mistakes is refused by its lines.
func TestConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "esker.yaml")
	if err := os.WriteFile(file, []byte("memory: 96MiB\ncopy_rows_max: 11\nnum_tokens: 16\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ESKER_CONFIG", file)
	t.Setenv("ESKER_COPY_ROWS_MAX", "12")
	t.Setenv("ESKER_LOG_LEVEL", "warn")
	p := startServer(t, "--data", t.TempDir(), "--log-level", "info")
	for name, want := range map[string]string{"memory": "100663296", "copy_rows_max": "12", "log_level": "info"} {
		if row := p.run("SELECT value FROM system_views.settings WHERE name = '" + name + "'"); len(row) != 1 || string(row[0]) != want {
			t.Errorf("%s: %q", name, row)
		}
	}
	if code := p.stop(syscall.SIGTERM); code != 0 || !strings.Contains(p.log.String(), "settings of Cassandra that mean nothing here are ignored: num_tokens") {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
	printed, err := command(t, "config", "print", "--origin", "--log-level", "info").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"memory: 96MiB # " + file + ":1\n", "copy_rows_max: 12 # variable ESKER_COPY_ROWS_MAX\n", "log_level: info # flag --log-level\n", "log_format: text # default\n",
	} {
		if !strings.Contains(string(printed), want) {
			t.Errorf("there is no %q in\n%s", want, printed)
		}
	}
	table, err := command(t, "config", "print", "--output", "table").Output()
	if err != nil || !strings.Contains(string(table), "                               copy_rows_max |") {
		t.Errorf("%v\n%s", err, table)
	}
	text, err := command(t, "config", "print", "--output", "json").Output()
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil || values["copy_rows_max"] != 12.0 || values["insecure"] != false {
		t.Errorf("%v, %v\n%s", err, values, text)
	}
	if err != nil {
		t.Error(err)
	}
	validate := command(t, "config", "validate", file)
	if out, err := validate.Output(); err != nil || string(out) != file+" is valid\n" {
		t.Errorf("%v: %s", err, out)
	}
	if err := os.WriteFile(file, []byte("memroy: 96MiB\ncopy_rows_max: none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, "config", "validate", file).CombinedOutput()
	if want := "esker: " + file + ":1: memroy: there is no setting of that name; did you mean memory?\n"; err == nil || string(out) != want {
		t.Errorf("%v: %s", err, out)
	}
}

// started waits until a server is ready.
func started(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	for p.address == "" {
		line, err := lines.ReadString('\n')
		p.log.WriteString(line)
		if err != nil {
			_ = p.cmd.Wait()
			t.Fatalf("the server did not get ready: %s", p.log.String())
		}
		if address, ok := strings.CutPrefix(line, "ready on "); ok {
			p.address = strings.TrimSpace(address)
		}
	}
	p.before = p.log.String()
	p.rest.Go(func() { _, _ = io.Copy(&p.log, lines) })
	return p
}
