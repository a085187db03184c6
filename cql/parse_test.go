package cql

import (
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql/types"
)

// statements are texts and their canonical form, grouped by verb.
var statements = []struct{ text, want string }{
	// Keyspaces.
	{`create keyspace IF not exists Foo WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1} and durable_writes=TRUE;`,
		`CREATE KEYSPACE IF NOT EXISTS foo WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1} AND durable_writes = true`},
	{`CREATE SCHEMA "Foo" WITH REPLICATION = {}`, `CREATE KEYSPACE "Foo" WITH replication = {}`},
	{`ALTER KEYSPACE ks WITH durable_writes = false`, `ALTER KEYSPACE ks WITH durable_writes = false`},
	{`DROP KEYSPACE IF EXISTS ks`, `DROP KEYSPACE IF EXISTS ks`},
	{`USE "ks"`, `USE ks`},

	// Tables.
	{`CREATE TABLE t (k int PRIMARY KEY, v text)`, `CREATE TABLE t (k int, v text, PRIMARY KEY ((k)))`},
	{`CREATE COLUMNFAMILY IF NOT EXISTS iot.readings (device_id text, ts timestamp, "Temp" double, site text STATIC,
		PRIMARY KEY ((device_id), ts),)WITH CLUSTERING ORDER BY (ts DESC) AND COMPACT STORAGE AND comment='it''s'
		AND time_bucket = {'column': 'ts', 'size': '1d'} AND rollups = {'1m': '30d', '1d': 'forever'}
		AND retention = {'duration': '90d', 'by': 'ts'} AND append_only = true AND bloom_filter_fp_chance = 0.01`,
		`CREATE TABLE IF NOT EXISTS iot.readings (device_id text, ts timestamp, "Temp" double, site text STATIC, PRIMARY KEY ((device_id), ts)) ` +
			`WITH CLUSTERING ORDER BY (ts DESC) AND COMPACT STORAGE AND comment = 'it''s' ` +
			`AND time_bucket = {'column': 'ts', 'size': '1d'} AND rollups = {'1m': '30d', '1d': 'forever'} ` +
			`AND retention = {'duration': '90d', 'by': 'ts'} AND append_only = true AND bloom_filter_fp_chance = 0.01`},
	{`CREATE TABLE t (a frozen<map<text, list<int>>>, b set<uuid>, c vector<float, 3>, d ks.addr, e 'org.example.T', f tuple<int, text>, PRIMARY KEY ((a, b), c, d))`,
		`CREATE TABLE t (a frozen<map<text, list<int>>>, b set<uuid>, c vector<float, 3>, d ks.addr, e 'org.example.T', f tuple<int, text>, PRIMARY KEY ((a, b), c, d))`},
	{`CREATE TABLE t (key text, value int, time timestamp, date date, ttl int, type text, PRIMARY KEY (key, time))`,
		`CREATE TABLE t (key text, value int, time timestamp, date date, ttl int, type text, PRIMARY KEY ((key), time))`},
	{`create table a like b`, `CREATE TABLE a LIKE b`},
	{`CREATE TABLE IF NOT EXISTS ks.like LIKE "Ks"."Like" WITH comment = 'x' AND time_bucket = {}`, `CREATE TABLE IF NOT EXISTS ks.like LIKE "Ks"."Like" WITH comment = 'x' AND time_bucket = {}`},
	{`ALTER TABLE t ADD a int, b text static`, `ALTER TABLE t ADD (a int, b text STATIC)`},
	{`ALTER TABLE IF EXISTS t ADD IF NOT EXISTS (a int)`, `ALTER TABLE IF EXISTS t ADD IF NOT EXISTS (a int)`},
	{`ALTER TABLE t DROP a USING TIMESTAMP 12`, `ALTER TABLE t DROP (a) USING TIMESTAMP 12`},
	{`ALTER TABLE t DROP compact, b`, `ALTER TABLE t DROP (compact, b)`},
	{`ALTER TABLE t DROP COMPACT STORAGE`, `ALTER TABLE t DROP COMPACT STORAGE`},
	{`ALTER TABLE t RENAME a TO b AND c TO d`, `ALTER TABLE t RENAME a TO b AND c TO d`},
	{`ALTER TABLE t ALTER a TYPE blob`, `ALTER TABLE t ALTER a TYPE blob`},
	{`ALTER TABLE iot.readings WITH time_bucket = {'column': 'ts', 'size': '6h'}`, `ALTER TABLE iot.readings WITH time_bucket = {'column': 'ts', 'size': '6h'}`},
	{`DROP TABLE IF EXISTS a.b;;`, `DROP TABLE IF EXISTS a.b`},
	{`TRUNCATE t`, `TRUNCATE TABLE t`},
	{`TRUNCATE COLUMNFAMILY a.t`, `TRUNCATE TABLE a.t`},

	// Writes.
	{`INSERT INTO t (a, b, c) VALUES (1, 'it''s', $$a'b$$)`, `INSERT INTO t (a, b, c) VALUES (1, 'it''s', 'a''b')`},
	{`INSERT INTO ks.t (a) VALUES (?) IF NOT EXISTS USING TTL :ttl AND TIMESTAMP -5`,
		`INSERT INTO ks.t (a) VALUES (?) IF NOT EXISTS USING TIMESTAMP -5 AND TTL :ttl`},
	{`INSERT INTO t (a,b,c,d,e,f,g,h,i) VALUES (0xCAFE, 550e8400-e29b-41d4-a716-446655440000, -1.5e+10, NaN, -infinity, TRUE, null, 1h30m, -P1Y2M)`,
		`INSERT INTO t (a, b, c, d, e, f, g, h, i) VALUES (0xCAFE, 550e8400-e29b-41d4-a716-446655440000, -1.5e+10, NaN, -Infinity, true, null, 1h30m, -P1Y2M)`},
	{`INSERT INTO t (a,b,c,d,e) VALUES ([1,2], {1, 2}, {'a': 1, 'b': ?}, (1, 'x'), {street: 'x', no: 1})`,
		`INSERT INTO t (a, b, c, d, e) VALUES ([1, 2], {1, 2}, {'a': 1, 'b': ?}, (1, 'x'), {street: 'x', no: 1})`},
	{`INSERT INTO t (a,b,c) VALUES (toTimestamp(now()), ks.f(1), (int)?)`, `INSERT INTO t (a, b, c) VALUES (totimestamp(now()), ks.f(1), (int)?)`},
	{`UPDATE t USING TTL 10 SET a = 1, b = b + 1, c = c - ?, d = [1] + d, e['k'] = 2, f.g = 3, h += 4, i -= 5, j = 1 + 2 WHERE k = 1 AND c IN (1,2)`,
		`UPDATE t USING TTL 10 SET a = 1, b = b + 1, c = c - ?, d = [1] + d, e['k'] = 2, f.g = 3, h = h + 4, i = i - 5, j = 1 + 2 WHERE k = 1 AND c IN (1, 2)`},
	{`UPDATE t SET a = 1 WHERE k = 1 IF EXISTS`, `UPDATE t SET a = 1 WHERE k = 1 IF EXISTS`},
	{`UPDATE t SET a = 1 WHERE k = 1 IF a = 2 AND b IN ? AND c[1] > 5 AND d.e != 3`,
		`UPDATE t SET a = 1 WHERE k = 1 IF a = 2 AND b IN ? AND c[1] > 5 AND d.e != 3`},
	{`DELETE FROM t WHERE k = 1`, `DELETE FROM t WHERE k = 1`},
	{`DELETE a, b['x'], c.d FROM t USING TIMESTAMP ? WHERE k = ? IF EXISTS`, `DELETE a, b['x'], c.d FROM t USING TIMESTAMP ? WHERE k = ? IF EXISTS`},
	{"BEGIN BATCH INSERT INTO t (a) VALUES (1); UPDATE t SET a = 1 WHERE k = 1\nDELETE FROM t WHERE k = 1; APPLY BATCH;",
		`BEGIN BATCH INSERT INTO t (a) VALUES (1); UPDATE t SET a = 1 WHERE k = 1; DELETE FROM t WHERE k = 1; APPLY BATCH`},
	{`BEGIN UNLOGGED BATCH USING TIMESTAMP 5 APPLY BATCH`, `BEGIN UNLOGGED BATCH USING TIMESTAMP 5 APPLY BATCH`},
	{`BEGIN COUNTER BATCH UPDATE t SET c = c + 1 WHERE k = 1 APPLY BATCH`, `BEGIN COUNTER BATCH UPDATE t SET c = c + 1 WHERE k = 1; APPLY BATCH`},

	// Reads.
	{`SELECT * FROM t`, `SELECT * FROM t`},
	{`SELECT a, "B" AS "c D", count(*), COUNT(a), ttl(b), writetime(b) w FROM t`, ``},
	{`SELECT a, "B" AS "c D", count(*), COUNT(a), ttl(b), writetime(b) AS w FROM ks.t`,
		`SELECT a, "B" AS "c D", count(*), count(a), ttl(b), writetime(b) AS w FROM ks.t`},
	{`SELECT token(a, b), cast(c AS text), floor(ts, 1h), m['x'], u.f, -a, a+b*(c-d)%2, (int)5, 'x' FROM t`,
		`SELECT token(a, b), CAST(c AS text), floor(ts, 1h), m['x'], u.f, -a, a + b * (c - d) % 2, (int)5, 'x' FROM t`},
	{`SELECT JSON DISTINCT a FROM t`, `SELECT JSON DISTINCT a FROM t`},
	{`SELECT json, distinct FROM t`, `SELECT "json", "distinct" FROM t`},
	{`SELECT distinct FROM t`, `SELECT "distinct" FROM t`},
	{`SELECT * FROM t WHERE a = 1 AND b < 2 AND c <= 3 AND d > 4 AND e >= 5 AND f != 6`, `SELECT * FROM t WHERE a = 1 AND b < 2 AND c <= 3 AND d > 4 AND e >= 5 AND f != 6`},
	{`SELECT * FROM t WHERE a IN () AND b IN :b AND c NOT IN (1) AND d CONTAINS 1 AND e CONTAINS KEY 'x' AND f LIKE 'x%' AND g IS NOT NULL AND h['k'] = 1 AND (i = 5)`,
		`SELECT * FROM t WHERE a IN () AND b IN :b AND c NOT IN (1) AND d CONTAINS 1 AND e CONTAINS KEY 'x' AND f LIKE 'x%' AND g IS NOT NULL AND h['k'] = 1 AND i = 5`},
	{`SELECT * FROM t WHERE (a, b) > (1, 2) AND (a) = ? AND (a, b) IN ((1, 2), (?, ?)) AND (a, b) IN ? AND token(k) > token(?) AND token(k) <= -9223372036854775808`,
		`SELECT * FROM t WHERE (a, b) > (1, 2) AND (a) = ? AND (a, b) IN ((1, 2), (?, ?)) AND (a, b) IN ? AND token(k) > token(?) AND token(k) <= -9223372036854775808`},
	{`SELECT a FROM t WHERE k=? GROUP BY a, floor(ts, 1h) FILL(prev) ORDER BY b DESC, c PER PARTITION LIMIT 2 LIMIT ? ALLOW FILTERING USING RESOLUTION '1h'`,
		`SELECT a FROM t WHERE k = ? GROUP BY a, floor(ts, 1h) FILL(prev) ORDER BY b DESC, c ASC PER PARTITION LIMIT 2 LIMIT ? ALLOW FILTERING USING RESOLUTION '1h'`},

	// Derived objects.
	{`CREATE QUERY TABLE iot.readings_by_site ON iot.readings (temperature, status) WHERE temperature IS NOT NULL PRIMARY KEY ((site), ts, device_id)
		WITH CLUSTERING ORDER BY (ts DESC, device_id ASC) AND retention = {'duration': '30d', 'by': 'ts'}`,
		`CREATE QUERY TABLE iot.readings_by_site ON iot.readings (temperature, status) WHERE temperature IS NOT NULL PRIMARY KEY ((site), ts, device_id) ` +
			`WITH CLUSTERING ORDER BY (ts DESC, device_id ASC) AND retention = {'duration': '30d', 'by': 'ts'}`},
	{`CREATE QUERY TABLE IF NOT EXISTS q ON b * PRIMARY KEY (time_bucket(ts, 1h) AS hour, unnest(tags), c)`,
		`CREATE QUERY TABLE IF NOT EXISTS q ON b * PRIMARY KEY ((time_bucket(ts, 1h) AS hour), unnest(tags), c)`},
	{`CREATE QUERY TABLE q ON b PRIMARY KEY (c)`, `CREATE QUERY TABLE q ON b PRIMARY KEY ((c))`},
	{`ALTER QUERY TABLE q WITH comment = ''`, `ALTER QUERY TABLE q WITH comment = ''`},
	{`DROP QUERY TABLE IF EXISTS q`, `DROP QUERY TABLE IF EXISTS q`},
	{`CHECK QUERY TABLE a.q REPAIR`, `CHECK QUERY TABLE a.q REPAIR`},
	{`REBUILD QUERY TABLE a.q`, `REBUILD QUERY TABLE a.q`},
	{`CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT a, b FROM t WHERE a IS NOT NULL AND b IS NOT NULL PRIMARY KEY (b, a) WITH comment = 'x'`,
		`CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT a, b FROM t WHERE a IS NOT NULL AND b IS NOT NULL PRIMARY KEY ((b), a) WITH comment = 'x'`},
	{`ALTER MATERIALIZED VIEW v WITH comment = 'x'`, `ALTER MATERIALIZED VIEW v WITH comment = 'x'`},
	{`DROP MATERIALIZED VIEW v`, `DROP MATERIALIZED VIEW v`},
	{`CREATE ROLLUP iot.readings_1h ON iot.readings AS SELECT device_id, floor(ts, 1h) AS ts, count(temperature), percentile(temperature, 0.5, 0.99), distinct(status)
		GROUP BY device_id, floor(ts, 1h) WITH lateness = {'grace': '2m', 'max': '7d'} AND time_zone = 'Europe/Berlin'`,
		`CREATE ROLLUP iot.readings_1h ON iot.readings AS SELECT device_id, floor(ts, 1h) AS ts, count(temperature), percentile(temperature, 0.5, 0.99), distinct(status) ` +
			`GROUP BY device_id, floor(ts, 1h) WITH lateness = {'grace': '2m', 'max': '7d'} AND time_zone = 'Europe/Berlin'`},
	{`ALTER ROLLUP r WITH retention = {'duration': '1d'}`, `ALTER ROLLUP r WITH retention = {'duration': '1d'}`},
	{`DROP ROLLUP IF EXISTS r`, `DROP ROLLUP IF EXISTS r`},
	{`PAUSE ROLLUP ks.r`, `PAUSE ROLLUP ks.r`},
	{`resume rollup resume`, `RESUME ROLLUP resume`},
	{`REFRESH ROLLUP r WHERE ts >= '2026-01-01' AND ts < ?`, `REFRESH ROLLUP r WHERE ts >= '2026-01-01' AND ts < ?`},
	{`CHECK ROLLUP r SAMPLE 1000 REPAIR`, `CHECK ROLLUP r SAMPLE 1000 REPAIR`},

	// Indexes.
	{`create index on t (c)`, `CREATE INDEX ON t (c)`},
	{`CREATE INDEX IF NOT EXISTS "I" ON ks.t (KEYS(m))`, `CREATE INDEX IF NOT EXISTS "I" ON ks.t (KEYS(m))`},
	{`CREATE CUSTOM INDEX i ON t (values ("C")) USING 'sai' WITH OPTIONS = {'case_sensitive': 'true'} AND x = 1`,
		`CREATE CUSTOM INDEX i ON t (VALUES("C")) USING 'sai' WITH options = {'case_sensitive': 'true'} AND x = 1`},
	{`CREATE INDEX ON t (entries(m), full(f), keys, values)`, `CREATE INDEX ON t (ENTRIES(m), FULL(f), keys, values)`},
	{`CREATE INDEX ON t () USING ''`, `CREATE INDEX ON t () USING ''`},
	{`CREATE INDEX keys ON t ("full")`, `CREATE INDEX keys ON t ("full")`},
	{`CREATE INDEX ks.i ON t (c)`, ``},
	{`CREATE CUSTOM TABLE i ON t (c)`, ``},
	{`CREATE INDEX ON t (FULL c)`, ``},
	{`CREATE INDEX ON t (c) USING sai`, ``},
	{`DROP INDEX IF EXISTS ks.i`, `DROP INDEX IF EXISTS ks.i`},

	// Looking in.
	{`EXPLAIN ANALYZE SELECT * FROM t`, `EXPLAIN ANALYZE SELECT * FROM t`},
	{`EXPLAIN RETENTION iot.readings`, `EXPLAIN RETENTION iot.readings`},
	{`create retention policy gold ON iot.readings WHERE tier = 'gold' and d in ('a', 'b') KEEP 730d`, `CREATE RETENTION POLICY gold ON iot.readings WHERE tier = 'gold' AND d IN ('a', 'b') KEEP 730d`},
	{`CREATE RETENTION POLICY IF NOT EXISTS keep ON forever WHERE n >= 3 KEEP FOREVER`, `CREATE RETENTION POLICY IF NOT EXISTS keep ON forever WHERE n >= 3 KEEP FOREVER`},
	{`ALTER RETENTION POLICY iot.gold KEEP forever`, `ALTER RETENTION POLICY iot.gold KEEP FOREVER`},
	{`ALTER RETENTION POLICY IF EXISTS gold KEEP 12h`, `ALTER RETENTION POLICY IF EXISTS gold KEEP 12h`},
	{`DROP RETENTION POLICY IF EXISTS gold`, `DROP RETENTION POLICY IF EXISTS gold`},
	{`admin flush`, `ADMIN FLUSH`},
	{`ADMIN FLUSH iot;`, `ADMIN FLUSH iot`},
	{`ADMIN COMPACT "Iot".readings`, `ADMIN COMPACT "Iot".readings`},
	{`ADMIN TABLESTATS WITH FILES`, `ADMIN TABLESTATS WITH FILES`},
	{`ADMIN TABLESTATS iot.files WITH COLUMNS`, `ADMIN TABLESTATS iot.files WITH COLUMNS`},
	{`ADMIN BACKUP '/var/it''s'`, `ADMIN BACKUP '/var/it''s'`},
	{`DESC CLUSTER`, `DESCRIBE CLUSTER`},
	{`DESCRIBE SCHEMA`, `DESCRIBE SCHEMA`},
	{`DESCRIBE FULL SCHEMA`, `DESCRIBE FULL SCHEMA`},
	{`DESCRIBE KEYSPACES`, `DESCRIBE KEYSPACES`},
	{`DESCRIBE KEYSPACE`, `DESCRIBE KEYSPACE`},
	{`DESCRIBE ONLY KEYSPACE ks WITH INTERNALS`, `DESCRIBE ONLY KEYSPACE ks WITH INTERNALS`},
	{`DESCRIBE COLUMNFAMILIES`, `DESCRIBE TABLES`},
	{`DESCRIBE TABLE ks.t WITH INTERNALS`, `DESCRIBE TABLE ks.t WITH INTERNALS`},
	{`DESCRIBE INDEX i`, `DESCRIBE INDEX i`},
	{`DESCRIBE MATERIALIZED VIEW ks.v`, `DESCRIBE MATERIALIZED VIEW ks.v`},
	{`DESCRIBE QUERY TABLE q`, `DESCRIBE QUERY TABLE q`},
	{`DESCRIBE ROLLUP r`, `DESCRIBE ROLLUP r`},
	{`DESCRIBE TYPES`, `DESCRIBE TYPES`},
	{`DESCRIBE TYPE x`, `DESCRIBE TYPE x`},
	{`DESCRIBE FUNCTIONS`, `DESCRIBE FUNCTIONS`},
	{`DESCRIBE FUNCTION x`, `DESCRIBE FUNCTION x`},
	{`DESCRIBE AGGREGATES`, `DESCRIBE AGGREGATES`},
	{`DESCRIBE AGGREGATE x`, `DESCRIBE AGGREGATE x`},
	{`DESCRIBE ks.t`, `DESCRIBE ks.t`},
	{`DESCRIBE tables.x`, `DESCRIBE tables.x`},
	{`DESCRIBE "rollup"`, `DESCRIBE "rollup"`},

	// Roles.
	{`CREATE ROLE Ann`, `CREATE ROLE ann`},
	{`CREATE ROLE IF NOT EXISTS 'it''s' WITH LOGIN=true AND PASSWORD='a''b' AND SUPERUSER = FALSE`, `CREATE ROLE IF NOT EXISTS "it's" WITH PASSWORD = 'a''b' AND LOGIN = true AND SUPERUSER = false`},
	{`create role $$x$$ with hashed password = $$h$$`, `CREATE ROLE x WITH HASHED PASSWORD = 'h'`},
	{`ALTER ROLE "Ann" WITH GENERATED PASSWORD AND ACCESS TO DATACENTERS {'a', 'b'}`, `ALTER ROLE "Ann" WITH GENERATED PASSWORD AND ACCESS TO DATACENTERS {'a', 'b'}`},
	{`ALTER ROLE IF EXISTS r WITH ACCESS TO ALL DATACENTERS AND ACCESS FROM ALL CIDRS`, `ALTER ROLE IF EXISTS r WITH ACCESS TO ALL DATACENTERS AND ACCESS FROM ALL CIDRS`},
	{`CREATE ROLE r WITH OPTIONS = {'a': 1} AND ACCESS FROM CIDRS {'x'}`, `CREATE ROLE r WITH OPTIONS = {'a': 1} AND ACCESS FROM CIDRS {'x'}`},
	{`CREATE USER Ann WITH PASSWORD 'p' SUPERUSER`, `CREATE USER 'Ann' WITH PASSWORD 'p' SUPERUSER`},
	{`CREATE USER IF NOT EXISTS 'x' NOSUPERUSER`, `CREATE USER IF NOT EXISTS 'x' NOSUPERUSER`},
	{`ALTER USER x WITH HASHED PASSWORD 'h'`, `ALTER USER 'x' WITH HASHED PASSWORD 'h'`},
	{`DROP USER IF EXISTS X`, `DROP USER IF EXISTS 'X'`},
	{`DROP ROLE r;`, `DROP ROLE r`},
	{`GRANT a TO b`, `GRANT a TO b`},
	{`REVOKE "unmask" FROM "B"`, `REVOKE "unmask" FROM "B"`},
	{`GRANT unmask TO all`, `GRANT "unmask" TO all`},
	{`GRANT SELECT ON t TO r`, `GRANT SELECT ON TABLE t TO r`},
	{`GRANT SELECT PERMISSION, MODIFY ON COLUMNFAMILY k.t TO r`, `GRANT SELECT, MODIFY ON TABLE k.t TO r`},
	{`GRANT ALL ON KEYSPACE k TO r`, `GRANT ALL PERMISSIONS ON KEYSPACE k TO r`},
	{`REVOKE ALL PERMISSIONS ON ALL TABLES IN KEYSPACE K FROM "R"`, `REVOKE ALL PERMISSIONS ON ALL TABLES IN KEYSPACE k FROM "R"`},
	{`GRANT select_masked ON ALL KEYSPACES TO r`, `GRANT SELECT_MASKED ON ALL KEYSPACES TO r`},
	{`GRANT ALTER ON ROLE 'x y' TO r`, `GRANT ALTER ON ROLE "x y" TO r`},
	{`GRANT DESCRIBE ON ALL ROLES TO r`, `GRANT DESCRIBE ON ALL ROLES TO r`},
	{`GRANT EXECUTE ON FUNCTION k.f(int, text) TO r`, `GRANT EXECUTE ON ALL FUNCTIONS TO r`},
	{`GRANT EXECUTE ON ALL FUNCTIONS IN KEYSPACE k TO r`, `GRANT EXECUTE ON ALL FUNCTIONS TO r`},
	{`GRANT SELECT ON MBEAN 'x' TO r`, `GRANT SELECT ON ALL MBEANS TO r`},
	{`GRANT SELECT ON role TO r`, `GRANT SELECT ON TABLE role TO r`},
	{`LIST ROLES`, `LIST ROLES`},
	{`LIST ROLES OF x NORECURSIVE`, `LIST ROLES OF x NORECURSIVE`},
	{`LIST USERS`, `LIST USERS`},
	{`LIST ALL PERMISSIONS OF r`, `LIST ALL PERMISSIONS OF r`},
	{`LIST ALL ON t OF 'R' NORECURSIVE`, `LIST ALL PERMISSIONS ON TABLE t OF "R" NORECURSIVE`},
	{`LIST SELECT, MODIFY PERMISSION ON ALL ROLES`, `LIST SELECT, MODIFY ON ALL ROLES`},
	{`CREATE USER "x" WITH PASSWORD 'p'`, ``},
	{`CREATE USER x WITH LOGIN = true`, ``},
	{`CREATE USER x WITH PASSWORD = 'p'`, ``},
	{`CREATE USER x WITH GENERATED PASSWORD NOSUPERUSER`, `CREATE USER 'x' WITH GENERATED PASSWORD NOSUPERUSER`},
	{`CREATE ROLE x WITH PASSWORD 'p'`, ``},
	{`CREATE ROLE x SUPERUSER`, ``},
	{`CREATE ROLE x WITH LOGIN = true NOSUPERUSER`, ``},
	{`CREATE ROLE r WITH PASSWORD = 'a' AND HASHED PASSWORD = 'b'`, ``},
	{`CREATE ROLE r WITH LOGIN = true AND LOGIN = false`, ``},
	{`CREATE ROLE r WITH SUPERUSER = 'yes'`, ``},
	{`CREATE ROLE r WITH PASSWORD = a`, ``},
	{`GRANT ALTER PERMISSIONS ON t TO r`, ``},
	{`GRANT SELECT ON t`, ``},
	{`GRANT a`, ``},
	{`LIST`, ``},
	{`LIST SUPERUSERS`, ``},
	{`LIST ALL ON`, ``},

	// User types.
	{`create type if not exists ks."T" (a int, "B b" frozen<ks.address>, c list<frozen<address>>,)`, `CREATE TYPE IF NOT EXISTS ks."T" (a int, "B b" frozen<ks.address>, c list<frozen<address>>)`},
	{`CREATE TYPE t (type int, "select" text)`, `CREATE TYPE t (type int, "select" text)`},
	{`ALTER TYPE t ADD a int`, `ALTER TYPE t ADD a int`},
	{`ALTER TYPE IF EXISTS t ADD IF NOT EXISTS a tuple<int, t2>`, `ALTER TYPE IF EXISTS t ADD IF NOT EXISTS a tuple<int, t2>`},
	{`ALTER TYPE ks.t RENAME IF EXISTS a TO b AND "C" TO d`, `ALTER TYPE ks.t RENAME IF EXISTS a TO b AND "C" TO d`},
	{`ALTER TYPE t ALTER a TYPE text`, `ALTER TYPE t ALTER a TYPE text`},
	{`DROP TYPE IF EXISTS ks.t`, `DROP TYPE IF EXISTS ks.t`},
	{`CREATE TYPE t`, ``},
	{`CREATE TYPE t ()`, ``},
	{`CREATE TYPE t (a)`, ``},
	{`CREATE TYPE int (a int)`, ``},
	{`CREATE TYPE "list" (a int)`, ``},
	{`CREATE TYPE interval (a int)`, ``},
	{`DROP TYPE date`, ``},
	{`ALTER TYPE t ADD a int, b int`, ``},
	{`ALTER TYPE t ADD (a int)`, ``},
	{`ALTER TYPE t DROP a`, ``},

	// Known and refused.
	{`CREATE OR REPLACE FUNCTION f`, `CREATE OR REPLACE FUNCTION`},
	{`ADD IDENTITY 'x' TO ROLE 'r'`, `ADD IDENTITY`},
	{`DROP IDENTITY 'x'`, `DROP IDENTITY`},
	{`INSERT INTO t JSON '{}'`, `INSERT INTO t JSON '{}'`},
	{`insert into t json ? default null if not exists using ttl 5`, `INSERT INTO t JSON ? IF NOT EXISTS USING TTL 5`},
	{`INSERT INTO t JSON :row DEFAULT UNSET`, `INSERT INTO t JSON :row DEFAULT UNSET`},
	{`INSERT INTO t JSON '{}' DEFAULT`, ``},
	{`INSERT INTO t (a) VALUES ()`, ``},
	{`SELECT a FROM t USING RESOLUTION 5`, ``},
	{`SELECT a FROM t GROUP BY a AS b`, ``},
	{`SELECT a FROM t PER PARTITION 5`, ``},
	{`BEGIN BATCH SELECT a FROM t APPLY BATCH`, ``},
	{`BEGIN COUNTER BATCH USING TIMESTAMP 5 UPDATE t SET a = a + 1 WHERE k = 1; DELETE a FROM t WHERE k = 2 APPLY BATCH`, `BEGIN COUNTER BATCH USING TIMESTAMP 5 UPDATE t SET a = a + 1 WHERE k = 1; DELETE a FROM t WHERE k = 2; APPLY BATCH`},

	// Comments.
	{"-- one\nSELECT /* two\n */ * // three\nFROM t -- end", `SELECT * FROM t`},
}

