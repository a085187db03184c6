package database

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql"
)

// free are the statements that need no permission when they are planned, with the reason.
var free = map[string]string{
	"Use":             "the name of a keyspace is no secret",
	"Describe":        "as in Cassandra: drivers read the schema at each connection",
	"CreateRole":      "asked when it runs: it depends on what roles there are",
	"AlterRole":       "asked when it runs: it depends on what roles there are",
	"DropRole":        "asked when it runs: it depends on what roles there are",
	"GrantRole":       "asked when it runs: it depends on what roles there are",
	"GrantPermission": "asked when it runs: it depends on what roles there are",
	"ListRoles":       "asked when it runs: it depends on what roles there are",
	"ListPermissions": "asked when it runs: it depends on what roles there are",
	"Unsupported":     "is refused before it is planned",
}

// needed are statements with what they need, one or more for each kind that is not free.
var needed = map[string][]string{
	"Select":                 {"SELECT * FROM t: SELECT <table ks.t>", "SELECT * FROM v: SELECT <table ks.t>", "SELECT * FROM q: SELECT <table ks.q> or <table ks.t>", "SELECT * FROM r: SELECT <table ks.r> or <table ks.t>", "SELECT * FROM system.local:", "SELECT * FROM system_views.settings: SELECT <table system_views.settings>", "SELECT * FROM system_auth.roles: SELECT <table system_auth.roles>"},
	"Insert":                 {"INSERT INTO t (k, ts) VALUES (1, 1): MODIFY <table ks.t>", "INSERT INTO t (k, ts) VALUES (1, 1) IF NOT EXISTS: MODIFY <table ks.t>, SELECT <table ks.t>"},
	"Update":                 {"UPDATE t SET v = 1 WHERE k = 1 AND ts = 1: MODIFY <table ks.t>", "UPDATE t SET v = 1 WHERE k = 1 AND ts = 1 IF v = 2: MODIFY <table ks.t>, SELECT <table ks.t>"},
	"Delete":                 {"DELETE FROM t WHERE k = 1: MODIFY <table ks.t>", "DELETE FROM t WHERE k = 1 AND ts = 1 IF EXISTS: MODIFY <table ks.t>, SELECT <table ks.t>"},
	"Batch":                  {"BEGIN BATCH INSERT INTO t (k, ts) VALUES (1, 1); DELETE FROM t2 WHERE k = 1; APPLY BATCH: MODIFY <table ks.t>, MODIFY <table ks.t2>"},
	"Truncate":               {"TRUNCATE t: MODIFY <table ks.t>"},
	"Explain":                {"EXPLAIN SELECT * FROM t: SELECT <table ks.t>", "EXPLAIN DELETE FROM t WHERE k = 1: MODIFY <table ks.t>"},
	"ExplainRetention":       {"EXPLAIN RETENTION t: SELECT <table ks.t>"},
	"Admin":                  {"ADMIN FLUSH ks.t: ALTER <table ks.t>", "ADMIN COMPACT ks: ALTER <keyspace ks>", "ADMIN COMPACT: ALTER <all keyspaces>", "ADMIN TABLESTATS: SELECT <all keyspaces>", "ADMIN BACKUP '/x': superuser"},
	"CreateKeyspace":         {"CREATE KEYSPACE n WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}: CREATE <all keyspaces>"},
	"AlterKeyspace":          {"ALTER KEYSPACE ks WITH durable_writes = true: ALTER <keyspace ks>"},
	"DropKeyspace":           {"DROP KEYSPACE ks: DROP <keyspace ks>", "DROP KEYSPACE IF EXISTS n: DROP <keyspace n>"},
	"CreateTable":            {"CREATE TABLE n (k int PRIMARY KEY): CREATE <all tables in ks>"},
	"CreateTableLike":        {"CREATE TABLE n LIKE t: CREATE <all tables in ks>, SELECT <table ks.t>"},
	"AlterTable":             {"ALTER TABLE t ADD x int: ALTER <table ks.t>"},
	"DropTable":              {"DROP TABLE t2: DROP <table ks.t2>", "DROP TABLE IF EXISTS n: DROP <table ks.n>"},
	"CreateType":             {"CREATE TYPE n (a int): CREATE <all tables in ks>", "CREATE TYPE IF NOT EXISTS ks.n (a int): CREATE <all tables in ks>"},
	"AlterType":              {"ALTER TYPE IF EXISTS n ADD a int: ALTER <all tables in ks>"},
	"DropType":               {"DROP TYPE IF EXISTS n: DROP <all tables in ks>"},
	"CreateIndex":            {"CREATE INDEX ON t2 (v): ALTER <table ks.t2>"},
	"DropIndex":              {"DROP INDEX i: ALTER <table ks.t>"},
	"CreateQueryTable":       {"CREATE QUERY TABLE n ON t * PRIMARY KEY ((v), k, ts): ALTER <table ks.t>"},
	"AlterQueryTable":        {"ALTER QUERY TABLE q WITH comment = 'x': ALTER <table ks.t>"},
	"DropQueryTable":         {"DROP QUERY TABLE q: ALTER <table ks.t>"},
	"CheckQueryTable":        {"CHECK QUERY TABLE q: SELECT <table ks.q> or <table ks.t>", "CHECK QUERY TABLE q REPAIR: SELECT <table ks.q> or <table ks.t>, ALTER <table ks.t>"},
	"RebuildQueryTable":      {"REBUILD QUERY TABLE q: ALTER <table ks.t>"},
	"CreateMaterializedView": {"CREATE MATERIALIZED VIEW n AS SELECT * FROM t WHERE k IS NOT NULL AND ts IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k, ts): ALTER <table ks.t>"},
	"AlterMaterializedView":  {"ALTER MATERIALIZED VIEW v WITH comment = 'x': ALTER <table ks.t>"},
	"DropMaterializedView":   {"DROP MATERIALIZED VIEW v: ALTER <table ks.t>"},
	"CreateRollup":           {"CREATE ROLLUP n ON t AS SELECT k, floor(ts, 1d) AS ts, count(*) AS n GROUP BY k, floor(ts, 1d): ALTER <table ks.t>"},
	"AlterRollup":            {"ALTER ROLLUP r WITH comment = 'x': ALTER <table ks.t>"},
	"DropRollup":             {"DROP ROLLUP r: ALTER <table ks.t>"},
	"RefreshRollup":          {"REFRESH ROLLUP r: ALTER <table ks.t>"},
	"PauseRollup":            {"PAUSE ROLLUP r: ALTER <table ks.t>", "RESUME ROLLUP r: ALTER <table ks.t>"},
	"CheckRollup":            {"CHECK ROLLUP r: SELECT <table ks.r> or <table ks.t>", "CHECK ROLLUP r REPAIR: SELECT <table ks.r> or <table ks.t>, ALTER <table ks.t>"},
	"CreateRetentionPolicy":  {"CREATE RETENTION POLICY n ON t WHERE k = 1 KEEP 1d: ALTER <table ks.t>"},
	"AlterRetentionPolicy":   {"ALTER RETENTION POLICY p KEEP 3d: ALTER <table ks.t>"},
	"DropRetentionPolicy":    {"DROP RETENTION POLICY p: ALTER <table ks.t>"},
}

