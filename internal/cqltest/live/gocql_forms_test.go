package live

import (
	"errors"
	"strings"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

func TestGocqlMarkers(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, createReadings)
	for _, sensor := range []string{"a", "b", "c"} {
		fill(t, s, sensor, 50)
	}
	for _, c := range []struct {
		text   string
		values []any
		want   int64
	}{
		{"SELECT count(*) FROM k.readings WHERE sensor IN ?", []any{[]string{"a", "b", "none"}}, 100},
		{"SELECT count(*) FROM k.readings WHERE sensor IN (?, ?)", []any{"a", "c"}, 100},
		{"SELECT count(*) FROM k.readings WHERE sensor = ? AND n IN ?", []any{"a", []int{1, 2, 99}}, 2},
		{"SELECT count(*) FROM k.readings WHERE sensor = ? AND n >= ? AND n < ?", []any{"a", 10, 20}, 10},
		{"SELECT count(*) FROM k.readings WHERE sensor = :s AND n > :n", []any{gocql.NamedValue("s", "a"), gocql.NamedValue("n", 47)}, 2},
		{"SELECT count(*) FROM k.readings WHERE token(sensor) >= token(?) AND token(sensor) <= token(?)", []any{"a", "a"}, 50},
		{"SELECT count(*) FROM k.readings WHERE value > ? ALLOW FILTERING", []any{48.5}, 3},
	} {
		var got int64
		if err := s.Query(c.text, c.values...).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s %v: %d, want %d, %v", c.text, c.values, got, c.want, err)
		}
	}
	for text, want := range map[string]int{
		"SELECT n FROM k.readings WHERE sensor = 'a' LIMIT ?": 7,
		"SELECT n FROM k.readings PER PARTITION LIMIT ?":      21,
	} {
		iter := s.Query(text, 7).Iter()
		if rows := iter.NumRows(); rows != want || iter.Close() != nil {
			t.Errorf("%s: %d rows, want %d", text, rows, want)
		}
	}
	if err := s.Query("INSERT INTO k.readings (sensor, n, value) VALUES ('d', 1, 1) USING TTL ? AND TIMESTAMP ?", 1000, int64(5)).Exec(); err != nil {
		t.Fatal(err)
	}
	var ttl int
	var written int64
	if err := s.Query("SELECT TTL(value), WRITETIME(value) FROM k.readings WHERE sensor = 'd'").Scan(&ttl, &written); err != nil || ttl < 900 || ttl > 1000 || written != 5 {
		t.Errorf("TTL %d, written at %d, %v", ttl, written, err)
	}
	if err := s.Query("UPDATE k.readings SET value = ? WHERE sensor = 'd' AND n = 1", 2.0).WithTimestamp(4).Exec(); err != nil {
		t.Fatal(err)
	}
	var value float64
	if err := s.Query("SELECT value FROM k.readings WHERE sensor = 'd'").Scan(&value); err != nil || value != 1 {
		t.Errorf("an older write counts: %v, %v", value, err)
	}
}

func TestGocqlStatics(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, "CREATE TABLE k.s (k int, c int, st text static, v int, PRIMARY KEY (k, c))")
	run(t, s, "INSERT INTO k.s (k, st) VALUES (1, 'static')", "INSERT INTO k.s (k, c, v) VALUES (1, 1, 1)", "INSERT INTO k.s (k, c, v) VALUES (1, 2, 2)")
	iter := s.Query("SELECT st, v FROM k.s WHERE k = 1").Iter()
	var static string
	for v := 0; iter.Scan(&static, &v); {
		if static != "static" {
			t.Errorf("row %d: static column %q", v, static)
		}
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGocqlTooLarge(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, "CREATE TABLE k.t (k text PRIMARY KEY, v blob)")
	var answer gocql.RequestError
	if err := s.Query("INSERT INTO k.t (k, v) VALUES (?, ?)", strings.Repeat("k", 65_536), []byte{1}).Exec(); !errors.As(err, &answer) || answer.Code() != gocql.ErrCodeInvalid {
		t.Errorf("a key of 64 KiB: %v", err)
	}
	if err := s.Query("INSERT INTO k.t (k, v) VALUES ('large', ?)", make([]byte, 17<<20)).Exec(); err == nil {
		t.Error("a request of 17 MiB was taken")
	}
	var key string
	if err := s.Query("SELECT k FROM k.t").Scan(&key); !errors.Is(err, gocql.ErrNotFound) {
		t.Errorf("something was stored: %s, %v", key, err)
	}
	if err := s.Query("INSERT INTO k.t (k, v) VALUES ('fits', ?)", make([]byte, 8<<20)).Exec(); err != nil {
		t.Errorf("a value of 8 MiB: %v", err)
	}
}

// TestGocqlNowAscends: rows keyed by now() come back in the order in which they were written.
func TestGocqlNowAscends(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, "CREATE TABLE k.events (k int, at timeuuid, i int, PRIMARY KEY (k, at))")
	const events = 300
	batch := s.Batch(gocql.UnloggedBatch) // all within a millisecond or two
	for i := range events {
		batch.Query("INSERT INTO k.events (k, at, i) VALUES (1, now(), ?)", i)
	}
	if err := batch.Exec(); err != nil {
		t.Fatal(err)
	}
	iter := s.Query("SELECT i FROM k.events WHERE k = 1").Iter()
	want := 0
	for i := 0; iter.Scan(&i); want++ {
		if i != want {
			t.Fatalf("event %d came back as number %d", i, want)
		}
	}
	if err := iter.Close(); err != nil || want != events {
		t.Fatalf("%d events, %v", want, err)
	}
}
