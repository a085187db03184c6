package main

import (
	"math"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/catalog"
)

var ofTable = []string{"keyspace", "table"}

// ofTables is a metric with a value for each table that has one.
func ofTables[N int | int64 | float64](value func(t *database.TableStatistics) (N, bool)) func(*counted, func(float64, ...string)) {
	return func(c *counted, add func(float64, ...string)) {
		for i := range c.database.Tables {
			t := &c.database.Tables[i]
			if n, ok := value(t); ok {
				add(float64(n), t.Table.Keyspace, t.Table.Name)
			}
		}
	}
}

// all is a value that every table has.
func all[N int | int64 | float64](value func(t *database.TableStatistics) N) func(*counted, func(float64, ...string)) {
	return ofTables(func(t *database.TableStatistics) (N, bool) { return value(t), true })
}

func tableCounter[N int | int64 | float64](name, help string, value func(t *database.TableStatistics) N) family {
	return family{name: "esker_table_" + name, kind: counter, labels: ofTable, help: help, read: all(value)}
}

func tableGauge[N int | int64 | float64](name, help string, value func(t *database.TableStatistics) N) family {
	return family{name: "esker_table_" + name, kind: gauge, labels: ofTable, help: help, read: all(value)}
}

var tableFamilies = []family{
	tableGauge("files", "Table files.", func(t *database.TableStatistics) int { return t.Store.Files }),
	tableGauge("file_bytes", "Bytes of table files.", func(t *database.TableStatistics) int64 { return t.Store.FileBytes }),
	tableGauge("file_rows", "Rows in table files; one in several files counts several times.", func(t *database.TableStatistics) int64 { return t.Store.FileRows }),
	tableGauge("tombstone_files", "Table files in which anything deletes.", func(t *database.TableStatistics) int { return t.Store.Tombstones }),
	tableGauge("memtable_bytes", "Bytes of memtables.", func(t *database.TableStatistics) int64 { return t.Store.MemtableBytes }),
	tableGauge("memtable_rows", "Rows in memtables.", func(t *database.TableStatistics) int64 { return t.Store.MemtableRows }),
	tableGauge("memtables", "Memtables: the active one, and those that wait to be flushed.", func(t *database.TableStatistics) int { return t.Store.Memtables }),
	tableGauge("runs", "Sorted runs that the files are: a read of one partition looks into one file of each, at most.", func(t *database.TableStatistics) int { return t.Store.Runs }),
	tableGauge("windows", "Ranges of event time that have files.", func(t *database.TableStatistics) int { return t.Store.Windows }),
	tableGauge("compaction_debt_ratio", "How much waits to be compacted; from 1 on compaction takes no rests.", func(t *database.TableStatistics) float64 { return t.Store.Debt }),
	tableCounter("flushes_total", "Flushes of memtables.", func(t *database.TableStatistics) int64 { return t.Store.Work.Flushes }),
	tableCounter("flushed_rows_total", "Rows that flushes wrote.", func(t *database.TableStatistics) int64 { return t.Store.Work.FlushedRows }),
	tableCounter("flushed_bytes_total", "Bytes of files that flushes wrote.", func(t *database.TableStatistics) int64 { return t.Store.Work.FlushedBytes }),
	tableCounter("flush_seconds_total", "Time that flushes took.", func(t *database.TableStatistics) float64 { return t.Store.Work.FlushTime.Seconds() }),
	tableCounter("compactions_total", "Compactions.", func(t *database.TableStatistics) int64 { return t.Store.Work.Compactions }),
	tableCounter("compaction_read_bytes_total", "Bytes of files that were merged.", func(t *database.TableStatistics) int64 { return t.Store.Work.BytesIn }),
	tableCounter("compaction_written_bytes_total", "Bytes of files that compactions wrote.", func(t *database.TableStatistics) int64 { return t.Store.Work.BytesOut }),
	tableCounter("compaction_seconds_total", "Time that compactions took.", func(t *database.TableStatistics) float64 { return t.Store.Work.CompactTime.Seconds() }),
	{name: "esker_table_write_amplification_ratio", kind: gauge, labels: ofTable, help: "Bytes of files that flushes and compactions wrote, by those that flushes wrote, since the start; of tables that were flushed.",
		read: ofTables(func(t *database.TableStatistics) (float64, bool) {
			w := &t.Store.Work
			return float64(w.FlushedBytes+w.BytesOut) / float64(max(w.FlushedBytes, 1)), w.FlushedBytes > 0
		})},
	tableCounter("dropped_files_total", "Files that left without being read: all their rows had ended.", func(t *database.TableStatistics) int64 { return t.Store.Work.Dropped }),
	tableCounter("ended_rows_total", "Rows that left the disk for being past a retention.", func(t *database.TableStatistics) int64 { return t.Store.Work.EndedRows }),
	tableCounter("ended_bytes_total", "Bytes that left the disk for being past a retention, about.", func(t *database.TableStatistics) int64 { return t.Store.Work.EndedBytes }),
	tableCounter("read_pages_total", "Pages of SELECTs.", func(t *database.TableStatistics) int64 { return t.Reads.Pages }),
	tableCounter("read_partitions_total", "Partitions that pages looked into.", func(t *database.TableStatistics) int64 { return t.Reads.Partitions }),
	tableCounter("read_buckets_total", "Time buckets that pages looked into.", func(t *database.TableStatistics) int64 { return t.Reads.Buckets }),
	tableCounter("read_files_total", "Files that pages looked into.", func(t *database.TableStatistics) int64 { return t.Reads.Files }),
	tableCounter("read_row_groups_total", "Row groups that pages decoded.", func(t *database.TableStatistics) int64 { return t.Reads.RowGroups }),
	tableCounter("read_row_groups_skipped_total", "Row groups that pages could leave out.", func(t *database.TableStatistics) int64 { return t.Reads.RowGroupsSkipped }),
	tableCounter("read_rows_total", "Rows that pages decoded.", func(t *database.TableStatistics) int64 { return t.Reads.Rows }),
	tableCounter("read_filtered_rows_total", "Rows that ALLOW FILTERING read and dropped.", func(t *database.TableStatistics) int64 { return t.Reads.Filtered }),
	tableCounter("read_tombstones_total", "Deletions that pages had to pass.", func(t *database.TableStatistics) int64 { return t.Reads.Tombstones }),
	tableCounter("read_warned_pages_total", "Pages that a guardrail warned of.", func(t *database.TableStatistics) int64 { return t.Reads.Warned }),
	tableCounter("read_failed_pages_total", "Pages that a guardrail gave up.", func(t *database.TableStatistics) int64 { return t.Reads.Failed }),
	tableCounter("rate_refused_statements_total", "Statements that partition_write_rate_max refused.", func(t *database.TableStatistics) int64 { return t.WriteLimit.Statements }),
	tableCounter("rate_refused_rows_total", "Rows of the statements that partition_write_rate_max refused.", func(t *database.TableStatistics) int64 { return t.WriteLimit.Rows }),
	{name: "esker_table_retention_waiting_rows", kind: gauge, labels: ofTable, help: "Rows that are past their retention and still on disk; of tables with a retention.", read: ofTables(waitingRows)},
	{name: "esker_table_retention_waiting_bytes", kind: gauge, labels: ofTable, help: "Bytes of files that are past their retention; of tables with a retention.", read: ofTables(waitingBytes)},
	{name: "esker_table_retention_late_rows_total", kind: counter, labels: ofTable, help: "Rows that were past their retention when they were written; of tables with a retention.", read: ofTables(lateRows)},
}

