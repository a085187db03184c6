package database

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/planner"
)

const manyTypes = "CREATE TABLE t (k text, ts timestamp, s int static, i int, b bigint, d double, u uuid, x blob, o boolean, n decimal, v varint, a inet, e date, w duration, l frozen<list<int>>, c frozen<set<text>>, PRIMARY KEY (k, ts))"

// outcome is what a text means: the error of planning or binding it, or what it writes.
func outcome(st *Statement, err error) (string, planner.Plan) {
	if err != nil {
		return err.Error(), nil
	}
	if len(st.Plan.Markers) != 0 || st.Plan.Result != nil || st.Plan.PartitionKeyIndexes != nil {
		return fmt.Sprintf("%+v", st.Plan), nil
	}
	plan, err := st.Plan.Bind(nil, planner.Context{NowSec: 1000, TimestampMicros: 77, NowMillis: 1_000_000, NowTicks: func() int64 { return 5 }, Random: func() [16]byte { return [16]byte{7} }})
	if err != nil {
		return err.Error(), nil
	}
	return "", plan
}

// What a text means does not depend on whether its shape is known: literals that fit and those that do not, in all places.
func TestShapesMeanTheSame(t *testing.T) {
	w := newWorld(t, manyTypes)
	literals := []string{
		"'a'", "''", "'it''s'", "'2020-01-01'", "'2020-01-01 10:00:00+0100'", "'127.0.0.1'", "'x'", "1", "0", "-1", "86400", "3000000000", "-9223372036854775808", "99999999999999999999",
		"1.5", "-0.0", "1e400", "-1E5", "true", "null", "NaN", "-Infinity", "0xcafe", "0x", "0xabc", "550e8400-e29b-41d4-a716-446655440000", "1h30m", "-2d", "1mo",
		"[1, 2]", "[1, 'a']", "[null]", "[3000000000]", "[]", "{'a'}", "{'b', 'a', 'b'}", "now()", "(int) 5", "blobAsInt(0x00000001)", "intAsBlob(3)", "1 + 2",
	}
	texts := []string{
		"INSERT INTO t (k, ts, %s) VALUES (%s, %s, %s)", "INSERT INTO t (k, ts, %s) VALUES (%s, %s, %s) USING TTL %s AND TIMESTAMP 5",
		"INSERT INTO t (k, ts, s, %s) VALUES (%s, %s, 3, %s)", "UPDATE t SET %s = %[4]s WHERE k = %[2]s AND ts = %[3]s", "UPDATE t USING TTL %[5]s SET %[1]s = %[1]s + %[4]s WHERE k = %[2]s AND ts = %[3]s",
		"UPDATE t SET l[%[4]s] = %[5]s, i = %[5]s WHERE k = %[2]s AND ts IN (%[3]s, %[5]s)", "DELETE FROM t USING TIMESTAMP %[5]s WHERE k = %[2]s AND ts > %[3]s AND ts <= %[4]s",
		"DELETE %[1]s FROM t WHERE k IN (%[2]s, %[4]s) AND ts = %[3]s", "DELETE FROM t WHERE k = %[2]s AND (ts) = (%[3]s)", "INSERT INTO t (k, %[1]s) VALUES (%[2]s, %[4]s)",
	}
	columns := strings.Fields("s i b d u x o n v a e w l c")
	rapid.Check(t, func(t *rapid.T) {
		draw := func() string { return rapid.SampledFrom(literals).Draw(t, "literal") }
		format, column := rapid.SampledFrom(texts).Draw(t, "text"), rapid.SampledFrom(columns).Draw(t, "column")
		k, ts := "'p'", "1000"
		if rapid.IntRange(0, 4).Draw(t, "odd key") == 0 {
			k, ts = draw(), draw()
		}
		filled := fmt.Sprintf(strings.ReplaceAll(format, "\n", " "), column, k, ts, draw(), draw())
		text, _, _ := strings.Cut(filled, "%!")
		wantErr, want := outcome(w.db.parse("ks", text))
		for round := range 3 {
			if err, got := outcome(w.db.Parse("ks", text)); err != wantErr || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, read for time %d\n got %q %+v\nwant %q %+v", text, round+1, err, got, wantErr, want)
			}
		}
	})
	if texts := w.db.TextStatistics(); texts.Known == 0 || texts.Learned == 0 {
		t.Errorf("%+v", texts)
	}
}

