package database

import (
	"fmt"
	"testing"
)

// A chain of as many levels as there may be is told of at once: each level looks once at those below it.
func TestALongChainOfLevelsIsToldOf(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, ts timestamp, v int, PRIMARY KEY (k, ts))")
	source, step := "t", int64(1)
	for range 32 {
		name := fmt.Sprintf("t_%ds", step)
		w.run(fmt.Sprintf("CREATE ROLLUP ks.%s ON ks.%s AS SELECT k, floor(ts, %ds), count(v) GROUP BY k, floor(ts, %ds)", name, source, step, step))
		source, step = name, 2*step
	}
	w.run("INSERT INTO ks.t (k, ts, v) VALUES (1, 5000, 1)")
	if got := len(w.rows("SELECT * FROM system_views.rollups WHERE keyspace_name = 'ks'")); got != 32 {
		t.Errorf("%d rollups are told of", got)
	}
}
