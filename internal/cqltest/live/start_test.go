package live

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// refused starts a server that must not come up and returns what it said.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	out := Run(t, Command{Args: append([]string{"server"}, args...)})
	if out.Code != 1 || strings.Contains(out.Stderr, "ready on") {
		t.Fatalf("esker server %v: %s", args, out)
	}
	if lines := strings.Count(strings.TrimSpace(out.Stderr), "\n"); lines > 0 {
		t.Errorf("the reason has more than one line:\n%s", out.Stderr)
	}
	return out.Stderr
}

func TestDirectoryInUse(t *testing.T) {
	t.Parallel()
	first := Start(t, dataDir(t))
	contains(t, refused(t, "--data", first.Data, "--listen", "127.0.0.1:0"), first.Data, "in use", fmt.Sprint(first.PID()))
	execute(t, dial(t, first, client.Options{}), createKeyspace) // it was not disturbed
	first.Kill()
	Start(t, first.Data) // a lock does not outlive its holder
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	first := Start(t, dataDir(t))
	contains(t, refused(t, "--data", dataDir(t), "--listen", first.Addr), first.Addr, "in use")
}

func TestOtherDirectories(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	execute(t, dial(t, server, client.Options{}), createKeyspace)
	if code := server.Terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	manifest := only(t, filepath.Join(server.Data, "manifest-*"))
	whole, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(header []byte), seal bool) {
		t.Helper()
		header := append([]byte(nil), whole...)
		change(header)
		if seal {
			binary.LittleEndian.PutUint32(header[28:], crc32.Checksum(header[:28], crc32.MakeTable(crc32.Castagnoli)))
		}
		if err := os.WriteFile(manifest, header, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with(func(header []byte) { header[8]++ }, true)
	contains(t, refused(t, "--data", server.Data, "--listen", "127.0.0.1:0"), filepath.Base(manifest), "version", "it has 2")
	with(func(header []byte) { header[9] ^= 1 }, false)
	contains(t, refused(t, "--data", server.Data, "--listen", "127.0.0.1:0"), filepath.Base(manifest))
	with(func([]byte) {}, false)
	Start(t, server.Data).Kill()

	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, refused(t, "--data", foreign, "--listen", "127.0.0.1:0"), foreign)
	only(t, filepath.Join(foreign, "letter.txt"))
	contains(t, refused(t, "--data", filepath.Join(foreign, "letter.txt"), "--listen", "127.0.0.1:0"), "letter.txt")
}

