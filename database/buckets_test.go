package database

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// A table of size auto finds its size when rows come, changes it no more often than it may, and answers as its twin
// whose size never changes.
func TestAutoBuckets(t *testing.T) {
	const columns = " (k int, ts timestamp, v blob, PRIMARY KEY (k, ts)) WITH CLUSTERING ORDER BY (ts DESC) AND time_bucket = "
	w := newWorld(t,
		"CREATE TABLE auto"+columns+"{'column': 'ts', 'size': 'auto', 'target': '64KiB'}",
		"CREATE TABLE fixed"+columns+"{'column': 'ts', 'size': '1d'}")
	changes := 0
	defer w.db.Listen(func(Change) { changes++ })()
	rng := rand.New(rand.NewPCG(1, 2))
	load := func(from time.Time, n int, every time.Duration, bytes int) {
		for i := range n {
			v := make([]byte, bytes)
			for j := range v {
				v[j] = byte(rng.Uint32())
			}
			at := types.AppendTimestampMillis(nil, from.Add(time.Duration(i)*every).UnixMilli())
			for _, table := range []string{"auto", "fixed"} {
				if _, err := w.try("INSERT INTO "+table+" (k, ts, v) VALUES (?, ?, ?)", planner.Value{Bytes: types.AppendInt(nil, int32(i%3))}, planner.Value{Bytes: at}, planner.Value{Bytes: v}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	same := func(when string) {
		t.Helper()
		for _, q := range []string{
			"SELECT k, ts, v FROM %s", "SELECT ts FROM %s WHERE k = 1 LIMIT 7", "SELECT count(*), min(ts), max(ts) FROM %s",
			"SELECT ts, v FROM %s WHERE k = 2 AND ts > '2001-09-05' AND ts < '2001-09-07' ORDER BY ts ASC", "SELECT DISTINCT k FROM %s",
		} {
			if a, f := w.rows(fmt.Sprintf(q, "auto")), w.rows(fmt.Sprintf(q, "fixed")); fmt.Sprint(a) != fmt.Sprint(f) {
				t.Errorf("%s: %s: %d rows, want %d", when, fmt.Sprintf(q, "auto"), len(a), len(f))
			}
		}
	}
	bucket := func() (minutes int64, epoch int) {
		b := w.db.Schema().Table("ks", "auto").Bucket
		return b.Bucketing().SizeMillis / 60_000, b.Epoch
	}
	now := w.clock.Now() // 2001-09-09
	load(now.Add(-5*24*time.Hour), 1500, 5*time.Minute, 2000)
	w.run("ADMIN FLUSH ks.auto")
	if minutes, epoch := bucket(); minutes != 6*60 || epoch != 1 {
		t.Fatalf("%d minutes in epoch %d: 600 kB a day want 6 hours", minutes, epoch)
	}
	same("after the first change")

	// Ten times as much would want 15 minutes, but the size has to rest for one of its buckets.
	load(now, 1000, time.Second, 8000)
	w.clock.Advance(30 * time.Minute)
	w.run("ADMIN FLUSH ks.auto")
	if _, epoch := bucket(); epoch != 1 {
		t.Errorf("epoch %d within a bucket of the last change", epoch)
	}
	w.clock.Advance(12 * time.Hour)
	w.run("ADMIN COMPACT ks.auto")
	minutes, epoch := bucket()
	if minutes >= 6*60 || epoch != 2 {
		t.Errorf("%d minutes in epoch %d", minutes, epoch)
	}
	same("after the second change")
	w.run("INSERT INTO auto (k, ts) VALUES (1, '2001-09-06')", "INSERT INTO fixed (k, ts) VALUES (1, '2001-09-06')", "ADMIN FLUSH", "ADMIN COMPACT ks.auto", "ADMIN COMPACT ks.fixed")
	same("after a late row")
	w.reopen()
	same("after a restart")
	if again, e := bucket(); again != minutes || e != epoch {
		t.Errorf("%d minutes in epoch %d after a restart, was %d in %d", again, e, minutes, epoch)
	}
	if changes != 0 {
		t.Errorf("drivers were told of %d changes", changes)
	}
}

// A bucket column is adopted only where every row lies in the bucket of its time.
func TestAdoptionOfRowsThatAreThere(t *testing.T) {
	const adopt = "ALTER TABLE r WITH time_bucket = {'column': 'ts', 'size': '1d', 'as': 'day'}"
	w := newWorld(t, "CREATE TABLE r (k int, day date, ts timestamp, v int, PRIMARY KEY ((k, day), ts))",
		"INSERT INTO r (k, day, ts, v) VALUES (1, '2001-09-01', '2001-09-01', 1)",
		"INSERT INTO r (k, day, ts, v) VALUES (1, '2001-09-02', '2001-09-02T23:00:00Z', 2)",
		"INSERT INTO r (k, day, ts, v) VALUES (2, '2001-09-02', '2001-09-02', 3)",
		"INSERT INTO r (k, day, ts, v) VALUES (2, '2001-09-02', '2001-09-03', 4)",
	)
	_, err := w.try(adopt)
	if want := "time_bucket of table ks.r: column 'day' cannot be adopted, since a SELECT would not find all rows that are there: table ks.r: day is '2001-09-02', but a row whose ts is '2001-09-03T00:00:00.000Z' belongs to '2001-09-03'; leave day out, and the server fills it"; err == nil || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	if b := w.db.Schema().Table("ks", "r").Bucket; b != nil {
		t.Fatalf("%+v", b)
	}
	w.run("DELETE FROM r WHERE k = 2 AND day = '2001-09-02' AND ts = '2001-09-03'", "ADMIN FLUSH", adopt)
	// The file says nothing of the times of its rows until it was compacted, which may happen at once.
	if got, err := w.try("SELECT v FROM r WHERE k = 1 AND ts >= '2001-09-01'"); err == nil && got.Rows.RowCount != 2 {
		t.Errorf("%d rows", got.Rows.RowCount)
	} else if err != nil && !strings.Contains(err.Error(), "ADMIN COMPACT") {
		t.Error(err)
	}
	w.run("ADMIN COMPACT ks.r")
	if got := w.rows("SELECT v FROM r WHERE k = 1 AND ts >= '2001-09-01'"); len(got) != 2 {
		t.Errorf("%v", got)
	}
	w.run("ALTER TABLE r RENAME day TO date_of", "INSERT INTO r (k, ts, v) VALUES (2, '2001-09-03', 5)")
	if got := w.rows("SELECT v FROM r WHERE k = 2 AND ts >= '2001-09-01' AND ts < '2001-10-01'"); len(got) != 2 {
		t.Errorf("%v", got)
	}
}
