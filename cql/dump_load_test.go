package cql

import "testing"

// Texts as Cassandra's own DESCRIBE and the drivers write them.
func TestTextsOfCassandraAndItsDriversAreRead(t *testing.T) {
	for _, text := range []string{
		`CREATE KEYSPACE iot WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3'}  AND durable_writes = true;`,
		`CREATE TABLE iot.readings (
    device_id text,
    ts timestamp,
    site text static,
    "Value" double,
    tags set<text>,
    PRIMARY KEY (device_id, ts)
) WITH CLUSTERING ORDER BY (ts DESC)
    AND bloom_filter_fp_chance = 0.01
    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}
    AND comment = ''
    AND compaction = {'class': 'org.apache.cassandra.db.compaction.TimeWindowCompactionStrategy', 'compaction_window_size': '1', 'max_threshold': '32'}
    AND compression = {'chunk_length_in_kb': '64', 'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}
    AND crc_check_chance = 1.0
    AND dclocal_read_repair_chance = 0.1
    AND default_time_to_live = 0
    AND gc_grace_seconds = 864000
    AND max_index_interval = 2048
    AND memtable_flush_period_in_ms = 0
    AND read_repair_chance = 0.0
    AND speculative_retry = '99PERCENTILE';`,
		`CREATE TABLE ks.t (k int PRIMARY KEY) WITH ID = 5a1c395e-b41f-11e5-9f22-ba0be0483c18 AND additional_write_policy = '99p' AND allow_auto_snapshot = true
    AND cdc = false AND extensions = {} AND incremental_backups = true AND memtable = 'default' AND read_repair = 'BLOCKING' AND extensions = {'esker.rollups': 0x7b7d};`,
		`CREATE MATERIALIZED VIEW ks.v AS
    SELECT *
    FROM ks.t
    WHERE a IS NOT NULL AND k IS NOT NULL
    PRIMARY KEY (a, k)
 WITH CLUSTERING ORDER BY (k ASC)
    AND comment = '';`,
		`SELECT * FROM system.local WHERE key='local'`,
		`SELECT peer, data_center, host_id, rack, release_version, rpc_address, schema_version, tokens FROM system.peers`,
		`SELECT * FROM system_schema.tables WHERE keyspace_name = 'iot' AND table_name = ?`,
		`SELECT writetime(v), ttl(v), "token", tojson(v) FROM ks.t WHERE token(k) > token(?) LIMIT 10`,
		`insert into ks.t (key, value, timestamp) values (:key, :value, :timestamp)`,
	} {
		stmt, err := Parse(text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		checkRoundTrip(t, stmt)
	}
}

func TestKeywordsAreSortedAndDistinct(t *testing.T) {
	words := Keywords()
	for i, w := range words {
		if i > 0 && words[i-1] >= w {
			t.Errorf("%s after %s", w, words[i-1])
		}
		if len(w) > keywordBytesMax {
			t.Errorf("%s is longer than %d bytes", w, keywordBytesMax)
		}
	}
}
