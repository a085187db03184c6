package live

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
)

const (
	levelsRounds     = 5
	levelsRoundsSoak = 300
	levelsSensors    = 3
	levelsSpan       = 400 // half seconds in which the rows of a sensor lie
)

// levelsOfReadings are three levels of one table and one on another zone, with retentions that nothing of the load has passed.
var levelsOfReadings = []string{
	createKeyspace,
	`CREATE TABLE k.readings (sensor int, ts timestamp, value bigint, weight double, PRIMARY KEY ((sensor), ts))
		WITH CLUSTERING ORDER BY (ts DESC) AND time_bucket = {'column': 'ts', 'size': '1h'} AND retention = {'duration': '2d', 'by': 'ts'}
		AND rollups = {'1s': '1d', '10s': '2d', '1m': 'forever'}`,
	`CREATE ROLLUP k.wide ON k.readings AS SELECT sensor, count(*), percentile(weight, 0.5), distinct(value), stddev(value)
		GROUP BY sensor, time_bucket(ts, 30s) WITH time_zone = 'Europe/Berlin'`,
}

// levelsLate is made again and again while others write, and so is filled from the rows that are there.
const levelsLate = "CREATE ROLLUP k.late ON k.readings_10s AS SELECT sensor, count(value), sum(value) GROUP BY sensor, floor(ts, 30s)"

// levelsWrites makes statements on few rows of an hour ago, some on rows of now, and some on rows past their retention.
func levelsWrites(from int64) func(*rand.Rand) string {
	return func(rng *rand.Rand) string {
		sensor, at, v := rng.IntN(levelsSensors), from+500*rng.Int64N(levelsSpan), rng.IntN(1000)
		row := fmt.Sprintf("WHERE sensor = %d AND ts = %d", sensor, at)
		switch rng.IntN(16) {
		case 0:
			return "DELETE FROM k.readings " + row
		case 1:
			return fmt.Sprintf("DELETE FROM k.readings WHERE sensor = %d AND ts > %d AND ts <= %d", sensor, at, at+500*rng.Int64N(90))
		case 2:
			return "DELETE value FROM k.readings " + row
		case 3:
			return fmt.Sprintf("UPDATE k.readings SET value = %d %s", v, row)
		case 4:
			return fmt.Sprintf("BEGIN BATCH INSERT INTO k.readings (sensor, ts, value) VALUES (%d, %d, %d); INSERT INTO k.readings (sensor, ts, value) VALUES (%d, %d, %d); APPLY BATCH",
				sensor, at, v, (sensor+1)%levelsSensors, at, v)
		case 5: // it expires long before its windows are computed again
			return fmt.Sprintf("INSERT INTO k.readings (sensor, ts, value, weight) VALUES (%d, %d, %d, 1.5) USING TTL 1", levelsSensors, at, v)
		case 6:
			return fmt.Sprintf("INSERT INTO k.readings (sensor, ts, value, weight) VALUES (%d, toTimestamp(now()), %d, 0.1)", levelsSensors+1, v)
		case 7: // it has ended already
			return fmt.Sprintf("INSERT INTO k.readings (sensor, ts, value) VALUES (%d, %d, %d)", levelsSensors+2, at-3*86_400_000, v)
		case 8:
			if v < 20 {
				return fmt.Sprintf("DELETE FROM k.readings WHERE sensor = %d", sensor)
			}
		}
		return fmt.Sprintf("INSERT INTO k.readings (sensor, ts, value, weight) VALUES (%d, %d, %d, %d.25)", sensor, at, v, v%7)
	}
}