// only is the one file that a pattern finds.
func only(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	conn := dial(t, server, client.Options{})
	execute(t, conn, createKeyspace, createReadings)
	load(t, conn, 3000)
	if code := server.Terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	file := only(t, filepath.Join(server.Data, "*.sst"))
	bytes, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bytes[100] ^= 1 // in the first row group
	if err := os.WriteFile(file, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	server = Start(t, server.Data)
	conn = dial(t, server, client.Options{})
	_, err = conn.Query(context.Background(), "SELECT n, value, WRITETIME(value) FROM k.readings WHERE sensor = 's'")
	var answer *client.Error
	if !errors.As(err, &answer) || answer.Code != wire.CodeServer {
		t.Fatalf("reading a damaged file: %v", err)
	}
	contains(t, answer.Message, filepath.Base(file), " at ")
	execute(t, conn, "CREATE TABLE k.other (k int PRIMARY KEY)", "INSERT INTO k.other (k) VALUES (1)",
		"INSERT INTO k.readings (sensor, n, value) VALUES ('another', 1, 1)")
	if got := rows(t, conn, "SELECT k FROM k.other"); len(got) != 1 {
		t.Errorf("%d rows of another table", len(got))
	}
	server.Kill() // its log is read to the end then
	contains(t, server.Log(), filepath.Base(file))
}

// load writes n rows of one sensor.
func load(t *testing.T, conn *client.Conn, n int) {
	t.Helper()
	ctx := context.Background()
	insert, err := conn.Prepare(ctx, "INSERT INTO k.readings (sensor, n, value) VALUES ('s', ?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	var calls []*client.Call
	for i := range n {
		call, err := conn.SendExecute(ctx, insert, reading(i), client.RequestOptions{})
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
	for _, call := range calls {
		if _, err := call.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func reading(i int) []wire.Value {
	return []wire.Value{{Bytes: types.AppendInt(nil, int32(i))}, {Bytes: types.AppendDouble(nil, float64(i))}}
}

func TestTerminateDrains(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	conn := dial(t, server, client.Options{InFlight: 1000})
	execute(t, conn, createKeyspace, createReadings)
	ctx := context.Background()
	insert, err := conn.Prepare(ctx, "INSERT INTO k.readings (sensor, n, value) VALUES ('s', ?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := map[int64]bool{}
	sent := 0
	var calls []*client.Call
	for ; sent < 20_000; sent++ {
		if sent == 2000 {
			server.Signal(syscall.SIGTERM) // many are on their way
		}
		call, err := conn.SendExecute(ctx, insert, reading(sent), client.RequestOptions{})
		if err != nil {
			break
		}
		calls = append(calls, call)
	}
	for n, call := range calls {
		switch _, err := call.Wait(ctx); {
		case err == nil:
			acknowledged[int64(n)] = true
		case !errors.Is(err, client.ErrLost):
			t.Errorf("row %d: %v", n, err)
		}
	}
	if code := server.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if len(acknowledged) < 1000 {
		t.Errorf("%d of %d writes were answered", len(acknowledged), sent)
	}
	conn = dial(t, Start(t, server.Data), client.Options{})
	found := rows(t, conn, "SELECT n FROM k.readings WHERE sensor = 's'")
	for _, cells := range found {
		delete(acknowledged, types.DecodeInt64(cells[0]))
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged rows are lost", len(acknowledged))
	}
	t.Logf("sent %d, found %d", sent, len(found))
}

func TestMalformedFrames(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	good := dial(t, server, client.Options{})
	execute(t, good, createKeyspace, createReadings)
	options := []byte{4, 0, 0, 1, 5, 0, 0, 0, 0}
	for name, bytes := range map[string][]byte{
		"no protocol at all":           []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a length of 2 GiB":            {4, 0, 0, 1, 7, 0x7f, 0xff, 0xff, 0xff},
		"a negative length":            {4, 0, 0, 1, 7, 0xff, 0xff, 0xff, 0xff},
		"an unknown opcode":            append(options, 4, 0, 0, 2, 0x99, 0, 0, 0, 0),
		"a response":                   {0x84, 0, 0, 1, 8, 0, 0, 0, 0},
		"a query that claims more":     {4, 0, 0, 1, 7, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff},
		"half a header":                {4, 0, 0},
		"half a body":                  {4, 0, 0, 1, 7, 0, 0, 1, 0, 'x'},
		"a query before STARTUP":       {4, 0, 0, 1, 7, 0, 0, 0, 11, 0, 0, 0, 4, 'U', 'S', 'E', ' ', 0, 1, 0},
		"compressed without agreement": {4, 1, 0, 1, 5, 0, 0, 0, 4, 1, 2, 3, 4},
		"an unknown version":           {9, 0, 0, 1, 5, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			socket, err := net.Dial("tcp", server.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			if _, err := socket.Write(bytes); err != nil {
				t.Fatal(err)
			}
			if err := socket.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, 1<<16) // the server answers, or not, and closes
			for err == nil {
				_, err = socket.Read(answer)
			}
			load(t, good, 100)
		})
	}
	if got := rows(t, good, "SELECT n FROM k.readings"); len(got) != 100 {
		t.Errorf("%d rows", len(got))
	}
	if strings.Contains(server.Log(), "broke a promise") {
		t.Errorf("a request panicked:\n%s", server.Log())
	}
}
