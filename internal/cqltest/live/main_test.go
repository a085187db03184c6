package live

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/eskerdb/esker/client"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := Clean(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// dataDir is a data directory that does not exist yet.
func dataDir(t *testing.T) string { return filepath.Join(t.TempDir(), "data") }

const createKeyspace = "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"

// session is a gocql session with default settings.
func session(t *testing.T, s *Server, configure ...func(*gocql.ClusterConfig)) *gocql.Session {
	t.Helper()
	cluster := gocql.NewCluster(s.Addr)
	for _, f := range configure {
		f(cluster)
	}
	session, err := cluster.CreateSession()
	if err != nil {
		t.Fatalf("gocql on %s: %v", s.Addr, err)
	}
	t.Cleanup(session.Close)
	return session
}

// run executes statements through gocql.
func run(t *testing.T, session *gocql.Session, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := session.Query(text).Exec(); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// dial connects with the project's own client.
func dial(t *testing.T, s *Server, o client.Options) *client.Conn {
	t.Helper()
	o.Addr = s.Addr
	conn, err := client.Dial(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// execute runs statements through the project's own client.
func execute(t *testing.T, conn *client.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := conn.Query(context.Background(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// rows are the cells of all rows of a statement.
func rows(t *testing.T, conn *client.Conn, text string) [][][]byte {
	t.Helper()
	result, err := conn.Query(context.Background(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var all [][][]byte
	for {
		cells, err := result.Next(context.Background())
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if cells == nil {
			return all
		}
		all = append(all, append([][]byte(nil), cells...))
	}
}

// contains fails the test for each part that text has not.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}
