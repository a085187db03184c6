package live

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/eskerdb/esker/server/wire"
)

var rewrite = flag.Bool("rewrite", false, "write the table of clients into docs/clients.md")

// clientsAt is where the table of clients × features stands, in the root of the module.
const clientsAt = "docs/clients.md"

// asyncWrites is how many writes each client has under way at once, or as many of them as it wants.
const asyncWrites = 20_000

// A feature is a row of the table: something that every client is asked to do.
type feature struct {
	name string
	what string // as the table says it
	// there says that this server has it; nil for what every release has.
	there func(*testing.T) bool
}

var features = []feature{
	{name: "connect", what: "default settings; the version it ends with"},
	{name: "v3", what: "protocol 3"},
	{name: "v4", what: "protocol 4"},
	{name: "v5", what: "protocol 5", there: func(*testing.T) bool { return wire.VersionMax >= 5 }},
	{name: "schema", what: "schema made and read through its own metadata"},
	{name: "types", what: "every type prepared, with extremes and nested frozen collections"},
	{name: "nulls", what: "null, unset and empty values"},
	{name: "async", what: "20,000 concurrent writes, all read back"},
	{name: "paging", what: "1,000 rows by seven; pages go on on another connection"},
	{name: "batches", what: "LOGGED and UNLOGGED, 900 children, texts and prepared"},
	{name: "named", what: "values by name"},
	{name: "routing", what: "routing by token"},
	{name: "events", what: "metadata follows changes made elsewhere"},
	{name: "errors", what: "errors of the right class"},
	{name: "lz4", what: "compression with lz4"},
	{name: "snappy", what: "compression with snappy"},
	{name: "lwt", what: "IF NOT EXISTS, IF EXISTS, IF column = value", there: hasConditions},
	{name: "restart", what: "goes on after a restart of the server"}, // after what uses the session of before
	{name: "tls", what: "TLS with a CA", there: func(t *testing.T) bool { return hasFlag(t, "--tls-cert") }},
	{name: "login", what: "login with a password", there: func(t *testing.T) bool { return hasFlag(t, "--auth") }},
}

// A task is what a client is asked to do with one server.
type task struct {
	server   *Server
	features []string
	ca       string // file of the CA that signed the server's certificate; "" without TLS
	user     string // "" without login
	password string
	// report notes the outcome of one feature. The detail is shown in the table.
	report func(feature, detail string, err error)
}

// A liveClient is a column of the table.
type liveClient struct {
	name    string
	version string
	versMax byte              // the highest version of the protocol that it speaks by itself
	lacks   map[string]string // features that the client does not have, and why
	run     func(*testing.T, *task)
}

func (c *liveClient) title() string { return c.name + " " + c.version }

var liveClients = []liveClient{
	{name: "gocql", version: "1.7.0", versMax: 4, run: func(t *testing.T, k *task) { runGo(t, k, gocql1{}) },
		lacks: map[string]string{"v5": "speaks it without segments"}},
	{name: "gocql", version: "2.1.2", versMax: 5, run: func(t *testing.T, k *task) { runGo(t, k, gocql2{}) }},
	{name: "Python", version: "3.30.1", versMax: 5, run: runPython},
	{name: "Node", version: "4.10.0", versMax: 4, run: runNode,
		lacks: map[string]string{"v5": "does not speak it", "lz4": "compresses nothing", "snappy": "compresses nothing"}},
	{name: "Java", version: "4.19.3", versMax: 5, run: runJava},
	{name: "cqlsh", version: "6.2.2", versMax: 5, run: runCqlsh, lacks: map[string]string{
		"nulls": "has no markers", "async": "sends one statement after another", "named": "has no markers", "routing": "has one connection",
		"events": "asks the server anew", "snappy": "takes lz4 where it is there", "restart": "ends with its connection"}},
}

// clientsTable gathers the cells of a run.
type clientsTable struct {
	mu    sync.Mutex
	cells map[string]string // guarded by mu; by "client/feature"
}

func (c *clientsTable) set(client, feature, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cells[client+"/"+feature] = text
}

