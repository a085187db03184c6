package live

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// cqlsh runs statements in stock cqlsh.
func cqlsh(t *testing.T, s *Server, text string) Output {
	t.Helper()
	return Run(t, Command{
		Program: Tool(t, "cqlsh"),
		Args:    []string{"--no-color", s.Host, s.Port, "-e", text},
		Env:     []string{"HOME=" + t.TempDir()}, // no settings of the person who runs the tests
	})
}

// cqlshOK is cqlsh of statements that must all succeed.
func cqlshOK(t *testing.T, s *Server, text string) string {
	t.Helper()
	out := cqlsh(t, s, text)
	if out.Code != 0 || out.Stderr != "" {
		t.Fatalf("%s\n%s", text, out)
	}
	warning, rest, ok := strings.Cut(out.Stdout, "\n")
	if !ok || !strings.Contains(warning, "cqlsh was built against") { // 6.2.2 says so to every newer release, 5.0.5 included
		return out.Stdout
	}
	return rest
}

func TestCqlshCopyAndSelect(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	file := filepath.Join(Readings(t), "occupancy", "datatest.txt")
	count, warmest := occupancy(t, file)
	// The file's header names seven columns and its rows have eight, a row number first: the statement names them all.
	out := cqlshOK(t, server, createKeyspace+`;
		CREATE TABLE k.climate (occupancy int, ts timestamp, row int, temperature double, humidity double, light double,
			co2 double, humidityratio double, PRIMARY KEY (occupancy, ts, row)) WITH CLUSTERING ORDER BY (ts DESC, row ASC);
		COPY k.climate (row, ts, temperature, humidity, light, co2, humidityratio, occupancy) FROM '`+file+`' WITH HEADER = TRUE`)
	contains(t, out, fmt.Sprintf("%d rows imported from 1 files", count))
	out = cqlshOK(t, server, `SELECT count(*) AS everything, max(temperature) AS warmest FROM k.climate;
		SELECT row, ts, co2 FROM k.climate WHERE occupancy = 1 AND ts >= '2015-02-02 14:19:00' AND ts < '2015-02-02 14:20:00';
		PAGING 7; SELECT row FROM k.climate WHERE occupancy = 1 LIMIT 30;
		PAGING OFF; SELECT row FROM k.climate`)
	contains(t, out, fmt.Sprintf("%d | %s", count, strconv.FormatFloat(warmest, 'g', 7, 64)),
		" 140 | 2015-02-02 14:19:00.000000+0000 | 749.2", "141 | 2015-02-02 14:19:59.000000+0000 | 760.4",
		"Page size: 7", "(30 rows)", "PAGING set to OFF", fmt.Sprintf("(%d rows)", count))
	copied := filepath.Join(t.TempDir(), "out.csv")
	contains(t, cqlshOK(t, server, "COPY k.climate TO '"+copied+"'"), fmt.Sprintf("%d rows exported", count))
	text, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines != count {
		t.Errorf("COPY TO wrote %d lines, want %d", lines, count)
	}
}

