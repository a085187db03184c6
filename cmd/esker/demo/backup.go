package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// backup makes a backup of the running server, makes a data directory of it, and verifies every byte of that.
func (d *demo) backup(ctx context.Context) error {
	d.title("A backup while the server runs, restored and verified")
	parent, err := os.MkdirTemp(filepath.Dir(d.Data), "esker-demo-backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(parent)
	host, port := d.server.hostPort()
	backup, restored := filepath.Join(parent, "backup"), filepath.Join(parent, "restored")
	if _, err := d.command(ctx, "backup", "create", "--output", "csv", "--host", host, "--port", port, backup); err != nil {
		return err
	}
	said, err := d.command(ctx, "backup", "restore", backup, "--data", restored)
	if err != nil {
		return err
	}
	what, _, _ := strings.Cut(said, ": ") // what follows is how to serve it
	d.say("   %s", what)
	if said, err = d.command(ctx, "check", restored); err != nil {
		return err
	}
	verdict, _, _ := strings.Cut(said, ":")
	d.say("   %s", said)
	d.check("the restored directory is", verdict, "sound")
	return nil
}

// command runs a command of the program and returns what it says.
func (d *demo) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.Program, args...)
	cmd.Stderr = d.Err
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("esker %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
