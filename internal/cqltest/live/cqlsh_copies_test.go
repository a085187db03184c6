package live

import (
	"os"
	"path/filepath"
	"testing"
)

// everyOption is a schema with every option and every form of key that copies, indexes and buckets have.
const everyOption = `
	CREATE TABLE k.readings (device text, ts timestamp, site text, value double, status int, tags frozen<set<text>>,
		attrs frozen<map<text, text>>, "Mixed" text, note text static, PRIMARY KEY ((device), ts)) WITH CLUSTERING ORDER BY (ts DESC)
		AND time_bucket = {'column': 'ts', 'size': '1d', 'timezone': 'Europe/Berlin', 'origin': '2026-01-05', 'max_future': 'none'}
		AND partition_write_rate_max = 5000 AND comment = 'it''s bucketed';
	CREATE TABLE k.automatic (device text, ts bigint, value double, PRIMARY KEY ((device), ts))
		WITH time_bucket = {'column': 'ts', 'size': 'auto', 'unit': 'ms', 'target': '16MiB', 'max_past': '30d'} AND append_only = true;
	CREATE TABLE k.adopted (sensor text, day date, ts timestamp, value double, PRIMARY KEY ((sensor, day), ts))
		WITH time_bucket = {'column': 'ts', 'size': '1d', 'as': 'day', 'max_future': 'none'};
	CREATE TABLE k.windows (id int, ts timestamp, v int, PRIMARY KEY (id, ts))
		WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': 6};
	CREATE QUERY TABLE k.by_site ON k.readings * PRIMARY KEY ((site), ts, device) WITH CLUSTERING ORDER BY (ts ASC, device DESC);
	CREATE QUERY TABLE k.by_hour ON k.readings (value) WHERE value > 1.5 AND status IN (1, 2) PRIMARY KEY ((time_bucket(ts, 1h) AS hour), ts, device);
	CREATE QUERY TABLE k.by_tag ON k.readings (value, "Mixed") PRIMARY KEY ((UNNEST(tags) AS tag), ts, device)
		WITH retention = {'duration': '90d', 'by': 'ts'};
	CREATE QUERY TABLE k.by_day ON k.readings
		PRIMARY KEY ((floor(ts, 1d, '2026-01-01T12:00:00Z') AS d), time_bucket(ts, 1d, 'Europe/Berlin') AS b, "Mixed", ts, device)
		WITH default_time_to_live = 864000 AND time_bucket = {'column': 'b', 'size': '1d'};
	CREATE QUERY TABLE k.by_note ON k.readings (value) PRIMARY KEY ((note), device, ts);
	CREATE QUERY TABLE k.by_attr ON k.readings (value) PRIMARY KEY ((UNNEST(attrs)), time_bucket(ts, 1mo), device, ts);
	CREATE MATERIALIZED VIEW k.mv AS SELECT device, ts, status, value FROM k.readings
		WHERE status IS NOT NULL AND device IS NOT NULL AND ts IS NOT NULL PRIMARY KEY (status, device, ts) WITH CLUSTERING ORDER BY (device DESC, ts ASC);
	CREATE INDEX ON k.readings (site);
	CREATE INDEX by_status ON k.readings (status) USING 'sai';
	CREATE INDEX ON k.readings (VALUES(tags));
	CREATE INDEX ON k.readings (FULL(tags));
	CREATE INDEX ON k.readings (KEYS(attrs));
	CREATE INDEX ON k.readings (ENTRIES(attrs));
	CREATE INDEX ON k.readings ("Mixed");
	CREATE INDEX ON k.readings (note);
	CREATE INDEX ON k.readings (ts);
	CREATE INDEX ON k.adopted (sensor);
	CREATE QUERY TABLE k.adopted_by_hour ON k.adopted (value) PRIMARY KEY ((time_bucket(ts, 1h)), sensor, day, ts)`

