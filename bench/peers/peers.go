package main

import "github.com/cockroachdb/pebble/v2/sstable"

const (
	eskerInProcess = "esker, in process"
	eskerOverCQL   = "esker, over CQL"
)

// all are the peers. Ratios are to esker reached in the same way.
var all = []peer{
	{eskerInProcess, "atomic writes of 500 rows of many devices, each durable, 2 writers", eskerInProcess, openEsker},
	{"Pebble 2, snappy", "batches of 500 rows, each synced, 2 writers; key device and time, packed value; 64 MiB memtable and cache", eskerInProcess, openPebble(sstable.SnappyCompression)},
	{"Pebble 2, zstd", "the same", eskerInProcess, openPebble(sstable.ZstdCompression)},
	{"SQLite", "transactions of 500 rows, WAL, synchronous=FULL; WITHOUT ROWID; VACUUM before it is measured", eskerInProcess, openSQLite},
	{"DuckDB", "appender, durable every 122,880 rows: it has no fast way to write fewer; no index", eskerInProcess, openDuckDB},
	{eskerOverCQL, "gocql: UNLOGGED batches of 100 rows of one partition from 32 goroutines, acknowledged is durable; single rows from 256 goroutines", eskerOverCQL, openEskerServer},
	{"Apache Cassandra 5.0.5, over CQL", "the same; its default commit log, which is not durable when it answers; major compaction before reads", eskerOverCQL, openCassandra},
}
