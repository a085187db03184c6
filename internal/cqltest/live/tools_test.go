package live

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
)

// shell runs `esker shell` against a server.
func shell(t *testing.T, s *Server, stdin string, args ...string) Output {
	t.Helper()
	return Run(t, Command{Args: append([]string{"shell", s.Host, s.Port}, args...), Stdin: strings.NewReader(stdin), Env: []string{"HOME=" + t.TempDir()}})
}

func TestShell(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	script := filepath.Join(t.TempDir(), "schema.cql")
	text := createKeyspace + ";\n-- a comment; with a semicolon\nUSE k;\nCREATE TABLE t (k int PRIMARY KEY,\n  v text);\n"
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := shell(t, server, "", "-f", script); out.Code != 0 || out.Stderr != "" {
		t.Fatalf("-f: %s", out)
	}
	if out := shell(t, server, "", "-e", "INSERT INTO k.t (k, v) VALUES (1, 'it''s; here')"); out.Code != 0 || out.Stderr != "" {
		t.Fatalf("-e: %s", out)
	}
	out := shell(t, server, "SELECT k,\n v FROM t;\nDESCRIBE TABLE t;\n", "-k", "k")
	if out.Code != 0 {
		t.Fatalf("stdin: %s", out)
	}
	contains(t, out.Stdout, " k | v", "---+-", " 1 | it's; here", "(1 rows)", "CREATE TABLE k.t")
	out = shell(t, server, "", "-e", "SELECT * FRM k.t; SELECT v FROM k.t")
	if out.Code != 2 {
		t.Errorf("an error in a statement: %s", out)
	}
	contains(t, out.Stderr, "line 1:9", "^")
	server.Kill()
	if out = shell(t, server, "", "-e", "SELECT 1"); out.Code != 1 {
		t.Errorf("without a server: %s", out)
	}
	contains(t, out.Stderr, server.Addr)
}

// distinct counts the lines of CSV files without their headers, and the different (file, first field).
func distinct(t *testing.T, pattern string) (files []string, lines, keys int) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	seen := map[string]bool{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(f)
		in.Scan()
		for in.Scan() {
			lines++
			at, _, _ := strings.Cut(in.Text(), ",")
			seen[name+" "+at] = true
		}
		f.Close()
	}
	return files, lines, len(seen)
}

func TestIngest(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	conn := dial(t, server, client.Options{})
	execute(t, conn, createKeyspace,
		"CREATE TABLE k.readings (sensor text, ts timestamp, value double, PRIMARY KEY (sensor, ts)) WITH CLUSTERING ORDER BY (ts DESC) AND time_bucket = {'column': 'ts', 'size': '1d'}",
		"CREATE TABLE k.climate (room text, ts timestamp, temperature double, humidity double, light double, co2 double, humidityratio double, occupancy int, PRIMARY KEY (room, ts))")
	ingest := func(args ...string) Output {
		t.Helper()
		out := Run(t, Command{Args: append([]string{"ingest", "--host", server.Host, "--port", server.Port}, args...)})
		if out.Code != 0 {
			t.Fatal(out)
		}
		return out
	}
	files, lines, keys := distinct(t, filepath.Join(Readings(t), "nab", "*.csv"))
	out := ingest(append([]string{"--device-from-filename", "sensor", "--map", "timestamp=ts", "k.readings"}, files...)...)
	contains(t, strings.ReplaceAll(out.Stderr, ",", ""), fmt.Sprint(lines))
	if got := count(t, conn, "SELECT count(*) FROM k.readings"); got != int64(keys) {
		t.Errorf("nab: %d rows, want %d", got, keys)
	}
	files, _, _ = distinct(t, filepath.Join(Readings(t), "occupancy", "data*.txt"))
	minutes := map[string]bool{}
	for _, name := range files {
		for _, r := range occupancyTimes(t, name) {
			minutes[r] = true
		}
	}
	ingest(append([]string{"--set", "room=office", "--map", "date=ts", "k.climate"}, files...)...)
	if got := count(t, conn, "SELECT count(*) FROM k.climate"); got != int64(len(minutes)) {
		t.Errorf("occupancy: %d rows, want %d", got, len(minutes))
	}
	out = Run(t, Command{
		Args:  []string{"ingest", "--host", server.Host, "--port", server.Port, "k.readings", "-"},
		Stdin: strings.NewReader("sensor,ts,value\nx,2024-01-01 00:00:00,1.5\nx,yesterday,2\nx,2024-01-01 00:01:00,warm\n"),
	})
	if out.Code != 1 {
		t.Errorf("two bad lines: %s", out)
	}
	if got := count(t, conn, "SELECT count(*) FROM k.readings WHERE sensor = 'x'"); got != 1 {
		t.Errorf("%d rows of three lines, two of them bad", got)
	}
}