// kindsOfStatements are the names of all types that are statements.
func kindsOfStatements(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("../cql/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "statement" && f.Type.Params.NumFields() == 0 {
				out = append(out, f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name)
			}
		}
	}
	return out
}

// Every kind of statement of the grammar needs what the list says, or is free for a reason: a new one cannot be forgotten.
func TestEveryStatementIsCheckedOrFree(t *testing.T) {
	kinds := kindsOfStatements(t)
	if len(kinds) < 40 {
		t.Fatalf("only %d kinds of statements were found: %s", len(kinds), kinds)
	}
	for _, kind := range kinds {
		if (free[kind] == "") == (needed[kind] == nil) {
			t.Errorf("statement %s: list what it needs, or why it is free", kind)
		}
	}
	w := newWorld(t,
		"CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH retention = {'duration': '30d', 'by': 'ts'}", "CREATE TABLE t2 (k int PRIMARY KEY, v int)",
		"CREATE INDEX i ON t (v)", "CREATE QUERY TABLE q ON t * PRIMARY KEY ((v), ts, k)",
		"CREATE MATERIALIZED VIEW v AS SELECT * FROM t WHERE k IS NOT NULL AND ts IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, ts, k)",
		"CREATE ROLLUP r ON t AS SELECT k, floor(ts, 1h) AS ts, count(*) AS n GROUP BY k, floor(ts, 1h)",
		"CREATE RETENTION POLICY p ON t WHERE k = 7 KEEP 2d",
	)
	for kind, list := range needed {
		for _, line := range list {
			at := strings.LastIndex(line, ":")
			text, want := line[:at], strings.TrimSpace(line[at+1:])
			st, err := w.db.Parse("ks", text)
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			if got := reflect.TypeOf(st.tree).Elem().Name(); got != kind {
				t.Errorf("%s is a %s, not a %s", text, got, kind)
			}
			var got []string
			for _, n := range st.needs {
				switch {
				case n.superuser:
					got = append(got, "superuser")
				case n.or.Kind != 0:
					got = append(got, fmt.Sprintf("%s %s or %s", n.permission, n.on, n.or))
				default:
					got = append(got, fmt.Sprintf("%s %s", n.permission, n.on))
				}
			}
			if text := strings.Join(got, ", "); text != want {
				t.Errorf("%s\nneeds %s\nwant  %s", line[:at], text, want)
			}
		}
	}
}

// A statement that nobody thought of is for superusers.
func TestUnknownStatementsNeedASuperuser(t *testing.T) {
	type unheardOf struct{ cql.Statement }
	if list := needsOf(nil, "", unheardOf{}); len(list) != 1 || !list[0].superuser {
		t.Errorf("%+v", list)
	}
}