func waitingRows(t *database.TableStatistics) (int64, bool) {
	if t.Retention == nil {
		return 0, false
	}
	return t.Retention.RowsWaiting, true
}

func waitingBytes(t *database.TableStatistics) (int64, bool) {
	if t.Retention == nil {
		return 0, false
	}
	return t.Retention.BytesWaiting, true
}

func lateRows(t *database.TableStatistics) (int64, bool) {
	if t.Retention == nil {
		return 0, false
	}
	return t.Retention.LateExpired, true
}

// ofRollups is a metric with a value for each rollup.
func ofRollups[N int64 | float64 | int](name, kind, help string, value func(r *catalog.Rollup) N) family {
	return family{name: "esker_rollup_" + name, kind: kind, labels: ofTable, help: help, read: ofTables(func(t *database.TableStatistics) (N, bool) {
		if t.Rollup == nil {
			return 0, false
		}
		return value(t.Rollup), true
	})}
}

// moment is a time in seconds since 1970; there is none: 0.
func moment(millis int64) float64 {
	if millis == math.MinInt64 {
		return 0
	}
	return float64(millis) / 1000
}

var rollupFamilies = []family{
	ofRollups("dirty_windows", gauge, "Closed windows that are to be recomputed.", func(r *catalog.Rollup) int64 { return r.DirtyWindows }),
	ofRollups("waiting_marks", gauge, "Marks of windows to be recomputed, those of open windows too.", func(r *catalog.Rollup) int64 { return r.Waiting }),
	ofRollups("lag_seconds", gauge, "How long the window has been waiting that waits longest.", func(r *catalog.Rollup) float64 { return r.LagSeconds }),
	ofRollups("final_until_timestamp_seconds", gauge, "The windows that end at or before it are final; 0: none.", func(r *catalog.Rollup) float64 { return moment(r.FinalUntilMillis) }),
	ofRollups("sealed_until_timestamp_seconds", gauge, "The windows that end at or before it are sealed; 0: none.", func(r *catalog.Rollup) float64 { return moment(r.SealedUntilMillis) }),
	ofRollups("computed_rows_total", counter, "Rows that recomputations wrote.", func(r *catalog.Rollup) int64 { return r.RowsComputed }),
	ofRollups("backfilled_windows_total", counter, "Windows computed from rows that were there before the rollup.", func(r *catalog.Rollup) int64 { return r.WindowsBackfilled }),
	ofRollups("marks_total", counter, "Marks that statements wrote.", func(r *catalog.Rollup) int64 { return r.Marks }),
	ofRollups("late_rows_total", counter, "Rows that came when their window had closed.", func(r *catalog.Rollup) int64 { return r.LateRows }),
	ofRollups("late_sealed_total", counter, "Rows and deletions that came when their window was sealed.", func(r *catalog.Rollup) int64 { return r.LateSealed }),
	ofRollups("built_ratio", gauge, "Share of the time of the base that is computed, about.", func(r *catalog.Rollup) float64 { return r.Built }),
	ofRollups("failing", gauge, "1 if the last recomputation failed.", func(r *catalog.Rollup) int { return bit(r.LastError != "") }),
	{name: "esker_copy_built_ratio", kind: gauge, labels: ofTable, help: "How far a query table, view or index is built.", read: ofTables(func(t *database.TableStatistics) (float64, bool) { return t.Built, t.IsCopy() })},
	{name: "esker_copy_built_rows_total", kind: counter, labels: ofTable, help: "Rows that building a query table, view or index wrote.", read: ofTables(func(t *database.TableStatistics) (int64, bool) { return t.BuiltRows, t.IsCopy() })},
}
