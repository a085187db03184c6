package planner

import (
	"testing"

	"github.com/eskerdb/esker/cql"
)

// FuzzPrepare: whatever can be parsed is planned or refused, and bound or refused, whatever is bound.
func FuzzPrepare(f *testing.F) {
	for _, seed := range []string{
		"SELECT * FROM t WHERE k = ? AND c > ? ORDER BY c LIMIT ?", "SELECT k, count(v), avg(v) FROM t WHERE token(k) > ? GROUP BY k ALLOW FILTERING",
		"SELECT TTL(v), writetime(w) FROM t WHERE k IN ? AND (c, d) > (1, ?) PER PARTITION LIMIT 1", "SELECT floor(ts, 1h), max(v) FROM r WHERE k = 1 GROUP BY k, floor(ts, 1h)",
		"SELECT DISTINCT k, s FROM t", "SELECT JSON * FROM system.local", "SELECT cast(v AS text) FROM mv WHERE v = 1",
		"INSERT INTO t (k, c, d, v, w) VALUES (?, :x, 1, now(), 'a') USING TTL ? AND TIMESTAMP ?", "INSERT INTO t (k, s) VALUES ([1, ?], {1: 2})",
		"UPDATE t USING TTL 1 SET v = ?, s = (int) ? WHERE k IN (?, ?) AND c IN ? AND d = ?", "UPDATE t SET v[1] = 2, w.x = 3, v += 1 WHERE k = 1",
		"DELETE v, s FROM t USING TIMESTAMP ? WHERE k = ? AND c >= ? AND c < ?", "DELETE FROM one WHERE k = 0 AND c > 1 AND c = 5", "DELETE FROM t WHERE k = 1 AND d > ? AND c = ?",
		"BEGIN BATCH USING TIMESTAMP ? INSERT INTO t (k, s) VALUES (1, 2); DELETE FROM t WHERE k = ?; APPLY BATCH",
		"CREATE TABLE x (k int, ts timestamp, v double, PRIMARY KEY (k, ts)) WITH CLUSTERING ORDER BY (ts DESC) AND rollups = {'1h': 'forever'} AND time_bucket = {'column': 'ts', 'size': '1d'}",
		"CREATE QUERY TABLE q ON one (v) PRIMARY KEY ((c), k)", "CREATE MATERIALIZED VIEW m AS SELECT * FROM one WHERE k IS NOT NULL AND c IS NOT NULL PRIMARY KEY (c, k)",
		"ALTER TABLE one DROP v", "ALTER TABLE t RENAME k TO kk", "ALTER TABLE t ADD x frozen<map<text, int>>", "ALTER TABLE t WITH comment = 'x' AND compaction = '{}'",
		"CREATE ROLLUP x ON r AS SELECT k, floor(ts, 1d) AS ts, max(v) AS v, percentile(v, 0, 0.999), count(*) GROUP BY k, time_bucket(ts, 1d, 'Asia/Tokyo', '2026-01-01'), v WITH lateness = {'grace': '1m', 'max': '2d'} AND time_zone = 'Asia/Tokyo'",
		"CREATE ROLLUP x ON r_1h AS SELECT max(v) GROUP BY k, floor(ts, 1mo) WITH retention = {'duration': '90d'} AND comment = 'x'", "ALTER ROLLUP r_1h WITH retention = 'forever'",
		"REFRESH ROLLUP r_1h WHERE ts >= ? AND ts < ? AND k = ?", "CHECK ROLLUP r_1h SAMPLE ? REPAIR", "PAUSE ROLLUP r_1h", "DROP ROLLUP IF EXISTS r_1h", "ALTER TABLE r WITH rollups = {'1mo': '90d', '5m': 'forever'}", "DROP KEYSPACE ks", "DROP TABLE r", "TRUNCATE one",
		"DESCRIBE TABLE t", "EXPLAIN ANALYZE SELECT * FROM t WHERE k = ?", "USE ks", "CREATE TYPE a (b int)", "GRANT ALL ON KEYSPACE ks TO x", "CREATE INDEX ON t (v)", "CREATE CUSTOM INDEX i ON t (KEYS(v)) USING 'sai' WITH OPTIONS = {'ascii': true}", "DROP INDEX IF EXISTS i", "SELECT * FROM i WHERE m CONTAINS KEY ? AND m[?] = 1 ALLOW FILTERING",
		"SELECT k, c FROM i WHERE v = ? AND token(k) > ?", "SELECT DISTINCT k FROM i WHERE s IN (?)", "SELECT c FROM i WHERE m = ? AND c > 1 LIMIT ?", "SELECT v FROM i WHERE m[?] = ? AND k = ?",
		"ADMIN FLUSH ks", "ADMIN TABLESTATS ks.t WITH FILES", "ADMIN BACKUP '/b'",
	} {
		f.Add(seed, []byte{0, 0, 0, 1})
	}
	s := altered(f, writeSchema(f), "CREATE TABLE i (k int, c int, v text, m frozen<map<text, decimal>>, s int STATIC, PRIMARY KEY (k, c))",
		"CREATE INDEX ON i (v)", "CREATE INDEX ON i (c) USING 'sai'", "CREATE INDEX ON i (s)", "CREATE INDEX ON i (ENTRIES(m))", "CREATE INDEX ON i (FULL(m)) USING 'sai'")
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		tree, err := cql.Parse(text)
		if err != nil {
			return
		}
		p, err := Prepare(s, "ks", tree, nil)
		if err != nil {
			return
		}
		for i, m := range p.Markers {
			if m.Type == nil {
				t.Fatalf("%s: marker %d has no type", text, i)
			}
		}
		for _, v := range []Value{null, unset, {Bytes: value}, {Bytes: []byte{}}, given(1)} {
			values := make([]Value, len(p.Markers))
			for i := range values {
				values[i] = v
			}
			if plan, err := p.Bind(values, writeContext); err == nil && plan == nil {
				t.Fatalf("%s: neither plan nor error", text)
			}
		}
		_, _ = p.Bind(nil, writeContext) // the database counts values; here it must not crash
	})
}