// TestClients asks every client for every feature. With -rewrite it writes the table into docs/clients.md.
func TestClients(t *testing.T) {
	t.Parallel()
	there := slices.DeleteFunc(slices.Clone(features), func(f feature) bool { return f.there != nil && !f.there(t) })
	table := &clientsTable{cells: map[string]string{}}
	t.Run("of", func(t *testing.T) {
		for _, c := range liveClients {
			t.Run(strings.ReplaceAll(c.title(), " ", "-"), func(t *testing.T) {
				t.Parallel()
				c.ask(t, there, table)
			})
		}
	})
	text := table.text(there)
	t.Log("\n" + text)
	if *rewrite && !t.Failed() {
		writeTable(t, text)
	}
}

// ask has the client do all that the server has and it does, each feature on the server that it needs.
func (c *liveClient) ask(t *testing.T, there []feature, table *clientsTable) {
	plain := &task{}
	tasks := map[string]*task{"": plain}
	for _, f := range there {
		if why := c.lacks[f.name]; why != "" {
			table.set(c.title(), f.name, "–")
			continue
		}
		switch f.name {
		case "tls", "login":
			tasks[f.name] = &task{features: []string{f.name}}
		default:
			plain.features = append(plain.features, f.name)
		}
	}
	for _, name := range slices.Sorted(mapKeys(tasks)) {
		k := tasks[name]
		switch name {
		case "tls":
			k.startTLS(t)
		case "login":
			k.startLogin(t)
		default:
			k.server = Start(t, dataDir(t))
		}
		c.do(t, k, table)
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// do runs one task and makes a subtest of each outcome.
func (c *liveClient) do(t *testing.T, k *task, table *clientsTable) {
	waiting := map[string]bool{}
	for _, f := range k.features {
		waiting[f] = true
	}
	k.report = func(feature, detail string, err error) {
		if !waiting[feature] {
			t.Errorf("%s was not asked for, or twice: %s %v", feature, detail, err)
			return
		}
		delete(waiting, feature)
		t.Run(feature, func(t *testing.T) {
			if err == nil && feature == "connect" {
				if want := fmt.Sprint("v", min(c.versMax, wire.VersionMax)); detail != want {
					err = fmt.Errorf("it speaks %s, want %s", detail, want)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if detail != "" {
				t.Log(detail)
			}
			cell := "yes"
			if feature == "connect" {
				cell = detail
			}
			table.set(c.title(), feature, cell)
		})
	}
	c.run(t, k)
	for _, f := range k.features {
		if waiting[f] {
			t.Errorf("the client told nothing of %s", f)
		}
	}
}

// text is the table in Markdown: a row for each feature, a column for each client.
func (c *clientsTable) text(there []feature) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out strings.Builder
	out.WriteString("| |")
	for _, client := range liveClients {
		fmt.Fprintf(&out, " %s |", client.title())
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(liveClients)) + "\n")
	for _, f := range there {
		fmt.Fprintf(&out, "| %s: %s |", f.name, f.what)
		for _, client := range liveClients {
			cell := c.cells[client.title()+"/"+f.name]
			if cell == "" {
				cell = "**no**"
			}
			fmt.Fprintf(&out, " %s |", cell)
		}
		out.WriteString("\n")
	}
	return out.String()
}

const tableBegin, tableEnd = "<!-- clients: begin -->\n", "<!-- clients: end -->"

// documented is docs/clients.md, cut around the table.
func documented(t *testing.T) (before, table, after string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Root(t), clientsAt))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	table, after, also := strings.Cut(rest, tableEnd)
	if !ok || !also {
		t.Fatalf("%s has no place for the table, %q to %q", clientsAt, tableBegin, tableEnd)
	}
	return before, table, after
}