// What cqlsh shows of a schema makes the same on an empty server, whatever is in it.
func TestCqlshDescribeOfCopies(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	cqlshOK(t, server, createKeyspace+";"+everyOption)
	schema := cqlshOK(t, server, "DESCRIBE KEYSPACE k")
	contains(t, schema, "time_bucket = {'column': 'ts', 'max_future': 'none', 'origin': '2026-01-05', 'size': '1d', 'timezone': 'Europe/Berlin'}",
		"'as': 'day'", "'size': 'auto', 'target': '16MiB', 'unit': 'ms'", "append_only = true", "partition_write_rate_max = 5000",
		"PRIMARY KEY ((UNNEST(tags) AS tag), ts, device)", "retention = {'by': 'ts', 'duration': '90d'}", "WHERE value > 1.5 AND status IN (1, 2)",
		"(entries(attrs))", "(full(tags))", "CREATE MATERIALIZED VIEW k.mv AS", "'compaction_window_size': '6'")
	file := filepath.Join(t.TempDir(), "schema.cql")
	if err := os.WriteFile(file, []byte(schema), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := Start(t, dataDir(t))
	load := Run(t, Command{Program: Tool(t, "cqlsh"), Args: []string{fresh.Host, fresh.Port, "-f", file}, Env: []string{"HOME=" + t.TempDir()}})
	if load.Code != 0 || load.Stderr != "" {
		t.Fatalf("%s\n%s", schema, load)
	}
	if again := cqlshOK(t, fresh, "DESCRIBE KEYSPACE k"); again != schema {
		t.Errorf("the schema\n%s\nloaded back is\n%s", schema, again)
	}
	contains(t, cqlshOK(t, fresh, "DESCRIBE INDEX k.readings_attrs_idx_1"), "CREATE INDEX readings_attrs_idx_1 ON k.readings (entries(attrs));")
	contains(t, cqlshOK(t, fresh, "DESCRIBE MATERIALIZED VIEW k.mv"), "CREATE MATERIALIZED VIEW k.mv AS")
	contains(t, cqlshOK(t, fresh, "DESCRIBE MATERIALIZED VIEW k.by_hour"), "CREATE QUERY TABLE k.by_hour ON k.readings (value)")
	contains(t, cqlshOK(t, fresh, "DESCRIBE TABLE k.by_tag"), "CREATE QUERY TABLE k.by_tag")
	contains(t, cqlshOK(t, fresh, "USE k; DESCRIBE TABLES"), "adopted", "automatic", "readings")
	restarted := fresh.Restart()
	if again := cqlshOK(t, restarted, "DESCRIBE KEYSPACE k"); again != schema {
		t.Errorf("after a restart\n%s", again)
	}
}

// Warnings and refusals of the server stand in front of the person at cqlsh, and small pages change nothing.
func TestCqlshShowsWhatServed(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t), "--guardrail", "page_size_warn_threshold=50", "--guardrail", "tombstone_warn_threshold=2")
	out := cqlshOK(t, server, createKeyspace+";"+everyOption+`;
		USE k;
		INSERT INTO readings (device, ts, site, value, status, tags, attrs) VALUES ('a', '2026-01-10T10:10:00Z', 'n', 2.5, 1, {'x', 'y'}, {'p': 'q'});
		INSERT INTO readings (device, ts, site, value, status, tags, attrs) VALUES ('b', '2026-01-10T11:10:00Z', 'n', 3.5, 2, {'x'}, {'p': 'r'});
		INSERT INTO readings (device, ts, value) VALUES ('b', '2026-01-10T11:20:00Z', 4.5);
		INSERT INTO adopted (sensor, ts, value) VALUES ('s', '2026-01-10T23:59:00Z', 1);
		INSERT INTO adopted (sensor, ts, value) VALUES ('s', '2026-01-11T00:01:00Z', 2);
		PAGING 1;
		SELECT device, value FROM readings WHERE site = 'n' AND ts > '2026-01-10T11:00:00Z';
		SELECT device, value AS contained FROM readings WHERE tags CONTAINS 'y';
		SELECT day, value FROM adopted WHERE sensor = 's' AND ts >= '2026-01-10' AND ts < '2026-01-12';
		SELECT time_bucket(ts, 1h) AS hour, count(*) AS n FROM readings WHERE device = 'a' AND ts >= '2026-01-10T09:00:00Z' AND ts < '2026-01-10T12:00:00Z'
			GROUP BY time_bucket(ts, 1h) FILL(null);
		PAGING OFF;
		CHECK QUERY TABLE by_site; REBUILD QUERY TABLE by_hour; CHECK QUERY TABLE by_hour REPAIR;
		EXPLAIN SELECT value FROM readings WHERE site = 'n' AND ts > '2026-01-10';
		DELETE FROM readings WHERE device = 'c' AND ts = 1; DELETE FROM readings WHERE device = 'c' AND ts = 2; DELETE FROM readings WHERE device = 'c' AND ts = 3;
		SELECT * FROM readings WHERE device = 'c';
		SELECT table_name, state FROM system_views.query_tables WHERE keyspace_name = 'k' AND base_table_name = 'adopted'`)
	contains(t, out, "query table k.by_site served this query", "      b |   3.5", "      a |       2.5", " 2026-01-10 |     1\n", " 2026-01-11 |     2\n", "(3 rows)",
		"by_site: 3 rows of k.readings and 2 rows of the copy compared, 0 divergences", "0 divergences, 0 mended", "use query table", "tombstone_warn_threshold 2",
		"adopted.adopted_sensor_idx |  live", "adopted_by_hour |  live")
	refused := cqlsh(t, server, "SELECT * FROM k.readings WHERE value = 2.5")
	contains(t, refused.Stderr, "InvalidRequest", "Create:  CREATE QUERY TABLE k.readings_by_value ON k.readings * PRIMARY KEY ((value), ts, device);")
}
