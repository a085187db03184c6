package lsm

import (
	"testing"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// What an estimate says is exact where nothing is written twice, and stays so as rows go to files.
func TestEstimateOfATable(t *testing.T) {
	const hour = 3_600_000
	table := testTable(1)
	table.Bucket = partition.Bucketing{SizeMillis: hour}
	s := mustOpen(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	defer func() { mustNot(t, s.Close()) }()
	mustNot(t, s.PutSchema([]byte("schema"), []mutation.Table{table}))
	if e, found := s.Estimate(table.ID); !found || e.Rows != 0 || e.Partitions != 0 || e.Files != 0 {
		t.Errorf("an empty table: %+v, %t", e, found)
	}
	if _, found := s.Estimate(mutation.TableID{9, 9}); found {
		t.Error("a table that is not there has an estimate")
	}
	for key := range 3 {
		for n := range int64(20) {
			mustApply(t, s, rowMutation(&table, key, 10*hour+n*hour/10, n+1))
		}
	}
	if e, _ := s.Estimate(table.ID); e.Rows != 60 || e.Partitions != 3 || e.Bytes == 0 || !e.Timed || e.From != 10*hour || e.To != 12*hour-hour/10+1 {
		t.Errorf("in memory: %+v", e)
	}
	mustNot(t, s.Flush(table.ID))
	mustNot(t, s.Compact(table.ID))
	e, _ := s.Estimate(table.ID)
	if e.Rows != 60 || e.Partitions != 3 || e.Bytes == 0 || e.Files != len(filesOf(s, table.ID)) {
		t.Errorf("in files: %+v", e)
	}
	if !e.Timed || e.From > 10*hour || e.To < 12*hour || e.To-e.From > 24*hour {
		t.Errorf("event times from %d to %d, which do not hold %d to %d closely", e.From, e.To, 10*hour, 12*hour)
	}
}

// Rows that were written while the table was not bucketed are of any time, in memory and in files.
func TestEstimateOfRowsOfUnknownTime(t *testing.T) {
	const hour = 3_600_000
	table := testTable(1)
	table.Bucket = partition.Bucketing{}
	s := mustOpen(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	defer func() { mustNot(t, s.Close()) }()
	mustNot(t, s.PutSchema([]byte("schema"), []mutation.Table{table}))
	if e, _ := s.Estimate(table.ID); e.Timed {
		t.Errorf("a table that is not bucketed: %+v", e)
	}
	mustApply(t, s, rowMutation(&table, 1, 10*hour, 1))
	table.Bucket = partition.Bucketing{SizeMillis: hour}
	mustNot(t, s.PutSchema([]byte("schema"), []mutation.Table{table}))
	mustApply(t, s, rowMutation(&table, 1, 20*hour, 2))
	for _, flush := range []bool{false, true} {
		if flush {
			mustNot(t, s.Flush(table.ID))
		} else if e, _ := s.Estimate(table.ID); !e.Timed {
			t.Errorf("memory knows: %+v", e)
		}
		if e, _ := s.Estimate(table.ID); e.Timed && (e.From > 10*hour || e.To <= 20*hour) {
			t.Errorf("flushed %t: %+v", flush, e)
		}
	}
}
