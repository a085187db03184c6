package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
)

// documentedBlock is the indented block of code under a heading of docs/clients.md, for a server on another port.
func documentedBlock(t *testing.T, heading string, s *Server) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Root(t), clientsAt))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## "+heading+"\n\n")
	if !ok {
		t.Fatalf("%s has no heading %s", clientsAt, heading)
	}
	var block strings.Builder
	for line := range strings.Lines(rest) {
		code, indented := strings.CutPrefix(line, "    ")
		if !indented && strings.TrimSpace(line) != "" {
			break
		}
		block.WriteString(code)
	}
	return strings.ReplaceAll(block.String(), "9042", s.Port)
}

// What docs/clients.md says of how a client connects runs as it stands there.
func TestDocumentedConnections(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	execute(t, dial(t, server, client.Options{}), "CREATE KEYSPACE iot WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE iot.readings (sensor text, ts timestamp, value double, PRIMARY KEY (sensor, ts))")
	for _, c := range []struct {
		heading, file, before, after string
		command                      func(t *testing.T, file string) []string
	}{
		{"Go", "main.go", "package main\nimport (\n\"fmt\"\n\"log\"\n\"time\"\ngocql \"github.com/apache/cassandra-gocql-driver/v2\"\n)\nfunc main() {\n", "if err != nil { log.Fatal(err) }\n}\n",
			func(_ *testing.T, file string) []string { return []string{"go", "run", file} }},
		{"Python", "first.py", "import datetime\n", "", func(t *testing.T, file string) []string { return []string{Tool(t, "python"), file} }},
		{"Node", "first.js", "async function main() {\n", "await client.shutdown();\n}\nmain();\n", func(t *testing.T, file string) []string { return []string{node(t), file} }},
		{"Java", "First.java", "import com.datastax.oss.driver.api.core.*;\nimport com.datastax.oss.driver.api.core.cql.*;\nimport java.net.*;\nimport java.time.*;\n" +
			"public class First {\npublic static void main(String[] args) {\n", "session.close();\n}\n}\n",
			func(t *testing.T, file string) []string {
				java, jars := java(t)
				return []string{java, "-cp", jars, file}
			}},
	} {
		t.Run(c.heading, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), c.file)
			args := c.command(t, file)
			if err := os.WriteFile(file, []byte(c.before+documentedBlock(t, c.heading, server)+c.after), 0o600); err != nil {
				t.Fatal(err)
			}
			out := Run(t, Command{Program: args[0], Args: args[1:], Dir: Root(t), Env: []string{"NODE_PATH=" + filepath.Join(Root(t), ".tools", "node", "node_modules")}})
			if out.Code != 0 || !strings.Contains(out.Stdout, "21.5") {
				t.Fatal(out)
			}
		})
	}
}
