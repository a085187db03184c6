package live

import (
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
)

// pollEvery is how often a test looks whether the server has caught up.
const pollEvery = 10 * time.Millisecond

// awaitRollups waits until no window of k.readings_1h is dirty.
func awaitRollups(t *testing.T, conn *client.Conn) {
	t.Helper()
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	for {
		state := rows(t, conn, "SELECT dirty_windows FROM system_views.rollups WHERE keyspace_name = 'k' AND rollup_name = 'readings_1h'")
		if len(state) != 1 {
			t.Fatalf("system_views.rollups has %d rows for k.readings_1h", len(state))
		}
		if types.DecodeInt64(state[0][0]) == 0 {
			return
		}
		<-again.C
	}
}

// window is an hour of a sensor.
type window struct {
	sensor string
	start  int64
}

// figures are what the rollup says of it.
type figures struct{ count, sum, lowest, highest int64 }

// checkRollup computes every hour of k.readings anew and compares.
func checkRollup(t *testing.T, conn *client.Conn) {
	t.Helper()
	want := map[window]figures{}
	for _, cells := range rows(t, conn, "SELECT sensor, ts, value FROM k.readings") {
		ms, v := types.DecodeInt64(cells[1]), types.DecodeInt64(cells[2])
		w := window{string(cells[0]), ms - ms%3_600_000}
		f, ok := want[w]
		if !ok {
			f = figures{lowest: v, highest: v}
		}
		want[w] = figures{f.count + 1, f.sum + v, min(f.lowest, v), max(f.highest, v)}
	}
	got := rows(t, conn, "SELECT sensor, ts, count_value, sum_value, min_value, max_value FROM k.readings_1h")
	for _, cells := range got {
		w := window{string(cells[0]), types.DecodeInt64(cells[1])}
		sum := types.DecodeInt64(cells[3])
		if len(cells[3]) != 8 { // the sum of bigints may be a varint
			sum = types.DecodeVarint(cells[3]).Int64()
		}
		f := figures{types.DecodeInt64(cells[2]), sum, types.DecodeInt64(cells[4]), types.DecodeInt64(cells[5])}
		if f != want[w] {
			t.Errorf("rollup of %v: %+v, computed %+v", w, f, want[w])
		}
	}
	if len(got) != len(want) {
		t.Errorf("the rollup has %d windows, computed %d", len(got), len(want))
	}
}
