package live

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cqlshRun is cqlsh on its way through a task.
type cqlshRun struct {
	t *testing.T
	k *task
}

// sh runs statements with further arguments; out is what it printed, without its note about the version it was built for.
func (r *cqlshRun) sh(text string, args ...string) (out string, err error) {
	r.t.Helper()
	home := r.t.TempDir()
	args = append([]string{"--no-color"}, args...)
	if r.k.ca != "" {
		rc := filepath.Join(home, "cqlshrc")
		if err := os.WriteFile(rc, []byte("[ssl]\ncertfile = "+r.k.ca+"\nvalidate = true\n"), 0o600); err != nil {
			r.t.Fatal(err)
		}
		args = append(args, "--ssl", "--cqlshrc", rc)
	}
	if r.k.user != "" && !strings.Contains(strings.Join(args, " "), "-p ") {
		args = append(args, "-u", r.k.user, "-p", r.k.password)
	}
	ran := Run(r.t, Command{
		Program: Tool(r.t, "cqlsh"),
		Args:    append(args, r.k.server.Host, r.k.server.Port, "-e", text),
		Env:     []string{"HOME=" + home}, // no settings of the person who runs the tests
	})
	if ran.Code != 0 || strings.Contains(ran.Stderr, "Error") {
		return ran.Stdout, fmt.Errorf("%.200s: exit code %d: %s", text, ran.Code, strings.TrimSpace(ran.Stderr))
	}
	return ran.Stdout, nil
}

// has runs statements and wants each part in what they print.
func (r *cqlshRun) has(text string, parts []string, args ...string) error {
	r.t.Helper()
	out, err := r.sh(text, args...)
	for _, part := range parts {
		if err == nil && !strings.Contains(out, part) {
			err = fmt.Errorf("%.200s: %q is missing in:\n%s", text, part, out)
		}
	}
	return err
}

var cqlshFeatures = map[string]func(*cqlshRun) (detail string, err error){
	"connect": cqlshConnects, "v3": cqlshSpeaks(3), "v4": cqlshSpeaks(4), "v5": cqlshSpeaks(5), "login": cqlshLogin,
	"schema": func(r *cqlshRun) (string, error) {
		const create = `CREATE TABLE k.schema_ (a int, "B" text, c timestamp, s text static, v frozen<map<text, frozen<list<int>>>>, PRIMARY KEY ((a, "B"), c)) WITH CLUSTERING ORDER BY (c DESC)`
		return "", r.has(create+"; DESCRIBE TABLE k.schema_; DESCRIBE KEYSPACES; DESCRIBE KEYSPACE k", []string{
			"CREATE TABLE k.schema_", `"B" text`, "s text static", "v frozen<map<text, frozen<list<int>>>>", `PRIMARY KEY ((a, "B"), c)`, "CLUSTERING ORDER BY (c DESC)", "CREATE KEYSPACE k"})
	},
	"types": func(r *cqlshRun) (string, error) { return "", r.types("types") },
	"paging": func(r *cqlshRun) (string, error) {
		text := "CREATE TABLE k.paging (k text, n int, PRIMARY KEY (k, n)); BEGIN UNLOGGED BATCH "
		for n := range 1000 {
			text += fmt.Sprintf("INSERT INTO k.paging (k, n) VALUES ('p', %d); ", n)
		}
		return "", r.has(text+"APPLY BATCH; PAGING 7; SELECT n FROM k.paging WHERE k = 'p'", []string{" 999", "(1000 rows)"})
	},
	"batches": cqlshBatches,
	"errors":  cqlshErrors,
	"lz4": func(r *cqlshRun) (string, error) {
		long := strings.Repeat("long ", 2000)
		return "", r.has("CREATE TABLE k.lz4 (k int PRIMARY KEY, v text); INSERT INTO k.lz4 (k, v) VALUES (1, '"+long+"'); SELECT v FROM k.lz4", []string{long})
	},
	"lwt": func(r *cqlshRun) (string, error) {
		return "", r.has(`CREATE TABLE k.conditions (k int PRIMARY KEY, v text); INSERT INTO k.conditions (k, v) VALUES (1, 'a') IF NOT EXISTS;
			INSERT INTO k.conditions (k, v) VALUES (1, 'b') IF NOT EXISTS; UPDATE k.conditions SET v = 'c' WHERE k = 1 IF v = 'a'`,
			[]string{" [applied]\n-----------\n      True", " [applied] | k | v\n-----------+---+---\n     False | 1 | a"})
	},
	"tls": func(r *cqlshRun) (string, error) {
		detail, err := cqlshConnects(r)
		if err == nil {
			err = r.types("types_tls")
		}
		if err == nil {
			r.k.ca, err = "", nil
			if _, plain := r.sh("SELECT key FROM system.local"); plain == nil {
				err = fmt.Errorf("it connected without TLS")
			}
		}
		return detail, err
	},
}

func runCqlsh(t *testing.T, k *task) {
	r := &cqlshRun{t: t, k: k}
	if _, err := r.sh(createKeyspace); err != nil {
		t.Error(err)
	}
	for _, name := range k.features {
		detail, err := cqlshFeatures[name](r)
		k.report(name, detail, err)
	}
}

func cqlshConnects(r *cqlshRun) (string, error) {
	out, err := r.sh("SHOW VERSION; SHOW HOST")
	version := regexp.MustCompile(`Native protocol (v\d)`).FindStringSubmatch(out)
	if err != nil || version == nil || !strings.Contains(out, "Cassandra 5.0.5 | CQL spec 3.4.7") {
		return "", fmt.Errorf("%s %w", out, err)
	}
	return version[1], nil
}

