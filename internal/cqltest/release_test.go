package cqltest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
)

// releasesDir has a data directory of each format that was released, and what it must answer.
const releasesDir = "../../testdata/releases"

const answersName = "answers.txt"

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
}

var releaseQueries = []string{
	"SELECT * FROM r.kinds", "SELECT * FROM r.readings LIMIT 1500", "SELECT device, place FROM r.readings WHERE device = 'd0' LIMIT 1",
	"SELECT device, count(*), sum(battery), max(temperature) FROM r.readings GROUP BY device", "SELECT state, count(*) FROM r.by_state GROUP BY state",
	"SELECT ts, TTL(temperature), WRITETIME(temperature) FROM r.readings WHERE device = 'd1' ORDER BY ts ASC LIMIT 200",
	"SELECT * FROM r.readings_1h", "SELECT table_name, gc_grace_seconds FROM system_schema.tables WHERE keyspace_name = 'r'",
}

// answers are the lines of all queries.
func answersOf(t *testing.T, e *Embedded) string {
	t.Helper()
	var out strings.Builder
	for _, text := range releaseQueries {
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
				if got := answersOf(t, e); got != string(want) {
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
		if name.Name() == answersName {
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
	return e
}

// writeRelease writes a data directory of this program, closed in order, with rows in its log.
func writeRelease(t *testing.T, dir string) {
	t.Helper()
	e, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	releaseStatements(func(text string) {
		if text == "flush" || text == "compact" {
			err = e.Weather(&Step{Verb: Verb(text)})
		} else {
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
	again := openRelease(t, dir)
	if err := os.WriteFile(filepath.Join(dir, answersName), []byte(answersOf(t, again)), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