func TestStatementsHaveOneCanonicalText(t *testing.T) {
	for _, c := range statements {
		stmt, err := Parse(c.text)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s\nis read as %s, want an error", c.text, Format(stmt))
			}
			continue
		}
		if err != nil {
			t.Errorf("%s\n%v", c.text, err)
			continue
		}
		if got := Format(stmt); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
		}
		checkRoundTrip(t, stmt)
	}
}

// checkRoundTrip holds Format against Parse: the canonical text reads back as the same tree.
func checkRoundTrip(t *testing.T, stmt Statement) {
	t.Helper()
	if _, refused := stmt.(*Unsupported); refused {
		return
	}
	text := Format(stmt)
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("canonical text does not parse: %v", err)
	}
	if got, want := dump(again), dump(stmt); got != want {
		t.Fatalf("%s\nreads back as %s\nwant          %s", text, got, want)
	}
}

func TestMarkersAreNumberedInTheOrderOfTheText(t *testing.T) {
	stmt, err := Parse(`UPDATE t USING TTL ? SET a = ?, b = :name WHERE k IN ? AND c = {'x': ?}`)
	if err != nil {
		t.Fatal(err)
	}
	u := stmt.(*Update)
	markers := []*Marker{
		u.Using.TTL.(*Marker), u.Set[0].(*SetColumn).Value.(*Marker), u.Set[1].(*SetColumn).Value.(*Marker),
		u.Where[0].(*InRelation).Marker, u.Where[1].(*ColumnRelation).Value.(*MapLiteral).Entries[0].Value.(*Marker),
	}
	for i, m := range markers {
		if m.Index != i {
			t.Errorf("marker %d has index %d", i, m.Index)
		}
	}
	if markers[2].Name != "name" || markers[0].Name != "" {
		t.Errorf("names of markers: %q, %q", markers[0].Name, markers[2].Name)
	}
}

