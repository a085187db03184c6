package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// gocql writes to a table with three copies and an index with everything in flight, routes by the keys that it is told,
// and reads what serves in small pages and at once.
func TestGocqlAndCopies(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)), func(c *gocql.ClusterConfig) {
		c.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	})
	run(t, s, createKeyspace,
		"CREATE TABLE k.r (device text, ts timestamp, site text, v double, level int, PRIMARY KEY (device, ts)) WITH time_bucket = {'column': 'ts', 'size': '1d', 'max_future': 'none'}",
		"CREATE QUERY TABLE k.by_site ON k.r * PRIMARY KEY ((site), ts, device)",
		"CREATE QUERY TABLE k.by_hour ON k.r (v) PRIMARY KEY ((time_bucket(ts, 1h) AS hour), ts, device)",
		"CREATE MATERIALIZED VIEW k.mv AS SELECT * FROM k.r WHERE v IS NOT NULL AND device IS NOT NULL AND ts IS NOT NULL PRIMARY KEY (v, device, ts)",
		"CREATE INDEX ON k.r (level)",
		"CREATE TABLE k.a (sensor text, day date, ts timestamp, v double, PRIMARY KEY ((sensor, day), ts)) WITH time_bucket = {'column': 'ts', 'size': '1d', 'as': 'day', 'max_future': 'none'}")
	begin := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	const rows, writers = 4000, 32
	var join sync.WaitGroup
	for w := range writers {
		join.Go(func() {
			for i := w; i < rows; i += writers {
				at := begin.Add(time.Duration(i) * time.Minute)
				err := s.Query("INSERT INTO k.r (device, ts, site, v, level) VALUES (?, ?, ?, ?, ?)", fmt.Sprint("d", i%7), at, fmt.Sprint("s", i%4), float64(i), i%10).Exec()
				if err == nil && i%10 == 0 {
					err = s.Query("INSERT INTO k.a (sensor, ts, v) VALUES (?, ?, ?)", "a", at, float64(i)).Exec()
				}
				if err != nil {
					t.Errorf("row %d: %v", i, err)
					return
				}
			}
		})
	}
	join.Wait()
	for _, name := range []string{"by_site", "by_hour", "mv", `"r.r_level_idx"`} {
		iter := s.Query("CHECK QUERY TABLE k." + name).Iter()
		if said := fmt.Sprint(iter.Warnings()); iter.NumRows() != 0 || !strings.Contains(said, "4000 rows of the copy compared, 0 divergences") {
			t.Errorf("%s: %d divergences, %s", name, iter.NumRows(), said)
		}
		if err := iter.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		text   string
		values []any
		rows   int
		route  []int // markers of the partition key
	}{
		{"SELECT v FROM k.r WHERE site = ? AND ts >= ?", []any{"s1", begin.Add(1000 * time.Minute)}, 750, nil},
		{"SELECT v FROM k.r WHERE level = ?", []any{3}, 400, nil},
		{"SELECT v FROM k.r WHERE ts >= ? AND device = ?", []any{begin, "d0"}, 572, []int{1}},
		{"SELECT v FROM k.a WHERE sensor = ? AND ts >= ? AND ts < ?", []any{"a", begin, begin.AddDate(0, 0, 2)}, 288, nil},
		{"SELECT v FROM k.by_hour WHERE hour = ?", []any{begin.Add(time.Hour)}, 60, []int{0}},
		{"SELECT count(*) AS n FROM k.r WHERE device = ? AND ts >= '2026-01-09' AND ts < '2026-01-11' GROUP BY time_bucket(ts, 1h) FILL(null)", []any{"d1"}, 48, []int{0}},
	} {
		meta, err := s.StatementMetadata(context.Background(), c.text, "k")
		if err != nil || !slices.Equal(meta.PKBindColumnIndexes, c.route) {
			t.Errorf("%s: routed by %v, want %v, %v", c.text, meta.PKBindColumnIndexes, c.route, err)
		}
		var all [2][]map[string]any
		for i, size := range []int{7, 100_000} {
			if all[i], err = s.Query(c.text, c.values...).PageSize(size).Iter().SliceMap(); err != nil {
				t.Fatalf("%s: %v", c.text, err)
			}
		}
		if len(all[0]) != c.rows || fmt.Sprint(all[0]) != fmt.Sprint(all[1]) {
			t.Errorf("%s: %d rows in pages, %d at once, want %d, or in another order", c.text, len(all[0]), len(all[1]), c.rows)
		}
	}
}