// occupancy reads a file of the readings with other code: its rows and its highest temperature.
func occupancy(t *testing.T, path string) (count int, warmest float64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reader := csv.NewReader(f)
	reader.FieldsPerRecord = -1
	records, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records[1:] {
		v, err := strconv.ParseFloat(r[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		count, warmest = count+1, max(warmest, v)
	}
	return count, warmest
}

const describedTable = `CREATE TABLE k.t ("Device" text, day date, ts timestamp, value double, note text static, PRIMARY KEY (("Device", day), ts))
	WITH CLUSTERING ORDER BY (ts DESC) AND comment = 'it''s a table' AND default_time_to_live = 86400
	AND time_bucket = {'column': 'ts', 'size': '6h'} AND rollups = {'1h': 'forever'}`

func TestCqlshDescribe(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	cqlshOK(t, server, createKeyspace+";"+describedTable+`;
		CREATE TABLE k.plain (k int PRIMARY KEY, v text);
		CREATE QUERY TABLE k.plain_by_v ON k.plain * PRIMARY KEY (v, k)`)
	contains(t, cqlshOK(t, server, "DESCRIBE KEYSPACES"), "k", "system", "system_schema")
	contains(t, cqlshOK(t, server, "DESCRIBE CLUSTER"), "Cluster: ", "Partitioner: Murmur3Partitioner", "Snitch: ")
	contains(t, cqlshOK(t, server, "DESCRIBE KEYSPACE k"), "CREATE KEYSPACE k", "CREATE TABLE k.t", "CREATE TABLE k.plain", "plain_by_v")
	schema := cqlshOK(t, server, "DESCRIBE SCHEMA")
	contains(t, schema, "CREATE KEYSPACE k", "CREATE TABLE k.t")
	if strings.Contains(schema, "CREATE KEYSPACE system") {
		t.Error("DESCRIBE SCHEMA shows the system keyspaces")
	}
	contains(t, cqlshOK(t, server, "USE k; DESCRIBE TABLES"), "plain", "t")
	contains(t, cqlshOK(t, server, "DESCRIBE TABLE system.local"), "TABLE system.local", "key text PRIMARY KEY")

	// What DESCRIBE prints makes the same schema on an empty server.
	file := filepath.Join(t.TempDir(), "schema.cql")
	if err := os.WriteFile(file, []byte(schema), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := Start(t, dataDir(t))
	load := Run(t, Command{Program: Tool(t, "cqlsh"), Args: []string{fresh.Host, fresh.Port, "-f", file}, Env: []string{"HOME=" + t.TempDir()}})
	if load.Code != 0 || load.Stderr != "" {
		t.Fatalf("%s\n%s", schema, load)
	}
	if again := cqlshOK(t, fresh, "DESCRIBE SCHEMA"); again != schema {
		t.Errorf("the schema\n%s\nloaded back is\n%s", schema, again)
	}
	// So does one table alone, in another keyspace.
	table := cqlshOK(t, server, "DESCRIBE TABLE k.t")
	moved := func(text string) string { return strings.ReplaceAll(text, "k.t", "other.t") }
	again := cqlshOK(t, server, strings.Replace(createKeyspace, "KEYSPACE k", "KEYSPACE other", 1)+";"+moved(table)+" DESCRIBE TABLE other.t")
	if again != moved(table) {
		t.Errorf("described\n%s\nloaded back\n%s", moved(table), again)
	}
}

func TestCqlshErrors(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	cqlshOK(t, server, createKeyspace+"; CREATE TABLE k.t (k int PRIMARY KEY, v text)")
	for _, c := range []struct {
		text  string
		parts []string
	}{
		{"SELECT * FRM k.t", []string{"SyntaxException", "line 1:9"}},
		{"SELECT *\nFROM k.t\nWHERE k == 1", []string{"SyntaxException", "line 3:"}},
		{"SELECT * FROM k.nothing", []string{"InvalidRequest", "nothing"}},
		{"SELECT w FROM k.t", []string{"InvalidRequest", "w"}},
		{"INSERT INTO k.t (k, v) VALUES ('x', 'y')", []string{"InvalidRequest", "k"}},
		{"CREATE TABLE k.t (k int PRIMARY KEY)", []string{"AlreadyExists", "k.t"}},
	} {
		out := cqlsh(t, server, c.text)
		if out.Code != 2 {
			t.Errorf("%s: %s", c.text, out)
		}
		contains(t, out.Stderr, c.parts...)
	}
	contains(t, cqlshOK(t, server, "INSERT INTO k.t (k, v) VALUES (1, 'still here'); SELECT v FROM k.t WHERE k = 1"), "still here")
	contains(t, cqlshOK(t, server, "EXPLAIN SELECT v FROM k.t WHERE k = 1"), "operation", "k.t")
}

func TestCqlshCommands(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	script := filepath.Join(t.TempDir(), "source.cql")
	if err := os.WriteFile(script, []byte("INSERT INTO k.t (k, v) VALUES (7, 'from the file');\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := cqlshOK(t, server, createKeyspace+`; USE k; CREATE TABLE t (k int PRIMARY KEY, v text);
		SOURCE '`+script+`';
		CONSISTENCY QUORUM; SERIAL CONSISTENCY LOCAL_SERIAL;
		EXPAND ON; SELECT * FROM t; EXPAND OFF;
		TRACING ON; SELECT v FROM t; TRACING OFF;
		SHOW VERSION; SHOW HOST;
		BEGIN BATCH INSERT INTO t (k) VALUES (1); INSERT INTO t (k) VALUES (2); APPLY BATCH; SELECT count(*) FROM t`)
	contains(t, out, "@ Row 1", " v | from the file", "Consistency level set to QUORUM.", "Cassandra 5.0.5 | CQL spec 3.4.7 | Native protocol v5",
		"Connected to esker at "+server.Addr, "     3\n")
}
