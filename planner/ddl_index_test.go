package planner

import (
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// altered runs DDL statements one after the other.
func altered(t testing.TB, s *schema.Snapshot, statements ...string) *schema.Snapshot {
	t.Helper()
	for _, text := range statements {
		tree, err := cql.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		p, err := Prepare(s, "ks", tree, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		plan, err := p.Bind(nil, Context{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if next := plan.(*Alter).Next; next != nil {
			s = next
		}
	}
	return s
}

// keyText is the key of a table and its other columns.
func keyText(t *schema.Table) string {
	names := func(columns []*schema.Column) string {
		var out []string
		for _, c := range columns {
			order := ""
			if c.Desc {
				order = " DESC"
			}
			out = append(out, c.Name+" "+c.Type.String()+order)
		}
		return strings.Join(out, ", ")
	}
	return "((" + names(t.PartitionKey) + "), " + names(t.Clustering) + ") " + names(t.Regulars)
}

// The hidden table of an index is keyed by what is indexed, in the order of the base, and follows its columns.
func TestIndexesFollowTheirTable(t *testing.T) {
	s := (&schema.Snapshot{}).WithKeyspace(&schema.Keyspace{Name: "ks", DurableWrites: true})
	s = altered(t, s, "CREATE TABLE t (a int, b text, c int, esker_token int, v int, m frozen<map<text, int>>, l frozen<list<int>>, st int STATIC, PRIMARY KEY ((a, b), c)) WITH CLUSTERING ORDER BY (c DESC)",
		"CREATE INDEX v ON t (v)", "CREATE INDEX a ON t (a)", "CREATE INDEX c ON t (c)", "CREATE INDEX st ON t (st)", "CREATE INDEX f ON t (FULL(m))",
		"CREATE INDEX k ON t (KEYS(m))", "CREATE INDEX vals ON t (VALUES(m))", "CREATE INDEX e ON t (ENTRIES(m))", "CREATE INDEX l ON t (VALUES(l))")
	check := func(name, want string) {
		t.Helper()
		if got := keyText(s.Table("ks", "t."+name)); got != want {
			t.Errorf("index %s\n got %s\nwant %s", name, got, want)
		}
	}
	rest := "esker_token int, l frozen<list<int>>, m frozen<map<text, int>>"
	key := "esker_token_ bigint, a int, b text, c int DESC"
	check("v", "((v int, esker_zero tinyint), "+key+") "+rest)
	check("a", "((a int, esker_zero tinyint), esker_token_ bigint, b text, c int DESC) "+rest+", v int")
	check("c", "((c int, esker_zero tinyint), esker_token_ bigint, a int, b text) "+rest+", v int")
	check("st", "((st int, esker_zero tinyint), esker_token_ bigint, a int, b text) ")
	check("f", "((m frozen<map<text, int>>, esker_zero tinyint), "+key+") esker_token int, l frozen<list<int>>, v int")
	check("k", "((esker_keys text, esker_zero tinyint), "+key+") "+rest+", v int")
	check("vals", "((esker_values int, esker_zero tinyint), "+key+") "+rest+", v int")
	check("e", "((esker_entries frozen<tuple<text, int>>, esker_zero tinyint), "+key+") "+rest+", v int")
	check("l", "((esker_values int, esker_zero tinyint), "+key+") "+rest+", v int")

	s = altered(t, s, "ALTER TABLE t ADD w text", "ALTER TABLE t DROP esker_token", "DROP INDEX c", "ALTER TABLE t RENAME c TO cc AND b TO bb")
	check("v", "((v int, esker_zero tinyint), esker_token_ bigint, a int, bb text, cc int DESC) l frozen<list<int>>, m frozen<map<text, int>>, w text")
	check("st", "((st int, esker_zero tinyint), esker_token_ bigint, a int, bb text) ")
	if s.Table("ks", "t.c") != nil {
		t.Error("a dropped index has a table")
	}
	blob, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if s, err = schema.Decode(blob); err != nil {
		t.Fatal(err)
	}
	check("e", "((esker_entries frozen<tuple<text, int>>, esker_zero tinyint), esker_token_ bigint, a int, bb text, cc int DESC) l frozen<list<int>>, m frozen<map<text, int>>, v int, w text")
	if s = altered(t, s, "DROP TABLE t"); len(s.Keyspaces["ks"].Tables) != 0 {
		t.Errorf("tables are left: %v", s.Keyspaces["ks"].SortedTables())
	}
}

func TestIndexesRefuse(t *testing.T) {
	s := (&schema.Snapshot{}).WithKeyspace(&schema.Keyspace{Name: "ks", DurableWrites: true})
	s = altered(t, s, "CREATE TABLE t (k int, c int, v text, l frozen<list<int>>, PRIMARY KEY (k, c))", "CREATE INDEX v ON t (v)", "CREATE INDEX c ON t (c)")
	for text, want := range map[string]string{
		"CREATE INDEX ON t (l)":       "fully indexed by using the 'full(l)' modifier; esker also keeps values(l)",
		"CREATE INDEX ON t (KEYS(l))": "Cannot create index on keys of column l with non-map type",
		"CREATE CUSTOM INDEX ON t (v) USING 'org.apache.cassandra.index.sasi.SASIIndex'":     "SASI indexes are not supported",
		"CREATE INDEX ON t (v) USING 'sai' WITH OPTIONS = {'normalize': 'true'}":             "index option normalize = 'true' is not supported",
		"CREATE INDEX ON t (v) USING 'sai' WITH OPTIONS = {'similarity_function': 'COSINE'}": "not understood",
		"CREATE INDEX ON t (v) USING 'sai' WITH OPTIONS = {'target': 'v'}":                   "Cannot specify target as a CUSTOM option",
		"CREATE INDEX ON t (v) USING 'sai' WITH OPTIONS = {} AND OPTIONS = {}":               "Multiple definitions for property 'options'",
		"CREATE INDEX ON \"t.v\" (k)":           "Table 't.v' doesn't exist",
		"DROP TABLE \"t.v\"":                    "Table 'ks.t.v' doesn't exist",
		"ALTER TABLE \"t.v\" ADD x int":         "Table 'ks.t.v' doesn't exist",
		"TRUNCATE \"t.v\"":                      "table t.v does not exist",
		"INSERT INTO \"t.v\" (v) VALUES ('a')":  "table t.v does not exist",
		"ALTER TABLE t ADD esker_token int":     "taken by index",
		"ALTER TABLE t RENAME k TO esker_token": "taken by index",
	} {
		tree, err := cql.Parse(text)
		if err == nil {
			_, err = Prepare(s, "ks", tree, nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}
