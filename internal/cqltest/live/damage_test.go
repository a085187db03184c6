package live

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
)

// edit changes a file of a stopped server.
func edit(t *testing.T, file string, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, change(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sound holds esker check to finding nothing: what a crash leaves is no damage.
func sound(t *testing.T, data string) {
	t.Helper()
	if out := Run(t, Command{Args: []string{"check", data}}); out.Code != 0 || !strings.HasPrefix(out.Stdout, "sound: ") {
		t.Errorf("esker check: %s", out)
	}
}

// damaged holds esker check to naming the file.
func damaged(t *testing.T, data, file string) {
	t.Helper()
	if out := Run(t, Command{Args: []string{"check", data}}); out.Code != 1 || !strings.HasPrefix(out.Stdout, filepath.Base(file)+": ") {
		t.Errorf("esker check does not name %s first: %s", filepath.Base(file), out)
	}
}

// TestDamagedLog flips a bit of an acknowledged write: the server must not start as if it had never been.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	conn := dial(t, server, client.Options{})
	execute(t, conn, createKeyspace, createReadings, "INSERT INTO k.readings (sensor, n, value) VALUES ('to be found in the log', 1, 1)")
	load(t, conn, 1000)
	server.Kill()
	file := only(t, filepath.Join(server.Data, "commitlog-*.log"))
	edit(t, file, func(text []byte) []byte {
		at := bytes.Index(text, []byte("to be found in the log"))
		if at < 0 {
			t.Fatal("the row is not in the log")
		}
		text[at] ^= 1
		return text
	})
	damaged(t, server.Data, file)
	contains(t, refused(t, "--data", server.Data, "--listen", "127.0.0.1:0"), filepath.Base(file))
}

// TestTornLog cuts the log behind the last write, as a power failure in the middle of a write does.
func TestTornLog(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	conn := dial(t, server, client.Options{})
	execute(t, conn, createKeyspace, createReadings)
	load(t, conn, 100)
	execute(t, conn, "INSERT INTO k.readings (sensor, n, value) VALUES ('the last one', 1, 1)")
	server.Kill()
	file := only(t, filepath.Join(server.Data, "commitlog-*.log"))
	edit(t, file, func(text []byte) []byte {
		return text[:bytes.Index(text, []byte("the last one"))+3]
	})
	sound(t, server.Data)
	server = Start(t, server.Data)
	if got := rows(t, dial(t, server, client.Options{}), "SELECT n FROM k.readings"); len(got) != 100 {
		t.Errorf("%d rows of the 100 before the torn one", len(got))
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	conn := dial(t, server, client.Options{})
	execute(t, conn, createKeyspace, createReadings)
	load(t, conn, 1000)
	if code := server.Terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	file := only(t, filepath.Join(server.Data, "*.sst"))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"cut":            func(text []byte) []byte { return text[:len(text)/2] },
		"empty":          func([]byte) []byte { return nil },
		"another file's": func(text []byte) []byte { return bytes.Repeat([]byte{7}, len(text)) },
	} {
		t.Run(name, func(t *testing.T) {
			edit(t, file, change)
			damaged(t, server.Data, file)
			contains(t, refused(t, "--data", server.Data, "--listen", "127.0.0.1:0"), strings.TrimSuffix(filepath.Base(file), ".sst"))
			edit(t, file, func([]byte) []byte { return whole })
		})
	}
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	damaged(t, server.Data, file)
	contains(t, refused(t, "--data", server.Data, "--listen", "127.0.0.1:0"), strings.TrimSuffix(filepath.Base(file), ".sst"))
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	server = Start(t, server.Data)
	if got := rows(t, dial(t, server, client.Options{}), "SELECT n FROM k.readings"); len(got) != 1000 {
		t.Errorf("%d rows", len(got))
	}
}
