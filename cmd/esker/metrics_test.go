package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/lsm"
)

var rewrite = flag.Bool("rewrite", false, "write the generated parts of docs anew")

// watchOf is the address of the metrics of a server that is ready.
func (p *process) watchOf() string {
	p.t.Helper()
	for line := range strings.Lines(p.before) {
		if address, ok := strings.CutPrefix(line, "metrics on "); ok {
			return "http://" + strings.TrimSpace(address)
		}
	}
	p.t.Fatalf("there is no address of metrics in %s", p.before)
	return ""
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// series are the values of a page of metrics, by name and labels as they stand there.
func series(t *testing.T, page string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for line := range strings.Lines(page) {
		if line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out[line[:at]] = value
	}
	return out
}

// Metrics say what was done to a server, under the names of docs/metrics.md, as Prometheus wants them.
func TestMetrics(t *testing.T) {
	p := startServer(t, "--data", t.TempDir(), "--metrics", "127.0.0.1:0")
	p.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE ks.t (k int, ts timestamp, v double, PRIMARY KEY (k, ts)) WITH retention = {'duration': '36500d', 'by': 'ts'} AND partition_write_rate_max = 10",
		"CREATE QUERY TABLE ks.by_v ON ks.t (v) PRIMARY KEY (v, k, ts)",
		"CREATE ROLLUP ks.hours ON ks.t AS SELECT k, floor(ts, 1h) AS ts, avg(v) GROUP BY k, floor(ts, 1h)",
		"INSERT INTO ks.t (k, ts, v) VALUES (1, '2026-01-01', 1.5)", "INSERT INTO ks.t (k, ts, v) VALUES (2, '2026-01-01', 1.5)",
		"SELECT * FROM ks.t", "ADMIN FLUSH ks.t", "SELECT * FROM ks.t")
	c, err := client.Dial(t.Context(), client.Options{Addr: p.address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var refused *client.Error
	if _, err := c.Query(t.Context(), "SELECT"); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if _, err := c.Prepare(t.Context(), "SELECT * FROM ks.t"); err != nil {
		t.Fatal(err)
	}
	var page string
	var got map[string]float64
	for got == nil || got[`esker_connections`] > 1 { // the connection of run ends when the server sees it
		var code int
		if code, page = get(t, p.watchOf()+"/metrics"); code != http.StatusOK {
			t.Fatalf("%d: %s", code, page)
		}
		got = series(t, page)
	}
	for name, want := range map[string]float64{
		`esker_requests_total{opcode="query"}`:                             10,
		`esker_requests_total{opcode="prepare"}`:                           1,
		`esker_requests_total{opcode="startup"}`:                           2,
		`esker_errors_total{error="syntax"}`:                               1,
		`esker_errors_total{error="overloaded"}`:                           0,
		`esker_request_duration_seconds_count{answer="failed"}`:            1,
		`esker_request_duration_seconds_count{answer="schema"}`:            4,
		`esker_request_duration_seconds_bucket{answer="schema",le="+Inf"}`: 4,
		`esker_connections`:                                                1,
		`esker_connections_opened_total`:                                   2,
		`esker_connections_closed_total{cause="client"}`:                   1,
		`esker_prepared_statements`:                                        1,
		`esker_table_flushes_total{keyspace="ks",table="t"}`:               1,
		`esker_table_flushed_rows_total{keyspace="ks",table="t"}`:          2,
		`esker_table_files{keyspace="ks",table="t"}`:                       1,
		`esker_table_read_pages_total{keyspace="ks",table="t"}`:            2,
		`esker_table_write_amplification_ratio{keyspace="ks",table="t"}`:   1,
		`esker_table_retention_waiting_rows{keyspace="ks",table="t"}`:      0,
		`esker_copy_built_ratio{keyspace="ks",table="by_v"}`:               1,
		`esker_rollup_failing{keyspace="ks",table="hours"}`:                0,
		`esker_store_read_only`:                                            0,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v (%v), not %v", name, value, ok, want)
		}
	}
	checkNames(t, page)
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		if strings.HasPrefix(problem.Metric, "esker_") {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
	if code, out, text := said(t, p.adminArgs("admin", "clients", "--output", "csv")...); code != 0 ||
		!strings.HasPrefix(out, strings.ReplaceAll(clientColumns, ", ", ",")+"\n127.0.0.1,") || strings.Count(out, ",anonymous,ready,") != 2 {
		t.Errorf("%d: %s%s", code, out, text)
	}
	if row := p.run("SELECT value FROM system_views.cql_metrics WHERE name = 'prepared_statements_count'"); len(row) != 1 || fmt.Sprintf("%x", row[0]) != "3ff0000000000000" {
		t.Errorf("%x", row)
	}
	if code, text := get(t, p.watchOf()+"/healthz"); code != http.StatusOK || text != "serving\n" {
		t.Errorf("%d: %s", code, text)
	}
	for _, path := range []string{"/", "/debug/pprof/", "/metrics/more"} {
		if code, _ := get(t, p.watchOf()+path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
}

const metricsDoc = "../../docs/metrics.md"

// checkNames compares the metrics of a page with the table of the documentation.
func checkNames(t *testing.T, page string) {
	t.Helper()
	var lines []string
	lines = append(lines, "| `esker_build_info` | gauge | `version`, `goversion` | "+buildHelp+" |\n")
	names := []string{"esker_build_info"}
	for _, f := range families {
		labels := ""
		if len(f.labels) > 0 {
			labels = "`" + strings.Join(f.labels, "`, `") + "`"
		}
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.name, f.kind, labels, f.help))
		names = append(names, f.name)
	}
	text, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	if want := generated(string(text), strings.Join(lines, "")); *rewrite {
		if err := os.WriteFile(metricsDoc, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("%s is not up to date: run the test with -rewrite", metricsDoc)
	}
	var printed []string
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, "# TYPE esker_"); ok {
			name, _, _ := strings.Cut(rest, " ")
			printed = append(printed, "esker_"+name)
		}
	}
	slices.Sort(names)
	if slices.Sort(printed); !slices.Equal(names, printed) {
		t.Errorf("documented %v\nprinted    %v", names, printed)
	}
}

// generated replaces the rows of the first table of a page of documentation.
func generated(page, rows string) string {
	const head = "|---|---|---|---|\n"
	at := strings.Index(page, head) + len(head)
	end := at
	for line := range strings.Lines(page[at:]) {
		if line[0] != '|' {
			break
		}
		end += len(line)
	}
	return page[:at] + rows + page[end:]
}

// Health says why a server does not serve.
func TestHealth(t *testing.T) {
	w, err := startWatch("127.0.0.1:0", true)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + w.listener.Addr().String()
	expect := func(want int, text string) {
		t.Helper()
		if code, got := get(t, url+"/healthz"); code != want || got != text+"\n" {
			t.Errorf("%d: %s", code, got)
		}
	}
	expect(http.StatusServiceUnavailable, "starting")
	w.tell(draining)
	expect(http.StatusServiceUnavailable, "draining")
	if code, page := get(t, url+"/metrics"); code != http.StatusOK || !strings.Contains(page, "esker_build_info{") || strings.Contains(page, "esker_requests") {
		t.Errorf("%d: %s", code, page)
	}
	if code, page := get(t, url+"/debug/pprof/"); code != http.StatusOK || !strings.Contains(page, "goroutine") {
		t.Errorf("%d: %s", code, page)
	}
	if err := w.close(t.Context()); err != nil {
		t.Error(err)
	}
	for want, st := range map[string]lsm.Statistics{
		"": {}, "read-only: a sync failed": {ReadOnly: errors.New("a sync failed"), DiskFull: errors.New("disk full")}, "disk full: no space": {DiskFull: errors.New("disk full: no space")},
	} {
		if got := troubleOf(st); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// Metrics are refused where other machines reach them, and two servers cannot have one port.
func TestMetricsAreForThisMachine(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "here"} {
		if line := refused(t, "server", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--metrics", address); !strings.Contains(line, "--metrics "+address) {
			t.Errorf("%s: %s", address, line)
		}
	}
	p := startServer(t, "--data", t.TempDir(), "--metrics", "127.0.0.1:0")
	address := strings.TrimPrefix(p.watchOf(), "http://")
	if line := refused(t, "server", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--metrics", address); !strings.Contains(line, address) {
		t.Error(line)
	}
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.String())
	}
}
