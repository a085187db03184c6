package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// said runs the command and returns its exit code and what it said.
func said(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal there is nobody to ask
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	_ = cmd.Run() // the exit code says it
	return cmd.ProcessState.ExitCode(), out.String(), errors.String()
}

const makeKeyspace = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"

func TestCheckCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := startServer(t, "--data", dir)
	p.run(makeKeyspace, "CREATE TABLE ks.t (k text PRIMARY KEY, v text)", "INSERT INTO ks.t (k, v) VALUES ('a', 'first')")
	if code, out, refusal := said(t, "check", dir); code != 2 || out != "" || !strings.Contains(refusal, "locked by process "+strconv.Itoa(p.cmd.Process.Pid)) {
		t.Errorf("with a server: exit %d, %q, %q", code, out, refusal)
	}
	p.stop(syscall.SIGTERM)
	if code, out, refusal := said(t, "check", dir); code != 0 || refusal != "" || !strings.HasPrefix(out, "sound: 1 table file") {
		t.Errorf("sound: exit %d, %q, %q", code, out, refusal)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(files[0])
	if code, out, refusal := said(t, "check", dir); code != 1 || refusal != "" || !strings.HasPrefix(out, name+": offset ") || !strings.Contains(out, "\n1 damage: ") {
		t.Errorf("damaged: exit %d, %q, %q", code, out, refusal)
	}
	var v checkJSON
	code, out, refusal := said(t, "check", dir, "--output", "json")
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 1 || refusal != "" || v.Sound || len(v.Damages) != 1 || v.Damages[0].File != name {
		t.Errorf("damaged: exit %d, %v, %q, %q", code, err, out, refusal)
	}
}

func TestCheckThatCannotBeDone(t *testing.T) {
	empty := t.TempDir()
	for _, args := range [][]string{{}, {"a", "b"}, {filepath.Join(empty, "nowhere")}, {empty}, {empty, "--output", "xml"}, {empty, "--nonsense"}} {
		code, out, refusal := said(t, append([]string{"check"}, args...)...)
		if code != 2 || out != "" || strings.Count(refusal, "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, refusal)
		}
	}
	if names, err := os.ReadDir(empty); err != nil || len(names) > 0 {
		t.Errorf("a check left something: %v, %v", names, err)
	}
}