// TestKillWithLevels: sixteen writers change the rows of three sensors of a table with three levels of rollups and a retention, while
// another rollup is made and dropped, until the server is killed. After each restart every level comes out as CHECK and
// the test compute it.
func TestKillWithLevels(t *testing.T) {
	t.Parallel()
	rounds := levelsRounds
	if os.Getenv("ESKER_SOAK") != "" {
		rounds = levelsRoundsSoak
	}
	seed := rand.Uint64()
	if text := os.Getenv("ESKER_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("ESKER_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	data := dataDir(t)
	server := Start(t, data)
	execute(t, dial(t, server, client.Options{}), levelsOfReadings...)
	from := time.Now().Add(-time.Hour).Truncate(time.Minute).UnixMilli()
	load := &writersLoad{}
	kills, windows := 0, 0
	for round := range rounds {
		changes := []string{"DROP ROLLUP IF EXISTS k.late", levelsLate, "REFRESH ROLLUP k.readings_10s"}
		load.round(t, server, rng, 500+rng.IntN(2000), levelsWrites(from), changes[:2+round%2])
		if server.Wait() == SignalledCode {
			kills++
		}
		sound(t, data)
		server = Start(t, data)
		windows += checkLevels(t, dial(t, server, client.Options{}))
		if t.Failed() {
			t.Fatalf("round %d: see above", round)
		}
	}
	fmt.Fprintf(t.Output(), "sample %d/%d kills of a server with levels of rollups\n", rounds, levelsRoundsSoak)
	t.Logf("%d statements of %d writers, %d changes of rollups, %d kills, %d windows compared: 0 differences",
		load.statements.Load(), writers, load.changes.Load(), kills, windows)
}

// checkLevels waits until no window is dirty, checks every rollup, computes those of readings anew, and returns how many
// windows it computed.
func checkLevels(t *testing.T, conn *client.Conn) int {
	t.Helper()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for _, name := range awaitClean(t, conn, poll) {
		for _, found := range rows(t, conn, "CHECK ROLLUP k."+name) {
			t.Errorf("%s", bytes.Join(found, []byte(" | ")))
		}
	}
	raw := rows(t, conn, fmt.Sprintf("SELECT sensor, ts, value FROM k.readings WHERE sensor IN (0, 1, %d)", levelsSensors-1))
	if of := rows(t, conn, fmt.Sprintf("SELECT ts FROM k.readings WHERE sensor = %d", levelsSensors+2)); len(of) > 0 {
		t.Errorf("%d rows past their retention show", len(of))
	}
	compared := 0
	for name, step := range map[string]int64{"readings_1s": 1000, "readings_10s": 10_000, "readings_1m": 60_000} {
		want := map[string]figures{}
		for _, cells := range raw {
			at := types.DecodeInt64(cells[1])
			w := fmt.Sprint(types.DecodeInt64(cells[0]), " ", at-at%step)
			f, any := want[w]
			if cells[2] != nil {
				v := types.DecodeInt64(cells[2])
				if !any || f.count == 0 {
					f.lowest, f.highest = v, v
				}
				f = figures{f.count + 1, f.sum + v, min(f.lowest, v), max(f.highest, v)}
			}
			want[w] = f
		}
		text := fmt.Sprintf("SELECT sensor, ts, count_value, sum_value, min_value, max_value FROM k.%s WHERE sensor IN (0, 1, %d)", name, levelsSensors-1)
		for _, cells := range rows(t, conn, text) {
			w := fmt.Sprint(types.DecodeInt64(cells[0]), " ", types.DecodeInt64(cells[1]))
			f := figures{types.DecodeInt64(cells[2]), types.DecodeInt64(cells[3]), types.DecodeInt64(cells[4]), types.DecodeInt64(cells[5])}
			if should, ok := want[w]; !ok || f != should {
				t.Errorf("%s, sensor and window %s: %+v, computed %+v", name, w, f, should)
			}
			delete(want, w)
			compared++
		}
		for w := range want {
			t.Errorf("%s has no window %s", name, w)
		}
	}
	return compared
}

// awaitClean waits until every rollup of k is live and has no dirty window, and returns their names.
func awaitClean(t *testing.T, conn *client.Conn, poll *time.Ticker) (names []string) {
	t.Helper()
	for {
		names = nil
		all := rows(t, conn, "SELECT rollup_name, dirty_windows FROM system_views.rollups WHERE keyspace_name = 'k'")
		dirty := slices.ContainsFunc(all, func(row [][]byte) bool { return types.DecodeInt64(row[1]) > 0 })
		for _, row := range all {
			names = append(names, string(row[0]))
		}
		if !dirty {
			return names
		}
		<-poll.C
	}
}