// A shape is forgotten with the schema that it was learned under, and with the five hundred others after it.
func TestShapesAreForgotten(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	insert := func(column string, k int) error {
		_, err := w.db.Parse("ks", fmt.Sprintf("INSERT INTO t (k, %s) VALUES (%d, 1)", column, k))
		return err
	}
	known := func(column string, rounds int) int64 {
		t.Helper()
		before := w.db.TextStatistics().Known
		for k := range rounds {
			if err := insert(column, k); err != nil {
				t.Fatal(err)
			}
		}
		return w.db.TextStatistics().Known - before
	}
	if n := known("v", 5); n != 3 {
		t.Errorf("%d of five texts were known, want all but two", n)
	}
	w.run("ALTER TABLE t DROP v")
	if err := insert("v", 9); err == nil || !strings.Contains(err.Error(), "Undefined column name v") {
		t.Errorf("of a dropped column: %v", err)
	}
	w.run("ALTER TABLE t ADD x text")
	if err := insert("x", 9); err == nil || !strings.Contains(err.Error(), "Invalid INTEGER constant (1)") {
		t.Errorf("of a column of another type: %v", err)
	}
	w.run("ALTER TABLE t ADD y int")
	if n := known("y", 3); n != 1 {
		t.Errorf("%d of three texts were known", n)
	}
	for i := range 3 * shapesMax {
		if _, err := w.db.Parse("ks", fmt.Sprintf("INSERT INTO t (k%s, y) VALUES (1, 2)", strings.Repeat(" ", i))); err != nil {
			t.Fatal(err)
		}
		if n := len(w.db.shapes.young) + len(w.db.shapes.older); n > 2*shapesMax {
			t.Fatalf("%d shapes are kept", n)
		}
	}
	if n := known("y", 1); n != 0 {
		t.Error("a shape was kept beyond a thousand others")
	}
}

// What is prepared is parsed, has its ID, and is counted by nobody.
func TestPreparedStatementsHaveNoShape(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	for range 4 {
		st, err := w.db.Prepare("ks", fmt.Sprintf("INSERT INTO t (k, v) VALUES (%d, 1)", rand.Int32()))
		if err != nil || st.ID != statementID("ks", st.Text) || st.tree == nil {
			t.Fatal(st, err)
		}
		if _, err := w.db.Execute(st, Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if texts := w.db.TextStatistics(); texts.Known != 0 || texts.Learned != 0 {
		t.Errorf("%+v", texts)
	}
}

// BenchmarkTexts writes batches of 100 INSERTs with their values in the text: the time is that of a row.
func BenchmarkTexts(b *testing.B) {
	const rows = 100
	w := newWorld(b, "CREATE TABLE t (device text, ts timestamp, a double, b double, state text, PRIMARY KEY (device, ts))")
	entries := make([]BatchEntry, rows)
	texts := make([]string, 64*rows)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%len(texts) == 0 {
			b.StopTimer()
			for i := range texts {
				texts[i] = fmt.Sprintf("INSERT INTO ks.t (device, ts, a, b, state) VALUES ('device-%03d', %d, %.2f, -%d.5, 'running')", n/10, 1_000_000_000_000+int64(n+i)*1000, float64(i)/3, i)
			}
			b.StartTimer()
		}
		st, err := w.db.Parse("", texts[n%len(texts)])
		if err != nil {
			b.Fatal(err)
		}
		if entries[n%rows].Statement = st; n%rows == rows-1 {
			if _, err := w.db.Batch(entries, Request{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkParse reads and binds texts that were not prepared: of a known shape, and of a new one.
func BenchmarkParse(b *testing.B) {
	w := newWorld(b, "CREATE TABLE readings (device text, ts timestamp, temperature double, humidity double, battery int, status text, site text, PRIMARY KEY (device, ts))")
	insert := func(i int) string { // 230 bytes
		return fmt.Sprintf("INSERT INTO ks.readings (device, ts, temperature, humidity, battery, status, site) VALUES ('device-%06d', %d, %.4f, %.4f, %d, 'running with a note of some more words than usual', 'hall %02d, place %04d') USING TTL 8640000",
			i%1000, 1_000_000_000_000+int64(i)*1000, 20+float64(i%977)/977, 40+float64(i%499)/499, i%100, i%17, i%999)
	}
	read := func(i int) string {
		return fmt.Sprintf("SELECT ts, temperature FROM ks.readings WHERE device = 'device-%06d' AND ts >= %d AND ts < %d LIMIT 1000", i%1000, 1_000_000_000_000+int64(i)*1000, 1_000_000_000_000+int64(i)*1000+3_600_000)
	}
	for _, c := range []struct {
		name  string
		text  func(i int) string
		parse func(keyspace, text string) (*Statement, error)
	}{{"insert/known", insert, w.db.Parse}, {"insert/new", insert, w.db.parse}, {"select/known", read, w.db.Parse}, {"select/new", read, w.db.parse}} {
		b.Run(c.name, func(b *testing.B) {
			texts := make([]string, 1000)
			for i := range texts {
				texts[i] = c.text(i)
			}
			var buffer planner.WriteBuffer
			ctx := w.db.context(nil)
			b.SetBytes(int64(len(texts[0])))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				buffer.Reset()
				st, err := c.parse("", texts[i%len(texts)])
				if err == nil {
					_, err = st.Plan.BindInto(&buffer, nil, &ctx)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
