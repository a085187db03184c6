package database

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/planner"
)

// The buckets of a table are those its rows lie in, in memory and in files.
func TestBucketsView(t *testing.T) {
	w := newWorld(t, "USE ks", "CREATE TABLE t (k int, c timestamp, v int, PRIMARY KEY (k, c)) WITH time_bucket = {'column': 'c', 'size': '1d'}",
		"CREATE TABLE plain (k int PRIMARY KEY)", "INSERT INTO ks.plain (k) VALUES (1)")
	const read = "SELECT table_name, bucket_start, bucket_end, epoch, partitions, rows FROM system_views.buckets WHERE keyspace_name = 'ks'"
	w.expect(read)
	for day := range 3 {
		for k := range day + 1 {
			for hour := range 4 {
				w.run(fmt.Sprintf("INSERT INTO ks.t (k, c, v) VALUES (%d, '2001-09-%02d %02d:00:00+0000', 1)", k, 7+day, 5*hour))
			}
		}
	}
	want := []string{
		"t 999820800000 999907200000 0 1 4", "t 999907200000 999993600000 0 2 8", "t 999993600000 1000080000000 0 3 12",
	}
	w.expect(read, want...)
	w.expect(read+" AND table_name = 't' AND bucket_start >= '2001-09-08' LIMIT 1", want[1])
	w.expect("SELECT table_name, bucket_start, bucket_end, epoch, partitions, rows FROM system_views.buckets WHERE keyspace_name = 'ks' AND table_name = 't' ORDER BY table_name DESC LIMIT 1", want[2])
	w.expect("SELECT sum(bytes) FROM system_views.buckets WHERE keyspace_name = 'ks'", "0")
	w.run("ADMIN FLUSH ks.t", "ADMIN COMPACT ks.t")
	rows, bytes := w.rows("SELECT sum(rows) FROM system_views.buckets"), w.rows("SELECT sum(bytes) FROM system_views.buckets")
	stats := strings.Fields(w.rows("ADMIN TABLESTATS ks.t")[0])
	if rows[0] != "24" || bytes[0] != stats[3] {
		t.Errorf("rows %v, bytes %v; the table has %q", rows, bytes, stats)
	}
	w.db.store = stored{Local{w.store}}
	w.expect(read)
}

// A bucket is of the step that made it, also after the table has another.
func TestEpochsOfBuckets(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, c timestamp, PRIMARY KEY (k, c)) WITH time_bucket = {'column': 'c', 'size': '6h'}")
	w.run("INSERT INTO ks.t (k, c) VALUES (1, '2001-09-07 01:00:00+0000')", "INSERT INTO ks.t (k, c) VALUES (1, '2001-09-07 05:00:00+0000')", "ADMIN FLUSH ks.t")
	w.run("ALTER TABLE ks.t WITH time_bucket = {'column': 'c', 'size': '1d'}", "INSERT INTO ks.t (k, c) VALUES (1, '2001-09-08 12:00:00+0000')")
	const read = "SELECT bucket_start, bucket_end, epoch, rows FROM system_views.buckets WHERE keyspace_name = 'ks' AND table_name = 't'"
	want := []string{"999820800000 999842400000 0 2", "999907200000 999993600000 1 1"}
	w.expect(read, want...)
	w.run("ADMIN FLUSH ks.t")
	w.expect(read, want...)
	w.reopen()
	w.expect(read, want...)
}

// A partition may take exactly as many rows a second as its table says.
func TestPartitionWriteRate(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, c int, v int, b blob, PRIMARY KEY (k, c)) WITH partition_write_rate_max = 3")
	refusedRate := func(text, want string) {
		t.Helper()
		var limited *RateError
		if _, err := w.try(text); !errors.As(err, &limited) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
	for c := range 3 {
		w.run(fmt.Sprintf("INSERT INTO ks.t (k, c, v) VALUES (1, %d, 0)", c))
	}
	refusedRate("INSERT INTO ks.t (k, c, v) VALUES (1, 3, 0)", "partition 1 of table ks.t takes 3 rows a second at most, its partition_write_rate_max. Nothing was written; try again in 334 ms")
	w.run("INSERT INTO ks.t (k, c, v) VALUES (2, 3, 0)") // another partition
	refusedRate("BEGIN BATCH INSERT INTO ks.t (k, c) VALUES (2, 4); DELETE FROM ks.t WHERE k = 2 AND c = 3; INSERT INTO ks.t (k, c) VALUES (2, 5); APPLY BATCH", "partition 2")
	refusedRate("BEGIN BATCH INSERT INTO ks.t (k, c) VALUES (3, 1); UPDATE ks.t SET v = 1 WHERE k = 1 AND c = 9; APPLY BATCH", "partition 1")
	w.refused("BEGIN BATCH INSERT INTO ks.t (k, c) VALUES (5, 1); INSERT INTO ks.t (k, c) VALUES (5, 2); INSERT INTO ks.t (k, c) VALUES (5, 3); INSERT INTO ks.t (k, c) VALUES (5, 4); APPLY BATCH",
		"writes 4 rows of partition 5 of table ks.t at once, more than a second's")
	w.expect("SELECT k, c FROM ks.t", "1 0", "1 1", "1 2", "2 3")
	const views = "SELECT rows_per_second_max, refused_statements, refused_rows, last_partition, last_refused FROM system_views.write_limits WHERE keyspace_name = 'ks'"
	w.expect(views, "3 4 9 5 1000000000000")
	w.clock.Advance(334 * time.Millisecond)
	w.run("INSERT INTO ks.t (k, c, v) VALUES (1, 3, 0)")
	refusedRate("INSERT INTO ks.t (k, c, v) VALUES (1, 4, 0)", "partition 1")

	// What the store refuses was not taken.
	w.clock.Advance(time.Hour)
	huge := strings.Repeat("00", 6<<20)
	for range 4 {
		w.refused("UPDATE ks.t SET b = 0x"+huge+" WHERE k = 1 AND c = 0", "too large")
	}

	w.run("ALTER TABLE ks.t WITH partition_write_rate_max = 0")
	for c := range 10 {
		w.run(fmt.Sprintf("INSERT INTO ks.t (k, c, v) VALUES (1, %d, 0)", c))
	}
	w.run("ALTER TABLE ks.t WITH partition_write_rate_max = 2")
	w.reopen()
	w.expect(views, "2 0 0 null null")
	w.run("INSERT INTO ks.t (k, c) VALUES (1, 0)", "INSERT INTO ks.t (k, c) VALUES (1, 1)")
	refusedRate("INSERT INTO ks.t (k, c) VALUES (1, 2)", "2 rows a second")
	describe := strings.Join(w.rows("DESCRIBE TABLE ks.t"), "\n")
	if !strings.Contains(describe, "AND partition_write_rate_max = 2;") {
		t.Error(describe)
	}
	w.run("DROP TABLE ks.t")
	if n := len(w.db.limits.refusal); n != 0 {
		t.Errorf("%d dropped tables are remembered", n)
	}
	var config *planner.ConfigError
	if _, err := w.try("CREATE TABLE ks.u (k int PRIMARY KEY) WITH partition_write_rate_max = -1"); !errors.As(err, &config) {
		t.Error(err)
	}
	w.run("CREATE TABLE ks.base (k int PRIMARY KEY, v int)")
	w.refused("CREATE QUERY TABLE ks.q ON ks.base (v) PRIMARY KEY ((v), k) WITH partition_write_rate_max = 5", "belongs to the base table")
}

