package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The commands show what the views have, in the order asked for, and say no to what there is not.
func TestSightCommands(t *testing.T) {
	p := startServer(t, "--data", t.TempDir())
	p.run(makeKeyspace,
		"CREATE TABLE ks.t (d text, ts timestamp, v int, PRIMARY KEY (d, ts)) WITH time_bucket = {'column': 'ts', 'size': '1d'} AND rollups = {'1h': 'forever'}",
		"CREATE QUERY TABLE ks.by_v ON ks.t (v) PRIMARY KEY ((v), ts, d)", `CREATE TABLE ks."Odd" (k int PRIMARY KEY)`)
	for day := range 3 {
		for range day + 1 {
			p.run(fmt.Sprintf("INSERT INTO ks.t (d, ts, v) VALUES ('device %d', '2026-01-%02d', 1)", day, 1+day))
		}
	}
	p.run("SELECT * FROM ks.t WHERE d = 'device 0'", "ADMIN FLUSH ks.t")
	show := func(args ...string) []map[string]any {
		t.Helper()
		code, out, refusal := said(t, p.adminArgs(append([]string{"admin"}, append(args, "--output", "json")...)...)...)
		var rows []map[string]any
		if err := json.Unmarshal([]byte(out), &rows); err != nil || code != 0 {
			t.Fatalf("%q: exit %d, %v, %q, %q", args, code, err, out, refusal)
		}
		return rows
	}
	rows := 0.0
	for _, b := range show("buckets", "ks.t") {
		rows += b["rows"].(float64)
	}
	if rows != 3 {
		t.Errorf("%v rows in buckets", rows)
	}
	if got := show("toppartitions", "ks.t", "--by", "writes", "--limit", "1"); len(got) != 1 || got[0]["partition"] != "'device 2'" || got[0]["writes"] != 3.0 {
		t.Errorf("top by writes: %v", got)
	}
	if got := show("toppartitions", "ks", "--by", "reads"); len(got) != 3 || got[0]["partition"] != "'device 0'" || got[0]["reads"] != 1.0 {
		t.Errorf("top by reads: %v", got)
	}
	if got := show("largepartitions"); len(got) != 3 {
		t.Errorf("large: %v", got)
	}
	for scope, want := range map[string]int{"": 1, "ks": 1, "ks.t": 1, "ks.by_v": 1, `ks."Odd"`: 0} {
		if got := show(strings.Fields("querytables " + scope)...); len(got) != want || want == 1 && got[0]["state"] != "live" {
			t.Errorf("query tables of %q: %v", scope, got)
		}
	}
	if got := show("rollups", "ks.t"); len(got) != 1 || got[0]["rollup_name"] != "t_1h" || got[0]["dirty_windows"] != 0.0 {
		t.Errorf("rollups: %v", got)
	}
	if got := show("rollups", "ks.t_1h", "--progress"); len(got) != 1 || got[0]["state"] != "live" {
		t.Errorf("progress of rollups: %v", got)
	}
	if got := show("rollups", "ks", "--windows"); len(got) != 3 || got[0]["state"] == nil {
		t.Errorf("windows of rollups: %v", got)
	}
	code, out, more := said(t, p.adminArgs("admin", "toppartitions", "--limit", "2")...)
	if code != 0 || strings.Count(out, "\n") != 4 || !strings.Contains(out, " keyspace_name | table_name | partition") || more != "1 more: --limit 0 shows all\n" {
		t.Errorf("exit %d, %q, %q", code, out, more)
	}
	for _, bad := range [][]string{
		{"buckets", "ks.nope"}, {"querytables", "nope"}, {"buckets", "a b c"}, {"toppartitions", "--by", "luck"}, {"buckets", "--limit", "-1"}, {"buckets", "--output", "xml"}, {"rollups", "--windows", "--progress"},
	} {
		if code, out, refusal := said(t, p.adminArgs(append([]string{"admin"}, bad...)...)...); code != 1 || out != "" || strings.Count(refusal, "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q", bad, code, out, refusal)
		}
	}
}
