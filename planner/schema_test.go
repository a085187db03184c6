package planner

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// alter carries out a schema change on a snapshot; tables get ids by their names.
func alter(s *schema.Snapshot, text string) (*schema.Snapshot, *Alter, error) {
	tree, err := cql.Parse(text)
	if err != nil {
		return s, nil, err
	}
	p, err := Prepare(s, "ks", tree, nil)
	if err != nil {
		return s, nil, err
	}
	plan, err := p.Bind(nil, Context{})
	if err != nil {
		return s, nil, err
	}
	a := plan.(*Alter)
	if a.Next == nil {
		return s, a, nil
	}
	for _, k := range a.Next.Keyspaces {
		for _, t := range k.Tables {
			copy(t.ID[:], t.Name)
		}
	}
	return a.Next, a, nil
}

const createKeyspace = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"

// schemaOf is a schema made by statements, in keyspace ks.
func schemaOf(t testing.TB, texts ...string) *schema.Snapshot {
	t.Helper()
	s := &schema.Snapshot{}
	var err error
	for _, text := range append([]string{createKeyspace}, texts...) {
		if s, _, err = alter(s, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return s
}

// withSystem adds a keyspace of the server's own.
func withSystem(s *schema.Snapshot) *schema.Snapshot {
	s = s.WithKeyspace(&schema.Keyspace{Name: "system"})
	return s.WithTable(&schema.Table{Keyspace: "system", Name: "local", Kind: schema.Virtual, PartitionKey: []*schema.Column{}})
}

// refusal is a statement and why it is refused; kind is S, I, C or E: syntax, invalid, configuration, exists.
type refusal struct{ kind, text, want string }

func kindOf(err error) string {
	var syntax *cql.SyntaxError
	var invalid *InvalidError
	var config *ConfigError
	var exists *ExistsError
	switch {
	case errors.As(err, &syntax):
		return "S"
	case errors.As(err, &invalid):
		return "I"
	case errors.As(err, &config):
		return "C"
	case errors.As(err, &exists):
		return "E"
	}
	return "?"
}

func checkRefusals(t *testing.T, s *schema.Snapshot, list []refusal) {
	t.Helper()
	for _, c := range list {
		if _, _, err := alter(s, c.text); err == nil || err.Error() != c.want || kindOf(err) != c.kind {
			t.Errorf("%s\n  got %v (%s)\n want %s (%s)", c.text, err, kindOf(err), c.want, c.kind)
		}
	}
}

func refusalSchema(t testing.TB) *schema.Snapshot {
	return withSystem(schemaOf(t,
		"CREATE TABLE t (k int, c int, d int, s int static, v int, PRIMARY KEY (k, c, d))",
		"CREATE TABLE u (k int PRIMARY KEY, v int, w text)",
		"ALTER TABLE u DROP w",
		"CREATE MATERIALIZED VIEW mv AS SELECT k, v FROM u WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k)",
		"CREATE TABLE r (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}"))
}

// TestTablesAreRefusedInCassandrasWords: every message without "this build" is what Cassandra 5.0.5 says.
func TestTablesAreRefusedInCassandrasWords(t *testing.T) {
	const badName = " must not be empty, more than 48 characters long, or contain non-alphanumeric-underscore characters (got "
	checkRefusals(t, refusalSchema(t), []refusal{
		{"E", "CREATE TABLE t (k int PRIMARY KEY)", `Cannot add already existing table "t" to keyspace "ks"`},
		{"I", "CREATE TABLE nope.b (k int PRIMARY KEY)", "Keyspace 'nope' doesn't exist"},
		{"C", `CREATE TABLE "b-d" (k int PRIMARY KEY)`, `ks.b-d: Table name` + badName + `"b-d")`},
		{"I", "CREATE TABLE b (k int)", "No PRIMARY KEY specifed for table 'b' (exactly one required)"},
		{"I", "CREATE TABLE ks.b (k int)", "No PRIMARY KEY specifed for table 'ks.b' (exactly one required)"},
		{"I", "CREATE TABLE b (k int PRIMARY KEY, PRIMARY KEY (k))", "Multiple PRIMARY KEY specified for table 'b' (exactly one required)"},
		{"I", "CREATE TABLE b (k int, k int, PRIMARY KEY (k))", "Duplicate column 'k' declaration for table 'b'"},
		{"I", "CREATE TABLE b (k int, PRIMARY KEY (x))", "Unknown column 'x' referenced in PRIMARY KEY for table 'b'"},
		{"I", "CREATE TABLE b (k int, PRIMARY KEY (k, k))", "Duplicate column 'k' in PRIMARY KEY clause for table 'b'"},
		{"I", "CREATE TABLE b (k int static, PRIMARY KEY (k))", "Static column 'k' cannot be part of the PRIMARY KEY"},
		{"I", "CREATE TABLE b (k int PRIMARY KEY, s int static)", "Static columns are only useful (and thus allowed) if the table has at least one clustering column"},
		{"I", "CREATE TABLE b (k duration PRIMARY KEY)", "duration type is not supported for PRIMARY KEY column 'k'"},
		{"I", "CREATE TABLE b (k counter PRIMARY KEY)", "counter type is not supported for PRIMARY KEY column 'k'"},
		{"I", "CREATE TABLE b (k list<int> PRIMARY KEY)", "Invalid non-frozen collection type list<int> for PRIMARY KEY column 'k'"},
		{"I", "CREATE TABLE b (k int PRIMARY KEY, v counter, w int)", "Cannot mix counter and non counter columns in the same table"},
		{"I", "CREATE TABLE b (k int, a int, b int, PRIMARY KEY (k, a, b)) WITH CLUSTERING ORDER BY (b ASC, a ASC)",
			"The order of columns in the CLUSTERING ORDER directive must match that of the clustering columns (a must appear before b)"},
		{"I", "CREATE TABLE b (k int, a int, PRIMARY KEY (k, a)) WITH CLUSTERING ORDER BY (a ASC, k ASC)",
			"Only clustering key columns can be defined in CLUSTERING ORDER directive: [k] are not clustering columns"},
		{"I", "CREATE TABLE b (k int, a int, PRIMARY KEY (k, a)) WITH CLUSTERING ORDER BY (a ASC, a DESC)", "The CLUSTERING ORDER directive names column a twice"},
		{"I", "CREATE TABLE system.b (k int PRIMARY KEY)", "keyspace system is the server's own: tables cannot be made in it"},
		{"I", "ALTER TABLE nope ADD x int", "Table 'ks.nope' doesn't exist"},
		{"I", "ALTER TABLE t ADD v int", "Column with name 'v' already exists"},
		{"I", "ALTER TABLE t ADD k int", "Column with name 'k' already exists"},
		{"I", "ALTER TABLE u ADD s int static", "Static columns are only useful (and thus allowed) if the table has at least one clustering column"},
		{"I", "ALTER TABLE u ADD w int", "Cannot re-add previously dropped column 'w' of type int, incompatible with previous type text"},
		{"I", "ALTER TABLE t DROP nope", "Column nope was not found in table 'ks.t'"},
		{"I", "ALTER TABLE t DROP k", "Cannot drop PRIMARY KEY column k"},
		{"I", "ALTER TABLE u DROP v", "Cannot drop column v on base table u with materialized views: ks.mv"},
		{"I", "ALTER TABLE r DROP v", "Cannot drop column v on base table r with rollup ks.r_1h"},
		{"I", "ALTER TABLE t RENAME v TO w", "Cannot rename non PRIMARY KEY column v"},
		{"I", "ALTER TABLE t RENAME nope TO w", "Undefined column name nope in table ks.t"},
		{"I", "ALTER TABLE t RENAME k TO v", "Cannot rename column k to v in table 'ks.t'; another column with that name already exists"},
		{"I", "ALTER TABLE t ALTER v TYPE bigint", "Altering column types is no longer supported"},
		{"C", "ALTER TABLE t WITH id = 5b1b3b5c-3f4f-11ee-be56-0242ac120002", "Cannot alter table id."},
		{"I", "ALTER TABLE mv ADD x int", "Cannot use ALTER TABLE on a materialized view; use ALTER MATERIALIZED VIEW instead"},
		{"I", "ALTER TABLE system.local ADD x int", "system.local is a system table: it cannot be modified"},
		{"I", "DROP TABLE nope", "Table 'ks.nope' doesn't exist"},
		{"I", "DROP TABLE u", "Cannot drop a table when materialized views still depend on it (ks.mv)"},
		{"I", "DROP TABLE mv", "Cannot use DROP TABLE on a materialized view. Please use DROP MATERIALIZED VIEW instead."},
		{"I", "DROP TABLE r_1h", "Cannot use DROP TABLE on rollup ks.r_1h; use DROP ROLLUP instead"},
		{"I", "DROP MATERIALIZED VIEW nope", "Materialized view 'ks.nope' doesn't exist"},
		{"I", "DROP MATERIALIZED VIEW t", "Materialized view 'ks.t' doesn't exist"},
	})
}

func TestKeyspacesAreRefusedInCassandrasWords(t *testing.T) {
	checkRefusals(t, refusalSchema(t), []refusal{
		{"E", createKeyspace, `Cannot add existing keyspace "ks"`},
		{"I", "CREATE KEYSPACE q WITH durable_writes = true", "Missing mandatory option 'replication'"},
		{"C", "CREATE KEYSPACE q WITH replication = {'class': 'Nope'}", "Unable to find replication strategy class 'org.apache.cassandra.locator.Nope'"},
		{"C", "CREATE KEYSPACE q WITH replication = {'replication_factor': 1}", "Missing replication strategy class"},
		{"S", "CREATE KEYSPACE q WITH foo = 1", "Unknown property 'foo'"},
		{"I", `CREATE KEYSPACE "b-d" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
			"Keyspace name must not be empty, more than 48 characters long, or contain non-alphanumeric-underscore characters (got 'b-d')"},
		{"I", "ALTER KEYSPACE nope WITH durable_writes = true", "Keyspace 'nope' doesn't exist"},
		{"I", "DROP KEYSPACE nope", "Keyspace 'nope' doesn't exist"},
		{"I", "DROP KEYSPACE system", "Cannot DROP system keyspace system"},
		{"I", "ALTER KEYSPACE system WITH durable_writes = true", "Cannot ALTER system keyspace system"},
	})
}

func TestOptionsAreRefusedInCassandrasWords(t *testing.T) {
	var list []refusal
	for _, c := range []refusal{
		{"S", "foo = 1", "Unknown property 'foo'"},
		{"S", "comment = {'a': 'b'}", "Invalid value for property 'comment'. It should be a string"},
		{"S", "compaction = 'x'", "Invalid value for property 'compaction'. It should be a map."},
		{"C", "compaction = {'class': 'Nope'}", "Unable to find compaction strategy class 'org.apache.cassandra.db.compaction.Nope'"},
		{"C", "compaction = {'min_threshold': '4'}", "Missing sub-option 'class' for the 'compaction' option"},
		{"C", "compression = {'class': 'Nope'}", "Could not create Compression for type org.apache.cassandra.io.compress.Nope"},
		{"C", "gc_grace_seconds = -1", "gc_grace_seconds must be greater than or equal to 0 (got -1)"},
		{"S", "gc_grace_seconds = 'x'", "Invalid integer value x for 'gc_grace_seconds'"},
		{"C", "default_time_to_live = -1", "default_time_to_live must be greater than or equal to 0 (got -1)"},
		{"C", "default_time_to_live = 630720001", "default_time_to_live must be less than or equal to 630720000 (got 630720001)"},
		{"C", "bloom_filter_fp_chance = 2", "bloom_filter_fp_chance must be larger than 6.71E-5 and less than or equal to 1.0 (got 2.0)"},
		{"C", "bloom_filter_fp_chance = 0", "bloom_filter_fp_chance must be larger than 6.71E-5 and less than or equal to 1.0 (got 0.0)"},
		{"S", "bloom_filter_fp_chance = 'x'", "Invalid double value x for 'bloom_filter_fp_chance'"},
		{"C", "crc_check_chance = 2", "crc_check_chance must be larger than or equal to 0 and smaller than or equal to 1.0 (got 2.0)"},
		{"C", "crc_check_chance = 'NaN'", "crc_check_chance must be larger than or equal to 0 and smaller than or equal to 1.0 (got NaN)"},
		{"C", "min_index_interval = 0", "min_index_interval must be greater than or equal to 1 (got 0)"},
		{"C", "min_index_interval = 4096", "max_index_interval must be greater than or equal to min_index_interval (4096) (got 2048)"},
		{"S", "max_index_interval = 1.5", "Invalid integer value 1.5 for 'max_index_interval'"},
		{"C", "memtable_flush_period_in_ms = -1", "memtable_flush_period_in_ms must be greater than or equal to 0 (got -1)"},
		{"S", "cdc = 'maybe'", "Invalid boolean value maybe for 'cdc'. Positive values can be '1', 'true' or 'yes'. Negative values can be '0', 'false' or 'no'."},
		{"C", "id = 'abc'", "Invalid table id"},
		{"S", "comment = 'a' AND comment = 'b'", "Multiple definitions for property 'comment'"},
		{"S", "retention = '1d'", "Invalid value for property 'retention'. It should be a map."},
		{"I", "rollups = {'often': 'forever'}", "rollups of table ks.b: 'often' is not a step such as '1m', '1h', '1d' or '1mo'"},
		{"I", "rollups = {'1h': '1y'}", "rollups of table ks.b: '1h' keeps '1y', which is not a duration of fixed length such as '90d', or 'forever'"},
		{"I", "rollups = {'1h': 'forever', '60m': 'forever'}", "rollups of table ks.b: '1h' and '60m' are the same step; name it once"},
	} {
		list = append(list, refusal{c.kind, "CREATE TABLE b (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH " + c.text, c.want})
	}
	checkRefusals(t, refusalSchema(t), list)
}

func TestOptionsAreKept(t *testing.T) {
	s := schemaOf(t, `CREATE TABLE b (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH CLUSTERING ORDER BY (ts DESC)
		AND compaction = '{''class'': ''TimeWindowCompactionStrategy'', ''compaction_window_size'': 1}'
		AND compression = {'sstable_compression': 'SnappyCompressor', 'chunk_length_kb': 64}
		AND bloom_filter_fp_chance = 0.10 AND cdc = 'yes' AND read_repair_chance = 0.1
		AND time_bucket = {'column': 'ts', 'size': '1d'} AND default_time_to_live = 60`)
	o := s.Table("ks", "b").Options
	want := map[string]string{"class": "org.apache.cassandra.db.compaction.TimeWindowCompactionStrategy", "compaction_window_size": "1"}
	if !maps.Equal(o.Compaction, want) {
		t.Errorf("compaction %v", o.Compaction)
	}
	want = map[string]string{"class": "org.apache.cassandra.io.compress.SnappyCompressor", "chunk_length_in_kb": "64"}
	if !maps.Equal(o.Compression, want) {
		t.Errorf("compression %v", o.Compression)
	}
	if o.Echo("bloom_filter_fp_chance") != "0.1" || o.Echo("cdc") != "true" || o.DefaultTTLSec != 60 {
		t.Errorf("%+v", o)
	}
	if b := s.Table("ks", "b").Bucket; b == nil || b.Bucketing().SizeMillis != 86_400_000 || b.FromWindow {
		t.Errorf("bucket %+v", b)
	}
}

func TestIfNotExistsAndIfExistsChangeNothing(t *testing.T) {
	s := refusalSchema(t)
	for _, text := range []string{
		"CREATE TABLE IF NOT EXISTS t (k int PRIMARY KEY)", "DROP TABLE IF EXISTS nope", "DROP TABLE IF EXISTS nope.nope",
		"DROP KEYSPACE IF EXISTS nope", "CREATE KEYSPACE IF NOT EXISTS ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE MATERIALIZED VIEW IF NOT EXISTS mv AS SELECT k, v FROM u WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k)",
		"DROP MATERIALIZED VIEW IF EXISTS nope", "ALTER TABLE IF EXISTS nope ADD x int",
	} {
		if _, a, err := alter(s, text); err != nil || a.Next != nil {
			t.Errorf("%s: %+v, %v", text, a, err)
		}
	}
}

func TestDropAndAddAgain(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	for range 3 {
		for _, text := range []string{"ALTER TABLE t DROP v", "ALTER TABLE t ADD v int"} {
			var err error
			if s, _, err = alter(s, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	table := s.Table("ks", "t")
	if len(table.Dropped) != 1 || table.Column("v").ID != 4 {
		t.Errorf("dropped %v, number %d", table.Dropped, table.Column("v").ID)
	}
}

// TestDescribedTablesPlanBack: the CREATE texts of a schema, run on an empty one, make the same schema.
func TestDescribedTablesPlanBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := schemaOf(t)
		for _, text := range genTables(r) {
			var err error
			if s, _, err = alter(s, text); err != nil {
				r.Fatalf("%s: %v", text, err)
			}
		}
		again := &schema.Snapshot{}
		k := s.Keyspaces["ks"]
		texts := []string{k.Create()}
		for _, table := range k.CreationOrder() {
			texts = append(texts, table.Create(k))
		}
		for _, text := range texts {
			var err error
			if again, _, err = alter(again, strings.TrimSuffix(text, ";")); err != nil {
				r.Fatalf("%s: %v", text, err)
			}
		}
		if got, want := described(again), described(s); !slices.Equal(got, want) {
			r.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for name, want := range k.Tables {
			got := again.Table("ks", name)
			if got.Kind != want.Kind || !reflect.DeepEqual(got.Bucket, want.Bucket) || got.AppendOnly != want.AppendOnly || !reflect.DeepEqual(got.Rollups, want.Rollups) {
				r.Fatalf("%+v became %+v", want, got)
			}
			if want.Copy != nil {
				was, is := *want.Copy, *got.Copy
				was.Columns, is.Columns = nil, nil // by numbers, which follow the order of the text
				if !reflect.DeepEqual(was, is) {
					r.Fatalf("%+v became %+v", was, is)
				}
			}
		}
	})
}

func described(s *schema.Snapshot) []string {
	k := s.Keyspaces["ks"]
	out := []string{k.Create()}
	for _, t := range k.SortedTables() {
		out = append(out, t.Create(k))
	}
	return out
}

// genTables draws CREATE statements of a base table and copies of it.
func genTables(r *rapid.T) []string {
	types := rapid.SampledFrom([]string{"int", "text", "double", "uuid", "frozen<list<int>>", "tuple<int, text>"})
	text := `CREATE TABLE "Base" (k ` + types.Draw(r, "k") + `, "Ts" timestamp, c ` + types.Draw(r, "c")
	text += ", num int, tags frozen<set<text>>, m frozen<map<text, int>>"
	for _, name := range []string{"v", `"W x"`, "s"} {
		text += ", " + name + " " + types.Draw(r, name)
		if name == "s" && rapid.Bool().Draw(r, "static") {
			text += " static"
		}
	}
	text += `, PRIMARY KEY (k, "Ts"`
	hasRollups := rapid.Bool().Draw(r, "rollups")
	if !hasRollups {
		text += ", c"
	}
	text += "))"
	options := []string{`CLUSTERING ORDER BY ("Ts" ` + rapid.SampledFrom([]string{"ASC", "DESC"}).Draw(r, "order") + ")"}
	if hasRollups {
		options = append(options, "rollups = {'1h': 'forever'}")
		text = strings.Replace(text, ", s ", ", n int, s ", 1)
	}
	for _, o := range []string{
		"comment = 'it''s'", "default_time_to_live = 60", "gc_grace_seconds = 0", "time_bucket = {'column': 'Ts', 'size': '6h'}",
		"append_only = true", "crc_check_chance = 0.25", "compression = {'enabled': 'false'}", "speculative_retry = 'ALWAYS'",
		"compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 10}",
	} {
		if rapid.Bool().Draw(r, o) {
			options = append(options, o)
		}
	}
	out := []string{text + " WITH " + strings.Join(options, " AND ")}
	key := `"Ts"`
	if !hasRollups {
		key = `"Ts", c`
	}
	if rapid.Bool().Draw(r, "view") {
		out = append(out, `CREATE MATERIALIZED VIEW a_view AS SELECT * FROM "Base" WHERE v IS NOT NULL AND k IS NOT NULL AND "Ts" IS NOT NULL AND "W x" IS NOT NULL `+
			strings.Replace(`AND c IS NOT NULL PRIMARY KEY (v, k, `+key+`)`, "AND c IS NOT NULL ", map[bool]string{true: "", false: "AND c IS NOT NULL "}[hasRollups], 1))
		if strings.Contains(text, "static") {
			out[len(out)-1] = strings.Replace(out[len(out)-1], "SELECT *", `SELECT v, k, "Ts", c, "W x"`, 1)
			if hasRollups {
				out[len(out)-1] = strings.Replace(out[len(out)-1], `"Ts", c, "W x"`, `"Ts", "W x"`, 1)
			}
		}
	}
	if rapid.Bool().Draw(r, "query table") {
		out = append(out, genQueryTable(r, key))
	}
	return out
}

// genQueryTable draws a copy of the table of genTables, whose clustering columns are key.
func genQueryTable(r *rapid.T, key string) string {
	partition := []string{"v", "k"}
	for _, part := range []string{`time_bucket("Ts", 6h)`, `time_bucket("Ts", 1d) AS "The day"`, `floor("Ts", 7d, '2026-01-05') AS week`, `time_bucket("Ts", 1mo, 'Europe/Berlin') AS month`, `time_bucket("Ts", 8h, 'Asia/Tokyo', '2026-01-01T06:00:00Z') AS shift`, "UNNEST(tags)", "UNNEST(m) AS of_m", "s", "num"} {
		if rapid.Bool().Draw(r, part) && !(strings.HasPrefix(part, "UNNEST") && strings.Contains(strings.Join(partition, ""), "UNNEST")) {
			partition = append(partition, part)
		}
	}
	where := []string{"v IS NOT NULL"}
	for _, filter := range []string{"num > -5", "num <= 7", "tags = {'a', 'it''s'}", `"Ts" >= '2026-01-01'`, "num IN (1, 2)", `"W x" IS NOT NULL`} {
		if rapid.Bool().Draw(r, filter) {
			where = append(where, filter)
		}
	}
	options := []string{"comment = 'c'"}
	for _, option := range []string{"default_time_to_live = 60", "retention = {'duration': '36h', 'by': 'Ts'}", "time_bucket = {'column': 'Ts', 'size': '6h'}"} {
		if rapid.Bool().Draw(r, option) {
			options = append(options, option)
		}
	}
	return `CREATE QUERY TABLE a_copy ON "Base" ` + rapid.SampledFrom([]string{"*", `("W x")`, "(k, s, num)", "(k)"}).Draw(r, "columns") + " WHERE " + strings.Join(where, " AND ") +
		" PRIMARY KEY ((" + strings.Join(partition, ", ") + "), " + key + ") WITH " + strings.Join(options, " AND ")
}