// occupancyTimes are the times of a file's rows.
func occupancyTimes(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		out = append(out, strings.Trim(strings.Split(line, ",")[1], `"`))
	}
	return out
}

func count(t *testing.T, conn *client.Conn, text string) int64 {
	t.Helper()
	return types.DecodeInt64(rows(t, conn, text)[0][0])
}

func TestDemo(t *testing.T) {
	t.Parallel()
	out := Run(t, Command{Args: []string{"demo", "--exit"}, Dir: Root(t)})
	if out.Code != 0 || strings.Contains(out.Stdout, "✗") {
		t.Fatal(out)
	}
	if checks := strings.Count(out.Stdout, "✓"); checks < 10 {
		t.Errorf("the demo checked %d answers:\n%s", checks, out.Stdout)
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"--help"}, {"server", "--help"}, {"shell", "--help"}, {"ingest", "--help"}, {"demo", "--help"}} {
		if out := Run(t, Command{Args: args}); out.Code != 0 || len(out.Stdout) < 10 {
			t.Errorf("esker %v: %s", args, out)
		}
	}
	if out := Run(t, Command{Args: []string{"server", "--no-such-flag"}}); out.Code != 1 || !strings.Contains(out.Stderr, "no-such-flag") {
		t.Error(out)
	}
}

// TestIngestGoesOn loads while the server is killed: once it stays away, and the load is started again; once it comes
// back at once, and the load goes on by itself.
func TestIngestGoesOn(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	execute(t, dial(t, server, client.Options{}), createKeyspace,
		"CREATE TABLE k.readings (sensor text, ts timestamp, value double, PRIMARY KEY (sensor, ts)) WITH time_bucket = {'column': 'ts', 'size': '1d'}")
	files, _, keys := distinct(t, filepath.Join(Readings(t), "nab", "[a-i]*.csv"))
	load := Command{
		Args: append([]string{"ingest", "--host", server.Host, "--port", server.Port, "--in-flight", "1", "--connections", "1", "--batch-rows", "50",
			"--device-from-filename", "sensor", "--map", "timestamp=ts", "k.readings"}, files...),
		Dir: t.TempDir(), // the checkpoint lies there
	}
	start := func(killAt int64) (ended chan Output) {
		ended = make(chan Output, 1)
		go func() { ended <- Run(t, load) }()
		conn := dial(t, server, client.Options{})
		server.await(func() bool { return len(ended) > 0 || count(t, conn, "SELECT count(*) FROM k.readings") >= killAt })
		server.Kill()
		return ended
	}
	if out := <-start(1000); out.Code != 3 || !strings.Contains(out.Stderr, server.Addr) {
		t.Errorf("the load of a server that is gone: %s", out)
	}
	server = StartAt(t, server.Data, server.Addr)
	ended := start(30_000)
	server = StartAt(t, server.Data, server.Addr)
	if out := <-ended; out.Code != 0 {
		t.Errorf("the load of a server that came back: %s", out)
	}
	if got := count(t, dial(t, server, client.Options{}), "SELECT count(*) FROM k.readings"); got != int64(keys) {
		t.Errorf("%d rows, want %d", got, keys)
	}
	if left, _ := filepath.Glob(filepath.Join(load.Dir, "*.checkpoint")); len(left) > 0 {
		t.Errorf("%v is left over", left)
	}
}
