package shell

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server"
	"github.com/eskerdb/esker/server/wire"
)

// serve starts a server in this process and returns its address.
func serve(t *testing.T) string { return serveDoor(t, server.Door{}) }

func serveDoor(t *testing.T, door server.Door) string {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	store, err := lsm.Open(lsm.Options{FS: vfs.NewMem(), Dir: "/data", Clock: now, Tuning: lsm.Tuning{LogSegmentBytes: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(database.Options{Store: database.Local{Store: store}, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.Listen(server.Options{Database: db, Addr: "127.0.0.1:0", Door: door})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	t.Cleanup(func() {
		if err := srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv.Addr().String()
}

// run runs a shell to its end and returns exit code, output and complaints.
func run(t *testing.T, addr string, o Options, stdin string) (code int, out, complaints string) {
	t.Helper()
	in, err := os.Create(filepath.Join(t.TempDir(), "stdin"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := in.WriteString(stdin); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	o.Server.Addr, o.In, o.Out, o.Err, o.Clock, o.Version = addr, in, &stdout, &stderr, clock.System{}, "test"
	code = Run(context.Background(), o)
	return code, stdout.String(), stderr.String()
}

const schemaText = `CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
USE k;
CREATE TABLE t (name text, n int, v double, PRIMARY KEY (name, n)); -- a comment; with a semicolon
INSERT INTO t (name, n, v) VALUES ('a', 1, 1.5);
INSERT INTO t (name, n, v) VALUES ('it''s; two', 2, 0.1);
`

// What cqlsh 6.2.2 prints for the same rows, but for the precision of doubles.
const wantTable = `
 name      | n | v
-----------+---+-----
         a | 1 | 1.5
 it's; two | 2 | 0.1

(2 rows)
`

func TestStatementsFromEverywhere(t *testing.T) {
	addr := serve(t)
	if code, _, complaints := run(t, addr, Options{Execute: schemaText}, ""); code != 0 || complaints != "" {
		t.Fatalf("-e: exit code %d, %s", code, complaints)
	}
	const query = "SELECT * FROM t WHERE name IN ('a', 'it''s; two')"
	file := filepath.Join(t.TempDir(), "q.cql")
	if err := os.WriteFile(file, []byte(query), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options Options
		stdin   string
	}{
		"-e":     {Options{Execute: query}, ""},
		"-f":     {Options{File: file}, ""},
		"stdin":  {Options{}, query + ";\n"},
		"SOURCE": {Options{}, "SOURCE '" + file + "'\n"},
		"EXIT":   {Options{}, query + ";\nEXIT\nSELECT nothing;\n"},
	} {
		c.options.Server.Keyspace = "k"
		code, out, complaints := run(t, addr, c.options, c.stdin)
		if code != 0 || complaints != "" || out != wantTable {
			t.Errorf("%s: exit code %d, complaints %q, output:\n%s", name, code, complaints, out)
		}
	}
}

func TestFailuresAreToldAndTheRestRuns(t *testing.T) {
	addr := serve(t)
	code, out, complaints := run(t, addr, Options{Execute: schemaText + "SELEC 1;\nSELECT nope FROM k.t;\nSELECT count(*) FROM k.t;"}, "")
	if code != exitStatement {
		t.Errorf("exit code %d, want %d", code, exitStatement)
	}
	for _, want := range []string{"line 1:0", "^", "Undefined column name nope"} {
		if !strings.Contains(complaints, want) {
			t.Errorf("complaints lack %q:\n%s", want, complaints)
		}
	}
	if !strings.Contains(out, "     2\n") {
		t.Errorf("the statement behind the failures did not run:\n%s", out)
	}
	if code, _, complaints := run(t, "127.0.0.1:1", Options{Execute: "SELECT 1"}, ""); code != exitConnection || !strings.Contains(complaints, "esker server") {
		t.Errorf("without a server: exit code %d, %q", code, complaints)
	}
	loop := filepath.Join(t.TempDir(), "loop.cql")
	if err := os.WriteFile(loop, []byte("SOURCE '"+loop+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, complaints := run(t, addr, Options{File: loop}, ""); code != exitStatement || !strings.Contains(complaints, "include each other") {
		t.Errorf("a file that includes itself: exit code %d, %q", code, complaints)
	}
}

func TestCommands(t *testing.T) {
	addr := serve(t)
	if code, _, complaints := run(t, addr, Options{Execute: schemaText}, ""); code != 0 {
		t.Fatal(complaints)
	}
	_, out, complaints := run(t, addr, Options{Server: client.Options{Keyspace: "k"}}, `HELP
PAGING 1
SELECT name FROM t;
PAGING OFF
EXPAND ON
SELECT n, v FROM t WHERE name = 'a';
EXPAND OFF
DESCRIBE TABLES;
DESCRIBE TABLE t;
SHOW VERSION
PAGING sideways
`)
	for _, want := range []string{
		"Commands of the shell:", "Page size: 1", "(2 rows)", "@ Row 1\n---\n n | 1\n v | 1.5\n", "Keyspace k\n----------\nt",
		"CREATE TABLE k.t (", "Native protocol v5",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
	if !strings.Contains(complaints, `not "sideways"`) {
		t.Errorf("complaints: %q", complaints)
	}
}

func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"sel":                        "select ",
		"SELECT * FR":                "SELECT * FROM ",
		"CREATE TABLE t(k text PRIM": "CREATE TABLE t(k text PRIMARY ",
		"sour":                       "source ",
	} {
		got := complete(line)
		found := false
		for _, g := range got {
			found = found || g == want
		}
		if !found {
			t.Errorf("complete(%q) = %q, want %q among them", line, got, want)
		}
	}
	if got := complete("SELECT "); got != nil {
		t.Errorf("nothing typed offers %q", got)
	}
}

// Control characters in a value cannot break the table or reach the terminal.
func TestValuesStayOnTheirLine(t *testing.T) {
	text, err := FormatTable([]wire.Column{{Name: "v", Type: wire.Type{ID: wire.TypeVarchar}}}, [][][]byte{{[]byte("a\nb\x1b[31m")}, {nil}})
	if err != nil {
		t.Fatal(err)
	}
	if want := " v\n----------------\n a\\nb\\x1b[31m\n           null\n"; strings.Count(text, "\n") != 4 || strings.Contains(text, "\x1b") || !strings.Contains(text, "null") {
		t.Errorf("table:\n%s\nwant something like\n%s", text, want)
	}
}
