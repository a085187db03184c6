package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/server/wire"
)

// adminArgs are the arguments that lead a command to the server.
func (p *process) adminArgs(args ...string) []string {
	_, port, _ := strings.Cut(p.address, ":")
	return append(args, "--port", port)
}

// A backup made while rows are written has all that were acknowledged before, also when the server is killed
// afterwards; it is restored into a new directory and nowhere else.
func TestBackupUnderLoadAndRestoreAfterAKill(t *testing.T) {
	home := t.TempDir()
	data, backup, restored := filepath.Join(home, "data"), filepath.Join(home, "backups", "monday"), filepath.Join(home, "restored")
	p := startServer(t, "--data", data)
	p.run(makeKeyspace, "CREATE TABLE ks.t (k int PRIMARY KEY)")
	var acknowledged atomic.Uint32 // keys below it are
	var writer sync.WaitGroup
	ready := make(chan struct{})
	writer.Go(func() { writeInOrder(t, p, &acknowledged, ready) })
	<-ready
	before := acknowledged.Load()
	if code, out, refusal := said(t, p.adminArgs("backup", "create", backup)...); code != 0 || !strings.Contains(out, backup) {
		t.Fatalf("backup: exit %d, %q, %q", code, out, refusal)
	}
	p.stop(syscall.SIGKILL)
	writer.Wait()
	if code, out, refusal := said(t, "backup", "verify", backup); code != 0 || !strings.HasPrefix(out, "sound: ") {
		t.Fatalf("verify: exit %d, %q, %q", code, out, refusal)
	}
	if code, _, refusal := said(t, "backup", "restore", backup, "--data", data); code != 1 || !strings.Contains(refusal, "not empty") {
		t.Errorf("restore over data: exit %d, %q", code, refusal)
	}
	if code, out, refusal := said(t, "backup", "restore", backup, "--data", restored); code != 0 || !strings.HasPrefix(out, "restored ") {
		t.Fatalf("restore: exit %d, %q, %q", code, out, refusal)
	}
	audit(t, restored, before)
	audit(t, data, acknowledged.Load())
	if code, out, refusal := said(t, "backup", "verify", backup); code != 0 {
		t.Errorf("after the restored data was in use: exit %d, %q, %q", code, out, refusal)
	}
}

// writeInOrder writes keys from 0 on until the server is gone. It closes ready after the first thousand.
func writeInOrder(t *testing.T, p *process, acknowledged *atomic.Uint32, ready chan struct{}) {
	once := sync.OnceFunc(func() { close(ready) })
	defer once()
	c, err := client.Dial(context.Background(), client.Options{Addr: p.address})
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	for k := uint32(0); ; k++ {
		if _, err := c.Query(context.Background(), "INSERT INTO ks.t (k) VALUES (?)", wire.Value{Bytes: binary.BigEndian.AppendUint32(nil, k)}); err != nil {
			return // it is gone
		}
		if acknowledged.Store(k + 1); k == 1000 {
			once()
		}
	}
}

// audit starts a server on a directory and looks for keys below a number.
func audit(t *testing.T, dir string, below uint32) {
	t.Helper()
	p := startServer(t, "--data", dir)
	found := map[uint32]bool{}
	for _, k := range p.keys() {
		found[k] = true
	}
	for k := range below {
		if !found[k] {
			t.Fatalf("%s: key %d of %d that were acknowledged is lost", dir, k, below)
		}
	}
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
}

func TestBackupOfAStoppedServer(t *testing.T) {
	home := t.TempDir()
	data, backup := filepath.Join(home, "data"), filepath.Join(home, "backups", "a")
	p := startServer(t, "--data", data)
	p.run(makeKeyspace, "CREATE TABLE ks.t (k int PRIMARY KEY)", "INSERT INTO ks.t (k) VALUES (1)")
	if code, _, refusal := said(t, "backup", "create", backup, "--data", data); code != 1 || !strings.Contains(refusal, "leave out --data") {
		t.Errorf("of a running server: exit %d, %q", code, refusal)
	}
	p.stop(syscall.SIGKILL)
	var rows []map[string]any
	code, out, refusal := said(t, "backup", "create", backup, "--data", data, "--output", "json")
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != 0 || len(rows) != 1 || rows[0]["rows"] != 1.0 {
		t.Fatalf("exit %d, %v, %q, %q", code, err, out, refusal)
	}
	if err := os.MkdirAll(filepath.Join(home, "backups", "unfinished"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "backups", "unfinished", "manifest-0000000000000001"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, refusal = said(t, "backup", "list", filepath.Join(home, "backups"), "--output", "csv")
	if code != 0 || strings.Count(out, "\n") != 2 || !strings.Contains(refusal, "unfinished: not a finished backup") {
		t.Errorf("list: exit %d, %q, %q", code, out, refusal)
	}
	if code, _, refusal = said(t, "check", backup); code != 2 || !strings.Contains(refusal, "backup verify") {
		t.Errorf("check of a backup: exit %d, %q", code, refusal)
	}
	if code, _, refusal = said(t, "backup", "verify", data); code != 2 || !strings.Contains(refusal, "not a finished backup") {
		t.Errorf("verify of a data directory: exit %d, %q", code, refusal)
	}
}

func TestAdminCommand(t *testing.T) {
	p := startServer(t, "--data", filepath.Join(t.TempDir(), "data"))
	p.run(makeKeyspace, "CREATE TABLE ks.t (k int PRIMARY KEY, v double)", "INSERT INTO ks.t (k, v) VALUES (1, 0.5)")
	for _, args := range [][]string{{"flush", "ks.t"}, {"compact", "ks"}, {"flush"}} {
		if code, out, refusal := said(t, p.adminArgs(append([]string{"admin"}, args...)...)...); code != 0 || out != "" || refusal != "" {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, refusal)
		}
	}
	for want, args := range map[string][]string{
		"ks,t,1,":              {"tablestats", "--output", "csv"},
		`"files": 1, "disk_by`: {"tablestats", "ks.t", "--output", "json"},
		"|          t |":       {"tablestats", "ks.t", "--files"},
		"ks,t,values,v,":       {"tablestats", "ks", "--columns", "--output", "csv"},
		"Sends ADMIN ":         {},
	} {
		if code, out, refusal := said(t, p.adminArgs(append([]string{"admin"}, args...)...)...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, refusal)
		}
	}
	for want, args := range map[string][]string{
		"table ks.nope does not exist": {"flush", "ks.nope"},
		"keyspace nope does not exist": {"tablestats", "nope"},
		"exclude each other":           {"tablestats", "--files", "--columns"},
		"--output xml":                 {"tablestats", "--output", "xml"},
	} {
		if code, out, refusal := said(t, p.adminArgs(append([]string{"admin"}, args...)...)...); code != 1 || out != "" || !strings.Contains(refusal, want) {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, refusal)
		}
	}
	p.stop(syscall.SIGTERM)
}