func TestPositionsCountBytesLinesAndCharacters(t *testing.T) {
	text := "SELECT 'é\nü', b\n FROM t"
	stmt, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	s := stmt.(*Select)
	if got, want := s.Selectors[1].Term.Position(), (Pos{Offset: strings.Index(text, "b"), Line: 2, Column: 4}); got != want {
		t.Errorf("b stands at %+v, want %+v", got, want)
	}
	if got, want := s.From.Pos, (Pos{Offset: len(text) - 1, Line: 3, Column: 6}); got != want {
		t.Errorf("t stands at %+v, want %+v", got, want)
	}
}

func TestReservedWordsNeedQuotesAndOthersDoNot(t *testing.T) {
	for _, word := range unreservedWords {
		name := strings.ToLower(word)
		stmt, err := Parse("SELECT " + name + " FROM " + name + "." + name + " WHERE " + name + " = 1")
		if err != nil {
			t.Errorf("%s as a name: %v", word, err)
			continue
		}
		if got := stmt.(*Select).Selectors[0].Term.(*ColumnRef).Name; got != name {
			t.Errorf("%s as a column is %q", word, got)
		}
	}
	for _, word := range types.ReservedWords {
		if _, err := Parse("TRUNCATE TABLE " + word); err == nil {
			t.Errorf("%s is admitted as a name", word)
		}
		if _, err := Parse("TRUNCATE TABLE " + QuoteIdentifier(strings.ToLower(word))); err != nil {
			t.Errorf("%s in quotes: %v", word, err)
		}
	}
}