func writeTable(t *testing.T, table string) {
	before, _, after := documented(t)
	path := filepath.Join(Root(t), clientsAt)
	if err := os.WriteFile(path, []byte(before+tableBegin+table+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEveryCellHasATest: docs/clients.md claims nothing that TestClients does not run, and leaves out nothing that it does.
func TestEveryCellHasATest(t *testing.T) {
	t.Parallel()
	_, table, _ := documented(t)
	lines := strings.Split(strings.TrimSpace(table), "\n")
	cells := func(line string) []string {
		parts := strings.Split(strings.Trim(line, "|"), "|")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return parts
	}
	var titles []string
	for _, c := range liveClients {
		titles = append(titles, c.title())
	}
	if len(lines) < 2 || !slices.Equal(cells(lines[0])[1:], titles) {
		t.Fatalf("the columns are not the clients %v", titles)
	}
	told := map[string]bool{}
	for _, line := range lines[2:] {
		row := cells(line)
		name, _, _ := strings.Cut(row[0], ":")
		told[name] = true
		if !slices.ContainsFunc(features, func(f feature) bool { return f.name+": "+f.what == row[0] }) {
			t.Errorf("%q is not a feature that is tested", row[0])
			continue
		}
		for i, c := range liveClients {
			if tested := c.lacks[name] == ""; (row[i+1] != "–") != tested || row[i+1] == "**no**" {
				t.Errorf("%s, %s: the table says %q, tested %v", c.title(), name, row[i+1], tested)
			}
			if want := fmt.Sprint("v", min(c.versMax, wire.VersionMax)); name == "connect" && row[i+1] != want {
				t.Errorf("%s: the table says that it connects with %s, it is %s", c.title(), row[i+1], want)
			}
		}
	}
	for _, f := range features {
		if !told[f.name] && (f.there == nil || f.there(t)) {
			t.Errorf("%s is not in the table: go test ./internal/cqltest/live -run TestClients -rewrite", f.name)
		}
	}
}

// program runs a client that is a program of its own. It prints "ok FEATURE DETAIL" or "fail FEATURE REASON" for each
// feature, and "restart" when it wants the server restarted, which is answered on its standard input.
func (k *task) program(t *testing.T, name string, args ...string) {
	t.Helper()
	args = append(args, k.server.Host, k.server.Port, k.ca, k.user, k.password, strings.Join(k.features, ","), fmt.Sprint(asyncWrites))
	cmd := exec.Command(name, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(Root(t), ".tools", "node", "node_modules"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k.listen(t, stdout, stdin)
	if err := cmd.Wait(); err != nil || t.Failed() {
		t.Errorf("%s: %v\n%s", filepath.Base(name), err, stderr.String())
	}
}

// listen follows what a program prints, to its end.
func (k *task) listen(t *testing.T, stdout io.Reader, stdin io.Writer) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		name, detail, _ := strings.Cut(rest, " ")
		switch verb {
		case "ok":
			k.report(name, detail, nil)
		case "fail":
			k.report(name, "", fmt.Errorf("%s", detail))
		case "restart":
			k.server = k.server.Restart()
			if _, err := fmt.Fprintln(stdin, "again"); err != nil {
				t.Errorf("the client is gone: %v", err)
			}
		default:
			t.Log(lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}
}

// source is a program of testdata.
func source(t *testing.T, parts ...string) string {
	return filepath.Join(append([]string{Root(t), "internal", "cqltest", "live", "testdata"}, parts...)...)
}

func runPython(t *testing.T, k *task) {
	k.program(t, Tool(t, "python"), source(t, "python", "clients.py"))
}

func runNode(t *testing.T, k *task) { k.program(t, node(t), source(t, "node", "clients.js")) }

func runJava(t *testing.T, k *task) {
	java, jars := java(t)
	k.program(t, java, "-Xmx512m", "-cp", jars, source(t, "java", "Clients.java"))
}

// node is the program, once its driver is there.
func node(t *testing.T) string {
	t.Helper()
	return installed(t, "node", filepath.Join("node", "node_modules", "cassandra-driver"))
}

// java is the program and the class path of the driver.
func java(t *testing.T) (program, jars string) {
	t.Helper()
	return installed(t, "java", filepath.Join("java", "lib")), filepath.Join(Root(t), ".tools", "java", "lib", "*")
}

// installed finds a program whose driver lies in a folder of .tools.
func installed(t *testing.T, name, folder string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if _, missing := os.Stat(filepath.Join(Root(t), ".tools", folder)); err != nil || missing != nil {
		Missing(t, name+" or its driver in .tools/"+folder+" is missing: run .ci/tools.sh (make tools)")
	}
	return path
}
