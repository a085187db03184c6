package database

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// A store whose log takes small records alone has rollups of large rows, and of partitions with many open windows.
func TestRollupsOfAStoreOfSmallRecords(t *testing.T) {
	w := newWorld(t)
	w.recordBytesMax = 1 << 20
	w.reopen()
	w.run("CREATE TABLE ks.t (k int, ts timestamp, v text, PRIMARY KEY (k, ts))",
		"CREATE ROLLUP ks.t_1m ON ks.t AS SELECT k, floor(ts, 1m) AS ts, last(v) GROUP BY k, floor(ts, 1m)",
		"PAUSE ROLLUP ks.t_1m")
	from, rng := w.clock.Now().Add(-3*time.Hour), rand.New(rand.NewPCG(1, 1))
	for i := range 120 {
		var value strings.Builder // as the log packs them, the same text again is small
		for range 2500 {
			fmt.Fprintf(&value, "%016x", rng.Uint64())
		}
		w.run(fmt.Sprintf("INSERT INTO ks.t (k, ts, v) VALUES (1, %d, '%s')", from.Add(time.Duration(i)*time.Minute).UnixMilli(), value.String()))
	}
	w.run("RESUME ROLLUP ks.t_1m")
	w.settle()
	w.expect("SELECT count(*) FROM ks.t_1m WHERE k = 1", "120")
	w.run("PAUSE ROLLUP ks.t_1m", "DELETE FROM ks.t WHERE k = 1")
	const each, ahead = 500, 24_000
	for i := 0; i < ahead; i += each {
		var batch strings.Builder
		batch.WriteString("BEGIN UNLOGGED BATCH ")
		for j := range each {
			fmt.Fprintf(&batch, "INSERT INTO ks.t (k, ts, v) VALUES (1, %d, 'x'); ", w.clock.Now().Add(time.Duration(i+j)*time.Minute).UnixMilli())
		}
		batch.WriteString("APPLY BATCH")
		w.run(batch.String())
	}
	w.run("RESUME ROLLUP ks.t_1m")
	w.settle()
	w.expect("SELECT count(*) FROM ks.t_1m WHERE k = 1", "0")
	w.clock.Advance((ahead + 64) * time.Minute)
	w.settle()
	w.expect("SELECT count(*) FROM ks.t_1m WHERE k = 1", fmt.Sprint(ahead))
	w.expect("SELECT marks_waiting FROM system_views.rollup_progress WHERE keyspace_name = 'ks'", "0")
}