func TestParseTermReadsOneValue(t *testing.T) {
	for text, want := range map[string]string{
		"{'column':'ts'}": "{'column': 'ts'}", " -5 ": "-5", "[?, :a]": "[?, :a]", "f(1)+2": "f(1) + 2",
		"": "", "a": "", "1 2": "", "{'a'": "", "1;": "", "'": "",
	} {
		term, err := ParseTerm(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is read as %s", text, FormatTerm(term))
		case want != "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && FormatTerm(term) != want:
			t.Errorf("%q is read as %s, want %s", text, FormatTerm(term), want)
		}
	}
}

func TestQuoteIdentifier(t *testing.T) {
	for name, want := range map[string]string{
		"a": "a", "a_1": "a_1", "A": `"A"`, "1a": `"1a"`, `a"b`: `"a""b"`, "table": `"table"`, "key": "key", "true": `"true"`, "é": `"é"`, "": `""`,
	} {
		if got := QuoteIdentifier(name); got != want {
			t.Errorf("QuoteIdentifier(%q) = %s, want %s", name, got, want)
		}
	}
}

func TestLimitsHoldAtTheEdgeAndOnePast(t *testing.T) {
	nested := func(n int) string {
		return "INSERT INTO t (a) VALUES " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n)
	}
	sums := func(n int) string { return "SELECT 1" + strings.Repeat("+1", n) + " FROM t" }
	minus := func(n int) string { return "SELECT " + strings.Repeat("- ", n) + "1 FROM t" }
	types := func(n int) string {
		return "CREATE TABLE t (a " + strings.Repeat("list<", n) + "int" + strings.Repeat(">", n) + ")"
	}
	markers := func(n int) string { return "SELECT * FROM t WHERE a IN (?" + strings.Repeat(",?", n-1) + ")" }
	tokens := func(n int) string { return "SELECT" + strings.Repeat(" *", n-1) }
	for name, c := range map[string]struct {
		text  func(int) string
		max   int
		words string
	}{
		"brackets": {nested, NestingDepthMax - 1, "nest"},
		"sums":     {sums, NestingDepthMax - 1, "nest"},
		"minus":    {minus, NestingDepthMax - 1, "nest"},
		"types":    {types, NestingDepthMax, "nest"},
		"markers":  {markers, MarkersMax, "bind markers"},
		"tokens":   {tokens, TokensMax, "tokens"},
		"bytes":    {func(n int) string { return strings.Repeat(" ", n) }, StatementBytesMax, "bytes"},
	} {
		if _, err := Parse(c.text(c.max)); err != nil && strings.Contains(err.Error(), c.words) {
			t.Errorf("%s at the limit: %.200v", name, err)
		}
		if _, err := Parse(c.text(c.max + 2)); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s past the limit: %.200v", name, err)
		}
	}
}
