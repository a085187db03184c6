package cqltest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
)

// releasesDir has a data directory of each format that was released, and what it must answer.
const releasesDir = "../../testdata/releases"

const (
	answersName = "answers.txt"
	queriesName = "queries.txt" // what is asked; the first releases have none, and are asked releaseQueries
)

// releaseStatements fill a directory with something of everything: types, both laws, windows, statics,
// deletions of every kind, ends, rows in files and rows in the log.
func releaseStatements(yield func(text string)) {
	yield("CREATE KEYSPACE r WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	yield("USE r")
	yield(`CREATE TABLE kinds (k int, c timeuuid, a ascii, b bigint, bl blob, bo boolean, d date, de decimal, du double, f float, i inet, n int,
		s smallint, t text, ti time, ts timestamp, ty tinyint, u uuid, v varint, l frozen<list<int>>, PRIMARY KEY (k, c))`)
	yield(`CREATE TABLE readings (device text, ts timestamp, place text STATIC, temperature double, battery int, state text, PRIMARY KEY ((device), ts))
		WITH CLUSTERING ORDER BY (ts DESC) AND time_bucket = {'column': 'ts', 'size': '1d'} AND rollups = {'1h': 'forever'}`)
	yield("CREATE QUERY TABLE by_state ON readings (temperature) PRIMARY KEY ((state), ts, device)")
	for n := range 40 {
		yield(fmt.Sprintf(`INSERT INTO kinds (k, c, a, b, bl, bo, d, de, du, f, i, n, s, t, ti, ts, ty, u, v, l) VALUES (%d, 50554d6e-29bb-11e5-b345-feff8%07d, 'a%[2]d', %[2]d,
			0x%04[2]x, %[3]v, '2026-01-%02[4]d', %[2]d.5, %[2]d.25, -%[2]d.5, '10.0.0.%[2]d', -%[2]d, %[2]d, 'text %[2]d', '08:00:%02[2]d', %[2]d000, %[2]d,
			123e4567-e89b-42d3-a456-42661417%04[2]d, %[2]d00000000000000000000, [%[2]d, 1])`, n%3, n, n%2 == 0, 1+n%28))
	}
	for n := range 3000 {
		text := fmt.Sprintf("INSERT INTO readings (device, ts, temperature, battery, state) VALUES ('d%d', %d, %d.%d, %d, '%s')",
			n%2, 1_768_000_000_000+int64(n)*60_000, 20+n%5, n%10, 100-n/100, []string{"ok", "ok", "warn"}[n%3])
		if n%100 == 50 {
			text += " USING TTL 86400"
		}
		yield(text)
		switch n {
		case 1000, 2000:
			yield("flush")
		case 1500:
			yield("UPDATE readings SET place = 'roof' WHERE device = 'd0'")
			yield("DELETE FROM readings WHERE device = 'd1' AND ts >= 1768010000000 AND ts < 1768012000000")
			yield("DELETE battery FROM readings WHERE device = 'd0' AND ts = 1768000000000")
			yield("DELETE FROM kinds WHERE k = 2")
		case 2500:
			yield("compact")
		}
	}
	yield("USE r")
	bucketStatements(yield)
	levelStatements(yield)
	accessStatements(yield)
	elementStatements(yield)
}

// bucketStatements are of what the third release brought: buckets by calendar, unit and adoption, and copies of every kind.
func bucketStatements(yield func(text string)) {
	yield(`CREATE TABLE berlin (k int, ts timestamp, owner text STATIC, level text, tags frozen<set<text>>, v int, PRIMARY KEY (k, ts))
		WITH time_bucket = {'column': 'ts', 'size': '1d', 'timezone': 'Europe/Berlin', 'max_past': '3650d'} AND partition_write_rate_max = 100000`)
	yield("CREATE TABLE ticks (k int, n bigint, v int, PRIMARY KEY (k, n)) WITH time_bucket = {'column': 'n', 'unit': 's', 'size': '1h'} AND append_only = true")
	yield("CREATE TABLE adopted (k int, day date, ts timestamp, v int, PRIMARY KEY ((k, day), ts)) WITH time_bucket = {'column': 'ts', 'size': '1d', 'as': 'day'}")
	yield("CREATE QUERY TABLE by_hour ON berlin * PRIMARY KEY ((time_bucket(ts, 1h, 'Europe/Berlin') AS hour), ts, k)")
	yield("CREATE QUERY TABLE by_tag ON berlin (v) PRIMARY KEY ((UNNEST(tags) AS tag), ts, k)")
	yield("CREATE QUERY TABLE by_owner ON berlin * WHERE level = 'error' PRIMARY KEY ((owner), ts, k) WITH retention = {'duration': '3650d', 'by': 'ts'}")
	yield("CREATE INDEX ON berlin (level)")
	yield("CREATE INDEX ON berlin (FULL(tags))")
	for n := range 400 {
		ts := 1_768_000_000_000 + int64(n)*1_200_000
		yield(fmt.Sprintf("INSERT INTO berlin (k, ts, owner, level, tags, v) VALUES (%d, %d, 'o%d', '%s', {'t%d', 't%d'}, %d)", n%3, ts, n%3, []string{"info", "error"}[n%2], n%5, n%7, n))
		yield(fmt.Sprintf("INSERT INTO ticks (k, n, v) VALUES (%d, %d, %d)", n%2, ts/1000, n))
		yield(fmt.Sprintf("INSERT INTO adopted (k, ts, v) VALUES (%d, %d, %d)", n%2, ts, n))
		switch n {
		case 100:
			yield("flush")
			yield("ALTER TABLE berlin WITH time_bucket = {'column': 'ts', 'size': '1mo', 'timezone': 'Europe/Berlin'}")
		case 200:
			yield("flush")
			yield("DELETE FROM berlin WHERE k = 1 AND ts < 1768050000000")
			yield("UPDATE berlin SET owner = 'o9' WHERE k = 2")
		case 300:
			yield("compact")
		}
	}
}

// bucketQueries ask for what bucketStatements wrote.
var bucketQueries = []string{
	"SELECT * FROM r.berlin", "SELECT k, count(*), max(v) FROM r.ticks GROUP BY k", "SELECT v FROM r.ticks WHERE k = 1 AND n > 1768100000 LIMIT 50",
	"SELECT * FROM r.adopted WHERE k = 1 AND ts >= 1768000000000 AND ts < 1768200000000 ORDER BY ts DESC", "SELECT * FROM r.by_hour", "SELECT * FROM r.by_tag",
	"SELECT * FROM r.by_owner", "SELECT k, v FROM r.berlin WHERE level = 'info'", "SELECT k, v FROM r.berlin WHERE tags = {'t1', 't2'}",
	"CHECK QUERY TABLE r.by_hour", "CHECK QUERY TABLE r.by_owner",
}

// levelStatements are of what the fourth release brought: levels of rollups with their states, seals and marks, retention by time and by a
// column, policies, what held before, floors.
func levelStatements(yield func(text string)) {
	yield(`CREATE TABLE levels (k int, ts timestamp, kind text STATIC, v double, n int, state text, until timestamp, PRIMARY KEY (k, ts))
		WITH retention = {'duration': '3d', 'by': 'ts', 'column': 'until'} AND rollups = {'1m': '4d', '1h': '30d', '1d': 'forever'}`)
	yield("CREATE RETENTION POLICY gold ON levels WHERE kind = 'gold' KEEP 4d")
	yield("CREATE RETENTION POLICY odd ON levels WHERE k IN (1, 3) KEEP 78h")
	for n := range 1500 {
		ts := Epoch.UnixMilli() - int64(n)*100_000
		yield(fmt.Sprintf("INSERT INTO levels (k, ts, v, n, state) VALUES (%d, %d, %d.%d, %d, '%s')", n%4, ts, 20+n%7, n%10, n%50, []string{"ok", "ok", "warn"}[n%3]))
		switch n {
		case 300:
			yield("UPDATE levels SET kind = 'gold' WHERE k = 2")
			yield("flush")
		case 600:
			yield("settle")
			yield(fmt.Sprintf("DELETE FROM levels WHERE k = 0 AND ts > %d", ts+20_000_000))
			yield(fmt.Sprintf("UPDATE levels SET until = %d WHERE k = 1 AND ts = %d", Epoch.Add(time.Hour).UnixMilli(), ts+100_000))
		case 900:
			yield("compact")
			yield(`CREATE ROLLUP stats ON levels AS SELECT k, floor(ts, 1d) AS day, state, count(*), avg(v), stddev(v), percentile(v, 0.5, 0.9), distinct(n)
				GROUP BY k, floor(ts, 1d), state WITH lateness = {'grace': '1h', 'max': '2d'} AND time_zone = 'Europe/Berlin'`)
			yield("UPDATE levels SET kind = 'plain' WHERE k = 2")
		case 1200:
			yield("ALTER TABLE levels WITH retention = {'duration': '74h', 'by': 'ts', 'column': 'until'}")
			yield("CREATE ROLLUP weeks ON levels_1d AS SELECT k, floor(ts, 7d) AS week, sum(v), max(v), last(n) GROUP BY k, floor(ts, 7d)")
			yield("PAUSE ROLLUP weeks")
		}
	}
	yield("settle")
	yield(fmt.Sprintf("INSERT INTO levels (k, ts, v, n, state) VALUES (0, %d, 77, 7, 'late')", Epoch.Add(-10*time.Hour).UnixMilli()))
}

// accessStatements are of what the fifth release brought: roles with what they were granted, and writes with IF.
func accessStatements(yield func(text string)) {
	yield("CREATE TABLE doors (id int PRIMARY KEY, open boolean, holder text)")
	yield("CREATE ROLE engineers")
	yield("CREATE ROLE ann WITH PASSWORD = 'not a secret' AND LOGIN = true AND ACCESS TO DATACENTERS {'datacenter1'}")
	yield("GRANT engineers TO ann")
	yield("GRANT SELECT ON KEYSPACE r TO engineers")
	yield("GRANT MODIFY ON doors TO ann")
	for id := range 4 {
		yield(fmt.Sprintf("INSERT INTO doors (id, open) VALUES (%d, false) IF NOT EXISTS", id%3))
	}
	yield("UPDATE doors SET open = true, holder = 'ann' WHERE id = 1 IF open = false")
	yield("DELETE FROM doors WHERE id = 2 IF EXISTS")
}

// accessQueries ask for what accessStatements wrote.
var accessQueries = []string{
	"SELECT * FROM r.doors", "SELECT role, can_login, is_superuser, member_of FROM system_auth.roles", "SELECT * FROM system_auth.role_permissions",
	"SELECT * FROM system_auth.role_members",
}

// levelQueries ask for what levelStatements wrote.
var levelQueries = []string{
	"SELECT * FROM r.levels", "SELECT * FROM r.levels_1m", "SELECT * FROM r.levels_1h", "SELECT * FROM r.levels_1d", "SELECT * FROM r.stats", "SELECT * FROM r.weeks",
	"SELECT k, floor(ts, 1h), count(*), sum(n), avg(v), min(v), max(n), first(v), last(v) FROM r.levels GROUP BY k, floor(ts, 1h)",
	"SELECT k, floor(ts, 1d), count(*), stddev(v) FROM r.levels GROUP BY k, floor(ts, 1d) USING RESOLUTION 'raw'",
	"CHECK ROLLUP r.levels_1m", "CHECK ROLLUP r.levels_1h", "CHECK ROLLUP r.levels_1d", "CHECK ROLLUP r.stats",
	"SELECT policy_name, keep, predicate FROM system_views.retention WHERE keyspace_name = 'r'", "SELECT rollup_name, source, step FROM system_views.rollups WHERE keyspace_name = 'r'",
}

var releaseQueries = []string{
	"SELECT * FROM r.kinds", "SELECT * FROM r.readings LIMIT 1500", "SELECT device, place FROM r.readings WHERE device = 'd0' LIMIT 1",
	"SELECT device, count(*), sum(battery), max(temperature) FROM r.readings GROUP BY device", "SELECT state, count(*) FROM r.by_state GROUP BY state",
	"SELECT ts, TTL(temperature), WRITETIME(temperature) FROM r.readings WHERE device = 'd1' ORDER BY ts ASC LIMIT 200",
	"SELECT * FROM r.readings_1h", "SELECT table_name, gc_grace_seconds FROM system_schema.tables WHERE keyspace_name = 'r'",
}

// queriesOf are what a released directory is asked.
func queriesOf(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, queriesName))
	if errors.Is(err, os.ErrNotExist) {
		return releaseQueries
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// answersOf are the lines of all queries.
func answersOf(t *testing.T, e *Embedded, queries []string) string {
	t.Helper()
	var out strings.Builder
	for _, text := range queries {
		a, err := e.Query(text, 0)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		fmt.Fprintf(&out, "%s\n%s\n\n", text, strings.Join(a.Lines(), "\n"))
	}
	return out.String()
}

// releaseClock is when a released directory is opened: after the end of what ends.
var releaseClock = Epoch.Add(48 * time.Hour)

// TestReleasedDataDirectories opens the directories of all released formats and compares every answer.
// ESKER_RELEASE=NAME writes one of this program first.
func TestReleasedDataDirectories(t *testing.T) {
	if name := os.Getenv("ESKER_RELEASE"); name != "" {
		writeRelease(t, filepath.Join(releasesDir, name))
	}
	releases, err := os.ReadDir(releasesDir)
	if err != nil || len(releases) == 0 {
		t.Fatalf("no released directory: %v", err)
	}
	for _, r := range releases {
		t.Run(r.Name(), func(t *testing.T) {
			dir := filepath.Join(releasesDir, r.Name())
			want, err := os.ReadFile(filepath.Join(dir, answersName))
			if err != nil {
				t.Fatal(err)
			}
			e := openRelease(t, dir)
			for _, weather := range []Step{{Verb: VerbRestart}, {Verb: VerbFlush}, {Verb: VerbCompact}, {Verb: VerbRestart}} {
				if got := answersOf(t, e, queriesOf(t, dir)); got != string(want) {
					t.Fatalf("before %s the answers differ:\n%s", weather.Verb, difference(got, string(want)))
				}
				if err := e.Weather(&weather); err != nil {
					t.Fatalf("%s: %v", weather.Verb, err)
				}
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// difference is the first line that differs.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

func openRelease(t *testing.T, dir string) *Embedded {
	t.Helper()
	e := &Embedded{options: Options{MemtableBytes: 1 << 20}, fs: vfs.NewMem(), clock: clock.NewManual(releaseClock)}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.fs.MkdirAll(dataDir); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if name.Name() == answersName || name.Name() == queriesName {
			continue
		}
		f, err := e.fs.Create(vfs.Join(dataDir, name.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.open(); err != nil {
		t.Fatal(err)
	}
	if err := e.settle(); err != nil { // windows have closed since it was written
		t.Fatal(err)
	}
	return e
}

// writeRelease writes a data directory of this program, closed in order, with rows in its log.
func writeRelease(t *testing.T, dir string) {
	t.Helper()
	e, err := Open(Options{Auth: true})
	if err != nil {
		t.Fatal(err)
	}
	releaseStatements(func(text string) {
		switch text {
		case "flush", "compact":
			err = e.Weather(&Step{Verb: Verb(text)})
		case "settle":
			err = e.settle()
		default:
			_, err = e.Query(text, 0)
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
	if err := e.settle(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	names, err := e.fs.List(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name == "LOCK" {
			continue
		}
		f, err := e.fs.Open(vfs.Join(dataDir, name))
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		content := make([]byte, size)
		if _, err := f.ReadAt(content, 0); err != nil && size > 0 {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	queries := slices.Concat(releaseQueries, bucketQueries, levelQueries, accessQueries, elementQueries)
	if err := os.WriteFile(filepath.Join(dir, queriesName), []byte(strings.Join(queries, "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	again := openRelease(t, dir)
	if err := os.WriteFile(filepath.Join(dir, answersName), []byte(answersOf(t, again, queries)), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