func cqlshSpeaks(version int) func(*cqlshRun) (string, error) {
	return func(r *cqlshRun) (string, error) {
		flag := fmt.Sprint("--protocol-version=", version)
		if err := r.has("SHOW VERSION", []string{fmt.Sprint("Native protocol v", version)}, flag); err != nil {
			return "", err
		}
		return "", r.types(fmt.Sprint("types_v", version), flag)
	}
}

// types writes a literal of every type and wants it shown.
func (r *cqlshRun) types(table string, args ...string) error {
	values := []struct{ cql, literal, shown string }{
		{"ascii", "'it''s'", "it's"}, {"bigint", "-9223372036854775808", "-9223372036854775808"}, {"blob", "0x00ff", "0x00ff"}, {"boolean", "true", "True"},
		{"date", "'2024-02-29'", "2024-02-29"}, {"decimal", "-0.000001234500", "-0.0000012345"}, {"double", "-Infinity", "-Infinity"},
		{"duration", "1y2mo3d4h", "1y2mo3d4h"}, {"float", "NaN", "NaN"}, {"inet", "'2001:db8::1'", "2001:db8::1"}, {"int", "-2147483648", "-2147483648"},
		{"smallint", "-32768", "-32768"}, {"text", "'grün, 漢字'", "grün, 漢字"}, {"time", "'23:59:59.999999999'", "23:59:59.999999999"},
		{"timestamp", "'1969-12-31 23:59:59.999Z'", "1969-12-31 23:59:59.999000+0000"}, {"timeuuid", "966a4e00-b65a-11ee-8f01-010203040506", "966a4e00-b65a-11ee-8f01-010203040506"},
		{"tinyint", "-128", "-128"}, {"uuid", "deadbeef-0000-4000-8000-000000000001", "deadbeef-0000-4000-8000-000000000001"}, {"varint", "-" + strings.Repeat("9", 80), "-" + strings.Repeat("9", 80)},
		{"frozen<list<int>>", "[3, -1, 3]", "[3, -1, 3]"}, {"frozen<set<text>>", "{'b', 'a'}", "{'a', 'b'}"}, {"frozen<map<text, double>>", "{'a': 1.5}", "{'a': 1.5}"},
		{"frozen<tuple<int, text>>", "(7, 'seven')", "(7, 'seven')"}, {"frozen<list<frozen<map<int, frozen<set<int>>>>>>", "[{1: {2, 3}}, {}]", "[{1: {2, 3}}, {}]"},
	}
	columns, names, literals := "", "", ""
	for i, v := range values {
		columns += fmt.Sprintf(", c%d %s", i, v.cql)
		names += fmt.Sprintf(", c%d", i)
		literals += ", " + v.literal
	}
	var shown []string
	for _, v := range values {
		if strings.Contains(table, "v3") && strings.Contains(" date duration smallint time tinyint ", " "+v.cql+" ") {
			continue // cqlsh does not format them under the names that version 3 has for them
		}
		shown = append(shown, v.shown)
	}
	table = "k." + table
	return r.has("CREATE TABLE "+table+" (k int PRIMARY KEY"+columns+"); INSERT INTO "+table+" (k"+names+") VALUES (1"+literals+"); EXPAND ON; SELECT * FROM "+table, shown, args...)
}

func cqlshBatches(r *cqlshRun) (string, error) {
	text := "CREATE TABLE k.batches (k text, n int, PRIMARY KEY (k, n))"
	for _, kind := range []string{"", "UNLOGGED "} {
		text += "; BEGIN " + kind + "BATCH "
		for n := range 900 {
			text += fmt.Sprintf("INSERT INTO k.batches (k, n) VALUES ('b%s', %d); ", kind, n)
		}
		text += "APPLY BATCH; SELECT count(*) FROM k.batches WHERE k = 'b" + kind + "'"
	}
	out, err := r.sh(text)
	if err == nil && strings.Count(out, "\n   900\n") != 2 {
		err = fmt.Errorf("two counts of 900 are wanted in:\n%s", out)
	}
	return "", err
}

func cqlshErrors(r *cqlshRun) (string, error) {
	if _, err := r.sh("CREATE TABLE k.errors (k int PRIMARY KEY, v text)"); err != nil {
		return "", err
	}
	for text, want := range map[string]string{
		"SELECT * FRM k.errors": "SyntaxException", "SELECT * FROM k.nothing": "InvalidRequest", "CREATE TABLE k.errors (k int PRIMARY KEY)": "AlreadyExists",
		createKeyspace: "AlreadyExists", "INSERT INTO k.errors (k, v) VALUES ('x', 'y')": "InvalidRequest",
		"CREATE KEYSPACE bad WITH replication = {'class': 'NoSuch'}": "ConfigurationException",
	} {
		if _, err := r.sh(text); err == nil || !strings.Contains(err.Error(), want) {
			return "", fmt.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	return "", nil
}

func cqlshLogin(r *cqlshRun) (string, error) {
	detail, err := cqlshConnects(r)
	if err != nil {
		return "", err
	}
	if _, err := r.sh("SHOW VERSION", "-u", r.k.user, "-p", "wrong"); err == nil || !strings.Contains(err.Error(), "are incorrect") {
		return "", fmt.Errorf("a wrong password: %v", err)
	}
	return detail, nil
}
