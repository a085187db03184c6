package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/ingest"
)

// load runs `esker ingest` in dir and returns its exit code and what it said.
func (p *process) load(dir string, args ...string) (code int, said string) {
	p.t.Helper()
	host, port, err := net.SplitHostPort(p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := command(p.t, append([]string{"ingest", "--host", host, "--port", port}, args...)...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the exit code says it
	return cmd.ProcessState.ExitCode(), out.String()
}

func (p *process) count(table string) int64 {
	p.t.Helper()
	row := p.run("SELECT count(*) FROM " + table)
	if len(row) != 1 {
		p.t.Fatalf("count of %s: %q", table, row)
	}
	return types.DecodeInt64(row[0])
}

func TestIngestIntoAServer(t *testing.T) {
	readings, err := filepath.Abs("../../testdata/readings")
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, "--data", filepath.Join(t.TempDir(), "data"))
	p.run("CREATE KEYSPACE iot WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE iot.nab (device text, ts timestamp, value double, PRIMARY KEY (device, ts))",
		"CREATE TABLE iot.room (room text, ts timestamp, temperature double, humidity double, light double, co2 double, humidity_ratio double,"+
			" occupied boolean, PRIMARY KEY (room, ts))")
	dir := t.TempDir()
	for _, c := range []struct {
		want  string
		table string
		rows  int64
		args  []string
	}{
		{"loaded 152965 rows (0 rejected) from 31 files", "iot.nab", 152_918,
			[]string{"--device-from-filename", "device", "--map", "timestamp=ts", "iot.nab", readings + "/nab/*.csv"}},
		{"loaded 20560 rows (0 rejected) from 3 files", "iot.room", 20_560,
			[]string{"--set", "room=a", "--map", "date=ts,HumidityRatio=humidity_ratio,Occupancy=occupied", "iot.room", readings + "/occupancy/data*.txt"}},
	} {
		code, said := p.load(dir, c.args...)
		if n := p.count(c.table); code != 0 || !strings.Contains(said, c.want) || n != c.rows {
			t.Errorf("exit %d, %d rows of %d: %s", code, n, c.rows, said)
		}
	}
	// Of two rows with one key the larger value stays, in either order.
	ascending, descending := "device,ts,value\nx,1,1.5\nx,1,2.5\n", "device,ts,value\ny,1,2.5\ny,1,1.5\n"
	if err := os.WriteFile(filepath.Join(dir, "twice.csv"), []byte(ascending+descending[len("device,ts,value\n"):]), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, said := p.load(dir, "iot.nab", "twice.csv"); code != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	for _, device := range []string{"x", "y"} {
		if row := p.run("SELECT value FROM iot.nab WHERE device = '" + device + "'"); len(row) != 1 || types.DecodeFloat64(row[0]) != 2.5 {
			t.Errorf("device %s: %x", device, row)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the loads left %v, %v", entries, err)
	}
}

func TestIngestExitCodes(t *testing.T) {
	p := startServer(t, "--data", filepath.Join(t.TempDir(), "data"))
	p.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}", "CREATE TABLE ks.t (k int PRIMARY KEY, v text)")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.csv"), []byte("k,v\n1,a\nx,b\n2,\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		said string
		args []string
	}{
		{1, "loaded 2 rows (1 rejected) from 1 file", []string{"ks.t", "in.csv"}},
		{2, "too many errors", []string{"--max-errors", "0", "ks.t", "in.csv"}},
		{3, "table ks.u does not exist", []string{"ks.u", "in.csv"}},
		{3, "out.csv", []string{"ks.t", "out.csv"}},
		{3, "unknown flag", []string{"--nonsense", "ks.t", "in.csv"}},
		{3, "at least one FILE", []string{"ks.t"}},
		{3, "--delimiter", []string{"--delimiter", "||", "ks.t", "in.csv"}},
	} {
		if code, said := p.load(dir, c.args...); code != c.code || !strings.Contains(said, c.said) {
			t.Errorf("%q: exit %d, %s, want %d, …%s…", c.args, code, said, c.code, c.said)
		}
	}
	if n := p.count("ks.t"); n != 2 {
		t.Errorf("%d rows are stored, want 2", n)
	}
	if bad, err := os.ReadFile(filepath.Join(dir, "t.bad")); err != nil || string(bad) != "x,b\n" {
		t.Errorf("t.bad is %q, %v", bad, err)
	}
	if code := ingestExit(ingest.Report{}, fmt.Errorf("stopped: %w", ingest.ErrInterrupted)); code != exitInterrupted {
		t.Errorf("an interruption exits with %d", code)
	}
}