// Statements of few partitions are counted one by one: reads, rows written, and bytes of keys and values.
func TestTopPartitionsView(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (a text, b int, c int, v text, PRIMARY KEY ((a, b), c))", "CREATE TABLE ks.u (k int PRIMARY KEY, v blob)")
	const read = "SELECT table_name, rank, partition, reads, writes FROM system_views.top_partitions WHERE keyspace_name = 'ks'"
	w.expect(read)
	for c := range 30 {
		w.run(fmt.Sprintf("INSERT INTO ks.t (a, b, c, v) VALUES ('it''s', 1, %d, 'value')", c))
	}
	w.run("BEGIN BATCH INSERT INTO ks.t (a, b, c) VALUES ('x', 2, 0); INSERT INTO ks.t (a, b, c) VALUES ('x', 2, 1); DELETE FROM ks.t WHERE a = 'x' AND b = 3; APPLY BATCH",
		"INSERT INTO ks.u (k, v) VALUES (7, 0x"+strings.Repeat("00", 5000)+")")
	w.expect("SELECT count(*) FROM ks.t WHERE a = 'x' AND b = 2", "2")
	for range 3 {
		w.rows("SELECT * FROM ks.t WHERE a = 'x' AND b = 3")
		w.rows("SELECT * FROM ks.u WHERE k = 7")
	}
	w.expect(read, "t 1 ('it''s', 1) 0 30", "t 2 ('x', 3) 3 1", "t 3 ('x', 2) 1 2", "u 1 7 3 1")
	w.expect("SELECT bytes FROM system_views.top_partitions WHERE keyspace_name = 'ks' AND table_name = 'u'", "20004")
	w.clock.Advance(11 * time.Minute)
	w.expect(read)
}

// The largest partitions are those with the most bytes in files, however many files they lie in.
func TestLargePartitionsView(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (a text, c int, v text, PRIMARY KEY (a, c))")
	rng := rand.New(rand.NewPCG(1, 2))
	const read = "SELECT table_name, rank, partition, rows FROM system_views.large_partitions WHERE keyspace_name = 'ks' AND table_name = 't'"
	for c := range 20 {
		w.run(fmt.Sprintf("INSERT INTO ks.t (a, c, v) VALUES ('small', %d, 'v')", c))
		if c%2 == 0 {
			noise := make([]byte, 500) // which does not become smaller
			for i := range noise {
				noise[i] = byte(rng.Uint32())
			}
			w.run(fmt.Sprintf("INSERT INTO ks.t (a, c, v) VALUES ('it''s large', %d, '%x')", c, noise))
		}
	}
	w.expect(read)
	w.run("ADMIN FLUSH ks.t", "INSERT INTO ks.t (a, c) VALUES ('small', 100)", "DELETE FROM ks.t WHERE a = 'gone'", "DELETE v FROM ks.t WHERE a = 'small' AND c = 3", "ADMIN FLUSH ks.t")
	w.expect(read, "t 1 'it''s large' 10", "t 2 'small' 22", "t 3 'gone' 0")
	if stats := strings.Fields(w.rows("ADMIN TABLESTATS ks.t")[0]); stats[9] != "1" || stats[10] != "2" {
		t.Errorf("two tombstones in one file: %q", stats)
	}
	w.reopen()
	w.expect(read, "t 1 'it''s large' 10", "t 2 'small' 22", "t 3 'gone' 0")
	if got := w.rows("SELECT request_count FROM system_views.caches WHERE name = 'blocks'"); len(got) != 1 {
		t.Error(got)
	}
}
